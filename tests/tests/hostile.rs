//! Hostile plugins: each costs its own facts only, with the right cause, within its limit, and escapes nowhere. What
//! "escapes nowhere" means is asserted after every single scan, in `Site::scan`.

use std::fs;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use goodstead_tests::hostile::kinds::End::{self, Lives, Loses};
use goodstead_tests::hostile::kinds::{
    BROKER, DEADLY, FACTS, FRAMES, IN_RUST, ITSELF, KERNEL, KINDS, Kind, NETWORK, PROTOCOL,
    TARGETS_AND_REQUESTS, TO_ITSELF, TO_THE_MACHINE, UNCALLED,
};
use goodstead_tests::hostile::{Scanned, Site, User};
use goodstead_tests::is_root;
use goodstead_tests::postgres::{Postgres, whoami};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

#[test]
fn the_kinds_are_counted() {
    assert_eq!(KINDS, 176);
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

/// Greets and returns what it is sent, until the connection ends.
fn echo(mut stream: impl Read + Write, greeting: &[u8]) {
    let _ = stream.write_all(greeting);
    let mut part = [0; 64];
    while let Ok(length @ 1..) = stream.read(&mut part) {
        if stream.write_all(&part[..length]).is_err() {
            break;
        }
    }
}

/// Scans with a plugin that turns the connection to `address`, which the admin named, in every way that there is.
fn turned(site: &Site, address: &str) {
    site.check_of("hostile");
    let definitions = [("HOSTILE_CONNECTION", format!("\"{address}\""))];
    site.install("hostile", NETWORK, "turns_its_connection", 10, &definitions);
    let user = if is_root() { "[plugins.hostile]\nconnect_as = \"nobody\"\n" } else { "" };
    site.tree.configure(&format!("{user}[[target]]\nplugin = \"hostile\"\naddress = \"{address}\"\n"));
    let scanned = site.scan(address, User::Own);
    judge("hostile", address, &scanned, &Lives(60));
}

#[test]
fn over_a_tcp_connection_that_was_granted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    let product = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        echo(stream, b"hello");
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "it connected again");
    });
    turned(&Site::new(), &address);
    product.join().unwrap();
}

/// The product is the plugin's accomplice: what it hands over would be rights of somebody else.
#[test]
fn over_a_unix_connection_that_was_granted() {
    let site = Site::new();
    let path = site.tree.scratch("product");
    let listener = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let canary = fs::File::open(site.folder().join("canary")).unwrap();
    let product = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        let rights = [canary.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&rights)));
        let first = [IoSlice::new(b"h")];
        rustix::net::sendmsg(&stream, &first, &mut control, SendFlags::empty()).unwrap();
        echo(stream, b"ello");
    });
    turned(&site, &format!("unix:{}", path.display()));
    product.join().unwrap();
}

/// How a library that wants to write the code that it runs is made, and the reason that is given for refusing it.
const WRITES_CODE: [(&[&str], Option<Header>, &str); 4] = [
    (&["-Wl,-z,execstack"], None, "it asks for an executable stack"),
    (&["-fno-pic", "-mcmodel=large", "-Wl,-z,notext"], None, "text relocations"),
    (&[], Some(Header { of: LOAD_CODE, becomes: [1, 0, 0, 0, 7] }), "writable and executable"),
    (
        &[],
        Some(Header { of: STACK, becomes: [0, 0, 0, 0, 0] }),
        "does not say that its stack is not executable",
    ),
];

/// A program header that no linker makes so: its type and the first byte of its flags.
struct Header {
    of: [u8; 5],
    becomes: [u8; 5],
}

const LOAD_CODE: [u8; 5] = [1, 0, 0, 0, 5];
const STACK: [u8; 5] = [0x51, 0xe5, 0x74, 0x64, 6];

#[test]
fn with_a_library_that_wants_memory_to_be_written_and_run() {
    for (options, header, reason) in WRITES_CODE {
        if cfg!(not(target_arch = "x86_64")) && options.contains(&"-mcmodel=large") {
            continue;
        }
        let site = Site::new();
        site.check_of("hostile");
        let folder = site.declare("hostile", 10, "");
        let library = folder.join("libhostile.so");
        site.compile_with(options, ITSELF, "null", &[], &library);
        if let Some(Header { of, becomes }) = header {
            let mut bytes = fs::read(&library).unwrap();
            let table = u64::from_le_bytes(bytes[32..40].try_into().unwrap()) as usize;
            let at = (table..bytes.len()).step_by(56).find(|at| bytes[*at..at + 5] == of).unwrap();
            bytes[at..at + 5].copy_from_slice(&becomes);
            fs::write(&library, bytes).unwrap();
        }
        let scanned = site.scan(reason, User::Own);
        judge("hostile", reason, &scanned, &Loses("plugin-failed", reason));
    }
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
