//! The faces of a report as a user gets at them: from a scan, from what is kept, from a file; and what comes of bad
//! files and places that do not take the output.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use goodstead_tests::checkout;
use goodstead_tests::tree::{Run, Tree};
use serde_json::{Value as Json, json};

/// A check of a local pack that always fails.
const CHECK: &str = r#"id = "linux.local-sample"
title = "A local sample"
since = "0.1.0"
concern = "operability"
impact = "@"
likelihood = "high"
pass = 'linux.sysctl["vm/swappiness"] < 0'
evidence = ['linux.sysctl["vm/swappiness"]']
why = "It is a sample."
remedy = "Do nothing."
[[case]]
name = "negative"
facts.linux.sysctl = { "vm/swappiness" = -1 }
expect = "pass"
[[case]]
name = "set"
facts.linux.sysctl = { "vm/swappiness" = 60 }
expect = "fail"
[[case]]
name = "not read"
facts.linux.sysctl = { "vm/swappiness" = "$unknown" }
expect = "unknown"
"#;

const ID: &str = "linux.local-sample";

fn failing(impact: &str) -> Tree {
    let tree = Tree::new();
    tree.local_check("mine", "sample.toml", &CHECK.replace('@', impact));
    tree
}

/// The newest sample of a report.
fn sample() -> Json {
    let file = checkout().join("agent/model/samples/report-3.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn write(tree: &Tree, name: &str, content: &[u8]) -> String {
    let file = tree.scratch(name);
    fs::write(&file, content).unwrap();
    file.display().to_string()
}

/// What the command line offers, so that no face is forgotten here.
fn faces(tree: &Tree) -> Vec<String> {
    let refused = tree.run(&["report", "show", "--format", "none"]).stderr.replace('\n', " ");
    let (_, values) = refused.split_once("possible values: ").expect("the values");
    let values = values.split(']').next().unwrap_or_default().split(',');
    let faces: Vec<_> = values.map(|face| face.trim().to_owned()).collect();
    for face in ["text", "json", "markdown", "sarif", "junit", "openmetrics", "nagios"] {
        assert!(faces.iter().any(|known| known == face), "{face} is not among {faces:?}");
    }
    faces
}

/// The id of the report that was kept last, full or partial.
fn newest(tree: &Tree) -> String {
    let list = tree.run(&["report", "list", "--format", "json"]).report();
    list[0]["id"].as_str().expect("a report").to_owned()
}

#[test]
fn every_face_of_a_scan_is_that_of_the_report_it_kept() {
    let tree = failing("low");
    for face in faces(&tree) {
        let out = tree.scratch("out").display().to_string();
        let run = tree.run(&["check", "linux", "--only", ID, "--format", &face, "--output", &out]);
        assert_eq!((run.code, run.stderr.as_str(), run.stdout.as_str()), (0, "", ""), "{face}: {run:?}");
        let written = fs::read_to_string(&out).unwrap();
        assert!(written.contains("A local sample") || written.contains(ID), "{face}: {written}");
        let shown = tree.run(&["report", "show", &newest(&tree), "--format", &face]);
        assert_eq!((shown.code, &shown.stdout), (0, &written), "{face}: {shown:?}");
    }
}

#[test]
fn a_kept_report_is_found_by_the_beginning_of_its_id_and_a_file_by_its_path() {
    let tree = failing("low");
    let (_, first) = tree.check(&["linux", "--only", ID]);
    let (_, second) = tree.check(&[]);
    let show = |named: &str| tree.run(&["report", "show", named, "--format", "json"]);
    let id = |report: &Json| report["id"].as_str().unwrap().to_owned();
    for report in [&first, &second] {
        assert_eq!(&show(&id(report)[..16]).report(), report);
    }
    assert_eq!(show("latest").report(), second);
    let file = write(&tree, "kept.json", first.to_string().as_bytes());
    assert_eq!(show(&file).report(), first);
    let list = tree.run(&["report", "list", "--format", "json"]).report();
    let listed: Vec<_> = list.as_array().unwrap().iter().map(id).collect();
    assert_eq!(listed, [id(&second), id(&first)]);
    let list = tree.run(&["report", "list"]).stdout;
    assert!(list.lines().count() == 3 && list.contains(&id(&first)[..12]), "{list}");
}

#[test]
fn the_samples_of_every_schema_number_have_every_face() {
    let tree = Tree::new();
    for number in [1, 2, 3] {
        let file = checkout().join(format!("agent/model/samples/report-{number}.json"));
        for face in faces(&tree) {
            let run = tree.run(&["report", "show", &file.display().to_string(), "--format", &face]);
            let expected = if face == "nagios" { 1 } else { 0 };
            assert!(
                run.code == expected && run.stderr.is_empty() && run.stdout.len() > 100,
                "{face}: {run:?}"
            );
        }
    }
}

#[test]
fn a_diff_tells_what_came_what_went_and_that_the_rules_changed() {
    let tree = Tree::new();
    let before = write(&tree, "before.json", sample().to_string().as_bytes());
    let diff = |after: &str, format: &str| tree.run(&["report", "diff", &before, after, "--format", format]);
    let same = diff(&before, "text");
    assert!(same.code == 0 && same.stdout.contains("Nothing changed."), "{same:?}");
    let mut later = sample();
    later["verdicts"][0]["verdict"] = json!("pass");
    later["verdicts"][1]["verdict"] = json!("fail");
    later["packs"][0]["version"] = json!("0.2.0");
    later["packs"][0]["hash"] = json!("cd".repeat(32));
    let after = write(&tree, "after.json", later.to_string().as_bytes());
    let told = diff(&after, "text").stdout;
    for part in ["Fixed", "Waiver ended", "Rules changed", "linux: 0.1.0 -> 0.2.0", "by other rules"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = diff(&after, "json").report();
    let kinds: Vec<_> = told["changes"].as_array().unwrap().iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, [json!("waiver-ended"), json!("fixed")]);
    // What is kept and what is in a file can be compared, too.
    tree.check(&[]);
    let run = tree.run(&["report", "diff", &before]);
    assert!(run.code == 0 && run.stdout.contains("different hosts"), "{run:?}");
}

#[test]
fn monitoring_gets_one_line_and_its_own_exit_codes() {
    let nagios =
        |tree: &Tree, more: &[&str]| tree.run(&[&["check", "linux", "--format", "nagios"], more].concat());
    let is = |run: &Run, code: i32, word: &str| {
        let begins = format!("GOODSTEAD {word} - ");
        assert_eq!(run.code, code, "{run:?}");
        assert!(run.stdout.starts_with(&begins) && run.stdout.lines().count() == 1, "{run:?}");
    };
    for (impact, code, word) in
        [("low", 0, "OK"), ("medium", 1, "WARNING"), ("high", 2, "CRITICAL"), ("critical", 2, "CRITICAL")]
    {
        let tree = failing(impact);
        // What makes other faces fail does not decide here.
        is(&nagios(&tree, &["--only", ID, "--fail-on", "never"]), code, word);
        is(&tree.run(&["report", "show", &newest(&tree), "--format=nagios"]), code, word);
    }
    let tree = failing("low");
    is(&nagios(&tree, &["--only", "linux.no-such-check"]), 3, "UNKNOWN");
    is(&nagios(&tree, &["--no-such-option"]), 3, "UNKNOWN");
    is(&nagios(&tree, &["--root", "/nowhere/at/all"]), 3, "UNKNOWN");
    is(&tree.run(&["report", "show", "/nowhere", "--format", "nagios"]), 3, "UNKNOWN");
    is(&nagios(&tree, &["--only", ID, "--min-coverage", "100", "--facts", "/nowhere"]), 3, "UNKNOWN");
    tree.configure("nonsense");
    is(&nagios(&tree, &["--only", ID]), 3, "UNKNOWN");
}

#[test]
fn the_text_says_less_or_more_as_asked() {
    let tree = failing("low");
    let text = |more: &[&str]| tree.run(&[&["check", "linux", "--only", ID], more].concat()).stdout;
    let (quiet, normal, verbose) = (text(&["--quiet"]), text(&[]), text(&["--verbose"]));
    assert!(
        quiet.contains("Readiness") && quiet.contains("A local sample") && !quiet.contains("It is a sample"),
        "{quiet}"
    );
    assert!(normal.contains("It is a sample") && !normal.contains("All verdicts"), "{normal}");
    assert!(verbose.contains("All verdicts on linux") && verbose.contains("Judged by"), "{verbose}");
    assert!(
        quiet.lines().count() < normal.lines().count() && normal.lines().count() < verbose.lines().count()
    );
}

#[test]
fn a_bad_file_is_told_and_never_takes_the_agent_with_it() {
    let tree = Tree::new();
    let text = serde_json::to_string_pretty(&sample()).unwrap();
    let half = &text[..text.len() / 2];
    let with = |key: &str, value: Json| {
        let mut json = sample();
        json[key] = value;
        json.to_string()
    };
    let huge = tree.scratch("huge.json");
    File::create(&huge).unwrap().set_len(500 << 20).unwrap();
    let fifo = tree.scratch("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let cases: Vec<(&str, String, &str)> = vec![
        ("empty", write(&tree, "a", b""), "cut off"),
        ("truncated", write(&tree, "b", half.as_bytes()), "cut off"),
        (
            "of a later schema",
            write(&tree, "c", with("schema", json!(4)).as_bytes()),
            "install a newer Goodstead",
        ),
        (
            "of a schema far away",
            write(&tree, "d", with("schema", json!(4_294_967_295_u32)).as_bytes()),
            "schema 4294967295",
        ),
        ("of no schema", write(&tree, "e", b"{}"), "this is no report"),
        ("a list", write(&tree, "f", b"[1, 2]"), "this is no report"),
        ("text", write(&tree, "g", b"hello"), "this is no report"),
        ("not UTF-8", write(&tree, "h", b"{\"schema\": 2, \"id\": \"\xff\"}"), "this is no report"),
        (
            "of wrong types",
            write(&tree, "i", with("verdicts", json!("none")).as_bytes()),
            "this is no report",
        ),
        (
            "with hostile words",
            write(&tree, "j", with("origin", json!({ "kind": "\u{1b}[2J\u{202e}" })).as_bytes()),
            "this is no report",
        ),
        ("deep", write(&tree, "k", "[".repeat(1_000_000).as_bytes()), "this is no report"),
        ("500 MB", huge.display().to_string(), "larger than"),
        ("a folder", tree.scratch("").display().to_string(), "not a regular file"),
        ("a FIFO that nobody writes to", fifo.display().to_string(), "not a regular file"),
        ("not there", "/nowhere/report.json".into(), "No such file"),
        ("an id of none", "0123456789".into(), "no report is kept yet"),
        ("a word", "newest".into(), "goodstead report list"),
    ];
    for (what, file, expected) in cases {
        for command in [vec!["report", "show", &file], vec!["report", "diff", &file, &file]] {
            let run = tree.run(&command);
            assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{what}: {run:?}");
            let told = run.stderr.replace('\n', " ");
            assert!(
                told.contains(expected) || what == "an id of none" && told.contains("begins with"),
                "{what}: {run:?}"
            );
            assert!(
                !told.contains("panicked") && !run.stderr.contains(['\u{1b}', '\u{202e}']),
                "{what}: {run:?}"
            );
        }
    }
}

#[test]
fn output_that_is_not_taken_is_told() {
    let tree = Tree::new();
    let file = write(&tree, "report.json", sample().to_string().as_bytes());
    for face in faces(&tree) {
        let arguments = ["report", "show", file.as_str(), "--format", face.as_str()];
        let full = tree.goodstead(&arguments).stdout(File::create("/dev/full").unwrap()).output().unwrap();
        let run = Run::of(full);
        assert_eq!(run.code, if face == "nagios" { 3 } else { 2 }, "{face}: {run:?}");
        assert!(run.stderr.contains("cannot be written"), "{face}: {run:?}");
    }
    // A reader that has seen enough is none of our business.
    let mut child = tree
        .goodstead(&["report", "show", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
    // A place that takes no file.
    for place in ["/proc/report.json", "/nowhere/report.json", "/"] {
        let run = tree.run(&["check", "linux", "--output", place]);
        assert!(run.code == 2 && run.stderr.contains("cannot be written"), "{place}: {run:?}");
    }
}

#[test]
fn a_locale_without_unicode_gets_ascii_and_nothing_but_a_terminal_gets_colours() {
    let tree = failing("low");
    let (_, report) = tree.check(&["linux", "--only", ID]);
    let id = report["id"].as_str().unwrap();
    let show = |changes: &[(&str, &str)]| {
        let mut command = tree.goodstead(&["report", "show", id, "--verbose"]);
        for name in ["NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG", "TERM", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        Run::of(command.envs(changes.iter().copied()).output().unwrap())
    };
    for changes in [&[][..], &[("LC_ALL", "C")], &[("LANG", "POSIX"), ("TERM", "dumb")]] {
        let run = show(changes);
        assert!(run.stdout.as_bytes().is_ascii() && !run.stdout.contains('\u{1b}'), "{changes:?}: {run:?}");
        assert_eq!(run.stderr, "");
    }
    let run = show(&[("LANG", "C.UTF-8")]);
    assert!(run.stdout.contains('█') && !run.stdout.contains('\u{1b}'), "{run:?}");
    let coloured = show(&[("LANG", "C.UTF-8"), ("CLICOLOR_FORCE", "1")]);
    assert!(coloured.stdout.contains("\u{1b}["), "{coloured:?}");
}

#[test]
fn a_scan_that_nobody_watches_says_nothing_of_its_progress() {
    let tree = failing("low");
    let run = tree.run(&["check", "linux", "--only", ID]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn a_file_name_may_be_any_bytes() {
    let tree = Tree::new();
    let file = tree.scratch("").join(std::ffi::OsStr::from_bytes(b"r\xff\x1b[2J.json"));
    fs::write(&file, sample().to_string()).unwrap();
    let run = Run::of(tree.goodstead(&["report", "show"]).arg(&file).output().unwrap());
    assert!(run.code == 2 || run.code == 0, "{run:?}");
    assert!(!run.stderr.contains('\u{1b}') && !run.stderr.contains("panicked"), "{run:?}");
}
