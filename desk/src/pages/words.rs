//! Values as people read them: scores, times, sizes, facts.

use goodstead_model::{Evidence, Range, shown};
use goodstead_protocol::contract::Unit;
use goodstead_protocol::fact::Fact;
use jiff::Timestamp;

/// Evidence is shown up to this many characters; the report's JSON has it whole.
const EVIDENCE: usize = 2000;

/// A readiness as number or range, with the ends of its bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gauge {
    /// `63.4` or `40.0–63.4`.
    pub(super) text: String,
    /// The same for a reader that speaks.
    pub(super) label: String,
    /// Where the certain part of the bar ends, 0 to 100.
    pub(super) low: f64,
    /// The length of the uncertain part.
    pub(super) open: f64,
    /// `good`, `fair` or `poor`: the bar's colour.
    pub(super) tone: &'static str,
}

impl Gauge {
    /// Of a score from 0 to 100, in the numbers that the agent shows as well.
    pub(super) fn new(low: f64, high: f64, single: Option<f64>) -> Gauge {
        let (from, to) = Range { low, high }.shown();
        let one = |number: String| (number.clone(), format!("Readiness {number} of 100"));
        let (text, label) = match (single, to) {
            (Some(single), _) => one(shown(single)),
            (None, None) => one(from),
            (None, Some(to)) => (format!("{from}–{to}"), format!("Readiness between {from} and {to} of 100")),
        };
        // What is unknown never makes it green, and only what is known makes it red.
        let tone = match () {
            () if high < 50.0 => "poor",
            () if low >= 80.0 => "good",
            () => "fair",
        };
        Gauge { text, label, low, open: high - low, tone }
    }
}

/// A point in time with its distance from now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    /// For machines: RFC 3339.
    pub(super) machine: String,
    /// `2026-11-22 02:36 UTC`.
    pub(super) text: String,
    /// `3 hours ago`.
    pub(super) ago: String,
}

impl When {
    /// `seconds` since 1970, seen from `now`.
    pub(super) fn new(seconds: i64, now: Timestamp) -> When {
        let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        When {
            machine: time.to_string(),
            text: time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            ago: ago(now.as_second().saturating_sub(seconds)),
        }
    }
}

fn ago(seconds: i64) -> String {
    match seconds {
        ..60 => "just now".into(),
        60..3600 => format!("{} ago", count(seconds / 60, "minute")),
        3600..172_800 => format!("{} ago", count(seconds / 3600, "hour")),
        _ => format!("{} ago", count(seconds / 86_400, "day")),
    }
}

/// `1 finding`, `2 findings`.
pub(super) fn count(number: i64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Points with one digit behind the point, as the agent shows them: `12.3`.
pub(super) fn decimal(number: f64) -> String {
    format!("{number:.1}")
}

/// A share as a whole number, rounded down: `79 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", goodstead_model::percent(share))
}

/// `512 B`, `4.0 GiB`.
pub(super) fn bytes(number: i64) -> String {
    let mut size = number as f64;
    let mut units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].into_iter();
    let mut unit = "B";
    while size.abs() >= 1024.0 {
        let Some(next) = units.next() else { break };
        (size, unit) = (size / 1024.0, next);
    }
    if unit == "B" { format!("{number} B") } else { format!("{size:.1} {unit}") }
}

/// What was observed, for people.
pub(super) fn evidence(evidence: &Evidence) -> String {
    let text = match (&evidence.value, evidence.unit) {
        (Fact::Unknown(cause), _) => format!("unknown: {cause}"),
        (Fact::Int(value), Some(Unit::Bytes)) => format!("{value} ({})", bytes(*value)),
        (Fact::Int(value), Some(Unit::Seconds)) => format!("{value} s"),
        (Fact::Int(value), Some(Unit::Percent)) => format!("{value} %"),
        (Fact::Float(value), Some(Unit::Seconds)) => format!("{value} s"),
        (Fact::Float(value), Some(Unit::Percent)) => format!("{value} %"),
        (value, _) => value.to_json().to_string(),
    };
    match text.char_indices().nth(EVIDENCE) {
        Some((end, _)) => format!("{} … (the JSON has all)", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use goodstead_model::CauseKind;

    use super::*;

    #[test]
    fn a_score_is_a_number_only_where_the_agent_says_so() {
        assert_eq!(Gauge::new(60.0, 63.9, Some(63.9)).text, "63.9");
        assert_eq!(Gauge::new(40.0, 63.9, None).text, "40.0–63.9");
        assert_eq!(Gauge::new(99.99, 99.99, None).text, "99.9");
    }

    #[test]
    fn what_is_unknown_is_never_green_nor_red() {
        let tone = |low, high| Gauge::new(low, high, None).tone;
        assert_eq!([tone(0.0, 100.0), tone(80.0, 80.0), tone(0.0, 49.0)], ["fair", "good", "poor"]);
    }

    #[test]
    fn times_are_told_in_the_largest_fitting_unit() {
        let told: Vec<_> = [-5, 59, 60, 3599, 3600, 172_799, 172_800].map(ago).into();
        insta::assert_snapshot!(told.join(", "), @"just now, just now, 1 minute ago, 59 minutes ago, 1 hour ago, 47 hours ago, 2 days ago");
    }

    #[test]
    fn evidence_says_its_unit() {
        let show = |value: Fact, unit| evidence(&Evidence { path: "p".into(), value, unit });
        insta::assert_snapshot!(show(Fact::Int(4_294_967_296), Some(Unit::Bytes)), @"4294967296 (4.0 GiB)");
        insta::assert_snapshot!(show(Fact::Bool(false), None), @"false");
        insta::assert_snapshot!(show("a\"b".into(), None), @r#""a\"b""#);
        insta::assert_snapshot!(show(Fact::unknown(CauseKind::TimedOut, ""), None), @"unknown: took too long");
        assert!(show("ä".repeat(3000).into(), None).ends_with("… (the JSON has all)"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([decimal(12.30), decimal(40.0), decimal(36.75)], ["12.3", "40.0", "36.8"]);
        assert_eq!(
            [bytes(0), bytes(1023), bytes(1536), bytes(i64::MAX)],
            ["0 B", "1023 B", "1.5 KiB", "8.0 EiB"]
        );
    }
}
