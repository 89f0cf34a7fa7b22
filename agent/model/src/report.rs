//! The report: one document with many faces.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::progress::{Adoption, Milestone, Task};
use crate::score::{Readiness, TargetScore};
use crate::selection::Selection;
use crate::verdict::{Judgement, Verdict};

/// What one scan found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// [`crate::SCHEMA`] of the writer.
    pub schema: u32,
    /// 128 random bits in hexadecimal; the desk accepts an id once.
    pub id: String,
    /// When the scan began: RFC 3339 in UTC with whole seconds.
    pub time: String,
    /// Who wrote it.
    pub agent: Agent,
    /// What was looked at: the live host, a folder, or saved facts.
    pub origin: Origin,
    /// What was selected to be inspected and judged. Reports before schema 3 do not record it and count as whole.
    #[serde(default)]
    pub selection: Selection,
    /// The host's name; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Readiness; absent when nothing could be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Readiness>,
    /// What was inspected.
    pub targets: Vec<Target>,
    /// By which rules.
    pub packs: Vec<Pack>,
    /// Every check on every target, worst first.
    pub verdicts: Vec<Judgement>,
    /// How fully licensed capabilities are used; absent without an entitlement for a deployment of this report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<Adoption>,
    /// The milestones that concern the deployments of this report: not reached, then unknown, then reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub milestones: Vec<Milestone>,
    /// The tasks that concern them, the most costly first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// The plugins that were used, by name.
    #[serde(default)]
    pub plugins: BTreeMap<String, Plugin>,
    /// What each plugin asked for.
    pub access: BTreeMap<String, Access>,
    /// What went wrong on the way and did not stop the scan, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How long each part took, in milliseconds, by name.
    pub timings_ms: BTreeMap<String, f64>,
}

/// The writer of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Agent {
    /// The agent's release.
    pub version: String,
    /// The plugin protocol that it speaks.
    pub protocol: u32,
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Origin {
    /// The running host.
    Live,
    /// A folder that holds a root file system.
    Root {
        /// The folder.
        path: String,
    },
    /// A support bundle: files and outputs of commands that a host recorded of itself.
    Bundle {
        /// The archive or the unpacked folder.
        path: String,
        /// When it was made: RFC 3339 in UTC.
        made: String,
    },
    /// Facts that were saved earlier.
    Facts {
        /// The file.
        path: String,
    },
}

/// One inspected instance of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Target {
    /// `linux`, `postgresql:main`.
    pub id: String,
    /// The plugin that inspected it.
    pub plugin: String,
    /// The plugin's version.
    pub plugin_version: String,
    /// What it is, for people.
    pub title: String,
    /// The installation of a product that it belongs to.
    pub deployment: String,
    /// The container on this host that it is in; absent for what is on the host itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Its weight among the targets.
    pub importance: f64,
    /// Its readiness; absent when none of its checks could be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<TargetScore>,
    /// What its plugin sent and the contract refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A plugin that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plugin {
    /// Its version.
    pub version: String,
    /// Who vouches for it.
    pub signature: Signature,
    /// Parts of its isolation that the kernel lacks and that nothing else covers, one sentence each; absent when the
    /// plugin never came to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Vec<String>>,
}

/// Who vouches for a plugin or a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Signature {
    /// A trusted key.
    Signed {
        /// The key's name: its file among the trusted keys.
        key: String,
    },
    /// The admin, whose own it is.
    Local,
    /// Nobody; the configuration allows it nevertheless.
    #[default]
    Unsigned,
}

/// A check pack that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 over its files, in hexadecimal: scores of different rules are not compared.
    pub hash: String,
    /// The admin's own, not the vendor's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub local: bool,
    /// Who vouches for it.
    #[serde(default)]
    pub signature: Signature,
}

/// What one plugin asked the broker for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Access {
    /// Requests that were granted.
    pub granted: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Bytes that were handed over.
    pub bytes: u64,
}

impl Report {
    /// The findings, in the report's order.
    pub fn findings(&self) -> impl Iterator<Item = &Judgement> {
        self.verdicts.iter().filter(|judgement| judgement.verdict == Verdict::Fail)
    }

    /// What is accepted for a while, in the report's order.
    pub fn waived(&self) -> impl Iterator<Item = &Judgement> {
        self.verdicts.iter().filter(|judgement| judgement.verdict == Verdict::Waived)
    }

    /// What could not be judged, in the report's order.
    pub fn not_judged(&self) -> impl Iterator<Item = &Judgement> {
        self.verdicts.iter().filter(|judgement| judgement.verdict == Verdict::Unknown)
    }

    /// What needs an earlier scan and is judged at the next one, in the report's order.
    pub fn not_yet_judged(&self) -> impl Iterator<Item = &Judgement> {
        self.verdicts.iter().filter(|judgement| judgement.verdict == Verdict::NotYetJudged)
    }
}
