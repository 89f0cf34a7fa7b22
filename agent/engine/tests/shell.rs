//! `shell(text)` held against the shell itself: whatever a site calls its things, the command that an advice prints
//! does with that name what it says.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::process::Command;

use goodstead_engine::{Pack, PackSource, Plugins, Target, judge, load_to_judge};
use goodstead_protocol::document::Document;
use goodstead_protocol::fact::Fact;
use goodstead_protocol::intake::admit;
use goodstead_protocol::manifest::Manifest;
use proptest::prelude::*;
use serde_json::json;

const MANIFEST: &str =
    "name = 'demo'\nversion = '0.1.0'\nprotocol = 1\nlibrary = 'none'\n[facts]\nname = { type = 'text' }\n";
const HEADER: &str = "name = 'demo'\ntitle = 'Demo'\nversion = '0.1.0'\n[requires]\ndemo = '^0.1'\n";
const CHECK: &str = "id = 'demo.name'\npass = 'false'\ntitle = 't'\nsince = '0.1.0'\nconcern = 'cost'\nimpact = 'low'\n\
    likelihood = 'low'\nwhy = 'w'\nremedy = \"Run `printf '%s|' {{ shell(demo.name) }} end` now.\"\n";

fn manifest() -> Manifest {
    Manifest::read(&Document::new("plugin.toml", MANIFEST)).unwrap()
}

fn pack() -> Vec<Pack> {
    let mut plugins = Plugins::default();
    plugins.add(manifest().version, manifest().contract);
    let documents = [("demo/pack.toml", HEADER), ("demo/name.toml", CHECK)];
    let documents = documents.map(|(file, text)| Document::new(file, text)).into();
    let source = PackSource { name: "demo".to_owned(), documents, local: false };
    let loaded = load_to_judge(source, &plugins, &["demo".to_owned()].into());
    loaded.pack.into_iter().collect()
}

/// The advice where the thing is called `name`.
fn advice(packs: &[Pack], name: &str) -> String {
    let sent = Fact::from_json(json!({ "name": name })).unwrap();
    let target = Target {
        id: "demo".to_owned(),
        plugin: "demo".to_owned(),
        facts: admit(&manifest().contract, sent).facts,
        previous: None,
        container: None,
        importance: 1.0,
        deployment: "demo".to_owned(),
    };
    judge(packs, &[target], &Fact::record())[0].remedy.clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_shell_reads_a_name_as_it_is(name in r#"[ -~\n\t$`'"\\!*;&|é\u{202e}\u{1b}]{0,12}"#) {
        let advice = advice(&pack(), &name);
        // One piece of code: no name ends it.
        let parts: Vec<_> = advice.split('`').collect();
        prop_assert_eq!((parts[0], parts[2], parts.len()), ("Run ", " now.", 3), "{}", advice);
        let output = Command::new("sh").args(["-c", parts[1]]).output().unwrap();
        // What no terminal shall see is not printed, so it is not in the command.
        let printed: String = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        prop_assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{printed}|end|"));
    }
}

#[test]
fn a_name_that_is_too_long_costs_the_sentence_and_not_a_quote() {
    assert_eq!(advice(&pack(), &"' ".repeat(400)), "");
}
