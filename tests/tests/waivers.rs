//! Waivers, through the shipped program: accepted is not passed, it is always shown, and it ends by itself.

use goodstead_tests::desk::Desk;
use goodstead_tests::tree::{Run, Tree, verdict};
use serde_json::Value as Json;

/// A check that fails on every live host, and is critical.
const CHECK: &str = r#"id = "linux.always-up"
title = "The host is up"
since = "0.1.0"
concern = "operability"
impact = "critical"
likelihood = "high"
pass = 'linux.uptime_seconds < 0'
evidence = ['linux.uptime_seconds']
why = "It is a sample."
remedy = "Do nothing."
[[case]]
name = "down"
facts.linux.uptime_seconds = -1
expect = "pass"
[[case]]
name = "up"
facts.linux.uptime_seconds = 1
expect = "fail"
[[case]]
name = "not read"
facts.linux.uptime_seconds = "$unknown"
expect = "unknown"
"#;

const ID: &str = "linux.always-up";

fn tree() -> Tree {
    let tree = Tree::new();
    tree.local_check("mine", "always-up.toml", CHECK);
    tree
}

fn waive(tree: &Tree, more: &[&str]) -> Run {
    tree.run(&[&["waive", ID, "--reason", "it is meant to run", "--until", "2031-01-01"], more].concat())
}

/// As if the last day of every waiver had passed.
fn expire(tree: &Tree) {
    let state = rusqlite::Connection::open(tree.scratch("state/state.db")).unwrap();
    assert!(state.execute("UPDATE waivers SET until = '2026-01-31'", []).unwrap() > 0);
}

/// What a waiver must not move: the range, and the points that explain it, in hundredths.
fn numbers(report: &Json) -> (Json, i64) {
    let verdicts = report["verdicts"].as_array().unwrap().iter();
    let points = verdicts.map(|one| (one["points"].as_f64().unwrap() * 100.0).round() as i64).sum();
    let high = (report["readiness"]["range"]["high"].as_f64().unwrap() * 100.0).round() as i64;
    assert_eq!(points, 10_000 - high);
    (report["readiness"]["range"].clone(), points)
}

