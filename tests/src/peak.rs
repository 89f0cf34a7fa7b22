//! The most memory that a run took: the agent's and its runners', each at its own peak, together.
//!
//! The kernel keeps the peak of a process in `VmHWM` of its status (proc_pid_status(5)) while it lives, so it is looked
//! at again and again; a peak in the last moments before an end can be missed, one that lasts cannot.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::tree::Run;

/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(5);

/// A run with what it cost.
#[derive(Debug)]
pub struct Costs {
    /// How it ended.
    pub run: Run,
    /// Memory in KiB.
    pub peak_kib: u64,
    /// How long it took.
    pub time: Duration,
}

/// Runs `command` to its end, and measures it with all that it starts.
pub fn measure(command: Command) -> Costs {
    run(command, true)
}

/// The same, without what it starts.
pub fn of_itself(command: Command) -> Costs {
    run(command, false)
}

fn run(mut command: Command, with_children: bool) -> Costs {
    let begin = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("goodstead runs");
    let pid = child.id();
    let watcher = thread::spawn(move || {
        let mut peaks = BTreeMap::new();
        while let Some(peak) = peak_of(pid) {
            peaks.insert(pid, peak);
            if with_children {
                peaks.extend(children(pid).into_iter().filter_map(|child| Some((child, peak_of(child)?))));
            }
            thread::park_timeout(PAUSE);
        }
        peaks.values().sum()
    });
    let run = Run::of(child.wait_with_output().expect("an end"));
    Costs { run, peak_kib: watcher.join().expect("the watcher"), time: begin.elapsed() }
}

/// The processes that `pid` has started; each is listed at the thread that did.
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    texts
        .flat_map(|text| text.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// `None` when it has ended.
fn peak_of(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
