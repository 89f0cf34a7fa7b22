//! What `goodstead status` tells, before and after, and that asking changes nothing.

use std::fs;

use goodstead_tests::tree::Tree;
use serde_json::json;

#[test]
fn a_fresh_installation_says_what_is_there_and_makes_nothing() {
    let tree = Tree::new();
    let run = tree.run(&["status"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    let told = run.words();
    for part in [
        "none is kept; goodstead check makes one",
        "agent.toml: using defaults",
        "trusted keys: development.pub",
        "linux 0.1.0",
        "signed by development.pub",
        "isolation: not run yet",
        "what it needs granted: goodstead grant postgresql",
        "no entitlement is here",
        "nothing leaves this machine",
    ] {
        assert!(told.contains(part), "{part}: {run:?}");
    }
    assert!(!tree.scratch("state").exists(), "asking makes no state");
}

#[test]
fn what_was_scanned_waived_configured_and_refused_shows() {
    let tree = Tree::new();
    tree.configure("[plugins.postgresql]\nenabled = false\nconnect_as = \"nobody\"\n");
    fs::write(tree.config("entitlement.toml"), "customer = 'x'").unwrap();
    let (_, report) = tree.check(&[]);
    tree.run(&["waive", "linux.swappiness-zero", "--reason", "it is so", "--until", "2031-01-01"]);
    let run = tree.run(&["status", "--format", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let status = run.report();
    assert_eq!(status["state"]["last"]["id"], report["id"]);
    assert_eq!(status["state"]["last"]["readiness"], report["readiness"]);
    assert_eq!((&status["state"]["waivers"], &status["state"]["reports"]), (&json!(1), &json!(1)));
    assert!(status["entitlement_problem"].as_str().unwrap().contains("not judged"), "{status:#}");
    let plugin = |name: &str| {
        let plugins = status["plugins"].as_array().unwrap();
        plugins.iter().find(|plugin| plugin["name"] == name).unwrap().clone()
    };
    assert_eq!(
        (&plugin("linux")["isolation"], &plugin("linux")["connects_as"]),
        (&json!("full"), &json!(null))
    );
    let postgresql = plugin("postgresql");
    assert_eq!((&postgresql["enabled"], &postgresql["connects_as"]), (&json!(false), &json!("nobody")));
    let packs: Vec<_> = status["packs"].as_array().unwrap().iter().map(|pack| pack["name"].clone()).collect();
    assert_eq!(packs, [json!("linux"), json!("postgresql")]);
}

#[test]
fn what_is_broken_shows_and_is_no_success() {
    let tree = Tree::new();
    tree.configure("nonsense");
    fs::create_dir_all(tree.scratch("state")).unwrap();
    fs::write(tree.scratch("state/state.db"), "this is no database, and it is long enough to look like one")
        .unwrap();
    let run = tree.run(&["status"]);
    assert_eq!(run.code, 2, "{run:?}");
    let told = run.words();
    assert!(told.contains("is broken: using defaults, and nothing is sent"), "{run:?}");
    assert!(told.contains("state.db cannot be used"), "{run:?}");
}
