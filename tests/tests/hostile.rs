//! Hostile plugins: each costs its own facts only, with the right cause, within its limit, and escapes nowhere. What
//! "escapes nowhere" means is asserted after every single scan, in `Site::scan`.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use goodstead_tests::hostile::{Scanned, Site, User};
use goodstead_tests::is_root;
use goodstead_tests::postgres::{Postgres, whoami};

/// A kind of hostility and what it must come to.
struct Kind {
    file: &'static str,
    mode: &'static str,
    seconds: u32,
    end: End,
}

/// What a hostile plugin must come to.
enum End {
    /// Its facts are unknown: this kind of cause, with these words in it.
    Loses(&'static str, &'static str),
    /// It lives on: its facts are taken, and every one of at least so many attempts was refused.
    Lives(usize),
}

use End::{Lives, Loses};

const fn fails(file: &'static str, mode: &'static str, words: &'static str) -> Kind {
    Kind { file, mode, seconds: 10, end: Loses("plugin-failed", words) }
}

const fn hangs(file: &'static str, mode: &'static str) -> Kind {
    Kind { file, mode, seconds: 1, end: Loses("timed-out", "longer than its 1 s") }
}

const fn lives(file: &'static str, mode: &'static str, attempts: usize) -> Kind {
    Kind { file, mode, seconds: 10, end: Lives(attempts) }
}

const fn loses(file: &'static str, mode: &'static str, cause: &'static str, words: &'static str) -> Kind {
    Kind { file, mode, seconds: 10, end: Loses(cause, words) }
}

const ITSELF: &str = "itself.c";
const PROCESSES: &str = "processes.c";
const CONSTRUCTOR: &str = "constructor.c";
const PROTOCOL: &str = "protocol.c";
const FILES: &str = "files.c";
const NETWORK: &str = "network.c";
const KERNEL: &str = "kernel.c";
const BROKER: &str = "broker.c";

/// To its own process.
const TO_ITSELF: [Kind; 18] = [
    fails(ITSELF, "null_dereference", "crashed (signal 11)"),
    fails(ITSELF, "aborts", "crashed (signal 6)"),
    fails(ITSELF, "exits", "ended in the middle (exit code 0)"),
    fails(ITSELF, "exits_at_once", "ended in the middle (exit code 0)"),
    fails(ITSELF, "illegal_instruction", "crashed (signal 4)"),
    fails(ITSELF, "jumps_nowhere", "crashed (signal 11)"),
    fails(ITSELF, "stack_overflow", "crashed (signal"),
    fails(ITSELF, "foreign_exception", "crashed (signal"),
    hangs(ITSELF, "endless_loop"),
    hangs(ITSELF, "sleeps"),
    hangs(ITSELF, "ignores_signals"),
    lives(ITSELF, "memory_hog", 2),
    fails(ITSELF, "careless_memory_hog", "crashed (signal 11)"),
    lives(ITSELF, "descriptor_leak", 2),
    lives(ITSELF, "output_flood", 0),
    fails(ITSELF, "closes_everything", "the plugin "),
    fails(ITSELF, "closes_everything_and_stays", "closed the conversation"),
    lives(ITSELF, "makes_code", 5),
];

/// In constructors and destructors.
const UNCALLED: [Kind; 6] = [
    lives(CONSTRUCTOR, "constructor_attacks", 17),
    fails(CONSTRUCTOR, "constructor_crashes", "crashed (signal 6)"),
    hangs(CONSTRUCTOR, "constructor_hangs"),
    lives(CONSTRUCTOR, "constructor_forges", 1),
    lives(CONSTRUCTOR, "destructor_hangs", 0),
    hangs(CONSTRUCTOR, "exits_and_hangs"),
];

