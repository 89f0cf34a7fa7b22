//! The JSON form of facts, read and written in two ways that agree: through a tree of values, whose errors know the
//! place, and straight, since facts come by the thousand.
//!
//! An unknown is `{"$unknown": {cause}}`, and a partial list or map is `{"$partial": […] or {…}, "$cause": {cause}}`; no
//! fact's name starts with `$`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map as JsonMap, Number, Value as Json, json};

use super::{Cause, Elements, Fact};

/// Stands where a value would, before the cause.
const UNKNOWN: &str = "$unknown";

/// Stands before the elements of a partial list or map.
const PARTIAL: &str = "$partial";

/// Stands before the reason why a list or map is partial.
const CAUSE: &str = "$cause";

impl Fact {
    /// Reads a fact from the JSON that a plugin sent. `null` stands for "absent" and is dropped by its parent.
    ///
    /// # Errors
    /// In our words, with the path of the offending place: a number that is no `i64` and no finite float, a malformed
    /// `$unknown` or `$partial`, or `null` where no name can be absent.
    pub fn from_json(json: Json) -> Result<Fact, String> {
        Self::read(json, &mut String::new())
    }

    fn read(json: Json, path: &mut String) -> Result<Fact, String> {
        Ok(match json {
            Json::Null => return Err(format!("`{path}` is null")),
            Json::Bool(value) => Fact::Bool(value),
            Json::String(value) => Fact::Text(value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Fact::Int(value),
                (None, Some(value)) if value.is_finite() && !number.is_u64() => Fact::Float(value),
                _ => {
                    return Err(format!("`{path}` is a number that fits neither 64 signed bits nor a float"));
                }
            },
            Json::Array(items) => Fact::List(Self::read_list(items, path)?.into()),
            Json::Object(mut map) if map.contains_key(UNKNOWN) => {
                let cause = map.remove(UNKNOWN).unwrap_or_default();
                Self::read_beside(map, path)?;
                Fact::Unknown(Box::new(Self::read_cause(cause, path)?))
            }
            Json::Object(mut map) if map.contains_key(PARTIAL) => {
                let cause = Self::read_cause(map.remove(CAUSE).unwrap_or_default(), path)?;
                let partial = Some(Box::new(cause));
                let part = map.remove(PARTIAL);
                Self::read_beside(map, path)?;
                match part {
                    Some(Json::Array(items)) => {
                        Fact::List(Elements { items: Self::read_list(items, path)?, partial })
                    }
                    Some(Json::Object(items)) => {
                        Fact::Map(Elements { items: Self::read_map(items, path)?, partial })
                    }
                    _ => return Err(format!("`{path}`: $partial holds neither a list nor a map")),
                }
            }
            Json::Object(map) => Fact::Map(Self::read_map(map, path)?.into()),
        })
    }

    /// What stands beside the protocol's own names says nothing, and is held to be facts all the same.
    fn read_beside(mut map: JsonMap<String, Json>, path: &mut String) -> Result<(), String> {
        map.retain(|name, _| ![PARTIAL, CAUSE].contains(&name.as_str()));
        Self::read_map(map, path).map(|_| ())
    }

    fn read_cause(json: Json, path: &str) -> Result<Cause, String> {
        serde_json::from_value(json)
            .map_err(|_| format!("`{path}`: a cause needs `kind` (one of the protocol's) and `detail`"))
    }

    fn read_list(items: Vec<Json>, path: &mut String) -> Result<Vec<Fact>, String> {
        let length = path.len();
        path.push_str("[]");
        let facts = items.into_iter().map(|item| Self::read(item, path)).collect();
        path.truncate(length);
        facts
    }

