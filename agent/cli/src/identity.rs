//! Which target is which, from scan to scan: a plugin may name one fact that tells a target from all others for as long as
//! it lives (`identity` in plugin.toml). What was kept under a target's id stays with it when the plugin calls it
//! something else, for example because a second one of its name was made.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_protocol::fact::Fact;

use crate::plugins::Plugin;
use crate::scan::{ScannedTarget, unique};

/// The longest text that identifies a target, in bytes; a longer one is none.
const MAX_IDENTITY: usize = 200;

/// A target that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Its plugin.
    pub(crate) plugin: String,
    /// What its plugin knows it by.
    pub(crate) identity: String,
    /// The id under which everything about it is kept.
    pub(crate) target: String,
    /// The id that the plugin's name for it made at that scan.
    pub(crate) proposed: String,
}

/// The facts that identify targets, by the plugin's name.
pub(crate) type Paths<'a> = BTreeMap<&'a str, &'a str>;

/// The facts that the plugins name.
pub(crate) fn paths(plugins: &[Plugin]) -> Paths<'_> {
    let manifests = plugins.iter().map(|plugin| &plugin.manifest);
    manifests.filter_map(|manifest| Some((manifest.name.as_str(), manifest.identity.as_deref()?))).collect()
}

/// Gives targets the ids under which they are known, and returns what to remember of them.
pub(crate) fn settle(targets: &mut [ScannedTarget], paths: &Paths<'_>, known: &[Identity]) -> Vec<Identity> {
    let identities: Vec<Option<String>> =
        targets.iter().map(|target| text_at(&target.facts, paths.get(target.plugin.as_str())?)).collect();
    // A primary and its standby on one host are the same to PostgreSQL: then the names are all there is.
    let is_shared = |plugin: &str, identity: &String| {
        let same = |(target, other): &(&ScannedTarget, &Option<String>)| {
            target.plugin == plugin && other.as_ref() == Some(identity)
        };
        targets.iter().zip(&identities).filter(same).count() > 1
    };
    let seen: Vec<Option<&String>> = targets
        .iter()
        .zip(&identities)
        .map(|(target, identity)| identity.as_ref().filter(|identity| !is_shared(&target.plugin, identity)))
        .collect();
    let former: Vec<Option<&Identity>> = targets
        .iter()
        .zip(&seen)
        .zip(&identities)
        .map(|((target, seen), identity)| {
            let mine = |known: &&Identity| known.plugin == target.plugin;
            match seen {
                _ if target.named_by_admin => None,
                Some(seen) => known.iter().filter(mine).find(|known| known.identity == **seen),
                // One that does not say who it is, is who was called so last.
                None if identity.is_none() => {
                    known.iter().filter(mine).find(|known| known.proposed == target.id)
                }
                None => None,
            }
        })
        .collect();
    // What the admin calls it, it is called.
    let mut taken = BTreeSet::new();
    let mut ids: Vec<Option<String>> = targets
        .iter()
        .map(|target| target.named_by_admin.then(|| unique(target.id.clone(), &mut taken)))
        .collect();
    for (id, former) in ids.iter_mut().zip(&former).filter(|(id, _)| id.is_none()) {
        *id = former.map(|known| known.target.clone()).filter(|id| taken.insert(id.clone()));
    }
    for (id, target) in ids.iter_mut().zip(targets.iter()) {
        id.get_or_insert_with(|| unique(target.id.clone(), &mut taken));
    }
    let remembered = targets.iter().zip(&seen).zip(&ids).filter_map(|((target, seen), id)| {
        Some(Identity {
            plugin: target.plugin.clone(),
            identity: (*seen)?.clone(),
            target: id.clone()?,
            proposed: target.id.clone(),
        })
    });
    let remembered = remembered.collect();
    for (target, id) in targets.iter_mut().zip(ids.into_iter().flatten()) {
        // Without a word of the admin's a deployment is called like its target.
        if target.deployment == target.id {
            target.deployment.clone_from(&id);
        }
        target.id = id;
    }
    remembered
}

/// Adds to the wanted names those by which their plugins now call these targets. Whether that added any.
pub(crate) fn also_called(wanted: &mut BTreeMap<String, BTreeSet<String>>, known: &[Identity]) -> bool {
    let mut any = false;
    for (plugin, names) in wanted.iter_mut() {
        let name_of = |id: &str| Some(id.strip_prefix(plugin.as_str())?.strip_prefix(':')?.to_owned());
        let called = known.iter().filter(|known| known.plugin == *plugin && known.proposed != known.target);
        let wanted_ones =
            called.filter(|known| name_of(&known.target).is_some_and(|name| names.contains(&name)));
        let others: Vec<String> = wanted_ones.filter_map(|known| name_of(&known.proposed)).collect();
        for other in others {
            any |= names.insert(other);
        }
    }
    any
}

