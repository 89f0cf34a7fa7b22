//! What there is to say about a capability, a milestone or a task.

use goodstead_engine::Goal;

use crate::render::explain::About;

/// What is true of it everywhere; the facts are added by whoever knows the contracts.
pub(super) fn about(goal: Goal<'_>) -> About<'_> {
    let head = goal.head();
    let licensed = match goal {
        Goal::Capability(_) => ", only where an entitlement says that it is licensed",
        Goal::Milestone(_) | Goal::Task(_) => "",
    };
    About {
        title: &head.title,
        kind: format!("{}, {}{licensed}, since {}", head.id, goal.kind(), head.since),
        file: &head.file,
        reason: "What it is good for",
        why: &head.why,
        remedy: head.remedy.source(),
        judged: judged(goal),
        facts: Vec::new(),
        links: &head.links,
        waived: Vec::new(),
    }
}

/// Its conditions by name.
fn judged(goal: Goal<'_>) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(applies) = &goal.head().applies {
        lines.push(("applies", applies.source().to_owned()));
    }
    match goal {
        Goal::Capability(one) => {
            lines.push(("configured", one.configured.source().to_owned()));
            lines.push(("used", one.used.source().to_owned()));
            lines.extend(one.extent.iter().map(|extent| ("extent", extent.source().to_owned())));
            lines.push(("weight", one.weight.to_string()));
            if !one.blocked_by.is_empty() {
                lines.push(("blocked by", one.blocked_by.join(", ")));
            }
        }
        Goal::Milestone(one) => lines.push(("reached", one.reached.source().to_owned())),
        Goal::Task(one) => {
            lines.push(("attempts", one.attempts.source().to_owned()));
            lines.push(("completions", one.completions.source().to_owned()));
            lines.push(("window", format!("{} days", one.window_days)));
        }
    }
    lines
}
