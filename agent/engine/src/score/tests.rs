//! The properties that make the score worth trusting, and the values that are known.

mod progress;

use std::collections::BTreeMap;

use goodstead_model::{Area, Impact, Likelihood};
use proptest::prelude::*;

use super::*;

fn figures() -> Figures {
    Figures::shipped().unwrap()
}

fn rated(id: usize, impact: Impact, likelihood: Likelihood, state: State) -> Rated {
    Rated { id: format!("demo.c{id:03}"), impact, likelihood, state }
}

fn one_target(checks: Vec<Rated>) -> Input {
    let target = TargetInput { id: "demo".to_owned(), importance: 1.0, deployment: "d".to_owned(), checks };
    Input { targets: vec![target], deployments: BTreeMap::new() }
}

fn failing(count: usize, impact: Impact) -> Input {
    one_target((0..count).map(|id| rated(id, impact, Likelihood::High, State::Failed)).collect())
}

/// The high end of the one target's configuration.
fn configuration(input: &Input) -> f64 {
    let scored = score(input, &figures()).unwrap();
    let area = &scored.targets["demo"].areas[0];
    assert_eq!((area.area, area.weight), (Area::Configuration, 1.0));
    (area.range.high * 10.0).round() / 10.0
}

#[test]
fn known_values() {
    assert_eq!(configuration(&failing(3, Impact::Low)), 95.5);
    assert_eq!(configuration(&failing(10, Impact::Medium)), 72.1);
    assert_eq!(configuration(&failing(50, Impact::Low)), 90.0);
    assert_eq!(configuration(&failing(1, Impact::Critical)), 40.0);
}

#[test]
fn a_failed_critical_check_halves_once() {
    let one = score(&failing(1, Impact::Critical), &figures()).unwrap();
    assert_eq!((one.range.high, one.targets["demo"].halved), (20.0, true));
    let two = score(&failing(2, Impact::Critical), &figures()).unwrap();
    assert_eq!(two.range.high, 8.0);
    assert_eq!(one.costs.values().next().unwrap(), &Cost { points: 80.0, gain: 80.0 });
}

#[test]
fn points_are_shared_by_logarithm_between_classes_and_linearly_within() {
    let checks = vec![
        rated(0, Impact::High, Likelihood::High, State::Failed),
        rated(1, Impact::High, Likelihood::Medium, State::Failed),
        rated(2, Impact::Medium, Likelihood::Low, State::Failed),
    ];
    let scored = score(&one_target(checks), &figures()).unwrap();
    // Left by the classes: 1 − 0.55 (1 − exp(−0.4 / 0.55)) and 1 − 0.3 (1 − exp(−0.024 / 0.3)).
    let (high, medium) = (0.715_774_f64, 0.976_935_f64);
    let lost = 100.0 * (1.0 - high * medium);
    let of_high = lost * high.ln() / (high * medium).ln();
    let points: Vec<f64> = scored.costs.values().map(|cost| cost.points).collect();
    for (points, wanted) in points.iter().zip([of_high / 1.6, of_high * 0.6 / 1.6, lost - of_high]) {
        assert!((points - wanted).abs() < 0.011, "{points} {wanted}");
    }
}

#[test]
fn what_the_halving_takes_belongs_to_the_critical_check() {
    let checks = vec![
        rated(0, Impact::Critical, Likelihood::High, State::Failed),
        rated(1, Impact::High, Likelihood::High, State::Failed),
    ];
    let scored = score(&one_target(checks), &figures()).unwrap();
    // The high check leaves 1 − 0.55 (1 − exp(−0.25 / 0.55)), the critical one 0.4, and the halving half of both.
    let (high, critical) = (0.799_105_f64, 0.4_f64);
    let configuration = 100.0 * high * critical;
    let of_critical = (100.0 - configuration) * critical.ln() / (high * critical).ln() + configuration / 2.0;
    let points: Vec<f64> = scored.costs.values().map(|cost| cost.points).collect();
    for (points, wanted) in points.iter().zip([of_critical, 100.0 - configuration / 2.0 - of_critical]) {
        assert!((points - wanted).abs() < 0.011, "{points} {wanted}");
    }
}

#[test]
fn an_unknown_critical_check_counts_at_the_low_end_only() {
    let checks = vec![
        rated(0, Impact::Critical, Likelihood::High, State::Unknown),
        rated(1, Impact::Critical, Likelihood::High, State::Passed),
    ];
    let scored = score(&one_target(checks), &figures()).unwrap();
    assert_eq!((scored.range.low, scored.range.high, scored.coverage), (20.0, 100.0, 50.0));
    assert_eq!((scored.single, scored.targets["demo"].halved), (None, false));
}

#[test]
fn a_single_number_needs_a_narrow_range_and_a_wide_coverage() {
    let checks = |unknown: usize| {
        let low = |id, state| rated(id, Impact::Low, Likelihood::High, state);
        let mut checks: Vec<Rated> = (0..unknown).map(|id| low(id, State::Unknown)).collect();
        checks.extend((unknown..10).map(|id| low(id, State::Passed)));
        score(&one_target(checks), &figures()).unwrap()
    };
    assert_eq!(checks(2).single, Some(100.0));
    // The range is narrow here too: low checks take 10 at most.
    assert_eq!((checks(3).single, checks(3).coverage), (None, 70.0));
}

