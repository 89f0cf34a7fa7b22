//! The documents name the test that holds each claim: every file and every test they name exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use goodstead_tests::checkout;
use regex::Regex;

/// The documents that make claims.
const DOCUMENTS: [&str; 5] =
    ["ARCHITECTURE.md", "ASSURANCE.md", "desk/API.md", "docs/SIGNING.md", "docs/BACKUPS.md"];

/// A source file with the names of its tests.
struct Source {
    path: String,
    tests: BTreeSet<String>,
}

/// Every Rust file of the repository.
fn sources() -> Vec<Source> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"])
        .current_dir(checkout())
        .output()
        .expect("git lists the files");
    let paths = String::from_utf8(listed.stdout).unwrap();
    // An attribute, then any further ones, then the function; `proptest!` functions carry the attribute too.
    let test =
        Regex::new(r"#\[(?:tokio::)?test[^\]]*\](?:\s*(?:#\[[^\n]*\]|//[^\n]*))*\s*(?:async\s+)?fn\s+(\w+)")
            .unwrap();
    let mut found = Vec::new();
    for path in paths.lines().filter(|path| checkout().join(path).is_file()) {
        let text = fs::read_to_string(checkout().join(path)).unwrap();
        let tests = test.captures_iter(&text).map(|found| found[1].to_owned()).collect();
        found.push(Source { path: path.to_owned(), tests });
    }
    found
}

/// The code spans of a document, in order, each with the text between it and the one before.
fn code_spans(text: &str) -> Vec<(&str, &str)> {
    let mut spans = Vec::new();
    let mut parts = text.split('`');
    let mut before = parts.next().unwrap_or_default();
    while let Some(code) = parts.next() {
        spans.push((before, code));
        before = parts.next().unwrap_or_default();
    }
    spans
}

/// What a document claims that the sources do not have.
fn wrong_claims(document: &str, text: &str, sources: &[Source]) -> Vec<String> {
    let file = Regex::new(r"^[\w./-]+\.rs$").unwrap();
    let name = Regex::new(r"^[a-z]\w*_\w*_\w+$").unwrap();
    let mut wrong = Vec::new();
    // The file whose tests are being named, and the last one that was, for "the same: `another_test_of_it`".
    let (mut current, mut latest): (Option<&str>, Option<&str>) = (None, None);
    for (before, code) in code_spans(text) {
        if file.is_match(code) {
            if !sources.iter().any(|source| is_file(source, code)) {
                wrong.push(format!("{document}: no file `{code}`"));
            }
            (current, latest) = (Some(code), Some(code));
            continue;
        }
        // A test's name comes right after its file, or after another test of that file.
        let separator = before.trim();
        let holder = match separator {
            ":" | "," | "and" => current,
            "the same:" => latest,
            _ if separator.ends_with("the same:") => latest,
            _ => None,
        };
        current = holder.filter(|_| name.is_match(code));
        if let Some(file) = current
            && !sources.iter().any(|source| is_file(source, file) && source.tests.contains(code))
        {
            wrong.push(format!("{document}: `{file}` has no test `{code}`"));
        }
    }
    wrong
}

/// Whether a document means this file by `name`: a path from the root, or the end of one.
fn is_file(source: &Source, name: &str) -> bool {
    Path::new(&source.path).ends_with(name)
        || Path::new(&source.path).ends_with(Path::new("tests/tests").join(name))
}

#[test]
fn every_file_and_test_that_a_document_names_exists() {
    let sources = sources();
    let mut wrong = Vec::new();
    let mut claims = 0;
    for document in DOCUMENTS {
        let text = fs::read_to_string(checkout().join(document)).unwrap();
        // A fenced block is an example, never a claim.
        let prose: String = text.split("```").step_by(2).collect();
        claims += code_spans(&prose).iter().filter(|(_, code)| code.ends_with(".rs")).count();
        wrong.extend(wrong_claims(document, &prose, &sources));
    }
    assert!(claims > 50, "only {claims} files are named: are the documents read as they are written?");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_claim_without_its_test_is_found() {
    let sources =
        [Source { path: "agent/cli/src/users.rs".to_owned(), tests: ["nobody_is_root".to_owned()].into() }];
    let wrong = |text: &str| wrong_claims("A.md", text, &sources);
    assert_eq!(wrong("held by `users.rs`: `nobody_is_root`"), Vec::<String>::new());
    assert_eq!(
        wrong("held by `users.rs`: `somebody_is_root`"),
        ["A.md: `users.rs` has no test `somebody_is_root`"]
    );
    assert_eq!(wrong("held by `users.rs`: `nobody_is_root`,\n`all_are_root`").len(), 1);
    assert_eq!(wrong("held by `user.rs`: `nobody_is_root`").len(), 2);
}
