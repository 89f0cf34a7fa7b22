//! Findings about events: the OOM killer ended a process, a counter of errors rose. An event is over when a scan sees
//! it, while what led to it may remain, so its finding stays for a declared time after the event was last seen.
//!
//! What `previous` is to such a check does not depend on how often the host is scanned: it is a scan that lies about
//! half of that time back, so that what rises slowly between frequent scans still adds up. What was reported once is
//! compared with the scan that saw it, so that the same event is not seen twice. All that is known from before comes
//! in as a [`History`] and goes out as the next one.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_model::{Event as Stays, Evidence, Verdict};
use goodstead_protocol::fact::Fact;
use serde::{Deserialize, Serialize};

use crate::check::Check;
use crate::condition::{Condition, Scope};
use crate::judge::{NO_ITEM, Outcome, judge_with, no_previous};

/// How long a finding stays after its event was last seen where the check declares nothing else, in hours.
pub(crate) const KEEP_HOURS: u32 = 24;
/// The longest that may be declared: 30 days.
pub(crate) const MAX_KEEP_HOURS: u32 = 720;
/// Items of one check whose sightings are remembered; further ones are seen again or not at all.
const MAX_SIGHTINGS: usize = 200;

/// What a check declares about the event that it looks for.
#[derive(Debug, Clone)]
pub struct Event {
    /// How many hours the finding stays after the event was last seen.
    pub keep_hours: u32,
    /// What must hold when there is no earlier scan to compare with: false makes a finding of what the facts show by
    /// themselves, for example since the host started.
    pub first: Option<Condition>,
}

/// What earlier full scans left about a check of events on a target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Facts to compare with, the oldest first; two at most.
    compared: Vec<Snapshot>,
    /// When the event was last seen, by item; by the empty name where the check does not judge items.
    seen: BTreeMap<String, Sighting>,
}

/// What is known of a check that was never judged.
static NOTHING: History = History { compared: Vec::new(), seen: BTreeMap::new() };

/// Facts of an earlier scan, as far as the check compares with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Snapshot {
    /// The start of that scan, in seconds since 1970.
    at: i64,
    facts: Fact,
}

/// The scan that last saw an event, and what it showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sighting {
    /// The start of that scan, in RFC 3339.
    time: String,
    snapshot: Snapshot,
    evidence: Vec<Evidence>,
    remedy: String,
}

/// What is known of events from before this scan.
#[derive(Debug, Clone, Default)]
pub struct Events {
    /// The start of this scan, in seconds since 1970.
    pub at: i64,
    /// By the ids of target and check.
    pub histories: BTreeMap<(String, String), History>,
}

impl Snapshot {
    /// How long ago it was taken. A clock that was set back leaves snapshots of times to come, which count as new.
    fn age(&self, now: i64) -> i64 {
        now.saturating_sub(self.at).max(0)
    }
}

impl Sighting {
    /// Whether its finding stays. One that lies further ahead than it may lie back comes from a clock that was wrong.
    fn stays(&self, now: i64, keep: i64) -> bool {
        now.saturating_sub(self.snapshot.at).abs() <= keep
    }
}

