//! One scan from facts to readiness: judged, scored, explained and sorted.

use std::collections::BTreeMap;

use goodstead_model::{Adoption, Judgement, Milestone, Readiness, TargetScore, Task, Verdict};
use goodstead_protocol::fact::{CauseKind, Fact};

use crate::event::History;
use crate::judge::{Scopes, Target, judge_knowing};
use crate::pack::Pack;
use crate::progress::{self, Counts, Given, Progress};
use crate::score::{Figures, Input, Item, Rated, State, TargetInput, score};
use crate::waivers::{Idle, Waivers};

/// What came of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// Every check on every target: findings by their points, then what is waived by its points, then what is unknown by
    /// its weight, then what passed, then what does not apply; among equal ones by id and target.
    pub judgements: Vec<Judgement>,
    /// Readiness of all; `None` when nothing could be judged.
    pub readiness: Option<Readiness>,
    /// Readiness of the targets of which anything could be judged, by id.
    pub targets: BTreeMap<String, TargetScore>,
    /// The waivers that can be taken away, in their own order.
    pub idle: Vec<Idle>,
    /// How fully licensed capabilities are used; `None` without an entitlement for a deployment of this scan.
    pub adoption: Option<Adoption>,
    /// The milestones of the deployments: not reached, then unknown, then reached.
    pub milestones: Vec<Milestone>,
    /// Their tasks, the most costly first.
    pub tasks: Vec<Task>,
    /// What the tasks that add up counted in this scan alone, by deployment and id.
    pub counted: BTreeMap<(String, String), Counts>,
    /// What the next full scan needs of the checks of events, by the ids of target and check.
    pub histories: BTreeMap<(String, String), History>,
}

/// Judges the targets by the packs, scores them, and sets apart what is waived.
pub fn assess(
    packs: &[Pack],
    targets: &[Target],
    host: &Fact,
    waivers: &Waivers,
    figures: &Figures,
    given: &Given,
) -> Assessment {
    let scopes = Scopes::new(targets, host).or_linux(given.linux.as_ref());
    let (mut judgements, histories) = judge_knowing(packs, targets, &scopes, &given.events, &given.time);
    if given.from_files {
        judgements.iter_mut().for_each(from_files);
    }
    let containers: BTreeMap<&str, &str> = targets
        .iter()
        .filter_map(|target| Some((target.id.as_str(), target.container.as_deref()?)))
        .collect();
    for judgement in &mut judgements {
        if let Some(container) = containers.get(judgement.target.as_str()) {
            in_container(judgement, container);
        }
    }
    let idle = waivers.apply(&mut judgements);
    let mut progress = progress::judge(packs, targets, host, given, &judgements);
    if given.from_files {
        progress.retain_known();
    }
    let scored = score(&input(targets, &judgements, &progress), figures);
    let (mut readiness, mut by_target) = (None, BTreeMap::new());
    if let Some(scored) = scored {
        for judgement in judgements.iter_mut().filter(|judgement| costs(judgement.verdict)) {
            let item = Item::Check { target: judgement.target.clone(), id: judgement.id.clone() };
            if let Some(cost) = scored.costs.get(&item) {
                (judgement.points, judgement.gain) = (cost.points, cost.gain);
            }
        }
        progress.cost(&scored.costs);
        let count = |verdict| judgements.iter().filter(|judgement| judgement.verdict == verdict).count();
        readiness = Some(Readiness {
            range: scored.range,
            single: scored.single,
            coverage: scored.coverage,
            worst: scored.worst,
            failed: count(Verdict::Fail),
            waived: count(Verdict::Waived),
            passed: count(Verdict::Pass),
            unknown: count(Verdict::Unknown),
            not_yet_judged: count(Verdict::NotYetJudged),
        });
        by_target = scored.targets;
    }
    sort(&mut judgements, figures);
    progress.sort();
    let Progress { adoption, milestones, tasks, counted } = progress;
    Assessment {
        judgements,
        readiness,
        targets: by_target,
        idle,
        adoption,
        milestones,
        tasks,
        counted,
        histories,
    }
}

