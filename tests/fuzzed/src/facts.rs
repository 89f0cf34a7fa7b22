//! The facts that a plugin sends, on their way to the engine: JSON, facts, what the contract admits, and back.
//!
//! The way through JSON changes nothing, also as text: the kept facts are `previous` of the next scan. What is admitted
//! has the contract's names only, and the secret is not in it.

use goodstead_protocol::budget::Budget;
use goodstead_protocol::fact::{Cause, Fact};
use goodstead_protocol::intake::{Rules, admit, admit_within};
use serde_json::Value as Json;

use crate::sample::{SECRET, demo};

/// What a plugin may send at most, in bytes: nothing, little, and what fits.
const BUDGETS: [usize; 3] = [0, 2_000, 1 << 20];

/// Reads `data` as facts of the demo plugin.
pub fn run(data: &[u8]) {
    BUDGETS.into_iter().for_each(|bytes| bounded(data, bytes));
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

/// Within a budget and without words of the plugin's: what is admitted is no larger than the budget beside what every
/// target has, and all words are the agent's.
fn bounded(data: &[u8], bytes: usize) {
    let read = Fact::read_declared(data, &demo().fields, &Budget::new(bytes));
    let (sent, left_out) = match read {
        Ok(read) => read,
        Err(problem) => return assert!(!problem.is_empty()),
    };
    let budget = Budget::new(bytes);
    let rules = Rules { budget: &budget, own_causes: false, issued: &|_| false, names: false };
    let admitted = admit_within(demo(), sent, left_out, &rules);
    let size = admitted.facts.to_json().to_string().len();
    assert!(size <= bytes + ALWAYS, "{size} bytes of a budget of {bytes}");
    worded(&admitted.facts);
    for note in &admitted.notes {
        assert!(note.chars().all(|c| matches!(c, ' '..='~')), "{note}");
    }
}

/// What the facts of a target take when all of them are unknown, with room for one more element of each list.
const ALWAYS: usize = 16 << 10;

fn worded(fact: &Fact) {
    let ours = |cause: &Cause| {
        let words = [
            cause.kind.words(),
            "the plugin did not report it",
            "the plugin sent no record",
            "the plugin sent something else than text",
            "the plugin sent more than is taken of it in one scan",
        ];
        let about =
            cause.detail.starts_with("`demo.") && cause.detail.chars().all(|c| matches!(c, ' '..='~'));
        assert!(cause.remedy.is_none() && (about || words.contains(&&*cause.detail)), "{cause:?}");
    };
    match fact {
        Fact::Unknown(cause) => ours(cause),
        Fact::List(list) => {
            list.partial.iter().for_each(|cause| ours(cause));
            list.items.iter().for_each(worded);
        }
        Fact::Map(map) => {
            map.partial.iter().for_each(|cause| ours(cause));
            map.items.values().for_each(worded);
        }
        Fact::Bool(_) | Fact::Int(_) | Fact::Float(_) | Fact::Text(_) => {}
    }
}

fn stays(fact: &Fact) {
    let json = fact.to_json();
    assert_eq!(Fact::from_json(json.clone()).as_ref(), Ok(fact));
    let text = json.to_string();
    assert_eq!(serde_json::from_str::<Fact>(&text).expect("what was written is read"), *fact, "{text}");
}
