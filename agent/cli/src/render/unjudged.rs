//! What is not known, by cause, and the one command that makes most of it known.
//!
//! One cause often stands for many: a server that cannot be looked into leaves checks, milestones and tasks of all its
//! targets open. Each cause is shown once, with what it blocks; causes that one command removes are one cause.

use std::collections::{HashMap, HashSet};

use goodstead_model::{CauseKind, Judgement, Report};
use goodstead_protocol::fact::Cause;

use super::words::{because, count};

/// Everything that a report does not know.
pub(crate) struct Unjudged<'a> {
    /// How many checks.
    pub(crate) checks: usize,
    /// Why: what a command can change first, and of these what blocks most first.
    pub(crate) causes: Vec<Reason<'a>>,
}

/// One cause, on one target or several.
pub(crate) struct Reason<'a> {
    /// Whom it concerns, sorted: targets, and deployments of which nothing but goals is blocked.
    pub(crate) targets: Vec<&'a str>,
    /// What happened; several sentences where one command helps against all of them.
    pub(crate) details: Vec<String>,
    /// What would make it known.
    pub(crate) remedy: Option<&'a str>,
    /// The checks that it blocks.
    pub(crate) checks: Vec<&'a Judgement>,
    /// The capabilities, milestones and tasks that it blocks, by their ids.
    pub(crate) capabilities: Vec<&'a str>,
    pub(crate) milestones: Vec<&'a str>,
    pub(crate) tasks: Vec<&'a str>,
}

impl<'a> Reason<'a> {
    /// The ids of all that it blocks.
    pub(crate) fn ids(&self) -> Vec<&'a str> {
        let checks = self.checks.iter().map(|check| check.id.as_str());
        let goals = self.capabilities.iter().chain(&self.milestones).chain(&self.tasks).copied();
        // A check of several targets is named once.
        let mut seen = HashSet::new();
        checks.chain(goals).filter(|id| seen.insert(*id)).collect()
    }

    /// How much it blocks: `65 checks, 30 milestones, 15 tasks`.
    pub(crate) fn blocked(&self) -> String {
        let parts =
            [(self.checks.len(), "check"), (self.milestones.len(), "milestone"), (self.tasks.len(), "task")];
        let mut said: Vec<_> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, thing)| count(*number, thing))
            .collect();
        match self.capabilities.len() {
            0 => {}
            1 => said.push("1 capability".to_owned()),
            more => said.push(format!("{more} capabilities")),
        }
        said.join(", ")
    }

    /// What happened, in one text.
    pub(crate) fn detail(&self, most: usize) -> String {
        let shown = self.details.iter().take(most).map(String::as_str).collect::<Vec<_>>().join("; ");
        match self.details.len().saturating_sub(most) {
            0 => shown,
            more => format!("{shown}; and {more} more"),
        }
    }

    fn weight(&self) -> usize {
        self.checks.len() + self.milestones.len() + self.tasks.len() + self.capabilities.len()
    }
}

/// What to do before all else.
pub(crate) struct First<'a> {
    pub(crate) command: &'a str,
    /// `65 checks, 30 milestones`.
    pub(crate) unlocks: String,
}

impl<'a> Unjudged<'a> {
    /// The command to begin with: the one that unlocks most, where that is at least a tenth of the checks. Fewer are not
    /// worth a line above the findings.
    pub(crate) fn first(&self, report: &Report) -> Option<First<'a>> {
        let first = self.causes.first()?;
        let applicable = report
            .readiness
            .as_ref()
            .map_or(self.checks, |it| it.failed + it.waived + it.passed + it.unknown);
        let command = first_way(first.remedy?);
        let much = first.checks.len() * 10 >= applicable && !first.checks.is_empty();
        much.then(|| First { command, unlocks: first.blocked() })
    }
}

