//! What failed checks, or forecasts, leave of 100: the product over the impact classes, kept as logarithms.
//!
//! Logarithms stay finite where the product itself would underflow, and their ratios are the classes' shares.

use goodstead_model::Impact;

use super::{Figures, Rated};

/// The classes with failures, each with the logarithm of what it leaves (below 0) and its failures.
pub(super) struct Loss<'a> {
    pub(super) classes: Vec<Class<'a>>,
}

/// One impact class.
pub(super) struct Class<'a> {
    log_left: f64,
    failed: Vec<(&'a Rated, f64)>,
}

impl<'a> Loss<'a> {
    /// The loss from those of `rated` that fail.
    pub(super) fn of(failed: impl Iterator<Item = &'a Rated> + Clone, figures: &Figures) -> Self {
        let classes = Impact::WORST_FIRST.into_iter().filter_map(|impact| {
            let failed: Vec<(&Rated, f64)> = failed
                .clone()
                .filter(|rated| rated.impact == impact)
                .map(|rated| (rated, figures.likelihood(rated.likelihood)))
                .collect();
            if failed.is_empty() {
                return None;
            }
            let weight = figures.weight(impact);
            let log_left = match figures.most(impact) {
                None => failed.iter().map(|(_, likelihood)| (-weight * likelihood).ln_1p()).sum(),
                Some(most) => {
                    let sum: f64 = failed.iter().map(|(_, likelihood)| weight * likelihood).sum();
                    (most * (-sum / most).exp_m1()).ln_1p()
                }
            };
            Some(Class { log_left, failed })
        });
        Loss { classes: classes.collect() }
    }

    fn log_left(&self) -> f64 {
        self.classes.iter().map(|class| class.log_left).sum()
    }

    /// What is left of 100.
    pub(super) fn left(&self) -> f64 {
        100.0 * self.log_left().exp()
    }

    /// Each failure's share of what is lost; the shares add up to 1. Between the classes by logarithm, within a class
    /// by likelihood (the weight is the same there).
    pub(super) fn shares(&self) -> Vec<(&'a Rated, f64)> {
        let all = self.log_left();
        let shares = self.classes.iter().flat_map(|class| {
            let sum: f64 = class.failed.iter().map(|(_, likelihood)| likelihood).sum();
            class
                .failed
                .iter()
                .map(move |(rated, likelihood)| (*rated, class.log_left / all * likelihood / sum))
        });
        shares.collect()
    }
}
