//! Judging: every check of every pack on every target of its plugin.

use std::collections::BTreeMap;

use goodstead_model::{Evidence, Judgement, Verdict};
use goodstead_protocol::fact::{Cause, CauseKind, Elements, Fact};

use crate::check::Check;
use crate::condition::{Condition, FUEL, Scope, cause_of};
use crate::each::{Each, item_path, items};
use crate::event::{Events, History, judge_event, shows_at_first, waits_for_history};
use crate::pack::Pack;

/// The failing items whose evidence is shown; all of them are named.
const MAX_ITEMS_SHOWN: usize = 10;
/// The elements of a list that are shown as evidence.
const MAX_ELEMENTS_SHOWN: usize = 20;

/// The steps that the items of one list may take together; those of one condition, ten times.
const FUEL_OF_ITEMS: u64 = 10 * FUEL;

/// What stands for `item` where there is none; no checked condition reads it.
pub(crate) static NO_ITEM: Fact = Fact::Bool(false);

/// One instance of a product, with what its plugin reported.
#[derive(Debug, Clone)]
pub struct Target {
    /// `linux`, `postgresql:main`; no two are the same.
    pub id: String,
    /// The plugin that inspected it.
    pub plugin: String,
    /// Its facts, as the intake left them.
    pub facts: Fact,
    /// Its facts at the previous scan; `None` at the first one.
    pub previous: Option<Fact>,
    /// Its weight among the targets, 0 or more.
    pub importance: f64,
    /// The installation of a product that it belongs to.
    pub deployment: String,
    /// The container that it is in: what is known of this host is not about it.
    pub container: Option<String>,
}

/// Judges every target by every check of its plugin. Points and gains are 0, and the order is that of packs and
/// targets; [`crate::assess`] fills in the one and sorts.
pub fn judge(packs: &[Pack], targets: &[Target], host: &Fact) -> Vec<Judgement> {
    judge_knowing(packs, targets, &Scopes::new(targets, host), &Events::default(), "").0
}

/// What the next scan needs of the checks of events, by the ids of target and check.
pub(crate) type Histories = BTreeMap<(String, String), History>;

/// As [`judge`], with what is known of events from before this scan, which began at `time` (RFC 3339).
pub(crate) fn judge_knowing(
    packs: &[Pack],
    targets: &[Target],
    scopes: &Scopes<'_>,
    events: &Events,
    time: &str,
) -> (Vec<Judgement>, Histories) {
    let mut judgements = Vec::new();
    let mut histories = Histories::new();
    for target in targets {
        let checks = packs.iter().flat_map(|pack| &pack.checks);
        for check in checks.filter(|check| check.plugin == target.plugin) {
            let scope = scopes.of(target, &NO_ITEM);
            let (outcome, stays) = match &check.event {
                None => (judge_one(check, &scope), None),
                Some(event) => {
                    let key = (target.id.clone(), check.id.clone());
                    let past = events.histories.get(&key);
                    let (outcome, stays, next) = judge_event(check, event, &scope, past, (events.at, time));
                    histories.insert(key, next);
                    (outcome, stays)
                }
            };
            let outcome = without_history(check, outcome, &scope);
            judgements.push(Judgement { event: stays, ..judgement(check, &target.id, outcome) });
        }
    }
    (judgements, histories)
}

/// What only an earlier scan is missing for is not unknown: it is judged at the next scan.
fn without_history(check: &Check, outcome: Outcome, scope: &Scope<'_>) -> Outcome {
    let waits = outcome.cause.as_ref().is_some_and(|cause| cause.kind == CauseKind::NoPreviousScan);
    if outcome.verdict != Verdict::Unknown || !waits {
        return outcome;
    }
    match waits_for_history(check, scope) {
        Ok(()) => Outcome { verdict: Verdict::NotYetJudged, ..outcome },
        // Something else is missing as well, and that is what there is to do.
        Err(unknown) => unknown,
    }
}

/// What the conditions about the targets of one scan see.
pub(crate) struct Scopes<'f> {
    host: &'f Fact,
    linux: Option<&'f Fact>,
    no_linux: Fact,
    not_its_linux: Fact,
    first_scan: Fact,
}

