//! How much the agent knows of the host when nobody disturbs: no hostile plugin may take any of it away.
//!
//! The host itself does not hold still: other tests mount, connect and add devices meanwhile. So an attack is compared with
//! a scan before it and, where that differs, with one after it: only what both of them know is missing because of the
//! attack.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::Value as Json;

use super::{Scanned, User};
use crate::tree::Tree;

/// Facts about processes, mounts, connections and block devices, which come and go meanwhile: of these only the loss of the
/// whole counts.
const COMES_AND_GOES: [&str; 6] =
    ["open_files_of", "mounts", "tcp_connections", "raid", "multipath", "physical_disks"];

/// How much is known of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Host {
    /// The checks that could not be judged.
    unknown: BTreeSet<String>,
    /// The facts that are there.
    names: BTreeSet<String>,
    /// Where something is unknown or partial, at any depth, and the kind of its cause.
    lost: BTreeSet<String>,
}

impl Host {
    /// What a scan knows.
    pub(super) fn of(scanned: &Scanned) -> Host {
        let verdicts = scanned.report["verdicts"].as_array().expect("verdicts").iter();
        let unknown = verdicts.filter(|it| it["target"] == "linux" && it["verdict"] == "unknown");
        let facts = scanned.facts["linux"].as_object().expect("a record");
        let mut lost = BTreeSet::new();
        for (name, fact) in facts {
            if COMES_AND_GOES.contains(&name.as_str()) {
                whole(name, fact, &mut lost);
            } else {
                collect(name, fact, &mut lost);
            }
        }
        Host {
            unknown: unknown.map(|it| it["id"].to_string()).collect(),
            names: facts.keys().cloned().collect(),
            lost,
        }
    }
}

impl Host {
    /// What is less than both scans around it know: the checks that are not judged, the facts that are not there, and what
    /// of them is unknown.
    fn harm_between(&self, before: &Host, after: &Host) -> Host {
        let in_neither = |mine: &BTreeSet<String>, one: &BTreeSet<String>, other: &BTreeSet<String>| {
            mine.iter().filter(|it| !one.contains(*it) && !other.contains(*it)).cloned().collect()
        };
        Host {
            unknown: in_neither(&self.unknown, &before.unknown, &after.unknown),
            names: before
                .names
                .intersection(&after.names)
                .filter(|it| !self.names.contains(*it))
                .cloned()
                .collect(),
            lost: in_neither(&self.lost, &before.lost, &after.lost),
        }
    }
}

/// Adds `path` where nothing of it is known.
fn whole(path: &str, fact: &Json, lost: &mut BTreeSet<String>) {
    if let Some(cause) = fact.get("$unknown") {
        lost.insert(format!("{path}: {}", cause["kind"]));
    }
}

/// Adds `path` and what is below it where something is not known.
fn collect(path: &str, fact: &Json, lost: &mut BTreeSet<String>) {
    whole(path, fact, lost);
    if let Some(part) = fact.get("$partial") {
        lost.insert(format!("{path}, in part: {}", fact["$cause"]["kind"]));
        return collect(path, part, lost);
    }
    match fact {
        Json::Object(record) if !record.contains_key("$unknown") => {
            record.iter().for_each(|(name, fact)| collect(&format!("{path}.{name}"), fact, lost));
        }
        Json::Array(list) => list.iter().for_each(|fact| collect(&format!("{path}[]"), fact, lost)),
        _ => {}
    }
}

/// What of the host an attack took away: nothing, if its facts came through whole.
pub(super) fn harm(attacked: &Scanned, user: User) -> Host {
    static BEFORE: [OnceLock<Host>; 2] = [const { OnceLock::new() }; 2];
    let scan = || Host::of(&Scanned::of("nobody disturbs", &Tree::new(), &["linux"], user));
    let before = BEFORE[usize::from(user == User::Ordinary)].get_or_init(scan);
    let attacked = Host::of(attacked);
    if attacked == *before { Host::default() } else { attacked.harm_between(before, &scan()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_loss_shows_at_any_depth() {
        let cause = json!({"kind": "absent", "detail": "d"});
        let fact = json!({
            "known": 1, "a": {"$unknown": cause},
            "list": [{"b": {"$partial": [{"c": {"$unknown": cause}}], "$cause": cause}}, {"b": []}],
        });
        let mut lost = BTreeSet::new();
        collect("f", &fact, &mut lost);
        assert_eq!(
            lost.iter().map(String::as_str).collect::<Vec<_>>(),
            ["f.a: \"absent\"", "f.list[].b, in part: \"absent\"", "f.list[].b[].c: \"absent\""]
        );
    }

    #[test]
    fn only_what_was_known_before_and_after_is_harm() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let host = |unknown: &[&str], names: &[&str], lost: &[&str]| Host {
            unknown: set(unknown),
            names: set(names),
            lost: set(lost),
        };
        let before = host(&["a"], &["x", "y", "z"], &["x.1"]);
        let after = host(&["b"], &["x", "y"], &["x.2"]);
        assert_eq!(
            host(&["b"], &["x", "y", "w"], &["x.1", "x.2"]).harm_between(&before, &after),
            Host::default()
        );
        let attacked = host(&["a", "c"], &["y"], &["x.3"]);
        assert_eq!(attacked.harm_between(&before, &after), host(&["c"], &["x"], &["x.3"]));
    }

    #[test]
    fn of_what_comes_and_goes_only_the_loss_of_the_whole_counts() {
        let cause = json!({"kind": "timed-out", "detail": "d"});
        let mut lost = BTreeSet::new();
        whole("mounts", &json!({"$partial": [{"$unknown": cause}], "$cause": cause}), &mut lost);
        assert!(lost.is_empty(), "{lost:?}");
        whole("mounts", &json!({"$unknown": cause}), &mut lost);
        assert_eq!(lost.len(), 1);
    }
}