/// Judges a check of events, and returns with the outcome when the event was last seen and what the next scan needs.
pub(crate) fn judge_event<'f>(
    check: &Check,
    event: &Event,
    scope: &Scope<'f>,
    past: Option<&'f History>,
    now: (i64, &str),
) -> (Outcome, Option<Stays>, History) {
    let (at, time) = now;
    let keep = i64::from(event.keep_hours) * 3600;
    let past = past.unwrap_or(&NOTHING);
    let baseline = baseline(&past.compared, at, keep / 2);
    // Until there is a snapshot of its own, the facts of the previous scan serve.
    let compared = baseline.map_or(scope.previous, |snapshot| &snapshot.facts);
    let last = baseline.map_or(i64::MIN, |snapshot| snapshot.at);
    let previous = |item: &str| match past.seen.get(item) {
        Some(sighting) if sighting.snapshot.at >= last => &sighting.snapshot.facts,
        _ => compared,
    };
    let mut outcome = judge_with(check, &Scope { previous: compared, ..*scope }, &previous);
    if outcome.verdict == Verdict::NotApplicable {
        return (outcome, None, History::default());
    }

    let facts = pruned(scope.own, check);
    let sighting = |evidence: &[Evidence]| Sighting {
        time: time.to_owned(),
        snapshot: Snapshot { at, facts: facts.clone() },
        evidence: evidence.to_vec(),
        remedy: outcome.remedy.clone(),
    };
    let mut seen: BTreeMap<String, Sighting> = outcome
        .failing
        .iter()
        .take(MAX_SIGHTINGS)
        .map(|(item, shown)| (item.clone(), sighting(shown)))
        .collect();
    let fresh: BTreeSet<&String> = outcome.failing.iter().map(|(item, _)| item).collect();
    let earlier = past.seen.iter().filter(|(item, _)| !fresh.contains(item));
    let (staying, over): (Vec<_>, Vec<_>) = earlier.partition(|(_, sighting)| sighting.stays(at, keep));
    let last_seen = if fresh.is_empty() {
        staying.iter().max_by_key(|(_, sighting)| sighting.snapshot.at).map(|(_, it)| it.time.clone())
    } else {
        Some(time.to_owned())
    };
    // What is over is still what its item is compared with, until the common snapshot is younger.
    let needed = over.into_iter().filter(|(_, sighting)| (last..=at).contains(&sighting.snapshot.at));
    let kept: Vec<(String, Sighting)> =
        staying.iter().copied().chain(needed).map(|(item, it)| (item.clone(), it.clone())).collect();
    if !staying.is_empty() {
        outcome = with_staying(outcome, &staying);
    }
    seen.extend(kept.into_iter().take(MAX_SIGHTINGS.saturating_sub(seen.len())));
    let next =
        History { compared: advanced(&past.compared, baseline, Snapshot { at, facts }, keep / 2), seen };
    let stays = last_seen.map(|last_seen| Stays { last_seen, keep_hours: event.keep_hours });
    (outcome, stays, next)
}

/// The outcome with the events that this scan does not see any more and that stay.
fn with_staying(mut outcome: Outcome, staying: &[(&String, &Sighting)]) -> Outcome {
    if outcome.verdict != Verdict::Fail {
        // What could not be judged now does not take back what was seen.
        (outcome.verdict, outcome.cause) = (Verdict::Fail, None);
        outcome.evidence.clear();
        let newest = staying.iter().max_by_key(|(_, sighting)| sighting.snapshot.at);
        outcome.remedy = newest.map(|(_, sighting)| sighting.remedy.clone()).unwrap_or_default();
    }
    for (item, sighting) in staying {
        if !item.is_empty() {
            outcome.items.push((*item).clone());
        }
        let known = |one: &Evidence| outcome.evidence.iter().any(|other| other.path == one.path);
        let more: Vec<Evidence> = sighting.evidence.iter().filter(|one| !known(one)).cloned().collect();
        outcome.evidence.extend(more);
    }
    outcome
}

/// The snapshot to compare with: the youngest that is at least `distance` seconds old, else the oldest there is.
fn baseline(compared: &[Snapshot], now: i64, distance: i64) -> Option<&Snapshot> {
    compared.iter().rev().find(|snapshot| snapshot.age(now) >= distance).or(compared.first())
}

/// The snapshots for the next scan: nothing older than the one that was compared with, and this scan's where the last
/// one is far enough back.
fn advanced(
    compared: &[Snapshot],
    baseline: Option<&Snapshot>,
    current: Snapshot,
    distance: i64,
) -> Vec<Snapshot> {
    let oldest = baseline.map_or(i64::MIN, |snapshot| snapshot.at);
    let mut next: Vec<Snapshot> =
        compared.iter().filter(|one| (oldest..=current.at).contains(&one.at)).cloned().collect();
    if next.last().is_none_or(|last| last.age(current.at) >= distance) {
        next.push(current);
    }
    next
}

/// The facts that the check names as `previous`, and no others: a history stays small.
fn pruned(facts: &Fact, check: &Check) -> Fact {
    let conditions = check.applies.iter().chain([&check.pass]).chain(&check.evidence);
    let mut kept = Fact::record();
    for path in conditions.flat_map(Condition::paths) {
        if let Some(path) = path.strip_prefix("previous") {
            copy(facts, &mut kept, path);
        }
    }
    kept
}

/// Copies what `path` (`.counters.oom_kills`, `.sysctl["vm/swappiness"]`) leads to. Whatever is not a field of a record
/// or map is copied as a whole.
fn copy(from: &Fact, to: &mut Fact, path: &str) {
    if let (Some((name, rest)), Fact::Map(map)) = (first_step(path), from) {
        if !matches!(to, Fact::Map(_)) {
            *to = Fact::record();
        }
        if let Fact::Map(kept) = to {
            kept.partial.clone_from(&map.partial);
            if let Some(inner) = map.items.get(name) {
                copy(inner, kept.items.entry(name.to_owned()).or_insert_with(Fact::record), rest);
            }
        }
    } else {
        *to = from.clone();
    }
}

