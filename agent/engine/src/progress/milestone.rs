//! A milestone: a success that is reached once, and stays reached.

use goodstead_model::Link;
use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::document::Parsed;
use serde::Deserialize;
use toml::Spanned;

use super::combine::{Known, switch};
use super::head::{Head, RawHead};
use super::proof::MilestoneExpect;
use crate::case::{Case, RawCase};
use crate::condition::{Condition, Scope};
use crate::reader::{Reader, Surroundings, read_as};

/// A milestone whose every expression fits the contracts.
#[derive(Debug, Clone)]
pub struct Milestone {
    /// Who it is.
    pub head: Head,
    /// Whether it is reached at present.
    pub reached: Condition,
    /// The examples that prove it.
    pub(crate) cases: Vec<Case<MilestoneExpect>>,
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
    reached: Spanned<String>,
    why: Spanned<String>,
    remedy: Spanned<String>,
    #[serde(default)]
    links: Vec<Spanned<Link>>,
    #[serde(rename = "case", default)]
    cases: Vec<RawCase<MilestoneExpect>>,
}

/// Reads a milestone; with an error among the diagnostics it must not be used.
pub(crate) fn read(parsed: Parsed<'_>, around: &Surroundings<'_>) -> (Option<Milestone>, Vec<Diagnostic>) {
    read_as(parsed, around, milestone)
}

fn milestone(reader: &mut Reader<'_>, raw: Raw) -> Option<Milestone> {
    let Raw { id, title, since, applies, why, remedy, links, .. } = raw;
    let at = id.clone();
    let begun = reader.begin(RawHead { id, title, since, applies, why, remedy, links }, raw.cases)?;
    let reached = reader.expression(&raw.reached, &begun.env, Condition::compile_bool);
    let needed = [MilestoneExpect::Reached, MilestoneExpect::NotReached, MilestoneExpect::Unknown];
    let missing = needed.iter().filter(|wanted| begun.cases.iter().all(|case| case.expect != **wanted));
    reader.missing_cases(
        missing.map(|wanted| format!("`{wanted}`")).collect(),
        &at,
        "a milestone has at least one [[case]] that is reached, one that is not-reached and one that is unknown",
    );
    Some(Milestone { head: begun.head?, reached: reached?, cases: begun.cases })
}

impl Milestone {
    /// Whether the target has reached it; `None` where it does not apply.
    pub(super) fn judge(&self, scope: &Scope<'_>) -> Option<Known<bool>> {
        match self.head.applies(scope) {
            Ok(true) => Some(switch(&self.reached, scope)),
            Ok(false) => None,
            Err(cause) => Some(Err(cause)),
        }
    }
}
