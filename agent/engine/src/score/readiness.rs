//! Readiness of each target and of all, and what everything costs.

use std::collections::BTreeMap;

use goodstead_model::{AreaScore, Range, TargetScore};

use super::area::{End, View, positive};
use super::points::{distribute, hundredths, points};
use super::{Cost, DeploymentInput, Figures, Input, Item, Rated, Scored, State, TargetInput};

/// The score of all targets; `None` when nothing of any is known.
pub fn score(input: &Input, figures: &Figures) -> Option<Scored> {
    let none = DeploymentInput::default();
    let sorted = sorted(input);
    let views = sorted.targets.iter().map(|target| View {
        target,
        deployment: sorted.deployments.get(&target.deployment).unwrap_or(&none),
        mended: None,
        figures,
    });
    // A target without any data has no readiness and no weight.
    let views: Vec<View<'_>> = views.filter(|view| !view.areas(End::High).is_empty()).collect();
    let shares = importance(&views);
    let seen: Vec<(View<'_>, f64)> = views.into_iter().zip(shares).collect();
    if seen.iter().all(|(view, _)| !is_known(view)) {
        return None;
    }
    let mean = |end| seen.iter().map(|(view, share)| share * readiness(view, end)).sum::<f64>();
    let (low, high) = (mean(End::Low), mean(End::High));
    let range = range(low, high);
    let coverage = coverage(seen.iter().flat_map(|(view, _)| &view.target.checks), figures);
    Some(Scored {
        range,
        single: figures.is_single(range.high - range.low, coverage).then_some(range.high),
        coverage,
        worst: worst(&seen),
        targets: seen
            .iter()
            .filter(|(view, _)| is_known(view))
            .map(|(view, _)| (view.target.id.clone(), target_score(view)))
            .collect(),
        costs: costs(&seen, high),
    })
}

/// The same input in one order, so that sums of floats do not depend on another.
fn sorted(input: &Input) -> Input {
    let by_id = |one: &Rated, two: &Rated| one.id.cmp(&two.id);
    let mut input = input.clone();
    input.targets.sort_by(|one, two| one.id.cmp(&two.id));
    for target in &mut input.targets {
        target.checks.sort_by(by_id);
    }
    for deployment in input.deployments.values_mut() {
        deployment.capabilities.sort_by(|one, two| one.id.cmp(&two.id));
        deployment.milestones.sort_by(|one, two| one.id.cmp(&two.id));
        deployment.tasks.sort_by(|one, two| one.id.cmp(&two.id));
        deployment.forecasts.sort_by(by_id);
    }
    input
}

/// The targets' shares of the whole; they add up to 1.
fn importance(views: &[View<'_>]) -> Vec<f64> {
    let weights: Vec<f64> = views.iter().map(|view| positive(view.target.importance)).collect();
    // The largest first: the sum of very large weights must not leave the numbers.
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return vec![1.0 / views.len().max(1) as f64; views.len()];
    }
    let sum: f64 = weights.iter().map(|weight| weight / largest).sum();
    weights.iter().map(|weight| weight / largest / sum).collect()
}

/// Whether anything of a target or its deployment is known.
fn is_known(view: &View<'_>) -> bool {
    let of = view.deployment;
    let rated = |rated: &[Rated]| rated.iter().any(|rated| rated.state != State::Unknown);
    rated(&view.target.checks)
        || rated(&of.forecasts)
        || of.capabilities.iter().any(|one| one.extent.is_some())
        || of.milestones.iter().any(|one| one.reached.is_some())
        || of.tasks.iter().any(|one| one.completion.is_some())
}

/// What a failed critical check leaves.
fn halving(view: &View<'_>, end: End) -> f64 {
    if view.critical(end).next().is_some() { view.figures.critical_leaves() } else { 1.0 }
}

/// The weighted mean of the areas that have data, before any halving.
fn areas_mean(view: &View<'_>, end: End) -> f64 {
    let areas = view.areas(end);
    let weights: f64 = areas.iter().map(|area| area.weight).sum();
    areas.iter().map(|area| area.weight / weights * area.score).sum()
}

fn readiness(view: &View<'_>, end: End) -> f64 {
    halving(view, end) * areas_mean(view, end)
}

fn range(low: f64, high: f64) -> Range {
    // Rounding of floats could otherwise put the low end a hair above the high one.
    let (low, high) = (hundredths(low), hundredths(high));
    Range { low: points(low.min(high)), high: points(high) }
}

/// The judged share of the weight, 0 to 100; 100 where no check applies.
fn coverage<'a>(checks: impl Iterator<Item = &'a Rated>, figures: &Figures) -> f64 {
    let (mut judged, mut all) = (0.0, 0.0);
    for rated in checks {
        let weight = figures.weight(rated.impact) * figures.likelihood(rated.likelihood);
        all += weight;
        if rated.state != State::Unknown {
            judged += weight;
        }
    }
    if all > 0.0 { points(hundredths(100.0 * judged / all)) } else { 100.0 }
}

