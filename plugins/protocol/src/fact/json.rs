//! The JSON form of facts, read and written in two ways that agree: through a tree of values, whose errors know the
//! place, and straight, since facts come by the thousand.
//!
//! An unknown is `{"$unknown": {cause}}`, and a partial list or map is `{"$partial": […] or {…}, "$cause": {cause}}`; no
//! fact's name starts with `$`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map as JsonMap, Number, Value as Json, json};

use super::{Cause, CauseKind, Elements, Fact};
use crate::budget::Budget;
use crate::contract::Field;
use crate::visible::bounded;

/// Stands where a value would, before the cause.
const UNKNOWN: &str = "$unknown";

/// Stands before the elements of a partial list or map.
const PARTIAL: &str = "$partial";

/// Stands before the reason why a list or map is partial.
const CAUSE: &str = "$cause";

/// The names that are the protocol's own.
const OWN: [&str; 3] = [UNKNOWN, PARTIAL, CAUSE];

const BAD_CAUSE: &str = "a cause needs `kind` (one of the protocol's) and `detail`";
const BAD_PARTIAL: &str = "`$partial` needs a list or a map, and a `$cause`";
const BAD_NUMBER: &str = "a number that fits neither 64 signed bits nor a float";
const BAD_NULL: &str = "a null where a value is needed";

/// What the values under the protocol's own names mean together.
fn own(unknown: Option<Cause>, why: Option<Cause>, part: Option<Fact>) -> Result<Fact, &'static str> {
    match (unknown, why, part) {
        (Some(cause), ..) => Ok(cause.into()),
        (None, Some(why), Some(Fact::List(list))) => {
            Ok(Fact::List(Elements { items: list.items, partial: Some(Box::new(why)) }))
        }
        (None, Some(why), Some(Fact::Map(map))) => {
            Ok(Fact::Map(Elements { items: map.items, partial: Some(Box::new(why)) }))
        }
        (None, None, Some(Fact::List(_) | Fact::Map(_))) => Err(BAD_CAUSE),
        _ => Err(BAD_PARTIAL),
    }
}

impl Fact {
    /// Reads the JSON that a plugin sent and takes no more of it than `budget` allows: of a list or map whose elements
    /// do not fit, the rest is left out and it is partial; a text that does not fit is unknown.
    ///
    /// # Errors
    /// In our words, without anything that the plugin wrote.
    pub fn read_within(json: &[u8], budget: &Budget) -> Result<Fact, &'static str> {
        Self::read_bounded(json, &Reading::new(budget, None))
    }

    /// The same for the facts of a target, of which only those with a declared name are kept; the others are counted and
    /// take nothing of the budget.
    ///
    /// # Errors
    /// The same.
    pub fn read_declared(
        json: &[u8],
        declared: &BTreeMap<String, Field>,
        budget: &Budget,
    ) -> Result<(Fact, Undeclared), &'static str> {
        let reading = Reading::new(budget, Some(declared));
        let fact = Self::read_bounded(json, &reading)?;
        Ok((fact, reading.undeclared.take()))
    }

    fn read_bounded(json: &[u8], reading: &Reading<'_>) -> Result<Fact, &'static str> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let fact = FactSeed(reading).deserialize(&mut deserializer);
        match fact.and_then(|fact| deserializer.end().map(|()| fact)) {
            Ok(fact) => Ok(fact),
            Err(_) => Err(reading.problem.take().unwrap_or("its facts are no JSON")),
        }
    }

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
            Json::Object(map) if OWN.iter().any(|name| map.contains_key(*name)) => Self::read_own(map, path)?,
            Json::Object(map) => Fact::Map(Self::read_map(map, path)?.into()),
        })
    }

    /// An unknown fact, or a partial list or map. What is beside the protocol's own names means nothing, and has to be
    /// well formed all the same.
    fn read_own(mut map: JsonMap<String, Json>, path: &mut String) -> Result<Fact, String> {
        let mut cause = |name| map.remove(name).map(|json| Self::read_cause(json, path)).transpose();
        let (unknown, why) = (cause(UNKNOWN)?, cause(CAUSE)?);
        let part = map.remove(PARTIAL).map(|json| Self::read(json, path)).transpose()?;
        Self::read_map(map, path)?;
        own(unknown, why, part).map_err(|problem| format!("`{path}`: {problem}"))
    }

    fn read_cause(json: Json, path: &str) -> Result<Cause, String> {
        serde_json::from_value(json).map_err(|_| format!("`{path}`: {BAD_CAUSE}"))
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
        let budget = Budget::unlimited();
        let reading = Reading::new(&budget, None);
        FactSeed(&reading).deserialize(deserializer)
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

/// What is left of the budget, and what was wrong, for an error that quotes nothing.
struct Reading<'b> {
    budget: &'b Budget,
    problem: Cell<Option<&'static str>>,
    /// The names that the outermost record may have.
    declared: Option<&'b BTreeMap<String, Field>>,
    /// Whether it is still to be read.
    outermost: Cell<bool>,
    undeclared: Cell<Undeclared>,
}