/// What a cause blocks.
enum Blocked<'a> {
    Check(&'a Judgement),
    Capability(&'a str),
    Milestone(&'a str),
    Task(&'a str),
}

/// Reads it out of a report.
pub(crate) fn of(report: &Report) -> Unjudged<'_> {
    let mut groups = Groups::default();
    let mut checks = 0;
    for judgement in report.not_judged() {
        checks += 1;
        groups.add(&judgement.target, judgement.cause.as_ref(), Blocked::Check(judgement));
    }
    if let Some(adoption) = &report.adoption {
        for one in adoption.capabilities.iter().filter(|one| one.cause.is_some()) {
            groups.add(&adoption.entitlement.deployment, one.cause.as_ref(), Blocked::Capability(&one.id));
        }
    }
    // What counts from this scan on is not blocked.
    let blocks =
        |cause: &Option<Cause>| cause.as_ref().is_some_and(|it| it.kind != CauseKind::NoPreviousScan);
    for one in report.milestones.iter().filter(|one| blocks(&one.cause)) {
        groups.add(&one.deployment, one.cause.as_ref(), Blocked::Milestone(&one.id));
    }
    for one in report.tasks.iter().filter(|one| blocks(&one.cause)) {
        groups.add(&one.deployment, one.cause.as_ref(), Blocked::Task(&one.id));
    }
    let mut causes = groups.reasons;
    for cause in &mut causes {
        cause.targets.sort_unstable();
        cause.targets.dedup();
    }
    causes.sort_by_key(|cause| (cause.remedy.is_none(), std::cmp::Reverse(cause.weight())));
    Unjudged { checks, causes }
}

#[derive(Default)]
struct Groups<'a> {
    reasons: Vec<Reason<'a>>,
    /// By the command that helps, or by what happened where none does.
    known: HashMap<String, usize>,
    /// What was said of each.
    details: HashSet<(usize, String)>,
}

impl<'a> Groups<'a> {
    fn add(&mut self, target: &'a str, cause: Option<&'a Cause>, blocked: Blocked<'a>) {
        let remedy = cause.and_then(|cause| cause.remedy.as_deref());
        let detail = because(cause);
        let key = remedy.map_or_else(|| format!("?{detail}"), |remedy| first_way(remedy).to_owned());
        let number = *self.known.entry(key).or_insert_with(|| {
            self.reasons.push(Reason {
                targets: Vec::new(),
                details: Vec::new(),
                remedy,
                checks: Vec::new(),
                capabilities: Vec::new(),
                milestones: Vec::new(),
                tasks: Vec::new(),
            });
            self.reasons.len() - 1
        });
        let Some(reason) = self.reasons.get_mut(number) else { return };
        if self.details.insert((number, detail.clone())) {
            reason.details.push(detail);
        }
        // The narrower ways of several causes differ; the first helps against all of them.
        if reason.remedy != remedy {
            reason.remedy = reason.remedy.map(first_way);
        }
        reason.targets.push(target);
        match blocked {
            Blocked::Check(judgement) => reason.checks.push(judgement),
            Blocked::Capability(id) => reason.capabilities.push(id),
            Blocked::Milestone(id) => reason.milestones.push(id),
            Blocked::Task(id) => reason.tasks.push(id),
        }
    }
}

/// A remedy may name several ways, the widest first: `sudo goodstead check, or: setfacl …`.
fn first_way(remedy: &str) -> &str {
    remedy.split(", or: ").next().unwrap_or(remedy)
}

#[cfg(test)]
mod tests {
    use goodstead_model::{Reached, Verdict};
    use goodstead_protocol::fact::CauseKind;

    use super::*;
    use crate::render::fixture::sample;

    /// A report of which `targets` could not be looked into for want of one command.
    fn closed(targets: &[&str]) -> Report {
        let mut report = sample();
        let cause =
            |detail: &str| Cause::new(CauseKind::NotPermitted, detail).remedy("sudo grant, or: by hand");
        let check = report.verdicts.first().unwrap().clone();
        report.verdicts.retain(|it| it.verdict == Verdict::Pass);
        for target in targets {
            report.verdicts.push(Judgement {
                verdict: Verdict::Unknown,
                target: (*target).to_owned(),
                cause: Some(cause(&format!("{target} does not let the agent in"))),
                ..check.clone()
            });
        }
        for milestone in &mut report.milestones {
            milestone.state = Reached::Unknown;
            milestone.cause = Some(cause("nothing lets the agent in"));
        }
        report.adoption = None;
        report.tasks.clear();
        report
    }

    #[test]
    fn one_command_for_several_targets_and_their_goals_is_one_cause() {
        let report = closed(&["db:b", "db:a", "db:a"]);
        let milestones = report.milestones.len();
        let found = of(&report);
        assert_eq!((found.checks, found.causes.len()), (3, 1));
        let cause = &found.causes[0];
        assert!(cause.targets.starts_with(&["db:a", "db:b"]), "{:?}", cause.targets);
        assert_eq!(cause.blocked(), format!("3 checks, {}", count(milestones, "milestone")));
        assert_eq!((cause.details.len(), cause.remedy), (3, Some("sudo grant, or: by hand")));
        let first = found.first(&report).unwrap();
        assert_eq!((first.command, first.unlocks), ("sudo grant", cause.blocked()));
    }

    #[test]
    fn what_a_command_can_change_comes_before_what_none_can() {
        let mut report = closed(&["db:a"]);
        for _ in 0..3 {
            let mut other = report.verdicts.last().unwrap().clone();
            other.cause = Some(Cause::new(CauseKind::NotAvailable, "nothing listens"));
            report.verdicts.push(other);
        }
        let found = of(&report);
        assert_eq!(found.causes[0].remedy, Some("sudo grant, or: by hand"));
        assert_eq!(found.causes.last().unwrap().details, ["nothing listens"]);
    }
}
