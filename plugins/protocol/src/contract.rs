//! The fact contract: which facts a plugin emits, of which type and unit, from which source, and how sensitive each is.
//!
//! In `plugin.toml` it is a flat table from path to declaration, so that one line is one fact:
//! `"mounts" = { type = "list", key = "target" }`, `"mounts[].size_bytes" = { type = "int", unit = "bytes" }`,
//! `"sysctl" = { type = "map", of = "scalar" }`. Records in between need no line of their own.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::document::Document;

/// What a fact's value looks like.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A switch.
    Bool,
    /// A whole number within 64 signed bits.
    Int,
    /// A finite number.
    Float,
    /// Text.
    Text,
    /// A point in time: RFC 3339 in UTC with whole seconds, `2026-11-22T02:13:00Z`.
    Time,
    /// A switch, a number or text: the site decides (a setting, a sysctl).
    Scalar,
    /// Elements in order.
    List(Box<Field>),
    /// Names that the site chose, always indexed: `settings["fsync"]`.
    Map(Box<Field>),
    /// Names that the contract declares, always selected: `memory.total_bytes`.
    Record(BTreeMap<String, Field>),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shape::Bool => "bool",
            Shape::Int => "int",
            Shape::Float => "float",
            Shape::Text => "text",
            Shape::Time => "time",
            Shape::Scalar => "scalar",
            Shape::List(_) => "list",
            Shape::Map(_) => "map",
            Shape::Record(_) => "record",
        })
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Per cent, 0 to 100.
    Percent,
    /// A number of things.
    Count,
}

/// How carefully a fact must be treated. The default is `identifying`: the safe side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// Versions and settings: says nothing about who or where.
    Public,
    /// Names and addresses.
    #[default]
    Identifying,
    /// Never reaches the engine, the disk, the screen or the wire; only facts derived from it do.
    Secret,
}

/// A fact that the agent computes from a secret before it drops the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Derived {
    /// `<name>_present`: whether it is set to anything.
    Present,
    /// `<name>_length_class`: `empty`, `short` (below 8 characters), `medium` (below 16) or `long`.
    LengthClass,
    /// `<name>_is_default`: whether it equals the declared `default`.
    IsDefault,
}

impl Derived {
    /// The name of the derived fact beside the secret `name`.
    pub fn fact_name(self, name: &str) -> String {
        let suffix = match self {
            Derived::Present => "present",
            Derived::LengthClass => "length_class",
            Derived::IsDefault => "is_default",
        };
        format!("{name}_{suffix}")
    }

    fn shape(self) -> Shape {
        match self {
            Derived::Present | Derived::IsDefault => Shape::Bool,
            Derived::LengthClass => Shape::Text,
        }
    }
}

/// One declared fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its type.
    pub shape: Shape,
    /// Whether it may be observed not to exist.
    pub optional: bool,
    /// What the number counts.
    pub unit: Option<Unit>,
    /// How carefully it must be treated; of a map or list, this is about its keys.
    pub sensitivity: Sensitivity,
    /// What it is, one sentence for the reference.
    pub about: String,
    /// Where the plugin takes it from.
    pub source: String,
    /// Of a list of records: the field that names an element.
    pub key: Option<String>,
    /// Of a secret: what is computed from it.
    pub derived: Vec<Derived>,
    /// Of a secret: the value that a product ships with, for [`Derived::IsDefault`].
    pub default: Option<String>,
}

impl Field {
    /// A field of a shape, with everything else at its safest.
    pub fn of(shape: Shape) -> Self {
        Field {
            shape,
            optional: false,
            unit: None,
            sensitivity: Sensitivity::default(),
            about: String::new(),
            source: String::new(),
            key: None,
            derived: Vec::new(),
            default: None,
        }
    }
}

/// The facts of one plugin: a record of fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// The plugin's name, which is the first word of every path.
    pub plugin: String,
    /// The declared facts.
    pub fields: BTreeMap<String, Field>,
}

