//! The command line as users of such tools expect it: help, selection of checks, environment variables, colours, formats
//! by file name, and what the shell offers.

use std::fs;

use goodstead_tests::tree::{Run, Tree};
use serde_json::{Value as Json, json};

const HANGS: &str = "linux.hangs-after-panic";

fn with(tree: &Tree, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = tree.goodstead(arguments);
    command.envs(variables.iter().copied());
    Run::of(command.output().expect("goodstead runs"))
}

/// The ids that were judged, each once.
fn judged(report: &Json) -> Vec<String> {
    let verdicts = report["verdicts"].as_array().unwrap().iter();
    let mut ids: Vec<_> = verdicts.map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn help_is_a_command_and_nothing_at_all_gets_an_overview() {
    let tree = Tree::new();
    let help = tree.run(&["help"]);
    assert!(help.code == 0 && help.stdout.contains("check") && help.stderr.is_empty(), "{help:?}");
    for command in [&["report", "diff"][..], &["check"]] {
        let asked = tree.run(&[&["help"], command].concat());
        let option = tree.run(&[command, &["--help"]].concat());
        assert_eq!((asked.code, asked.words()), (0, option.words()), "{command:?}");
    }
    let wrong = tree.run(&["help", "chekc"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("did you mean `check`?"), "{wrong:?}");
    let bare = tree.run(&[]);
    assert!(bare.code == 2 && bare.stderr.contains("goodstead help"), "{bare:?}");
    assert!(bare.stderr.lines().count() < 12, "it is short: {bare:?}");
}

#[test]
fn checks_are_chosen_by_names_patterns_lists_and_impact() {
    let tree = Tree::new();
    let ids =
        |arguments: &[&str]| judged(&tree.check(&[&["linux", "--fail-on", "never"], arguments].concat()).1);
    assert_eq!(
        ids(&["--only", "linux.swappiness-zero,linux.oom-killed"]),
        ["linux.oom-killed", "linux.swappiness-zero"]
    );
    let swappiness = ["linux.swappiness-above-100", "linux.swappiness-zero"];
    assert_eq!(ids(&["--only", "linux.swappiness-*"]), swappiness);
    assert_eq!(ids(&["--only", "linux.swap*", "--except", "linux.swap-*"]), swappiness);
    let all = ids(&[]);
    let without = ids(&["--except", "linux.swappiness-*"]);
    assert_eq!(without.len(), all.len() - 2);
    let (_, report) = tree.check(&["linux", "--min-impact", "high", "--fail-on", "never"]);
    assert!(
        report["verdicts"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["impact"] == "high" || one["impact"] == "critical")
    );
    for (arguments, words) in [
        (vec!["--only", "linux.no-such-*"], "no check matches"),
        (vec!["--except", "linux.oom-kiled"], "did you mean `linux.oom-killed`?"),
        (vec!["--only", "linux.oom-killed", "--except", "linux.*"], "leave no check"),
        (vec!["--only", "linux.[a"], "is not a pattern"),
    ] {
        let run = tree.run(&[&["check"], &arguments[..]].concat());
        assert!(run.code == 2 && run.stderr.contains(words), "{arguments:?}: {run:?}");
    }
    let run = tree.run(&["check", "linux.oom-killed"]);
    assert!(run.code == 2 && run.stderr.contains("goodstead check --only linux.oom-killed"), "{run:?}");
}

#[test]
fn a_check_that_does_not_apply_says_why_and_is_no_failure() {
    let tree = Tree::new();
    let saved = tree.scratch("facts.json").display().to_string();
    tree.run(&["check", "linux", "--save-facts", &saved, "--fail-on", "never"]);
    let mut facts: Json = serde_json::from_slice(&fs::read(&saved).unwrap()).unwrap();
    for target in facts["targets"].as_array_mut().unwrap() {
        target["facts"]["own_kernel"] = json!(false);
    }
    fs::write(&saved, facts.to_string()).unwrap();
    let run = tree.run(&["check", "--facts", &saved, "--only", HANGS]);
    assert_eq!(run.code, 0, "{run:?}");
    let said = run.words();
    assert!(said.contains(&format!("{HANGS} does not apply here because")), "{run:?}");
    assert!(said.contains("linux.own_kernel = false"), "{run:?}");
    assert!(!run.stderr.contains("nothing could be judged"), "{run:?}");
    // With others that apply, it is only a note.
    let run =
        tree.run(&["check", "--facts", &saved, "--only", HANGS, "--only", "linux.filesystem-nearly-full"]);
    assert!(run.code < 2 && run.words().contains("does not apply here"), "{run:?}");
    // What could not be judged is still no result.
    for target in facts["targets"].as_array_mut().unwrap() {
        target["facts"]["own_kernel"] = json!({"$unknown": {"kind": "not-permitted", "detail": "hidden"}});
    }
    fs::write(&saved, facts.to_string()).unwrap();
    let run = tree.run(&["check", "--facts", &saved, "--only", HANGS]);
    assert!(run.code == 2 && run.stderr.contains("nothing could be judged"), "{run:?}");
}

#[test]
fn variables_stand_in_for_options_and_options_win() {
    let tree = Tree::new();
    let state = tree.scratch("elsewhere").display().to_string();
    let only = ["--only", "linux.swappiness-zero", "--fail-on", "never"];
    let mut command = std::process::Command::new(tree.path("bin/goodstead"));
    command.args(["check", "linux"]).args(only).env("GOODSTEAD_FORMAT", "json");
    command.env("GOODSTEAD_CONFIG_DIR", tree.config("")).env("GOODSTEAD_STATE_DIR", &state);
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.report()["origin"]["kind"], "live", "{run:?}");
    assert!(fs::exists(format!("{state}/state.db")).unwrap());
    let text = with(
        &tree,
        &[("GOODSTEAD_FORMAT", "json")],
        &[&["check", "linux", "--format", "text"], &only[..]].concat(),
    );
    assert!(text.stdout.starts_with("Goodstead checked"), "{text:?}");
    let wrong = with(&tree, &[("GOODSTEAD_FORMAT", "xml")], &["check", "linux"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("GOODSTEAD_FORMAT is `xml`"), "{wrong:?}");
    let help = tree.run(&["check", "--help"]).stdout;
    for variable in ["GOODSTEAD_CONFIG_DIR", "GOODSTEAD_STATE_DIR", "GOODSTEAD_FORMAT", "GOODSTEAD_COLOR"] {
        assert!(help.contains(variable), "{variable}: {help}");
    }
}

#[test]
fn colours_are_the_user_s_to_decide() {
    let tree = Tree::new();
    let coloured = |variables: &[(&str, &str)], arguments: &[&str]| {
        let run = with(&tree, variables, &[arguments, &["status"]].concat());
        run.stdout.contains('\u{1b}')
    };
    assert!(coloured(&[], &["--color", "always"]), "NO_COLOR is set, and the option wins");
    assert!(coloured(&[("GOODSTEAD_COLOR", "always")], &[]));
    assert!(!coloured(&[("NO_COLOR", ""), ("CLICOLOR_FORCE", "1")], &["--color", "never"]));
    assert!(coloured(&[("NO_COLOR", ""), ("CLICOLOR_FORCE", "1")], &[]));
    assert!(!coloured(&[("NO_COLOR", "")], &[]), "a pipe is no terminal");
}

#[test]
fn the_name_of_the_output_decides_its_format_and_it_is_replaced_whole() {
    let tree = Tree::new();
    let only = ["check", "linux", "--only", "linux.swappiness-zero", "--fail-on", "never", "--output"];
    for (name, begins) in [
        ("r.html", "<!doctype html>"),
        ("r.json", "{"),
        ("r.md", "# Goodstead"),
        ("r.xml", "<?xml"),
        ("r", "Goodstead checked"),
    ] {
        let file = tree.scratch(name);
        fs::write(&file, "what was there before").unwrap();
        let run = tree.run(&[&only[..], &[&file.display().to_string()]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{name}: {run:?}");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(begins), "{name}: {text}");
    }
    let file = tree.scratch("named.html").display().to_string();
    tree.run(&[&only[..], &[&file, "--format", "markdown"]].concat());
    assert!(fs::read_to_string(&file).unwrap().starts_with("# Goodstead"), "the option wins");
}

#[test]
fn the_two_newest_full_reports_are_compared_by_default() {
    let tree = Tree::new();
    let none = tree.run(&["report", "diff"]);
    assert!(none.code == 2 && none.stderr.contains("fewer than two"), "{none:?}");
    let (_, first) = tree.check(&["--fail-on", "never"]);
    let (_, second) = tree.check(&["--fail-on", "never"]);
    tree.check(&["linux", "--only", "linux.swappiness-zero", "--fail-on", "never"]);
    let compared = tree.run(&["report", "diff", "--format", "json"]).report();
    assert_eq!(
        (&compared["before"]["id"], &compared["after"]["id"]),
        (&first["id"], &second["id"]),
        "{compared}"
    );
}

#[test]
fn the_shell_offers_ids_plugins_and_reports() {
    let tree = Tree::new();
    let (_, report) = tree.check(&["linux", "--only", "linux.swappiness-zero", "--fail-on", "never"]);
    // As the script for bash asks: the number of the word, and the words.
    let offered = |words: &[&str]| {
        let mut command = std::process::Command::new(tree.path("bin/goodstead"));
        command.env("GOODSTEAD_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", (words.len()).to_string());
        command
            .env("_CLAP_IFS", "\n")
            .env("_CLAP_COMPLETE_COMP_TYPE", "9")
            .env("_CLAP_COMPLETE_SPACE", "true");
        command
            .env("GOODSTEAD_CONFIG_DIR", tree.config(""))
            .env("GOODSTEAD_STATE_DIR", tree.scratch("state"));
        command.args(["--", "goodstead"]).args(words);
        let run = Run::of(command.output().unwrap());
        run.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let has = |words: &[&str], wanted: &str| {
        let found = offered(words);
        assert!(found.iter().any(|line| line == wanted), "{words:?}: {wanted}: {found:?}");
    };
    has(&["explain", "linux.swappiness"], "linux.swappiness-zero");
    has(
        &["check", "--only", "linux.oom-killed,linux.swappiness-z"],
        "linux.oom-killed,linux.swappiness-zero",
    );
    has(&["waive", "postgresql.fsy"], "postgresql.fsync-off");
    has(&["check", "lin"], "linux");
    has(&["grant", "post"], "postgresql");
    has(&["report", "show", ""], &report["id"].as_str().unwrap()[..12]);
    has(&["report", "show", "lat"], "latest");
    has(&["rep"], "report");
}
