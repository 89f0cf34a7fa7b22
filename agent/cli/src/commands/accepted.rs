//! What is accepted, as far as a scan can see it.
//!
//! Waivers hold for every scan with this state, also of a folder or of saved facts. That one fits nothing is told only
//! by a scan of the live host: other systems have other targets.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_engine::{Accepted, Assessment, Idle, Waivers};
use goodstead_model::{CauseKind, Judgement, Origin, Verdict};

use super::chosen::Chosen;
use crate::render::words::day;
use crate::state::State;

/// The waivers of what a scan looks at: the chosen checks, and the plugins and targets in `wanted`.
pub(super) fn in_sight(
    state: Option<&State>,
    chosen: &Chosen,
    wanted: &BTreeMap<String, BTreeSet<String>>,
    time: &str,
) -> Waivers {
    let mut all = state.and_then(|state| state.waivers().ok()).unwrap_or_default();
    all.retain(|accepted| {
        let names = wanted.get(plugin(accepted));
        let name = accepted.target.as_ref().and_then(|target| target.split_once(':')).map(|(_, name)| name);
        let looked =
            names.is_some_and(|names| names.is_empty() || name.is_none_or(|name| names.contains(name)));
        looked && chosen.includes(&accepted.check)
    });
    Waivers { all, today: day(time).to_owned() }
}

/// What can be said of waivers that do nothing, one sentence each.
pub(super) fn idle<'a>(found: &'a Assessment, origin: &'a Origin) -> impl Iterator<Item = String> + 'a {
    let live = *origin == Origin::Live;
    found.idle.iter().filter_map(move |idle| {
        let (accepted, what) = match idle {
            Idle::Expired(accepted) => {
                let until = &accepted.waiver.until;
                (accepted, format!("expired after {until} and is not needed any more"))
            }
            Idle::Unmatched(accepted) if live && was_seen(found, accepted) => {
                (accepted, "fits no check and target of this scan".to_owned())
            }
            Idle::Unmatched(_) => return None,
        };
        let Accepted { check, target, .. } = accepted;
        let (on, option) = match target {
            Some(target) => (format!(" on {target}"), format!(" --target {target}")),
            None => Default::default(),
        };
        Some(format!(
            "the waiver of {check}{on} {what}; `goodstead waive --remove {check}{option}` takes it away"
        ))
    })
}

/// Whether the accepted check's plugin could tell what there is. One that fails can leave targets out; before it finds
/// any, a target in its own name stands for them all, of which nothing is known.
fn was_seen(found: &Assessment, accepted: &Accepted) -> bool {
    let plugin = plugin(accepted);
    let of = || found.judgements.iter().filter(|one| one.target.split(':').next() == Some(plugin));
    let failed = |one: &Judgement| {
        let kind = one.cause.as_ref().map(|cause| cause.kind);
        matches!(kind, Some(CauseKind::PluginFailed | CauseKind::TimedOut))
    };
    let judged = of().any(|one| matches!(one.verdict, Verdict::Pass | Verdict::Fail | Verdict::Waived));
    !of().any(failed) && (judged || of().next().is_none())
}

fn plugin(accepted: &Accepted) -> &str {
    accepted.check.split('.').next().unwrap_or_default()
}
