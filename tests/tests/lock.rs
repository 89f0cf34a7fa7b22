//! The runner's lock, tried from inside by a plugin that wants out, and looked at from outside: with the Landlock of
//! older kernels, as root, and as an ordinary user.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use goodstead_protocol::channel::Channel;
use goodstead_protocol::message::{Confinement, Kind};
use goodstead_tests::is_root;
use goodstead_tests::runner::{NOBODY, Runner, Way, confinement, plugin, program, ways};
use goodstead_tests::tree::Tree;
use serde_json::json;

/// The signal of a call that the filter answers with death.
const SIGSYS: i32 = 31;

/// Loads the plugin in its mode, and insists that it loads.
fn loaded(tree: &Tree, way: Way, options: &[&str]) -> Runner {
    let mut runner = Runner::start(&mut program(tree, way));
    runner.load(&confinement(way), plugin(tree, options)).unwrap();
    runner
}

#[test]
fn no_attempt_gets_through_whatever_landlock_the_kernel_has() {
    let tree = Tree::new();
    for way in ways() {
        for landlock_abi in [None, Some(0), Some(1), Some(3), Some(4)] {
            let mut runner = Runner::start(&mut program(&tree, *way));
            let confinement = Confinement { landlock_abi, ..confinement(*way) };
            let loaded = runner.load(&confinement, plugin(&tree, &[])).unwrap();
            // Everything that an older Landlock leaves open the filter refuses.
            assert_eq!(loaded.lacks, Vec::<String>::new(), "{way:?} {landlock_abi:?}");
            let facts = runner.gather();
            for (when, least) in [("constructor", 145), ("gather", 147)] {
                let attempts = facts[when].as_object().unwrap();
                assert!(attempts.len() >= least, "{} attempts", attempts.len());
                for (attempt, problem) in attempts {
                    assert_ne!(problem, 0, "{attempt}, in {when}, {way:?}, Landlock {landlock_abi:?}");
                    // Not one is refused only because there happens to be nothing, or because the user may not.
                    assert_eq!(problem, 1, "{attempt}, in {when}, {way:?}, Landlock {landlock_abi:?}");
                }
            }
        }
    }
    assert!(!Path::new("/tmp/goodstead-lock").exists());
}

#[test]
fn what_only_an_attack_does_ends_the_plugin() {
    const LETHAL: [&str; 22] = [
        "ptrace",
        "traceme",
        "process_vm_readv",
        "process_vm_writev",
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "io_uring_setup",
        "io_uring_enter",
        "mount",
        "move_mount",
        "fsopen",
        "pivot_root",
        "chroot",
        "unshare",
        "setns",
        "keyctl",
        "add_key",
        "request_key",
        "kexec_load",
        "init_module",
        "open_by_handle_at",
    ];
    let tree = Tree::new();
    let foreign = cfg!(target_arch = "x86_64").then_some("32 bit");
    for name in LETHAL.into_iter().chain(foreign) {
        let lethal = format!("-DLETHAL=\"{name}\"");
        let mut runner = Runner::start(&mut program(&tree, ways()[0]));
        runner.send(
            Kind::Load,
            &json!(confinement(ways()[0])),
            Some(plugin(&tree, &[&lethal, "-DIN_CONSTRUCTOR"])),
        );
        assert_eq!(runner.receive().unwrap().kind, Kind::Locked, "{name}");
        assert_eq!(runner.end().signal(), Some(SIGSYS), "{name} in the constructor");

        let mut runner = loaded(&tree, ways()[0], &[&lethal]);
        runner.send(Kind::Gather, &json!({}), None);
        assert_eq!(runner.end().signal(), Some(SIGSYS), "{name}");
    }
}

