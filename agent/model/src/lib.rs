//! The report and all that is in it: verdicts, findings, the score, what was looked at.
//!
//! Pure values that the agent makes and the desk reads. The JSON form is a contract: [`SCHEMA`] changes when an old
//! reader could misunderstand a new report, and old reports keep loading.

#![forbid(unsafe_code)]

mod diff;
mod progress;
mod report;
#[cfg(test)]
mod samples;
mod score;
mod selection;
mod verdict;

pub use diff::{Change, Diff, Kind as ChangeKind, Progress as ProgressChange, Rules as RulesChange, Side};
pub use goodstead_protocol::fact::{Cause, CauseKind};
pub use progress::{Adoption, Capability, Entitlement, Milestone, Obstacle, Reached, Stage, Task};
pub use report::{Access, Agent, Origin, Pack, Plugin, Report, Signature, Target};
pub use score::{Area, AreaScore, POINTS_AND_GAIN, Range, Readiness, TargetScore, percent, shown};
pub use selection::Selection;
pub use verdict::{Concern, Event, Evidence, Impact, Judgement, Likelihood, Link, Verdict, Waiver};

/// The report's schema number: an integer of its own. 2 brought the verdict `waived`, which a reader of 1 would refuse
/// without knowing why. 3 brought the selection, without which a reader takes a partial report for a full one, the
/// verdict `not-yet-judged` and the origin `bundle`. Samples of every number are located in `samples/` and keep loading.
pub const SCHEMA: u32 = 3;

/// The largest report that is sent, in bytes: agents set larger ones aside, and desks refuse them (desk/API.md).
pub const MAX_SENT: usize = 8 * 1024 * 1024;
