//! Foreign and broken plugins: each costs its own facts, with the right cause, and nothing else.

use std::fs;

use goodstead_tests::foreign::{compile, install, manifest};
use goodstead_tests::tree::{Run, Tree, verdict};
use serde_json::Value as Json;

/// A check over the foreign plugin's facts, so that their loss shows.
fn check_of(tree: &Tree) {
    tree.local_check(
        "foreign",
        "greeting.toml",
        r#"id = "foreign.greeting-wrong"
title = "The greeting is wrong"
since = "0.1.0"
concern = "operability"
impact = "low"
likelihood = "low"
pass = 'foreign.greeting == "hello from C" && foreign.size_bytes > 0'
evidence = ['foreign.greeting']
why = "It should be friendly."
remedy = "Greet."
[[case]]
name = "friendly"
facts.foreign = { greeting = "hello from C", size_bytes = 1 }
expect = "pass"
[[case]]
name = "rude"
facts.foreign = { greeting = "go away", size_bytes = 1 }
expect = "fail"
[[case]]
name = "silent"
facts.foreign = { size_bytes = 1 }
expect = "unknown"
"#,
    );
    let pack =
        "name = \"foreign\"\ntitle = \"Foreign\"\nversion = \"0.1.0\"\n[requires]\nforeign = \"^0.1\"\n";
    fs::write(tree.config("checks/foreign/pack.toml"), pack).unwrap();
}

/// The check's judgement with the plugin in a mode; asserts that the host's facts came through whole.
fn with_plugin(mode: &str, extra: &str) -> (Run, Json, Json) {
    let tree = Tree::new();
    check_of(&tree);
    install(&tree, "foreign", mode, extra);
    outcome(&tree)
}

fn outcome(tree: &Tree) -> (Run, Json, Json) {
    let (run, report) = tree.check(&["--fail-on", "never"]);
    let linux = report["verdicts"].as_array().unwrap().iter().filter(|it| it["target"] == "linux");
    assert!(
        linux.filter(|it| it["verdict"] == "pass").count() >= 3,
        "the host's facts came through: {report:#}"
    );
    let judgement = verdict(&report, "foreign.greeting-wrong", "foreign").clone();
    (run, judgement, report)
}

#[test]
fn a_plugin_in_c_yields_facts() {
    let (run, judgement, report) = with_plugin("GOOD", "");
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(judgement["verdict"], "pass", "{judgement:#}");
    assert_eq!(judgement["local"], true);
    let access = &report["access"]["foreign"];
    assert_eq!(
        (&access["granted"], &access["refused"]),
        (&Json::from(2), &Json::from(1)),
        "/etc/shadow was refused"
    );
}

#[test]
fn a_broken_plugin_costs_its_own_facts_with_the_right_cause() {
    for (mode, kind, words) in [
        ("CRASH", "plugin-failed", "crashed (signal 6)"),
        ("CRASH_EARLY", "plugin-failed", "crashed (signal 11)"),
        ("EXIT", "plugin-failed", "ended in the middle (exit code 0)"),
        ("NONSENSE", "plugin-failed", "answers nonsense"),
        ("SILENT", "plugin-failed", "handed over nothing"),
        ("TWICE", "plugin-failed", "two results"),
        ("REFUSES", "plugin-failed", "gather returned 7"),
        ("RETURNS_ONE", "plugin-failed", "gather returned 1"),
        ("OLD_PROTOCOL", "plugin-failed", "speaks protocol 99"),
        ("EMPTY", "plugin-failed", "does not export `goodstead_plugin_protocol`"),
        ("WRONG", "wrong-type", "declared as text"),
    ] {
        let (run, judgement, _) = with_plugin(mode, "");
        assert_eq!(run.code, 0, "{mode}: a plugin that fails is no broken input: {run:?}");
        assert_eq!(judgement["verdict"], "unknown", "{mode}: {judgement:#}");
        assert_eq!(judgement["cause"]["kind"], kind, "{mode}: {judgement:#}");
        assert!(judgement["cause"]["detail"].as_str().unwrap().contains(words), "{mode}: {judgement:#}");
    }
}

