//! What the cases of capabilities, milestones and tasks expect, and running them.

use std::collections::BTreeMap;
use std::fmt;

use goodstead_model::Cause;
use goodstead_protocol::diagnostic::Diagnostic;
use serde::Deserialize;
use toml::Spanned;

use super::combine::Known;
use super::judge::Counts;
use crate::case::{Case, CaseOutcome, RawCase};
use crate::judge::NO_ITEM;
use crate::pack::Pack;

/// How near an extent must come to the expected one.
const TOLERANCE: f64 = 0.0005;

/// The word for what is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum NotKnown {
    Unknown,
}

/// A value, or `"unknown"`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a value of the right type or \"unknown\"")]
enum Wanted<T> {
    Value(T),
    Unknown(NotKnown),
}

impl<T: fmt::Display> fmt::Display for Wanted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Value(value) => write!(f, "{value}"),
            Wanted::Unknown(_) => f.write_str("unknown"),
        }
    }
}

impl<T: Copy> From<&Known<T>> for Wanted<T> {
    fn from(found: &Known<T>) -> Self {
        found.as_ref().map_or(Wanted::Unknown(NotKnown::Unknown), |value| Wanted::Value(*value))
    }
}

/// The word for what does not concern the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Elsewhere {
    NotApplicable,
}

/// All three links of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Links {
    configured: Wanted<bool>,
    used: Wanted<bool>,
    extent: Wanted<f64>,
}

impl Links {
    fn fit(&self, other: &Links) -> bool {
        let extents = match (self.extent, other.extent) {
            (Wanted::Value(one), Wanted::Value(two)) => (one - two).abs() < TOLERANCE,
            (one, two) => one == two,
        };
        extents && (self.configured, self.used) == (other.configured, other.used)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "a capability's `expect` is { configured = true, used = false, extent = 0.0 }, each a value or \"unknown\", or it is \"not-applicable\""
)]
enum ChainExpect {
    NotApplicable(Elsewhere),
    Links(Links),
}

impl fmt::Display for ChainExpect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChainExpect::NotApplicable(_) => f.write_str("not applicable"),
            ChainExpect::Links(Links { configured, used, extent }) => {
                write!(f, "configured {configured}, used {used}, extent {extent}")
            }
        }
    }
}

/// What must come of a capability, with how much of it is licensed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CapabilityExpect {
    quantity: u32,
    chain: ChainExpect,
}

impl CapabilityExpect {
    pub(super) fn says_used(&self, wanted: bool) -> bool {
        matches!(self.chain, ChainExpect::Links(links) if links.used == Wanted::Value(wanted))
    }

    pub(super) fn says_unknown(&self) -> bool {
        let unknown = NotKnown::Unknown;
        matches!(self.chain, ChainExpect::Links(Links { configured, used, extent })
            if configured == Wanted::Unknown(unknown) || used == Wanted::Unknown(unknown) || extent == Wanted::Unknown(unknown))
    }
}

/// A capability's case as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapabilityCase {
    name: Spanned<String>,
    #[serde(default = "one")]
    quantity: u32,
    #[serde(default)]
    facts: BTreeMap<Spanned<String>, toml::Value>,
    expect: ChainExpect,
}

fn one() -> u32 {
    1
}

impl RawCapabilityCase {
    pub(super) fn split(self) -> RawCase<CapabilityExpect> {
        let RawCapabilityCase { name, quantity, facts, expect } = self;
        RawCase { name, facts, expect: CapabilityExpect { quantity, chain: expect } }
    }
}

/// What must come of a milestone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MilestoneExpect {
    Reached,
    NotReached,
    Unknown,
    NotApplicable,
}

impl fmt::Display for MilestoneExpect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MilestoneExpect::Reached => "reached",
            MilestoneExpect::NotReached => "not-reached",
            MilestoneExpect::Unknown => "unknown",
            MilestoneExpect::NotApplicable => "not-applicable",
        })
    }
}

