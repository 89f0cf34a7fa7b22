//! What the tests of several modules share: a contract, facts, and a pack of one check.

use goodstead_protocol::contract::{Contract, RawContract, validate};
use goodstead_protocol::document::Document;
use goodstead_protocol::fact::Fact;
use goodstead_protocol::intake::admit;
use semver::Version;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::{Loaded, PackSource, Plugins, load};

/// The contract of a plugin from lines of TOML.
pub(crate) fn contract(plugin: &str, lines: &str) -> Contract {
    #[derive(Deserialize)]
    struct File {
        facts: RawContract,
    }
    let document = Document::new("plugin.toml", format!("[facts]\n{lines}"));
    validate(plugin, document.parse::<File>().unwrap().facts, &document).unwrap()
}

/// A made-up database with every shape of fact.
pub(crate) fn demo() -> Contract {
    contract("demo", include_str!("fixture/facts.toml"))
}

/// The agent's and the Linux plugin's facts, as far as the tests need them.
pub(crate) fn plugins() -> Plugins {
    let mut plugins = Plugins::default();
    plugins.add(Version::new(0, 1, 0), demo());
    plugins.add(Version::new(0, 1, 0), contract("host", "memory_bytes = { type = 'int', unit = 'bytes' }"));
    plugins.add(Version::new(0, 1, 0), contract("linux", "sysctl = { type = 'map', of = 'scalar' }"));
    plugins
}

/// Facts of `demo` from JSON; what is not mentioned is unknown.
pub(crate) fn facts(sent: Json) -> Fact {
    let admitted = admit(&demo(), Fact::from_json(sent).unwrap());
    assert_eq!(admitted.notes, Vec::<String>::new());
    admitted.facts
}

pub(crate) const PACK: &str =
    "name = 'demo'\ntitle = 'Demo'\nversion = '0.1.0'\n[requires]\ndemo = '^0.1'\nlinux = '^0.1'\n";

/// A check on the port, with its three cases.
pub(crate) const CHECK: &str = include_str!("fixture/check.toml");

/// Loads the pack `demo` with these check files.
pub(crate) fn loaded(checks: &[&str]) -> Loaded {
    loaded_as(false, checks)
}

/// As [`loaded`], as the admin's own or not.
pub(crate) fn loaded_as(local: bool, checks: &[&str]) -> Loaded {
    let mut documents = vec![Document::new("demo/pack.toml", PACK)];
    documents.extend(
        checks
            .iter()
            .enumerate()
            .map(|(at, text)| Document::new(format!("demo/check-{at}.toml"), text.to_string())),
    );
    load(PackSource { name: "demo".to_owned(), documents, local }, &plugins())
}

/// A waiver that holds until this day.
pub(crate) fn waiver(until: &str) -> goodstead_model::Waiver {
    goodstead_model::Waiver {
        who: "ada".to_owned(),
        why: "the vendor mends it in May".to_owned(),
        since: "2026-11-01T08:00:00Z".to_owned(),
        until: until.to_owned(),
    }
}

/// What is wrong, one line each.
pub(crate) fn lines(loaded: &Loaded) -> String {
    loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