/// In the frames of the conversation, and in the functions that it is handed.
const FRAMES: [Kind; 24] = [
    fails(PROTOCOL, "frame_of_no_kind", "a message of no known kind"),
    fails(PROTOCOL, "frame_of_the_agent", "a message out of order"),
    fails(PROTOCOL, "reply_that_nobody_awaits", "a message out of order"),
    fails(PROTOCOL, "greeting_again", "a message out of order"),
    fails(PROTOCOL, "loaded_again", "a message out of order"),
    fails(PROTOCOL, "huge_body", "a message larger than its limit"),
    fails(PROTOCOL, "huge_data", "a message larger than its limit"),
    hangs(PROTOCOL, "largest_body_of_which_nothing_comes"),
    fails(PROTOCOL, "garbage", "a message of no known kind"),
    fails(PROTOCOL, "truncated_frame", "ended in the middle (exit code 0)"),
    fails(PROTOCOL, "truncated_header", "ended in the middle (exit code 0)"),
    hangs(PROTOCOL, "header_and_nothing_more"),
    hangs(PROTOCOL, "trickles"),
    fails(PROTOCOL, "shuts_its_side", "closed the conversation"),
    lives(PROTOCOL, "forged_end", 0),
    fails(PROTOCOL, "done_with_garbage", "gave up with code -1"),
    fails(PROTOCOL, "forged_code", "gave up with code -2147483648"),
    hangs(PROTOCOL, "asks_without_reading"),
    lives(PROTOCOL, "sends_descriptors", 1),
    fails(PROTOCOL, "wrong_context", "crashed (signal"),
    fails(PROTOCOL, "length_that_is_not_there", "crashed (signal 11)"),
    fails(PROTOCOL, "length_that_cannot_be", "handed over nothing"),
    fails(PROTOCOL, "nothing_with_a_length", "its facts are no JSON"),
    fails(PROTOCOL, "writes_over_the_reply", "crashed (signal"),
];

/// In facts.
const FACTS: [Kind; 20] = [
    fails(PROTOCOL, "emits_nothing", "handed over nothing"),
    fails(PROTOCOL, "emits_twice", "two results"),
    fails(PROTOCOL, "nested_facts", "its facts are no JSON"),
    loses(PROTOCOL, "nested_facts_that_end", "wrong-type", "declared as text"),
    fails(PROTOCOL, "invalid_utf8", "its facts are no JSON"),
    fails(PROTOCOL, "lone_surrogate", "its facts are no JSON"),
    fails(PROTOCOL, "nan", "its facts are no JSON"),
    fails(PROTOCOL, "infinity", "its facts are no JSON"),
    fails(PROTOCOL, "too_large_a_number", "fits neither"),
    loses(PROTOCOL, "duplicate_keys", "wrong-type", "declared as text"),
    lives(PROTOCOL, "undeclared_facts", 0),
    lives(PROTOCOL, "thousands_of_undeclared_facts", 0),
    loses(PROTOCOL, "wrong_types", "wrong-type", "declared as text"),
    loses(PROTOCOL, "facts_that_are_no_record", "wrong-type", "no record"),
    fails(PROTOCOL, "facts_that_are_no_json", "its facts are no JSON"),
    fails(PROTOCOL, "unknown_for_no_known_reason", "a cause needs"),
    fails(PROTOCOL, "partial_nonsense", "a cause needs"),
    fails(PROTOCOL, "hundred_megabytes", "handed over nothing"),
    loses(PROTOCOL, "escapes_to_the_terminal", "", ""),
    fails(PROTOCOL, "another_protocol", "speaks protocol 99"),
];

/// In targets and requests.
const TARGETS_AND_REQUESTS: [Kind; 11] = [
    fails(PROTOCOL, "targets_are_facts", "no list of this protocol"),
    fails(PROTOCOL, "targets_twice", "two results"),
    fails(PROTOCOL, "facts_while_discovering", "no list of this protocol"),
    lives(PROTOCOL, "thousands_of_targets", 0),
    lives(PROTOCOL, "targets_of_others", 3),
    lives(PROTOCOL, "requests_that_are_none", 10),
    hangs(PROTOCOL, "million_requests"),
    lives(BROKER, "asks_for_paths", 40),
    lives(BROKER, "asks_for_globs", 13),
    hangs(BROKER, "walks_everything"),
    hangs(BROKER, "walks_itself"),
];

