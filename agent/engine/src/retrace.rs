//! How a check came to its verdict, in a case that does not hold or on a host: its expressions, what each came to, and
//! the facts that they looked at. The same of a capability, a milestone or a task.

use goodstead_protocol::fact::Fact;

use crate::check::Check;
use crate::condition::{Condition, Scope};
use crate::each::{Each, items};
use crate::judge::{NO_ITEM, Scopes, Target, bounded};
use crate::progress::Goal;

/// The items of a list that are retraced: enough to see the mistake.
const MAX_ITEMS: usize = 3;

/// What one expression of a check came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The key in the file: `applies`, `each`, `pass`, `configured`, …
    pub key: &'static str,
    /// The expression as it stands there.
    pub source: String,
    /// The item that it was about, if it was about one.
    pub item: Option<String>,
    /// What it came to.
    pub value: Fact,
    /// The facts that it names, with their values.
    pub facts: Vec<(String, Fact)>,
}

/// The steps of a check on `target`, which is one of `targets`.
pub fn retraced(check: &Check, target: &Target, targets: &[Target], host: &Fact) -> Vec<Step> {
    retrace(check, &Scopes::new(targets, host).of(target, &NO_ITEM))
}

/// The steps of a capability of which so much is licensed, of a milestone or of a task on `target`, likewise.
pub fn retraced_goal(
    goal: Goal<'_>,
    quantity: u32,
    target: &Target,
    targets: &[Target],
    host: &Fact,
) -> Vec<Step> {
    let quantity = Fact::Int(i64::from(quantity));
    let scopes = Scopes::new(targets, host);
    let scope = scopes.of(target, &quantity);
    let own: Vec<(&'static str, &Condition)> = match goal {
        Goal::Capability(one) => {
            let extent = one.extent.as_ref().map(|extent| ("extent", extent));
            [("configured", &one.configured), ("used", &one.used)].into_iter().chain(extent).collect()
        }
        Goal::Milestone(one) => vec![("reached", &one.reached)],
        Goal::Task(one) => vec![("attempts", &one.attempts), ("completions", &one.completions)],
    };
    let applies = goal.head().applies.as_ref().map(|applies| step("applies", applies, None, &scope));
    let goes_on = applies.as_ref().is_none_or(|found| found.value == Fact::Bool(true));
    let own = own.into_iter().filter(|_| goes_on).map(|(key, condition)| step(key, condition, None, &scope));
    applies.into_iter().chain(own).collect()
}

/// The steps of a check on the facts in `scope`.
pub(crate) fn retrace(check: &Check, scope: &Scope<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(applies) = &check.applies {
        let found = step("applies", applies, None, scope);
        let goes_on = found.value == Fact::Bool(true);
        steps.push(found);
        if !goes_on {
            return steps;
        }
    }
    match &check.each {
        None => steps.push(step("pass", &check.pass, None, scope)),
        Some(each) => steps.extend(of_items(check, each, scope)),
    }
    steps
}

/// The items that do not pass, or where all do, the first ones.
fn of_items(check: &Check, each: &Each, scope: &Scope<'_>) -> Vec<Step> {
    let found = items(each, scope);
    let mut steps = Vec::new();
    if found.items.is_empty() || found.unknown.is_some() {
        let value = found.unknown.map_or_else(|| Fact::List(Vec::new().into()), Fact::from);
        steps.push(Step {
            key: "each",
            source: each.source().to_owned(),
            item: None,
            value,
            facts: Vec::new(),
        });
    }
    let judged = found.items.into_iter().map(|(name, item)| {
        let scope = Scope { item, ..*scope };
        step("pass", &check.pass, Some(name), &scope)
    });
    let (passed, mut shown): (Vec<_>, Vec<_>) = judged.partition(|step| step.value == Fact::Bool(true));
    if shown.is_empty() {
        shown = passed;
    }
    shown.truncate(MAX_ITEMS);
    steps.extend(shown);
    steps
}

fn step(key: &'static str, condition: &Condition, item: Option<String>, scope: &Scope<'_>) -> Step {
    let facts = condition.looked_at(scope).into_iter().map(|(path, value)| (path, bounded(value)));
    Step {
        key,
        source: condition.source().to_owned(),
        item,
        value: condition.evaluate(scope),
        facts: facts.collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{CHECK, facts, lines, loaded};
    use crate::judge::NO_ITEM;

    /// The steps on these facts, one line each.
    fn told(keys: &str, sent: serde_json::Value) -> String {
        let loaded = loaded(&[&CHECK.replace("pass = 'demo.port != 80'", keys)]);
        assert_eq!(lines(&loaded), "");
        let (own, none) = (facts(sent), Fact::record());
        let scope = Scope { own: &own, host: &none, linux: &none, previous: &none, item: &NO_ITEM };
        let steps = retrace(&loaded.pack.unwrap().checks[0], &scope);
        let show = |value: &Fact| match value {
            Fact::Unknown(cause) => format!("unknown ({cause})"),
            other => other.to_json().to_string(),
        };
        let lines = steps.iter().map(|step| {
            let facts: Vec<_> =
                step.facts.iter().map(|(path, value)| format!("{path} = {}", show(value))).collect();
            let item = step.item.as_ref().map_or(String::new(), |item| format!(" of {item}"));
            format!("{}{item}: {} [{}]", step.key, show(&step.value), facts.join(", "))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_facts_of_a_condition_are_told_each_once() {
        let keys = "pass = 'demo.port != 80 && demo.port < 90 || demo.settings[\"a\"] == 1 || demo.names.exists(n, n == demo.version) || has(demo.note)'";
        insta::assert_snapshot!(told(keys, json!({"port": 80, "settings": {"a": 2}, "names": ["x"], "version": "1"})), @r#"pass: false [demo.port = 80, demo.settings["a"] = 2, demo.names = ["x"], demo.version = "1", demo.note = unknown (`demo.note` is not there)]"#);
        insta::assert_snapshot!(told("pass = 'demo.port != 80'", json!({})), @"pass: unknown (the plugin did not report it) [demo.port = unknown (the plugin did not report it)]");
    }

    #[test]
    fn what_does_not_apply_ends_there() {
        let keys = "applies = 'demo.primary'\npass = 'demo.port != 80'";
        insta::assert_snapshot!(told(keys, json!({"primary": false, "port": 80})), @"applies: false [demo.primary = false]");
        insta::assert_snapshot!(told(keys, json!({"primary": true, "port": 80})), @"
        applies: true [demo.primary = true]
        pass: false [demo.port = 80]
        ");
    }

    #[test]
    fn of_a_list_the_items_that_do_not_pass_are_told() {
        let keys = "each = 'demo.tables[]'\npass = 'item.rows < 10'";
        let table = |name: &str, rows: i64| json!({"name": name, "rows": rows, "indexes": []});
        insta::assert_snapshot!(told(keys, json!({"tables": [table("a", 1), table("b", 11)]})), @"pass of b: false [item.rows = 11]");
        insta::assert_snapshot!(told(keys, json!({"tables": [table("a", 1)]})), @"pass of a: true [item.rows = 1]");
        insta::assert_snapshot!(told(keys, json!({"tables": []})), @"each: [] []");
        insta::assert_snapshot!(told(keys, json!({})), @"each: unknown (the plugin did not report it) []");
    }
}