/// Names of facts that no contract declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undeclared {
    /// How many there were.
    pub count: usize,
    /// The first of them, bounded, for the plugin's author.
    pub names: Vec<String>,
}

/// How many undeclared names are kept, and how much of each.
const MAX_UNDECLARED: (usize, usize) = (20, 60);

impl<'b> Reading<'b> {
    fn new(budget: &'b Budget, declared: Option<&'b BTreeMap<String, Field>>) -> Self {
        let (problem, undeclared) = (Cell::new(None), Cell::default());
        Reading { budget, problem, declared, outermost: Cell::new(true), undeclared }
    }

    /// An error of this kind, which is also remembered.
    fn wrong<E: de::Error>(&self, problem: &'static str) -> E {
        self.problem.set(Some(problem));
        E::custom(problem)
    }

    /// The fact, charged.
    fn taken(&self, fact: Fact) -> Fact {
        self.budget.charge_fact(&fact);
        fact
    }
}

/// Why a part of what a plugin sent was left out.
pub(crate) fn too_much() -> Cause {
    Cause::new(CauseKind::TooLarge, "the plugin sent more than is taken of it in one scan")
}

#[derive(Clone, Copy)]
struct FactSeed<'r>(&'r Reading<'r>);

impl<'de> DeserializeSeed<'de> for FactSeed<'_> {
    type Value = Fact;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fact, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A value in a map, where `null` is absent.
struct MaybeSeed<'r>(&'r Reading<'r>);

impl<'de> DeserializeSeed<'de> for MaybeSeed<'_> {
    type Value = Option<Fact>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Fact>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for MaybeSeed<'_> {
    type Value = Option<Fact>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fact or null")
    }

    fn visit_none<E>(self) -> Result<Option<Fact>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<Fact>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Fact>, D::Error> {
        FactSeed(self.0).deserialize(deserializer).map(Some)
    }
}

