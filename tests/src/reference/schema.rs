//! JSON Schemas of the files of a pack, so that editors complete keys, words and facts, and complain while one types.
//!
//! They are the looser half of the truth: what only `goodstead checks lint` can know (whether a condition fits the
//! contracts, say) is left to it, and nothing that it accepts is refused here. Draft 4, which Taplo supports whole. The
//! keys and words are held against the loader's own by `tests/schema.rs`.

use goodstead_protocol::contract::{Field, Shape};
use serde_json::{Map, Value as Json, json};

use super::Source;

mod files;
mod goals;

pub use files::{agent, entitlement, plugin};

/// The schema of a file of a pack: a check, a capability, a milestone or a task.
pub fn check(sources: &[Source]) -> Json {
    let mut shapes = Shapes::default();
    let facts: Map<String, Json> = sources
        .iter()
        .map(|Source { contract, .. }| {
            (contract.plugin.clone(), shapes.record(&contract.plugin, &contract.fields))
        })
        .collect();
    let mut definitions = shapes.definitions;
    definitions.insert("facts".to_owned(), given(facts));
    let kinds = [
        ("check", the_check()),
        ("capability", goals::capability()),
        ("milestone", goals::milestone()),
        ("task", goals::task()),
    ];
    let one_of: Vec<_> =
        kinds.iter().map(|(kind, _)| json!({ "$ref": format!("#/definitions/{kind}") })).collect();
    definitions.extend(kinds.map(|(kind, schema)| (kind.to_owned(), schema)));
    json!({
        "definitions": definitions,
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "A file of a pack of Goodstead",
        "description": "One TOML file, one check, capability, milestone or task: rules over facts, with the cases that prove them.",
        "oneOf": one_of,
    })
}

fn the_check() -> Json {
    let own = json!({
        "kind": { "enum": ["check"], "description": "A check needs no kind." },
        "concern": words(
            &["reliability", "security", "performance", "operability", "cost"],
            "What it is about.",
        ),
        "impact": words(
            &["critical", "high", "medium", "low"],
            "How bad: critical (data is lost), high (an outage or a hole), medium (costs time or money), low (a nuisance).",
        ),
        "likelihood": words(
            &["high", "medium", "low"],
            "How probable: high (will happen), medium (will happen to some), low (needs a rare event).",
        ),
        "each": {
            "type": "string", "pattern": "\\[\\]$",
            "description": "The list whose every element is judged, as `item`: linux.mounts[].",
        },
        "pass": condition("What must hold."),
        "event": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "keep_hours": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 720,
                    "description": "How many hours a finding stays after its event was last seen; 24 by default.",
                },
                "first": condition(
                    "What must hold on the first scan, where there is nothing to compare with; false is a finding.",
                ),
            },
            "description": "For a check that looks for events, such as a counter that rose: its finding stays for a while, and `previous` is a scan about half of that time back.",
        },
        "evidence": {
            "type": "array", "items": condition("A value, or a list of values."),
            "description": "What is shown beside the finding.",
        },
        "case": {
            "type": "array",
            "items": case(&words(&["fail", "unknown", "pass", "not-applicable"], "What must come of it."), json!({})),
            "minItems": 3,
            "allOf": [expecting("pass"), expecting("fail"), expecting("unknown")],
            "description": "The examples that prove it: at least one that passes, one that fails, one that is unknown.",
        },
    });
    file("A check of Goodstead", &["concern", "impact", "likelihood", "pass", "case"], own)
}

/// The schema of a file with the keys that all kinds have, and its own.
fn file(title: &str, required: &[&str], own: Json) -> Json {
    let mut properties = json!({
        "id": {
            "type": "string", "pattern": ID,
            "description": "A plugin, a dot, and what it is called: postgresql.fsync-off. Never reused.",
        },
        "title": said("In one sentence that an admin understands: the problem of a check, or what it is."),
        "since": {
            "type": "string", "pattern": VERSION,
            "description": "The version of the pack that brings it.",
        },
        "applies": condition("Which targets it concerns; where it is false, it is not applicable."),
        "why": said("Markdown: what happens, when, and to whom; of anything but a check, what it is good for."),
        "remedy": said(
            "Markdown: what to do. Values in {{ }} are computed for the site; a sentence whose value is unknown is left out.",
        ),
        "links": {
            "type": "array", "items": link(),
            "description": "Where to read more: official documents by name and version.",
        },
    });
    if let (Json::Object(all), Json::Object(own)) = (&mut properties, own) {
        all.extend(own);
    }
    let required: Vec<_> = ["id", "title", "since", "why", "remedy"].iter().chain(required).collect();
    json!({
        "title": title,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

/// The schema of `pack.toml`.
pub fn pack() -> Json {
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "A pack of Goodstead",
        "description": "pack.toml: what a folder of checks is called and which plugins it needs.",
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "title", "version", "requires"],
        "properties": {
            "name": said("The folder's name."),
            "title": said("What the pack is about, for people."),
            "version": { "type": "string", "pattern": VERSION, "description": "Rises with every change (semver)." },
            "judges": {
                "type": "array",
                "items": { "type": "string", "minLength": 1 },
                "description": "The plugins whose targets the pack judges; without it, all that it requires. A scan of others does not even read the pack.",
            },
            "requires": {
                "type": "object",
                "additionalProperties": { "type": "string", "minLength": 1 },
                "description": "The plugins whose facts the checks use, with the versions that have them: linux = \"^0.1\".",
            },
            "reads": {
                "type": "object",
                "additionalProperties": { "type": "array", "items": { "type": "string", "minLength": 1 } },
                "description": "For a required plugin, the first names of its facts that the checks read, all of them: linux = [\"mounts\"]. A scan of another product then gathers no more of it. Without it, all are gathered.",
            },
        },
    })
}

