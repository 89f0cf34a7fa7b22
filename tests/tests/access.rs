//! The access log: everything that a plugin asked for, granted or refused, can be seen.

use std::fs;

use goodstead_tests::foreign::install;
use goodstead_tests::tree::Tree;

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
