//! Reading the targets that a plugin found, of which only so many are kept, each within bounds.
//!
//! A list of any length is read to its end without being held in memory; what is beyond the most that is wanted is
//! counted.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use crate::message::Proposal;

/// The most that the hints of one target may take in memory, in bytes.
const MAX_HINTS: usize = 16 << 10;

/// What a value takes in memory, and what a name in a map takes beside its text.
const VALUE: usize = 96;

/// The targets that a plugin proposed.
#[derive(Debug, Default, PartialEq)]
pub struct Proposals {
    /// The first of them.
    pub kept: Vec<Proposal>,
    /// How many more there were.
    pub more: usize,
}

impl Proposals {
    /// Reads the list in `json` and keeps the first `most` of it.
    ///
    /// # Errors
    /// It is not a list of targets, or the hints of one are too large; what is wrong is not quoted.
    pub fn read(json: &[u8], most: usize) -> Result<Proposals, NoProposals> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let read = deserializer.deserialize_seq(Keep { most }).map_err(|_| NoProposals)?;
        deserializer.end().map_err(|_| NoProposals)?;
        Ok(read)
    }
}

/// What was sent is not a list of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoProposals;

struct Keep {
    most: usize,
}

impl<'de> Visitor<'de> for Keep {
    type Value = Proposals;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of targets")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Proposals, A::Error> {
        let mut read = Proposals::default();
        while read.kept.len() < self.most {
            match list.next_element()? {
                Some(proposal) => read.kept.push(proposal),
                None => return Ok(read),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            read.more += 1;
        }
        Ok(read)
    }
}

/// Reads the hints of one target; larger ones than are kept are an error.
pub(crate) fn hints<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
    Hints(&Cell::new(MAX_HINTS)).deserialize(deserializer)
}

#[derive(Clone, Copy)]
struct Hints<'l>(&'l Cell<usize>);

impl Hints<'_> {
    fn charge<E: de::Error>(self, bytes: usize) -> Result<(), E> {
        match self.0.get().checked_sub(VALUE + bytes) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => Err(E::custom("more hints than are kept")),
        }
    }

    fn value<E: de::Error>(self, value: Json) -> Result<Json, E> {
        self.charge(0).map(|()| value)
    }
}

impl<'de> DeserializeSeed<'de> for Hints<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Hints<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hints")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        self.value(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
        self.value(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json, E> {
        self.value(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
        self.value(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        self.value(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
        self.charge(value.len())?;
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        self.charge(0)?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self)? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        // The first node of a map has room for eleven entries.
        self.charge(500)?;
        let mut items = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            self.charge(name.len())?;
            items.insert(name, map.next_value_seed(self)?);
        }
        Ok(items.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: &Json, most: usize) -> Result<Proposals, NoProposals> {
        Proposals::read(json.to_string().as_bytes(), most)
    }

    #[test]
    fn the_first_are_kept_as_they_were_sent_and_the_others_counted() {
        let hints = json!({"a": [1, -1, 1.5, true, null, "x"], "b": {"c": u64::MAX}});
        let sent: Vec<Proposal> = (0..5)
            .map(|n| Proposal {
                name: Some(format!("t{n}")),
                title: "T".into(),
                address: "unix:/x".parse().ok(),
                hints: hints.clone(),
            })
            .collect();
        let found = read(&json!(sent), 3).unwrap();
        assert_eq!((found.kept.as_slice(), found.more), (&sent[..3], 2));
        assert_eq!(read(&json!(sent), 5).unwrap(), Proposals { kept: sent, more: 0 });
    }

    #[test]
    fn hints_are_bounded_by_what_they_take_and_not_by_their_length() {
        for hints in
            [json!("x".repeat(MAX_HINTS)), json!(vec![json!([]); 400]), json!(vec![json!({"a": 1}); 40])]
        {
            assert_eq!(read(&json!([{"title": "t", "hints": hints}]), 1), Err(NoProposals));
        }
        assert!(read(&json!([{"title": "t", "hints": "x".repeat(8000)}]), 1).is_ok());
    }

    #[test]
    fn what_is_not_a_list_of_targets_is_refused() {
        for json in [json!({}), json!([{"title": 1}]), json!([{"title": "t", "more": 1}]), json!(["t"])] {
            assert_eq!(read(&json, 9), Err(NoProposals), "{json}");
        }
        assert_eq!(Proposals::read(b"[] []", 9), Err(NoProposals));
    }
}
