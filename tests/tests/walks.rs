//! The walks in CONTRIBUTING.md, carried out as they are written there, in the checkout itself: what they write goes to
//! memory and is gone with the test.
//!
//! In a section that is a walk, a line of code that begins with `$` is a command, with its here-document; the lines
//! below it stand in its output, `…` for anything in between.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use goodstead_tests::checkout;
use goodstead_tests::mounts::{with_own_mounts, write_to_memory};

/// A command, and what it must say.
#[derive(Debug)]
struct Step {
    command: String,
    says: Vec<String>,
}

/// The steps of the section with this heading.
fn steps(document: &str, heading: &str) -> Vec<Step> {
    let section = document.split("\n## ").find(|section| section.starts_with(heading)).expect("the section");
    let mut steps: Vec<Step> = Vec::new();
    let mut document = false;
    for line in section.lines() {
        let Some(code) = line.strip_prefix("    ").or(line.is_empty().then_some("")) else { continue };
        if document {
            let command = &mut steps.last_mut().unwrap().command;
            command.push('\n');
            command.push_str(code);
            document = code != "END";
        } else if let Some(command) = code.strip_prefix("$ ") {
            document = command.contains("<<'END'");
            steps.push(Step { command: command.to_owned(), says: Vec::new() });
        } else if !code.is_empty() {
            steps.last_mut().expect("a command before its output").says.push(code.to_owned());
        }
    }
    assert!(!document, "a here-document without end");
    steps
}

/// Whether the output has a line with these words, in this order, `…` for anything between them.
fn has(output: &str, line: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().collect();
    let wanted = words.join(" ");
    output.lines().any(|said| {
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut rest = said.as_str();
        wanted.split('…').all(|part| match rest.split_once(part.trim()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    })
}

/// Walks a section from its first command to its last.
fn walk(heading: &'static str, least: usize) {
    with_own_mounts(move || {
        let scratch = tempfile::tempdir().unwrap();
        // The agent keeps its reports in /var/lib and looks for its configuration in /etc.
        let mut folders = vec![checkout(), "/var/lib".into(), "/etc".into()];
        folders.extend(std::env::var_os("CARGO_TARGET_DIR").map(Into::into));
        let folders: Vec<_> = folders.iter().map(|folder: &std::path::PathBuf| folder.as_path()).collect();
        write_to_memory(&folders, scratch.path());
        let text = fs::read_to_string(checkout().join("CONTRIBUTING.md")).unwrap();
        let steps = steps(&text, heading);
        assert!(steps.len() >= least, "only {} steps", steps.len());
        for step in steps {
            let output = run(&step.command, &checkout());
            for line in &step.says {
                assert!(has(&output, line), "`{line}` is not in what `{}` says:\n{output}", step.command);
            }
        }
    });
}

/// What a command that succeeds says, on both ways.
fn run(command: &str, folder: &Path) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-ec", &format!("exec 2>&1\n{command}")]).current_dir(folder);
    let output = shell.env("NO_COLOR", "1").stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "`{command}` ended with {}:\n{text}", output.status);
    text
}

#[test]
fn a_check_in_five_minutes() {
    walk("A check in five minutes", 6);
}

#[test]
fn a_plugin_in_half_an_hour() {
    walk("A plugin in half an hour", 6);
}

#[test]
fn what_a_walk_says_is_looked_for_in_order() {
    let text = "\n## One\n\n    $ echo <<'END'\n    a\n\n      b\n    END\n    c … d\n\ntext\n\n    $ ls\n\n## Two\n";
    let steps = steps(text, "One");
    assert_eq!(steps[0].command, "echo <<'END'\na\n\n  b\nEND");
    assert_eq!(
        (steps[0].says.as_slice(), steps[1].command.as_str()),
        (["c … d".to_owned()].as_slice(), "ls")
    );
    assert!(has("x\n  c 1  d\n", "c … d") && !has("d c", "c … d") && !has("", "c"));
}
