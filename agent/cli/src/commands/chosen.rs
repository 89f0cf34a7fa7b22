//! Which checks are judged: what `--only`, `--except` and `--min-impact` leave of the installed packs.

use std::collections::BTreeSet;

use goodstead_engine::{Check as EngineCheck, Pack, Target, retraced};
use goodstead_model::{Report, Verdict};
use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::fact::Fact;
use goodstead_protocol::glob::Glob;

use super::known;
use crate::args::Check;
use crate::packs::Packs;
use crate::render::value::value;

/// The chosen ids; all of them when nothing was left out.
#[derive(Debug, Default)]
pub(super) struct Chosen(Option<BTreeSet<String>>);

impl Chosen {
    /// Reads the command line.
    ///
    /// # Errors
    /// A name is unknown, a pattern is broken or matches nothing, or nothing is left.
    pub(super) fn of(args: &Check, packs: &Packs) -> Result<Chosen, Diagnostic> {
        if !narrows(args) {
            return Ok(Chosen(None));
        }
        let all = || ids(packs).map(|(id, _)| id);
        let mut chosen: BTreeSet<String> = match args.only.as_slice() {
            [] => all().map(str::to_owned).collect(),
            only => matching(only, packs)?,
        };
        for id in matching(&args.except, packs)? {
            chosen.remove(&id);
        }
        if let Some(least) = args.min_impact {
            // Milestones and tasks have no impact.
            let enough =
                |id: &str| checks(packs).any(|check| check.id == id && check.impact >= least.impact());
            chosen.retain(|id| enough(id));
        }
        if chosen.is_empty() {
            let error =
                Diagnostic::error("nothing-chosen", "--only, --except and --min-impact leave no check");
            return Err(error.help("goodstead checks list shows every check with its impact"));
        }
        Ok(Chosen(Some(chosen)))
    }

    /// Whether the check is judged.
    pub(super) fn includes(&self, id: &str) -> bool {
        self.0.as_ref().is_none_or(|ids| ids.contains(id))
    }

    /// The ids, for what judges capabilities, milestones and tasks: none stands for all.
    pub(super) fn ids(&self) -> BTreeSet<String> {
        self.0.clone().unwrap_or_default()
    }

    /// Leaves only the chosen checks.
    pub(super) fn retain(&self, packs: &mut Packs) {
        for pack in &mut packs.usable {
            pack.checks.retain(|check| self.includes(&check.id));
        }
    }
}

/// Whether the command line leaves checks out.
pub(super) fn narrows(args: &Check) -> bool {
    !args.only.is_empty() || !args.except.is_empty() || args.min_impact.is_some()
}

fn checks(packs: &Packs) -> impl Iterator<Item = &EngineCheck> {
    packs.usable.iter().flat_map(|pack| &pack.checks)
}

/// Every id, and whether it is a check's.
fn ids(packs: &Packs) -> impl Iterator<Item = (&str, bool)> {
    let goals = packs.usable.iter().flat_map(Pack::goals).map(|goal| (goal.head().id.as_str(), false));
    checks(packs).map(|check| (check.id.as_str(), true)).chain(goals)
}

/// The ids that names and patterns stand for.
fn matching(patterns: &[String], packs: &Packs) -> Result<BTreeSet<String>, Diagnostic> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        if !is_pattern(pattern) {
            known(packs, pattern)?;
            found.insert(pattern.clone());
            continue;
        }
        let glob = Glob::new(pattern).map_err(|problem| {
            Diagnostic::error("bad-pattern", format!("`{pattern}` is not a pattern: {problem}"))
                .help("for example 'postgresql.*-index'")
        })?;
        let before = found.len();
        let matched: Vec<_> = ids(packs).filter(|(id, _)| glob.is_match(id)).collect();
        found.extend(matched.iter().map(|(id, _)| (*id).to_owned()));
        if matched.is_empty() && found.len() == before {
            return Err(Diagnostic::error("unknown-check", format!("no check matches `{pattern}`"))
                .help("goodstead checks list shows them all"));
        }
    }
    Ok(found)
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Of the checks that were asked for by name: which do not apply here, and why, one sentence each.
pub(super) fn not_applicable(
    args: &Check,
    packs: &Packs,
    report: &Report,
    targets: &[Target],
    host: &Fact,
) -> Vec<String> {
    let named = args.only.iter().filter(|name| !is_pattern(name));
    let named = named.filter_map(|name| checks(packs).find(|check| check.id == **name));
    let mut said = Vec::new();
    for check in named {
        let mut of = report.verdicts.iter().filter(|one| one.id == check.id).peekable();
        if of.peek().is_none() {
            said.push(format!(
                "{} does not apply here because no target of {} was found",
                check.id, check.plugin
            ));
        } else if of.all(|one| one.verdict == Verdict::NotApplicable) {
            said.extend(targets.iter().filter(|target| target.plugin == check.plugin).map(|target| {
                format!("{} does not apply here because {}", check.id, reason(check, target, targets, host))
            }));
        }
    }
    said
}

/// The condition that is false on the target, and the facts that make it so.
fn reason(check: &EngineCheck, target: &Target, targets: &[Target], host: &Fact) -> String {
    let steps = retraced(check, target, targets, host);
    let Some(step) = steps.into_iter().find(|step| step.key == "applies") else {
        return format!("nothing of it is on {}", target.id);
    };
    let condition = step.source.split_whitespace().collect::<Vec<_>>().join(" ");
    let facts: Vec<_> =
        step.facts.iter().map(|(path, fact)| format!("{path} = {}", value(fact, None))).collect();
    format!("on {} this is false: {condition} ({})", target.id, facts.join(", "))
}
