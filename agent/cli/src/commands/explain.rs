//! `goodstead explain ID…`: all there is to say about a check, a capability, a milestone or a task, and how it stands
//! here by what was kept of the last scan.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_engine::{
    Accepted, Check, Goal, Step, Target as EngineTarget, retraced, retraced_goal, split_id,
};
use goodstead_model::{Report, Verdict};
use goodstead_protocol::contract::{Field, Shape};
use goodstead_protocol::fact::{CauseKind, Fact};

use super::check::origin_key;
use super::{Exit, Installed, Known, Outcome, configuration, known, now};
use crate::installation::Installation;
use crate::packs::{self, Packs};
use crate::render::explain::{About, Here, Standing, text};
use crate::render::words::{counts, day, stays};
use crate::render::{diagnostics, output, page};
use crate::state::{HOST, State};

/// Runs the command.
pub(crate) fn run(ids: &[String], installation: &Installation) -> Outcome {
    let (config, _) = configuration(installation);
    let installed = Installed::read(installation, &config)?;
    let packs = packs_of(ids, &installed, installation);
    let known: Vec<_> = ids
        .iter()
        .map(|id| known(&packs, id))
        .collect::<Result<_, _>>()
        .inspect_err(|_| diagnostics::print(&packs.diagnostics))?;
    let fields = fields(&installed);
    let kept = Kept::read(installation);
    let pages: Vec<String> = known.into_iter().map(|one| explained(one, &fields, &kept)).collect();
    output::write(&pages.join("\n\n"), None)?;
    Ok(Exit::Fine)
}

/// The packs that can hold these ids, which begin with their plugin; all of them where one is in none, since then it is
/// told what was meant.
fn packs_of(ids: &[String], installed: &Installed, installation: &Installation) -> Packs {
    let plugins: BTreeSet<String> = ids.iter().filter_map(|id| Some(split_id(id)?.0.to_owned())).collect();
    let few = packs::to_judge(installation, &installed.trust, &installed.known, plugins);
    if ids.iter().all(|id| known(&few, id).is_ok()) {
        return few;
    }
    packs::installed(installation, &installed.trust, &installed.known)
}

/// Every declared fact by its path, as conditions name it; lists and maps as a whole, too.
fn fields(installed: &Installed) -> BTreeMap<String, &Field> {
    let mut found = BTreeMap::new();
    let contracts = installed.plugins.usable.iter().map(|plugin| &plugin.manifest.contract);
    for contract in contracts.chain([&installed.host_contract]) {
        for (name, field) in &contract.fields {
            collect(format!("{}.{name}", contract.plugin), field, &mut found);
        }
    }
    found
}

fn collect<'a>(path: String, field: &'a Field, found: &mut BTreeMap<String, &'a Field>) {
    match &field.shape {
        Shape::Record(fields) => {
            fields.iter().for_each(|(name, inner)| collect(format!("{path}.{name}"), inner, found));
        }
        Shape::List(element) => collect(format!("{path}[]"), element, found),
        // What the site names is no part of the path.
        Shape::Map(element) => collect(path.clone(), element, found),
        _ => {}
    }
    found.insert(path, field);
}

/// `linux.sysctl["vm/swappiness"]` is declared as `linux.sysctl`.
fn without_indexes(path: &str) -> String {
    let mut parts = path.split("[\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| whole + part.split_once("\"]").map_or("", |(_, rest)| rest))
}

/// What is left of the last scan. Without a state, or when it cannot be read, that is nothing.
#[derive(Default)]
struct Kept {
    report: Option<Report>,
    /// The facts of its targets, as far as they are kept.
    targets: Vec<EngineTarget>,
    waivers: Vec<Accepted>,
    /// The agent's own facts.
    host: Option<Fact>,
}

impl Kept {
    fn read(installation: &Installation) -> Kept {
        let Some(state) = State::open_existing(&installation.state_file()) else { return Kept::default() };
        let waivers = state.waivers().unwrap_or_default();
        let newest = state.report(None).ok().flatten();
        let Some(report) = newest.and_then(|kept| kept.parse().ok()) else {
            return Kept { waivers, ..Kept::default() };
        };
        let origin = origin_key(&report.origin);
        let facts = |id: &str| state.previous_facts(id, origin.as_deref()?).ok().flatten();
        let not_kept = || Fact::unknown(CauseKind::NotReported, "only the facts of the last scan are kept");
        let target = |target: &goodstead_model::Target| {
            Some(EngineTarget {
                id: target.id.clone(),
                plugin: target.plugin.clone(),
                facts: facts(&target.id)?,
                previous: Some(not_kept()),
                container: target.container.clone(),
                importance: target.importance,
                deployment: target.deployment.clone(),
            })
        };
        let targets = report.targets.iter().filter_map(target).collect();
        let host = facts(HOST);
        Kept { report: Some(report), targets, waivers, host }
    }

    /// What the agent's own facts are to conditions.
    fn host(&self) -> Fact {
        self.host
            .clone()
            .unwrap_or_else(|| Fact::unknown(CauseKind::NotReported, "the last scan kept no facts of `host`"))
    }

    fn steps(&self, check: &Check, target: &str) -> Vec<Step> {
        let of = self.targets.iter().find(|one| one.id == target);
        of.map_or_else(Vec::new, |of| retraced(check, of, &self.targets, &self.host()))
    }

