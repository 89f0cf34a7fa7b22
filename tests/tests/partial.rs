//! A scan of a part of the host: marked, kept, and never taken for the whole.

use goodstead_tests::desk::Desk;
use goodstead_tests::postgres::Postgres;
use goodstead_tests::tree::Tree;
use serde_json::Value as Json;

fn id(report: &Json) -> &str {
    report["id"].as_str().unwrap()
}

/// Every way to make a partial report, with what it says of itself.
fn parts(tree: &Tree) -> Vec<(Vec<String>, String)> {
    let facts = tree.scratch("facts.json").display().to_string();
    let root = tree.scratch("root");
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\n").unwrap();
    let root = root.display().to_string();
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    vec![
        (owned(&["linux", "--save-facts", &facts]), "only linux".to_owned()),
        (owned(&["--only", "linux.swappiness-zero"]), "only the check linux.swappiness-zero".to_owned()),
        (owned(&["--facts", &facts]), format!("only the facts in {facts}")),
        (owned(&["--root", &root]), format!("only the file system in {root}")),
    ]
}

#[test]
fn a_partial_report_is_marked_and_is_never_the_latest() {
    let tree = Tree::new();
    let none = tree.run(&["check", "linux", "--fail-on", "never"]);
    assert!(none.words().contains("partial: only linux"), "{none:?}");
    for command in [&["report", "show"][..], &["report", "send"], &["report", "preview"]] {
        let run = tree.run(command);
        assert!(run.code == 2 && run.stderr.contains("the last check was partial (only linux)"), "{run:?}");
    }
    let (_, full) = tree.check(&["--fail-on", "never"]);
    assert_eq!(full["selection"], serde_json::json!({}));
    for (arguments, limit) in parts(&tree) {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (run, part) = tree.check(&[&arguments[..], &["--fail-on", "never"]].concat());
        assert!(run.code == 0 || arguments.contains(&"--only"), "{run:?}");
        let shown = tree.run(&["report", "show", "--format", "json"]);
        assert_eq!(id(&shown.report()), id(&full), "{limit}");
        assert!(shown.stderr.contains(&limit) && shown.stderr.contains(&id(&part)[..12]), "{shown:?}");
        let named = tree.run(&["report", "show", id(&part)]);
        assert_eq!((named.code, named.stderr.as_str()), (0, ""), "{named:?}");
        assert!(named.words().contains(&format!("partial: {limit}")), "{named:?}");
        let list = tree.run(&["report", "list"]).stdout;
        assert!(list.contains(&format!("partial: {limit}")), "{list}");
        let status = tree.run(&["status", "--format", "json"]).report();
        assert_eq!(id(&status["state"]["last"]), id(&full), "{limit}");
    }
    let (_, next) = tree.check(&["--fail-on", "never"]);
    let shown = tree.run(&["report", "show", "--format", "json"]);
    assert_eq!((id(&shown.report()), shown.stderr.as_str()), (id(&next), ""));
}

#[test]
fn a_partial_report_is_sent_only_when_that_is_asked_for_and_changes_nothing_at_the_desk() {
    let tree = Tree::new();
    let desk = Desk::start(&tree, &tree.scratch("desk.db"));
    let enrolled = tree.run(&["enroll", &desk.url, "--token", &desk.token]);
    assert_eq!(enrolled.code, 0, "{enrolled:?}");
    let (_, full) = tree.check(&["--fail-on", "never"]);
    assert_eq!(tree.run(&["report", "send"]).code, 0);
    let (_, part) = tree.check(&["--only", "linux.swappiness-zero", "--fail-on", "never"]);

    let refused = tree.run(&["report", "send", id(&part)]);
    assert!(refused.code == 2 && refused.stderr.contains("--partial"), "{refused:?}");
    assert_eq!(desk.get(&format!("/reports/{}.json", id(&part))).0, 404, "it did not leave");
    let again = tree.run(&["report", "send"]);
    assert!(again.stdout.contains(id(&full)) && !again.stdout.contains(id(&part)), "{again:?}");

    let sent = tree.run(&["report", "send", id(&part), "--partial"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let (status, received) = desk.get(&format!("/reports/{}.json", id(&part)));
    assert_eq!(status, 200);
    let received: Json = serde_json::from_str(&received).unwrap();
    assert_eq!(received["selection"]["only"][0], "linux.swappiness-zero", "marked on the wire");
    let board = desk.get("/").1;
    assert!(board.contains(&format!("/reports/{}\"", id(&full))), "{board}");
    assert!(board.contains("partial: only the check linux.swappiness-zero"), "{board}");
}

/// Checks of PostgreSQL read facts of the host; those are gathered for them, and neither judged nor shown.
#[test]
fn one_product_alone_is_judged_as_in_the_full_scan() {
    let tree = Tree::new();
    let postgres = Postgres::start("");
    tree.configure(&postgres.reader());
    let (_, full) = tree.check(&["--fail-on", "never"]);
    let log = tree.scratch("access.json").display().to_string();
    let (_, part) = tree.check(&["postgresql:test", "--fail-on", "never", "--access-log", &log]);
    // Of the host only that is gathered which its checks read.
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("/proc/self/mountinfo") && !log.contains("/etc/shadow"), "{log}");
    let verdicts = |report: &Json| -> Vec<(String, String)> {
        let all = report["verdicts"].as_array().unwrap().iter();
        let mut of: Vec<_> = all
            .filter(|one| one["target"] == "postgresql:test")
            // At the second scan these have something to compare with.
            .filter(|one| one["cause"]["kind"] != "no-previous-scan")
            .map(|one| (one["id"].as_str().unwrap().to_owned(), one["cause"]["detail"].to_string()))
            .collect();
        of.sort();
        of
    };
    let targets: Vec<_> = part["targets"].as_array().unwrap().iter().map(|it| it["id"].as_str()).collect();
    assert_eq!(targets, [Some("postgresql:test")]);
    assert!(part["verdicts"].as_array().unwrap().iter().all(|one| one["target"] == "postgresql:test"));
    assert!(!part["verdicts"].to_string().contains("there are no facts of `linux`"), "{part:#}");
    let (full, part) = (verdicts(&full), verdicts(&part));
    assert!(full.iter().all(|one| part.contains(one)), "{full:#?}\n{part:#?}");
    // Where no selected check reads them, they are not gathered.
    let (_, few) = tree.check(&["postgresql:test", "--only", "postgresql.fsync-off", "--fail-on", "never"]);
    assert!(few["access"].get("linux").is_none(), "{}", few["access"]);
}

#[test]
fn a_first_scan_says_what_it_cannot_compare_yet_and_counts_none_of_it() {
    let tree = Tree::new();
    let (_, first) = tree.check(&["--fail-on", "never"]);
    let waiting = |report: &Json| {
        let all = report["verdicts"].as_array().unwrap().iter();
        let unknown = all.clone().filter(|one| one["verdict"] == "unknown");
        for one in unknown {
            assert_ne!(one["cause"]["kind"], "no-previous-scan", "{one:#}");
        }
        all.filter(|one| one["verdict"] == "not-yet-judged").count() as u64
    };
    assert_eq!(first["readiness"]["not_yet_judged"], waiting(&first));
    let (_, second) = tree.check(&["--fail-on", "never"]);
    assert_eq!((waiting(&second), &second["readiness"]["not_yet_judged"]), (0, &Json::from(0)));
}