/// The text at a path of facts.
fn text_at(facts: &Fact, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(facts, |fact, name| match fact {
        Fact::Map(record) => record.items.get(name),
        _ => None,
    });
    match found? {
        Fact::Text(text) if !text.is_empty() && text.len() <= MAX_IDENTITY => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target(name: &str, number: Option<&str>) -> ScannedTarget {
        let facts = number.map_or(json!({}), |number| json!({"control": {"number": number}}));
        ScannedTarget {
            id: format!("demo:{name}"),
            plugin: "demo".to_owned(),
            plugin_version: "0.1.0".to_owned(),
            title: String::new(),
            deployment: format!("demo:{name}"),
            importance: 1.0,
            facts: Fact::from_json(facts).unwrap(),
            notes: Vec::new(),
            container: None,
            named_by_admin: false,
        }
    }

    /// One scan after another: the ids of each.
    fn ids(known: &mut Vec<Identity>, found: &[(&str, Option<&str>)]) -> Vec<String> {
        let mut targets: Vec<_> = found.iter().map(|(name, number)| target(name, *number)).collect();
        for new in settle(&mut targets, &Paths::from([("demo", "control.number")]), known) {
            known.retain(|old| (&old.plugin, &old.identity) != (&new.plugin, &new.identity));
            known.push(new);
        }
        assert!(targets.iter().all(|target| target.deployment == target.id));
        targets.into_iter().map(|target| target.id.replace("demo:", "")).collect()
    }

    #[test]
    fn what_is_kept_stays_with_the_target_whatever_it_is_called() {
        let mut known = Vec::new();
        assert_eq!(ids(&mut known, &[("main", Some("13"))]), ["main"]);
        // A second one of the name comes with an upgrade, the first one ends, and its name is free again.
        let both = [("13-main", Some("13")), ("15-main", Some("15"))];
        assert_eq!(ids(&mut known, &both), ["main", "15-main"]);
        assert_eq!(ids(&mut known, &[("13-main", None), ("15-main", Some("15"))]), ["main", "15-main"]);
        assert_eq!(ids(&mut known, &[("main", Some("15"))]), ["15-main"]);
        // A new one that is called as the old one was is another one.
        assert_eq!(
            ids(&mut known, &[("15-main", Some("17")), ("main", Some("15"))]),
            ["15-main-2", "15-main"]
        );
    }

    #[test]
    fn the_admins_word_counts() {
        let mut known = Vec::new();
        ids(&mut known, &[("main", Some("13"))]);
        let mut targets = [
            target("shop", Some("13")),
            ScannedTarget { named_by_admin: true, ..target("main", Some("15")) },
        ];
        settle(&mut targets, &Paths::from([("demo", "control.number")]), &known);
        assert_eq!(targets.map(|target| target.id), ["demo:shop", "demo:main"], "the name is given away");
        let named = |name| ScannedTarget { named_by_admin: true, ..target(name, None) };
        let mut twice = [named("main"), named("main")];
        settle(&mut twice, &Paths::from([("demo", "control.number")]), &known);
        assert_eq!(
            twice.map(|target| target.id),
            ["demo:main", "demo:main-2"],
            "one here, and one in a container"
        );
        let mut renamed = [ScannedTarget { named_by_admin: true, ..target("shop", Some("13")) }];
        settle(&mut renamed, &Paths::from([("demo", "control.number")]), &known);
        assert_eq!(renamed.map(|target| target.id), ["demo:shop"]);
    }

    #[test]
    fn names_that_were_exchanged_are_exchanged_back() {
        let mut known = Vec::new();
        assert_eq!(ids(&mut known, &[("a", Some("1")), ("b", Some("2"))]), ["a", "b"]);
        assert_eq!(ids(&mut known, &[("a", Some("2")), ("b", Some("1"))]), ["b", "a"]);
    }

    #[test]
    fn an_identity_that_two_share_tells_nothing() {
        let mut known = Vec::new();
        assert_eq!(ids(&mut known, &[("primary", Some("1"))]), ["primary"]);
        assert_eq!(
            ids(&mut known, &[("standby", Some("1")), ("primary", Some("1"))]),
            ["standby", "primary"]
        );
        assert_eq!(ids(&mut Vec::new(), &[("a", None), ("b", Some(""))]), ["a", "b"]);
    }

    #[test]
    fn a_target_can_be_asked_for_by_the_id_that_it_has() {
        let mut known = Vec::new();
        ids(&mut known, &[("main", Some("13"))]);
        ids(&mut known, &[("13-main", Some("13")), ("15-main", Some("15"))]);
        let wanted = |name: &str| BTreeMap::from([("demo".to_owned(), BTreeSet::from([name.to_owned()]))]);
        let mut main = wanted("main");
        assert!(also_called(&mut main, &known));
        assert_eq!(main["demo"], BTreeSet::from(["13-main".to_owned(), "main".to_owned()]));
        assert!(!also_called(&mut wanted("15-main"), &known));
    }
}
