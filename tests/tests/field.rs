//! The catalogue of the field: what was missed or wrongly told outside of this project is found or silent here.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_linux::Linux;
use goodstead_plugin::fake::manifest;
use goodstead_tests::field::{Way, catalogue, healthy};
use goodstead_tests::shapes::running;
use goodstead_tests::tree::Tree;
use serde_json::Value as Json;

/// The ids of the checks of a product that fail on a host.
fn failing(tree: &Tree, product: &str, way: &Way) -> BTreeSet<String> {
    let report = match way {
        Way::Folder(host) => {
            let root = tempfile::tempdir_in(tree.scratch("")).expect("a folder");
            host.write(root.path());
            tree.check(&[product, "--root", &root.path().display().to_string()]).1
        }
        Way::Live(host, release) => {
            let manifest = manifest(include_str!("../../plugins/linux/plugin.toml"));
            let facts = host.saved_facts::<Linux>(&manifest, &running::agent_sees(release));
            let file = tree.scratch("facts.json");
            std::fs::write(&file, facts.to_string()).expect("facts");
            tree.check(&["--facts", &file.display().to_string()]).1
        }
    };
    let verdicts = report["verdicts"].as_array().expect("verdicts").iter();
    let failed = verdicts.filter(|it| it["verdict"] == "fail");
    failed.map(|it| Json::as_str(&it["id"]).expect("an id").to_owned()).collect()
}

/// Runs the cases of a product, and tells how many are found, silent and declined.
fn holds(product: &str) {
    let tree = Tree::new();
    let mut before: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut found, mut silent, mut declined) = (0, 0, 0);
    let mut problems = Vec::new();
    for (file, kind) in catalogue(product) {
        assert!(!kind.kind.is_empty(), "{}: says no kind", file.display());
        for case in &kind.cases {
            let name = format!("{}: {}", file.file_stem().unwrap().display(), case.name);
            assert!(!case.source.is_empty(), "{name}: says no source");
            match (&case.expect[..], &case.declined) {
                ([], None) => silent += 1,
                ([], Some(reason)) => {
                    assert!(!reason.is_empty(), "{name}: declined without a reason");
                    declined += 1;
                }
                (_, None) => found += 1,
                (_, Some(_)) => panic!("{name}: expected and declined"),
            }
            let already =
                before.entry(case.on.clone()).or_insert_with(|| failing(&tree, product, &healthy(&case.on)));
            let now = failing(&tree, product, &case.host());
            let new: BTreeSet<String> = now.difference(already).cloned().collect();
            let expected: BTreeSet<String> = case.expect.iter().cloned().collect();
            if new != expected {
                problems.push(format!("{name}: found {new:?}, expected {expected:?}"));
            }
        }
    }
    eprintln!("{product}: {found} found, {silent} silent, {declined} declined");
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert!(found > 0, "{product}: no case");
}

#[test]
fn every_case_of_linux_holds() {
    holds("linux");
}

#[test]
fn every_case_of_postgresql_holds() {
    holds("postgresql");
}