/// To the machine, past the agent.
const TO_THE_MACHINE: [Kind; 16] = [
    lives(PROCESSES, "fork_bomb", 4),
    lives(PROCESSES, "thread_bomb", 1),
    lives(PROCESSES, "runs_programs", 4),
    lives(PROCESSES, "loads_a_library", 3),
    lives(PROCESSES, "changes_its_limits", 19),
    lives(PROCESSES, "signals_the_agent", 12),
    lives(PROCESSES, "signals_by_descriptor", 6),
    lives(PROCESSES, "reads_the_agent", 14),
    lives(FILES, "reads_files", 28),
    lives(FILES, "writes_files", 28),
    lives(NETWORK, "opens_sockets", 18),
    lives(NETWORK, "reaches_listeners", 9),
    lives(NETWORK, "uses_the_channel", 11),
    lives(KERNEL, "kernel_calls", 24),
    lives(KERNEL, "calls_of_x32", 1),
    fails(KERNEL, "calls_of_32_bits", "crashed (signal"),
];

/// Calls that end the process at once: nobody makes them by mistake. Where no lock stops them their arguments do, so that
/// a test that fails leaves the machine as it was.
const DEADLY: [(&str, &str); 33] = [
    ("ptrace", "SYS_ptrace, 0, 0, 0, 0"),
    ("ptrace_of_the_agent", "SYS_ptrace, 0x4206, agent(site), 0, 0"),
    ("reading_the_agents_memory", "SYS_process_vm_readv, agent(site), buffer, 0, buffer, 0, 0"),
    ("writing_the_agents_memory", "SYS_process_vm_writev, agent(site), buffer, 0, buffer, 0, 0"),
    ("taking_the_agents_descriptors", "SYS_pidfd_getfd, channel(), 0, 0"),
    ("bpf", "SYS_bpf, 0, (uint32_t[18]){1, 4, 4, 1}, 72"),
    ("perf", "SYS_perf_event_open, (uint32_t[32]){1, 128}, 0, -1, -1, 0"),
    ("userfaultfd", "SYS_userfaultfd, 1"),
    ("io_uring", "SYS_io_uring_setup, 1, buffer"),
    ("io_uring_enter", "SYS_io_uring_enter, channel(), 0, 0, 0, 0, 0"),
    ("mount", "SYS_mount, \"none\", HOSTILE_FOLDER \"/empty\", \"goodstead\", 0, 0"),
    ("umount", "SYS_umount2, HOSTILE_FOLDER \"/empty\", 0"),
    ("open_tree", "SYS_open_tree, -100, \"/\", 0"),
    ("fsopen", "SYS_fsopen, \"tmpfs\", 0"),
    ("move_mount", "SYS_move_mount, -1, \"\", -1, \"\", 0"),
    ("pivot_root", "SYS_pivot_root, \"/\", \"/\""),
    ("chroot", "SYS_chroot, \"/\""),
    ("user_namespace", "SYS_unshare, CLONE_NEWUSER"),
    ("network_namespace", "SYS_unshare, CLONE_NEWNET"),
    ("mount_namespace", "SYS_unshare, CLONE_NEWNS"),
    ("another_namespace", "SYS_setns, channel(), 0"),
    ("keyring", "SYS_keyctl, 0, -3, 1"),
    ("adding_a_key", "SYS_add_key, \"user\", \"goodstead\", \"x\", 1, -2"),
    ("requesting_a_key", "SYS_request_key, \"user\", \"goodstead\", 0, 0"),
    ("module", "SYS_init_module, buffer, 0, \"\""),
    ("module_by_descriptor", "SYS_finit_module, channel(), \"\", 0"),
    ("removing_a_module", "SYS_delete_module, \"goodstead\", 0"),
    ("another_kernel", "SYS_kexec_load, 0, 0, 0, 0"),
    ("reboot", "SYS_reboot, 0, 0, 0, 0"),
    ("swapon", "SYS_swapon, HOSTILE_CANARY, 0"),
    ("swapoff", "SYS_swapoff, HOSTILE_CANARY"),
    ("accounting", "SYS_acct, HOSTILE_FOLDER"),
    ("file_by_handle", "SYS_open_by_handle_at, -100, (uint32_t[40]){8, 1}, 0"),
];