/// What must come of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "RawTaskExpect")]
pub(crate) enum TaskExpect {
    Counted { attempts: u64, completions: u64 },
    Unknown,
    NotApplicable,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a task's `expect` is { attempts = 3, completions = 2 }, or it is \"unknown\" or \"not-applicable\""
)]
enum RawTaskExpect {
    NotApplicable(Elsewhere),
    Unknown(NotKnown),
    Counted(RawCounts),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCounts {
    attempts: u64,
    completions: u64,
}

impl From<RawTaskExpect> for TaskExpect {
    fn from(raw: RawTaskExpect) -> Self {
        match raw {
            RawTaskExpect::NotApplicable(_) => TaskExpect::NotApplicable,
            RawTaskExpect::Unknown(_) => TaskExpect::Unknown,
            RawTaskExpect::Counted(RawCounts { attempts, completions }) => {
                TaskExpect::Counted { attempts, completions }
            }
        }
    }
}

impl fmt::Display for TaskExpect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskExpect::Counted { attempts, completions } => {
                write!(f, "attempts {attempts}, completions {completions}")
            }
            TaskExpect::Unknown => f.write_str("unknown"),
            TaskExpect::NotApplicable => f.write_str("not applicable"),
        }
    }
}

/// Runs every case of every capability, milestone and task, in order.
pub(crate) fn run_cases(pack: &Pack) -> Vec<CaseOutcome> {
    let mut outcomes = Vec::new();
    for one in &pack.capabilities {
        outcomes.extend(one.cases.iter().map(|case| {
            let quantity = case.expect.quantity;
            let chain = one.chain(&case.scope(&NO_ITEM), quantity);
            let got = match &chain {
                None => ChainExpect::NotApplicable(Elsewhere::NotApplicable),
                Some(chain) => ChainExpect::Links(Links {
                    configured: (&chain.configured).into(),
                    used: (&chain.used).into(),
                    extent: (&chain.extent).into(),
                }),
            };
            let holds = match (&case.expect.chain, &got) {
                (ChainExpect::Links(wanted), ChainExpect::Links(got)) => wanted.fit(got),
                (wanted, got) => wanted == got,
            };
            let cause = chain.and_then(super::capability::Chain::cause);
            outcome(&one.head.id, case, (case.expect.chain.to_string(), got.to_string()), holds, cause)
        }));
    }
    for one in &pack.milestones {
        outcomes.extend(one.cases.iter().map(|case| {
            let (got, cause) = match one.judge(&case.scope(&NO_ITEM)) {
                None => (MilestoneExpect::NotApplicable, None),
                Some(Ok(true)) => (MilestoneExpect::Reached, None),
                Some(Ok(false)) => (MilestoneExpect::NotReached, None),
                Some(Err(cause)) => (MilestoneExpect::Unknown, Some(cause)),
            };
            let told = (case.expect.to_string(), got.to_string());
            outcome(&one.head.id, case, told, case.expect == got, cause)
        }));
    }
    for one in &pack.tasks {
        outcomes.extend(one.cases.iter().map(|case| {
            let (got, cause) = match one.judge(&case.scope(&NO_ITEM)) {
                None => (TaskExpect::NotApplicable, None),
                Some(Ok(Counts { attempts, completions })) => {
                    (TaskExpect::Counted { attempts, completions }, None)
                }
                Some(Err(cause)) => (TaskExpect::Unknown, Some(cause)),
            };
            let told = (case.expect.to_string(), got.to_string());
            outcome(&one.head.id, case, told, case.expect == got, cause)
        }));
    }
    outcomes
}

fn outcome<E>(
    id: &str,
    case: &Case<E>,
    (expected, got): (String, String),
    holds: bool,
    cause: Option<Cause>,
) -> CaseOutcome {
    let problem = (!holds).then(|| {
        let why = cause.as_ref().map_or(String::new(), |cause| format!(": {cause}"));
        let message = format!("case \"{}\" gives {got}, not {expected}{why}", case.name);
        Diagnostic::error("case-differs", message).at(case.place.clone())
    });
    CaseOutcome {
        check: id.to_owned(),
        case: case.name.clone(),
        place: case.place.clone(),
        expected,
        got,
        cause,
        problem,
        steps: Vec::new(),
    }
}
