//! Reports of every schema number load, and today's are written as they were.

use serde_json::Value as Json;

use crate::{Reached, Report, SCHEMA, Stage, Verdict};

const SAMPLES: [&str; 3] = [
    include_str!("../samples/report-1.json"),
    include_str!("../samples/report-2.json"),
    include_str!("../samples/report-3.json"),
];

fn read(text: &str) -> Report {
    serde_json::from_str(text).unwrap()
}

#[test]
fn there_is_a_sample_of_every_number_and_each_loads() {
    assert_eq!(SAMPLES.len(), SCHEMA as usize);
    for (text, number) in SAMPLES.iter().zip(1..) {
        let report = read(text);
        assert_eq!(report.schema, number);
        assert_eq!(report.verdicts.len(), if number < 3 { 5 } else { 6 }, "schema {number}");
        let capabilities = report.adoption.iter().flat_map(|adoption| &adoption.capabilities);
        let goals = capabilities.map(|one| one.points).chain(report.milestones.iter().map(|one| one.points));
        let goals = goals.chain(report.tasks.iter().map(|one| one.points));
        let points: f64 = report.verdicts.iter().map(|one| one.points).chain(goals).sum();
        let lost = 100.0 - report.readiness.unwrap().range.high;
        assert!((points - lost).abs() < 0.005, "schema {number}: {points} of {lost}");
    }
}

#[test]
fn an_old_report_has_nothing_waived() {
    let report = read(SAMPLES[0]);
    assert_eq!((report.findings().count(), report.waived().count()), (2, 0));
    assert_eq!(report.readiness.unwrap().waived, 0);
}

#[test]
fn a_waived_finding_keeps_its_points_and_says_who_and_why() {
    let report = read(SAMPLES[1]);
    let waived: Vec<_> = report.waived().collect();
    assert_eq!((waived.len(), waived[0].points, waived[0].verdict), (1, 2.4, Verdict::Waived));
    let waiver = waived[0].waiver.as_ref().unwrap();
    assert_eq!((waiver.who.as_str(), waiver.until.as_str()), ("ada", "2027-01-01"));
    assert!(!waiver.expired("2027-01-01") && waiver.expired("2027-01-02"));
    assert!(report.findings().next().unwrap().waiver.is_some(), "an expired waiver stays beside its finding");
}

#[test]
fn the_chain_the_milestones_and_the_tasks_are_there_since_the_second() {
    let (old, new) = (read(SAMPLES[0]), read(SAMPLES[1]));
    assert_eq!((old.adoption, old.milestones.len(), old.tasks.len()), (None, 0, 0));
    let chain = &new.adoption.unwrap().capabilities[0];
    assert_eq!((chain.stage, chain.stuck_on.is_some()), (Stage::NotUsed, true));
    assert_eq!((new.milestones[1].state, new.tasks[0].completions), (Reached::Reached, Some(12)));
}

/// What is written today is what a reader of this number was promised.
#[test]
fn the_newest_sample_is_written_as_it_was_read() {
    let written: Json = serde_json::to_value(read(SAMPLES[2])).unwrap();
    let sample: Json = serde_json::from_str(SAMPLES[2]).unwrap();
    assert_eq!(written, sample);
}

#[test]
fn what_needs_history_and_how_long_an_event_stays_is_there_since_the_third() {
    let [old, new] = [SAMPLES[1], SAMPLES[2]].map(read);
    assert_eq!((old.not_yet_judged().count(), old.partial()), (0, None));
    let waiting: Vec<_> = new.not_yet_judged().map(|one| one.id.as_str()).collect();
    assert_eq!((waiting.as_slice(), new.not_judged().count()), (&["linux.memory-pressure-high"][..], 1));
    let event = new.verdicts[0].event.as_ref().unwrap();
    assert_eq!((event.last_seen.as_str(), event.keep_hours), ("2026-11-22T02:00:00Z", 24));
}

/// A reader that did not know the selection would take a partial report for a full one.
#[test]
fn the_selection_is_always_written() {
    let mut report = read(SAMPLES[2]);
    for (targets, written) in [(vec![], "{}"), (vec!["linux".to_owned()], r#"{"targets":["linux"]}"#)] {
        report.selection.targets = targets;
        assert_eq!(serde_json::to_value(&report).unwrap()["selection"].to_string(), written);
    }
}
