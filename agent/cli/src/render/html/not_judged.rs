//! What is not known: each cause once, with what it blocks, and the one command to begin with.

use goodstead_model::{Judgement, Report};

use crate::render::unjudged::{self, First};

/// How many causes that one command removes are named.
const SHOWN: usize = 8;

pub(super) struct NotJudged<'a> {
    /// How many checks.
    pub(super) count: usize,
    /// What to do before all else, and what that unlocks.
    pub(super) first: Option<(Vec<Part<'a>>, String)>,
    /// What can be changed first, and of that what blocks most.
    pub(super) causes: Vec<Cause<'a>>,
}

pub(super) struct Cause<'a> {
    pub(super) targets: String,
    pub(super) text: String,
    pub(super) remedy: Vec<Part<'a>>,
    pub(super) checks: Vec<&'a Judgement>,
    /// The capabilities, milestones and tasks.
    pub(super) goals: Vec<&'a str>,
    /// `65 checks, 30 milestones`.
    pub(super) blocked: String,
}

impl Cause<'_> {
    /// Its words, with what is in backquotes told apart.
    pub(super) fn words(&self) -> Vec<Part<'_>> {
        parts(&self.text)
    }
}

/// A part of a cause or a remedy: a command, or words around it.
pub(super) struct Part<'a> {
    pub(super) command: bool,
    pub(super) text: &'a str,
}

impl<'a> NotJudged<'a> {
    pub(super) fn new(report: &'a Report) -> NotJudged<'a> {
        let found = unjudged::of(report);
        let first = found.first(report);
        let cause = |reason: unjudged::Reason<'a>| Cause {
            targets: reason.targets.join(", "),
            text: reason.detail(SHOWN),
            blocked: reason.blocked(),
            goals: [reason.capabilities, reason.milestones, reason.tasks].concat(),
            remedy: reason.remedy.map(parts).unwrap_or_default(),
            checks: reason.checks,
        };
        NotJudged {
            count: found.checks,
            first: first.map(|First { command, unlocks }| (parts(command), unlocks)),
            causes: found.causes.into_iter().map(cause).collect(),
        }
    }
}

/// A remedy is words with commands in backquotes, or a command as it is, or several that each do.
fn parts(remedy: &str) -> Vec<Part<'_>> {
    if remedy.contains('`') {
        let parts = remedy.split('`').zip([false, true].into_iter().cycle());
        return parts
            .filter(|(text, _)| !text.is_empty())
            .map(|(text, command)| Part { command, text })
            .collect();
    }
    let is_command = |text: &str| text.starts_with("sudo ") || text.starts_with("goodstead ");
    let mut parts = Vec::new();
    for text in remedy.split(", or: ") {
        if !parts.is_empty() {
            parts.push(Part { command: false, text: " or " });
        }
        parts.push(Part { command: is_command(text), text });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(remedy: &str) -> String {
        parts(remedy)
            .iter()
            .map(|part| if part.command { format!("[{}]", part.text) } else { part.text.into() })
            .collect()
    }

    #[test]
    fn commands_are_told_from_the_words_around_them() {
        assert_eq!(shown("as the owner: `GRANT a; GRANT b;`"), "as the owner: [GRANT a; GRANT b;]");
        assert_eq!(
            shown("sudo goodstead check, or: sudo setfacl -m u:ada:r /a_b"),
            "[sudo goodstead check] or [sudo setfacl -m u:ada:r /a_b]"
        );
        assert_eq!(shown("start the server"), "start the server");
        assert_eq!(shown("`"), "");
    }
}
