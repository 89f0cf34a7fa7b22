//! Capabilities, milestones and tasks as a whole: read, proved, judged for deployments, scored and explained.

mod properties;

use std::collections::BTreeMap;

use goodstead_model::{Entitlement, Reached, Stage, Verdict};
use goodstead_protocol::document::Document;
use goodstead_protocol::fact::{CauseKind, Fact};
use serde_json::{Value as Json, json};

use super::{Counts, Given};
use crate::fixture::{CHECK, facts, lines, loaded, plugins, waiver};
use crate::{
    Accepted, Assessment, Figures, Pack, PackSource, Target, Waivers, assess, load, load_to_judge, run_cases,
};

const CAPABILITY: &str = r#"kind = "capability"
id = "demo.replicas"
title = "Replicas"
since = "0.1.0"
applies = 'demo.size_bytes > 0'
configured = 'demo.primary'
used = 'size(demo.names) > 0'
extent = 'double(size(demo.names)) / double(quantity)'
weight = 3
blocked_by = ["demo.port-taken"]
why = "A copy takes over."
remedy = "Start one on another port than {{ demo.port }}."
[[case]]
name = "none set up"
facts.demo = { size_bytes = 1, primary = false, names = ["a"] }
expect = { configured = false, used = false, extent = 0.0 }
[[case]]
name = "one of two"
quantity = 2
facts.demo = { size_bytes = 1, primary = true, names = ["a"] }
expect = { configured = true, used = true, extent = 0.5 }
[[case]]
name = "not known"
facts.demo = { size_bytes = 1, primary = true, names = "$unknown" }
expect = { configured = true, used = "unknown", extent = "unknown" }
[[case]]
name = "empty"
facts.demo = { size_bytes = 0 }
expect = "not-applicable"
"#;

const MILESTONE: &str = r#"kind = "milestone"
id = "demo.first-row"
title = "The first row"
since = "0.1.0"
applies = 'demo.size_bytes > 0'
reached = 'demo.tables.exists(t, t.rows > 0)'
why = "Somebody uses it."
remedy = "Insert one."
[[case]]
name = "a row"
facts.demo = { size_bytes = 1, tables = [{ name = "t", rows = 1, indexes = [] }] }
expect = "reached"
[[case]]
name = "no row"
facts.demo = { size_bytes = 1, tables = [] }
expect = "not-reached"
[[case]]
name = "not known"
facts.demo = { size_bytes = 1, tables = "$unknown" }
expect = "unknown"
[[case]]
name = "empty"
facts.demo = { size_bytes = 0 }
expect = "not-applicable"
"#;

const TASK: &str = r#"kind = "task"
id = "demo.save"
title = "Saving"
since = "0.1.0"
attempts = 'demo.port - previous.port'
completions = 'demo.size_bytes - previous.size_bytes'
window_days = 30
why = "What is not saved is lost."
remedy = "Look at port {{ demo.port }}."
[[case]]
name = "two of three"
facts = { demo = { port = 8, size_bytes = 7 }, previous = { port = 5, size_bytes = 5 } }
expect = { attempts = 3, completions = 2 }
[[case]]
name = "the first scan"
facts.demo = { port = 8, size_bytes = 7 }
expect = "unknown"
[[case]]
name = "counters went back"
facts = { demo = { port = 4, size_bytes = 4 }, previous = { port = 5, size_bytes = 5 } }
expect = "unknown"
"#;

/// What is wrong with one of the three when `from` is replaced by `to`.
fn told(file: &str, from: &str, to: &str) -> String {
    assert!(file.contains(from), "{from}");
    let loaded = loaded(&[CHECK, &file.replacen(from, to, 1)]);
    assert_eq!(loaded.pack.as_ref().unwrap().goals().count(), usize::from(loaded.diagnostics.is_empty()));
    lines(&loaded)
}

fn pack() -> Pack {
    let loaded = loaded(&[CHECK, CAPABILITY, MILESTONE, TASK]);
    assert_eq!(lines(&loaded), "");
    loaded.pack.unwrap()
}