impl<'f> Scopes<'f> {
    pub(crate) fn new(targets: &'f [Target], host: &'f Fact) -> Self {
        let linux = targets.iter().find(|target| target.plugin == "linux").map(|target| &target.facts);
        let no_linux = Fact::unknown(CauseKind::NotAvailable, "there are no facts of `linux` in this scan");
        let elsewhere = "it is in a container, and facts of this host say nothing about that";
        let not_its_linux = Fact::unknown(CauseKind::NotApplicableHere, elsewhere);
        Scopes { host, linux, no_linux, not_its_linux, first_scan: no_previous() }
    }

    /// The same, with facts of `linux` that were gathered only to be read by other checks.
    pub(crate) fn or_linux(mut self, linux: Option<&'f Fact>) -> Self {
        self.linux = self.linux.or(linux);
        self
    }

    /// What a condition about the target sees.
    pub(crate) fn of<'s>(&'s self, target: &'s Target, item: &'s Fact) -> Scope<'s> {
        Scope {
            own: &target.facts,
            host: self.host,
            linux: match self.linux {
                _ if target.container.is_some() => &self.not_its_linux,
                linux => linux.unwrap_or(&self.no_linux),
            },
            previous: target.previous.as_ref().unwrap_or(&self.first_scan),
            item,
        }
    }
}

/// The facts of a previous scan when there was none.
pub(crate) fn no_previous() -> Fact {
    Fact::unknown(CauseKind::NoPreviousScan, "needs an earlier scan; will be judged at the next one")
}

fn judgement(check: &Check, target: &str, outcome: Outcome) -> Judgement {
    // What explains a problem; a check that passed has none, and reports stay small.
    let explained = matches!(outcome.verdict, Verdict::Fail | Verdict::Unknown);
    Judgement {
        id: check.id.clone(),
        target: target.to_owned(),
        title: check.title.clone(),
        concern: check.concern,
        impact: check.impact,
        likelihood: check.likelihood,
        verdict: outcome.verdict,
        points: 0.0,
        gain: 0.0,
        items: outcome.items,
        evidence: outcome.evidence,
        why: if explained { check.why.clone() } else { String::new() },
        remedy: outcome.remedy,
        links: if explained { check.links.clone() } else { Vec::new() },
        cause: outcome.cause,
        waiver: None,
        event: None,
        local: check.local,
    }
}

/// What came of one check.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// Of an unknown verdict: why.
    pub(crate) cause: Option<Cause>,
    /// Under `each`: the failing items.
    pub(crate) items: Vec<String>,
    pub(crate) evidence: Vec<Evidence>,
    /// Of a failed check.
    pub(crate) remedy: String,
    /// Of a failed check of events: each failing item with its evidence; one without a name where it has no items.
    pub(crate) failing: Vec<(String, Vec<Evidence>)>,
}

impl Outcome {
    fn bare(verdict: Verdict, cause: Option<Cause>) -> Self {
        Outcome {
            verdict,
            cause,
            items: Vec::new(),
            evidence: Vec::new(),
            remedy: String::new(),
            failing: Vec::new(),
        }
    }
}

/// Judges one check on the facts in `scope`.
pub(crate) fn judge_one(check: &Check, scope: &Scope<'_>) -> Outcome {
    judge_with(check, scope, &|_| scope.previous)
}

/// As [`judge_one`], where each item may be compared with facts of its own; the item without a name is the check itself.
pub(crate) fn judge_with<'f>(
    check: &Check,
    scope: &Scope<'f>,
    previous: &dyn Fn(&str) -> &'f Fact,
) -> Outcome {
    match check.applies.as_ref().map(|applies| verdict(applies, scope, &mut { FUEL })) {
        Some((Verdict::Fail, _)) => return Outcome::bare(Verdict::NotApplicable, None),
        Some((Verdict::Unknown, cause)) => return Outcome::bare(Verdict::Unknown, cause),
        _ => {}
    }
    let (mut outcome, items) = match &check.each {
        Some(each) => judge_each(check, each, scope, previous),
        None => (judge_whole(check, &Scope { previous: previous(""), ..*scope }), Vec::new()),
    };
    if outcome.verdict == Verdict::Fail {
        outcome.remedy = check.remedy.render_for(scope, &items);
    }
    outcome
}

