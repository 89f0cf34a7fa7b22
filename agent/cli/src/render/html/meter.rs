//! Scores drawn: what is sure as a whole line, what may be as a hatched one, so that nobody needs to see colours.

use goodstead_model::{Range, Readiness, shown};

/// From 0 to 100 along a line.
pub(super) struct Meter {
    /// `63.4`, `12.0–88.3`, `44 %`.
    pub(super) text: String,
    /// `good`, `fair`, `poor` or `plain`.
    pub(super) tone: &'static str,
    /// The line of what is sure, as the path of an SVG of 100 by 8.
    pub(super) sure: String,
    /// The line of what may be, likewise; empty where nothing is unknown.
    pub(super) open: String,
}

impl Meter {
    /// Of a score.
    pub(super) fn new(range: Range) -> Meter {
        let (low, high) = (range.low.clamp(0.0, 100.0), range.high.clamp(0.0, 100.0));
        Meter {
            text: match range.shown() {
                (one, None) => one,
                (from, Some(to)) => format!("{from}\u{2013}{to}"),
            },
            tone: tone(low, high),
            sure: format!("M0 4H{low:.2}"),
            open: if high > low { format!("M{low:.2} 4H{high:.2}") } else { String::new() },
        }
    }

    /// Of a share of a hundred that is known and says nothing about good or bad.
    pub(super) fn exact(share: f64, text: String) -> Meter {
        let share = share.clamp(0.0, 100.0);
        Meter { text, tone: "plain", sure: format!("M0 4H{share:.2}"), open: String::new() }
    }
}

/// Readiness around a circle.
pub(super) struct Ring {
    /// What stands above the number: `at most`, or nothing.
    pub(super) above: &'static str,
    /// The number.
    pub(super) number: String,
    /// What stands below it.
    pub(super) below: String,
    /// All of it for a reader that speaks.
    pub(super) label: String,
    pub(super) tone: &'static str,
    /// The sure arc, as a pattern of dashes on a circle of length 100.
    pub(super) sure: String,
    /// The open arc, likewise.
    pub(super) open: String,
}

impl Ring {
    pub(super) fn new(readiness: &Readiness) -> Ring {
        let (low, high) = (readiness.range.low.clamp(0.0, 100.0), readiness.range.high.clamp(0.0, 100.0));
        let (above, number, below) = match readiness.single {
            Some(single) => ("", shown(single), "of 100".to_owned()),
            None => ("at most", shown(high), format!("at least {}", shown(low))),
        };
        let label = match readiness.single {
            Some(_) => format!("Readiness {number} of 100"),
            None => format!("Readiness at most {number} and at least {} of 100", shown(low)),
        };
        Ring {
            above,
            number,
            below,
            label,
            tone: tone(low, high),
            sure: format!("{low:.2} 100"),
            open: hatched(low, high),
        }
    }
}

/// Short dashes from `low` to `high` on a line of length 100, and a gap for the rest.
fn hatched(low: f64, high: f64) -> String {
    let dashes = ((high - low) / 1.5).ceil().max(0.0) as usize;
    if dashes == 0 {
        return String::new();
    }
    let mut pattern = format!("0 {low:.2}");
    for _ in 0..dashes {
        pattern.push_str(" 0.6 0.9");
    }
    pattern.push_str(" 0 100");
    pattern
}

/// What is unknown never makes it good, and only what is known makes it poor. The figures are those of the text face.
fn tone(low: f64, high: f64) -> &'static str {
    match () {
        () if low >= 90.0 => "good",
        () if high < 60.0 => "poor",
        () => "fair",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readiness(low: f64, high: f64, single: Option<f64>) -> Readiness {
        let range = Range { low, high };
        Readiness {
            range,
            single,
            coverage: 44.0,
            worst: None,
            failed: 0,
            waived: 0,
            passed: 1,
            unknown: 1,
            not_yet_judged: 0,
        }
    }

    #[test]
    fn one_number_only_where_the_report_has_one() {
        let ring = Ring::new(&readiness(12.0, 88.3, None));
        assert_eq!(
            (ring.above, ring.number.as_str(), ring.below.as_str()),
            ("at most", "88.3", "at least 12.0")
        );
        assert_eq!(ring.label, "Readiness at most 88.3 and at least 12.0 of 100");
        let ring = Ring::new(&readiness(60.0, 63.4, Some(63.4)));
        assert_eq!((ring.above, ring.number.as_str(), ring.below.as_str()), ("", "63.4", "of 100"));
    }

    #[test]
    fn what_is_sure_and_what_may_be_are_drawn_apart() {
        let meter = Meter::new(Range { low: 12.0, high: 88.3 });
        assert_eq!((meter.sure.as_str(), meter.open.as_str()), ("M0 4H12.00", "M12.00 4H88.30"));
        assert_eq!(meter.text, "12.0–88.3");
        assert_eq!(Meter::new(Range { low: 63.0, high: 63.0 }).open, "");
        assert_eq!(hatched(10.0, 13.0), "0 10.00 0.6 0.9 0.6 0.9 0 100");
        assert_eq!(hatched(10.0, 10.0), "");
    }

    #[test]
    fn what_is_unknown_is_neither_good_nor_poor() {
        assert_eq!([tone(0.0, 100.0), tone(90.0, 95.0), tone(0.0, 59.0)], ["fair", "good", "poor"]);
    }
}
