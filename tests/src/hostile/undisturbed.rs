//! How much the agent knows of the host when nobody disturbs: no hostile plugin may take any of it away.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::Value as Json;

use super::{Scanned, User};
use crate::tree::Tree;

/// Facts about processes, mounts and connections, which other tests start and end meanwhile: of these only the loss of
/// the whole counts.
const COMES_AND_GOES: [&str; 3] = ["open_files_of", "mounts", "tcp_connections"];

/// How much is known of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// How much is known when nobody disturbs: found out once.
pub(super) fn undisturbed(user: User) -> Host {
    static FOUND: [OnceLock<Host>; 2] = [const { OnceLock::new() }; 2];
    FOUND[usize::from(user == User::Ordinary)]
        .get_or_init(|| Host::of(&Scanned::of("nobody disturbs", &Tree::new(), &["linux"], user)))
        .clone()
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
    fn of_what_comes_and_goes_only_the_loss_of_the_whole_counts() {
        let cause = json!({"kind": "timed-out", "detail": "d"});
        let mut lost = BTreeSet::new();
        whole("mounts", &json!({"$partial": [{"$unknown": cause}], "$cause": cause}), &mut lost);
        assert!(lost.is_empty(), "{lost:?}");
        whole("mounts", &json!({"$unknown": cause}), &mut lost);
        assert_eq!(lost.len(), 1);
    }
}
