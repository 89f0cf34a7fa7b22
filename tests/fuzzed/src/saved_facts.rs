//! Saved facts, which anybody can have written.
//!
//! What is taken of them is what the contracts declare, and it can be kept: it is JSON again, and reads as the same.

use goodstead_agent::doors;
use goodstead_protocol::fact::Fact;

use crate::sample::{SECRET, demo, shipped};
use crate::tellable;

/// Reads `data` as a file of saved facts.
pub fn run(data: &[u8]) {
    let contracts = [demo(), &shipped("linux").contract, &shipped("postgresql").contract];
    match doors::saved_facts(data, &contracts) {
        Err(problem) => tellable(&[problem]),
        Ok(kept) => {
            for text in kept.iter().filter(|text| text.starts_with('{')) {
                let Ok(json) = serde_json::from_str(text) else { continue };
                let again = Fact::from_json(json).expect("what is kept can be read");
                assert_eq!(again.to_json().to_string(), *text);
                let Fact::Map(record) = &again else { panic!("no record: {text}") };
                assert!(!record.items.contains_key(SECRET), "the secret came through");
            }
        }
    }
}
