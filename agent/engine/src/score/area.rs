//! The areas of one target: each one's score at both ends, and who costs what at the high end.

use goodstead_model::Area;

use super::loss::Loss;
use super::{DeploymentInput, Figures, Item, Rated, State, TargetInput};

/// One end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// What is unknown failed.
    Low,
    /// What is unknown passed.
    High,
}

/// What readiness looks at: a target, its deployment, and what is taken as mended.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) target: &'a TargetInput,
    pub(super) deployment: &'a DeploymentInput,
    pub(super) mended: Option<&'a Item>,
    pub(super) figures: &'a Figures,
}

/// One area that has data.
pub(super) struct Scored {
    pub(super) area: Area,
    /// The area's figure; divided by the sum of those that apply, it is the area's share.
    pub(super) weight: f64,
    /// 0 to 100.
    pub(super) score: f64,
    /// Each item's share of what is lost; they add up to 1 where anything is.
    pub(super) shares: Vec<(Item, f64)>,
}

impl<'a> View<'a> {
    fn item(&self, area: Area, id: &str) -> Item {
        let (deployment, id) = (self.target.deployment.clone(), id.to_owned());
        match area {
            Area::Configuration => Item::Check { target: self.target.id.clone(), id },
            Area::Adoption => Item::Capability { deployment, id },
            Area::Success => Item::Milestone { deployment, id },
            Area::Outlook => Item::Forecast { deployment, id },
        }
    }

    fn task(&self, id: &str) -> Item {
        Item::Task { deployment: self.target.deployment.clone(), id: id.to_owned() }
    }

    fn is_mended(&self, item: &Item) -> bool {
        self.mended == Some(item)
    }

    fn fails(&self, area: Area, rated: &Rated, end: End) -> bool {
        match rated.state {
            State::Passed => false,
            State::Failed => self.mended.is_none() || !self.is_mended(&self.item(area, &rated.id)),
            State::Unknown => end == End::Low,
        }
    }

    /// The critical checks that fail.
    pub(super) fn critical(self, end: End) -> impl Iterator<Item = &'a Rated> {
        let checks = self.target.checks.iter();
        checks.filter(move |rated| {
            rated.impact == goodstead_model::Impact::Critical && self.fails(Area::Configuration, rated, end)
        })
    }

    /// The areas that have data.
    pub(super) fn areas(&self, end: End) -> Vec<Scored> {
        let values = |pairs: Vec<(Item, f64, Option<f64>)>| -> Vec<(Item, f64, f64)> {
            let value = |item: &Item, value: Option<f64>| match value {
                _ if self.is_mended(item) => 1.0,
                Some(value) if value.is_finite() => value.clamp(0.0, 1.0),
                _ if end == End::Low => 0.0,
                _ => 1.0,
            };
            pairs
                .into_iter()
                .map(|(item, weight, found)| (value(&item, found), item, weight))
                .map(|(v, i, w)| (i, w, v))
                .collect()
        };
        let of = self.deployment;
        let capabilities = of.capabilities.iter();
        let capabilities =
            capabilities.map(|one| (self.item(Area::Adoption, &one.id), positive(one.weight), one.extent));
        let milestones = of.milestones.iter();
        let milestones = milestones.map(|one| {
            (
                self.item(Area::Success, &one.id),
                1.0,
                one.reached.map(|reached| if reached { 1.0 } else { 0.0 }),
            )
        });
        let tasks = of.tasks.iter().map(|one| (self.task(&one.id), 1.0, one.completion));
        let areas = [
            self.product(Area::Configuration, &self.target.checks, end),
            self.mean(Area::Adoption, values(capabilities.collect())),
            self.mean(Area::Success, values(milestones.chain(tasks).collect())),
            self.product(Area::Outlook, &of.forecasts, end),
        ];
        areas.into_iter().flatten().collect()
    }

    fn product(&self, area: Area, rated: &[Rated], end: End) -> Option<Scored> {
        if rated.is_empty() {
            return None;
        }
        let loss = Loss::of(rated.iter().filter(|rated| self.fails(area, rated, end)), self.figures);
        let shares = loss.shares().into_iter().map(|(rated, share)| (self.item(area, &rated.id), share));
        Some(Scored { area, weight: self.figures.area(area), score: loss.left(), shares: shares.collect() })
    }

    fn mean(&self, area: Area, values: Vec<(Item, f64, f64)>) -> Option<Scored> {
        let weights: f64 = values.iter().map(|(_, weight, _)| weight).sum();
        if weights <= 0.0 {
            return None;
        }
        let lost: f64 = values.iter().map(|(_, weight, value)| weight * (1.0 - value)).sum();
        let shares = values.into_iter().filter(|(_, weight, value)| weight * (1.0 - value) > 0.0);
        let shares = shares.map(|(item, weight, value)| (item, weight * (1.0 - value) / lost)).collect();
        Some(Scored { area, weight: self.figures.area(area), score: 100.0 * (1.0 - lost / weights), shares })
    }
}

/// A usable weight: what is negative or no number counts as nothing.
pub(super) fn positive(weight: f64) -> f64 {
    if weight.is_finite() { weight.max(0.0) } else { 0.0 }
}