fn target(name: &str, deployment: &str, sent: Json, previous: Option<Json>) -> Target {
    Target {
        id: format!("demo:{name}"),
        plugin: "demo".to_owned(),
        facts: facts(sent),
        previous: previous.map(facts),
        container: None,
        importance: 1.0,
        deployment: deployment.to_owned(),
    }
}

fn given(quantity: u32) -> Given {
    let entitlement = Entitlement {
        customer: "Example".to_owned(),
        deployment: "shop".to_owned(),
        valid_until: "2027-12-31".to_owned(),
        key: "vendor.pub".to_owned(),
        licensed: BTreeMap::from([("demo.replicas".to_owned(), quantity), ("demo.nonsense".to_owned(), 1)]),
    };
    Given { time: "2026-11-22T00:00:00Z".to_owned(), entitlement: Some(entitlement), ..Given::default() }
}

fn assessed(targets: &[Target], given: &Given) -> Assessment {
    waived(targets, &Waivers::default(), given)
}

fn waived(targets: &[Target], waivers: &Waivers, given: &Given) -> Assessment {
    assess(&[pack()], targets, &Fact::record(), waivers, &Figures::shipped().unwrap(), given)
}

/// Stage, extent and obstacle of the one capability.
fn chain(targets: &[Target]) -> (Stage, Option<f64>, Option<String>) {
    let found = assessed(targets, &given(2)).adoption.unwrap();
    let one = found.capabilities.into_iter().next().unwrap();
    (one.stage, one.extent, one.stuck_on.map(|obstacle| format!("{} on {}", obstacle.id, obstacle.target)))
}

fn unknown() -> Json {
    json!({"$unknown": {"kind": "not-permitted", "detail": "no right"}})
}

