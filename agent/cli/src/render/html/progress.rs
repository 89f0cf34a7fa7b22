//! How far the customer has come, as the page shows it: the adoption chain as pictures, milestones, tasks.

use goodstead_model::{
    Adoption, Capability, Cause, CauseKind, Link, Milestone, Obstacle, Reached, Report, Stage, Task,
};

use super::finding::{Anchors, web};
use super::markdown;
use super::meter::Meter;
use super::words::{percent, points};
use crate::render::words::day;

pub(super) struct Progress<'a> {
    pub(super) adoption: Option<Chain<'a>>,
    pub(super) milestones: Vec<Goal<'a>>,
    /// `2 of 3`.
    pub(super) reached: String,
    pub(super) tasks: Vec<Goal<'a>>,
}

/// Everything that was licensed.
pub(super) struct Chain<'a> {
    pub(super) of: &'a Adoption,
    /// How many came how far, from licensed to used in full: name, number, line.
    pub(super) funnel: Vec<(&'static str, usize, Meter)>,
    /// How many are stuck on a finding, and of how many it is not known how far they came.
    pub(super) stuck: usize,
    pub(super) unknown: usize,
    /// How many do not concern the deployment and are left out of the numbers.
    pub(super) elsewhere: usize,
    pub(super) links: Vec<Licensed<'a>>,
}

/// One licensed capability.
pub(super) struct Licensed<'a> {
    pub(super) goal: Goal<'a>,
    pub(super) stuck_on: Option<&'a Obstacle>,
    /// The finding's anchor, where it stands on this page.
    pub(super) anchor: Option<usize>,
    /// Licensed, configured, used.
    pub(super) nodes: [Node; 3],
    /// The picture in words.
    pub(super) label: String,
}

/// One link of the chain, as the picture has it.
pub(super) struct Node {
    /// Where on a line of 240.
    pub(super) x: u32,
    pub(super) name: &'static str,
    /// `yes`, `no`, `unknown` or `none`: the form of the node and of the line that leads to it.
    pub(super) state: &'static str,
    /// Where the line to it begins; absent for the first.
    pub(super) from: Option<u32>,
    /// Below the name: `40 %`.
    pub(super) note: String,
}

/// A capability, milestone or task: how it stands and what to do.
pub(super) struct Goal<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) deployment: &'a str,
    /// How it stands, in words.
    pub(super) state: String,
    /// `yes`, `no`, `part`, `unknown` or `none`: the form of its sign.
    pub(super) sign: &'static str,
    pub(super) meter: Option<Meter>,
    pub(super) points: Option<String>,
    pub(super) gain: Option<String>,
    pub(super) because: Option<&'a Cause>,
    /// Markup that `markdown` made.
    pub(super) why: String,
    /// Markup that `markdown` made.
    pub(super) remedy: String,
    pub(super) links: Vec<&'a Link>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(report: &'a Report, anchors: &Anchors<'_>) -> Progress<'a> {
        let reached = report.milestones.iter().filter(|one| one.state == Reached::Reached).count();
        Progress {
            adoption: report.adoption.as_ref().map(|adoption| Chain::new(adoption, anchors)),
            milestones: report.milestones.iter().map(milestone).collect(),
            reached: format!("{reached} of {}", report.milestones.len()),
            tasks: report.tasks.iter().map(task).collect(),
        }
    }
}

impl<'a> Chain<'a> {
    fn new(of: &'a Adoption, anchors: &Anchors<'_>) -> Chain<'a> {
        let concerned = of.capabilities.iter().filter(|one| one.stage != Stage::NotApplicable);
        let all = concerned.clone().count();
        let of_those = |fits: fn(&Capability) -> bool| concerned.clone().filter(|one| fits(one)).count();
        let step = |name, number: usize| {
            let share = if all == 0 { 0.0 } else { 100.0 * number as f64 / all as f64 };
            (name, number, Meter::exact(share, number.to_string()))
        };
        Chain {
            funnel: vec![
                step("Licensed", all),
                step("Configured", of_those(|one| one.configured == Some(true))),
                step("Used", of_those(|one| one.used == Some(true))),
                step("Used in full", of_those(|one| one.stage == Stage::Used)),
            ],
            stuck: of_those(|one| one.stuck_on.is_some()),
            unknown: of_those(|one| one.stage == Stage::Unknown),
            elsewhere: of.capabilities.len().saturating_sub(all),
            links: of
                .capabilities
                .iter()
                .map(|one| licensed(one, &of.entitlement.deployment, anchors))
                .collect(),
            of,
        }
    }
}

