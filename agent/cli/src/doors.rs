//! The doors through which bytes of others come into the agent, each as a function of those bytes alone: what the fuzzer
//! calls (`tests/fuzzed`). What each returns is what the agent would show or keep.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::ValueEnum;
use goodstead_protocol::contract::Contract;
use goodstead_protocol::diagnostic::{Diagnostic, Place};

use crate::commands::report::read;
use crate::host;
use crate::render::face::{Detail, Face, Look, render};
use crate::render::output;
use crate::saved::SavedFacts;
use crate::scan::Scan;
use crate::state::State;

/// A report in a file, in every face as it is printed without colours, with the face's name; what is wrong with it
/// where it is none.
///
/// # Errors
/// It is no report that this agent knows.
pub fn report(bytes: &[u8]) -> Result<Vec<(String, String)>, Diagnostic> {
    let report = read(bytes, || Place::file("report.json"))?;
    let mut shown = Vec::new();
    for face in Face::value_variants() {
        for (width, detail) in [(100, Detail::Normal), (24, Detail::Verbose), (80, Detail::Quiet)] {
            let look = Look { width, detail, unicode: width == 100, trouble: None };
            let text = anstream::adapter::strip_str(&render(&report, *face, &look)).to_string();
            shown.push((format!("{face:?}"), output::tame(&text).into_owned()));
        }
    }
    Ok(shown)
}

/// Saved facts, as far as these contracts, by the names of their plugins, declare them: the facts of each target as they
/// are kept, and the host's.
///
/// # Errors
/// They are no saved facts that this agent knows.
pub fn saved_facts(bytes: &[u8], contracts: &[&Contract]) -> Result<Vec<String>, Diagnostic> {
    let saved = SavedFacts::from_bytes(bytes, || Place::file("facts.json"))?;
    let wanted: BTreeMap<String, BTreeSet<String>> =
        contracts.iter().map(|contract| (contract.plugin.clone(), BTreeSet::new())).collect();
    let contract_of = |name: &str| contracts.iter().find(|contract| contract.plugin == name).copied();
    let own = host::contract().map_err(|found| {
        let first = found.into_iter().next();
        first.unwrap_or_else(|| Diagnostic::error("bad-contract", "the agent's own contract is broken"))
    })?;
    let Scan { host, targets, warnings, .. } = saved.into_scan(contract_of, &own, &wanted);
    let mut kept = vec![host.to_json().to_string()];
    for target in targets {
        kept.push(target.facts.to_json().to_string());
        kept.extend(target.notes);
    }
    kept.extend(warnings);
    Ok(kept)
}

/// Reads all that the state in a file holds, the spool included, as the commands do; what could not be read, in words.
///
/// # Errors
/// It cannot be opened at all.
pub fn state(path: &Path) -> Result<Vec<String>, String> {
    let mut state = State::open(path).map_err(|error| error.to_string())?;
    let mut problems = Vec::new();
    let mut read = |problem: Option<String>| problems.extend(problem);
    let of = |error: crate::state::StateError| Some(error.to_string());
    read(
        state
            .report(None)
            .map_or_else(of, |kept| kept.and_then(|kept| kept.parse().err()?.to_string().into())),
    );
    read(state.newest().err().and_then(of));
    read(state.before_newest().err().and_then(of));
    read(state.report_times().err().and_then(of));
    read(state.each_report(|kept| kept.parse().ok()).err().and_then(of));
    read(state.previous_facts("linux", "live").err().and_then(of));
    read(state.events("live").err().and_then(of));
    read(state.past("live", "2026-11-22T06:00:00Z", &BTreeMap::from([("t", 30)])).err().and_then(of));
    read(state.enrolment().err().and_then(of));
    read(state.waivers().err().and_then(of));
    read(state.memory().err().and_then(of));
    read(state.all_set_aside().err().and_then(of));
    read(state.access_log("a").err().and_then(of));
    match state.spooled() {
        Err(error) => read(of(error)),
        Ok(spooled) => {
            // What is spooled stays until there is a receipt for it.
            let before = spooled.len();
            if let Some((first, _)) = spooled.first() {
                read(state.delivered(first).err().and_then(of));
                read(match state.spooled() {
                    Ok(after) if after.len() + 1 == before => None,
                    Ok(after) => {
                        Some(format!("{before} were spooled, and {} after one delivery", after.len()))
                    }
                    Err(error) => of(error),
                });
            }
        }
    }
    Ok(problems)
}
