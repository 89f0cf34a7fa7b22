//! The figures of the score, read from `checks/score.toml` and validated once.

use goodstead_model::{Area, Impact, Likelihood};
use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::document::Document;
use serde::Deserialize;

/// Figures with which a score stays between 0 and 100.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures(Raw);

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    likelihood: Likelihoods,
    weight: Weights,
    most: Most,
    area: Areas,
    readiness: Readiness,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Likelihoods {
    high: f64,
    medium: f64,
    low: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    critical: f64,
    high: f64,
    medium: f64,
    low: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Most {
    high: f64,
    medium: f64,
    low: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Areas {
    configuration: f64,
    adoption: f64,
    success: f64,
    outlook: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Readiness {
    critical_leaves: f64,
    single_width: f64,
    single_coverage: f64,
}

impl Figures {
    /// The figures that this release is built with.
    ///
    /// # Errors
    /// Those of [`Figures::read`]; a test holds that there are none.
    pub fn shipped() -> Result<Figures, Diagnostic> {
        Figures::read(&Document::new("checks/score.toml", include_str!("../../../../checks/score.toml")))
    }

    /// Reads and validates figures.
    ///
    /// # Errors
    /// Unknown and missing keys, and shares that do not lie strictly between 0 and 1 where they must.
    pub fn read(document: &Document) -> Result<Figures, Diagnostic> {
        let raw: Raw = document.parse()?;
        let Raw { likelihood, weight, most, area, readiness } = &raw;
        let shares = [
            ("likelihood.high", likelihood.high, 1.0),
            ("likelihood.medium", likelihood.medium, 1.0),
            ("likelihood.low", likelihood.low, 1.0),
            // Below 1: a single check never leaves nothing, and logarithms stay finite.
            ("weight.critical", weight.critical, 0.99),
            ("weight.high", weight.high, 0.99),
            ("weight.medium", weight.medium, 0.99),
            ("weight.low", weight.low, 0.99),
            ("most.high", most.high, 0.99),
            ("most.medium", most.medium, 0.99),
            ("most.low", most.low, 0.99),
            ("area.configuration", area.configuration, 1.0),
            ("area.adoption", area.adoption, 1.0),
            ("area.success", area.success, 1.0),
            ("area.outlook", area.outlook, 1.0),
            ("readiness.critical_leaves", readiness.critical_leaves, 1.0),
            ("readiness.single_width", readiness.single_width, 100.0),
            ("readiness.single_coverage", readiness.single_coverage, 100.0),
        ];
        match shares.iter().find(|(_, value, most)| !(*value > 0.0 && value <= most)) {
            None => Ok(Figures(raw)),
            Some((name, value, most)) => {
                let message = format!("`{name}` must lie above 0 and be at most {most}, and is {value}");
                Err(Diagnostic::error("bad-figure", message).at(document.place(0..0)))
            }
        }
    }

    pub(crate) fn likelihood(&self, likelihood: Likelihood) -> f64 {
        match likelihood {
            Likelihood::High => self.0.likelihood.high,
            Likelihood::Medium => self.0.likelihood.medium,
            Likelihood::Low => self.0.likelihood.low,
        }
    }

    /// What one failed check of this impact counts.
    pub(crate) fn weight(&self, impact: Impact) -> f64 {
        match impact {
            Impact::Critical => self.0.weight.critical,
            Impact::High => self.0.weight.high,
            Impact::Medium => self.0.weight.medium,
            Impact::Low => self.0.weight.low,
        }
    }

    /// The most that a class can take; critical checks have none.
    pub(super) fn most(&self, impact: Impact) -> Option<f64> {
        match impact {
            Impact::Critical => None,
            Impact::High => Some(self.0.most.high),
            Impact::Medium => Some(self.0.most.medium),
            Impact::Low => Some(self.0.most.low),
        }
    }

    pub(super) fn area(&self, area: Area) -> f64 {
        match area {
            Area::Configuration => self.0.area.configuration,
            Area::Adoption => self.0.area.adoption,
            Area::Success => self.0.area.success,
            Area::Outlook => self.0.area.outlook,
        }
    }

    pub(super) fn critical_leaves(&self) -> f64 {
        self.0.readiness.critical_leaves
    }

    /// Whether a range with this coverage may be shown as one number. Both are in points of 100.
    pub(super) fn is_single(&self, width: f64, coverage: f64) -> bool {
        width <= self.0.readiness.single_width && coverage >= self.0.readiness.single_coverage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_figures_are_usable() {
        Figures::shipped().unwrap();
    }

    #[test]
    fn figures_that_break_the_score_are_refused() {
        let text = include_str!("../../../../checks/score.toml").replace("critical = 0.6", "critical = 1.0");
        let error = Figures::read(&Document::new("score.toml", text)).unwrap_err();
        insta::assert_snapshot!(error, @"score.toml:1:1: `weight.critical` must lie above 0 and be at most 0.99, and is 1");
    }
}