fn target_score(view: &View<'_>) -> TargetScore {
    let (low, high) = (view.areas(End::Low), view.areas(End::High));
    let weights: f64 = high.iter().map(|area| area.weight).sum();
    TargetScore {
        range: range(readiness(view, End::Low), readiness(view, End::High)),
        areas: low
            .into_iter()
            .zip(high)
            .map(|(low, high)| AreaScore {
                area: high.area,
                weight: high.weight / weights,
                range: range(low.score, high.score),
            })
            .collect(),
        halved: view.critical(End::High).next().is_some(),
        coverage: coverage(view.target.checks.iter(), view.figures),
    }
}

/// The target with the lowest high end; among equal ones that with the lowest low end, then the first by id.
fn worst(seen: &[(View<'_>, f64)]) -> Option<String> {
    if seen.len() < 2 {
        return None;
    }
    let order =
        |view: &View<'_>| (hundredths(readiness(view, End::High)), hundredths(readiness(view, End::Low)));
    seen.iter().min_by_key(|(view, _)| order(view)).map(|(view, _)| view.target.id.clone())
}

fn costs(seen: &[(View<'_>, f64)], high: f64) -> BTreeMap<Item, Cost> {
    let mut losses: BTreeMap<Item, f64> = BTreeMap::new();
    for (view, share) in seen {
        for (item, loss) in target_losses(view) {
            *losses.entry(item).or_default() += share * loss;
        }
    }
    let points_of = distribute(&losses, 10_000 - hundredths(high));
    points_of
        .into_iter()
        .map(|(item, lost)| {
            let gain = gain(&item, seen, high);
            (item, Cost { points: points(lost), gain })
        })
        .collect()
}

/// What each item costs one target, in points of 100.
fn target_losses(view: &View<'_>) -> Vec<(Item, f64)> {
    let areas = view.areas(End::High);
    let weights: f64 = areas.iter().map(|area| area.weight).sum();
    let mut losses = Vec::new();
    for area in areas {
        let lost = area.weight / weights * (100.0 - area.score);
        losses.extend(area.shares.into_iter().map(|(item, share)| (item, share * lost)));
    }
    // The halving is the failed critical checks' own, by likelihood.
    let lost = (1.0 - halving(view, End::High)) * areas_mean(view, End::High);
    let likelihood = |rated: &Rated| view.figures.likelihood(rated.likelihood);
    let sum: f64 = view.critical(End::High).map(likelihood).sum();
    losses.extend(view.critical(End::High).map(|rated| {
        let item = Item::Check { target: view.target.id.clone(), id: rated.id.clone() };
        (item, lost * likelihood(rated) / sum)
    }));
    losses
}

/// By how much the high end rises when `item` alone is mended.
fn gain(item: &Item, seen: &[(View<'_>, f64)], high: f64) -> f64 {
    let touches = |target: &TargetInput| match item {
        Item::Check { target: id, .. } => target.id == *id,
        Item::Capability { deployment, .. }
        | Item::Milestone { deployment, .. }
        | Item::Task { deployment, .. }
        | Item::Forecast { deployment, .. } => target.deployment == *deployment,
    };
    let rise: f64 = seen
        .iter()
        .filter(|(view, _)| touches(view.target))
        .map(|(view, share)| {
            let mended = View { mended: Some(item), ..*view };
            share * (readiness(&mended, End::High) - readiness(view, End::High))
        })
        .sum();
    points((hundredths(high + rise) - hundredths(high)).max(0))
}