/// The first name of a path and what follows it.
fn first_step(path: &str) -> Option<(&str, &str)> {
    if let Some(rest) = path.strip_prefix("[\"") {
        return rest.split_once("\"]");
    }
    let rest = path.strip_prefix('.')?;
    Some(rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())))
}

/// Whether the check, on the first scan, finds what the facts show without an earlier one.
pub(crate) fn shows_at_first(event: &Event, scope: &Scope<'_>) -> bool {
    let first = event.first.as_ref().map(|first| first.evaluate(scope));
    *scope.previous == no_previous() && first == Some(Fact::Bool(false))
}

/// Whether nothing but the missing earlier scan keeps a check from being judged: with this scan's facts in its place it
/// would be.
pub(crate) fn waits_for_history(check: &Check, scope: &Scope<'_>) -> Result<(), Outcome> {
    let again = Scope { previous: scope.own, item: &NO_ITEM, ..*scope };
    let outcome = judge_with(check, &again, &|_| again.previous);
    if outcome.verdict == Verdict::Unknown { Err(outcome) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use goodstead_model::Judgement;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::Target;
    use crate::fixture::{CHECK, facts, lines, loaded};
    use crate::judge::{Histories, Scopes, judge_knowing};
    use crate::pack::Pack;

    const DAY: i64 = 86_400;

    /// The fixture's check with these conditions; `event` is the value of that key.
    fn pack(pass: &str, event: &str, more: &str) -> Pack {
        let check = CHECK
            .replace("pass = 'demo.port != 80'", &format!("pass = '{pass}'\nevent = {event}\n{more}"))
            .replace("facts.demo.port = 81", "facts.demo.size_bytes = 0\nfacts.previous.size_bytes = 0")
            .replace(
                "facts.demo.port = 80",
                "facts.demo = { size_bytes = 9, port = 80 }\nfacts.previous.size_bytes = 0",
            )
            .replace(
                "evidence = ['demo.port', 'demo.size_bytes']",
                "evidence = ['demo.size_bytes', 'previous.size_bytes']",
            );
        let loaded = loaded(&[&check]);
        assert_eq!(lines(&loaded), "");
        loaded.pack.unwrap()
    }

    const RISES: &str = "demo.size_bytes <= previous.size_bytes";

    /// One host over time: what its full scans leave is the past of the next scan.
    #[derive(Default)]
    struct Site {
        previous: Option<Fact>,
        histories: Histories,
    }

    impl Site {
        fn scan(&mut self, pack: &Pack, at: i64, sent: Json, full: bool) -> Judgement {
            let target = Target {
                id: "demo".into(),
                plugin: "demo".into(),
                facts: facts(sent),
                previous: self.previous.clone(),
                container: None,
                importance: 1.0,
                deployment: "d".into(),
            };
            let host = Fact::record();
            let targets = [target];
            // As it is kept in the state: as JSON.
            let kept = serde_json::to_string(&self.histories.iter().collect::<Vec<_>>()).unwrap();
            let histories = serde_json::from_str::<Vec<(_, _)>>(&kept).unwrap().into_iter().collect();
            let events = Events { at, histories };
            let scopes = Scopes::new(&targets, &host);
            let (mut found, next) =
                judge_knowing(std::slice::from_ref(pack), &targets, &scopes, &events, &at.to_string());
            if full {
                let [target] = targets;
                (self.previous, self.histories) = (Some(target.facts), next);
            }
            found.remove(0)
        }
    }

    #[test]
    fn what_rises_slowly_is_compared_with_a_scan_that_is_half_the_time_old() {
        let pack = pack("demo.size_bytes - previous.size_bytes < 5", "{ keep_hours = 24 }", "");
        let mut site = Site::default();
        let mut verdict =
            |hour: i64, size: i64| site.scan(&pack, hour * 3600, json!({ "size_bytes": size }), true).verdict;
        assert_eq!(verdict(0, 0), Verdict::NotYetJudged);
        assert_eq!(verdict(12, 3), Verdict::Pass);
        // Only 3 more than an hour ago, and 6 more than 13 hours ago.
        assert_eq!(verdict(13, 6), Verdict::Fail);
    }

    #[test]
    fn an_event_stays_a_day_however_often_the_host_is_scanned() {
        let pack = pack(RISES, "{ keep_hours = 24 }", "");
        let seen = 3 * 3600;
        for interval in [30, 300, 3600, 5 * 3600, 11 * 3600] {
            let mut site = Site::default();
            let mut first = None;
            for at in (0..2 * DAY).step_by(interval as usize) {
                let size = if at >= seen { 5 } else { 4 };
                let found = site.scan(&pack, at, json!({ "size_bytes": size }), true);
                let verdict = match at {
                    0 => Verdict::NotYetJudged,
                    _ if at < seen => Verdict::Pass,
                    _ if at <= first.unwrap_or(at) + DAY => Verdict::Fail,
                    _ => Verdict::Pass,
                };
                assert_eq!(found.verdict, verdict, "every {interval} s, at {at}");
                if verdict == Verdict::Fail {
                    let first = *first.get_or_insert(at);
                    let event = found.event.unwrap();
                    assert_eq!((event.last_seen, event.keep_hours), (first.to_string(), 24));
                    assert_eq!(found.evidence[1].value, Fact::Int(4), "the evidence of then stays");
                    assert!(!found.remedy.is_empty() || found.evidence[0].value == Fact::Int(5));
                } else {
                    assert_eq!(found.event, None);
                }
            }
            assert!(first.is_some());
        }
    }

    /// Ten more every five minutes never are a hundred between two scans.
    #[test]
    fn what_rises_slowly_between_frequent_scans_adds_up() {
        let pack = pack("demo.size_bytes - previous.size_bytes <= 100", "{}", "");
        let mut site = Site::default();
        let found = (0..DAY)
            .step_by(300)
            .map(|at| site.scan(&pack, at, json!({ "size_bytes": at / 30 }), true).verdict)
            .position(|verdict| verdict == Verdict::Fail);
        assert_eq!(found, Some(11), "at the first scan that could know");
    }

    #[test]
    fn a_partial_scan_in_between_swallows_nothing_and_keeps_nothing() {
        let pack = pack(RISES, "{}", "");
        let mut site = Site::default();
        site.scan(&pack, 0, json!({ "size_bytes": 4 }), true);
        for at in [10, 20] {
            let part = site.scan(&pack, at, json!({ "size_bytes": 5 }), false);
            assert_eq!(part.verdict, Verdict::Fail, "a partial scan sees it as well");
        }
        for at in [30, 40, DAY] {
            assert_eq!(site.scan(&pack, at, json!({ "size_bytes": 5 }), true).verdict, Verdict::Fail, "{at}");
            assert_eq!(
                site.scan(&pack, at, json!({ "size_bytes": 5 }), false).verdict,
                Verdict::Fail,
                "{at}"
            );
        }
        let over = site.scan(&pack, 31 + DAY, json!({ "size_bytes": 5 }), true);
        assert_eq!((over.verdict, over.event), (Verdict::Pass, None));
    }

    #[test]
    fn an_event_that_comes_again_is_seen_again() {
        let pack = pack(RISES, "{ keep_hours = 2 }", "");
        let mut site = Site::default();
        let mut last = |at: i64, size: i64| {
            let found = site.scan(&pack, at, json!({ "size_bytes": size }), true);
            found.event.map(|event| event.last_seen)
        };
        let seen: Vec<_> = [(0, 1), (60, 2), (120, 2), (180, 3), (240, 3), (7380, 3), (7381, 3), (7400, 4)]
            .map(|(at, size)| last(at, size))
            .into();
        let at = |at: &str| Some(at.to_owned());
        assert_eq!(seen, [None, at("60"), at("60"), at("180"), at("180"), at("180"), None, at("7400")]);
    }

    #[test]
    fn what_is_unknown_now_takes_no_event_back_and_makes_none() {
        let pack = pack(RISES, "{}", "");
        let unknown =
            || json!({ "size_bytes": { "$unknown": { "kind": "not-permitted", "detail": "no right" } } });
        let mut site = Site::default();
        site.scan(&pack, 0, json!({ "size_bytes": 4 }), true);
        assert_eq!(site.scan(&pack, 10, unknown(), true).verdict, Verdict::Unknown);
        assert_eq!(site.scan(&pack, 20, json!({ "size_bytes": 5 }), true).verdict, Verdict::Fail);
        let kept = site.scan(&pack, 30, unknown(), true);
        assert_eq!((kept.verdict, kept.cause), (Verdict::Fail, None));
        assert_eq!(site.scan(&pack, 21 + DAY, unknown(), true).verdict, Verdict::Unknown, "it is over");
    }

    #[test]
    fn of_many_items_each_event_stays_by_itself() {
        let pack = pack(
            "previous.tables.all(p, p.name != item.name || item.rows <= p.rows)",
            "{ keep_hours = 1 }",
            "each = 'demo.tables[]'",
        );
        let tables = |a: i64, b: i64| {
            let table = |name: &str, rows: i64| json!({ "name": name, "rows": rows, "indexes": [] });
            json!({ "size_bytes": 1, "tables": [table("a", a), table("b", b)] })
        };
        let mut site = Site::default();
        let mut items = |at: i64, sent: Json| site.scan(&pack, at, sent, true).items;
        assert_eq!(items(0, tables(1, 1)), [""; 0]);
        assert_eq!(items(10, tables(2, 1)), ["a"]);
        assert_eq!(items(20, tables(2, 2)), ["b", "a"], "another's event hides none");
        assert_eq!(items(3610, tables(2, 2)), ["a", "b"]);
        assert_eq!(items(3615, tables(2, 2)), ["b"]);
        assert_eq!(items(3625, tables(2, 2)), [""; 0]);
    }

    #[test]
    fn the_first_scan_finds_what_the_facts_show_by_themselves() {
        let pack = pack(RISES, "{ first = 'demo.port != 80' }", "");
        let first = |port: Json| {
            Site::default().scan(&pack, 0, json!({ "size_bytes": 4, "port": port }), true).verdict
        };
        assert_eq!(first(json!(80)), Verdict::Fail);
        assert_eq!(first(json!(81)), Verdict::NotYetJudged);
        let unknown = json!({ "$unknown": { "kind": "not-permitted", "detail": "no right" } });
        assert_eq!(first(unknown), Verdict::NotYetJudged, "unknown is no finding");
        // Later scans have something to compare with.
        let mut site = Site::default();
        site.scan(&pack, 0, json!({ "size_bytes": 4, "port": 81 }), true);
        assert_eq!(site.scan(&pack, 5, json!({ "size_bytes": 4, "port": 80 }), true).verdict, Verdict::Pass);
    }

    #[test]
    fn something_else_that_is_missing_is_reported_at_the_first_scan_too() {
        let pack = pack("demo.size_bytes <= previous.size_bytes && demo.port != 80", "{}", "");
        let unknown = json!({ "$unknown": { "kind": "not-permitted", "detail": "no right" } });
        let found = Site::default().scan(&pack, 0, json!({ "size_bytes": 4, "port": unknown }), true);
        assert_eq!((found.verdict, found.cause.unwrap().detail.as_str()), (Verdict::Unknown, "no right"));
    }

    #[test]
    fn a_clock_that_was_wrong_neither_keeps_nor_loses_an_event_for_ever() {
        let pack = pack(RISES, "{}", "");
        let mut site = Site::default();
        site.scan(&pack, 1000 * DAY, json!({ "size_bytes": 4 }), true);
        assert_eq!(site.scan(&pack, 1000 * DAY + 5, json!({ "size_bytes": 5 }), true).verdict, Verdict::Fail);
        assert_eq!(
            site.scan(&pack, DAY, json!({ "size_bytes": 5 }), true).verdict,
            Verdict::Pass,
            "set back"
        );
        assert_eq!(site.scan(&pack, DAY + 5, json!({ "size_bytes": 6 }), true).verdict, Verdict::Fail);
    }

    #[test]
    fn a_history_holds_what_the_check_compares_with_and_nothing_else() {
        let pack = pack(RISES, "{}", "");
        let mut site = Site::default();
        let sent = json!({ "size_bytes": 4, "names": ["private"], "settings": { "a": 1 } });
        for at in 0..10 {
            site.scan(&pack, at * DAY, sent.clone(), true);
        }
        let kept = serde_json::to_string(&site.histories.values().collect::<Vec<_>>()).unwrap();
        assert!(!kept.contains("private") && kept.matches("size_bytes").count() <= 3, "{kept}");
        let mut to = Fact::record();
        let facts =
            Fact::from_json(json!({ "m": { "a.b": 1, "c": 2 }, "n": { "x": { "y": 3, "z": 4 } }, "o": 5 }))
                .unwrap();
        for path in [".m[\"a.b\"]", ".n.x.y", ".gone.x"] {
            copy(&facts, &mut to, path);
        }
        assert_eq!(to.to_json(), json!({ "m": { "a.b": 1 }, "n": { "x": { "y": 3 } } }));
        copy(&facts, &mut to, "");
        assert_eq!(to, facts);
    }
}
