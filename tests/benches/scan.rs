//! What a whole guarded scan costs, as ratios of one run: beside a bare program that reads the same files (those that
//! the plugin asked for a moment before, by name, so it need not even look for them), beside one that looks for the
//! settings and processes itself, and beside the same plugin
//! unguarded in one process. Process start is included everywhere. And how much memory agent and runner have together
//! at their peak.
//!
//! `cargo xtask stage --profile dist && cargo bench --package goodstead-tests --bench scan`

mod direct;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

use goodstead_linux::Linux;
use goodstead_plugin::{Answer, Cause, CauseKind, Plugin, Request, Site, Target};
use goodstead_tests::peak::children;
use goodstead_tests::tree::Tree;
use goodstead_tests::turns;

use direct::{Direct, matching};

/// How often each is run.
const RUNS: usize = 60;

/// How often the peak is looked for.
const PEAKS: usize = 15;

fn main() {
    // The bench runs itself for the bare ways, so that process start counts for them as well.
    match std::env::args().nth(1).as_deref() {
        Some("bare") => bare(),
        Some("looking") => looking(),
        Some("unguarded") => unguarded(),
        _ => compare(),
    }
}

fn compare() {
    let tree = Tree::new();
    let itself = std::env::current_exe().unwrap();
    let mut tape = Tape::default();
    let _ = Linux.gather(&Target::default(), &mut tape);
    let list = tree.scratch("files");
    fs::write(&list, tape.paths.join("\n")).unwrap();
    let scan = || tree.goodstead(&["check", "linux", "--format", "json", "--fail-on", "never"]);
    let ways: [turns::Way<'_>; 4] = [
        ("bare read of the same files", &|| command(&itself, &["bare", list.to_str().unwrap()])),
        ("the same, settings and processes looked for", &|| {
            command(&itself, &["looking", list.to_str().unwrap()])
        }),
        ("the plugin unguarded in one process", &|| command(&itself, &["unguarded"])),
        ("goodstead check linux", &scan),
    ];
    let medians = turns::medians(&ways, RUNS);
    println!("{} files", tape.paths.len());
    turns::print(&ways, &medians);
    println!("guarded against unguarded: {:.2} x", medians[3] / medians[2]);
    println!("against the bare read that looks for its files: {:.2} x", medians[3] / medians[1]);
    let mut peaks: Vec<f64> = (0..PEAKS).map(|_| peak(scan())).collect();
    println!("peak memory of agent and runner: median {:.1} MB", turns::median(&mut peaks));
}

/// The most that a program and its children have together, in MB: proportional set sizes, looked at all the time.
fn peak(mut command: Command) -> f64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let all = children(child.id()).into_iter().chain([child.id()]);
        most = most.max(all.map(proportional).sum());
    }
    most as f64 / 1000.0
}

/// In KiB.
fn proportional(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The floor: what any program pays that reads what the plugin reads.
fn bare() {
    let list = fs::read_to_string(std::env::args().nth(2).unwrap()).unwrap();
    for path in list.lines() {
        black_box(fs::read(path).ok());
    }
}

/// The same, but nobody tells it which settings and processes there are.
fn looking() {
    let list = fs::read_to_string(std::env::args().nth(2).unwrap()).unwrap();
    let told = |path: &&str| !path.starts_with("/proc/sys/") && !path.ends_with("/status");
    for path in list.lines().filter(told) {
        black_box(fs::read(path).ok());
    }
    below(Path::new("/proc/sys"));
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit) {
            black_box(fs::read(entry.path().join("status")).ok());
        }
    }
}

fn below(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => below(&entry.path()),
            Ok(kind) if kind.is_file() => _ = black_box(fs::read(entry.path()).ok()),
            _ => {}
        }
    }
}

fn unguarded() {
    let _ = black_box(Linux.gather(&Target::default(), &mut Direct));
}

/// Writes down which files there were to read.
#[derive(Default)]
struct Tape {
    paths: Vec<String>,
}

impl Site for Tape {
    fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
        match &request {
            Request::Read { path } if fs::metadata(path).is_ok() => self.paths.push(path.clone()),
            Request::ReadMany { globs, except } => self.paths.extend(matching(globs, except)),
            // Each part is written down when it is asked for by itself.
            Request::Several { .. } => return Err(Cause::new(CauseKind::PluginFailed, "one by one")),
            _ => {}
        }
        Direct.ask(request)
    }
}
