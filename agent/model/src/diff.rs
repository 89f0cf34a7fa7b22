//! What came, what went and what changed from one report to another.
//!
//! A finding is the same when check and target are. That something could not be judged any more is never reported as
//! fixed, and a change of the rules never as a change of the site. What passes is only counted: its title names a problem
//! that is not there.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::progress::{Reached, Stage};
use crate::report::{Pack, Report};
use crate::score::{Range, Readiness};
use crate::verdict::{Judgement, Verdict};

/// The difference of two reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// The earlier one.
    pub before: Side,
    /// The later one.
    pub after: Side,
    /// Packs that are not the same in both: scores of different rules are not compared.
    pub rules: Vec<Rules>,
    /// Findings that are otherwise, by kind and then by points.
    pub changes: Vec<Change>,
    /// Checks that pass and could not be judged before.
    pub newly_passing: usize,
    /// What of capabilities and milestones is otherwise.
    pub progress: Vec<Progress>,
}

/// One of the two reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Its id.
    pub id: String,
    /// When the scan began.
    pub time: String,
    /// The host, where it is known.
    pub host: Option<String>,
    /// What a report is limited to that is not of the full scan of the running host.
    pub partial: Option<String>,
    /// Readiness; absent when nothing could be judged.
    pub readiness: Option<Range>,
    /// The one number, where the report gives one. Only two of these have a difference.
    pub single: Option<f64>,
    /// The judged share of the applicable weight, 0 to 100.
    pub coverage: Option<f64>,
}

/// A pack that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// Its name.
    pub name: String,
    /// Its version before; absent where it was not there.
    pub before: Option<String>,
    /// Its version after, likewise. The same version with other content is other rules too.
    pub after: Option<String>,
}

/// What became of a check on a target. In the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A finding that was none before.
    New,
    /// A finding of a check that the earlier report's rules did not have.
    NewCheck,
    /// A finding again: it was waived.
    WaiverEnded,
    /// It failed and does not any more.
    Fixed,
    /// It is accepted now.
    Waived,
    /// It failed before and after, with other items, evidence or points.
    Changed,
    /// It was judged and could not be any more.
    NotJudged,
    /// It failed before, and was not looked at after.
    NotLookedAt,
}

/// One check on one target that is otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What became of it.
    pub kind: Kind,
    /// The check.
    pub id: String,
    /// The target.
    pub target: String,
    /// The problem in one sentence.
    pub title: String,
    /// The verdict before; absent where it was not looked at.
    pub before: Option<Verdict>,
    /// The verdict after, likewise.
    pub after: Option<Verdict>,
    /// Points lost before.
    pub points_before: f64,
    /// Points lost after.
    pub points_after: f64,
    /// Items that fail now and did not before.
    pub items_came: Vec<String>,
    /// Items that failed before and do not now.
    pub items_went: Vec<String>,
}

/// A capability or a milestone that is otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Its id.
    pub id: String,
    /// What it is.
    pub title: String,
    /// Whose it is.
    pub deployment: String,
    /// How it stood, in words; absent where it was not looked at.
    pub before: Option<String>,
    /// How it stands, likewise.
    pub after: Option<String>,
}

impl Diff {
    /// From `before` to `after`.
    pub fn between(before: &Report, after: &Report) -> Diff {
        Diff {
            before: side(before),
            after: side(after),
            rules: rules(&before.packs, &after.packs),
            changes: changes(before, after),
            newly_passing: newly_passing(&before.verdicts, &after.verdicts),
            progress: progress(before, after),
        }
    }
}

fn side(report: &Report) -> Side {
    let readiness = report.readiness.as_ref();
    Side {
        id: report.id.clone(),
        time: report.time.clone(),
        host: report.host.clone(),
        partial: report.partial(),
        single: readiness.and_then(|readiness| readiness.single),
        readiness: readiness.map(|readiness: &Readiness| readiness.range),
        coverage: readiness.map(|readiness| readiness.coverage),
    }
}

fn rules(before: &[Pack], after: &[Pack]) -> Vec<Rules> {
    let of = |packs: &[Pack]| -> BTreeMap<String, (String, String)> {
        packs.iter().map(|pack| (pack.name.clone(), (pack.hash.clone(), pack.version.clone()))).collect()
    };
    let told = |name, before: Option<(String, String)>, after: Option<(String, String)>| {
        (before != after).then(|| Rules { name, before: before.map(|it| it.1), after: after.map(|it| it.1) })
    };
    pairs(of(before), of(after)).filter_map(|(name, before, after)| told(name, before, after)).collect()
}

