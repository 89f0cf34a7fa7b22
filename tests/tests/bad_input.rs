//! What bad input gets: a clear message with its place, everything else still judged, and the right exit code.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use goodstead_tests::sample::check_of_sysctl;
use goodstead_tests::tree::{Run, Tree, verdict};

/// A good check of a local pack, to be broken.
fn check() -> String {
    check_of_sysctl("linux.local-sample", "vm/swappiness")
}

fn judged(run: &Run) {
    assert!(
        run.stdout.contains("Readiness") && run.stdout.contains("linux"),
        "everything else is judged: {run:?}"
    );
}

#[test]
fn a_malformed_configuration_is_answered_with_the_defaults_and_exit_2() {
    let tree = Tree::new();
    tree.configure("[limits]\nplugin_second = 3\n");
    let run = tree.run(&["check", "linux"]);
    assert_eq!(run.code, 2, "{run:?}");
    for part in
        ["agent.toml:2:1", "unknown key `plugin_second`", "did you mean `plugin_seconds`?", "defaults"]
    {
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    judged(&run);
    tree.configure("this is = = not toml");
    assert_eq!(tree.run(&["check", "linux"]).code, 2);
    fs::remove_file(tree.config("agent.toml")).unwrap();
    fs::create_dir(tree.config("agent.toml")).unwrap();
    let run = tree.run(&["check", "linux"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("cannot be read"), "{run:?}");
    judged(&run);
}

#[test]
fn nothing_is_sent_while_the_configuration_is_broken() {
    let tree = Tree::new();
    tree.run(&["check", "linux"]);
    tree.configure("nonsense");
    let run = tree.run(&["enroll", "http://127.0.0.1:1", "--token", "x"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("no desk is spoken to"), "{run:?}");
}

#[test]
fn each_broken_check_is_told_with_file_line_and_help_and_costs_only_itself() {
    let long = format!("pass = '{} true'", "true && ".repeat(600));
    for (name, broken, parts) in [
        (
            "unknown key",
            check().replace("title =", "titel ="),
            vec!["sample.toml:2:1", "did you mean `title`?"],
        ),
        (
            "undeclared fact",
            check().replace("pass = 'linux.sysctl", "pass = 'linux.sysctls"),
            vec!["sample.toml:7", "did you mean `linux.sysctl`?"],
        ),
        (
            "unknown plugin",
            check().replace("pass = 'linux.", "pass = 'linus."),
            vec!["sample.toml:7", "linux"],
        ),
        (
            "ill-typed",
            check().replace("pass = 'linux.sysctl[\"vm/swappiness\"] >= 0'", "pass = 'linux.memory == 3'"),
            vec!["sample.toml:7"],
        ),
        (
            "over-long",
            check().replace("pass = 'linux.sysctl[\"vm/swappiness\"] >= 0'", &long),
            vec!["sample.toml:7", "4096"],
        ),
        (
            "missing case",
            check().replace("expect = \"unknown\"", "expect = \"pass\""),
            vec!["sample.toml", "unknown"],
        ),
        (
            "bad word",
            check().replace("impact = \"low\"", "impact = \"lowest\""),
            vec!["sample.toml:5", "lowest"],
        ),
        ("broken toml", check().replace("since = ", "since "), vec!["sample.toml:3"]),
        (
            "bad template",
            check().replace("Do nothing.", "Set {{ linux.nothing }}."),
            vec!["sample.toml:10", "linux.nothing"],
        ),
        (
            "bad case",
            check()
                .replace("\"vm/swappiness\" = 60", "\"vm/swappiness\" = 60 }\nfacts.linux.swappy = { x = 1"),
            vec!["sample.toml"],
        ),
    ] {
        let tree = Tree::new();
        tree.local_check("mine", "sample.toml", &broken);
        let run = tree.run(&["check", "linux", "--fail-on", "never"]);
        let lint = tree.run(&["checks", "lint"]);
        assert_eq!(lint.code, 2, "{name}: {lint:?}");
        for part in parts {
            assert!(lint.stderr.contains(part), "{name}: {part} is missing in {}", lint.stderr);
        }
        judged(&run);
        // It keeps nothing else from being judged, and that is said.
        assert_eq!(run.code, 0, "{name}: {run:?}");
        assert!(run.stderr.contains("warning") && run.stderr.contains("sample.toml"), "{name}: {run:?}");
        assert!(run.words().contains("a check of your own is broken"), "{name}: {run:?}");
        assert!(!run.stderr.contains("panicked"), "{run:?}");
        // The tools of its author do complain.
        let test = tree.run(&["checks", "test"]);
        assert!(
            test.code == 2 && test.stdout.contains(" passed, 1 failed (1 did not load)"),
            "{name}: {test:?}"
        );
    }
}

#[test]
fn a_broken_check_of_one_s_own_counts_as_not_judged() {
    let tree = Tree::new();
    let (_, before) = tree.check(&["linux", "--fail-on", "never"]);
    let broken = check()
        .replace("pass = 'linux.sysctl", "pass = 'linux.sysctls")
        .replace("impact = \"low\"", "impact = \"critical\"");
    tree.local_check("mine", "sample.toml", &broken);
    let (run, report) = tree.check(&["linux", "--fail-on", "never"]);
    assert_eq!(run.code, 0, "{run:?}");
    let judgement = verdict(&report, "linux.local-sample", "linux");
    assert_eq!((&judgement["verdict"], &judgement["impact"]), (&"unknown".into(), &"critical".into()));
    let detail = judgement["cause"]["detail"].as_str().unwrap();
    assert!(detail.contains("sample.toml:7") && detail.contains("`linux.sysctls`"), "{detail}");
    let coverage = |report: &serde_json::Value| report["readiness"]["coverage"].as_f64().unwrap();
    assert!(coverage(&report) < coverage(&before), "{} after {}", coverage(&report), coverage(&before));
    // A pack of which nothing can be used is not the same: there is nothing that could be counted as not judged.
    let header = tree.config("checks/mine/pack.toml");
    let text = fs::read_to_string(&header).unwrap();
    fs::write(header, text.replace("linux = \"^0.1\"", "linux = \"^99\"")).unwrap();
    assert_eq!(tree.run(&["check", "linux", "--fail-on", "never"]).code, 2);
}

#[test]
fn lint_says_it_to_programs_too() {
    let tree = Tree::new();
    let broken = check().replace("pass = 'linux.sysctl", "pass = 'linux.sysctls");
    tree.local_check("mine", "sample.toml", &broken.replace("impact = \"low\"", "impact = \"lwo\""));
    let run = tree.run(&["checks", "lint", "--format", "json"]);
    assert!(run.code == 2 && run.stderr.is_empty(), "{run:?}");
    let problems = run.report();
    let lines: Vec<_> = problems.as_array().unwrap().iter().map(|it| it["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [5, 7], "{problems:#}");
    assert!(problems[0]["file"].as_str().unwrap().ends_with("mine/sample.toml"), "{problems:#}");
    let run = tree.run(&["checks", "lint", "--format", "sarif"]);
    assert!(run.code == 2 && run.stderr.is_empty(), "{run:?}");
    let results = run.report()["runs"][0]["results"].clone();
    assert_eq!(results.as_array().unwrap().len(), 2, "{results:#}");
    assert_eq!(results[1]["locations"][0]["physicalLocation"]["region"]["startLine"], 7);
}

#[test]
fn a_good_local_check_is_used_and_marked() {
    let tree = Tree::new();
    tree.local_check("mine", "sample.toml", &check());
    let run = tree.run(&["checks", "lint"]);
    assert_eq!(run.code, 0, "{run:?}");
    let test = tree.run(&["checks", "test"]);
    assert_eq!(test.code, 0, "{test:?}");
    let (_, report) = tree.check(&["linux", "--only", "linux.local-sample"]);
    assert_eq!(report["verdicts"][0]["local"], true, "{report:#}");
}

#[test]
fn a_case_that_fails_is_shown_with_its_place() {
    let tree = Tree::new();
    tree.local_check("mine", "sample.toml", &check().replace("= -1", "= 1"));
    let run = tree.run(&["checks", "test"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("negative") && run.stdout.contains("sample.toml:"), "{run:?}");
}

#[test]
fn an_id_counts_once() {
    let tree = Tree::new();
    tree.local_check("mine", "a.toml", &check());
    tree.local_check("mine", "b.toml", &check());
    let run = tree.run(&["checks", "lint"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("linux.local-sample") && run.stderr.contains("b.toml"), "{run:?}");
}

#[test]
fn a_pack_that_others_may_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::new();
    tree.local_check("mine", "sample.toml", &check());
    fs::set_permissions(tree.config("checks/mine/sample.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    let run = tree.run(&["checks", "list"]);
    assert!(
        run.stderr.contains("others may write to it (mode 666)") && run.stderr.contains("chmod"),
        "{run:?}"
    );
    assert!(!run.stdout.contains("linux.local-sample"), "{run:?}");
}

#[test]
fn an_empty_or_missing_root_is_no_root() {
    let tree = Tree::new();
    let empty = tree.scratch("empty");
    fs::create_dir(&empty).unwrap();
    let run = tree.run(&["check", "--root", &empty.display().to_string()]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.contains("this does not look like a root file system"), "{run:?}");
    let run = tree.run(&["check", "--root", "/nonexistent/root"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.contains("/nonexistent/root"), "{run:?}");
}

/// A root file system with an `os-release` and whatever can go wrong.
fn hostile_root(tree: &Tree) -> String {
    let root = tree.scratch("root");
    fs::create_dir_all(root.join("etc/sysctl.d")).unwrap();
    fs::create_dir_all(root.join("etc/postgresql/15/main")).unwrap();
    fs::write(
        root.join("etc/os-release"),
        "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
    )
    .unwrap();
    fs::write(root.join("etc/postgresql/15/main/postgresql.conf"), "fsync = off\nport = 5499\n").unwrap();
    fs::write(tree.scratch("outside.conf"), "vm.swappiness = 0\n").unwrap();
    symlink(tree.scratch("outside.conf"), root.join("etc/sysctl.d/90-out.conf")).unwrap();
    symlink("../../../../../outside.conf", root.join("etc/sysctl.d/91-up.conf")).unwrap();
    symlink("92-loop.conf", root.join("etc/sysctl.d/92-loop.conf")).unwrap();
    fs::write(
        root.join("etc/sysctl.d").join(std::ffi::OsStr::from_bytes(b"93-\xff\xfe.conf")),
        "vm.swappiness = 0\n",
    )
    .unwrap();
    fs::write(root.join("etc/sysctl.d/94-binary.conf"), [0_u8, 159, 146, 150, 10]).unwrap();
    let fifo =
        std::process::Command::new("mkfifo").arg(root.join("etc/sysctl.d/95-fifo.conf")).status().unwrap();
    assert!(fifo.success());
    root.display().to_string()
}

#[test]
fn a_hostile_root_is_inspected_without_leaving_or_waiting() {
    let tree = Tree::new();
    let root = hostile_root(&tree);
    let (run, report) =
        tree.check(&["--root", &root, "--save-facts", &tree.scratch("facts.json").display().to_string()]);
    assert!(!run.stderr.contains("panicked"), "{run:?}");
    let facts = fs::read_to_string(tree.scratch("facts.json")).unwrap();
    assert!(
        !facts.contains("90-out") || !facts.contains("\"value\": \"0\""),
        "nothing from outside: {facts}"
    );
    let targets: Vec<_> =
        report["targets"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(targets, ["linux", "postgresql:main"], "{report:#}");
    // Nothing of the machine on which the scan happens to run.
    for live in ["memory_bytes", "kernel", "name"] {
        let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
        assert_eq!(facts["host"][live]["$unknown"]["kind"], "not-applicable-here", "{live}");
    }
    assert!(report.get("host").is_none(), "{report:#}");
}

#[test]
fn output_that_cannot_be_written_is_exit_2_and_a_closed_pipe_is_quiet() {
    let tree = Tree::new();
    let run = tree.run(&["check", "linux", "--output", "/dev/full"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("cannot be written") && run.stderr.contains("/dev/full"), "{run:?}");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = tree.goodstead(&["check", "linux"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let run = Run::of(output);
    assert_eq!(run.code, 2, "{run:?}");

    let mut child = tree
        .goodstead(&["check", "linux", "--fail-on", "never"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
}

#[test]
fn usage_mistakes_are_named_with_what_was_meant() {
    let tree = Tree::new();
    for (arguments, words) in [
        (vec!["check", "linus"], "did you mean `linux`?"),
        (vec!["check", "--only", "linux.syncookies-of"], "did you mean `linux.syncookies-off`?"),
        (vec!["explain", "postgresql.fsync"], "did you mean `postgresql.fsync-off`?"),
        (vec!["plugins", "inspect", "linx"], "did you mean `linux`?"),
        (vec!["report", "show"], "no report is kept yet"),
        (vec!["check", "--facts", "/nonexistent"], "/nonexistent"),
        (vec!["check", "--min-coverage", "200"], "200"),
        (vec!["chekc"], "check"),
    ] {
        let run = tree.run(&arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(words), "{arguments:?}: {run:?}");
    }
}

#[test]
fn saved_facts_give_the_same_verdicts_and_edited_ones_are_held_against_the_contract() {
    let tree = Tree::new();
    let file = tree.scratch("facts.json").display().to_string();
    let (_, live) = tree.check(&["linux", "--save-facts", &file]);
    let (_, saved) = tree.check(&["--facts", &file]);
    let plain = |report: &serde_json::Value| {
        let judgements = report["verdicts"].as_array().unwrap().iter();
        // What compares with the previous scan has one only live.
        judgements
            .map(|it| (it["id"].clone(), it["verdict"].clone()))
            .filter(|(_, verdict)| verdict != "unknown")
            .collect::<Vec<_>>()
    };
    assert_eq!(plain(&live), plain(&saved));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("\"facts\": {", "\"facts\": { \"invented\": 1,", 1)).unwrap();
    let (_, edited) = tree.check(&["--facts", &file]);
    assert!(
        edited["targets"][0]["notes"].to_string().contains("`linux.invented` is not in the contract"),
        "{edited:#}"
    );
    fs::write(&file, "{}").unwrap();
    assert_eq!(tree.run(&["check", "--facts", &file]).code, 2);
}

#[test]
fn thresholds_decide_the_exit_code() {
    let tree = Tree::new();
    let failing = check()
        .replace(">= 0'", "< 0'")
        .replace("expect = \"pass\"", "expect = \"x\"")
        .replace("expect = \"fail\"", "expect = \"pass\"")
        .replace("expect = \"x\"", "expect = \"fail\"");
    tree.local_check("mine", "sample.toml", &failing);
    let code =
        |level: &str| tree.run(&["check", "linux", "--only", "linux.local-sample", "--fail-on", level]).code;
    assert_eq!([code("low"), code("medium"), code("never")], [1, 0, 0]);
    let unknown = tree.run(&["check", "linux", "--min-coverage", "100", "--fail-on", "never"]);
    assert!(matches!(unknown.code, 0 | 2), "{unknown:?}");
}