fn judge_whole(check: &Check, scope: &Scope<'_>) -> Outcome {
    let (mut verdict, mut cause) = verdict(&check.pass, scope, &mut { FUEL });
    let event = check.event.as_ref();
    if verdict == Verdict::Unknown && event.is_some_and(|event| shows_at_first(event, scope)) {
        (verdict, cause) = (Verdict::Fail, None);
    }
    let mut evidence: Vec<_> =
        check.evidence.iter().map(|shown| evidence(shown, shown.source().to_owned(), scope)).collect();
    evidence.extend(origins(check, scope));
    let mut outcome = Outcome { evidence, ..Outcome::bare(verdict, cause) };
    if verdict == Verdict::Fail && event.is_some() {
        outcome.failing.push((String::new(), outcome.evidence.clone()));
    }
    outcome
}

/// True as pass, false as fail, everything else as unknown with its cause.
pub(crate) fn verdict(condition: &Condition, scope: &Scope<'_>, fuel: &mut u64) -> (Verdict, Option<Cause>) {
    match condition.evaluate_within(scope, fuel) {
        Fact::Bool(true) => (Verdict::Pass, None),
        Fact::Bool(false) => (Verdict::Fail, None),
        other => {
            let neither = || Cause::new(CauseKind::Evaluation, "a condition is neither true nor false");
            (Verdict::Unknown, Some(cause_of(&other, neither)))
        }
    }
}

/// What came of a check over items, and the failing ones.
fn judge_each<'f>(
    check: &Check,
    each: &Each,
    scope: &Scope<'f>,
    previous: &dyn Fn(&str) -> &'f Fact,
) -> (Outcome, Vec<&'f Fact>) {
    let mut found = items(each, scope);
    let (shared, per_item): (Vec<_>, Vec<_>) = check.evidence.iter().partition(|shown| !shown.uses_item());
    let (mut failing, mut by_item) = (Vec::new(), Vec::new());
    let mut failing_items = Vec::new();
    let mut fuel = FUEL_OF_ITEMS;
    let mut shown: Vec<Evidence> =
        shared.into_iter().map(|shown| evidence(shown, shown.source().to_owned(), scope)).collect();
    shown.extend(origins(check, scope));
    let of_all = shown.clone();
    for (name, item) in found.items {
        let scope = Scope { item, previous: previous(&name), ..*scope };
        match verdict(&check.pass, &scope, &mut fuel) {
            (Verdict::Fail, _) => {
                let mut own: Vec<Evidence> = Vec::new();
                if failing.len() < MAX_ITEMS_SHOWN {
                    own.extend(
                        per_item.iter().map(|shown| evidence(shown, item_path(each, shown, &name), &scope)),
                    );
                    shown.extend(own.iter().cloned());
                }
                if check.event.is_some() {
                    by_item.push((name.clone(), of_all.iter().cloned().chain(own).collect()));
                }
                failing.push(name);
                failing_items.push(item);
            }
            (Verdict::Unknown, cause) if found.unknown.is_none() => found.unknown = cause,
            _ => {}
        }
    }
    let verdict = match (&failing[..], &found.unknown) {
        ([_, ..], _) => Verdict::Fail,
        ([], Some(_)) => Verdict::Unknown,
        ([], None) => Verdict::Pass,
    };
    let cause = found.unknown.filter(|_| verdict == Verdict::Unknown);
    let outcome =
        Outcome { items: failing, evidence: shown, failing: by_item, ..Outcome::bare(verdict, cause) };
    (outcome, failing_items)
}

fn evidence(condition: &Condition, path: String, scope: &Scope<'_>) -> Evidence {
    Evidence { path, value: bounded(condition.evaluate(scope)), unit: condition.unit() }
}

/// Where values of the evidence come from, of those of which the plugin knows it.
fn origins(check: &Check, scope: &Scope<'_>) -> Vec<Evidence> {
    let shown = check.origins.iter().map(|origin| evidence(origin, origin.source().to_owned(), scope));
    shown.filter(|one| matches!(one.value, Fact::Text(_))).collect()
}