    fn read_map(map: JsonMap<String, Json>, path: &mut String) -> Result<BTreeMap<String, Fact>, String> {
        let length = path.len();
        let mut facts = BTreeMap::new();
        for (name, value) in map {
            if value.is_null() {
                continue;
            }
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&name);
            facts.insert(name, Self::read(value, path)?);
            path.truncate(length);
        }
        Ok(facts)
    }

    /// The JSON form that [`Fact::from_json`] reads back.
    pub fn to_json(&self) -> Json {
        match self {
            Fact::Bool(value) => Json::Bool(*value),
            Fact::Int(value) => Json::from(*value),
            Fact::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Fact::Text(value) => Json::String(value.clone()),
            Fact::List(list) => {
                let items = Json::Array(list.items.iter().map(Fact::to_json).collect());
                wrap_partial(items, list.partial.as_deref())
            }
            Fact::Map(map) => {
                let items = map.items.iter().map(|(name, fact)| (name.clone(), fact.to_json())).collect();
                wrap_partial(Json::Object(items), map.partial.as_deref())
            }
            Fact::Unknown(cause) => json!({ UNKNOWN: cause }),
        }
    }
}

fn wrap_partial(items: Json, partial: Option<&Cause>) -> Json {
    match partial {
        Some(cause) => json!({ PARTIAL: items, CAUSE: cause }),
        None => items,
    }
}

/// As [`Fact::to_json`] writes it, without a tree of JSON values between.
impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Fact::Bool(value) => serializer.serialize_bool(*value),
            Fact::Int(value) => serializer.serialize_i64(*value),
            Fact::Float(value) => serializer.serialize_f64(*value),
            Fact::Text(value) => serializer.serialize_str(value),
            Fact::List(list) => match list.partial.as_deref() {
                None => list.items.serialize(serializer),
                Some(cause) => partly(serializer, &list.items, cause),
            },
            Fact::Map(map) => match map.partial.as_deref() {
                None => map.items.serialize(serializer),
                Some(cause) => partly(serializer, &map.items, cause),
            },
            Fact::Unknown(cause) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(UNKNOWN, cause)?;
                map.end()
            }
        }
    }
}

fn partly<S: Serializer>(serializer: S, items: &impl Serialize, cause: &Cause) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry(CAUSE, cause)?;
    map.serialize_entry(PARTIAL, items)?;
    map.end()
}

/// As [`Fact::from_json`] reads it, without a tree of JSON values between, but with an error that does not know the place.
impl<'de> Deserialize<'de> for Fact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FactVisitor)
    }
}

/// Any JSON but `null`, and what unknown and partial look like.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Fact {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fact".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let fact = generator.subschema_for::<Fact>();
        let cause = generator.subschema_for::<Cause>();
        let list = json!({ "type": "array", "items": fact });
        let map = json!({
            "type": "object", "additionalProperties": fact,
            "not": { "anyOf": [{ "required": [UNKNOWN] }, { "required": [PARTIAL] }] },
        });
        schemars::json_schema!({
            "description": "One observed value, or the reason why there is none.",
            "anyOf": [
                { "type": ["boolean", "number", "string"] },
                list,
                map,
                {
                    "description": "Not known, and why.",
                    "type": "object", "additionalProperties": false, "required": [UNKNOWN],
                    "properties": { UNKNOWN: cause },
                },
                {
                    "description": "A list or map of which only a part could be read, and why.",
                    "type": "object", "additionalProperties": false, "required": [PARTIAL, CAUSE],
                    "properties": { PARTIAL: { "anyOf": [list, map] }, CAUSE: cause },
                },
            ],
        })
    }
}

struct FactVisitor;