impl<'de> Visitor<'de> for FactSeed<'_> {
    type Value = Fact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fact")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Fact, E> {
        Ok(self.0.taken(Fact::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Fact, E> {
        Ok(self.0.taken(Fact::Int(value)))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Fact, E> {
        let value = i64::try_from(value).map_err(|_| self.0.wrong(BAD_NUMBER))?;
        Ok(self.0.taken(Fact::Int(value)))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Fact, E> {
        if value.is_finite() { Ok(self.0.taken(Fact::Float(value))) } else { Err(self.0.wrong(BAD_NUMBER)) }
    }

    fn visit_unit<E: de::Error>(self) -> Result<Fact, E> {
        Err(self.0.wrong(BAD_NULL))
    }

    fn visit_str<E>(self, value: &str) -> Result<Fact, E> {
        if value.len() > self.0.budget.left() {
            self.0.budget.charge(value.len());
            return Ok(too_much().into());
        }
        Ok(self.0.taken(Fact::Text(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Fact, E> {
        Ok(self.0.taken(Fact::Text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Fact, A::Error> {
        let mut items = Vec::new();
        while !self.0.budget.is_spent() {
            match list.next_element_seed(self)? {
                Some(item) => items.push(item),
                None => return Ok(self.0.taken(items.into())),
            }
        }
        let mut rest = false;
        while list.next_element::<IgnoredAny>()?.is_some() {
            rest = true;
        }
        Ok(Fact::List(Elements { items, partial: rest.then(|| Box::new(too_much())) }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fact, A::Error> {
        let mut items = BTreeMap::new();
        // What stands under the names that are the protocol's own.
        let (mut unknown, mut part, mut why) = (None, None, None);
        let mut rest = false;
        let declared = self.0.declared.filter(|_| self.0.outermost.replace(false));
        let mut undeclared = Undeclared::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                UNKNOWN => unknown = Some(self.cause(&mut map)?),
                CAUSE => why = Some(self.cause(&mut map)?),
                PARTIAL => part = Some(map.next_value_seed(self)?),
                _ if declared.is_some_and(|declared| !declared.contains_key(&name)) => {
                    map.next_value::<IgnoredAny>()?;
                    undeclared.count += 1;
                    if undeclared.names.len() < MAX_UNDECLARED.0 {
                        undeclared.names.push(bounded(&name, MAX_UNDECLARED.1, false));
                    }
                }
                _ if self.0.budget.is_spent() => {
                    map.next_value::<IgnoredAny>()?;
                    rest = true;
                }
                _ => {
                    self.0.budget.charge_name(&name);
                    match map.next_value_seed(MaybeSeed(self.0))? {
                        Some(fact) => _ = items.insert(name, fact),
                        None => _ = items.remove(&name),
                    }
                }
            }
        }
        if declared.is_some() {
            self.0.undeclared.set(undeclared);
        }
        let fact = if unknown.is_none() && part.is_none() && why.is_none() {
            Fact::Map(Elements { items, partial: rest.then(|| Box::new(too_much())) })
        } else {
            own(unknown, why, part).map_err(|problem| self.0.wrong(problem))?
        };
        Ok(self.0.taken(fact))
    }
}

impl FactSeed<'_> {
    fn cause<'de, A: MapAccess<'de>>(self, map: &mut A) -> Result<Cause, A::Error> {
        map.next_value::<Cause>().map_err(|_| self.0.wrong(BAD_CAUSE))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::Shape;

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

    /// What a plugin's answer becomes within a budget of so many bytes.
    fn within(json: &str, bytes: usize) -> Json {
        Fact::read_within(json.as_bytes(), &Budget::new(bytes)).unwrap().to_json()
    }

    #[test]
    fn what_does_not_fit_into_the_budget_is_left_out_and_that_is_said() {
        let lists = format!("{{\"a\": 1, \"r\": [{}]}}", vec!["[]"; 100_000].join(","));
        let fact = within(&lists, 100_000);
        assert_eq!((&fact["a"], &fact["r"]["$cause"]["kind"]), (&json!(1), &json!("too-large")));
        let kept = fact["r"]["$partial"].as_array().unwrap().len();
        assert!((500..1250).contains(&kept), "{kept} empty lists of 80 bytes or more each");

        let names: Vec<_> = (0..10_000).map(|n| format!("\"n{n}\": {{\"a\": 1}}")).collect();
        let fact = within(&format!("{{{}}}", names.join(",")), 100_000);
        assert!(fact["$partial"].as_object().unwrap().len() < 145, "{fact}");

        let fact = within(&format!("{{\"a\": {:?}, \"b\": 1}}", "x".repeat(200_000)), 100_000);
        assert_eq!(fact["$partial"]["a"]["$unknown"]["kind"], "too-large");
    }

    #[test]
    fn a_partial_list_keeps_its_own_cause_when_the_rest_of_it_does_not_fit() {
        let own = json!({"kind": "not-permitted", "detail": "d"});
        let list = format!("{{\"$partial\": [{}], \"$cause\": {own}}}", vec!["1"; 9000].join(","));
        let fact = within(&list, 10_000);
        assert_eq!(fact["$cause"], own);
        assert!(fact["$partial"].as_array().unwrap().len() < 126, "{fact}");
    }

    #[test]
    fn what_is_not_declared_is_counted_and_takes_nothing_of_the_budget() {
        let declared = BTreeMap::from([("a".to_owned(), Field::of(Shape::Int))]);
        let many: Vec<_> = (0..10_000).map(|n| format!("\"n{n}\": [null, {{\"a\": 1}}]")).collect();
        let json = format!("{{{}, \"a\": 1}}", many.join(","));
        let (fact, undeclared) = Fact::read_declared(json.as_bytes(), &declared, &Budget::new(2000)).unwrap();
        assert_eq!((fact.to_json(), undeclared.count, undeclared.names.len()), (json!({"a": 1}), 10_000, 20));
        // Below the outermost record the contract is held against what was read.
        let nested = br#"{"a": {"b": 1}}"#;
        let (fact, undeclared) = Fact::read_declared(nested, &declared, &Budget::new(2000)).unwrap();
        assert_eq!((fact.to_json(), undeclared), (json!({"a": {"b": 1}}), Undeclared::default()));
    }

    #[test]
    fn what_is_wrong_is_named_without_the_plugin_s_words() {
        let problem = |json: &str| Fact::read_within(json.as_bytes(), &Budget::unlimited()).unwrap_err();
        assert_eq!(problem("{\"SECRET\": [null]}"), BAD_NULL);
        assert_eq!(problem("{\"SECRET\": 18446744073709551615}"), BAD_NUMBER);
        assert_eq!(problem("{\"a\": {\"$unknown\": {\"kind\": \"SECRET\", \"detail\": \"\"}}}"), BAD_CAUSE);
        assert_eq!(problem("{\"a\": {\"$partial\": [1]}}"), BAD_CAUSE);
        assert_eq!(problem("{\"a\": {\"$cause\": {\"kind\": \"absent\", \"detail\": \"\"}}}"), BAD_PARTIAL);
        assert_eq!(problem("{\"a\": SECRET}"), "its facts are no JSON");
        assert_eq!(problem("{} SECRET"), "its facts are no JSON");
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
