//! The facts that a plugin sends, on their way to the engine: JSON, facts, what the contract admits, and back.
//!
//! The way through JSON changes nothing, also as text: the kept facts are `previous` of the next scan. What is admitted
//! has the contract's names only, and the secret is not in it.

use goodstead_protocol::fact::Fact;
use goodstead_protocol::intake::admit;
use serde_json::Value as Json;

use crate::sample::{SECRET, demo};

/// Reads `data` as facts of the demo plugin.
pub fn run(data: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Json>(data) else { return };
    let Ok(sent) = Fact::from_json(json) else { return };
    stays(&sent);
    let admitted = admit(demo(), sent);
    stays(&admitted.facts);
    assert!(admitted.notes.len() <= 21, "{} notes", admitted.notes.len());
    let Fact::Map(record) = &admitted.facts else { panic!("no record") };
    for name in record.items.keys() {
        assert!(demo().fields.contains_key(name), "`{name}` was never declared");
    }
    assert!(!record.items.contains_key(SECRET), "the secret came through");
    // What was admitted fits, so that it is admitted as it is; only the facts that replace a secret are made anew.
    let derived = |name: &str| name.starts_with(SECRET);
    let Fact::Map(again) = admit(demo(), admitted.facts.clone()).facts else { panic!("no record") };
    for (name, fact) in record.items.iter().filter(|(name, _)| !derived(name)) {
        assert_eq!(again.items.get(name), Some(fact), "{name}");
    }
}

fn stays(fact: &Fact) {
    let json = fact.to_json();
    assert_eq!(Fact::from_json(json.clone()).as_ref(), Ok(fact));
    let text = json.to_string();
    assert_eq!(serde_json::from_str::<Fact>(&text).expect("what was written is read"), *fact, "{text}");
}