const ID: &str = "^[^.]+\\.[a-z][a-z0-9]*(-[a-z0-9]+)*$";

const VERSION: &str = "^[0-9]+\\.[0-9]+\\.[0-9]+([-+].+)?$";

fn said(description: &str) -> Json {
    json!({ "type": "string", "pattern": "\\S", "description": description })
}

fn condition(description: &str) -> Json {
    json!({
        "type": "string", "pattern": "\\S", "maxLength": 4096,
        "description": format!("{description} In CEL over the facts, judged with three values."),
    })
}

fn words(words: &[&str], description: &str) -> Json {
    json!({ "enum": words, "description": description })
}

fn link() -> Json {
    json!({
        "type": "object", "additionalProperties": false, "required": ["title", "url"],
        "properties": {
            "title": said("The document by name and version."),
            "url": { "type": "string", "pattern": "^https?://", "description": "Its address." },
        },
    })
}

/// The facts of a case.
fn given(mut facts: Map<String, Json>) -> Json {
    let previous = json!({
        "anyOf": [{ "type": "object" }, { "enum": ["$unknown"] }],
        "description": "The same facts at the previous scan; without them it is the first scan.",
    });
    facts.insert("previous".to_owned(), previous);
    json!({
        // A plugin from elsewhere has facts that are not known here.
        "type": "object", "properties": facts,
        "description": "What is seen. \"$unknown\" makes a fact unknown, as does leaving it out; \
                        { \"$partial\" = [...] } is a list of which only a part could be read.",
    })
}

/// A case with what it expects, and keys besides.
fn case(expect: &Json, own: Json) -> Json {
    let mut properties = json!({
        "name": said("What it shows."),
        "facts": { "$ref": "#/definitions/facts" },
        "expect": expect,
    });
    if let (Json::Object(all), Json::Object(own)) = (&mut properties, own) {
        all.extend(own);
    }
    json!({
        "type": "object", "additionalProperties": false, "required": ["name", "expect"],
        "properties": properties,
    })
}

/// That not every case expects something else: what later drafts call `contains`.
fn expecting(verdict: &str) -> Json {
    let other = json!({ "not": { "properties": { "expect": { "enum": [verdict] } } } });
    json!({ "not": { "items": other } })
}

/// The schemas of facts. Those of lists and maps stand in a table of their own, since each is used whole and in part.
struct Shapes {
    definitions: Map<String, Json>,
}

impl Default for Shapes {
    fn default() -> Self {
        Shapes { definitions: Map::from_iter([("unknown".to_owned(), json!({ "enum": ["$unknown"] }))]) }
    }
}

impl Shapes {
    /// The fields of a record; what the contract does not declare is a mistake.
    fn record<'a>(&mut self, path: &str, fields: impl IntoIterator<Item = (&'a String, &'a Field)>) -> Json {
        let fields = fields.into_iter();
        let properties: Map<String, Json> =
            fields.map(|(name, field)| (name.clone(), self.fact(&format!("{path}.{name}"), field))).collect();
        or_unknown(&json!({ "type": "object", "additionalProperties": false, "properties": properties }), "")
    }

    fn fact(&mut self, path: &str, field: &Field) -> Json {
        let value = match &field.shape {
            Shape::Record(fields) => return self.record(path, fields),
            Shape::Bool => json!({ "type": "boolean" }),
            Shape::Int => json!({ "type": "integer" }),
            Shape::Float => json!({ "type": "number" }),
            Shape::Text => json!({ "type": "string" }),
            // A TOML date is handed on in a form of the editor's choice.
            Shape::Time => return described(json!({}), &field.about),
            Shape::Scalar => json!({ "type": ["boolean", "number", "string"] }),
            Shape::List(element) => {
                let items = self.fact(&format!("{path}[]"), element);
                return self.whole_or_part(path, json!({ "type": "array", "items": items }), &field.about);
            }
            Shape::Map(element) => {
                let names = self.fact(&format!("{path}{{}}"), element);
                let map = json!({ "type": "object", "additionalProperties": names });
                return self.whole_or_part(path, map, &field.about);
            }
        };
        or_unknown(&value, &field.about)
    }

    fn whole_or_part(&mut self, path: &str, whole: Json, about: &str) -> Json {
        // No character of a reference may need an escape.
        let name: String = path.chars().filter(|c| !"[]{}".contains(*c)).collect();
        let whole_one = json!({ "$ref": format!("#/definitions/{name}") });
        self.definitions.insert(name, whole);
        let part = json!({
            "type": "object", "additionalProperties": false, "required": ["$partial"],
            "properties": { "$partial": whole_one },
        });
        described(json!({ "anyOf": [part, whole_one, unknown()] }), about)
    }
}

fn unknown() -> Json {
    json!({ "$ref": "#/definitions/unknown" })
}

fn or_unknown(value: &Json, about: &str) -> Json {
    described(json!({ "anyOf": [value, unknown()] }), about)
}

fn described(mut schema: Json, about: &str) -> Json {
    if !about.is_empty() {
        schema["description"] = about.into();
    }
    schema
}