/// In Rust, by the name of the target.
const IN_RUST: [(&str, End); 7] = [
    ("panics", Loses("plugin-failed", "the plugin panicked")),
    ("panics_across_the_abi", Loses("plugin-failed", "crashed (signal 6)")),
    ("lies", Loses("wrong-type", "declared as text")),
    ("blames_the_agent", Loses("not-permitted", "you must be root")),
    ("exhausts_memory", Loses("plugin-failed", "crashed (signal 6)")),
    ("starts_a_thread", Lives(1)),
    ("nothing_else", Lives(1)),
];

/// With tests of their own below: links that are swapped, a slow command, a granted connection, four manifests.
const ALONE: usize = 7;

/// How many kinds of hostility there are in this file; a kind that lives on makes up to forty attempts.
const KINDS: usize = TO_ITSELF.len()
    + UNCALLED.len()
    + FRAMES.len()
    + FACTS.len()
    + TARGETS_AND_REQUESTS.len()
    + TO_THE_MACHINE.len()
    + DEADLY.len()
    + IN_RUST.len()
    + ALONE;

#[test]
fn the_kinds_are_counted() {
    assert_eq!(KINDS, 142);
}

/// How much longer than its limit a plugin may keep the agent.
const GRACE: Duration = Duration::from_secs(1);

/// Runs one kind after the other, each in a scan of its own.
fn endure(kinds: &[Kind], user: User) {
    for kind in kinds {
        let site = Site::new();
        site.check_of("hostile");
        site.install("hostile", kind.file, kind.mode, kind.seconds, &[]);
        let scanned = site.scan(kind.mode, user);
        judge("hostile", kind.mode, &scanned, &kind.end);
        assert_in_time(kind.mode, &scanned, "hostile", kind.seconds);
    }
}

fn judge(name: &str, what: &str, scanned: &Scanned, end: &End) {
    let judgement = scanned.judgement(name);
    match end {
        Loses("", _) => assert_eq!(judgement["verdict"], "fail", "{what}: {judgement:#}"),
        Loses(cause, words) => {
            assert_eq!(judgement["verdict"], "unknown", "{what}: {judgement:#}");
            assert_eq!(judgement["cause"]["kind"], *cause, "{what}: {judgement:#}");
            assert!(judgement["cause"]["detail"].as_str().unwrap().contains(words), "{what}: {judgement:#}");
        }
        Lives(at_least) => {
            assert_eq!(judgement["verdict"], "pass", "{what}: {judgement:#}");
            assert_all_refused(what, scanned, name, *at_least);
        }
    }
}

/// Every attempt met an error, and one that means "no".
fn assert_all_refused(what: &str, scanned: &Scanned, name: &str, at_least: usize) {
    const REFUSALS: [i64; 5] = [1, 12, 13, 24, 38]; // EPERM, ENOMEM, EACCES, EMFILE, ENOSYS
    let attempts = scanned.attempts(name);
    assert!(attempts.len() >= at_least, "{what}: {attempts:?}");
    let worked: Vec<_> = attempts.iter().filter(|(_, error)| !REFUSALS.contains(error)).collect();
    assert!(worked.is_empty(), "{what}: not refused: {worked:?}");
}

fn assert_in_time(what: &str, scanned: &Scanned, name: &str, seconds: u32) {
    let took = Duration::from_secs_f64(
        scanned.report["timings_ms"][format!("plugin.{name}")].as_f64().unwrap() / 1e3,
    );
    let limit = Duration::from_secs(seconds.into()) + GRACE;
    assert!(took < limit, "{what}: the plugin took {took:?}, the agent {:?}", scanned.took);
}

#[test]
fn to_its_own_process() {
    endure(&TO_ITSELF, User::Own);
}

#[test]
fn in_constructors_and_destructors() {
    endure(&UNCALLED, User::Own);
}

#[test]
fn in_the_frames_of_the_conversation() {
    endure(&FRAMES, User::Own);
}

#[test]
fn in_facts() {
    endure(&FACTS, User::Own);
}

#[test]
fn what_a_plugin_says_does_not_steer_the_terminal() {
    let site = Site::new();
    site.check_of("hostile");
    site.install("hostile", PROTOCOL, "escapes_to_the_terminal", 10, &[]);
    let run = site.tree.run(&["check", "--fail-on", "never"]);
    assert!(run.stdout.contains("The greeting is wrong"), "{run:?}");
    assert!(![&run.stdout, &run.stderr].iter().any(|it| it.contains(['\u{1b}', '\u{7}'])), "{run:?}");
}

