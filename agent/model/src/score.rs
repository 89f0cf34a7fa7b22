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
