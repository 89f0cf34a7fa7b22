//! The access log: everything that a plugin asked for, granted or refused, can be seen.

use std::fs;

use goodstead_tests::foreign::install;
use goodstead_tests::tree::Tree;
use serde_json::Value as Json;

/// How many requests the entries of a log stand for: granted, refused.
fn sum(entries: &Json) -> (u64, u64) {
    let (mut granted, mut refused) = (0, 0);
    for entry in entries.as_array().unwrap() {
        let counted = &entry["counted"];
        if entry["kind"] == "- file" {
            continue;
        } else if counted.is_null() {
            *if entry["refused"].is_null() { &mut granted } else { &mut refused } += 1;
        } else {
            granted += counted["granted"].as_u64().unwrap();
            refused += counted["refused"].as_u64().unwrap();
        }
    }
    (granted, refused)
}

#[test]
fn what_a_flood_leaves_out_of_the_log_is_counted_and_adds_up() {
    let tree = Tree::new();
    install(&tree, "foreign", "FLOODS_THE_LOG", "");
    let file = tree.scratch("access.log").display().to_string();
    let (run, report) = tree.check(&["--fail-on", "never", "--access-log", &file]);
    let log = fs::read_to_string(&file).unwrap();
    let counted = |kind: &str, what: &str| {
        let mut lines = log.lines().filter(|line| line.contains("  foreign  counted  "));
        lines.any(|line| line.contains(kind) && line.contains(what))
    };
    assert!(counted("stat", " 7000 more in /nowhere: 0 granted, 7000 refused"));
    assert!(counted("read", " 1 more in ") && !counted("read", ".."), "by where the path led");
    let shown = tree.run(&["report", "show", "--access"]);
    assert!(shown.stdout == log, "the kept log is the same");
    let json = tree.run(&["report", "show", "--access", "--format", "json"]).report();
    let access = &report["access"]["foreign"];
    let expected = (access["granted"].as_u64().unwrap(), access["refused"].as_u64().unwrap());
    assert_eq!((sum(&json["foreign"]), expected.1), (expected, 8000), "{run:?}");
}

#[test]
fn every_request_is_written_down_with_its_outcome() {
    let tree = Tree::new();
    install(&tree, "foreign", "GOOD", "");
    let file = tree.scratch("access.log").display().to_string();
    let run = tree.run(&["check", "--fail-on", "never", "--access-log", &file]);
    assert_eq!(run.code, 0, "{run:?}");
    let log = fs::read_to_string(&file).unwrap();
    let line = |parts: &[&str]| log.lines().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(line(&["foreign", "granted", "read", "/etc/os-release"]), "{log}");
    assert!(line(&["foreign", "refused", "read", "/etc/shadow", "plugin.toml does not ask"]), "{log}");
    assert!(line(&["linux", "granted", "read_many", "/proc/sys/**"]), "{log}");
    assert!(line(&["linux", "granted", "- file", "/proc/sys/vm/swappiness"]), "each file is named: {log}");

    let shown = tree.run(&["report", "show", "--access"]);
    assert_eq!(shown.stdout, log, "the kept log is the same");
    let json = tree.run(&["report", "show", "--access", "--format", "json"]).report();
    assert_eq!(json["foreign"][2]["kind"], "read", "{}", json["foreign"]);
    assert!(run.stdout.contains("foreign: 2 requests granted, 1 refused"), "{run:?}");
}
