//! Commands of a manifest: what they are run with, and that nothing of them is left, however it ends.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use goodstead_protocol::message::Ended;
use goodstead_tests::hostile::kinds::BROKER;
use goodstead_tests::hostile::{Site, User};
use goodstead_tests::is_root;
use goodstead_tests::tree::Tree;

/// As whom commands run where the tests are root.
const AS_NOBODY: &str = "[plugins.hostile]\nconnect_as = \"nobody\"\n";

/// How long anything here may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A duration for `sleep` that no other process has.
fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("86400.{}{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The programs that have `word` among their arguments, and sleep.
fn sleeping(word: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let Some(number) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        if line.starts_with(b"sleep\0") && String::from_utf8_lossy(&line).contains(word) {
            found.push(number);
        }
    }
    found
}

/// Waits until so many sleep; where it is in vain they are ended, so that a failing test leaves nothing.
fn wait_for_sleepers(word: &str, many: usize) {
    let deadline = Instant::now() + PATIENCE;
    while sleeping(word).len() != many {
        if Instant::now() > deadline {
            let left = sleeping(word);
            for number in &left {
                let process = rustix::process::Pid::from_raw(*number).unwrap();
                let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            }
            panic!("{} sleep instead of {many}", left.len());
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A child with a session of its own, one that is nobody's child any more, and the command itself.
fn three_sleepers(word: &str) -> String {
    format!("setsid sleep {word} & (setsid sh -c 'sleep {word} & exec sleep 0' &) ; exec sleep {word}")
}

/// The runner with a command to run.
struct Task {
    runner: Child,
    line: UnixStream,
}

impl Task {
    fn start(tree: &Tree, who: &str, command: &[&str]) -> Task {
        let (line, theirs) = UnixStream::pair().unwrap();
        line.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut runner = Command::new(tree.path("lib/goodstead/goodstead-runner"));
        runner.args(["command", who]).args(command).env_clear().current_dir("/");
        runner.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped());
        Task { runner: runner.spawn().unwrap(), line }
    }

    /// Its output, and how it ended.
    fn end(mut self) -> (String, Ended) {
        let (mut output, mut said) = (String::new(), Vec::new());
        self.runner.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        self.line.read_to_end(&mut said).unwrap();
        assert!(self.runner.wait().unwrap().success());
        (output, serde_json::from_slice(&said).unwrap())
    }
}

#[test]
fn a_command_is_run_as_declared_and_bounded() {
    let site = Site::new();
    site.check_of("hostile");
    let word = unique();
    let run = |name: &str, program: &str, arguments: &str| {
        format!("run.{name} = {{ program = \"{program}\", arguments = [{arguments}] }}\n")
    };
    let shell = |name: &str, line: &str| run(name, "/bin/sh", &format!("\"-c\", \"{line}\""));
    let permissions = [
        run("echo", "/bin/echo", "\"hello\""),
        run("environment", "/usr/bin/env", ""),
        shell("failing", "exit 3"),
        shell("signalled", "kill -9 $$"),
        shell("leaving", &format!("setsid sleep {word} & echo left")),
        run("flood", "/usr/bin/yes", ""),
        run("missing", "/nonexistent", ""),
        run("forbidden", "/etc/passwd", ""),
    ];
    let folder = site.declare("hostile", 30, &permissions.concat());
    site.tree.configure(if is_root() { AS_NOBODY } else { "" });
    site.compile(BROKER, "runs_commands", &[], &folder.join("libhostile.so"));
    let scanned = site.scan("commands", User::Own);
    let attempts = scanned.attempts("hostile");
    assert_eq!(attempts.len(), 9, "{attempts:?}");
    let unlike: Vec<_> = attempts.iter().filter(|(_, error)| **error == 0).collect();
    assert!(unlike.is_empty(), "not as wanted: {unlike:?}");
    assert_eq!(sleeping(&word), Vec::<i32>::new(), "what a command leaves behind");
}

#[test]
fn nothing_of_a_command_outlives_a_killed_agent() {
    let site = Site::new();
    let word = unique();
    let run = format!(
        "run.slow = {{ program = \"/bin/sh\", arguments = [\"-c\", \"{}\"] }}",
        three_sleepers(&word)
    );
    let folder = site.declare("hostile", 60, &run);
    site.tree.configure(if is_root() { AS_NOBODY } else { "" });
    site.compile(BROKER, "runs_a_slow_command", &[], &folder.join("libhostile.so"));
    let mut check = site.tree.goodstead(&["check", "hostile", "--fail-on", "never"]);
    let mut agent = check.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_sleepers(&word, 3);
    agent.kill().unwrap();
    agent.wait().unwrap();
    wait_for_sleepers(&word, 0);
}

#[test]
fn what_a_command_leaves_behind_ends_with_it() {
    let tree = Tree::new();
    let word = unique();
    // It holds the output open, and would be waited for.
    let line = format!("setsid sleep {word} & (setsid sh -c 'sleep {word} & sleep {word}' &) ; echo left");
    let (output, ended) = Task::start(&tree, "-", &["/bin/sh", "-c", &line]).end();
    assert_eq!((output.as_str(), ended), ("left\n", Ended::Exited(Some(0))));
    assert_eq!(sleeping(&word), Vec::<i32>::new());
}

#[test]
fn a_command_ends_when_nobody_waits_for_it() {
    let tree = Tree::new();
    let word = unique();
    let mut task = Task::start(&tree, "-", &["/bin/sh", "-c", &three_sleepers(&word)]);
    wait_for_sleepers(&word, 3);
    drop(task.line);
    task.runner.wait().unwrap();
    assert_eq!(sleeping(&word), Vec::<i32>::new());
}

#[test]
fn a_command_ends_with_the_process_that_would_end_it() {
    let tree = Tree::new();
    let word = unique();
    let mut task = Task::start(&tree, "-", &["/bin/sleep", &word]);
    // Its name is the path that it was started by.
    let started = || fs::read_to_string(format!("/proc/{0}/task/{0}/children", task.runner.id()));
    let deadline = Instant::now() + PATIENCE;
    let sleeper = loop {
        let number = started().unwrap().trim().to_owned();
        let exe = fs::read_link(format!("/proc/{number}/exe"));
        if exe.is_ok_and(|exe| !exe.ends_with("goodstead-runner")) {
            break number;
        }
        assert!(Instant::now() < deadline, "it is not started");
        std::thread::park_timeout(Duration::from_millis(5));
    };
    task.runner.kill().unwrap();
    task.runner.wait().unwrap();
    while fs::read_to_string(format!("/proc/{sleeper}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < deadline, "it lives on");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_command_has_the_acting_users_groups_and_no_others() {
    let tree = Tree::new();
    let (who, expected) = if is_root() {
        ("65534:65534:4,101", "65534 4 101\n".to_owned())
    } else {
        let own = Command::new("/usr/bin/id").arg("-G").output().unwrap();
        ("-", String::from_utf8(own.stdout).unwrap())
    };
    let (output, ended) = Task::start(&tree, who, &["/usr/bin/id", "-G"]).end();
    assert_eq!((output, ended), (expected, Ended::Exited(Some(0))));
    // Without the rights to become somebody else nothing is run.
    if !is_root() {
        let (output, ended) = Task::start(&tree, "1:1:", &["/usr/bin/id", "-G"]).end();
        assert_eq!((output.as_str(), ended), ("", Ended::NotStarted(1)));
    }
}

#[test]
fn a_command_is_ended_first_when_memory_runs_out() {
    let tree = Tree::new();
    for who in if is_root() { vec!["-", "65534:65534:"] } else { vec!["-"] } {
        let (output, _) = Task::start(&tree, who, &["/bin/cat", "/proc/self/oom_score_adj"]).end();
        assert_eq!(output, "1000\n", "{who}");
    }
}

#[test]
fn a_command_that_is_not_there_is_not_started() {
    let tree = Tree::new();
    let (output, ended) = Task::start(&tree, "-", &["/nonexistent"]).end();
    assert_eq!((output.as_str(), ended), ("", Ended::NotStarted(2)));
}