impl Contract {
    /// Every declared leaf with its full path, in order, for references and listings.
    pub fn leaves(&self) -> Vec<(String, &Field)> {
        let mut found = Vec::new();
        for (name, field) in &self.fields {
            collect_leaves(format!("{}.{name}", self.plugin), field, &mut found);
        }
        found
    }
}

fn collect_leaves<'a>(path: String, field: &'a Field, found: &mut Vec<(String, &'a Field)>) {
    match &field.shape {
        Shape::Record(fields) => {
            for (name, inner) in fields {
                collect_leaves(format!("{path}.{name}"), inner, found);
            }
        }
        Shape::List(element) => collect_leaves(format!("{path}[]"), element, found),
        Shape::Map(element) => collect_leaves(format!("{path}{{}}"), element, found),
        _ => found.push((path, field)),
    }
}

/// The table as it stands in the file.
pub type RawContract = BTreeMap<Spanned<String>, RawFact>;

/// One line of the table as it stands in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFact {
    #[serde(rename = "type")]
    kind: RawType,
    of: Option<RawType>,
    key: Option<String>,
    unit: Option<Unit>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    sensitivity: Sensitivity,
    #[serde(default)]
    about: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    derived: Vec<Derived>,
    default: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawType {
    Bool,
    Int,
    Float,
    Text,
    Time,
    Scalar,
    List,
    Map,
    Record,
}

impl RawType {
    fn leaf(self) -> Option<Shape> {
        Some(match self {
            RawType::Bool => Shape::Bool,
            RawType::Int => Shape::Int,
            RawType::Float => Shape::Float,
            RawType::Text => Shape::Text,
            RawType::Time => Shape::Time,
            RawType::Scalar => Shape::Scalar,
            RawType::List | RawType::Map | RawType::Record => return None,
        })
    }
}

/// One step of a declared path.
#[derive(Debug, PartialEq)]
enum Step<'a> {
    Name(&'a str),
    ListElement,
    MapElement,
}

fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut found = Vec::new();
    for part in path.split('.') {
        let (name, element) = if let Some(name) = part.strip_suffix("[]") {
            (name, Some(Step::ListElement))
        } else if let Some(name) = part.strip_suffix("{}") {
            (name, Some(Step::MapElement))
        } else {
            (part, None)
        };
        let mut letters = name.chars();
        let good = letters.next().is_some_and(|first| first.is_ascii_lowercase())
            && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !good {
            return None;
        }
        found.push(Step::Name(name));
        found.extend(element);
    }
    Some(found)
}

/// Validates the table of `plugin`, reporting everything that is wrong with it.
///
/// # Errors
/// Malformed paths, elements of something that is no list or map, secrets that are no text in a record, keys that name
/// no text, and lists or maps without a type for their elements.
pub fn validate(plugin: &str, raw: RawContract, document: &Document) -> Result<Contract, Vec<Diagnostic>> {
    let mut root = BTreeMap::new();
    let mut errors = Vec::new();
    // The table's order is by path, so a list stands before its elements.
    for (path, fact) in raw {
        let place = document.place(path.span());
        let path = path.into_inner();
        if let Err((code, message, help)) = declare(&mut root, &path, fact) {
            errors.push(Diagnostic::error(code, message).at(place).maybe_help(help));
        }
    }
    if errors.is_empty() {
        for (name, field) in &root {
            check_complete(name, field, document, &mut errors);
        }
    }
    if errors.is_empty() { Ok(Contract { plugin: plugin.to_owned(), fields: root }) } else { Err(errors) }
}