/// A list is cut to what a person looks at, and then says so.
pub(crate) fn bounded(value: Fact) -> Fact {
    match value {
        Fact::List(mut list) if list.items.len() > MAX_ELEMENTS_SHOWN => {
            let more = list.items.len() - MAX_ELEMENTS_SHOWN;
            list.items.truncate(MAX_ELEMENTS_SHOWN);
            let cause = Cause::new(CauseKind::TooLarge, format!("{more} more are not shown"));
            Fact::List(Elements { items: list.items, partial: Some(Box::new(cause)) })
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::fixture::{CHECK, facts, lines, loaded};

    /// The check with more or other keys; `{}` is the one of the fixture.
    fn pack(keys: &str) -> Pack {
        let mut check = CHECK.to_owned();
        for key in keys.lines() {
            let name = key.split('=').next().unwrap();
            let kept: Vec<&str> = check.lines().filter(|line| !line.starts_with(name)).collect();
            check = format!("{key}\n{}\n", kept.join("\n"));
        }
        let loaded = loaded(&[&check]);
        assert_eq!(lines(&loaded), "");
        loaded.pack.unwrap()
    }

    fn target(id: &str, sent: Json) -> Target {
        let plugin = id.split(':').next().unwrap().to_owned();
        let facts = if plugin == "demo" { facts(sent) } else { Fact::from_json(sent).unwrap() };
        Target {
            id: id.to_owned(),
            plugin,
            facts,
            previous: None,
            container: None,
            importance: 1.0,
            deployment: "d".to_owned(),
        }
    }

    fn judged(keys: &str, sent: Json) -> Judgement {
        judge(&[pack(keys)], &[target("demo", sent)], &Fact::record()).remove(0)
    }

    fn told(judgement: &Judgement) -> String {
        let cause = judgement.cause.as_ref().map_or(String::new(), |cause| format!(": {cause}"));
        format!("{}{cause} {:?}", judgement.verdict, judgement.items)
    }

    #[test]
    fn a_failed_check_explains_itself() {
        let found = judged("", json!({"port": 80, "size_bytes": 2048}));
        assert_eq!(found.verdict, Verdict::Fail);
        assert_eq!(found.remedy, "Choose another port than 80. It may grow to 2.0 KiB.");
        assert_eq!(found.evidence[1].path, "demo.size_bytes");
        assert_eq!(found.evidence[1].unit, Some(goodstead_protocol::contract::Unit::Bytes));
        assert_eq!(found.why, "Another program listens there.");
        let passed = judged("", json!({"port": 81}));
        assert_eq!((passed.verdict, passed.why.as_str(), passed.remedy.as_str()), (Verdict::Pass, "", ""));
    }

    #[test]
    fn evidence_says_where_a_value_comes_from_if_the_plugin_knows() {
        let keys =
            "pass = 'demo.settings[\"sync\"] == true'\nevidence = ['demo.settings[\"sync\"]', 'demo.port']";
        let seen = |origin: Json| {
            let found =
                judged(keys, json!({"port": 80, "settings": {"sync": false}, "settings_origin": origin}));
            let line = |one: &Evidence| format!("{} = {}", one.path, one.value.to_json());
            found.evidence.iter().map(line).collect::<Vec<_>>()
        };
        let origin = r#"demo.settings_origin["sync"] = "as written in demo.conf:3""#;
        assert_eq!(
            seen(json!({"sync": "as written in demo.conf:3"})).last().map(String::as_str),
            Some(origin)
        );
        assert_eq!(seen(json!({})).len(), 2);
    }

    #[test]
    fn what_does_not_apply_is_not_judged_and_what_may_apply_is_unknown() {
        let keys = "applies = 'demo.primary'";
        assert_eq!(told(&judged(keys, json!({"port": 80, "primary": false}))), "not applicable []");
        assert_eq!(told(&judged(keys, json!({"port": 80}))), "unknown: the plugin did not report it []");
        assert_eq!(told(&judged(keys, json!({"port": 80, "primary": true}))), "fail []");
    }

    #[test]
    fn of_many_items_one_failing_fails_and_one_unknown_makes_unknown() {
        let keys = "each = 'demo.tables[]'\npass = 'item.rows < 10'";
        let table = |name: &str, rows: Json| json!({"name": name, "rows": rows, "indexes": []});
        let unknown = || json!({"$unknown": {"kind": "not-permitted", "detail": "no right"}});
        let judged = |tables: Json| told(&judged(keys, json!({"tables": tables})));
        assert_eq!(judged(json!([])), "pass []");
        assert_eq!(judged(json!([table("a", json!(1))])), "pass []");
        assert_eq!(judged(json!([table("a", unknown()), table("b", json!(1))])), "unknown: no right []");
        assert_eq!(
            judged(json!([table("a", unknown()), table("b", json!(11)), table("c", json!(12))])),
            r#"fail ["b", "c"]"#
        );
        let partial = |rows: i64| json!({"$partial": [table("a", json!(rows))], "$cause": {"kind": "partial", "detail": "cut"}});
        assert_eq!(judged(partial(1)), "unknown: cut []");
        assert_eq!(judged(partial(11)), r#"fail ["a"]"#);
        assert_eq!(judged(unknown()), "unknown: no right []");
    }

    #[test]
    fn items_are_named_by_their_keys_and_shown_up_to_ten() {
        let tables: Vec<Json> = (10..22)
            .map(|n| json!({"name": format!("t{n}"), "rows": n, "indexes": [{"name": "i", "valid": n % 2 == 0}]}))
            .collect();
        let sent = json!({"tables": tables, "names": ["x"], "port": 1});
        let keys = "each = 'demo.tables[]'\npass = 'item.rows < 10'\nevidence = ['demo.port', 'item.rows', 'item.rows * 2']";
        let found = judged(keys, sent.clone());
        assert_eq!((found.items.len(), found.evidence.len()), (12, 1 + 2 * 10));
        let shown: Vec<_> = found
            .evidence
            .iter()
            .take(3)
            .map(|shown| format!("{} = {}", shown.path, shown.value.to_json()))
            .collect();
        assert_eq!(
            shown,
            ["demo.port = 1", "demo.tables[\"t10\"].rows = 10", "item.rows * 2 (item \"t10\") = 20"]
        );
        let nested =
            judged("each = 'demo.tables[].indexes[]'\npass = 'item.valid'\nevidence = []", sent.clone());
        assert_eq!(nested.items[0], "t11/i");
        let plain = judged("each = 'demo.names[]'\npass = 'item != \"x\"'\nevidence = []", sent);
        assert_eq!(plain.items, ["x"]);
    }

    #[test]
    fn many_items_end_too() {
        let table = json!({"name": "t", "rows": 1, "indexes": []});
        let sent = json!({"tables": vec![table; 400], "numbers": (0..400).collect::<Vec<i64>>()});
        let keys = "each = 'demo.tables[]'\npass = 'demo.numbers.all(a, demo.numbers.exists(b, b >= a + item.rows - 1))'\nevidence = []";
        let found = judged(keys, sent);
        assert_eq!(told(&found), "unknown: the condition takes too much work on this site's facts []");
    }

    #[test]
    fn other_facts_are_at_hand() {
        let keys = "pass = 'linux.sysctl[\"a\"] == 1'";
        assert_eq!(told(&judged(keys, json!({}))), "unknown: there are no facts of `linux` in this scan []");
        let targets = [target("demo", json!({})), target("linux", json!({"sysctl": {"a": 1}}))];
        assert_eq!(judge(&[pack(keys)], &targets, &Fact::record())[0].verdict, Verdict::Pass);
        let keys = "pass = 'host.memory_bytes > 1'";
        let host = Fact::from_json(json!({"memory_bytes": 2})).unwrap();
        assert_eq!(judge(&[pack(keys)], &targets, &host)[0].verdict, Verdict::Pass);
    }

    #[test]
    fn growth_needs_a_previous_scan() {
        let keys = "pass = 'demo.size_bytes < previous.size_bytes * 2'";
        let mut target = target("demo", json!({"size_bytes": 3}));
        let first = judge(&[pack(keys)], std::slice::from_ref(&target), &Fact::record()).remove(0);
        assert_eq!(
            (first.verdict, first.cause.unwrap().kind),
            (Verdict::NotYetJudged, CauseKind::NoPreviousScan)
        );
        target.previous = Some(facts(json!({"size_bytes": 1})));
        assert_eq!(judge(&[pack(keys)], &[target], &Fact::record())[0].verdict, Verdict::Fail);
    }

    #[test]
    fn long_lists_are_cut_in_evidence() {
        let numbers: Vec<i64> = (0..30).collect();
        let found = judged("evidence = ['demo.numbers']", json!({"port": 80, "numbers": numbers}));
        let Fact::List(list) = &found.evidence[0].value else { panic!() };
        assert_eq!(
            (list.items.len(), list.partial.as_ref().unwrap().to_string().as_str()),
            (20, "10 more are not shown")
        );
    }
}
