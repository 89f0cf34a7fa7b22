//! The board: every deployment, worst first. A site that went silent is marked and never hidden.

use askama::Template;
use jiff::Timestamp;

use super::Neighbours;
use super::words::{Gauge, When, count, percent};
use crate::store::{BoardPage, Row};

#[derive(Template)]
#[template(path = "board.html")]
pub(super) struct Board {
    summary: String,
    lines: Vec<Line>,
    parts: Neighbours,
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
    /// A part of the board as it looks at `now`.
    pub(super) fn new(part: BoardPage, now: Timestamp) -> Board {
        let mut summary = format!(
            "{} of {}, worst first.",
            count(part.deployments, "deployment"),
            count(part.customers, "customer")
        );
        if part.silent > 0 {
            let (silent, hours) = (part.silent, BoardPage::SILENT_HOURS);
            summary.push_str(&format!(" {silent} silent for more than {hours} hours."));
        }
        let number = usize::try_from(part.deployments).unwrap_or(0);
        Board {
            summary,
            lines: part.rows.into_iter().map(|row| Line::new(row, now)).collect(),
            parts: Neighbours::new(part.page, number, BoardPage::ROWS),
        }
    }
}

/// Whether nothing came for too long from a node that should send. Counted by the desk's own clock.
fn is_silent(row: &Row, now: Timestamp) -> bool {
    let last = row.heard.unwrap_or(row.enrolled);
    row.removed.is_none() && now.as_second().saturating_sub(last) > BoardPage::SILENT_HOURS * 3600
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

    #[test]
    fn silence_is_marked_after_48_hours_also_before_the_first_report() {
        let at = |heard, enrolled, removed| Row { heard, enrolled, removed, ..Row::default() };
        let old = NOW - BoardPage::SILENT_HOURS * 3600 - 1;
        let silent = |row: Row| is_silent(&row, Timestamp::from_second(NOW).unwrap());
        assert!(silent(at(Some(old), old, None)));
        assert!(!silent(at(Some(old + 1), old, None)));
        assert!(silent(at(None, old, None)));
        assert!(!silent(at(None, old + 1, None)));
        assert!(!silent(at(Some(old), old, Some(NOW))), "a removed node owes nothing");
    }

    #[test]
    fn the_summary_counts_all_of_it() {
        let summary = |deployments, customers, silent| {
            let part = BoardPage { deployments, customers, silent, page: 1, rows: Vec::new() };
            Board::new(part, Timestamp::from_second(NOW).unwrap()).summary
        };
        assert_eq!(summary(1, 1, 0), "1 deployment of 1 customer, worst first.");
        assert_eq!(
            summary(502, 2, 1),
            "502 deployments of 2 customers, worst first. 1 silent for more than 48 hours."
        );
    }
}
