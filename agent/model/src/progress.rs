//! How far a customer has come: what it licensed and uses, what it reached, what it attempts and completes.
//!
//! All of it belongs to a deployment, not to a node. What is unknown is never told as a yes or a no.

use std::collections::BTreeMap;
use std::fmt;

use goodstead_protocol::fact::Cause;
use serde::{Deserialize, Serialize};

use crate::verdict::Link;

/// What a customer licensed for one deployment. A key among the trusted ones signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entitlement {
    /// The customer's name.
    pub customer: String,
    /// The deployment that it is for.
    pub deployment: String,
    /// The last day on which it counts, in UTC: `2027-12-31`.
    pub valid_until: String,
    /// Who vouches for it: the key's file among the trusted ones.
    pub key: String,
    /// The licensed capabilities by id, and how much of each; 1 or more.
    pub licensed: BTreeMap<String, u32>,
}

/// How fully a deployment uses what was licensed for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Adoption {
    /// What was licensed.
    pub entitlement: Entitlement,
    /// The licensed capabilities that this agent knows, the most costly first.
    pub capabilities: Vec<Capability>,
}

/// Where the chain licensed, configured, used ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is not set up.
    NotConfigured,
    /// Nobody uses it; mostly it is set up, unless [`Capability::configured`] is absent.
    NotUsed,
    /// It is used, and not as far as it could be.
    PartlyUsed,
    /// It is used in full.
    Used,
    /// It could not be judged; [`Capability::cause`] says why.
    Unknown,
    /// It does not concern this deployment.
    NotApplicable,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::NotConfigured => "not configured",
            Stage::NotUsed => "not used",
            Stage::PartlyUsed => "used in part",
            Stage::Used => "used",
            Stage::Unknown => "unknown",
            Stage::NotApplicable => "not applicable",
        })
    }
}

/// One licensed capability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capability {
    /// Its id.
    pub id: String,
    /// What it is, for people.
    pub title: String,
    /// How much of it is licensed.
    pub quantity: u32,
    /// What it counts among the capabilities, above 0.
    pub weight: f64,
    /// Where the chain ends.
    pub stage: Stage,
    /// Whether it is set up; absent when unknown, and where it does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured: Option<bool>,
    /// Whether it is used; absent likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<bool>,
    /// How far it is used, 0 to 1; absent likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<f64>,
    /// The finding that it is stuck on, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_on: Option<Obstacle>,
    /// Points of readiness lost because it is not fully used, 0 to 100 in steps of 0.01.
    #[serde(default)]
    pub points: f64,
    /// By how much the high end of readiness rises when it alone is fully used.
    #[serde(default)]
    pub gain: f64,
    /// Markdown: what it is good for. Empty where nothing is left to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Markdown: how to come to use it, computed for this site. Empty where nothing is left to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Why the chain is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// The finding that stands in a capability's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Obstacle {
    /// The failed check.
    pub id: String,
    /// The target that it failed on.
    pub target: String,
    /// The problem in one sentence.
    pub title: String,
}

/// Whether a milestone was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// It was, now or earlier: it stays reached.
    Reached,
    /// It was not.
    NotReached,
    /// Nobody knows; [`Milestone::cause`] says why.
    Unknown,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Reached::Reached => "reached",
            Reached::NotReached => "not reached",
            Reached::Unknown => "unknown",
        })
    }
}

/// A success that is reached once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Milestone {
    /// Its id.
    pub id: String,
    /// What it is, for people.
    pub title: String,
    /// The deployment that reached it, or did not.
    pub deployment: String,
    /// Whether it was reached.
    pub state: Reached,
    /// The first scan that saw it reached: RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// Points of readiness lost because it is not reached, 0 to 100 in steps of 0.01.
    #[serde(default)]
    pub points: f64,
    /// By how much the high end of readiness rises when it alone is reached.
    #[serde(default)]
    pub gain: f64,
    /// Markdown: what it is good for. Empty once reached.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Markdown: how to reach it, computed for this site. Empty once reached.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Why nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// Something that is attempted and completed many times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Task {
    /// Its id.
    pub id: String,
    /// What it is, for people.
    pub title: String,
    /// The deployment that does it.
    pub deployment: String,
    /// How many days back the counts go at most.
    pub window_days: u32,
    /// When counting began, if that is later: RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_since: Option<String>,
    /// Attempts; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    /// Those of them that were completed; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completions: Option<u64>,
    /// Points of readiness lost to attempts that failed, 0 to 100 in steps of 0.01.
    #[serde(default)]
    pub points: f64,
    /// By how much the high end of readiness rises when this alone is always completed.
    #[serde(default)]
    pub gain: f64,
    /// Markdown: what it is good for. Empty where every attempt was completed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Markdown: what to do, computed for this site. Empty where every attempt was completed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Why the counts are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}
