//! A capability: something that is licensed, configured, used, and used so far.
//!
//! `used` counts only where it is configured, `extent` only where it is used.

use std::collections::BTreeMap;

use goodstead_model::{Cause, Link, Stage};
use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::document::Parsed;
use goodstead_protocol::fact::Fact;
use serde::Deserialize;
use toml::Spanned;

use super::combine::{Known, any, most, number, switch};
use super::head::{Head, RawHead};
use super::proof::{CapabilityExpect, RawCapabilityCase};
use crate::case::Case;
use crate::condition::{Condition, Scope};
use crate::reader::{Reader, Surroundings, read_as};

/// A capability whose every expression fits the contracts.
#[derive(Debug, Clone)]
pub struct Capability {
    /// Who it is.
    pub head: Head,
    /// Whether it is set up.
    pub configured: Condition,
    /// Whether it is used, where it is set up.
    pub used: Condition,
    /// How far it is used, 0 to 1, where it is used; in full when there is none.
    pub extent: Option<Condition>,
    /// What it counts among the capabilities, above 0.
    pub weight: f64,
    /// The checks whose failing stands in its way, the first first.
    pub blocked_by: Vec<String>,
    /// The examples that prove it.
    pub(crate) cases: Vec<Case<CapabilityExpect>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "kind")]
    _kind: String,
    id: Spanned<String>,
    title: Spanned<String>,
    since: Spanned<String>,
    applies: Option<Spanned<String>>,
    configured: Spanned<String>,
    used: Spanned<String>,
    extent: Option<Spanned<String>>,
    weight: Option<Spanned<f64>>,
    #[serde(default)]
    blocked_by: Vec<Spanned<String>>,
    why: Spanned<String>,
    remedy: Spanned<String>,
    #[serde(default)]
    links: Vec<Spanned<Link>>,
    #[serde(rename = "case", default)]
    cases: Vec<RawCapabilityCase>,
}

/// Reads a capability; with an error among the diagnostics it must not be used.
pub(crate) fn read(parsed: Parsed<'_>, around: &Surroundings<'_>) -> (Option<Capability>, Vec<Diagnostic>) {
    read_as(parsed, around, capability)
}

fn capability(reader: &mut Reader<'_>, raw: Raw) -> Option<Capability> {
    let Raw { id, title, since, applies, why, remedy, links, .. } = raw;
    let at = id.clone();
    let head = RawHead { id, title, since, applies, why, remedy, links };
    let weight = raw.weight.map_or(1.0, |weight| {
        if !(weight.get_ref().is_finite() && *weight.get_ref() > 0.0) {
            let message = format!("a weight must be above 0, and this is {}", weight.get_ref());
            reader.error("bad-weight", message, weight.span(), "1 is the default");
        }
        weight.into_inner()
    });
    reader.known_checks(&raw.blocked_by);
    let begun = reader.begin(head, raw.cases.into_iter().map(RawCapabilityCase::split).collect())?;
    let env = begun.env.clone().without("quantity", "`quantity` is known in `extent` alone");
    let configured = reader.expression(&raw.configured, &env, Condition::compile_bool);
    let used = reader.expression(&raw.used, &env, Condition::compile_bool);
    let with_quantity = begun.env.with_quantity();
    let extent =
        raw.extent.map(|source| reader.expression(&source, &with_quantity, Condition::compile_number));
    let shows =
        |wanted: &dyn Fn(&CapabilityExpect) -> bool| begun.cases.iter().any(|case| wanted(&case.expect));
    let shown = [
        ("`used = false`", shows(&|expect| expect.says_used(false))),
        ("`used = true`", shows(&|expect| expect.says_used(true))),
        ("anything to be `\"unknown\"`", shows(&CapabilityExpect::says_unknown)),
    ];
    let missing = shown.into_iter().filter(|(_, shown)| !shown).map(|(name, _)| name.to_owned());
    reader.missing_cases(
        missing.collect(),
        &at,
        "a capability has at least one [[case]] in which it is used, one in which it is not, and one that is unknown",
    );
    Some(Capability {
        head: begun.head?,
        configured: configured?,
        used: used?,
        extent: extent.map_or(Some(None), |extent| extent.map(Some))?,
        weight,
        blocked_by: raw.blocked_by.into_iter().map(Spanned::into_inner).collect(),
        cases: begun.cases,
    })
}

/// The links of the chain after "licensed".
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chain {
    pub(super) configured: Known<bool>,
    pub(super) used: Known<bool>,
    /// 0 to 1.
    pub(super) extent: Known<f64>,
}

impl Chain {
    fn unknown(cause: &Cause) -> Self {
        Chain { configured: Err(cause.clone()), used: Err(cause.clone()), extent: Err(cause.clone()) }
    }

    /// Of two targets of one deployment.
    pub(super) fn joined(self, other: Chain) -> Self {
        Chain {
            configured: any(self.configured, other.configured),
            used: any(self.used, other.used),
            extent: most(self.extent, other.extent),
        }
    }

    /// Where it ends.
    pub(super) fn stage(&self) -> Stage {
        match (&self.configured, &self.used, &self.extent) {
            (Ok(false), _, _) => Stage::NotConfigured,
            (_, Ok(false), _) => Stage::NotUsed,
            (Ok(true), Ok(true), Ok(extent)) if *extent >= 1.0 => Stage::Used,
            (Ok(true), Ok(true), Ok(_)) => Stage::PartlyUsed,
            _ => Stage::Unknown,
        }
    }

    /// Why the first link that is unknown is.
    pub(super) fn cause(self) -> Option<Cause> {
        self.configured.err().or(self.used.err()).or(self.extent.err())
    }
}

impl Capability {
    /// The chain on one target; `None` where it does not apply.
    pub(super) fn chain(&self, scope: &Scope<'_>, quantity: u32) -> Option<Chain> {
        match self.head.applies(scope) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(cause) => return Some(Chain::unknown(&cause)),
        }
        let configured = switch(&self.configured, scope);
        let used = match &configured {
            Ok(false) => Ok(false),
            Ok(true) => switch(&self.used, scope),
            // Not used is not used, set up or not.
            Err(cause) => {
                switch(&self.used, scope).and_then(|used| if used { Err(cause.clone()) } else { Ok(false) })
            }
        };
        let extent = match (&used, &self.extent) {
            (Ok(false), _) => Ok(0.0),
            (Ok(true), None) => Ok(1.0),
            (Ok(true), Some(extent)) => {
                let quantity = Fact::Int(i64::from(quantity));
                number(extent, &Scope { item: &quantity, ..*scope }).map(|extent| extent.clamp(0.0, 1.0))
            }
            (Err(cause), _) => Err(cause.clone()),
        };
        Some(Chain { configured, used, extent })
    }
}

/// The licensed capabilities of an entitlement that these packs have, in their order.
pub(super) fn licensed<'p>(
    all: impl Iterator<Item = &'p Capability>,
    licensed: &BTreeMap<String, u32>,
) -> Vec<(&'p Capability, u32)> {
    all.filter_map(|one| Some((one, *licensed.get(&one.head.id)?))).collect()
}