#[test]
fn in_targets_and_requests() {
    endure(&TARGETS_AND_REQUESTS, User::Own);
}

#[test]
fn to_the_machine() {
    endure(&TO_THE_MACHINE, User::Own);
}

/// As an ordinary user the agent and the plugin are the same user, so that nothing but the lock stands between.
#[test]
fn to_the_machine_as_an_ordinary_user() {
    endure(&TO_THE_MACHINE, User::Ordinary);
}

#[test]
fn by_calls_that_end_the_process() {
    let site = Site::new();
    for (name, call) in DEADLY {
        site.check_of(name);
        site.install(name, KERNEL, "makes_a_call", 10, &[("HOSTILE_CALL", call.to_owned())]);
    }
    let scanned = site.scan("deadly calls", User::Own);
    for (name, _) in DEADLY {
        judge(name, name, &scanned, &Loses("plugin-failed", "crashed (signal 31)"));
        assert_in_time(name, &scanned, name, 10);
    }
}

#[test]
fn in_rust_behind_the_sdk() {
    for (mode, end) in &IN_RUST {
        let site = Site::new();
        site.check_of("hostile");
        site.install_rust("hostile");
        site.tree.configure(&format!(
            "[[target]]\nplugin = \"hostile\"\nname = \"{mode}\"\naddress = \"unix:/nowhere\"\n"
        ));
        let scanned = site.scan(mode, User::Own);
        let target = format!("hostile:{mode}");
        let judgement = goodstead_tests::tree::verdict(&scanned.report, "hostile.greeting-wrong", &target);
        match end {
            Loses(cause, words) => {
                assert_eq!(judgement["cause"]["kind"], *cause, "{mode}: {judgement:#}");
                assert!(
                    judgement["cause"]["detail"].as_str().unwrap().contains(words),
                    "{mode}: {judgement:#}"
                );
            }
            Lives(at_least) => {
                assert_eq!(judgement["verdict"], "pass", "{mode}: {judgement:#}");
                assert_all_refused(mode, &scanned, &target, *at_least);
            }
        }
    }
}

#[test]
fn with_links_that_are_swapped_while_the_broker_looks() {
    let site = Site::new();
    site.check_of("hostile");
    site.install("hostile", BROKER, "asks_while_links_are_swapped", 30, &[]);
    let allowed = site.folder().join("allowed");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (file, folder) = (allowed.join("swapped"), allowed.join("swapped-folder"));
            let (other_file, other_folder) = (allowed.join("swapped.1"), allowed.join("swapped.2"));
            while !over.load(Ordering::Relaxed) {
                symlink("../canary", &other_file).unwrap();
                fs::rename(&other_file, &file).unwrap();
                fs::rename(&folder, &other_folder).unwrap();
                symlink("..", &folder).unwrap();
                thread::yield_now();
                fs::write(&other_file, "INSIDE").unwrap();
                fs::rename(&other_file, &file).unwrap();
                fs::remove_file(&folder).unwrap();
                fs::rename(&other_folder, &folder).unwrap();
                thread::yield_now();
            }
        });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let scanned = site.scan("swapped links", User::Own);
            judge("hostile", "swapped links", &scanned, &Lives(3));
        }));
        over.store(true, Ordering::Relaxed);
        outcome.unwrap();
    });
}

#[test]
fn with_a_command_that_is_slower_than_the_plugin_may_be() {
    let site = Site::new();
    site.check_of("hostile");
    let folder =
        site.declare("hostile", 1, "run.slow = { program = \"/usr/bin/sleep\", arguments = [\"60\"] }");
    if is_root() {
        site.tree.configure("[plugins.hostile]\nconnect_as = \"nobody\"\n");
    }
    site.compile(BROKER, "runs_a_slow_command", &[], &folder.join("libhostile.so"));
    let scanned = site.scan("slow command", User::Own);
    judge("hostile", "slow command", &scanned, &Loses("timed-out", "longer than its 1 s"));
    assert_in_time("slow command", &scanned, "hostile", 1);
}