#[test]
fn the_cases_hold_and_one_that_differs_is_told() {
    let problems = |file: &str| -> Vec<String> {
        let loaded = loaded(&[CHECK, file]);
        assert_eq!(lines(&loaded), "");
        let outcomes = run_cases(&loaded.pack.unwrap());
        outcomes.into_iter().filter_map(|outcome| outcome.problem).map(|found| found.to_string()).collect()
    };
    for file in [CAPABILITY, MILESTONE, TASK] {
        assert_eq!(problems(file), Vec::<String>::new());
    }
    insta::assert_snapshot!(problems(&CAPABILITY.replace("extent = 0.5", "extent = 0.6")).join("\n"), @r#"demo/check-1.toml:18:8: case "one of two" gives configured true, used true, extent 0.5, not configured true, used true, extent 0.6"#);
    insta::assert_snapshot!(problems(&MILESTONE.replace("rows > 0", "rows > 1")).join("\n"), @r#"demo/check-1.toml:10:8: case "a row" gives not-reached, not reached"#);
    insta::assert_snapshot!(problems(&TASK.replace("completions = 2", "completions = 3")).join("\n"), @r#"demo/check-1.toml:11:8: case "two of three" gives attempts 3, completions 2, not attempts 3, completions 3"#);
}

#[test]
fn what_is_written_wrong_is_told_with_its_place() {
    insta::assert_snapshot!(told(CAPABILITY, "kind = \"capability\"", "kind = \"capabilty\""), @"demo/check-1.toml:1:8: unknown word `capabilty`, expected one of `check`, `capability`, `milestone`, `task` (did you mean `capability`?)");
    insta::assert_snapshot!(told(CAPABILITY, "used =", "usde ="), @"demo/check-1.toml:7:1: unknown key `usde`, expected one of `kind`, `id`, `title`, `since`, `applies`, `configured`, `used`, `extent`, `weight`, `blocked_by`, `why`, `remedy`, `links`, `case` (did you mean `used`?)");
    insta::assert_snapshot!(told(CAPABILITY, "demo.port-taken", "demo.port-taken2"), @"demo/check-1.toml:10:15: this pack has no check `demo.port-taken2` (did you mean `demo.port-taken`?)");
    insta::assert_snapshot!(told(CAPABILITY, "weight = 3", "weight = 0"), @"demo/check-1.toml:9:10: a weight must be above 0, and this is 0 (1 is the default)");
    insta::assert_snapshot!(told(CAPABILITY, "extent = 'double", "extent = 'string"), @"demo/check-1.toml:8:11: `/` does not work on text and a float");
    insta::assert_snapshot!(told(CAPABILITY, "used = 'size(demo.names) > 0'", "used = 'quantity > 0'"), @"demo/check-1.toml:7:9: `quantity` is not known here (`quantity` is known in `extent` alone)");
    insta::assert_snapshot!(told(CAPABILITY, "configured = false, used = false", "used = false"), @r#"demo/check-1.toml:16:10: a capability's `expect` is { configured = true, used = false, extent = 0.0 }, each a value or "unknown", or it is "not-applicable""#);
    insta::assert_snapshot!(told(CAPABILITY, "used = true, extent = 0.5", "used = false, extent = 0.0"), @"demo/check-1.toml:2:6: no case expects `used = true` (a capability has at least one [[case]] in which it is used, one in which it is not, and one that is unknown)");
    insta::assert_snapshot!(told(MILESTONE, "\"reached\"", "\"done\""), @"demo/check-1.toml:12:10: unknown word `done`, expected one of `reached`, `not-reached`, `unknown`, `not-applicable` (known here: reached, not-reached, unknown, not-applicable)");
    insta::assert_snapshot!(told(MILESTONE, "\"not-reached\"", "\"reached\""), @"demo/check-1.toml:2:6: no case expects `not-reached` (a milestone has at least one [[case]] that is reached, one that is not-reached and one that is unknown)");
    insta::assert_snapshot!(told(MILESTONE, "demo.tables.exists(t, t.rows > 0)", "demo.port"), @"demo/check-1.toml:6:11: a condition must be true or false, and this is a whole number (compare it with something)");
    insta::assert_snapshot!(told(TASK, "window_days = 30", "window_days = 0"), @"demo/check-1.toml:7:15: a window has 1 to 365 days, and this has 0 (30 is a good one)");
    insta::assert_snapshot!(told(TASK, "attempts = 3, completions = 2", "attempts = 3"), @r#"demo/check-1.toml:13:10: a task's `expect` is { attempts = 3, completions = 2 }, or it is "unknown" or "not-applicable""#);
    insta::assert_snapshot!(told(TASK, "'demo.port - previous.port'", "'demo.ratio'"), @"demo/check-1.toml:5:12: this must be a whole number, and is a float (size() counts, int() makes one of a scalar)");
    insta::assert_snapshot!(told(TASK, "demo.save", "demo.port-taken"), @"demo/check-1.toml:2:6: the id `demo.port-taken` is taken by demo/check-0.toml (an id names one thing and is never reused)");
}

#[test]
fn accepting_a_finding_takes_nothing_out_of_the_way() {
    let targets = [target("a", "shop", json!({"port": 80, "size_bytes": 1, "primary": false}), None)];
    let accepted =
        Accepted { check: "demo.port-taken".to_owned(), target: None, waiver: waiver("2027-01-01") };
    let waivers = Waivers { all: vec![accepted], today: "2026-11-22".to_owned() };
    let found = waived(&targets, &waivers, &given(1));
    assert_eq!(found.judgements[0].verdict, Verdict::Waived);
    let chain = &found.adoption.unwrap().capabilities[0];
    assert_eq!(chain.stuck_on.as_ref().unwrap().id, "demo.port-taken");
}

#[test]
fn judging_needs_no_cases() {
    let cut = |text: &str| text.split("[[case]]").next().unwrap().to_owned();
    let file = |(number, text): (usize, &str)| Document::new(format!("demo/{number}.toml"), cut(text));
    let mut documents: Vec<_> =
        [CHECK, CAPABILITY, MILESTONE, TASK].into_iter().enumerate().map(file).collect();
    let header = "name = 'demo'\ntitle = 'D'\nversion = '0.1.0'\n[requires]\ndemo = '^0.1'\nlinux = '^0.1'\n";
    documents.push(Document::new("demo/pack.toml", header));
    let source = PackSource { name: "demo".to_owned(), documents, local: false };
    let whole = load(source.clone(), &plugins());
    assert_eq!(lines(&whole).matches("no case expects").count(), 4);
    let bare = load_to_judge(source, &plugins(), &["demo".to_owned()].into());
    assert_eq!((lines(&bare).as_str(), bare.pack.unwrap().goals().count()), ("", 3));
}

#[test]
fn what_is_for_other_plugins_is_not_even_parsed_and_still_part_of_the_pack() {
    let other = "# A comment.\nkind = \"task\"\nid = \"linux.any\"\n= no TOML\n";
    let unclear = "why = \"\"\"\nid = \"linux.any\"\n\"\"\"\n";
    let load = |wanted: &str, texts: &[&str]| {
        let header =
            "name = 'demo'\ntitle = 'D'\nversion = '0.1.0'\n[requires]\ndemo = '^0.1'\nlinux = '^0.1'\n";
        let mut documents = vec![Document::new("demo/pack.toml", header)];
        let file = |(number, text): (usize, &&str)| Document::new(format!("demo/{number}.toml"), *text);
        documents.extend(texts.iter().enumerate().map(file));
        let source = PackSource { name: "demo".to_owned(), documents, local: false };
        load_to_judge(source, &plugins(), &[wanted.to_owned()].into())
    };
    let mine = load("demo", &[CHECK, other]);
    assert_eq!((lines(&mine).as_str(), mine.pack.as_ref().unwrap().checks.len()), ("", 1));
    let theirs = load("linux", &[CHECK, other]);
    assert_eq!(lines(&theirs).matches("demo/1.toml:4:1").count(), 1, "{}", lines(&theirs));
    assert!(theirs.pack.as_ref().unwrap().is_empty());
    assert_eq!(mine.pack.unwrap().hash, theirs.pack.unwrap().hash);
    assert!(lines(&load("demo", &[unclear])).contains("missing key"), "an id within a text is none");
}

#[test]
fn the_chain_ends_where_it_ends_and_names_what_it_is_stuck_on() {
    let one = |sent: Json| chain(&[target("a", "shop", sent, None)]);
    let stuck = || Some("demo.port-taken on demo:a".to_owned());
    let sent = |port: i64, primary: bool, names: Json| json!({"size_bytes": 1, "port": port, "primary": primary, "names": names});
    assert_eq!(one(sent(80, false, json!([]))), (Stage::NotConfigured, Some(0.0), stuck()));
    assert_eq!(one(sent(81, true, json!([]))), (Stage::NotUsed, Some(0.0), None));
    assert_eq!(one(sent(81, true, json!(["a"]))), (Stage::PartlyUsed, Some(0.5), None));
    assert_eq!(one(sent(80, true, json!(["a", "b", "c"]))), (Stage::Used, Some(1.0), None));
    assert_eq!(one(sent(80, true, unknown())), (Stage::Unknown, None, stuck()));
    assert_eq!(one(json!({"size_bytes": 0})), (Stage::NotApplicable, None, None));
    assert_eq!(one(json!({})), (Stage::Unknown, None, None));
}

#[test]
fn what_is_true_of_one_target_is_true_of_its_deployment_and_of_no_other() {
    let sent = |names: Json| json!({"size_bytes": 1, "port": 81, "primary": true, "names": names});
    let full = target("a", "shop", sent(json!(["a", "b"])), None);
    let none = target("b", "shop", sent(json!([])), None);
    let hidden = target("c", "shop", json!({"size_bytes": 1, "port": 80}), None);
    assert_eq!(chain(&[none.clone(), full.clone()]).0, Stage::Used);
    assert_eq!(chain(&[hidden.clone(), full]).0, Stage::Used);
    assert_eq!(chain(&[none.clone(), hidden.clone()]).0, Stage::Unknown);
    // A finding of another deployment stands in nobody's way here.
    let elsewhere = Target { deployment: "other".to_owned(), ..hidden };
    assert_eq!(chain(&[none, elsewhere.clone()]), (Stage::NotUsed, Some(0.0), None));
    assert_eq!(assessed(&[elsewhere], &given(1)).adoption, None);
}

#[test]
fn without_an_entitlement_nothing_is_guessed() {
    let sent = json!({"size_bytes": 1, "port": 81, "primary": false, "names": []});
    let found = assessed(&[target("a", "shop", sent, None)], &Given::default());
    assert_eq!(found.adoption, None);
    let areas = &found.targets["demo:a"].areas;
    assert!(areas.iter().all(|one| one.area != goodstead_model::Area::Adoption), "{areas:?}");
}

#[test]
fn a_milestone_stays_reached() {
    let state = |sent: Json, given: &Given| {
        let found = assessed(&[target("a", "shop", sent, None)], given).milestones;
        found.into_iter().next().map(|one| (one.state, one.first_seen))
    };
    let rows = |rows: i64| json!({"size_bytes": 1, "tables": [{"name": "t", "rows": rows, "indexes": []}]});
    let mut given = given(1);
    assert_eq!(state(rows(0), &given), Some((Reached::NotReached, None)));
    assert_eq!(state(json!({"size_bytes": 1}), &given), Some((Reached::Unknown, None)));
    assert_eq!(state(json!({"size_bytes": 0}), &given), None);
    assert_eq!(state(rows(1), &given), Some((Reached::Reached, Some("2026-11-22T00:00:00Z".to_owned()))));
    let key = ("shop".to_owned(), "demo.first-row".to_owned());
    given.past.reached.insert(key, "2026-01-01T00:00:00Z".to_owned());
    let first = Some((Reached::Reached, Some("2026-01-01T00:00:00Z".to_owned())));
    for sent in [rows(0), rows(1), json!({"size_bytes": 1}), json!({"size_bytes": 0})] {
        assert_eq!(state(sent, &given), first);
    }
}

#[test]
fn a_task_adds_up_and_starts_anew_after_a_reset() {
    let counts = |port: i64, previous: Option<i64>, given: &Given| {
        let sent = |port: i64| json!({"port": port, "size_bytes": 5});
        let found = assessed(&[target("a", "shop", sent(port), previous.map(sent))], given);
        let task = found.tasks.into_iter().next().unwrap();
        let now = found.counted.into_values().next().map(|counts| counts.attempts);
        (task.attempts, task.completions, now, task.cause.map(|cause| cause.kind))
    };
    let mut given = given(1);
    assert_eq!(counts(8, None, &given), (None, None, None, Some(CauseKind::NoPreviousScan)));
    assert_eq!(counts(8, Some(5), &given), (Some(3), Some(0), Some(3), None));
    let key = ("shop".to_owned(), "demo.save".to_owned());
    let past = Counts { attempts: 10, completions: 9 };
    given.past.counted.insert(key, (past, "2026-11-01T00:00:00Z".to_owned()));
    assert_eq!(counts(8, Some(5), &given), (Some(13), Some(9), Some(3), None));
    assert_eq!(counts(2, Some(5), &given), (Some(10), Some(9), None, None));
}

#[test]
fn what_was_not_asked_for_is_counted_and_not_shown() {
    let sent = |port: i64| json!({"port": port, "size_bytes": 5, "primary": true, "tables": []});
    let targets = [target("a", "shop", sent(8), Some(sent(5)))];
    let mut given = given(1);
    given.only.insert("demo.first-row".to_owned());
    let found = assessed(&targets, &given);
    assert_eq!((found.adoption, found.milestones.len(), found.tasks.len()), (None, 1, 0));
    let counted: Vec<u64> = found.counted.into_values().map(|counts| counts.attempts).collect();
    assert_eq!(counted, [3], "the next scan counts from here, so this one must not lose any");
}

#[test]
fn a_scan_after_one_that_could_not_count_begins_anew() {
    let cause = |port: Json, previous: Json| {
        let sent = |port: Json| json!({"port": port, "size_bytes": 5});
        let found = assessed(&[target("a", "shop", sent(port), Some(sent(previous)))], &Given::default());
        found.tasks.into_iter().next().unwrap().cause.unwrap().kind
    };
    assert_eq!(cause(json!(8), unknown()), CauseKind::NoPreviousScan);
    assert_eq!(cause(unknown(), json!(8)), CauseKind::NotPermitted);
    assert_eq!(cause(unknown(), unknown()), CauseKind::NotPermitted);
}

#[test]
fn a_first_scan_costs_no_points_for_what_it_cannot_have_counted() {
    let sent = json!({"port": 81, "size_bytes": 0, "primary": true});
    let found = assessed(&[target("a", "shop", sent, None)], &Given::default());
    assert_eq!(found.readiness.unwrap().single, Some(100.0));
}
