//! Characters that act without being seen: whatever holds them (a manifest, a pack, a configuration, an entitlement, the
//! state, a file's name, saved facts, an argument), no command lets one of them reach a terminal.

use std::fs;
use std::path::Path;

use goodstead_tests::endured::assert_plain;
use goodstead_tests::foreign;
use goodstead_tests::tree::{Run, Tree};
use rusqlite::Connection;
use serde_json::Value as Json;

/// Erases the screen, rings, turns the direction round, erases it again in one byte, hides, breaks a line; and what
/// nobody sees at all.
const EVIL: &str = "\u{1b}[2J\u{7}\u{202e}\u{9b}2J\u{1b}[8m\r\u{8}\u{200b}\u{e0041}";

/// The same as an escape in TOML.
const WRITTEN: &str = r"\u001b[2J\u0007\u202e\u009b2J\u001b[8m\r\b\u200b\U000e0041";

/// Runs a command as in a terminal with colours, and proves that nothing of it acts.
fn run(tree: &Tree, arguments: &[&str]) -> Run {
    let mut command = tree.goodstead(arguments);
    command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1");
    let run = Run::of(command.output().expect("goodstead runs"));
    assert!(!run.stderr.contains("panicked"), "{arguments:?}: {run:?}");
    assert_plain(&run.stdout);
    assert_plain(&run.stderr);
    run
}

/// Every command that prints something of what is installed, configured or kept.
fn every_command(tree: &Tree) {
    let plugin = tree.path("lib/goodstead/plugins/foreign").display().to_string();
    let pack = tree.config("checks/own").display().to_string();
    for arguments in [
        &["plugins", "list"][..],
        &["plugins", "list", "--format", "json"],
        &["plugins", "inspect", "foreign"],
        &["plugins", "inspect", &plugin],
        &["plugins", "test", &plugin],
        &["grant", "foreign"],
        &["grant", "foreign", "--apply"],
        &["checks", "list"],
        &["checks", "list", "--format", "json"],
        &["checks", "lint"],
        &["checks", "lint", &pack],
        &["checks", "test", &pack],
        &["explain", "foreign.check"],
        &["check", "foreign", "-v", "--fail-on", "never"],
        &["check", "linux", "--only", "linux.up-for-years", "--fail-on", "never"],
        &["check", "linux", "--format", "nagios"],
        &["status"],
        &["status", "--format", "json"],
        &["waive"],
        &["report", "list"],
        &["report", "show", "-v"],
        &["report", "show", "--access"],
        &["report", "show", "--format", "json"],
        &["report", "show", "--format", "markdown"],
        &["report", "show", "--format", "html"],
        &["report", "show", "--format", "sarif"],
        &["report", "show", "--format", "junit"],
        &["report", "show", "--format", "openmetrics"],
        &["report", "show", "--format", "nagios"],
        &["report", "diff"],
        // Not `report preview`: it writes the very bytes that are sent, which the agent escapes when it makes them.
        &["report", "send"],
        &["enroll", "--remove"],
    ] {
        run(tree, arguments);
    }
}

/// A manifest with text in every field that takes some.
const MANIFEST: &str = r#"name = "foreign"
title = "T@"
version = "0.1.0"
protocol = 1
products = ["P@"]
library = "libforeign.so"
[permissions]
read = ["/etc/os-release", "/usr/lib/os-release", "/x@"]
stat = ["/y@"]
statfs = ["/z@"]
connect = ["/run/s@"]
run."a@" = { program = "/bin/echo@", arguments = ["b@", "c"] }
[options]
"o@" = { default = 1, minimum = 1, maximum = 2, about = "A@" }
[texts]
causes = { about = "W@" }
target_names = { about = "N@" }
[grant]
about = "G@"
owner = "o@"
address = "unix:/run/x@"
program = "/bin/echo@"
arguments = ["d@"]
input = "i@"
file = ["f@"]
line = "l@"
reload = ["r@"]
check = ["k@"]
[facts]
greeting = { type = "text", sensitivity = "public", about = "B@", source = "S@" }
size_bytes = { type = "int", unit = "bytes", sensitivity = "public" }
"#;

const PACK: &str = r#"name = "own"
title = "Own@"
version = "0.1.0"
[requires]
foreign = "^0.1"
"#;