/// Adjusts a judgement for a host of which only files are at hand. A check that needs the running host can never be
/// judged there, so it does not apply; the cause stays, and says why. Advice is for the host, not for the folder.
fn from_files(judgement: &mut Judgement) {
    not_applicable(judgement);
    // A command that would make more known is for a running host; only rights to the files help here.
    if let Some(cause) = judgement.cause.as_mut().filter(|it| it.kind != CauseKind::NotPermitted) {
        cause.remedy = None;
    }
    if !judgement.remedy.is_empty() {
        judgement.remedy.insert_str(0, "On the host that these files belong to, not here:\n\n");
    }
}

/// Adjusts a judgement of what is in a container. What cannot be known there does not apply, and commands are for there.
fn in_container(judgement: &mut Judgement, container: &str) {
    not_applicable(judgement);
    if !judgement.remedy.is_empty() {
        judgement.remedy.insert_str(0, &format!("In the container {container}, not on this host:\n\n"));
    }
}

/// What cannot be known where the target is does not apply to it.
fn not_applicable(judgement: &mut Judgement) {
    let needs_the_host = judgement.cause.as_ref().is_some_and(|it| it.kind == CauseKind::NotApplicableHere);
    if judgement.verdict == Verdict::Unknown && needs_the_host {
        judgement.verdict = Verdict::NotApplicable;
        judgement.evidence.clear();
        judgement.why.clear();
        judgement.links.clear();
    }
}

/// Whether a verdict takes points. Accepting a risk does not make it smaller.
fn costs(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Fail | Verdict::Waived)
}

/// The checks that apply, by target, and what there is of each deployment.
fn input(targets: &[Target], judgements: &[Judgement], progress: &Progress) -> Input {
    let targets = targets.iter().map(|target| TargetInput {
        id: target.id.clone(),
        importance: target.importance,
        deployment: target.deployment.clone(),
        checks: judgements
            .iter()
            .filter(|judgement| judgement.target == target.id)
            .filter_map(rated)
            .collect(),
    });
    Input { targets: targets.collect(), deployments: progress.input() }
}

fn rated(judgement: &Judgement) -> Option<Rated> {
    let state = match judgement.verdict {
        Verdict::Pass => State::Passed,
        Verdict::Fail | Verdict::Waived => State::Failed,
        Verdict::Unknown => State::Unknown,
        Verdict::NotYetJudged | Verdict::NotApplicable => return None,
    };
    let Judgement { id, impact, likelihood, .. } = judgement;
    Some(Rated { id: id.clone(), impact: *impact, likelihood: *likelihood, state })
}

