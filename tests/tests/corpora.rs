//! The fuzzer's corpora on the stable toolchain: every committed input and every shipped file, as it is and broken in
//! many small ways. What the fuzzer finds comes back here as a file in `fuzz/corpus`.
//!
//! `corpora_postgresql.rs` is the rest: two plugins export the same symbols, and do not fit into one program.

use std::fs;
use std::path::PathBuf;

use goodstead_fuzzed::replay::{MUTATIONS, files, replay};
use goodstead_fuzzed::{
    abi, agent_toml, desk_intake, facts, frames, manifest, packs, plugin, reports, saved_facts, state,
};
use goodstead_linux::Linux;
use goodstead_tests::checkout;

/// How often where each run takes milliseconds without optimisation.
const FEWER: u64 = 15;

fn corpus(target: &str) -> PathBuf {
    checkout().join("fuzz/corpus").join(target)
}

#[test]
fn frames_of_any_bytes() {
    replay(&corpus("frames"), MUTATIONS, frames::run);
}

#[test]
fn manifests_of_any_bytes() {
    replay(&corpus("manifest"), MUTATIONS, manifest::run);
    for file in files(&checkout().join("plugins")).iter().filter(|file| file.ends_with("plugin.toml")) {
        manifest::run(&fs::read(file).unwrap());
    }
}

#[test]
fn facts_of_any_bytes() {
    replay(&corpus("facts"), MUTATIONS, facts::run);
}

#[test]
fn packs_of_any_bytes() {
    replay(&corpus("packs"), 5 * FEWER, packs::run);
}

#[test]
fn shipped_checks_with_any_mistake() {
    replay(&checkout().join("checks"), FEWER, packs::run);
}

#[test]
fn conditions_of_any_bytes() {
    replay(&corpus("conditions"), FEWER, packs::condition);
}

#[test]
fn configurations_of_any_bytes() {
    replay(&corpus("agent_toml"), MUTATIONS, agent_toml::run);
    agent_toml::run(&fs::read(checkout().join("agent/cli/src/agent.sample.toml")).unwrap());
}

#[test]
fn reports_of_any_bytes_in_every_face() {
    replay(&corpus("reports"), FEWER, reports::run);
}

#[test]
fn saved_facts_of_any_bytes() {
    replay(&corpus("saved_facts"), MUTATIONS, saved_facts::run);
}

#[test]
fn a_state_of_any_bytes() {
    replay(&corpus("state_file"), FEWER, state::file);
    replay(&corpus("state_rows"), FEWER, state::rows);
}

#[test]
fn what_comes_to_the_desk_of_any_bytes() {
    replay(&corpus("desk_intake"), MUTATIONS, desk_intake::run);
}

#[test]
fn files_of_any_bytes_on_a_linux_host() {
    replay(&corpus("linux"), FEWER, |data| plugin::files::<Linux>("linux", data));
}

#[test]
fn replies_of_any_bytes_over_the_abi() {
    replay(&corpus("abi"), MUTATIONS, abi::run);
}

#[test]
fn every_target_of_the_fuzzer_has_its_corpus_and_is_replayed() {
    let replayed = [include_str!("corpora.rs"), include_str!("corpora_postgresql.rs")].concat();
    let targets = files(&checkout().join("fuzz/fuzz_targets"));
    let mut names: Vec<_> =
        targets.iter().map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    for name in &names {
        assert!(replayed.contains(&format!("corpus(\"{name}\")")), "{name} is not replayed");
    }
    let mut folders: Vec<_> = fs::read_dir(checkout().join("fuzz/corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    names.sort();
    assert_eq!(folders, names);
}
