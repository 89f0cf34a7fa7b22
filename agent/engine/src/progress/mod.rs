//! How far a customer has come: licensed capabilities, milestones and tasks, each a file of a pack like a check.
//!
//! What is judged belongs to a deployment: true on one of its targets is true of it, and what is unknown on one stays
//! unknown unless another settles it. Without an entitlement no capability is judged.

mod capability;
mod combine;
mod explain;
mod head;
mod judge;
mod milestone;
mod proof;
mod task;
#[cfg(test)]
mod tests;

use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::document::Document;
use serde::Deserialize;
use toml::Spanned;

pub use capability::Capability;
pub use head::Head;
pub use judge::{Counts, Given, Past};
pub(crate) use judge::{Progress, judge};
pub use milestone::Milestone;
pub(crate) use proof::run_cases;
pub use task::Task;

pub(crate) use capability::read as read_capability;
pub(crate) use milestone::read as read_milestone;
pub(crate) use task::read as read_task;

use crate::pack::Pack;

/// What a file of a pack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Check,
    Capability,
    Milestone,
    Task,
}

/// The keys that say what a file is, before its kind's own are known.
#[derive(Deserialize)]
struct Heading {
    kind: Option<Spanned<Kind>>,
    id: Option<String>,
}

impl Kind {
    /// The kind and id of a file. A file without `kind` is a check; one that is no TOML is left to the reader of
    /// checks, which says so.
    ///
    /// # Errors
    /// The word is no kind.
    pub(crate) fn of(document: &Document) -> Result<(Kind, Option<String>), Diagnostic> {
        match document.parse::<Heading>() {
            Ok(heading) => Ok((heading.kind.map_or(Kind::Check, |kind| kind.into_inner()), heading.id)),
            Err(error) if error.code == "unknown-word" => Err(error),
            Err(_) => Ok((Kind::Check, None)),
        }
    }
}

/// A capability, a milestone or a task.
#[derive(Debug, Clone, Copy)]
pub enum Goal<'p> {
    /// Something that is licensed, configured, used.
    Capability(&'p Capability),
    /// Something that is reached once.
    Milestone(&'p Milestone),
    /// Something that is attempted and completed many times.
    Task(&'p Task),
}

impl<'p> Goal<'p> {
    /// What all of them have.
    pub fn head(&self) -> &'p Head {
        match self {
            Goal::Capability(one) => &one.head,
            Goal::Milestone(one) => &one.head,
            Goal::Task(one) => &one.head,
        }
    }

    /// `capability`, `milestone` or `task`.
    pub fn kind(&self) -> &'static str {
        match self {
            Goal::Capability(_) => "capability",
            Goal::Milestone(_) => "milestone",
            Goal::Task(_) => "task",
        }
    }
}

impl Pack {
    /// Its capabilities, then its milestones, then its tasks.
    pub fn goals(&self) -> impl Iterator<Item = Goal<'_>> {
        let capabilities = self.capabilities.iter().map(Goal::Capability);
        let milestones = self.milestones.iter().map(Goal::Milestone);
        capabilities.chain(milestones).chain(self.tasks.iter().map(Goal::Task))
    }
}