/// What stands under each key on both sides.
fn pairs<K: Ord, V>(
    before: BTreeMap<K, V>,
    mut after: BTreeMap<K, V>,
) -> impl Iterator<Item = (K, Option<V>, Option<V>)> {
    let mut all: BTreeMap<K, (Option<V>, Option<V>)> = BTreeMap::new();
    for (key, value) in before {
        let other = after.remove(&key);
        all.insert(key, (Some(value), other));
    }
    all.extend(after.into_iter().map(|(key, value)| (key, (None, Some(value)))));
    all.into_iter().map(|(key, (before, after))| (key, before, after))
}

/// The judgements by check and target.
fn keyed(verdicts: &[Judgement]) -> BTreeMap<(&str, &str), &Judgement> {
    verdicts.iter().map(|one| ((one.id.as_str(), one.target.as_str()), one)).collect()
}

/// What passes now and could not be judged before.
fn newly_passing(before: &[Judgement], after: &[Judgement]) -> usize {
    let passes = |(before, after): &(&Judgement, &Judgement)| {
        matches!(before.verdict, Verdict::Unknown | Verdict::NotYetJudged) && after.verdict == Verdict::Pass
    };
    pairs(keyed(before), keyed(after))
        .filter_map(|(_, before, after)| before.zip(after))
        .filter(passes)
        .count()
}

fn changes(before: &Report, after: &Report) -> Vec<Change> {
    let by_rules = !rules(&before.packs, &after.packs).is_empty();
    let looked_at = |target: &str| before.targets.iter().any(|known| known.id == target);
    let found = pairs(keyed(&before.verdicts), keyed(&after.verdicts));
    let mut changes: Vec<Change> = found
        .filter_map(|((_, target), before, after)| {
            let mut change = change(before, after)?;
            if change.kind == Kind::New && before.is_none() && by_rules && looked_at(target) {
                change.kind = Kind::NewCheck;
            }
            Some(change)
        })
        .collect();
    changes.sort_by(|a, b| {
        let points = |change: &Change| change.points_before.max(change.points_after);
        a.kind.cmp(&b.kind).then(points(b).total_cmp(&points(a)))
    });
    changes
}

fn change(before: Option<&Judgement>, after: Option<&Judgement>) -> Option<Change> {
    use Verdict::{Fail, NotApplicable, NotYetJudged, Pass, Unknown, Waived};
    let kind = match (before.map(|it| it.verdict), after.map(|it| it.verdict)) {
        (Some(Fail), Some(Fail)) | (Some(Waived), Some(Waived)) => {
            before.zip(after).is_some_and(|(before, after)| differ(before, after)).then_some(Kind::Changed)
        }
        (Some(Waived), Some(Fail)) => Some(Kind::WaiverEnded),
        (_, Some(Fail)) => Some(Kind::New),
        (_, Some(Waived)) => Some(Kind::Waived),
        (Some(Fail | Waived), Some(Pass | NotApplicable)) => Some(Kind::Fixed),
        (Some(Fail | Waived), Some(Unknown | NotYetJudged)) => Some(Kind::NotJudged),
        (Some(Fail | Waived), None) => Some(Kind::NotLookedAt),
        _ => None,
    }?;
    let one = after.or(before)?;
    let (old, new) = (items(before), items(after));
    let points = |of: Option<&Judgement>| of.map_or(0.0, |it| it.points);
    Some(Change {
        kind,
        id: one.id.clone(),
        target: one.target.clone(),
        title: one.title.clone(),
        before: before.map(|it| it.verdict),
        after: after.map(|it| it.verdict),
        points_before: points(before),
        points_after: points(after),
        items_came: new.difference(&old).map(|item| (*item).clone()).collect(),
        items_went: old.difference(&new).map(|item| (*item).clone()).collect(),
    })
}

fn items(of: Option<&Judgement>) -> BTreeSet<&String> {
    of.into_iter().flat_map(|it| &it.items).collect()
}

/// Whether a finding is worth a line though it was one before. Numbers in the evidence drift with every scan.
fn differ(before: &Judgement, after: &Judgement) -> bool {
    before.items != after.items
        || before.impact != after.impact
        || (before.points - after.points).abs() >= 0.05
}

fn progress(before: &Report, after: &Report) -> Vec<Progress> {
    pairs(goals(before), goals(after))
        .filter(|(_, before, after)| before.as_ref().map(|it| &it.1) != after.as_ref().map(|it| &it.1))
        .map(|((id, deployment), before, after)| Progress {
            id,
            deployment,
            title: after.as_ref().or(before.as_ref()).map(|it| it.0.clone()).unwrap_or_default(),
            before: before.map(|it| it.1),
            after: after.map(|it| it.1),
        })
        .collect()
}

