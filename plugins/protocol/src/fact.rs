//! A fact: what a plugin observed, or why it could not.
//!
//! A path is a value, absent (no entry in its record or map), or unknown with a cause. Lists and maps can be partial:
//! some elements could not be read. How that is written in JSON says the module `json`.

mod json;

pub use json::Undeclared;
pub(crate) use json::too_much;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Why something is unknown, as a class that a program can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// The user that the agent runs as may not read it.
    NotPermitted,
    /// The manifest does not ask for it, so the broker did not do it.
    NotDeclared,
    /// It was looked for and is not there.
    Absent,
    /// It is there and is not a regular file: a directory, FIFO, socket or device, such as `/dev/null`.
    NotRegular,
    /// The product does not answer: down, starting, refusing connections.
    NotAvailable,
    /// It cannot be known here at all, for example a running value under `--root`.
    NotApplicableHere,
    /// It took longer than its time limit.
    TimedOut,
    /// It is larger than its limit.
    TooLarge,
    /// The plugin crashed, hung, was refused or answered nonsense.
    PluginFailed,
    /// The plugin sent another type than its contract declares.
    WrongType,
    /// The plugin did not say.
    NotReported,
    /// A secret; only facts derived from it are known.
    Secret,
    /// This is the first scan of the target.
    NoPreviousScan,
    /// Only part of a list or map could be read.
    Partial,
    /// A condition could not be evaluated: an overflow, a division by zero, a type that does not fit, or too much work.
    Evaluation,
}

impl CauseKind {
    /// The class in words that complete "unknown: …".
    pub fn words(self) -> &'static str {
        match self {
            CauseKind::NotPermitted => "no permission",
            CauseKind::NotDeclared => "the plugin's manifest does not ask for it",
            CauseKind::Absent => "not there",
            CauseKind::NotRegular => "not a regular file",
            CauseKind::NotAvailable => "the product does not answer",
            CauseKind::NotApplicableHere => "cannot be known here",
            CauseKind::TimedOut => "took too long",
            CauseKind::TooLarge => "too large",
            CauseKind::PluginFailed => "the plugin failed",
            CauseKind::WrongType => "the plugin sent a wrong type",
            CauseKind::NotReported => "the plugin did not say",
            CauseKind::Secret => "secret",
            CauseKind::NoPreviousScan => "needs an earlier scan",
            CauseKind::Partial => "only part of it could be read",
            CauseKind::Evaluation => "the condition could not be evaluated",
        }
    }
}

/// Why something is unknown, and what would make it known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The class.
    pub kind: CauseKind,
    /// What happened, for a person; one sentence without a full stop, without secret values.
    pub detail: String,
    /// The command or setting that would make it known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Cause {
    /// A cause without a remedy.
    pub fn new(kind: CauseKind, detail: impl Into<String>) -> Self {
        Cause { kind, detail: detail.into(), remedy: None }
    }

    /// The same with what would make it known.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() { f.write_str(self.kind.words()) } else { f.write_str(&self.detail) }
    }
}

/// One observed value, or the reason why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A switch.
    Bool(bool),
    /// A whole number; sizes in bytes, durations in seconds.
    Int(i64),
    /// A finite number with a fraction.
    Float(f64),
    /// Text; times as RFC 3339 in UTC with whole seconds.
    Text(String),
    /// Values in order.
    List(Elements<Vec<Fact>>),
    /// A record with declared names, or a map with names that the site chose.
    Map(Elements<BTreeMap<String, Fact>>),
    /// Not known, and why.
    Unknown(Box<Cause>),
}

/// The elements of a list or map, and why some are missing if some are.
#[derive(Debug, Clone, PartialEq)]
pub struct Elements<T> {
    /// What could be read.
    pub items: T,
    /// Why more could not be; `None` when this is all there is.
    pub partial: Option<Box<Cause>>,
}

impl<T> From<T> for Elements<T> {
    fn from(items: T) -> Self {
        Elements { items, partial: None }
    }
}

impl From<bool> for Fact {
    fn from(value: bool) -> Self {
        Fact::Bool(value)
    }
}
impl From<i64> for Fact {
    fn from(value: i64) -> Self {
        Fact::Int(value)
    }
}
impl From<&str> for Fact {
    fn from(value: &str) -> Self {
        Fact::Text(value.to_owned())
    }
}
impl From<String> for Fact {
    fn from(value: String) -> Self {
        Fact::Text(value)
    }
}
impl From<Vec<Fact>> for Fact {
    fn from(value: Vec<Fact>) -> Self {
        Fact::List(value.into())
    }
}
impl From<BTreeMap<String, Fact>> for Fact {
    fn from(value: BTreeMap<String, Fact>) -> Self {
        Fact::Map(value.into())
    }
}
impl From<Cause> for Fact {
    fn from(cause: Cause) -> Self {
        Fact::Unknown(Box::new(cause))
    }
}

impl Fact {
    /// Unknown for a reason.
    pub fn unknown(kind: CauseKind, detail: impl Into<String>) -> Self {
        Cause::new(kind, detail).into()
    }

    /// An empty record.
    pub fn record() -> Self {
        Fact::Map(BTreeMap::new().into())
    }

    /// What the type of this value is called in messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Fact::Bool(_) => "a switch",
            Fact::Int(_) => "a whole number",
            Fact::Float(_) => "a number",
            Fact::Text(_) => "text",
            Fact::List(_) => "a list",
            Fact::Map(_) => "a record",
            Fact::Unknown(_) => "unknown",
        }
    }
}