fn sort(judgements: &mut [Judgement], figures: &Figures) {
    let weight = |judgement: &Judgement| match judgement.verdict {
        Verdict::Fail | Verdict::Waived => judgement.points,
        Verdict::Unknown => figures.weight(judgement.impact) * figures.likelihood(judgement.likelihood),
        Verdict::NotYetJudged | Verdict::Pass | Verdict::NotApplicable => 0.0,
    };
    judgements.sort_by(|one, two| {
        // Verdicts are ordered as they are read: fail, waived, unknown, not yet judged, pass, not applicable.
        one.verdict
            .cmp(&two.verdict)
            .then_with(|| weight(two).total_cmp(&weight(one)))
            .then_with(|| (&one.id, &one.target).cmp(&(&two.id, &two.target)))
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::fixture::{CHECK, facts, lines, loaded, waiver};
    use crate::waivers::Accepted;

    /// Checks of every impact, on facts of every kind.
    fn packs() -> Vec<Pack> {
        let check = |id: &str, impact: &str, pass: &str, likelihood: &str| {
            CHECK
                .replace("demo.port-taken", &format!("demo.{id}"))
                .replace("impact = \"critical\"", &format!("impact = \"{impact}\""))
                .replace("likelihood = \"high\"", &format!("likelihood = \"{likelihood}\""))
                .replace("demo.port != 80'", &format!("{pass}'"))
        };
        let texts = [
            CHECK.to_owned(),
            check("small", "high", "demo.size_bytes < 100 || demo.primary", "medium"),
            check("ratio", "medium", "demo.ratio > 0.5 && demo.port != 81", "low"),
            check("rows", "low", "demo.tables.all(t, t.rows < 5)", "high"),
            check("sets", "critical", "demo.settings[\"a\"] != 3", "low")
                .replace("pass =", "applies = 'demo.primary'\npass ="),
            check("items", "high", "item.rows != 3", "high")
                .replace("pass =", "each = 'demo.tables[]'\npass ="),
        ];
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let loaded = loaded(&texts);
        assert_eq!(lines(&loaded), "");
        vec![loaded.pack.unwrap()]
    }

    fn target(id: usize, sent: Json) -> Target {
        Target {
            id: format!("demo:{id}"),
            plugin: "demo".to_owned(),
            facts: facts(sent),
            previous: None,
            container: None,
            importance: 1.0,
            deployment: "d".to_owned(),
        }
    }

    fn assessed(targets: &[Target]) -> Assessment {
        waived(targets, &Waivers::default())
    }

    fn waived(targets: &[Target], waivers: &Waivers) -> Assessment {
        let figures = Figures::shipped().unwrap();
        assess(&packs(), targets, &Fact::record(), waivers, &figures, &Given::default())
    }

    /// Any value, or an unknown one.
    fn or_unknown(value: impl Strategy<Value = Json> + 'static) -> impl Strategy<Value = Json> {
        prop_oneof![4 => value, 1 => Just(json!({"$unknown": {"kind": "not-permitted", "detail": "no right"}}))]
    }

    fn sent() -> impl Strategy<Value = Json> {
        let table = or_unknown((0_i64..6).prop_map(|rows| json!(rows)))
            .prop_map(|rows| json!({"name": "t", "rows": rows, "indexes": []}));
        (
            or_unknown((79_i64..83).prop_map(|port| json!(port))),
            or_unknown((0_i64..200).prop_map(|size| json!(size))),
            or_unknown((0.0_f64..1.0).prop_map(|ratio| json!(ratio))),
            or_unknown(any::<bool>().prop_map(|primary| json!(primary))),
            prop::collection::vec(table, 0..3),
            prop_oneof![Just(json!({})), Just(json!({"a": 3})), Just(json!({"a": 4})), Just(json!({"a": "text"}))],
        )
            .prop_map(|(port, size, ratio, primary, tables, settings)| {
                json!({"port": port, "size_bytes": size, "ratio": ratio, "primary": primary, "tables": tables, "settings": settings})
            })
    }

    #[test]
    fn facts_of_this_host_say_nothing_of_what_is_in_a_container() {
        let (head, _) = CHECK.split_once("[[case]]").unwrap();
        let cases = "[[case]]\nname = 'a'\nfacts.demo.port = 81\nfacts.linux.sysctl.a = 1\nexpect = 'pass'\n\
                     [[case]]\nname = 'b'\nfacts.demo.port = 80\nexpect = 'fail'\n\
                     [[case]]\nname = 'c'\nfacts.demo.port = '$unknown'\nfacts.linux.sysctl.a = 1\nexpect = 'unknown'\n";
        let condition = "demo.port != 80 && linux.sysctl[\"a\"] == 1";
        let pack = loaded(&[&(head.replace("demo.port != 80", condition) + cases)]);
        assert_eq!(lines(&pack), "");
        let (packs, figures) = ([pack.pack.unwrap()], Figures::shipped().unwrap());
        let linux = Target {
            plugin: "linux".to_owned(),
            facts: Fact::from_json(json!({"sysctl": {"a": 1}})).unwrap(),
            ..target(1, json!({}))
        };
        let judged = |port: i64, container: Option<&str>| {
            let own = Target { container: container.map(str::to_owned), ..target(0, json!({"port": port})) };
            let all = [own, linux.clone()];
            let of = assess(&packs, &all, &Fact::record(), &Waivers::default(), &figures, &Given::default());
            let judgement = of.judgements.into_iter().next().unwrap();
            (judgement.verdict, judgement.remedy.contains("In the container shop, not on this host"))
        };
        assert_eq!(judged(81, None), (Verdict::Pass, false));
        assert_eq!(judged(81, Some("shop")), (Verdict::NotApplicable, false));
        assert_eq!(judged(80, None), (Verdict::Fail, false));
        assert_eq!(judged(80, Some("shop")), (Verdict::Fail, true));
    }

    #[test]
    fn what_only_a_running_host_shows_does_not_apply_to_files() {
        let live_only = |kind: &str| json!({"$unknown": {"kind": kind, "detail": "only live"}});
        let sent = |kind| json!({"port": 80, "size_bytes": live_only(kind), "primary": live_only(kind)});
        let figures = Figures::shipped().unwrap();
        let assessed = |kind, from_files| {
            let given = Given { from_files, ..Given::default() };
            let targets = [target(0, sent(kind))];
            assess(&packs(), &targets, &Fact::record(), &Waivers::default(), &figures, &given).judgements
        };
        let verdict = |judgements: &[Judgement], id: &str| {
            judgements.iter().find(|one| one.id == id).map(|one| (one.verdict, one.cause.is_some())).unwrap()
        };
        let of_files = assessed("not-applicable-here", true);
        assert_eq!(verdict(&of_files, "demo.small"), (Verdict::NotApplicable, true));
        assert_eq!(verdict(&assessed("not-applicable-here", false), "demo.small"), (Verdict::Unknown, true));
        assert_eq!(verdict(&assessed("not-permitted", true), "demo.small"), (Verdict::Unknown, true));
        let failed = of_files.iter().find(|one| one.verdict == Verdict::Fail).unwrap();
        assert!(failed.remedy.starts_with("On the host that these files belong to"), "{}", failed.remedy);
    }

    #[test]
    fn findings_come_first_and_by_their_points() {
        let sent = json!({"size_bytes": 500, "primary": false, "ratio": 0.1});
        let found = assessed(&[target(0, sent)]);
        let order: Vec<_> = found.judgements.iter().map(|one| (one.id.as_str(), one.verdict)).collect();
        assert_eq!(
            order,
            [
                ("demo.small", Verdict::Fail),
                ("demo.ratio", Verdict::Fail),
                ("demo.port-taken", Verdict::Unknown),
                ("demo.items", Verdict::Unknown),
                ("demo.rows", Verdict::Unknown),
                ("demo.sets", Verdict::NotApplicable),
            ]
        );
        let readiness = found.readiness.unwrap();
        assert_eq!((readiness.failed, readiness.unknown, readiness.passed), (2, 3, 0));
        assert_eq!((readiness.worst, readiness.single), (None, None));
        assert!(found.judgements[0].gain > found.judgements[1].gain);
    }

    #[test]
    fn without_a_verdict_there_is_no_readiness() {
        let found = assessed(&[target(0, json!({}))]);
        assert_eq!((found.readiness, found.targets.len()), (None, 0));
        assert!(found.judgements.iter().all(|one| one.verdict == Verdict::Unknown && one.cause.is_some()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn on_any_facts_the_points_explain_the_score(all in prop::collection::vec(sent(), 1..4)) {
            let mut targets: Vec<Target> = all.into_iter().enumerate().map(|(id, sent)| target(id, sent)).collect();
            let found = assessed(&targets);
            let in_hundredths = |points: f64| (points * 100.0).round() as i64;
            if let Some(readiness) = &found.readiness {
                let sum: i64 = found.judgements.iter().map(|one| in_hundredths(one.points)).sum();
                prop_assert_eq!(sum, 10_000 - in_hundredths(readiness.range.high));
            }
            for one in &found.judgements {
                let waits = matches!(one.verdict, Verdict::Unknown | Verdict::NotYetJudged);
                prop_assert_eq!(waits, one.cause.is_some());
                prop_assert!(costs(one.verdict) || one.points == 0.0);
            }
            targets.reverse();
            prop_assert_eq!(found, assessed(&targets));
        }

        /// Whatever the facts are, checks that compare with an earlier scan change no number of the first one.
        #[test]
        fn what_is_not_yet_judged_moves_no_number(all in prop::collection::vec(sent(), 1..4)) {
            let with_version = |(id, mut sent): (usize, Json)| {
                sent["version"] = json!("1");
                target(id, sent)
            };
            let targets: Vec<Target> = all.into_iter().enumerate().map(with_version).collect();
            let history = CHECK
                .replace("demo.port-taken", "demo.grows")
                .replace("demo.port != 80'", "demo.version == previous.version'")
                .replace("facts.demo.port = 81", "facts.demo.version = \"1\"\nfacts.previous.version = \"1\"")
                .replace("facts.demo.port = 80", "facts = { demo = { version = \"1\", port = 80 }, previous = { version = \"2\" } }");
            let history = loaded(&[&history]);
            prop_assert_eq!(lines(&history), "");
            let figures = Figures::shipped().unwrap();
            let with = |packs: &[Pack]| {
                assess(packs, &targets, &Fact::record(), &Waivers::default(), &figures, &Given::default())
            };
            let (without, both) = (with(&packs()), with(&[packs(), vec![history.pack.unwrap()]].concat()));
            let numbers = |found: &Assessment| found.readiness.clone().map(|all| (all.range, all.single, all.coverage, all.failed, all.passed));
            prop_assert_eq!(numbers(&without), numbers(&both));
            prop_assert_eq!(&without.targets, &both.targets);
            let mut grows = both.judgements.iter().filter(|one| one.id == "demo.grows");
            prop_assert!(grows.all(|one| one.verdict == Verdict::NotYetJudged));
        }

        #[test]
        fn waiving_moves_no_number(all in prop::collection::vec(sent(), 1..4), which in prop::collection::vec((0..6_usize, prop::option::of(0..4_usize), any::<bool>()), 0..8)) {
            let ids = ["port-taken", "small", "ratio", "rows", "sets", "items"];
            let targets: Vec<Target> = all.into_iter().enumerate().map(|(id, sent)| target(id, sent)).collect();
            let all = which.into_iter().map(|(id, target, expired)| Accepted {
                check: format!("demo.{}", ids[id]),
                target: target.map(|id| format!("demo:{id}")),
                waiver: waiver(if expired { "2026-11-21" } else { "2026-11-22" }),
            });
            let waivers = Waivers { all: all.collect(), today: "2026-11-22".to_owned() };
            let (before, after) = (assessed(&targets), waived(&targets, &waivers));
            let numbers = |found: &Assessment| found.readiness.clone().map(|all| (all.range, all.single, all.coverage, all.worst, all.failed + all.waived, all.passed, all.unknown));
            prop_assert_eq!(numbers(&before), numbers(&after));
            prop_assert_eq!(&before.targets, &after.targets);
            let find = |one: &Judgement| after.judgements.iter().find(|other| (&other.id, &other.target) == (&one.id, &one.target)).unwrap();
            for one in &before.judgements {
                let now = find(one);
                prop_assert_eq!((one.points, one.gain, &one.cause, &one.evidence), (now.points, now.gain, &now.cause, &now.evidence));
                prop_assert!(now.verdict == one.verdict || (one.verdict == Verdict::Fail && now.verdict == Verdict::Waived));
                prop_assert!(now.verdict != Verdict::Waived || now.waiver.is_some());
            }
        }

        #[test]
        fn what_becomes_unknown_never_passes_or_fails_instead(sent in sent(), name in prop::sample::select(vec!["port", "size_bytes", "ratio", "primary", "tables", "settings"])) {
            let before = assessed(&[target(0, sent.clone())]);
            let mut hidden = sent;
            hidden[name] = json!({"$unknown": {"kind": "not-permitted", "detail": "no right"}});
            let after = assessed(&[target(0, hidden)]);
            let verdict = |found: &Assessment, id: &str| found.judgements.iter().find(|one| one.id == id).unwrap().verdict;
            for one in &before.judgements {
                let now = verdict(&after, &one.id);
                prop_assert!(now == one.verdict || now == Verdict::Unknown, "{}: {} then {now}", one.id, one.verdict);
            }
        }
    }
}
