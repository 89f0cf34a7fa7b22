//! What a plugin writes to its standard output and standard error: shown to its author and on request, bounded, printable
//! and without credentials, and in no report.

use std::fs;

use goodstead_tests::foreign::install;
use goodstead_tests::tree::Tree;

/// The log of all plugins of a scan, and the report.
fn scan(tree: &Tree) -> (String, serde_json::Value) {
    let file = tree.scratch("plugins.log");
    let (_, report) = tree.check(&["foreign", "--plugin-log", &file.display().to_string()]);
    (fs::read_to_string(file).unwrap(), report)
}

#[test]
fn what_a_plugin_writes_is_shown_to_its_author() {
    let tree = Tree::new();
    for mode in ["TALKS", "TALKS_AND_CRASHES"] {
        install(&tree, "foreign", mode, "");
        let run = tree.run(&["plugins", "test", "foreign"]);
        let wrote = run.stdout.split("It wrote").nth(1).unwrap_or_else(|| panic!("{mode}: {run:?}"));
        assert!(wrote.contains("\n  to standard output\n"), "{mode}: {run:?}");
        assert!(wrote.contains("\n  to standard \\u{1b}[2Jerror, of {"), "{mode}: {run:?}");
        assert!(!run.stdout.contains('\u{1b}'), "{mode}: {run:?}");
        // A crash leaves what is a whole line; a function that returns leaves everything.
        assert_eq!(wrote.contains("without an end"), mode == "TALKS", "{run:?}");
    }
}

#[test]
fn it_goes_to_a_file_on_request_and_into_no_report() {
    let tree = Tree::new();
    install(&tree, "foreign", "TALKS", "");
    let (log, report) = scan(&tree);
    assert!(log.contains("foreign: to standard output\n"), "{log}");
    assert!(log.contains("foreign: without an end\n"), "{log}");
    let shown = tree.run(&["report", "show", "--verbose"]);
    let preview = tree.run(&["report", "preview"]);
    for text in [report.to_string(), shown.stdout, preview.stdout] {
        assert!(!text.contains("to standard output"), "{text}");
    }
}

#[test]
fn a_password_that_the_plugin_was_given_is_not_in_it() {
    let tree = Tree::new();
    install(&tree, "foreign", "TALKS", "");
    let password = tree.scratch("password");
    tree.configure(&format!(
        "[[target]]\nplugin = \"foreign\"\nname = \"one\"\naddress = \"unix:/nonexistent\"\npassword_file = {password:?}\n"
    ));
    for secret in ["correct horse", "it\\'s \"so\""] {
        fs::write(&password, format!("{secret}\n")).unwrap();
        let (log, _) = scan(&tree);
        assert!(log.contains("[a line with the target's password was dropped]"), "{log}");
        let tested = tree.run(&["plugins", "test", "foreign"]);
        for text in [log, tested.stdout] {
            let quoted = serde_json::to_string(secret).unwrap();
            assert!(!text.contains(secret) && !text.contains(quoted.trim_matches('"')), "{text}");
        }
    }
}

#[test]
fn a_flood_costs_the_plugin_its_log_and_nothing_else() {
    let tree = Tree::new();
    install(&tree, "foreign", "FLOODS", "");
    let (log, report) = scan(&tree);
    assert!(log.len() < 200 << 10, "{} bytes", log.len());
    assert!(log.contains("more than 16 MiB") && log.contains("bytes are left out"), "{log}");
    let targets = report["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 1, "{report:#}");
    assert!(report["access"]["foreign"]["granted"].as_u64().unwrap() >= 2, "it went on: {report:#}");
}
