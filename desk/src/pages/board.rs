//! The board: every deployment, worst first. A site that went silent is marked and never hidden.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use askama::Template;
use jiff::Timestamp;

use super::words::{Gauge, When, count, percent};
use crate::store::Row;

/// After this many hours without a report a node counts as silent.
const SILENT_HOURS: i64 = 48;

#[derive(Template)]
#[template(path = "board.html")]
pub(super) struct Board {
    summary: String,
    lines: Vec<Line>,
}

/// One deployment of one node.
struct Line {
    customer: String,
    deployment: String,
    targets: String,
    host: String,
    gauge: Option<Gauge>,
    coverage: Option<String>,
    worst: Option<(String, String)>,
    findings: String,
    when: Option<When>,
    report: Option<String>,
    partial: Option<Partial>,
    marks: Vec<Mark>,
}

/// A report of a part of the host, which changes nothing of the line.
struct Partial {
    report: String,
    /// `only linux, 5 minutes ago`.
    text: String,
}

/// What a reader must not overlook; `tone` is its colour.
struct Mark {
    text: &'static str,
    tone: &'static str,
}

impl Board {
    /// The board of `rows` as it looks at `now`.
    pub(super) fn new(mut rows: Vec<Row>, now: Timestamp) -> Board {
        rows.sort_by(worst_first);
        let customers: BTreeSet<&str> = rows.iter().map(|row| row.customer.as_str()).collect();
        let silent = rows.iter().filter(|row| is_silent(row, now)).count();
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let mut summary = format!(
            "{} of {}, worst first.",
            count(number(rows.len()), "deployment"),
            count(number(customers.len()), "customer")
        );
        if silent > 0 {
            summary.push_str(&format!(" {silent} silent for more than {SILENT_HOURS} hours."));
        }
        Board { summary, lines: rows.into_iter().map(|row| Line::new(row, now)).collect() }
    }
}

/// Removed nodes last; before all others those of which nothing is known, for nobody can say that they are well; the
/// rest by what they certainly lost (the high end), then by what they may have lost.
fn worst_first(a: &Row, b: &Row) -> Ordering {
    let key = |row: &Row| (row.removed.is_some(), row.high.is_some());
    let end = |end: Option<f64>| end.unwrap_or(0.0);
    key(a)
        .cmp(&key(b))
        .then_with(|| end(a.high).total_cmp(&end(b.high)))
        .then_with(|| end(a.low).total_cmp(&end(b.low)))
        .then_with(|| (&a.customer, &a.deployment, &a.host).cmp(&(&b.customer, &b.deployment, &b.host)))
}

/// Whether nothing came for too long from a node that should send. Counted by the desk's own clock.
fn is_silent(row: &Row, now: Timestamp) -> bool {
    let last = row.heard.unwrap_or(row.enrolled);
    row.removed.is_none() && now.as_second().saturating_sub(last) > SILENT_HOURS * 3600
}

impl Line {
    fn new(row: Row, now: Timestamp) -> Line {
        let mut marks = Vec::new();
        if row.removed.is_some() {
            marks.push(Mark { text: "removed", tone: "quiet" });
        }
        if is_silent(&row, now) {
            marks.push(Mark { text: "silent", tone: "alarm" });
        }
        let more = [(row.waived, "waived"), (row.not_judged, "not judged")];
        let more = more.into_iter().filter_map(|(number, what)| Some((number.filter(|n| *n > 0)?, what)));
        let findings = row.findings.map_or(String::new(), |findings| {
            more.fold(count(findings, "finding"), |text, (number, what)| format!("{text}, {number} {what}"))
        });
        Line {
            customer: row.customer,
            deployment: row.deployment.unwrap_or_default(),
            targets: row.targets.unwrap_or_default(),
            host: row.host,
            gauge: row.low.zip(row.high).map(|(low, high)| Gauge::new(low, high, row.single)),
            coverage: row.coverage.map(percent),
            worst: row.worst_title.zip(row.worst_impact),
            findings,
            when: row.observed.map(|observed| When::new(observed, now)),
            report: row.report,
            partial: row.partial.map(|report| {
                let limit = row.partial_limit.unwrap_or_default();
                let ago = row.partial_observed.map(|at| format!(", {}", When::new(at, now).ago));
                Partial { report, text: format!("{limit}{}", ago.unwrap_or_default()) }
            }),
            marks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn row(host: &str, ends: Option<(f64, f64)>) -> Row {
        let (low, high) = ends.unzip();
        Row { host: host.into(), low, high, heard: Some(NOW), enrolled: NOW, ..Row::default() }
    }

    fn board(rows: Vec<Row>) -> Board {
        Board::new(rows, Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn the_worst_come_first_and_the_removed_last() {
        let mut removed = row("removed", Some((1.0, 1.0)));
        removed.removed = Some(NOW);
        let rows = vec![
            removed,
            row("fine", Some((90.0, 95.0))),
            row("bad", Some((30.0, 40.0))),
            row("bad and half unknown", Some((10.0, 40.0))),
            row("never heard", None),
            row("middling", Some((0.0, 70.0))),
        ];
        let hosts: Vec<String> = board(rows).lines.into_iter().map(|line| line.host).collect();
        insta::assert_snapshot!(hosts.join("\n"), @"
        never heard
        bad and half unknown
        bad
        middling
        fine
        removed
        ");
    }

    #[test]
    fn silence_is_marked_after_48_hours_also_before_the_first_report() {
        let at = |heard, enrolled, removed| Row { heard, enrolled, removed, ..Row::default() };
        let old = NOW - SILENT_HOURS * 3600 - 1;
        let silent = |row: Row| is_silent(&row, Timestamp::from_second(NOW).unwrap());
        assert!(silent(at(Some(old), old, None)));
        assert!(!silent(at(Some(old + 1), old, None)));
        assert!(silent(at(None, old, None)));
        assert!(!silent(at(None, old + 1, None)));
        assert!(!silent(at(Some(old), old, Some(NOW))), "a removed node owes nothing");
    }

    #[test]
    fn the_summary_counts() {
        let mut quiet = row("b", None);
        quiet.heard = Some(0);
        assert_eq!(board(vec![row("a", None)]).summary, "1 deployment of 1 customer, worst first.");
        let both = board(vec![row("a", None), quiet]).summary;
        assert_eq!(both, "2 deployments of 1 customer, worst first. 1 silent for more than 48 hours.");
    }
}
