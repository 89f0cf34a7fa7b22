//! A process that the kernel ends for want of memory: told at the next scan, still told by the scans after it, and over
//! when the declared time has passed.
//!
//! It needs root and a control group of its own for memory. This program has no other test: what it does to the host's
//! counters would be seen by tests beside it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;

use goodstead_tests::tree::{Tree, verdict};
use rusqlite::Connection;
use serde_json::Value as Json;

const CHECK: &str = "linux.oom-killed";

/// A control group with 16 MiB of memory, removed with the value.
struct Small(PathBuf);

impl Small {
    fn new() -> Small {
        let first = PathBuf::from("/sys/fs/cgroup/memory");
        let (above, limit) = if first.is_dir() {
            (first, "memory.limit_in_bytes")
        } else {
            (PathBuf::from("/sys/fs/cgroup"), "memory.max")
        };
        let group = above.join(format!("goodstead-test-{}", std::process::id()));
        let why = "this test needs root, and a control group for memory that it may make groups in";
        fs::create_dir(&group).unwrap_or_else(|error| panic!("{why}: {}: {error}", group.display()));
        let small = Small(group);
        fs::write(small.0.join(limit), "16777216").unwrap_or_else(|error| panic!("{why}: {limit}: {error}"));
        small
    }

    /// Runs a program in it that takes memory without an end, until the kernel ends it.
    fn exhaust(&self) {
        let script = format!("echo $$ > {}/cgroup.procs && exec tail /dev/zero", self.0.display());
        let ended = Command::new("sh").args(["-c", &script]).status().expect("a shell");
        assert_eq!(ended.signal(), Some(9), "the kernel ends it: {ended}");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Sets all that is remembered of events so many hours back, as if the clock had gone on.
fn hours_pass(tree: &Tree, hours: i64) {
    let database = Connection::open(tree.scratch("state/state.db")).expect("the state");
    let mut rows = database.prepare("SELECT rowid, body FROM events").expect("events");
    let kept: Vec<(i64, String)> = rows
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect();
    assert!(!kept.is_empty(), "nothing is remembered of events");
    for (row, text) in kept {
        let mut history: Json = serde_json::from_str(&text).expect("a history");
        set_back(&mut history, hours * 3600);
        database
            .execute("UPDATE events SET body = ?1 WHERE rowid = ?2", (history.to_string(), row))
            .expect("a change");
    }
}

fn set_back(value: &mut Json, seconds: i64) {
    match value {
        Json::Object(map) => {
            for (name, value) in map {
                match value.as_i64() {
                    Some(at) if name == "at" => *value = (at - seconds).into(),
                    _ => set_back(value, seconds),
                }
            }
        }
        Json::Array(list) => list.iter_mut().for_each(|value| set_back(value, seconds)),
        _ => {}
    }
}

#[test]
fn a_process_that_the_kernel_ended_is_told_for_a_day() {
    let tree = Tree::new();
    let small = Small::new();
    let look = || verdict(&tree.check(&["linux", "--fail-on", "never"]).1, CHECK, "linux").clone();
    let full = || verdict(&tree.check(&["--fail-on", "never"]).1, CHECK, "linux").clone();
    full();
    small.exhaust();
    let told = full();
    assert_eq!(told["verdict"], "fail", "at the first scan after it: {told:#}");
    assert!(told["remedy"].as_str().unwrap().contains("Killed since this boot"), "{told:#}");
    // Polling in between neither takes it away nor tells it anew.
    for scan in [look(), full(), full()] {
        assert_eq!(scan["verdict"], "fail", "{scan:#}");
        assert_eq!(scan["event"]["last_seen"], told["event"]["last_seen"], "{scan:#}");
    }
    hours_pass(&tree, 23);
    assert_eq!(full()["verdict"], "fail", "after 23 hours");
    hours_pass(&tree, 2);
    assert_eq!(full()["verdict"], "pass", "after 25 hours");
    small.exhaust();
    assert_eq!(full()["verdict"], "fail", "the next one");
}
