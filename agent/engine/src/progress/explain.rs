//! From what was judged to the score, and from the score's points back to what was judged.

use std::collections::BTreeMap;

use goodstead_model::{Reached, Stage};

use super::judge::{Progress, begins_now};
use crate::score::{Capability, Cost, DeploymentInput, Item, Milestone, Task};

impl Progress {
    /// What the score needs of each deployment. A capability that does not apply, and a task without attempts, are left
    /// out: they say nothing about success.
    pub(crate) fn input(&self) -> BTreeMap<String, DeploymentInput> {
        let mut input: BTreeMap<String, DeploymentInput> = BTreeMap::new();
        if let Some(adoption) = &self.adoption {
            let applying = adoption.capabilities.iter().filter(|one| one.stage != Stage::NotApplicable);
            input.entry(adoption.entitlement.deployment.clone()).or_default().capabilities = applying
                .map(|one| Capability { id: one.id.clone(), weight: one.weight, extent: one.extent })
                .collect();
        }
        // What compares with an earlier scan is not yet known, and counts neither way.
        for one in self.milestones.iter().filter(|one| !begins_now(one.cause.as_ref())) {
            let reached = match one.state {
                Reached::Reached => Some(true),
                Reached::NotReached => Some(false),
                Reached::Unknown => None,
            };
            let milestone = Milestone { id: one.id.clone(), reached };
            input.entry(one.deployment.clone()).or_default().milestones.push(milestone);
        }
        for one in self.tasks.iter().filter(|one| one.attempts != Some(0) && !begins_now(one.cause.as_ref()))
        {
            let completion = match (one.attempts, one.completions) {
                (Some(attempts), Some(completions)) => Some(completions as f64 / attempts as f64),
                _ => None,
            };
            let task = Task { id: one.id.clone(), completion };
            input.entry(one.deployment.clone()).or_default().tasks.push(task);
        }
        input
    }

    /// Writes down what each costs.
    pub(crate) fn cost(&mut self, costs: &BTreeMap<Item, Cost>) {
        let of = |item: Item| costs.get(&item).map_or((0.0, 0.0), |cost| (cost.points, cost.gain));
        if let Some(adoption) = &mut self.adoption {
            let deployment = &adoption.entitlement.deployment;
            for one in &mut adoption.capabilities {
                let item = Item::Capability { deployment: deployment.clone(), id: one.id.clone() };
                (one.points, one.gain) = of(item);
            }
        }
        for one in &mut self.milestones {
            let item = Item::Milestone { deployment: one.deployment.clone(), id: one.id.clone() };
            (one.points, one.gain) = of(item);
        }
        for one in &mut self.tasks {
            let item = Item::Task { deployment: one.deployment.clone(), id: one.id.clone() };
            (one.points, one.gain) = of(item);
        }
    }

    /// The most costly first; among equal ones as the chain goes, then by id and deployment.
    pub(crate) fn sort(&mut self) {
        if let Some(adoption) = &mut self.adoption {
            adoption.capabilities.sort_by(|one, two| {
                let rest = || (one.stage, &one.id).cmp(&(two.stage, &two.id));
                two.points.total_cmp(&one.points).then_with(rest)
            });
        }
        self.milestones.sort_by(|one, two| {
            let order = |state| match state {
                Reached::NotReached => 0,
                Reached::Unknown => 1,
                Reached::Reached => 2,
            };
            (order(one.state), &one.id, &one.deployment).cmp(&(order(two.state), &two.id, &two.deployment))
        });
        self.tasks.sort_by(|one, two| {
            let rest = || (&one.id, &one.deployment).cmp(&(&two.id, &two.deployment));
            two.points.total_cmp(&one.points).then_with(rest)
        });
    }
}