    /// A deployment may have several targets; the first that could be asked answers.
    fn goal_steps(&self, goal: Goal<'_>, quantity: u32, deployment: &str) -> Vec<Step> {
        let plugin = split_id(&goal.head().id).map(|(plugin, _)| plugin);
        let of = self
            .targets
            .iter()
            .find(|one| one.deployment == deployment && Some(one.plugin.as_str()) == plugin);
        of.map_or_else(Vec::new, |of| retraced_goal(goal, quantity, of, &self.targets, &self.host()))
    }
}

fn explained(known: Known<'_>, fields: &BTreeMap<String, &Field>, kept: &Kept) -> String {
    let (mut about, on, facts) = match known {
        Known::Check(check) => (about_check(check, kept), check_here(check, kept), check.facts()),
        Known::Goal(goal) => (super::explain_goal::about(goal), goal_here(goal, kept), goal.facts()),
    };
    let declared = |path: &str| fields.get(&without_indexes(path)).copied();
    about.facts = facts.into_iter().map(|path| (path.clone(), declared(&path))).collect();
    let here = kept.report.as_ref().filter(|_| !on.is_empty());
    let here = here.map(|report| Here { time: report.time.clone(), on });
    text(&about, here.as_ref(), page::width())
}

fn about_check<'a>(check: &'a Check, kept: &Kept) -> About<'a> {
    let mut judged = Vec::new();
    judged.extend(check.applies.as_ref().map(|applies| ("applies", applies.source().to_owned())));
    judged.extend(check.each.as_ref().map(|each| ("each", each.source().to_owned())));
    judged.push(("pass", check.pass.source().to_owned()));
    if let Some(event) = &check.event {
        judged.extend(event.first.as_ref().map(|first| ("first", first.source().to_owned())));
        judged.push(("stays", format!("{} hours after the event was last seen", event.keep_hours)));
    }
    judged.extend(check.evidence.iter().map(|evidence| ("seen", evidence.source().to_owned())));
    let waived = kept.waivers.iter().filter(|accepted| accepted.check == check.id);
    About {
        title: &check.title,
        kind: format!(
            "{}, {}, {} impact, {} likelihood, since {}",
            check.id, check.concern, check.impact, check.likelihood, check.since
        ),
        file: &check.file,
        reason: "Why",
        why: &check.why,
        remedy: check.remedy.source(),
        judged,
        facts: Vec::new(),
        links: &check.links,
        waived: waived.map(accepted).collect(),
    }
}

/// Who accepts the finding, where, why and until when.
fn accepted(Accepted { target, waiver, .. }: &Accepted) -> String {
    let on = target.as_deref().unwrap_or("every target");
    let held = if waiver.expired(day(&now())) { "expired after" } else { "until" };
    format!("{on}: {held} {}, by {}: {}", waiver.until, waiver.who, waiver.why)
}

fn check_here(check: &Check, kept: &Kept) -> Vec<Standing> {
    let verdicts = kept.report.iter().flat_map(|report| &report.verdicts);
    let here = verdicts.filter(|judgement| judgement.id == check.id);
    here.map(|judgement| Standing {
        of: judgement.target.clone(),
        state: judgement.verdict.to_string(),
        because: judgement.cause.as_ref().map(ToString::to_string).or(judgement.event.as_ref().map(stays)),
        steps: kept.steps(check, &judgement.target),
        remedy: if judgement.verdict == Verdict::Fail { judgement.remedy.clone() } else { String::new() },
    })
    .collect()
}

fn goal_here(goal: Goal<'_>, kept: &Kept) -> Vec<Standing> {
    let Some(report) = &kept.report else { return Vec::new() };
    let id = &goal.head().id;
    let mut on = Vec::new();
    let mut stands = |of: &str, state, cause: &Option<goodstead_model::Cause>, quantity, remedy: &str| {
        on.push(Standing {
            of: of.to_owned(),
            state,
            because: cause.as_ref().map(ToString::to_string),
            steps: kept.goal_steps(goal, quantity, of),
            remedy: remedy.to_owned(),
        });
    };
    if let Some(adoption) = &report.adoption {
        for one in adoption.capabilities.iter().filter(|one| one.id == *id) {
            let of = &adoption.entitlement.deployment;
            stands(of, one.stage.to_string(), &one.cause, one.quantity, &one.remedy);
        }
    }
    for one in report.milestones.iter().filter(|one| one.id == *id) {
        stands(&one.deployment, one.state.to_string(), &one.cause, 1, &one.remedy);
    }
    for one in report.tasks.iter().filter(|one| one.id == *id) {
        let state = counts(one).unwrap_or_else(|| "unknown".to_owned());
        stands(&one.deployment, state, &one.cause, 1, &one.remedy);
    }
    on
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_no_part_of_what_a_contract_declares() {
        for (path, declared) in [
            ("linux.sysctl[\"vm/swappiness\"]", "linux.sysctl"),
            ("a.b[\"x\"].c[\"y\"].d[]", "a.b.c.d[]"),
            ("linux.mounts[].fstype", "linux.mounts[].fstype"),
            ("a[\"open", "a"),
        ] {
            assert_eq!(without_indexes(path), declared);
        }
    }
}