#[test]
fn nothing_known_is_no_score() {
    assert_eq!(score(&Input::default(), &figures()), None);
    assert_eq!(score(&one_target(Vec::new()), &figures()), None);
    let unknown = one_target(vec![rated(0, Impact::Low, Likelihood::High, State::Unknown)]);
    assert_eq!(score(&unknown, &figures()), None);
}

#[test]
fn a_target_of_which_nothing_is_known_counts_and_has_no_score_of_its_own() {
    let mut input = failing(0, Impact::Low);
    input.targets[0].checks.push(rated(0, Impact::High, Likelihood::High, State::Passed));
    let mut other = input.targets[0].clone();
    other.id = "other".to_owned();
    other.checks[0].state = State::Unknown;
    input.targets.push(other);
    let scored = score(&input, &figures()).unwrap();
    assert!(scored.range.low < 95.0 && scored.range.high == 100.0, "{:?}", scored.range);
    assert_eq!(scored.targets.keys().collect::<Vec<_>>(), ["demo"]);
    assert_eq!(scored.worst.as_deref(), Some("other"));
}

#[test]
fn areas_without_data_leave_their_weight_to_the_others() {
    let mut input = failing(0, Impact::Low);
    input.targets[0].checks.push(rated(0, Impact::Low, Likelihood::High, State::Passed));
    let of = DeploymentInput {
        capabilities: vec![
            Capability { id: "a".to_owned(), weight: 3.0, extent: Some(0.5) },
            Capability { id: "b".to_owned(), weight: 1.0, extent: None },
        ],
        milestones: vec![Milestone { id: "m".to_owned(), reached: Some(false) }],
        tasks: vec![Task { id: "t".to_owned(), completion: Some(0.5) }],
        forecasts: Vec::new(),
    };
    input.deployments.insert("d".to_owned(), of);
    let scored = score(&input, &figures()).unwrap();
    let areas: Vec<_> = scored.targets["demo"]
        .areas
        .iter()
        .map(|area| (area.area, area.range.low, area.range.high))
        .collect();
    assert_eq!(
        areas,
        [(Area::Configuration, 100.0, 100.0), (Area::Adoption, 37.5, 62.5), (Area::Success, 25.0, 25.0)]
    );
    let weights: f64 = scored.targets["demo"].areas.iter().map(|area| area.weight).sum();
    assert!((weights - 1.0).abs() < 1e-12);
    // 0.25 × 37.5 + 0.2 × 75, over 0.85.
    assert_eq!(scored.range.high, 71.32);
    let points: Vec<f64> = scored.costs.values().map(|cost| cost.points).collect();
    assert_eq!(points, [11.03, 11.77, 5.88]);
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![3 => Just(State::Passed), 2 => Just(State::Failed), 1 => Just(State::Unknown)]
}

fn checks() -> impl Strategy<Value = Vec<Rated>> {
    let one = (
        prop::sample::select(Impact::WORST_FIRST.to_vec()),
        prop::sample::select(vec![Likelihood::High, Likelihood::Medium, Likelihood::Low]),
        state(),
    );
    prop::collection::vec(one, 0..12).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(id, (impact, likelihood, state))| rated(id, impact, likelihood, state))
            .collect()
    })
}

fn deployment() -> impl Strategy<Value = DeploymentInput> {
    let extent = || prop::option::of(0.0_f64..=1.0);
    (
        prop::collection::vec((0.1_f64..9.0, extent()), 0..4),
        prop::collection::vec(prop::option::of(any::<bool>()), 0..4),
        prop::collection::vec(extent(), 0..3),
        checks(),
    )
        .prop_map(|(capabilities, milestones, tasks, forecasts)| {
            let id = |at: usize| format!("x{at}");
            DeploymentInput {
                capabilities: capabilities
                    .into_iter()
                    .enumerate()
                    .map(|(at, (weight, extent))| Capability { id: id(at), weight, extent })
                    .collect(),
                milestones: milestones
                    .into_iter()
                    .enumerate()
                    .map(|(at, reached)| Milestone { id: id(at), reached })
                    .collect(),
                tasks: tasks
                    .into_iter()
                    .enumerate()
                    .map(|(at, completion)| Task { id: id(at), completion })
                    .collect(),
                forecasts: forecasts.into_iter().take(3).collect(),
            }
        })
}

fn input() -> impl Strategy<Value = Input> {
    let targets = prop::collection::vec(
        (checks(), prop_oneof![Just(0.0), 0.0_f64..5.0, Just(1e300)], 0..2_usize),
        1..4,
    );
    (targets, prop::collection::vec(deployment(), 2)).prop_map(|(targets, deployments)| Input {
        targets: targets
            .into_iter()
            .enumerate()
            .map(|(id, (checks, importance, of))| TargetInput {
                id: format!("demo:{id}"),
                importance,
                deployment: format!("d{of}"),
                checks,
            })
            .collect(),
        deployments: deployments.into_iter().enumerate().map(|(id, of)| (format!("d{id}"), of)).collect(),
    })
}