type Problem = (&'static str, String, Option<String>);

fn declare(root: &mut BTreeMap<String, Field>, path: &str, fact: RawFact) -> Result<(), Problem> {
    let Some(steps) = steps(path) else {
        let help =
            "names are lower case letters, digits and `_`, joined by `.`, with `[]` or `{}` for elements";
        return Err(("bad-path", format!("`{path}` is no fact path"), Some(help.to_owned())));
    };
    let (last, before) = match steps.split_last() {
        Some((Step::Name(last), before)) => (*last, before),
        _ => {
            let help = "declare the elements with `of`, or their fields one by one";
            return Err(("bad-path", format!("`{path}` ends in an element"), Some(help.to_owned())));
        }
    };
    let mut fields = root;
    let mut at = String::new();
    let mut before = before.iter().peekable();
    while let Some(step) = before.next() {
        let Step::Name(name) = step else { continue };
        at.push_str(name);
        let implicit = || Field::of(Shape::Record(BTreeMap::new()));
        let field = fields.entry((*name).to_owned()).or_insert_with(implicit);
        let element = before.next_if(|next| !matches!(next, Step::Name(_)));
        fields = match (element, &mut field.shape) {
            (None, Shape::Record(fields)) => fields,
            (Some(Step::ListElement), Shape::List(element)) => record_of(element, &at)?,
            (Some(Step::MapElement), Shape::Map(element)) => record_of(element, &at)?,
            (_, shape) => {
                let message = format!("`{path}` does not fit `{at}`, which is declared as {shape}");
                return Err((
                    "path-conflict",
                    message,
                    Some("declare the list or map itself first".to_owned()),
                ));
            }
        };
        at.push('.');
    }
    let field = build(path, fact)?;
    if field.sensitivity == Sensitivity::Secret {
        for derived in &field.derived {
            let mut inner = Field::of(derived.shape());
            inner.sensitivity = Sensitivity::Public;
            inner.optional = field.optional;
            inner.about = format!("Computed by the agent from the secret `{last}`");
            fields.insert(derived.fact_name(last), inner);
        }
    }
    match fields.insert(last.to_owned(), field) {
        None => Ok(()),
        Some(_) => Err(("duplicate-fact", format!("`{path}` is declared twice"), None)),
    }
}

fn record_of<'a>(element: &'a mut Field, at: &str) -> Result<&'a mut BTreeMap<String, Field>, Problem> {
    match &mut element.shape {
        Shape::Record(fields) => Ok(fields),
        other => Err(("path-conflict", format!("the elements of `{at}` are declared as {other}"), None)),
    }
}

fn build(path: &str, fact: RawFact) -> Result<Field, Problem> {
    let element = match fact.of {
        None => Some(Shape::Record(BTreeMap::new())),
        Some(of) => of.leaf(),
    };
    let shape = match (fact.kind, fact.kind.leaf(), element) {
        (_, Some(leaf), _) => leaf,
        (RawType::Record, ..) => Shape::Record(BTreeMap::new()),
        (RawType::List, _, Some(element)) => Shape::List(Box::new(Field::of(element))),
        (RawType::Map, _, Some(element)) => Shape::Map(Box::new(Field::of(element))),
        _ => {
            let help = "lists and maps hold plain values, or records whose fields are declared one by one";
            return Err((
                "bad-type",
                format!("`{path}` cannot hold lists or maps directly"),
                Some(help.to_owned()),
            ));
        }
    };
    if fact.sensitivity == Sensitivity::Secret && (shape != Shape::Text || fact.derived.is_empty()) {
        let help = "a secret is text, and `derived` lists what the agent may compute from it: present, \
                    length-class, is-default";
        return Err(("bad-secret", format!("`{path}` is not a usable secret"), Some(help.to_owned())));
    }
    if fact.derived.contains(&Derived::IsDefault) && fact.default.is_none() {
        return Err(("bad-secret", format!("`{path}` derives is-default without a `default`"), None));
    }
    let mut field = Field::of(shape);
    if let Shape::List(element) | Shape::Map(element) = &mut field.shape {
        element.sensitivity = fact.sensitivity;
        element.unit = fact.unit;
        element.about.clone_from(&fact.about);
        element.source.clone_from(&fact.source);
    }
    Ok(Field {
        optional: fact.optional,
        unit: fact.unit,
        sensitivity: fact.sensitivity,
        about: fact.about,
        source: fact.source,
        key: fact.key,
        derived: fact.derived,
        default: fact.default,
        ..field
    })
}

