//! Judging capabilities, milestones and tasks for the deployments of a scan.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_model::{
    Adoption, Capability as Licensed, Cause, CauseKind, Entitlement, Judgement, Link,
    Milestone as MilestoneFound, Obstacle, Reached, Stage, Task as TaskFound, Verdict,
};
use goodstead_protocol::fact::Fact;

use super::capability::{Capability, Chain, licensed};
use super::combine::{Known, any};
use super::head::Head;
use super::milestone::Milestone;
use super::task::Task;
use crate::condition::Scope;
use crate::event::Events;
use crate::judge::{NO_ITEM, Scopes, Target};
use crate::pack::Pack;

/// How often something was attempted and completed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts.
    pub attempts: u64,
    /// Those of them that were completed.
    pub completions: u64,
}

/// What is known besides the facts of this scan.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// When the scan began: RFC 3339 in UTC.
    pub time: String,
    /// What the customer licensed; without it no capability is judged.
    pub entitlement: Option<Entitlement>,
    /// The capabilities, milestones and tasks to judge; all when empty. The others are counted all the same.
    pub only: BTreeSet<String>,
    /// What earlier scans left.
    pub past: Past,
    /// What earlier full scans saw of events.
    pub events: Events,
    /// Facts of `linux` where they were gathered for other checks to read, and it is not a target of this scan.
    pub linux: Option<Fact>,
    /// Whether nothing runs where the facts come from: a folder or a support bundle. What only a running host shows
    /// does not apply there, and advice is for the host that the files belong to.
    pub from_files: bool,
}

/// What earlier scans left, by deployment and id.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// The first scan that saw each milestone reached: RFC 3339 in UTC.
    pub reached: BTreeMap<(String, String), String>,
    /// What each task that adds up counted within its window, and when the first of these counts began: RFC 3339 in UTC.
    pub counted: BTreeMap<(String, String), (Counts, String)>,
}

/// What came of a scan. Points and gains are filled in by [`crate::assess`].
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Progress {
    pub(crate) adoption: Option<Adoption>,
    pub(crate) milestones: Vec<MilestoneFound>,
    pub(crate) tasks: Vec<TaskFound>,
    /// What the tasks that add up counted in this scan alone, by deployment and id.
    pub(crate) counted: BTreeMap<(String, String), Counts>,
}

impl Progress {
    /// Leaves out the milestones and tasks that only a running host shows.
    pub(crate) fn retain_known(&mut self) {
        let known = |cause: &Option<Cause>| {
            cause.as_ref().is_none_or(|cause| cause.kind != CauseKind::NotApplicableHere)
        };
        self.milestones.retain(|one| known(&one.cause));
        self.tasks.retain(|one| known(&one.cause));
    }
}

/// Judges the packs' capabilities, milestones and tasks. `verdicts` are those of the same scan: what stands in the way.
pub(crate) fn judge(
    packs: &[Pack],
    targets: &[Target],
    host: &Fact,
    given: &Given,
    verdicts: &[Judgement],
) -> Progress {
    let mut sorted: Vec<&Target> = targets.iter().collect();
    // Whose cause and whose advice are told must not depend on the order of the targets.
    sorted.sort_by(|one, two| one.id.cmp(&two.id));
    let scan = Scan { targets: sorted, scopes: Scopes::new(targets, host).or_linux(given.linux.as_ref()) };
    let wanted = |head: &Head| given.only.is_empty() || given.only.contains(&head.id);
    let mut found = Progress::default();
    if let Some(entitlement) = &given.entitlement {
        let all = packs.iter().flat_map(|pack| &pack.capabilities).filter(|one| wanted(&one.head));
        let all = licensed(all, &entitlement.licensed);
        let judged = all
            .into_iter()
            .filter_map(|(one, quantity)| scan.capability(one, quantity, &entitlement.deployment, verdicts));
        let capabilities: Vec<Licensed> = judged.collect();
        if !capabilities.is_empty() {
            found.adoption = Some(Adoption { entitlement: entitlement.clone(), capabilities });
        }
    }
    for deployment in scan.deployments() {
        let milestones = packs.iter().flat_map(|pack| &pack.milestones).filter(|one| wanted(&one.head));
        found.milestones.extend(milestones.filter_map(|one| scan.milestone(one, deployment, given)));
        for task in packs.iter().flat_map(|pack| &pack.tasks) {
            let judged = scan.task(task, deployment, given, &mut found.counted);
            found.tasks.extend(judged.filter(|_| wanted(&task.head)));
        }
    }
    found
}