/// Title and state of all capabilities and milestones, by id and deployment.
fn goals(report: &Report) -> BTreeMap<(String, String), (String, String)> {
    let mut goals = BTreeMap::new();
    if let Some(adoption) = &report.adoption {
        for one in adoption.capabilities.iter().filter(|one| one.stage != Stage::NotApplicable) {
            let key = (one.id.clone(), adoption.entitlement.deployment.clone());
            goals.insert(key, (one.title.clone(), one.stage.to_string()));
        }
    }
    for one in report.milestones.iter().filter(|one| one.state != Reached::Unknown) {
        goals.insert((one.id.clone(), one.deployment.clone()), (one.title.clone(), one.state.to_string()));
    }
    goals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        serde_json::from_str(include_str!("../samples/report-3.json")).unwrap()
    }

    /// From every verdict to every verdict, and to and from not being there.
    #[test]
    fn every_way_from_one_verdict_to_another_has_one_name() {
        use Verdict::{Fail, NotApplicable, Pass, Unknown, Waived};
        let all = [None, Some(Fail), Some(Waived), Some(Unknown), Some(Pass), Some(NotApplicable)];
        let one = sample().verdicts.remove(0);
        let with = |verdict| Judgement { verdict, ..one.clone() };
        let told: Vec<_> = all
            .iter()
            .flat_map(|before| all.iter().map(move |after| (*before, *after)))
            .filter_map(|(before, after)| {
                let kind = change(before.map(with).as_ref(), after.map(with).as_ref())?.kind;
                Some((before, after, kind))
            })
            .collect();
        let of = |kind| told.iter().filter(|it| it.2 == kind).count();
        let kinds =
            [Kind::New, Kind::WaiverEnded, Kind::Fixed, Kind::Waived, Kind::NotJudged, Kind::NotLookedAt];
        assert_eq!(kinds.map(of), [4, 1, 4, 5, 2, 2]);
        assert!(
            told.iter()
                .all(|(_, after, kind)| *kind != Kind::Fixed || !matches!(after, None | Some(Unknown)))
        );
    }

    #[test]
    fn a_report_does_not_differ_from_itself() {
        let diff = Diff::between(&sample(), &sample());
        assert!(diff.changes.is_empty() && diff.rules.is_empty() && diff.progress.is_empty(), "{diff:?}");
    }

    /// The title of a check names a problem; where it passes there is none.
    #[test]
    fn what_passes_is_counted_and_never_named() {
        let (before, mut after) = (sample(), sample());
        for one in after
            .verdicts
            .iter_mut()
            .filter(|one| matches!(one.verdict, Verdict::Unknown | Verdict::NotYetJudged))
        {
            one.verdict = Verdict::Pass;
        }
        let diff = Diff::between(&before, &after);
        assert_eq!((diff.newly_passing, diff.changes.len()), (2, 0), "{diff:?}");
        let back = Diff::between(&after, &before);
        assert_eq!((back.newly_passing, back.changes.len()), (0, 0), "not a finding either way: {back:?}");
    }

    #[test]
    fn what_a_new_check_finds_is_kept_apart_from_what_the_site_changed() {
        let (mut before, after) = (sample(), sample());
        before.verdicts.remove(0);
        assert_eq!(Diff::between(&before, &after).changes[0].kind, Kind::New);
        before.packs[0].hash = "cd".repeat(32);
        assert_eq!(Diff::between(&before, &after).changes[0].kind, Kind::NewCheck);
        before.targets.clear();
        assert_eq!(Diff::between(&before, &after).changes[0].kind, Kind::New, "its target is new as well");
    }

    #[test]
    fn items_points_rules_and_goals_are_told() {
        let (before, mut after) = (sample(), sample());
        after.verdicts[0].items.push("new".into());
        after.verdicts[1].points += 0.01;
        after.packs[0].hash = "cd".repeat(32);
        after.packs.pop();
        after.milestones[0].state = Reached::Reached;
        let diff = Diff::between(&before, &after);
        assert_eq!(diff.changes.len(), 1, "{:?}", diff.changes);
        assert_eq!(
            (diff.changes[0].kind, &diff.changes[0].items_came),
            (Kind::Changed, &vec!["new".to_owned()])
        );
        let versions: Vec<_> =
            diff.rules.iter().map(|it| (it.before.is_some(), it.after.is_some())).collect();
        assert_eq!(versions, [(true, true), (true, false)]);
        assert_eq!(diff.progress[0].after.as_deref(), Some("reached"));
    }
}
