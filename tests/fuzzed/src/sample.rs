//! Contracts and facts for the doors that need some: a made-up database with every shape of fact, and what is shipped.

use std::sync::LazyLock;

use goodstead_engine::{Plugins, Target};
use goodstead_plugin::fake::manifest;
use goodstead_protocol::contract::{Contract, RawContract, validate};
use goodstead_protocol::document::Document;
use goodstead_protocol::fact::Fact;
use goodstead_protocol::intake::admit;
use goodstead_protocol::manifest::Manifest;
use semver::Version;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The demo's secret.
pub(crate) const SECRET: &str = "password";

const DEMO: &str = include_str!("../../../agent/engine/src/fixture/facts.toml");

/// The demo's contract.
pub(crate) fn demo() -> &'static Contract {
    static DEMO_CONTRACT: LazyLock<Contract> =
        LazyLock::new(|| contract("demo", &format!("[facts]\n{DEMO}")));
    &DEMO_CONTRACT
}

/// The shipped manifests.
pub(crate) fn shipped(plugin: &str) -> &'static Manifest {
    static LINUX: LazyLock<Manifest> =
        LazyLock::new(|| manifest(include_str!("../../../plugins/linux/plugin.toml")));
    static POSTGRESQL: LazyLock<Manifest> =
        LazyLock::new(|| manifest(include_str!("../../../plugins/postgresql/plugin.toml")));
    if plugin == "linux" { &LINUX } else { &POSTGRESQL }
}

/// All of them, and the agent's own `host`.
pub(crate) fn plugins() -> &'static Plugins {
    static PLUGINS: LazyLock<Plugins> = LazyLock::new(|| {
        let mut plugins = Plugins::default();
        let host = contract("host", include_str!("../../../agent/cli/src/host.toml"));
        let (linux, postgresql) = (shipped("linux"), shipped("postgresql"));
        for contract in [demo(), &host, &linux.contract, &postgresql.contract] {
            plugins.add(Version::new(0, 1, 0), contract.clone());
        }
        plugins
    });
    &PLUGINS
}

/// Targets of each: everything known, in part known, not known at all.
pub(crate) fn targets() -> &'static [Target] {
    static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| {
        let cause = json!({"kind": "not-permitted", "detail": "no permission"});
        let known = json!({
            "version": "15.4", "port": 5432, "ratio": 0.5, "size_bytes": 9_007_199_254_740_992_i64, "primary": true,
            "started": "2026-11-22T02:13:00Z", "note": "n", "names": ["a", "b", "ä"], "numbers": [i64::MIN, 0, i64::MAX],
            "settings": {"a": 1, "b": "x", "c": true, "d": 1.5}, "memory": {"free_bytes": 0}, "password": "changeme",
            "tables": [
                {"name": "t", "rows": 7, "indexes": [{"name": "i", "valid": true}, {"name": "j", "valid": false}]},
                {"name": "u", "rows": 0, "indexes": []},
            ],
        });
        let partly = json!({
            "port": 0, "ratio": -1e300, "names": {"$partial": ["a"], "$cause": cause},
            "settings": {"$partial": {"a": 1}, "$cause": cause}, "numbers": {"$unknown": cause},
            "tables": [{"name": "t", "indexes": {"$partial": [{"name": "i"}], "$cause": cause}}],
        });
        vec![
            target("demo:known", demo(), known.clone(), Some(known.clone())),
            target("demo:partly", demo(), partly, Some(known)),
            target("demo:unknown", demo(), json!({"$unknown": cause}), None),
            target(
                "linux",
                &shipped("linux").contract,
                json!({"live": true, "sysctl": {"vm/swappiness": 0}}),
                None,
            ),
            target(
                "postgresql",
                &shipped("postgresql").contract,
                json!({"settings": {"fsync": false}}),
                None,
            ),
        ]
    });
    &TARGETS
}

fn target(id: &str, contract: &Contract, sent: Json, previous: Option<Json>) -> Target {
    let facts = |sent| admit(contract, Fact::from_json(sent).expect("facts")).facts;
    Target {
        id: id.to_owned(),
        plugin: contract.plugin.clone(),
        facts: facts(sent),
        previous: previous.map(facts),
        container: None,
        importance: 1.0,
        deployment: id.to_owned(),
    }
}

fn contract(plugin: &str, text: &str) -> Contract {
    #[derive(Deserialize)]
    struct File {
        facts: RawContract,
    }
    let document = Document::new("facts.toml", text);
    let file: File = document.parse().expect("a contract");
    validate(plugin, file.facts, &document).expect("a valid contract")
}