/// The targets, and what a condition about each sees.
struct Scan<'s> {
    targets: Vec<&'s Target>,
    scopes: Scopes<'s>,
}

impl<'s> Scan<'s> {
    fn deployments(&self) -> BTreeSet<&'s str> {
        self.targets.iter().map(|target| target.deployment.as_str()).collect()
    }

    /// The scopes of the deployment's targets that the head is about.
    fn of<'a>(&'a self, head: &'a Head, deployment: &'a str) -> impl Iterator<Item = Scope<'a>> {
        let mine = self
            .targets
            .iter()
            .filter(move |target| target.deployment == deployment && target.plugin == head.plugin);
        mine.map(|target| self.scopes.of(target, &NO_ITEM))
    }

    /// Why it matters, the remedy for the first of these targets to which the head applies, and where to read more;
    /// nothing where nothing is left to do.
    fn advice(&self, head: &Head, deployment: &str, done: bool) -> (String, String, Vec<Link>) {
        if done {
            return Default::default();
        }
        let scope = self.of(head, deployment).find(|scope| head.applies(scope) != Ok(false));
        let remedy = scope.map_or(String::new(), |scope| head.remedy.render(&scope));
        (head.why.clone(), remedy, head.links.clone())
    }

    /// `None` where no target of the capability's plugin belongs to the deployment.
    fn capability(
        &self,
        one: &Capability,
        quantity: u32,
        deployment: &str,
        verdicts: &[Judgement],
    ) -> Option<Licensed> {
        let mut targets = self.of(&one.head, deployment).peekable();
        targets.peek()?;
        let chain = targets.filter_map(|scope| one.chain(&scope, quantity)).reduce(Chain::joined);
        let stage = chain.as_ref().map_or(Stage::NotApplicable, Chain::stage);
        let done = matches!(stage, Stage::Used | Stage::NotApplicable);
        let stuck_on = if done { None } else { self.obstacle(one, deployment, verdicts) };
        let (why, remedy, links) = self.advice(&one.head, deployment, done);
        Some(Licensed {
            id: one.head.id.clone(),
            title: one.head.title.clone(),
            quantity,
            weight: one.weight,
            stage,
            configured: chain.as_ref().and_then(|chain| chain.configured.clone().ok()),
            used: chain.as_ref().and_then(|chain| chain.used.clone().ok()),
            extent: chain.as_ref().and_then(|chain| chain.extent.clone().ok()),
            stuck_on,
            points: 0.0,
            gain: 0.0,
            why,
            remedy,
            links,
            cause: chain.and_then(Chain::cause),
        })
    }

    /// The first of the checks that stand in the way which failed on a target of the deployment. To accept a finding
    /// takes nothing out of the way.
    fn obstacle(&self, one: &Capability, deployment: &str, verdicts: &[Judgement]) -> Option<Obstacle> {
        let inside =
            |id: &str| self.targets.iter().any(|target| target.id == id && target.deployment == deployment);
        let failed = |id: &String| {
            let fails = |found: &&Judgement| matches!(found.verdict, Verdict::Fail | Verdict::Waived);
            let fails = verdicts.iter().filter(|found| found.id == *id).filter(fails);
            fails.filter(|found| inside(&found.target)).min_by_key(|found| &found.target)
        };
        let found = one.blocked_by.iter().find_map(failed)?;
        Some(Obstacle { id: found.id.clone(), target: found.target.clone(), title: found.title.clone() })
    }

    /// `None` where it concerns no target of the deployment and was never reached.
    fn milestone(&self, one: &Milestone, deployment: &str, given: &Given) -> Option<MilestoneFound> {
        let mut targets = self.of(&one.head, deployment).peekable();
        targets.peek()?;
        let now: Option<Known<bool>> = targets.filter_map(|scope| one.judge(&scope)).reduce(any);
        let earlier = given.past.reached.get(&(deployment.to_owned(), one.head.id.clone())).cloned();
        let (state, first_seen, cause) = match (earlier, now) {
            (Some(first), _) => (Reached::Reached, Some(first), None),
            (None, Some(Ok(true))) => (Reached::Reached, Some(given.time.clone()), None),
            (None, Some(Ok(false))) => (Reached::NotReached, None, None),
            (None, Some(Err(cause))) => (Reached::Unknown, None, Some(cause)),
            (None, None) => return None,
        };
        let done = state == Reached::Reached;
        let (why, remedy, links) = self.advice(&one.head, deployment, done);
        Some(MilestoneFound {
            id: one.head.id.clone(),
            title: one.head.title.clone(),
            deployment: deployment.to_owned(),
            state,
            first_seen,
            points: 0.0,
            gain: 0.0,
            why,
            remedy,
            links,
            cause,
        })
    }

    /// Adds to `counted` what the next scans add up; `None` where it concerns no target of the deployment.
    fn task(
        &self,
        one: &Task,
        deployment: &str,
        given: &Given,
        counted: &mut BTreeMap<(String, String), Counts>,
    ) -> Option<TaskFound> {
        let now = self.of(&one.head, deployment).filter_map(|scope| one.judge(&scope)).reduce(sum)?;
        let key = (deployment.to_owned(), one.head.id.clone());
        if let (Ok(now), true) = (&now, one.adds_up()) {
            counted.insert(key.clone(), *now);
        }
        let past = given.past.counted.get(&key).filter(|_| one.adds_up()).cloned();
        let all = match &past {
            Some((past, _)) => sum(now, Ok(*past)),
            None => now,
        };
        let (counts, cause) = match all {
            Ok(counts) => (Some(counts), None),
            Err(cause) => (None, Some(cause)),
        };
        let done = counts.is_some_and(|counts| counts.completions == counts.attempts);
        let (why, remedy, links) = self.advice(&one.head, deployment, done);
        Some(TaskFound {
            id: one.head.id.clone(),
            title: one.head.title.clone(),
            deployment: deployment.to_owned(),
            window_days: one.window_days,
            counted_since: past.map(|(_, since)| since),
            attempts: counts.map(|counts| counts.attempts),
            completions: counts.map(|counts| counts.completions),
            points: 0.0,
            gain: 0.0,
            why,
            remedy,
            links,
            cause,
        })
    }
}

/// The counts of two targets, or of two times. Where counting begins now, nothing was counted yet.
fn sum(one: Known<Counts>, two: Known<Counts>) -> Known<Counts> {
    match (one, two) {
        (Ok(one), Ok(two)) => Ok(Counts {
            attempts: one.attempts.saturating_add(two.attempts),
            completions: one.completions.saturating_add(two.completions),
        }),
        (Err(cause), other) | (other, Err(cause)) if begins_now(Some(&cause)) => other,
        (Err(cause), _) | (_, Err(cause)) => Err(cause),
    }
}

/// Whether nothing was counted because counting begins with this scan: no attempts yet, rather than unknown ones.
pub(super) fn begins_now(cause: Option<&Cause>) -> bool {
    cause.is_some_and(|cause| cause.kind == CauseKind::NoPreviousScan)
}