fn licensed<'a>(one: &'a Capability, deployment: &'a str, anchors: &Anchors<'_>) -> Licensed<'a> {
    let state = |known: Option<bool>| match (one.stage, known) {
        (Stage::NotApplicable, _) => "none",
        (_, Some(true)) => "yes",
        (_, Some(false)) => "no",
        (_, None) => "unknown",
    };
    let extent = one.extent.filter(|_| one.stage != Stage::NotApplicable);
    let extent = extent.map(|extent| percent(100.0 * extent)).unwrap_or_default();
    let node = |number: u32, name, state, note| Node {
        x: 40 + 80 * number,
        name,
        state,
        from: (number > 0).then(|| 40 + 80 * (number - 1) + 9),
        note,
    };
    let nodes = [
        node(
            0,
            "licensed",
            "yes",
            if one.quantity > 1 { format!("\u{d7}\u{a0}{}", one.quantity) } else { String::new() },
        ),
        node(1, "configured", state(one.configured), String::new()),
        node(2, "used", state(one.used), extent.clone()),
    ];
    let said = |node: &Node| match node.state {
        "yes" if node.name == "used" && !extent.is_empty() => format!("{} to {extent}", node.name),
        "yes" => node.name.to_owned(),
        "no" => format!("not {}", node.name),
        _ => format!("not known whether {}", node.name),
    };
    let label = match one.stage {
        Stage::NotApplicable => "licensed; does not concern this deployment".to_owned(),
        _ => nodes.iter().map(said).collect::<Vec<_>>().join(", "),
    };
    let stuck = one.stuck_on.as_ref();
    Licensed {
        goal: Goal {
            id: &one.id,
            title: &one.title,
            deployment,
            state: one.stage.to_string(),
            sign: match one.stage {
                Stage::Used => "yes",
                Stage::PartlyUsed => "part",
                Stage::NotConfigured | Stage::NotUsed => "no",
                Stage::Unknown => "unknown",
                Stage::NotApplicable => "none",
            },
            meter: None,
            points: points(one.points),
            gain: gain(one.gain),
            because: one.cause.as_ref(),
            why: markdown::render(&one.why),
            // What it is stuck on has its own advice.
            remedy: if stuck.is_some() { String::new() } else { markdown::render(&one.remedy) },
            links: web(&one.links),
        },
        anchor: stuck.and_then(|on| anchors.of(&on.id, &on.target)),
        stuck_on: stuck,
        nodes,
        label,
    }
}

fn milestone(one: &Milestone) -> Goal<'_> {
    Goal {
        id: &one.id,
        title: &one.title,
        deployment: &one.deployment,
        state: match (one.state, &one.first_seen) {
            (Reached::Unknown, _) => "not known".to_owned(),
            (state, Some(first)) => format!("{state}, seen {}", day(first)),
            (state, None) => state.to_string(),
        },
        sign: match one.state {
            Reached::Reached => "yes",
            Reached::NotReached => "no",
            Reached::Unknown => "unknown",
        },
        meter: None,
        points: points(one.points),
        gain: gain(one.gain),
        because: one.cause.as_ref(),
        why: markdown::render(&one.why),
        remedy: markdown::render(&one.remedy),
        links: web(&one.links),
    }
}

fn task(one: &Task) -> Goal<'_> {
    let window = format!("in the last {} days", one.window_days);
    let first = one.cause.as_ref().is_some_and(|cause| cause.kind == CauseKind::NoPreviousScan);
    let (state, sign, meter) = match (one.attempts, one.completions) {
        (Some(0), _) => (format!("none attempted {window}"), "none", None),
        (Some(attempts), Some(completions)) => {
            let share = 100.0 * completions as f64 / attempts as f64;
            let sign = match completions {
                _ if completions == attempts => "yes",
                0 => "no",
                _ => "part",
            };
            (
                format!("{completions} of {attempts} completed {window}"),
                sign,
                Some(Meter::exact(share, percent(share))),
            )
        }
        _ if first => ("counted from this scan on".to_owned(), "none", None),
        _ => ("not known".to_owned(), "unknown", None),
    };
    let since =
        one.counted_since.as_deref().map_or(String::new(), |time| format!(", counted since {}", day(time)));
    Goal {
        id: &one.id,
        title: &one.title,
        deployment: &one.deployment,
        state: state + &since,
        sign,
        meter,
        points: points(one.points),
        gain: gain(one.gain),
        because: one.cause.as_ref().filter(|_| !first),
        why: markdown::render(&one.why),
        remedy: markdown::render(&one.remedy),
        links: web(&one.links),
    }
}

fn gain(gain: f64) -> Option<String> {
    (gain > 0.0).then(|| format!("+{gain:.1}"))
}
