//! How well prepared: always a range, because what could not be inspected is never counted as fine.

use std::fmt;

use serde::{Deserialize, Serialize};

/// From "all that is unknown fails" to "all that is unknown passes", 0 to 100 in steps of 0.01.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Range {
    /// The low end.
    pub low: f64,
    /// The high end.
    pub high: f64,
}

/// A score from 0 to 100 as people read it, the same everywhere: rounded down to a tenth, so that nothing looks better
/// than it is. JSON has the exact value.
pub fn shown(score: f64) -> String {
    // Scores have steps of 0.01; as a float one can lie a hair below its step.
    let hundredths = (score.clamp(0.0, 100.0) * 100.0).round() as i64;
    format!("{}.{}", hundredths / 100, hundredths % 100 / 10)
}

/// A share in per cent as people read it: rounded down to a whole number.
pub fn percent(share: f64) -> i64 {
    (share.max(0.0) + 1e-9).floor() as i64
}

/// Why the points of a finding and its gain are two numbers.
pub const POINTS_AND_GAIN: &str = "Points are a finding's share of all that is lost. Gain is what fixing it alone brings, \
     which differs while other findings remain.";

impl Range {
    /// Both ends as [`shown`]; the second one is absent where they read the same.
    pub fn shown(&self) -> (String, Option<String>) {
        let (low, high) = (shown(self.low), shown(self.high));
        if low == high { (high, None) } else { (low, Some(high)) }
    }
}

/// What readiness is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// How well it is set up.
    Configuration,
    /// How much of what is licensed is used.
    Adoption,
    /// Milestones reached and tasks completed.
    Success,
    /// What is about to go wrong.
    Outlook,
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Area::Configuration => "Configuration",
            Area::Adoption => "Adoption",
            Area::Success => "Success",
            Area::Outlook => "Outlook",
        })
    }
}

/// One area that applies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AreaScore {
    /// Which.
    pub area: Area,
    /// Its share of readiness, 0 to 1; the shares of the areas that apply add up to 1.
    pub weight: f64,
    /// Its score.
    pub range: Range,
}

/// Readiness of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TargetScore {
    /// Its readiness.
    pub range: Range,
    /// The areas that it is made of.
    pub areas: Vec<AreaScore>,
    /// Whether a failed critical check halved it (at the high end).
    pub halved: bool,
    /// The judged share of the applicable weight, 0 to 100.
    pub coverage: f64,
}

/// Readiness of everything in the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Readiness {
    /// The mean of the targets, weighted by their importance.
    pub range: Range,
    /// The one number, only where the range is narrow (10 at most) and the coverage wide (80 % at least).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub single: Option<f64>,
    /// The judged share of the applicable weight, 0 to 100.
    pub coverage: f64,
    /// The id of the worst target (by its high end), since a mean hides failure; only where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
    /// Checks that failed and are not waived.
    pub failed: usize,
    /// Checks that failed and are accepted for a while.
    #[serde(default)]
    pub waived: usize,
    /// Checks that passed.
    pub passed: usize,
    /// Checks that apply, or may, and could not be judged.
    pub unknown: usize,
    /// Checks that need an earlier scan. They are part of no other number.
    #[serde(default)]
    pub not_yet_judged: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_rounded_down_to_a_tenth_whatever_float_holds_it() {
        for hundredths in 0..=10_000_i64 {
            let expected = format!("{}.{}", hundredths / 100, hundredths / 10 % 10);
            assert_eq!(shown(hundredths as f64 / 100.0), expected);
            assert_eq!(shown(hundredths as f64 * 0.01), expected);
        }
        assert_eq!([shown(-1e300), shown(1e300), shown(f64::NAN)], ["0.0", "100.0", "0.0"]);
        assert_eq!([percent(99.99), percent(100.0), percent(71.4), percent(-1.0)], [99, 100, 71, 0]);
    }

    #[test]
    fn a_range_reads_as_one_number_only_where_its_ends_do() {
        let range = |low, high| Range { low, high }.shown();
        assert_eq!(range(75.91, 75.99), ("75.9".to_owned(), None));
        assert_eq!(range(75.89, 75.9), ("75.8".to_owned(), Some("75.9".to_owned())));
    }
}
