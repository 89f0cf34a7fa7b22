//! A task: something that is attempted and completed many times, counted over a window.
//!
//! An expression that looks at the previous scan counts what came since, and the agent adds up the scans of the window;
//! one that does not counts the whole window itself.

use goodstead_model::{Cause, CauseKind, Link};
use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::document::Parsed;
use serde::Deserialize;
use toml::Spanned;

use super::combine::{Known, count};
use super::head::{Head, RawHead};
use super::judge::Counts;
use super::proof::TaskExpect;
use crate::case::{Case, RawCase};
use crate::condition::{Condition, Scope};
use crate::reader::{Reader, Surroundings, read_as};

/// The longest window, in days.
const MAX_WINDOW: u32 = 365;

/// A task whose every expression fits the contracts.
#[derive(Debug, Clone)]
pub struct Task {
    /// Who it is.
    pub head: Head,
    /// How often it was attempted.
    pub attempts: Condition,
    /// How many of these attempts were completed.
    pub completions: Condition,
    /// How many days back the counts go.
    pub window_days: u32,
    /// The examples that prove it.
    pub(crate) cases: Vec<Case<TaskExpect>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "kind")]
    _kind: String,
    id: Spanned<String>,
    title: Spanned<String>,
    since: Spanned<String>,
    applies: Option<Spanned<String>>,
    attempts: Spanned<String>,
    completions: Spanned<String>,
    window_days: Spanned<u32>,
    why: Spanned<String>,
    remedy: Spanned<String>,
    #[serde(default)]
    links: Vec<Spanned<Link>>,
    #[serde(rename = "case", default)]
    cases: Vec<RawCase<TaskExpect>>,
}

/// Reads a task; with an error among the diagnostics it must not be used.
pub(crate) fn read(parsed: Parsed<'_>, around: &Surroundings<'_>) -> (Option<Task>, Vec<Diagnostic>) {
    read_as(parsed, around, task)
}

fn task(reader: &mut Reader<'_>, raw: Raw) -> Option<Task> {
    let Raw { id, title, since, applies, why, remedy, links, .. } = raw;
    let at = id.clone();
    let window_days = *raw.window_days.get_ref();
    if !(1..=MAX_WINDOW).contains(&window_days) {
        let message = format!("a window has 1 to {MAX_WINDOW} days, and this has {window_days}");
        reader.error("bad-window", message, raw.window_days.span(), "30 is a good one");
    }
    let begun = reader.begin(RawHead { id, title, since, applies, why, remedy, links }, raw.cases)?;
    let attempts = reader.expression(&raw.attempts, &begun.env, Condition::compile_count);
    let completions = reader.expression(&raw.completions, &begun.env, Condition::compile_count);
    let shows = |wanted: &dyn Fn(&TaskExpect) -> bool| begun.cases.iter().any(|case| wanted(&case.expect));
    let shown = [
        ("attempts", shows(&|expect| matches!(expect, TaskExpect::Counted { attempts: 1.., .. }))),
        ("`unknown`", shows(&|expect| *expect == TaskExpect::Unknown)),
    ];
    let missing = shown.into_iter().filter(|(_, shown)| !shown).map(|(name, _)| name.to_owned());
    reader.missing_cases(
        missing.collect(),
        &at,
        "a task has at least one [[case]] with attempts and one that is unknown",
    );
    Some(Task {
        head: begun.head?,
        attempts: attempts?,
        completions: completions?,
        window_days,
        cases: begun.cases,
    })
}

impl Task {
    /// Whether its counts are those since the previous scan, which have to be added up.
    pub fn adds_up(&self) -> bool {
        self.attempts.uses_previous() || self.completions.uses_previous()
    }

    /// What was counted on the target; `None` where it does not apply.
    pub(super) fn judge(&self, scope: &Scope<'_>) -> Option<Known<Counts>> {
        match self.head.applies(scope) {
            Ok(true) => Some(self.counts(scope).or_else(|cause| self.begins(scope, cause))),
            Ok(false) => None,
            Err(cause) => Some(Err(cause)),
        }
    }

    /// Why there are no counts. Where this scan alone could have counted, it is the previous one that did not: counting
    /// begins now, whatever was the matter then.
    fn begins(&self, scope: &Scope<'_>, cause: Cause) -> Known<Counts> {
        if !self.adds_up() || cause.kind == CauseKind::NoPreviousScan {
            return Err(cause);
        }
        self.counts(&Scope { previous: scope.own, ..*scope })?;
        Err(Cause::new(CauseKind::NoPreviousScan, "the previous scan could not count it"))
    }

    fn counts(&self, scope: &Scope<'_>) -> Known<Counts> {
        let (attempts, completions) = (count(&self.attempts, scope)?, count(&self.completions, scope)?);
        match (u64::try_from(attempts), u64::try_from(completions)) {
            (Ok(attempts), Ok(completions)) if completions <= attempts => {
                Ok(Counts { attempts, completions })
            }
            // The product's counters went back to zero between the two scans.
            _ if self.adds_up() => Err(Cause::new(
                CauseKind::NoPreviousScan,
                "the product's counters were reset since the previous scan",
            )),
            _ => Err(Cause::new(CauseKind::Evaluation, "the counts contradict each other")),
        }
    }
}
