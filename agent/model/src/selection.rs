//! What a scan was asked to leave out, and so whether its report says how the whole host stands.

use serde::{Deserialize, Serialize};

use crate::report::{Origin, Report};
use crate::verdict::Impact;

/// How many names a description lists before it only counts them.
const NAMED: usize = 3;

/// What was selected on the command line; all of it empty when nothing was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Selection {
    /// The only plugins (`linux`) and targets (`postgresql:main`) that were inspected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The only checks, capabilities, milestones and tasks that were judged, as ids or patterns of ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Those that were left out, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// The least impact of the checks that were judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_impact: Option<Impact>,
}

impl Selection {
    /// Whether nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.targets.is_empty() && self.only.is_empty() && self.except.is_empty() && self.min_impact.is_none()
    }
}

impl Report {
    /// What the report is limited to, for example `only linux`; `None` for a full scan of the running host.
    ///
    /// Only a full report says how the host stands: a partial one never replaces one, is never the latest, and is sent
    /// only when asked for by name. The text holds names from the command line as they are.
    pub fn partial(&self) -> Option<String> {
        let Selection { targets, only, except, min_impact } = &self.selection;
        let mut parts = Vec::new();
        match &self.origin {
            Origin::Live => {}
            Origin::Root { path } => parts.push(format!("only the file system in {path}")),
            Origin::Bundle { path, .. } => parts.push(format!("only the support bundle {path}")),
            Origin::Facts { path } => parts.push(format!("only the facts in {path}")),
        }
        if !targets.is_empty() {
            parts.push(format!("only {}", listed(targets)));
        }
        if !only.is_empty() {
            parts.push(format!("only the check{} {}", plural(only), listed(only)));
        }
        if !except.is_empty() {
            parts.push(format!("without the check{} {}", plural(except), listed(except)));
        }
        if let Some(least) = min_impact {
            parts.push(format!("only checks of at least {least} impact"));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn plural(names: &[String]) -> &'static str {
    if names.len() == 1 { "" } else { "s" }
}

/// `a`, `a and b`, `a, b, c and 4 more`.
fn listed(names: &[String]) -> String {
    let (first, more) = names.split_at(names.len().min(NAMED));
    match (first, more.len()) {
        ([all @ .., last], 0) if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        (all, 0) => all.join(", "),
        (all, more) => format!("{} and {more} more", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(origin: Origin, targets: &[&str], only: &[&str], except: &[&str]) -> Option<String> {
        let mut report: Report = serde_json::from_str(include_str!("../samples/report-2.json")).unwrap();
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        report.origin = origin;
        report.selection =
            Selection { targets: owned(targets), only: owned(only), except: owned(except), min_impact: None };
        report.partial()
    }

    #[test]
    fn only_a_scan_of_the_live_host_that_leaves_nothing_out_is_full() {
        let live = |targets: &[&str], only: &[&str], except: &[&str]| {
            partial(Origin::Live, targets, only, except).unwrap_or_default()
        };
        assert_eq!(partial(Origin::Live, &[], &[], &[]), None);
        assert_eq!(live(&["linux"], &[], &[]), "only linux");
        assert_eq!(live(&["a", "b:c"], &["a.x"], &[]), "only a and b:c, only the check a.x");
        assert_eq!(live(&[], &["1", "2", "3", "4", "5"], &[]), "only the checks 1, 2, 3 and 2 more");
        assert_eq!(live(&[], &[], &["a.x", "a.y", "a.z"]), "without the checks a.x, a.y and a.z");
        let elsewhere = [
            (Origin::Root { path: "/mnt".into() }, "only the file system in /mnt"),
            (Origin::Facts { path: "f".into() }, "only the facts in f"),
        ];
        for (origin, words) in elsewhere {
            assert_eq!(partial(origin, &[], &[], &[]).as_deref(), Some(words));
        }
    }
}
