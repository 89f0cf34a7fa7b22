//! What could not be judged, by cause, and the one command that would let most of it be judged.

use std::collections::BTreeMap;

use goodstead_model::{Judgement, Report};

use super::words::because;

/// Everything that a report could not judge.
pub(crate) struct Unjudged<'a> {
    /// How many checks.
    pub(crate) checks: usize,
    /// Why, the cause that costs most checks first: one cause often stands for many.
    pub(crate) causes: Vec<Reason<'a>>,
    /// What would help most, if anything is known to help.
    pub(crate) best: Option<Help<'a>>,
}

/// One cause on one target.
pub(crate) struct Reason<'a> {
    pub(crate) target: &'a str,
    pub(crate) detail: String,
    /// What would make it known.
    pub(crate) remedy: Option<&'a str>,
    /// The checks that it costs.
    pub(crate) checks: Vec<&'a Judgement>,
}

impl<'a> Reason<'a> {
    /// The ids of the checks that it costs.
    pub(crate) fn ids(&self) -> Vec<&'a str> {
        self.checks.iter().map(|check| check.id.as_str()).collect()
    }
}

/// A command, and how many checks would be judged with it.
pub(crate) struct Help<'a> {
    pub(crate) command: &'a str,
    pub(crate) checks: usize,
}

/// Reads it out of a report.
pub(crate) fn of(report: &Report) -> Unjudged<'_> {
    let mut causes: BTreeMap<(&str, String, Option<&str>), Vec<&Judgement>> = BTreeMap::new();
    let mut helps: BTreeMap<&str, usize> = BTreeMap::new();
    let mut checks = 0;
    for judgement in report.not_judged() {
        checks += 1;
        let cause = judgement.cause.as_ref();
        let remedy = cause.and_then(|cause| cause.remedy.as_deref());
        causes.entry((&judgement.target, because(cause), remedy)).or_default().push(judgement);
        if let Some(remedy) = remedy {
            *helps.entry(first_way(remedy)).or_default() += 1;
        }
    }
    let reason = |((target, detail, remedy), checks)| Reason { target, detail, remedy, checks };
    let mut causes: Vec<_> = causes.into_iter().map(reason).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.checks.len()));
    let best = helps.into_iter().max_by_key(|(_, checks)| *checks);
    // Of one cause alone its own remedy stands beside it.
    let best = best.filter(|_| causes.len() > 1).map(|(command, checks)| Help { command, checks });
    Unjudged { checks, causes, best }
}

/// A remedy may name several ways, the widest first: `sudo goodstead check, or: setfacl …`.
fn first_way(remedy: &str) -> &str {
    remedy.split(", or: ").next().unwrap_or(remedy)
}
