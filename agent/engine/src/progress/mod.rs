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

use std::collections::BTreeSet;

use goodstead_protocol::diagnostic::{Diagnostic, did_you_mean};
use goodstead_protocol::document::Parsed;

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

use crate::condition::Condition;
use crate::pack::Pack;

/// What a file of a pack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Check,
    Capability,
    Milestone,
    Task,
}

impl Kind {
    /// The words in files, each with what it says.
    const WORDS: [(&str, Kind); 4] = [
        ("check", Kind::Check),
        ("capability", Kind::Capability),
        ("milestone", Kind::Milestone),
        ("task", Kind::Task),
    ];

    /// The kind of a file. One without `kind` is a check, and so is one whose `kind` is no text, which the reader of
    /// checks refuses.
    ///
    /// # Errors
    /// The word is no kind.
    pub(crate) fn of(parsed: &Parsed<'_>) -> Result<Kind, Diagnostic> {
        let Some((word, span)) = parsed.text("kind") else { return Ok(Kind::Check) };
        let words = || Kind::WORDS.iter().map(|(word, _)| *word);
        Kind::WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind).ok_or_else(|| {
            let known: Vec<_> = words().map(|word| format!("`{word}`")).collect();
            let message = format!("unknown word `{word}`, expected one of {}", known.join(", "));
            let help =
                did_you_mean(word, words()).unwrap_or_else(|| "a file without `kind` is a check".to_owned());
            Diagnostic::error("unknown-word", message).at(parsed.document().place(span)).help(help)
        })
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

    /// The facts that it rests on, each once and in order: `postgresql.archiver.failed`.
    pub fn facts(&self) -> Vec<String> {
        let own: Vec<&Condition> = match self {
            Goal::Capability(one) => [&one.configured, &one.used].into_iter().chain(&one.extent).collect(),
            Goal::Milestone(one) => vec![&one.reached],
            Goal::Task(one) => vec![&one.attempts, &one.completions],
        };
        let paths = self.head().applies.iter().chain(own).flat_map(Condition::paths);
        // The licensed quantity stands where an item would.
        paths.filter(|path| path != "item").collect::<BTreeSet<_>>().into_iter().collect()
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
