//! What holds on any facts: the points add up, the order does not matter, and unknown is never an answer.

use goodstead_model::{Reached, Stage};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{assessed, given, target, unknown};
use crate::{Assessment, Target};

/// Any value, or an unknown one.
fn or_unknown(value: impl Strategy<Value = Json> + 'static) -> impl Strategy<Value = Json> {
    prop_oneof![4 => value, 1 => Just(unknown())]
}

fn sent() -> impl Strategy<Value = Json> {
    let table = or_unknown((0_i64..3).prop_map(|rows| json!(rows)))
        .prop_map(|rows| json!({"name": "t", "rows": rows, "indexes": []}));
    (
        or_unknown((79_i64..83).prop_map(|port| json!(port))),
        or_unknown((0_i64..5).prop_map(|size| json!(size))),
        or_unknown(any::<bool>().prop_map(|primary| json!(primary))),
        or_unknown(prop::collection::vec("[a-z]", 0..4).prop_map(|names| json!(names))),
        prop::collection::vec(table, 0..3),
    )
        .prop_map(|(port, size, primary, names, tables)| {
            json!({"port": port, "size_bytes": size, "primary": primary, "names": names, "tables": tables})
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn all_points_together_explain_the_score(
        all in prop::collection::vec((sent(), prop::option::of(sent()), 0..2_usize), 1..4),
        quantity in 1_u32..4,
    ) {
        let names = ["shop", "other"];
        let mut targets: Vec<Target> = all
            .into_iter()
            .enumerate()
            .map(|(at, (sent, previous, of))| target(&at.to_string(), names[of], sent, previous))
            .collect();
        let found = assessed(&targets, &given(quantity));
        let in_hundredths = |points: f64| (points * 100.0).round() as i64;
        if let Some(readiness) = &found.readiness {
            let mut points: Vec<f64> = found.judgements.iter().map(|one| one.points).collect();
            points.extend(found.adoption.iter().flat_map(|all| &all.capabilities).map(|one| one.points));
            points.extend(found.milestones.iter().map(|one| one.points));
            points.extend(found.tasks.iter().map(|one| one.points));
            let sum: i64 = points.into_iter().map(in_hundredths).sum();
            prop_assert_eq!(sum, 10_000 - in_hundredths(readiness.range.high));
        }
        for one in found.adoption.iter().flat_map(|all| &all.capabilities) {
            prop_assert!(one.extent.is_some() || one.points == 0.0, "unknown costs nothing at the high end");
            prop_assert!(one.extent.is_none_or(|extent| (0.0..=1.0).contains(&extent)));
            prop_assert_eq!(one.stage == Stage::Unknown, one.cause.is_some() && one.stage != Stage::NotUsed);
        }
        for one in &found.milestones {
            prop_assert_eq!(one.state == Reached::Unknown, one.cause.is_some());
            prop_assert!(one.state == Reached::NotReached || one.points == 0.0);
        }
        for one in &found.tasks {
            prop_assert_eq!(one.attempts.is_none(), one.cause.is_some());
            prop_assert!(one.completions <= one.attempts);
        }
        targets.reverse();
        prop_assert_eq!(found, assessed(&targets, &given(quantity)));
    }

    #[test]
    fn what_becomes_unknown_is_never_answered_otherwise(
        sent in sent(),
        name in prop::sample::select(vec!["port", "size_bytes", "primary", "names", "tables"]),
    ) {
        let before = assessed(&[target("a", "shop", sent.clone(), None)], &given(2));
        let mut hidden = sent;
        hidden[name] = unknown();
        let after = assessed(&[target("a", "shop", hidden, None)], &given(2));
        let links = |found: &Assessment| {
            let one = found.adoption.clone().unwrap().capabilities.remove(0);
            (one.stage, one.configured, one.used)
        };
        let (one, two) = (links(&before), links(&after));
        prop_assert!(two.1.is_none() || two.1 == one.1, "{one:?} {two:?}");
        prop_assert!(two.2.is_none() || two.2 == one.2, "{one:?} {two:?}");
        let state = |found: &Assessment| found.milestones.first().map(|one| one.state);
        let (one, two) = (state(&before), state(&after));
        prop_assert!(two == one || two == Some(Reached::Unknown), "{one:?} {two:?}");
    }
}
