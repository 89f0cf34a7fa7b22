//! Facts and checks in, verdicts and score out.
//!
//! A pack of checks is read by [`load`], which holds every expression against the fact contracts of the installed
//! plugins. [`assess`] judges the facts of the targets by the packs, sets apart what is waived, follows what the
//! customer licensed, reached and attempts, and explains the score point by point; [`run_cases`] holds every file
//! against the cases that it brings.
//!
//! The crate is pure: the same input gives the same output on every machine. It reads no clock, file, network or
//! environment, and nothing that a plugin or a pack says makes it panic or run without end. Unknown is never a pass
//! and never a fail, and no cause or diagnostic prints a value that a site holds.

#![forbid(unsafe_code)]

mod assess;
mod case;
mod check;
mod condition;
mod each;
mod event;
#[cfg(test)]
mod fixture;
mod judge;
mod load;
mod pack;
mod placeholder;
mod progress;
mod reader;
mod retrace;
pub mod score;
mod template;
mod waivers;

pub use assess::{Assessment, assess};
pub use case::{Case, CaseOutcome, run_cases};
pub use check::Check;
pub use condition::Condition;
pub use each::Each;
pub use event::{Event, Events, History};
pub use goodstead_model::Entitlement;
pub use judge::{Target, judge};
pub use load::{Loaded, PackSource, Plugins, drop_duplicates, load, load_to_judge};
pub use pack::Pack;
pub use placeholder::PLACEHOLDER;
pub use progress::{Capability, Counts, Given, Goal, Head, Milestone, Past, Task};
pub use reader::split_id;
pub use retrace::{Step, retraced, retraced_goal};
pub use score::Figures;
pub use template::Template;
pub use waivers::{Accepted, Idle, Waivers};