#[test]
fn over_a_connection_that_was_granted() {
    let postgres = Postgres::start("");
    let _ = postgres.reader();
    let site = Site::new();
    site.check_of("hostile");
    let role = if is_root() { "nobody".to_owned() } else { whoami() };
    let definitions = [
        ("HOSTILE_DATABASE", format!("\"{}\"", postgres.address())),
        ("HOSTILE_ROLE", format!("\"{role}\"")),
    ];
    site.install("hostile", BROKER, "copies_to_a_program", 10, &definitions);
    let user = if is_root() { "[plugins.hostile]\nconnect_as = \"nobody\"\n" } else { "" };
    site.tree.configure(&format!(
        "{user}[[target]]\nplugin = \"hostile\"\naddress = \"{}\"\n",
        postgres.address()
    ));
    let scanned = site.scan("a granted connection", User::Own);
    judge("hostile", "a granted connection", &scanned, &Lives(11));

    // The owner of the product could have done it: that is why nobody connects as the owner.
    let proof = site.folder().join("canary.touched");
    postgres.sql(&format!("COPY (SELECT 1) TO PROGRAM 'touch {}'", proof.display()));
    assert!(proof.exists());
}

#[test]
fn with_a_manifest_that_lies() {
    // Facts that never come, and a path that is not there.
    let site = Site::new();
    site.check_of("hostile");
    let folder = site.declare("hostile", 10, "");
    let manifest = fs::read_to_string(folder.join("plugin.toml")).unwrap();
    let claims =
        manifest.replace("greeting =", "never = { type = \"bool\", sensitivity = \"public\" }\ngreeting =");
    fs::write(folder.join("plugin.toml"), claims.replace("/allowed/**", "/not-there/**")).unwrap();
    site.compile(PROTOCOL, "null", &[], &folder.join("libhostile.so"));
    let scanned = site.scan("facts that never come", User::Own);
    judge("hostile", "facts that never come", &scanned, &Lives(0));
    assert_eq!(scanned.facts["hostile"]["never"]["$unknown"]["kind"], "not-reported");

    // Another protocol than the agent's: none of its code runs.
    fs::write(folder.join("plugin.toml"), manifest.replace("protocol = 1", "protocol = 2")).unwrap();
    let run = site.tree.run(&["check", "linux", "--fail-on", "never"]);
    assert!(run.code == 0 && run.stderr.contains("this plugin speaks protocol 2, this agent 1"), "{run:?}");
}

#[test]
fn with_a_manifest_in_another_plugins_name() {
    // In folders before and after the real one, should order decide.
    for folder in ["aaa", "zzz"] {
        let site = Site::new();
        if folder == "aaa" {
            // Nobody vouches for this one, and nobody allowed it.
            fs::create_dir(site.tree.path("lib/goodstead/plugins/aaa")).unwrap();
        }
        let impostor = site.declare(folder, 10, "");
        let manifest = fs::read_to_string(impostor.join("plugin.toml")).unwrap();
        let named = manifest.replace(&format!("name = \"{folder}\""), "name = \"linux\"");
        fs::write(impostor.join("plugin.toml"), named).unwrap();
        site.compile(ITSELF, "aborts", &[], &impostor.join("libhostile.so"));
        let run = site.tree.run(&["check", "linux", "--fail-on", "never", "--format", "json"]);
        assert!(run.stderr.contains("linux") && run.stderr.contains(folder), "{folder}: {run:?}");
        let report = run.report();
        let verdicts = report["verdicts"].as_array().unwrap();
        assert!(verdicts.iter().filter(|it| it["verdict"] == "pass").count() > 3, "{folder}: {run:?}");
    }
}

#[test]
fn with_a_manifest_that_wants_everything() {
    let site = Site::new();
    let folder = site.declare("hostile", 10, "connect = [\"/**\"]");
    let manifest = fs::read_to_string(folder.join("plugin.toml")).unwrap();
    fs::write(folder.join("plugin.toml"), manifest.replace("\"/proc/self/stat\"", "\"/**\"")).unwrap();
    let run = site.tree.run(&["plugins", "inspect", "hostile"]);
    assert_eq!(run.stdout.matches("\n  /**\n").count(), 2, "it is not hidden: {run:?}");
}