const CHECK: &str = r#"id = "foreign.check"
title = "The greeting is wrong@"
since = "0.1.0"
concern = "operability"
impact = "low"
likelihood = "low"
pass = 'foreign.greeting == "go away"'
evidence = ['foreign.greeting']
why = "Because@"
remedy = "Greet@"
[[links]]
title = "L@"
url = "https://example.com/@"
[[case]]
name = "n@"
facts.foreign = { greeting = "h@" }
expect = "fail"
[[case]]
name = "rude"
facts.foreign = { greeting = "go away" }
expect = "pass"
[[case]]
name = "silent"
facts.foreign = { }
expect = "unknown"
"#;

const CONFIGURATION: &str = r#"[[target]]
plugin = "foreign"
name = "t@"
address = "unix:/run/a@"
user = "u@"
database = "d@"
password_file = "/nowhere/p@"
deployment = "e@"
[desk]
url = "https://desk@.example.com"
"#;

/// The texts with `what` in place of the marks in the line of this number among those that have one; in all without.
fn with(text: &str, line: Option<usize>, what: &str) -> String {
    let mut number = 0;
    let lines = text.lines().map(|it| {
        let marked = it.contains('@');
        number += usize::from(marked);
        it.replace('@', if marked && line.is_none_or(|line| line + 1 == number) { what } else { "" }) + "\n"
    });
    lines.collect()
}

fn marks(text: &str) -> usize {
    text.lines().filter(|line| line.contains('@')).count()
}

/// A tree with all of these, built from harmless texts.
fn tree() -> Tree {
    let tree = Tree::new();
    let folder = tree.plugin("foreign");
    fs::write(folder.join("plugin.toml"), with(MANIFEST, None, "")).unwrap();
    foreign::compile("GOOD", &folder.join("libforeign.so"));
    tree.local_check("own", "check.toml", &with(CHECK, None, ""));
    fs::write(tree.config("checks/own/pack.toml"), with(PACK, None, "")).unwrap();
    let run = tree.run(&["check", "foreign", "--fail-on", "never"]);
    assert!(run.code == 0 && run.stderr.is_empty(), "all of it is sound: {run:?}");
    tree
}

#[test]
fn a_file_with_such_a_character_in_any_field_is_refused_at_its_line() {
    let tree = tree();
    let folder = tree.plugin("foreign");
    let refused = |file: &Path, text: &str, command: &[&str]| {
        for line in 0..marks(text) {
            for what in [WRITTEN, "\u{202e}"] {
                fs::write(file, with(text, Some(line), what)).unwrap();
                let run = run(&tree, command);
                let at = with(text, Some(line), "@").lines().position(|line| line.contains('@')).unwrap() + 1;
                let words = |it: &str| run.stderr.contains(it) || run.stdout.contains(it);
                assert!(words("acts without being seen") && words(&format!(":{at}:")), "line {at}: {run:?}");
            }
        }
        fs::write(file, with(text, None, "")).unwrap();
    };
    refused(&folder.join("plugin.toml"), MANIFEST, &["plugins", "inspect", "foreign"]);
    let pack = tree.config("checks/own").display().to_string();
    refused(&tree.config("checks/own/pack.toml"), PACK, &["checks", "lint", &pack]);
    refused(&tree.config("checks/own/check.toml"), CHECK, &["checks", "lint", &pack]);
    refused(&tree.config("agent.toml"), CONFIGURATION, &["status"]);
}

#[test]
fn no_command_prints_what_files_hold() {
    let tree = tree();
    let folder = tree.plugin("foreign");
    every_command(&tree);
    fs::write(folder.join("plugin.toml"), with(MANIFEST, None, WRITTEN)).unwrap();
    every_command(&tree);
    fs::write(folder.join("plugin.toml"), with(MANIFEST, None, "")).unwrap();
    fs::write(tree.config("checks/own/pack.toml"), with(PACK, None, WRITTEN)).unwrap();
    fs::write(tree.config("checks/own/check.toml"), with(CHECK, None, EVIL)).unwrap();
    every_command(&tree);
    fs::write(tree.config("agent.toml"), with(CONFIGURATION, None, WRITTEN)).unwrap();
    for file in ["entitlement.toml", "entitlement.toml.minisig"] {
        fs::write(tree.config(file), format!("customer = \"c{EVIL}\"\ndeployment = \"d{WRITTEN}\"\n"))
            .unwrap();
    }
    every_command(&tree);
}

