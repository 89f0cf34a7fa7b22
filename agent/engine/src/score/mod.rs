//! The score: how well prepared, as a range, with every lost point explained.
//!
//! - *Configuration* of a target is 100 × the product over the impact classes of (1 − loss). A failed critical check
//!   takes its share of what is left; in the other classes the loss approaches a most, so that fifty trifles never look
//!   like one disaster, and checks that pass dilute nothing. *Outlook* is the same over forecasts.
//! - *Adoption* is the weighted mean of how far licensed capabilities are used, *success* the mean of milestones
//!   reached and tasks completed. Both, and outlook, belong to the deployment.
//! - *Readiness* of a target is the weighted mean of the areas that have data; a failed critical check halves it, once.
//!   Readiness of all is the mean by importance, with the worst target beside it.
//! - The low end takes what is unknown as failed, the high end as passed.
//!
//! The points of everything that costs some add up to exactly 100 minus the high end, in steps of 0.01. Nothing depends
//! on the order of the input. The figures stand in `checks/score.toml`.

mod area;
mod figures;
mod loss;
mod points;
mod readiness;

use std::collections::BTreeMap;

use goodstead_model::{Impact, Likelihood, Range, TargetScore};

pub use figures::Figures;
pub use readiness::score;

/// What is known of something that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// Nobody knows: failed at the low end, passed at the high end.
    Unknown,
}

/// A check that applies, or a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Rated {
    /// Its id, once per target or deployment.
    pub id: String,
    /// How bad.
    pub impact: Impact,
    /// How probable.
    pub likelihood: Likelihood,
    /// What came of it.
    pub state: State,
}

/// A licensed capability.
#[derive(Debug, Clone, PartialEq)]
pub struct Capability {
    /// Its id.
    pub id: String,
    /// What it counts among the capabilities, above 0.
    pub weight: f64,
    /// How far it is used, 0 to 1; `None` when unknown.
    pub extent: Option<f64>,
}

/// A success that is reached once.
#[derive(Debug, Clone, PartialEq)]
pub struct Milestone {
    /// Its id.
    pub id: String,
    /// Whether it was reached; `None` when unknown.
    pub reached: Option<bool>,
}

/// Something that is attempted many times.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// The completed share of the attempts, 0 to 1; `None` when unknown. A task without attempts is left out.
    pub completion: Option<f64>,
}

/// What is known of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetInput {
    /// Its id; no two are the same.
    pub id: String,
    /// Its weight among the targets. What is negative or not finite counts as 0; all 0 counts as all the same.
    pub importance: f64,
    /// The deployment that it belongs to.
    pub deployment: String,
    /// The checks that apply, or may.
    pub checks: Vec<Rated>,
}

/// What is known of one deployment. An empty list is an area without data, which does not apply.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeploymentInput {
    /// What is licensed.
    pub capabilities: Vec<Capability>,
    /// Its milestones.
    pub milestones: Vec<Milestone>,
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// What is about to go wrong.
    pub forecasts: Vec<Rated>,
}

/// All that a score is made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    /// The targets.
    pub targets: Vec<TargetInput>,
    /// The deployments by name; those of no target do not count.
    pub deployments: BTreeMap<String, DeploymentInput>,
}

/// Something that costs points.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A failed check on a target.
    Check {
        /// The target's id.
        target: String,
        /// The check's id.
        id: String,
    },
    /// A capability that is not fully used.
    Capability {
        /// The deployment's name.
        deployment: String,
        /// The capability's id.
        id: String,
    },
    /// A milestone that is not reached.
    Milestone {
        /// The deployment's name.
        deployment: String,
        /// The milestone's id.
        id: String,
    },
    /// A task that is not always completed.
    Task {
        /// The deployment's name.
        deployment: String,
        /// The task's id.
        id: String,
    },
    /// A forecast.
    Forecast {
        /// The deployment's name.
        deployment: String,
        /// The forecast's id.
        id: String,
    },
}

/// What one item costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// The points lost to it, in steps of 0.01.
    pub points: f64,
    /// By how much the high end rises when it alone is mended, in steps of 0.01.
    pub gain: f64,
}

/// A score and its explanation.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The mean of the targets by importance.
    pub range: Range,
    /// The high end, whose distance from 100 the points explain; only where the range is narrow and the coverage wide.
    pub single: Option<f64>,
    /// The judged share of the checks' weight, 0 to 100.
    pub coverage: f64,
    /// The id of the target with the lowest high end, where there are several.
    pub worst: Option<String>,
    /// The targets of which anything is known, by id.
    pub targets: BTreeMap<String, TargetScore>,
    /// What costs points at the high end.
    pub costs: BTreeMap<Item, Cost>,
}

#[cfg(test)]
mod tests;
