//! Use, milestones and tasks pull the score the way that they should.

use proptest::prelude::*;

use super::*;

/// The range with one capability used so far, one milestone reached or not, one task completed so far.
fn with_progress(input: &Input, pick: usize, extent: Option<f64>) -> Option<(f64, f64)> {
    let mut input = input.clone();
    let all: usize = input
        .deployments
        .values()
        .map(|of| of.capabilities.len() + of.milestones.len() + of.tasks.len())
        .sum();
    let mut at = pick.checked_rem(all)?;
    for of in input.deployments.values_mut() {
        let extents = of.capabilities.iter_mut().map(|one| &mut one.extent);
        let mut extents: Vec<_> = extents.chain(of.tasks.iter_mut().map(|one| &mut one.completion)).collect();
        if let Some(found) = extents.get_mut(at) {
            **found = extent;
            break;
        }
        at -= extents.len();
        if let Some(found) = of.milestones.get_mut(at) {
            found.reached = extent.map(|extent| extent >= 1.0);
            break;
        }
        at -= of.milestones.len();
    }
    score(&input, &figures()).map(|scored| (scored.range.low, scored.range.high))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn more_use_never_lowers_and_unknown_use_widens(input in input(), pick in any::<usize>()) {
        let (Some(full), Some(none)) = (with_progress(&input, pick, Some(1.0)), with_progress(&input, pick, Some(0.0))) else {
            return Ok(());
        };
        // Where nothing is known there is no number yet.
        let Some(scored) = score(&input, &figures()) else { return Ok(()) };
        let (low, high) = (scored.range.low, scored.range.high);
        prop_assert!(none.0 <= low && low <= full.0, "{none:?} {low} {full:?}");
        prop_assert!(none.1 <= high && high <= full.1, "{none:?} {high} {full:?}");
        if let Some((unknown_low, unknown_high)) = with_progress(&input, pick, None) {
            prop_assert!(unknown_low <= low && unknown_high >= high, "{unknown_low} {low} {unknown_high} {high}");
        }
    }
}
