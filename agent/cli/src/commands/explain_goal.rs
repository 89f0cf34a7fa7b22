//! `goodstead explain ID` of a capability, a milestone or a task.

use std::fmt::Write;

use goodstead_engine::Goal;

use super::explain::{BOLD, DIM};
use crate::installation::Installation;
use crate::state::State;

/// All there is to say about it, and how it last went here.
pub(super) fn text(goal: Goal<'_>, installation: &Installation) -> String {
    let head = goal.head();
    let mut text = String::new();
    let mut put = |line: String| text.push_str(&(line + "\n"));
    put(format!("{BOLD}{}{BOLD:#}", head.title));
    put(format!("{DIM}{}, {}, since {}{DIM:#}", head.id, goal.kind(), head.since));
    put(format!("{DIM}{}{DIM:#}", head.file));
    put(format!("\n{BOLD}What it is good for{BOLD:#}\n{}", head.why.trim()));
    put(format!(
        "\n{BOLD}What to do{BOLD:#} (values in braces are computed for the site)\n{}",
        head.remedy.source().trim()
    ));
    put(format!("\n{BOLD}How it is judged{BOLD:#}"));
    for (name, source) in judged(goal) {
        put(format!("  {name:<12} {}", source.trim().replace('\n', "\n               ")));
    }
    if matches!(goal, Goal::Capability(_)) {
        put("  Only where an entitlement says that it is licensed.".to_owned());
    }
    if !head.links.is_empty() {
        put(format!("\n{BOLD}Read{BOLD:#}"));
    }
    for link in &head.links {
        put(format!("  {}: {}", link.title, link.url));
    }
    last_time(&mut text, &head.id, installation);
    text
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

/// How it last went is an extra; without a state there is none.
fn last_time(text: &mut String, id: &str, installation: &Installation) {
    let last =
        State::open_existing(&installation.state_file()).and_then(|state| state.report(None).ok().flatten());
    let Some(report) = last.and_then(|kept| kept.parse().ok()) else { return };
    let mut lines = Vec::new();
    if let Some(adoption) = &report.adoption {
        let here = adoption.capabilities.iter().filter(|one| one.id == id);
        lines.extend(here.map(|one| (&adoption.entitlement.deployment, one.stage.to_string(), &one.cause)));
    }
    let here = report.milestones.iter().filter(|one| one.id == id);
    lines.extend(here.map(|one| (&one.deployment, one.state.to_string(), &one.cause)));
    let here = report.tasks.iter().filter(|one| one.id == id);
    lines.extend(here.map(|one| {
        let counts = match (one.attempts, one.completions) {
            (Some(attempts), Some(completions)) => format!("{completions} of {attempts} completed"),
            _ => "unknown".to_owned(),
        };
        (&one.deployment, counts, &one.cause)
    }));
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{BOLD}Here, on {}{BOLD:#}", report.time);
    }
    for (deployment, state, cause) in lines {
        let why = cause.as_ref().map_or(String::new(), |cause| format!(", because {cause}"));
        let _ = writeln!(text, "  {deployment}: {state}{why}");
    }
}
