//! What came of one check on one target.

use std::fmt;

use goodstead_protocol::contract::Unit;
use goodstead_protocol::fact::{Cause, Fact};
use serde::{Deserialize, Serialize};

/// What came of a check. Unknown is never a pass or a fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The condition does not hold: a finding.
    Fail,
    /// It failed, and the admin accepts that for a while; [`Judgement::waiver`] says who, why and until when. Never as
    /// good as passed: its points stay lost.
    Waived,
    /// It could not be judged; [`Judgement::cause`] says why.
    Unknown,
    /// It compares with an earlier scan, and this is the first one. It counts neither for nor against the score.
    NotYetJudged,
    /// The condition holds.
    Pass,
    /// The check does not concern this target.
    NotApplicable,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Fail => "fail",
            Verdict::Waived => "waived",
            Verdict::Unknown => "unknown",
            Verdict::NotYetJudged => "not yet judged",
            Verdict::Pass => "pass",
            Verdict::NotApplicable => "not applicable",
        })
    }
}

/// How bad the harm would be. Ordered from low to critical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// A nuisance.
    Low,
    /// Costs time or money.
    Medium,
    /// An outage, or a hole.
    High,
    /// Data is lost, or the product stops for good.
    Critical,
}

impl Impact {
    /// All of them, worst first.
    pub const WORST_FIRST: [Impact; 4] = [Impact::Critical, Impact::High, Impact::Medium, Impact::Low];
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Impact::Low => "low",
            Impact::Medium => "medium",
            Impact::High => "high",
            Impact::Critical => "critical",
        })
    }
}

/// How probable the harm is while the finding stands. Ordered from low to high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// Needs a rare event.
    Low,
    /// Will happen to some.
    Medium,
    /// Will happen.
    High,
}

impl fmt::Display for Likelihood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Likelihood::Low => "low",
            Likelihood::Medium => "medium",
            Likelihood::High => "high",
        })
    }
}

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Concern {
    /// Data and service stay.
    Reliability,
    /// Nobody gets in who should not.
    Security,
    /// Fast enough.
    Performance,
    /// It can be run, watched and repaired.
    Operability,
    /// Not more than needed.
    Cost,
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Concern::Reliability => "reliability",
            Concern::Security => "security",
            Concern::Performance => "performance",
            Concern::Operability => "operability",
            Concern::Cost => "cost",
        })
    }
}

/// One observed value that the verdict rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// The expression as it stands in the check, for example `linux.sysctl["vm/swappiness"]`.
    pub path: String,
    /// What was observed.
    pub value: Fact,
    /// What a number counts, so that it can be shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
}

/// Of a finding about an event, which passes while what led to it may remain: until when it stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// The start of the full scan that last observed it: RFC 3339 in UTC with whole seconds.
    pub last_seen: String,
    /// How many hours after that it stays a finding.
    pub keep_hours: u32,
}

/// Where to read more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The document by name and version.
    pub title: String,
    /// Its address.
    pub url: String,
}

/// A failed check that is accepted until a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Waiver {
    /// The name of the user who accepts it.
    pub who: String,
    /// The reason in one line.
    pub why: String,
    /// When it was accepted: RFC 3339 in UTC with whole seconds.
    pub since: String,
    /// The last day on which it holds, in UTC: `2026-12-31`.
    pub until: String,
}

impl Waiver {
    /// Whether it holds no more on `day`, written like [`Waiver::until`].
    pub fn expired(&self, day: &str) -> bool {
        // Dates of this form sort as text.
        self.until.as_str() < day
    }
}

/// One check on one target: the verdict and all that explains it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judgement {
    /// The check.
    pub id: String,
    /// The target's id: `linux`, `postgresql:main`.
    pub target: String,
    /// The problem in one sentence.
    pub title: String,
    /// What it is about.
    pub concern: Concern,
    /// How bad.
    pub impact: Impact,
    /// How probable.
    pub likelihood: Likelihood,
    /// What came of it.
    pub verdict: Verdict,
    /// Points of readiness lost to this finding, waived or not, 0 to 100 in steps of 0.01. The points of all findings,
    /// capabilities, milestones and tasks add up to 100 minus the high end of the range.
    #[serde(default)]
    pub points: f64,
    /// By how much the high end rises when this finding alone is mended.
    #[serde(default)]
    pub gain: f64,
    /// Of a check over many items: the failing ones by their key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// What was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Markdown: what happens, when, to whom.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Markdown: what to do, computed for this site.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Why it could not be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Of a waived check: who accepts it, why, until when. Of a failed one: the waiver that has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
    /// Of a finding about an event: when it was last observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// The admin's own check, not the vendor's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub local: bool,
}