#[test]
fn a_plugin_that_hangs_is_ended_at_its_limit() {
    let (_, judgement, report) = with_plugin("HANG", "seconds = 1");
    assert_eq!(judgement["cause"]["kind"], "timed-out", "{judgement:#}");
    let took = report["timings_ms"]["plugin.foreign"].as_f64().unwrap();
    assert!((1000.0..5000.0).contains(&took), "{took} ms");
}

#[test]
fn what_the_contract_does_not_declare_is_dropped_and_said() {
    let (_, _, report) = with_plugin("WRONG", "");
    let target = report["targets"].as_array().unwrap().iter().find(|it| it["id"] == "foreign").unwrap();
    assert!(
        target["notes"].to_string().contains("1 fact that is not in the contract was dropped from `foreign`"),
        "{target:#}"
    );
    assert!(!report.to_string().contains("root:x"), "the value is nowhere");
    assert!(!report.to_string().contains("shadow"), "and neither is the name");
}

#[test]
fn a_library_that_is_missing_or_none_costs_its_own_facts() {
    let tree = Tree::new();
    check_of(&tree);
    let folder = tree.plugin("foreign");
    fs::write(folder.join("plugin.toml"), manifest("foreign", "")).unwrap();
    let (_, judgement, _) = outcome(&tree);
    assert!(judgement["cause"]["detail"].as_str().unwrap().contains("cannot be read"), "{judgement:#}");
    fs::write(folder.join("libforeign.so"), "this is no library").unwrap();
    let (_, judgement, _) = outcome(&tree);
    assert!(judgement["cause"]["detail"].as_str().unwrap().contains("cannot be loaded"), "{judgement:#}");
}

#[test]
fn a_broken_manifest_costs_its_plugin_only_and_points_at_the_line() {
    for (extra, words) in [
        ("teleport = true", "unknown key `teleport`"),
        ("seconds = 9999", "`seconds` must lie between 1 and 600"),
    ] {
        let tree = Tree::new();
        let folder = tree.plugin("foreign");
        fs::write(folder.join("plugin.toml"), manifest("foreign", extra)).unwrap();
        compile("GOOD", &folder.join("libforeign.so"));
        let run = tree.run(&["check", "linux", "--fail-on", "never"]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.stderr.contains(words) && run.stderr.contains("plugin.toml:6"), "{run:?}");
    }
    let tree = Tree::new();
    let folder = tree.plugin("foreign");
    fs::write(folder.join("plugin.toml"), manifest("foreign", "").replace("protocol = 1", "protocol = 7"))
        .unwrap();
    let run = tree.run(&["plugins", "list"]);
    assert!(run.stderr.contains("this plugin speaks protocol 7, this agent 1"), "{run:?}");
    assert!(run.stdout.contains("linux"), "{run:?}");
}

#[test]
fn a_pack_for_another_version_of_its_plugin_is_refused() {
    let tree = Tree::new();
    check_of(&tree);
    install(&tree, "foreign", "GOOD", "");
    let pack = fs::read_to_string(tree.config("checks/foreign/pack.toml")).unwrap();
    fs::write(tree.config("checks/foreign/pack.toml"), pack.replace("^0.1", "^2")).unwrap();
    let run = tree.run(&["check", "--fail-on", "never"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(
        run.stderr.contains("foreign") && run.stderr.contains("0.1.0") && run.stderr.contains("pack.toml"),
        "{run:?}"
    );
    assert!(run.stdout.contains("Readiness"), "everything else is judged: {run:?}");
}

#[test]
fn inspecting_a_plugin_runs_none_of_its_code() {
    let tree = Tree::new();
    let folder = tree.plugin("foreign");
    fs::write(folder.join("plugin.toml"), manifest("foreign", "")).unwrap();
    let run = tree.run(&["plugins", "inspect", "foreign"]);
    assert_eq!(run.code, 0, "{run:?}");
    for part in ["/etc/os-release", "foreign.greeting", "public", "It may connect to"] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
}
