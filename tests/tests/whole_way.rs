//! The whole way, once: a real PostgreSQL and this host, plugins, engine, report, desk.

use goodstead_model::Report;
use goodstead_tests::desk::Desk;
use goodstead_tests::postgres::Postgres;
use goodstead_tests::tree::{Tree, verdict};

#[test]
fn from_plugin_to_desk() {
    let tree = Tree::new();
    let postgres = Postgres::start("");
    tree.configure(&postgres.reader());
    let desk = Desk::start(&tree, &tree.scratch("desk.db"));

    // Enrol: the token works once.
    std::fs::write(tree.scratch("token"), &desk.token).unwrap();
    let token = tree.scratch("token").display().to_string();
    let enrolled = tree.run(&["enroll", &desk.url, "--token-file", &token]);
    assert_eq!(enrolled.code, 0, "{enrolled:?}");
    let other = Tree::new();
    let again = other.run(&["enroll", &desk.url, "--token-file", &token]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("the desk refused the token"), "{again:?}");

    // Check: both plugins found their targets and said something.
    let (run, report) = tree.check(&[]);
    assert!(matches!(run.code, 0 | 1), "{run:?}");
    assert_eq!(verdict(&report, "postgresql.fsync-off", "postgresql:test")["verdict"], "pass");
    let targets: Vec<_> =
        report["targets"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(targets.contains(&"linux") && targets.contains(&"postgresql:test"), "{targets:?}");
    let notes: Vec<_> =
        report["targets"].as_array().unwrap().iter().filter_map(|it| it.get("notes")).collect();
    assert!(notes.is_empty(), "the plugins keep their contracts: {notes:?}");

    // What is shown, kept, previewed and received is one report.
    let preview = tree.run(&["report", "preview"]);
    let parsed: Report = serde_json::from_str(&preview.stdout).unwrap();
    assert_eq!(report["id"], parsed.id.as_str());
    let sent = tree.run(&["report", "send"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let (status, received) = desk.get(&format!("/reports/{}.json", parsed.id));
    assert_eq!((status, received), (200, preview.stdout), "the desk has the very bytes of the preview");

    // The same report again is no trouble and no second report.
    let again = tree.run(&["report", "send", &parsed.id]);
    assert_eq!(again.code, 0, "{again:?}");
    let (_, board) = desk.get("/");
    assert_eq!(board.matches(&format!("/reports/{}\"", parsed.id)).count().min(1), 1, "{board}");
    let (status, page) = desk.get(&format!("/reports/{}", parsed.id));
    assert_eq!(status, 200);
    assert!(page.contains("postgresql:test"), "{page}");

    // Leaving: the desk does not take reports of this node any more, and the agent says so.
    let left = tree.run(&["enroll", "--remove"]);
    assert_eq!(left.code, 0, "{left:?}");
    let unsent = tree.run(&["report", "send"]);
    assert_eq!(unsent.code, 1, "{unsent:?}");
    assert!(unsent.stderr.contains("not enrolled") && unsent.stderr.contains("spooled"), "{unsent:?}");
}

#[test]
fn the_text_and_the_machine_face_tell_the_same() {
    let tree = Tree::new();
    let text = tree.run(&["check"]);
    let shown = tree.run(&["report", "show"]);
    assert_eq!(text.stdout, shown.stdout);
    let json = tree.run(&["report", "show", "--format", "json"]).report();
    for judgement in json["verdicts"].as_array().unwrap() {
        let title = judgement["title"].as_str().unwrap();
        assert_eq!(text.words().contains(title), judgement["verdict"] == "fail", "{title}: {}", text.stdout);
    }
    assert!(!text.stdout.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn points_add_up_to_what_is_lost() {
    let tree = Tree::new();
    let postgres = Postgres::start("fsync = off\nfull_page_writes = off\nautovacuum = off");
    tree.configure(&postgres.reader());
    let (run, report) = tree.check(&[]);
    assert_eq!(run.code, 1, "{run:?}");
    let hundredths = |value: &serde_json::Value| (value.as_f64().unwrap() * 100.0).round() as i64;
    let lost: i64 = report["verdicts"].as_array().unwrap().iter().map(|it| hundredths(&it["points"])).sum();
    assert_eq!(lost, 10_000 - hundredths(&report["readiness"]["range"]["high"]));
    assert_eq!(report["readiness"]["worst"], "postgresql:test");
}