#[test]
fn the_kernel_sees_a_process_that_has_nothing() {
    let tree = Tree::new();
    for way in ways() {
        let mut runner = loaded(&tree, *way, &["-DENVIRONMENT", "-DQUIET"]);
        let status = runner.proc("status");
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name} in {status}")).trim_start_matches(':').trim().to_owned()
        };
        for (name, value) in [
            ("CapInh", "0000000000000000"),
            ("CapPrm", "0000000000000000"),
            ("CapEff", "0000000000000000"),
            ("CapAmb", "0000000000000000"),
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
            ("Threads", "1"),
        ] {
            assert_eq!(line(name), value, "{name}, {way:?}");
        }
        if is_root() {
            let four = format!("{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}");
            assert_eq!(
                (line("Uid"), line("Gid"), line("Groups")),
                (four.clone(), four, String::new()),
                "{way:?}"
            );
        }
        if *way == Way::Root {
            assert_eq!(line("CapBnd"), "0000000000000000");
        }
        assert_eq!(runner.proc("oom_score_adj").trim(), "1000", "{way:?}");
        let limits = runner.proc("limits");
        for (name, values) in [
            ("Max cpu time", "20 21"),
            ("Max file size", "0 0"),
            ("Max core file size", "0 0"),
            ("Max processes", "0 0"),
            ("Max open files", "64 64"),
            ("Max locked memory", "0 0"),
            ("Max address space", "1073741824 1073741824"),
            ("Max msgqueue size", "0 0"),
            ("Max nice priority", "0 0"),
            ("Max realtime priority", "0 0"),
        ] {
            let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            let found: Vec<_> = line.split_whitespace().take(2).collect();
            assert_eq!(found.join(" "), values, "{name}, {way:?}");
        }
        // Nobody of the same user may look in: what the kernel shows of such a process belongs to root.
        let owner = fs::metadata(format!("/proc/{}/environ", runner.child.id())).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), 0, "{way:?}");
        assert_eq!(runner.gather(), json!({ "empty": true }));
    }
}

#[test]
fn nothing_stays_open_but_the_channel() {
    assert!(is_root(), "only root may look into a process that is not dumpable: run this test as root");
    let tree = Tree::new();
    for way in ways() {
        // A careless agent leaves a descriptor open, and a terminal behind the standard ones.
        let runner = tree.path("lib/goodstead/goodstead-runner");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec 7</etc/passwd 8>&1 9<&0; exec \"$0\""]).arg(runner);
        command.env_clear().current_dir("/").process_group(0);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if *way == Way::Ordinary {
            command.uid(NOBODY).gid(NOBODY);
        }
        // The shell sets a variable or two, which stops it.
        let mut runner = Runner::start(&mut command);
        let refused = runner.load(&confinement(*way), plugin(&tree, &["-DQUIET"])).unwrap_err();
        assert!(refused.contains("environment"), "{refused}");
        drop(runner);

        let line = "exec 7</etc/passwd 8>&1 9<&0; exec env -i \"$0\"";
        command = Command::new("/bin/sh");
        command.args(["-c", line]).arg(tree.path("lib/goodstead/goodstead-runner")).process_group(0);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if *way == Way::Ordinary {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut runner = Runner::start(&mut command);
        runner.load(&confinement(*way), plugin(&tree, &["-DQUIET"])).unwrap();
        let mut open: Vec<_> = fs::read_dir(format!("/proc/{}/fd", runner.child.id()))
            .unwrap()
            .map(|entry| fs::read_link(entry.unwrap().path()).unwrap().display().to_string())
            .collect();
        open.sort_unstable();
        assert_eq!(open.len(), 4, "{open:?}");
        assert_eq!(open[..3], ["/dev/null"; 3]);
        assert!(open[3].starts_with("socket:"), "{open:?}");
    }
}

#[test]
fn root_that_is_not_told_whom_to_become_loads_nothing() {
    assert!(is_root(), "this test starts the runner as root: run it as root");
    let tree = Tree::new();
    for (user, group) in [
        (None, None),
        (Some(0), Some(0)),
        (Some(NOBODY), None),
        (Some(NOBODY), Some(0)),
        (Some(u32::MAX), Some(NOBODY)),
    ] {
        let mut runner = Runner::start(&mut program(&tree, Way::Root));
        let confinement = Confinement { user, group, ..confinement(Way::Root) };
        // A constructor that runs is one too many, and would show.
        let library = plugin(&tree, &["-DLETHAL=\"ptrace\"", "-DIN_CONSTRUCTOR"]);
        let reason = runner.load(&confinement, library).unwrap_err();
        assert!(reason.starts_with("the runner cannot be locked in: "), "{user:?} {group:?}: {reason}");
    }
}

#[test]
fn an_ordinary_user_cannot_be_told_to_become_another() {
    let tree = Tree::new();
    let mut runner = Runner::start(&mut program(&tree, Way::Ordinary));
    let confinement = Confinement { user: Some(1), group: Some(1), ..confinement(Way::Ordinary) };
    let library = plugin(&tree, &["-DLETHAL=\"ptrace\"", "-DIN_CONSTRUCTOR"]);
    let reason = runner.load(&confinement, library).unwrap_err();
    assert!(reason.contains("cannot be locked in"), "{reason}");
}