#[test]
fn no_command_prints_the_names_of_files() {
    let tree = tree();
    let plugins = tree.path("lib/goodstead/plugins");
    for (file, text) in [
        (plugins.join(format!("bad{EVIL}")).join("plugin.toml"), with(MANIFEST, None, "")),
        (tree.config("checks/own").join(format!("bad{EVIL}.toml")), "id = 1\n".to_owned()),
        (tree.config("checks").join(format!("bad{EVIL}")).join("pack.toml"), "name = 1\n".to_owned()),
        (tree.config("trusted-keys").join(format!("bad{EVIL}.pub")), "not a key\n".to_owned()),
    ] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    every_command(&tree);
    let odd = tree.scratch(&format!("odd{EVIL}")).display().to_string();
    for arguments in [
        &["check", "--facts", &odd][..],
        &["check", "--root", &odd],
        &["report", "show", &odd],
        &["plugins", "inspect", &odd],
        &["plugins", "test", &odd],
        &["checks", "lint", &odd],
        &["explain", &odd],
        &["grant", &odd],
        &["waive", &odd, "--reason", "r", "--until", "2030-01-01"],
        &["new", "check", &odd],
        &["new", "plugin", &odd],
        &["enroll", "--desk", &odd, "--token", "t"],
        &["check", &odd],
        &["check", "--only", &odd],
        &["check", "--format", &odd],
        &[&*odd],
        &["report", "show", "--output", &odd],
        &["check", "linux", "--output", "/nowhere/\u{202e}"],
    ] {
        run(&tree, arguments);
    }
}

#[test]
fn no_command_prints_what_the_state_or_a_file_of_facts_holds() {
    let tree = tree();
    let saved = tree.scratch("saved.json").display().to_string();
    // All that there is: of a part of it no facts are kept.
    let scan = ["check", "--fail-on", "never", "--save-facts", &saved];
    assert_eq!(tree.run(&scan).code, 0);
    assert_eq!(tree.run(&scan).code, 0);
    let facts = evil(serde_json::from_str(&fs::read_to_string(&saved).unwrap()).unwrap());
    fs::write(&saved, facts.to_string()).unwrap();
    assert_eq!(run(&tree, &["check", "--facts", &saved, "-v", "--fail-on", "never"]).code, 0);

    let database = Connection::open(tree.scratch("state/state.db")).unwrap();
    for (table, column) in [("reports", "body"), ("access", "body"), ("facts", "body")] {
        let mut rows = database.prepare(&format!("SELECT rowid, {column} FROM {table}")).unwrap();
        let rows: Vec<(i64, Vec<u8>)> = rows
            .query_map([], |row| {
                let body = row.get_ref(1)?.as_bytes().unwrap_or_default().to_vec();
                Ok((row.get(0)?, body))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(!rows.is_empty(), "{table}");
        for (row, body) in rows {
            let body = evil(serde_json::from_slice(&body).unwrap()).to_string();
            let change = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2");
            if column == "body" && table == "reports" {
                database.execute(&change, (body.as_bytes(), row)).unwrap();
            } else {
                database.execute(&change, (&body, row)).unwrap();
            }
        }
    }
    let waiver = "INSERT INTO waivers VALUES ('linux.check' || ?1, ?1, ?1, ?1, '2026-01-01', '2099-01-01')";
    database.execute(waiver, [EVIL]).unwrap();
    database
        .execute("INSERT INTO enrolment VALUES (1, 'https://desk.example.com/' || ?1, ?1, ?1)", [EVIL])
        .unwrap();
    drop(database);
    let shown = run(&tree, &["report", "show", "-v"]);
    assert!(shown.code == 0 && shown.stdout.contains(r"\u{202e}"), "it is shown as what it is: {shown:?}");
    every_command(&tree);
}

/// The same JSON with [`EVIL`] behind every text but those that are words of ours.
fn evil(json: Json) -> Json {
    const OURS: [&str; 16] = [
        "kind",
        "verdict",
        "concern",
        "impact",
        "likelihood",
        "time",
        "since",
        "plugin",
        "version",
        "plugin_version",
        "unit",
        "origin",
        "stage",
        "state",
        "area",
        "schema",
    ];
    match json {
        Json::String(text) => Json::String(text + EVIL),
        Json::Array(items) => items.into_iter().map(evil).collect(),
        Json::Object(items) => items
            .into_iter()
            .map(|(name, item)| if OURS.contains(&&*name) { (name, item) } else { (name, evil(item)) })
            .collect(),
        other => other,
    }
}