#[test]
fn what_is_waived_is_shown_costs_its_points_and_does_not_decide_the_exit_code() {
    let tree = tree();
    let only = ["linux", "--only", ID];
    let (before, found) = tree.check(&only);
    assert_eq!((before.code, &verdict(&found, ID, "linux")["verdict"]), (1, &Json::from("fail")));

    let run = waive(&tree, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("until the end of 2031-01-01 UTC"), "{run:?}");
    let (after, report) = tree.check(&only);
    assert_eq!(after.code, 0, "{after:?}");
    let judged = verdict(&report, ID, "linux");
    assert_eq!(judged["verdict"], "waived");
    assert_eq!(judged["waiver"]["why"], "it is meant to run");
    assert_eq!(judged["waiver"]["until"], "2031-01-01");
    assert!(!judged["waiver"]["who"].as_str().unwrap().is_empty());
    assert_eq!(numbers(&found), numbers(&report), "accepting a risk does not make it smaller");
    assert_eq!(
        (&report["readiness"]["failed"], &report["readiness"]["waived"], &report["readiness"]["passed"]),
        (&Json::from(0), &Json::from(1), &Json::from(0))
    );

    let shown = tree.run(&["report", "show", report["id"].as_str().unwrap()]).stdout;
    for part in ["0 failed, 1 waived", "The host is up", "waived until 2031-01-01, by", "it is meant to run"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let explained = tree.run(&["explain", ID]).stdout;
    assert!(explained.contains("every target: until 2031-01-01"), "{explained}");

    let ended = tree.run(&["waive", "--remove", ID]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(tree.check(&only).0.code, 1);
    assert_eq!(tree.run(&["waive", "--list"]).stdout, "nothing is waived\n");
}

#[test]
fn an_expired_waiver_is_a_finding_again_and_the_report_says_so() {
    let tree = tree();
    waive(&tree, &["--target", "linux"]);
    expire(&tree);
    let (run, report) = tree.check(&["linux", "--only", ID]);
    assert_eq!(run.code, 1, "{run:?}");
    let judged = verdict(&report, ID, "linux");
    assert_eq!((&judged["verdict"], &judged["waiver"]["until"]), (&"fail".into(), &"2026-01-31".into()));
    let shown = tree.run(&["report", "show", report["id"].as_str().unwrap()]).stdout;
    assert!(shown.contains("waived until 2026-01-31, which is over"), "{shown}");
    let listed = tree.run(&["waive", "--list"]).stdout;
    assert!(listed.contains("2026-01-31 expired"), "{listed}");
}

#[test]
fn a_waiver_that_does_nothing_is_told_where_the_scan_looked() {
    let tree = tree();
    tree.local_check(
        "mine",
        "never.toml",
        &CHECK.replace(ID, "linux.never").replace("linux.uptime_seconds <", "linux.uptime_seconds !="),
    );
    let told = |arguments: &[&str]| tree.check(arguments).1["warnings"].to_string();
    let unmatched = "the waiver of linux.always-up on linux:gone fits no check and target";
    waive(&tree, &["--target", "linux:gone"]);
    assert!(told(&["linux"]).contains(unmatched));
    assert!(!told(&["linux", "--only", "linux.swappiness-zero"]).contains("waiver"), "it looked elsewhere");
    let file = tree.scratch("facts.json").display().to_string();
    tree.check(&["linux", "--save-facts", &file]);
    assert!(!told(&["--facts", &file]).contains("waiver"), "saved facts may be another host's");

    // Broken, removed or renamed: the check is not there any more.
    std::fs::remove_file(tree.config("checks/mine/always-up.toml")).unwrap();
    assert!(told(&["linux"]).contains("waive --remove linux.always-up --target linux:gone"));
    tree.run(&["waive", "--remove", ID, "--target", "linux:gone"]);

    let run = tree.run(&["waive", "linux.never", "--reason", "x", "--until", "2031-01-01"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!told(&["linux"]).contains("waiver"), "what passes may fail again");
    expire(&tree);
    assert!(
        told(&["linux"]).contains("the waiver of linux.never expired after 2026-01-31 and is not needed")
    );
}

#[test]
fn where_a_plugin_fails_nothing_is_said_of_its_waivers() {
    let tree = tree();
    let run = waive(&tree, &["--target", "linux:gone"]);
    assert_eq!(run.code, 0, "{run:?}");
    std::fs::remove_file(tree.path("lib/goodstead/plugins/linux/plugin.sig")).unwrap();
    let (run, report) = tree.check(&["linux"]);
    assert_eq!(run.code, 2, "nothing can be judged: {run:?}");
    assert!(!report["warnings"].to_string().contains("the waiver of"), "{}", report["warnings"]);
}

#[test]
fn what_cannot_be_a_waiver_is_refused_with_the_reason() {
    let tree = tree();
    let waive = |id: &str, reason: &str, until: &str, more: &[&str]| {
        let run = tree.run(&[&["waive", id, "--reason", reason, "--until", until], more].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
        run.stderr
    };
    for (told, words) in [
        (waive("linux.always-pu", "x", "2031-01-01", &[]), "did you mean `linux.always-up`?"),
        (waive(ID, " ", "2031-01-01", &[]), "the reason is empty"),
        (waive(ID, "a\nb", "2031-01-01", &[]), "not one line"),
        (waive(ID, "x", "2020-01-01", &[]), "in the past"),
        (waive(ID, "x", "2999-01-01", &[]), "more than 5 years away"),
        (waive(ID, "x", "tomorrow", &[]), "not a date (YYYY-MM-DD)"),
        (waive(ID, "x", "2031-01-01", &["--target", "postgresql:main"]), "about targets of `linux`"),
        (tree.run(&["waive", ID]).stderr, "--reason"),
        (tree.run(&["waive"]).stderr, "ID"),
        (tree.run(&["waive", "--remove", ID]).stderr, "is not waived"),
        (tree.run(&["waive", "--list", ID]).stderr, "cannot be used with"),
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(tree.run(&["waive", "--list", "--format", "json"]).report(), serde_json::json!([]));
}

#[test]
fn the_name_is_that_of_the_user_behind_sudo() {
    let tree = tree();
    let named = |sudo: &str| {
        let arguments = ["waive", ID, "--reason", "x", "--until", "2031-01-01"];
        let output = tree.goodstead(&arguments).env("SUDO_USER", sudo).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let list = tree.run(&["waive", "--list", "--format", "json"]).report();
        list[0]["waiver"]["who"].as_str().unwrap().to_owned()
    };
    let caller = named("");
    let behind = if goodstead_tests::is_root() { "daemon" } else { caller.as_str() };
    assert_eq!(named("daemon"), behind);
    assert_eq!(named("nobody\nat all"), caller, "who is no user is not believed");
}

#[test]
fn a_waiver_replaces_the_one_before_and_what_holds_goes_first() {
    let tree = tree();
    waive(&tree, &[]);
    let again =
        tree.run(&["waive", ID, "--reason", "until the move", "--until", "2030-06-30", "--target", "linux"]);
    assert_eq!(again.code, 0, "{again:?}");
    let again = tree.run(&[
        "waive",
        ID,
        "--reason",
        "the move is late",
        "--until",
        "2030-12-31",
        "--target",
        "linux",
    ]);
    assert!(again.stdout.contains("(before: until 2030-06-30)"), "{again:?}");
    let list = tree.run(&["waive", "--list", "--format", "json"]).report();
    assert_eq!(list.as_array().unwrap().len(), 2, "{list}");
    let (_, report) = tree.check(&["linux", "--only", ID]);
    assert_eq!(verdict(&report, ID, "linux")["waiver"]["why"], "the move is late");
}

#[test]
fn the_desk_takes_what_is_waived_and_shows_who_accepts_it() {
    let tree = tree();
    let desk = Desk::start(&tree, &tree.scratch("desk.db"));
    let enrolled = tree.run(&["enroll", &desk.url, "--token", &desk.token]);
    assert_eq!(enrolled.code, 0, "{enrolled:?}");
    waive(&tree, &[]);
    let (_, report) = tree.check(&[]);
    let sent = tree.run(&["report", "send"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let (status, page) = desk.get(&format!("/reports/{}", report["id"].as_str().unwrap()));
    assert_eq!(status, 200);
    assert!(page.contains("<h2>Waived</h2>") && page.contains("it is meant to run"), "{page}");
    assert!(desk.get("/").1.contains("1 waived"));
}