#[test]
fn the_limits_end_what_they_limit() {
    let tree = Tree::new();
    for way in ways() {
        let mut runner = Runner::start(&mut program(&tree, *way));
        let limited = Confinement { memory_bytes: 256 << 20, cpu_seconds: 1, ..confinement(*way) };
        runner.load(&limited, plugin(&tree, &["-DHOARD", "-DQUIET"])).unwrap();
        let hoard = runner.gather();
        assert!(hoard["mebibytes"].as_u64().unwrap() < 256, "{hoard}");
        assert!(hoard["descriptors"].as_u64().unwrap() < 64, "{hoard}");

        let mut runner = Runner::start(&mut program(&tree, *way));
        runner.load(&limited, plugin(&tree, &["-DSPIN", "-DQUIET"])).unwrap();
        runner.send(Kind::Gather, &json!({}), None);
        // It does not listen to the first signal.
        assert_eq!(runner.end().signal(), Some(9), "{way:?}");
    }
}

#[test]
fn an_abort_looks_like_one() {
    let tree = Tree::new();
    let mut runner = loaded(&tree, ways()[0], &["-DABORT", "-DQUIET"]);
    runner.send(Kind::Gather, &json!({}), None);
    assert_eq!(runner.end().signal(), Some(6));
}

#[test]
fn the_plugin_does_not_outlive_the_agent() {
    let tree = Tree::new();
    for way in ways() {
        // A shell stands for the agent: it starts the runner with this test's socket, and is killed.
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut command = Command::new("/bin/sh");
        let line = "exec 3<&0; env -i \"$0\" <&3 3<&- >/dev/null 2>&1 & echo $!; wait";
        command.args(["-c", line]).arg(tree.path("lib/goodstead/goodstead-runner")).current_dir("/");
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped());
        if *way == Way::Ordinary && is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut shell = Runner { child: command.spawn().unwrap(), channel: Channel::new(ours) };
        drop(command);
        let mut number = String::new();
        let output = shell.child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut number).unwrap();
        assert_eq!(shell.receive().unwrap().kind, Kind::Hello);
        // It hangs with every signal blocked, and does not see that the channel closes.
        shell.send(Kind::Load, &json!(confinement(*way)), Some(plugin(&tree, &["-DHANG_IN_CONSTRUCTOR"])));
        let status = format!("/proc/{}/status", number.trim());
        let deadline = Instant::now() + Duration::from_secs(10);
        while !fs::read_to_string(&status).unwrap().contains("SigBlk:\tfffffffe") {
            assert!(Instant::now() < deadline, "it does not hang: {}", fs::read_to_string(&status).unwrap());
            std::thread::park_timeout(Duration::from_millis(5));
        }
        shell.child.kill().unwrap();
        shell.child.wait().unwrap();
        let lives = || fs::read_to_string(&status).is_ok_and(|status| !status.contains("State:\tZ"));
        while lives() && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        if lives() {
            let number = rustix::process::Pid::from_raw(number.trim().parse().unwrap()).unwrap();
            rustix::process::kill_process(number, rustix::process::Signal::KILL).unwrap();
            panic!("it lived on, {way:?}");
        }
    }
}

#[test]
fn what_a_kernel_lacks_is_said_before_the_plugin_and_can_be_refused() {
    let tree = Tree::new();
    for way in ways() {
        let lacking = Confinement { without_seccomp: true, landlock_abi: Some(0), ..confinement(*way) };
        let locked =
            Runner::start(&mut program(&tree, *way)).load(&lacking, plugin(&tree, &["-DQUIET"])).unwrap();
        assert_eq!(locked.lacks.len(), 2, "{way:?}: {locked:?}");
        assert!(locked.lacks.iter().any(|lack| lack.contains("seccomp")), "{way:?}: {locked:?}");
        let refused = Confinement { require_full: true, ..lacking };
        let reason =
            Runner::start(&mut program(&tree, *way)).load(&refused, plugin(&tree, &["-DQUIET"])).unwrap_err();
        assert!(
            reason.contains("full isolation is demanded") && reason.contains("seccomp"),
            "{way:?}: {reason}"
        );
    }
}