impl<'de> Visitor<'de> for FactVisitor {
    type Value = Fact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fact")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Fact, E> {
        Ok(Fact::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Fact, E> {
        Ok(Fact::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Fact, E> {
        i64::try_from(value).map(Fact::Int).map_err(|_| E::custom("a number beyond 64 signed bits"))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Fact, E> {
        if value.is_finite() { Ok(Fact::Float(value)) } else { Err(E::custom("a number that is not finite")) }
    }

    fn visit_str<E>(self, value: &str) -> Result<Fact, E> {
        Ok(Fact::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Fact, E> {
        Ok(Fact::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Fact, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fact, A::Error> {
        let mut items = BTreeMap::new();
        // What stands under the names that are the protocol's own.
        let (mut unknown, mut partial, mut cause) = (None, None, None);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                UNKNOWN => unknown = Some(map.next_value::<Json>()?),
                PARTIAL => partial = Some(map.next_value::<Json>()?),
                CAUSE => cause = Some(map.next_value::<Json>()?),
                _ => {
                    // `null` is absent.
                    match map.next_value::<Option<Fact>>()? {
                        Some(fact) => _ = items.insert(name, fact),
                        None => _ = items.remove(&name),
                    }
                }
            }
        }
        if unknown.is_none() && partial.is_none() && cause.is_none() {
            return Ok(items.into());
        }
        // Rare, so the long way with its rules.
        let own = [(UNKNOWN, unknown), (PARTIAL, partial), (CAUSE, cause)];
        let own = own.into_iter().filter_map(|(name, json)| Some((name.to_owned(), json?)));
        let rest = items.into_iter().map(|(name, fact)| (name, fact.to_json()));
        Fact::from_json(Json::Object(rest.chain(own).collect())).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_shape_survives_the_way_through_json() {
        let cause = json!({"kind": "not-permitted", "detail": "d", "remedy": "r"});
        let sample = json!({
            "a": 1, "b": -2.5, "c": "x", "d": true, "e": [1, "y"],
            "f": {"$unknown": cause.clone()},
            "g": {"$partial": [1], "$cause": cause.clone()},
            "h": {"$partial": {"k": 1}, "$cause": cause},
        });
        assert_eq!(Fact::from_json(sample.clone()).unwrap().to_json(), sample);
    }

    #[test]
    fn null_is_absent_in_a_record_and_an_error_elsewhere() {
        assert_eq!(Fact::from_json(json!({"a": null})).unwrap(), Fact::record());
        assert_eq!(Fact::from_json(json!({"a": {"b": [null]}})).unwrap_err(), "`a.b[]` is null");
    }

    #[test]
    fn numbers_that_would_change_are_refused() {
        let error = Fact::from_json(json!({"shmmax": 18446744073692774399_u64})).unwrap_err();
        assert_eq!(error, "`shmmax` is a number that fits neither 64 signed bits nor a float");
    }

    #[test]
    fn a_cause_of_no_known_kind_is_refused() {
        let error = Fact::from_json(json!({"a": {"$unknown": {"kind": "whim", "detail": ""}}})).unwrap_err();
        assert!(error.starts_with("`a`: a cause needs"), "{error}");
    }

    #[test]
    fn what_stands_beside_unknown_is_no_exception() {
        let json = json!({"$unknown": {"kind": "absent", "detail": "d"}, "a": [null]});
        assert!(serde_json::from_str::<Fact>(&json.to_string()).is_err());
        assert_eq!(Fact::from_json(json).unwrap_err(), "`a[]` is null");
    }

    /// Any JSON, with the protocol's own names in likely and unlikely places.
    fn any_json() -> impl Strategy<Value = Json> {
        let cause = json!({"kind": "absent", "detail": "d"});
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            "[a-c$]{0,2}".prop_map(Json::from),
            Just(cause.clone()),
            Just(json!({ UNKNOWN: cause })),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let name = prop_oneof![
                "[a-c]",
                Just(UNKNOWN.to_owned()),
                Just(PARTIAL.to_owned()),
                Just(CAUSE.to_owned())
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map(name, inner, 0..4)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_short_way_is_as_the_long_one(json in any_json()) {
            let text = json.to_string();
            let long = Fact::from_json(json);
            let short = serde_json::from_str::<Fact>(&text);
            prop_assert_eq!(long.as_ref().ok(), short.as_ref().ok());
            if let Ok(fact) = long {
                let written: Json = serde_json::from_str(&serde_json::to_string(&fact).unwrap()).unwrap();
                prop_assert_eq!(written, fact.to_json());
            }
        }
    }
}