fn check_complete(path: &str, field: &Field, document: &Document, errors: &mut Vec<Diagnostic>) {
    let error = |code, message| Diagnostic::error(code, message).at(document.place(0..0));
    match &field.shape {
        Shape::Record(fields) if fields.is_empty() => {
            errors.push(error("empty-record", format!("`{path}` declares no fields")));
        }
        Shape::Record(fields) => {
            for (name, inner) in fields {
                check_complete(&format!("{path}.{name}"), inner, document, errors);
            }
        }
        Shape::List(element) => {
            if let (Some(key), Shape::Record(fields)) = (&field.key, &element.shape)
                && !fields.get(key).is_some_and(|field| field.shape == Shape::Text)
            {
                let help = did_you_mean(key, fields.keys().map(String::as_str));
                let message = format!("the key `{key}` of `{path}` is no text field of its elements");
                errors.push(error("bad-key", message).maybe_help(help));
            }
            check_complete(&format!("{path}[]"), element, document, errors);
        }
        Shape::Map(element) => check_complete(&format!("{path}{{}}"), element, document, errors),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        facts: RawContract,
    }

    fn read(text: &str) -> Result<Contract, String> {
        let document = Document::new("plugin.toml", format!("[facts]\n{text}"));
        let file: File = document.parse().map_err(|error| error.to_string())?;
        validate("demo", file.facts, &document)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn one_line_is_one_fact() {
        let contract = read(
            "mounts = { type = 'list', key = 'target' }\n\
             'mounts[].target' = { type = 'text' }\n\
             'mounts[].size_bytes' = { type = 'int', unit = 'bytes', sensitivity = 'public' }\n\
             sysctl = { type = 'map', of = 'scalar', sensitivity = 'public' }\n\
             'memory.total_bytes' = { type = 'int' }",
        )
        .unwrap();
        let paths: Vec<_> = contract.leaves().into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            paths,
            ["demo.memory.total_bytes", "demo.mounts[].size_bytes", "demo.mounts[].target", "demo.sysctl{}"]
        );
    }

    #[test]
    fn what_is_not_said_to_be_public_is_identifying() {
        let contract = read("name = { type = 'text' }").unwrap();
        assert_eq!(contract.fields["name"].sensitivity, Sensitivity::Identifying);
    }

    #[test]
    fn a_secret_brings_its_derived_facts() {
        let contract = read(
            "password = { type = 'text', sensitivity = 'secret', derived = ['present', 'is-default'], default = 'x' }",
        )
        .unwrap();
        let names: Vec<_> = contract.fields.keys().collect();
        assert_eq!(names, ["password", "password_is_default", "password_present"]);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        insta::assert_snapshot!(read("'a[].b' = { type = 'int' }").unwrap_err(), @"plugin.toml:2:1: `a[].b` does not fit `a`, which is declared as record (declare the list or map itself first)");
        insta::assert_snapshot!(read("'A' = { type = 'int' }").unwrap_err(), @"plugin.toml:2:1: `A` is no fact path (names are lower case letters, digits and `_`, joined by `.`, with `[]` or `{}` for elements)");
        insta::assert_snapshot!(read("a = { type = 'integer' }").unwrap_err(), @"plugin.toml:2:14: unknown word `integer`, expected one of `bool`, `int`, `float`, `text`, `time`, `scalar`, `list`, `map`, `record` (known here: bool, int, float, text, time, scalar, list, map, record)");
        insta::assert_snapshot!(read("a = { type = 'text', sensitivity = 'secret' }").unwrap_err(), @"plugin.toml:2:1: `a` is not a usable secret (a secret is text, and `derived` lists what the agent may compute from it: present, length-class, is-default)");
        insta::assert_snapshot!(read("a = { type = 'list', key = 'nam' }\n'a[].name' = { type = 'text' }").unwrap_err(), @"plugin.toml:1:1: the key `nam` of `a` is no text field of its elements (did you mean `name`?)");
    }
}
