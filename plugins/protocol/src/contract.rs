//! The fact contract: which facts a plugin emits, of which type and unit, from which source, and how sensitive each is.
//!
//! In `plugin.toml` it is a flat table from path to declaration, so that one line is one fact:
//! `"mounts" = { type = "list", key = "target" }`, `"mounts[].size_bytes" = { type = "int", unit = "bytes" }`,
//! `"sysctl" = { type = "map", of = "scalar" }`. Records in between need no line of their own.

mod read;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use read::{RawContract, RawFact, validate};

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
