//! How far the customer has come, as a report's page shows it: the adoption chain, milestones and tasks.

use goodstead_model::{Adoption, Capability, Cause, Milestone, Reached, Report, Stage, Task};
use goodstead_page::markdown;

use super::words::decimal;

/// What there is to show; all empty where the report says nothing of it.
pub(super) struct Progress {
    pub(super) adoption: Option<Chain>,
    /// Title with deployment, how it stands, points, why or what to do.
    pub(super) milestones: Vec<Line>,
    pub(super) tasks: Vec<Line>,
}

pub(super) struct Chain {
    pub(super) customer: String,
    pub(super) deployment: String,
    pub(super) valid_until: String,
    pub(super) capabilities: Vec<Line>,
}

/// One capability, milestone or task.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) deployment: String,
    /// How it stands, in words.
    pub(super) state: String,
    /// The colour of that: `good`, `fair`, `poor` or `none`.
    pub(super) tone: &'static str,
    /// The lost points; absent where there are none.
    pub(super) points: Option<String>,
    /// What stands in the way, or why it is not known.
    pub(super) because: Option<String>,
    /// Markup that `markdown` made.
    pub(super) remedy: String,
}

impl Progress {
    /// Of each list, at most `each` entries behind the first `skipped`.
    pub(super) fn new(report: &Report, skipped: usize, each: usize) -> Progress {
        Progress {
            adoption: report.adoption.as_ref().map(|adoption| chain(adoption, skipped, each)),
            milestones: report.milestones.iter().skip(skipped).take(each).map(milestone).collect(),
            tasks: report.tasks.iter().skip(skipped).take(each).map(task).collect(),
        }
    }

    /// The length of the longest list.
    pub(super) fn longest(report: &Report) -> usize {
        let capabilities = report.adoption.as_ref().map_or(0, |adoption| adoption.capabilities.len());
        capabilities.max(report.milestones.len()).max(report.tasks.len())
    }
}

fn chain(adoption: &Adoption, skipped: usize, each: usize) -> Chain {
    let of = &adoption.entitlement;
    let shown = adoption.capabilities.iter().skip(skipped).take(each);
    Chain {
        customer: of.customer.clone(),
        deployment: of.deployment.clone(),
        valid_until: of.valid_until.clone(),
        capabilities: shown.map(|one| capability(one, &of.deployment)).collect(),
    }
}

fn capability(one: &Capability, deployment: &str) -> Line {
    let extent = one.extent.map_or(String::new(), |extent| format!(", {:.0} %", 100.0 * extent));
    let tone = match one.stage {
        Stage::Used => "good",
        Stage::PartlyUsed => "fair",
        Stage::NotConfigured | Stage::NotUsed => "poor",
        Stage::Unknown | Stage::NotApplicable => "none",
    };
    let stuck = one.stuck_on.as_ref();
    let stuck = stuck.map(|on| format!("stuck on {} on {}: {}", on.id, on.target, on.title));
    Line {
        id: one.id.clone(),
        title: one.title.clone(),
        deployment: deployment.to_owned(),
        state: match one.stage {
            Stage::PartlyUsed | Stage::Used => format!("{}{extent}", one.stage),
            stage => stage.to_string(),
        },
        tone,
        points: points(one.points),
        // The finding has its own advice.
        remedy: if stuck.is_some() { String::new() } else { markdown::render(&one.remedy) },
        because: stuck.or_else(|| cause(one.cause.as_ref())),
    }
}

fn milestone(one: &Milestone) -> Line {
    let day = one.first_seen.as_deref().and_then(|time| time.get(..10));
    Line {
        id: one.id.clone(),
        title: one.title.clone(),
        deployment: one.deployment.clone(),
        state: day.map_or_else(|| one.state.to_string(), |day| format!("{}, seen {day}", one.state)),
        tone: match one.state {
            Reached::Reached => "good",
            Reached::NotReached => "poor",
            Reached::Unknown => "none",
        },
        points: points(one.points),
        because: cause(one.cause.as_ref()),
        remedy: markdown::render(&one.remedy),
    }
}

fn task(one: &Task) -> Line {
    let days = one.window_days;
    let (state, tone) = match (one.attempts, one.completions) {
        (Some(0), _) => (format!("none attempted in the last {days} days"), "none"),
        (Some(attempts), Some(completions)) => (
            format!("{completions} of {attempts} completed in the last {days} days"),
            if completions == attempts { "good" } else { "fair" },
        ),
        _ => ("not known".to_owned(), "none"),
    };
    let since = one.counted_since.as_deref().and_then(|time| time.get(..10));
    let since = since.map_or(String::new(), |day| format!(", counted since {day}"));
    Line {
        id: one.id.clone(),
        title: one.title.clone(),
        deployment: one.deployment.clone(),
        state: state + &since,
        tone,
        points: points(one.points),
        because: cause(one.cause.as_ref()),
        remedy: markdown::render(&one.remedy),
    }
}

fn cause(cause: Option<&Cause>) -> Option<String> {
    cause.map(|cause| format!("not known: {cause}"))
}

fn points(points: f64) -> Option<String> {
    (points > 0.0).then(|| decimal(points))
}