/// The ends, where nothing known counts as 0 to 100.
fn ends(input: &Input) -> (f64, f64) {
    score(input, &figures()).map_or((0.0, 100.0), |scored| (scored.range.low, scored.range.high))
}

/// Makes of one item what it should be.
fn mend(input: &mut Input, item: &Item) {
    match item {
        Item::Check { target, id } => {
            let target = input.targets.iter_mut().find(|one| one.id == *target).unwrap();
            target.checks.iter_mut().find(|one| one.id == *id).unwrap().state = State::Passed;
        }
        Item::Capability { deployment, id } => {
            let of = input.deployments.get_mut(deployment).unwrap();
            of.capabilities.iter_mut().find(|one| one.id == *id).unwrap().extent = Some(1.0);
        }
        Item::Milestone { deployment, id } => {
            let of = input.deployments.get_mut(deployment).unwrap();
            of.milestones.iter_mut().find(|one| one.id == *id).unwrap().reached = Some(true);
        }
        Item::Task { deployment, id } => {
            let of = input.deployments.get_mut(deployment).unwrap();
            of.tasks.iter_mut().find(|one| one.id == *id).unwrap().completion = Some(1.0);
        }
        Item::Forecast { deployment, id } => {
            let of = input.deployments.get_mut(deployment).unwrap();
            of.forecasts.iter_mut().find(|one| one.id == *id).unwrap().state = State::Passed;
        }
    }
}

/// The range with one check's state changed, if there is a check.
fn with_state(input: &Input, pick: usize, state: State) -> Option<(f64, f64)> {
    let mut input = input.clone();
    let mut all: Vec<&mut Rated> = input.targets.iter_mut().flat_map(|target| &mut target.checks).collect();
    let at = pick.checked_rem(all.len())?;
    all[at].state = state;
    // Where all the rest is unknown the range is not shown, but it still exists.
    score(&input, &figures()).map(|scored| (scored.range.low, scored.range.high))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn within_0_and_100_and_the_points_add_up(input in input()) {
        if let Some(scored) = score(&input, &figures()) {
            let Range { low, high } = scored.range;
            prop_assert!(0.0 <= low && low <= high && high <= 100.0, "{low} {high}");
            prop_assert!((0.0..=100.0).contains(&scored.coverage));
            let in_hundredths = |points: f64| (points * 100.0).round() as i64;
            let sum: i64 = scored.costs.values().map(|cost| in_hundredths(cost.points)).sum();
            prop_assert_eq!(sum, 10_000 - in_hundredths(high));
            for cost in scored.costs.values() {
                prop_assert!(cost.points >= 0.0 && cost.gain >= 0.0 && cost.gain <= 100.0 - high + 1e-9);
            }
            for target in scored.targets.values() {
                prop_assert!(0.0 <= target.range.low && target.range.low <= target.range.high && target.range.high <= 100.0);
            }
        }
    }

    #[test]
    fn the_order_does_not_matter(input in input()) {
        let mut other = input.clone();
        other.targets.reverse();
        for target in &mut other.targets {
            target.checks.reverse();
        }
        for of in other.deployments.values_mut() {
            of.capabilities.reverse();
            of.milestones.reverse();
            of.tasks.reverse();
            of.forecasts.reverse();
        }
        prop_assert_eq!(score(&input, &figures()), score(&other, &figures()));
    }

    #[test]
    fn mending_never_lowers_and_breaking_never_raises(input in input(), pick in any::<usize>()) {
        let (Some(mended), Some(broken)) = (with_state(&input, pick, State::Passed), with_state(&input, pick, State::Failed)) else {
            return Ok(());
        };
        // What knows nothing shows no range that could be compared.
        let Some(Range { low, high }) = score(&input, &figures()).map(|scored| scored.range) else { return Ok(()) };
        prop_assert!(broken.0 <= low && low <= mended.0, "{broken:?} {low} {mended:?}");
        prop_assert!(broken.1 <= high && high <= mended.1, "{broken:?} {high} {mended:?}");
    }

    #[test]
    fn unknown_never_raises_the_low_end_and_never_lowers_the_high_end(input in input(), pick in any::<usize>()) {
        let (low, high) = ends(&input);
        if let Some((unknown_low, unknown_high)) = with_state(&input, pick, State::Unknown) {
            prop_assert!(unknown_low <= low && unknown_high >= high, "{unknown_low} {low} {unknown_high} {high}");
        }
    }

    #[test]
    fn a_gain_is_what_mending_brings(input in input()) {
        let Some(scored) = score(&input, &figures()) else { return Ok(()) };
        for (item, cost) in &scored.costs {
            let mut mended = input.clone();
            mend(&mut mended, item);
            let gain = ends(&mended).1 - scored.range.high;
            prop_assert!((gain - cost.gain).abs() < 0.011, "{gain} {}", cost.gain);
        }
    }
}
