//! The client against real servers, and against what only pretends to be one.
//!
//! A server is started for the test that needs it, in a folder of its own, and stopped with it.
// What is between the tests may panic as they do.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod backup;
mod clients;
mod databases;
mod impostor;
mod instance;
mod midway;
mod real;
mod receiver;
mod recorded;
mod releases;
mod server;
mod states;
mod unwilling;

use std::os::fd::OwnedFd;

use goodstead_plugin::fake::{FakeSite, gather, manifest};
use goodstead_plugin::{Address, Target};
use goodstead_postgresql::PostgreSql;
use serde_json::Value as Json;

/// A target at some socket, logged in to as the user that the broker names: `goodstead`.
fn target() -> Target {
    Target { address: Some(Address::Unix("/run/postgresql/.s.PGSQL.5432".to_owned())), ..Target::default() }
}

/// The facts of `target` over `connection`, and not a note about them.
fn facts(target: &Target, connection: OwnedFd) -> Json {
    let manifest = manifest(include_str!("../../plugin.toml"));
    let address = target.address.as_ref().unwrap();
    let mut site = FakeSite::with_manifest(&manifest).connection(address, Ok(connection));
    let (facts, notes) = gather::<PostgreSql>(&manifest.contract, target, &mut site);
    assert_eq!(notes, Vec::<String>::new());
    facts.to_json()
}

/// The class of the cause for which every running fact is unknown, and its text.
fn cause(facts: &Json) -> (String, String) {
    let cause = &facts["version"]["$unknown"];
    assert_eq!(cause, &facts["settings"]["$unknown"]);
    assert_eq!(cause, &facts["archiver"]["last_failed"]["$unknown"]);
    let text = |name: &str| cause[name].as_str().unwrap_or_default().to_owned();
    (text("kind"), format!("{} ({})", text("detail"), text("remedy")))
}
