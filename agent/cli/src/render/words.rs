//! What every face says in the same words: readiness, counts, how an area, a capability or a task stands.

use goodstead_model::{
    CauseKind, Event, Judgement, Origin, POINTS_AND_GAIN, Range, Readiness, Report, Task, Verdict, percent,
    shown,
};
use goodstead_protocol::fact::Cause;

/// What was looked at.
pub(crate) fn looked_at(report: &Report) -> String {
    match &report.origin {
        Origin::Live => report.host.clone().unwrap_or_else(|| "this host".to_owned()),
        Origin::Root { path } => format!("the file system in {path}"),
        Origin::Bundle { path, .. } => format!("the support bundle {path}"),
        Origin::Facts { path } => format!("the facts in {path}"),
    }
}

/// `partial: only linux`; nothing for a report that says how the whole host stands.
pub(crate) fn partial(report: &Report) -> Option<String> {
    report.partial().map(|limit| format!("partial: {limit}"))
}

/// What the verdicts rest on where they do not rest on a running host: files, or the outputs in a support bundle. Also how many
/// checks do not apply for that reason.
pub(crate) fn basis(report: &Report) -> Option<String> {
    // What does not apply to what is in a container says nothing of the host.
    let contained = |id: &str| report.targets.iter().any(|it| it.id == id && it.container.is_some());
    let needs_the_host = |one: &&Judgement| {
        let cause = one.cause.as_ref();
        one.verdict == Verdict::NotApplicable
            && !contained(&one.target)
            && cause.is_some_and(|it| it.kind == CauseKind::NotApplicableHere)
    };
    let left_out = report.verdicts.iter().filter(needs_the_host).count();
    let from = match &report.origin {
        Origin::Root { .. } => "From files, as they decide the next start; nothing runs here".to_owned(),
        Origin::Bundle { made, .. } => {
            format!(
                "From a bundle made at {}: what the host recorded then, and ages at that time",
                moment(made)
            )
        }
        Origin::Live | Origin::Facts { .. } if left_out == 0 => return None,
        Origin::Live | Origin::Facts { .. } => "From files, not from a running host".to_owned(),
    };
    Some(match left_out {
        0 => from,
        1 => format!("{from}. 1 check needs the running host and does not apply"),
        more => format!("{from}. {more} checks need the running host and do not apply"),
    })
}

/// When: `2026-11-22 03:24:34 UTC`.
pub(crate) fn moment(time: &str) -> String {
    time.replace('T', " ").replace('Z', " UTC")
}

/// The day of an RFC 3339 time in UTC.
pub(crate) fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or_default()
}

/// Readiness in words that cannot mislead: one number only where it can be trusted.
pub(crate) fn headline(readiness: Option<&Readiness>) -> String {
    let Some(readiness) = readiness else { return "not available: nothing could be judged".to_owned() };
    match readiness.single {
        Some(single) => shown(single),
        None => format!(
            "at most {}; {} not judged, so it may be as low as {}",
            shown(readiness.range.high),
            count(readiness.unknown, "check"),
            shown(readiness.range.low)
        ),
    }
}

/// Of how much that was said.
pub(crate) fn coverage(readiness: &Readiness) -> String {
    let judged = readiness.failed + readiness.waived + readiness.passed;
    let all = judged + readiness.unknown;
    let waived = if readiness.waived > 0 { format!(", {} waived", readiness.waived) } else { String::new() };
    let later = match readiness.not_yet_judged {
        0 => String::new(),
        1 => "; 1 more needs an earlier scan".to_owned(),
        more => format!("; {more} more need an earlier scan"),
    };
    format!(
        "{} %: {judged} of {} judged, {} failed{waived}{later}",
        percent(readiness.coverage),
        count(all, "applicable check"),
        readiness.failed
    )
}

/// When an event was last seen, and how long its finding stays.
pub(crate) fn stays(event: &Event) -> String {
    let Event { last_seen, keep_hours } = event;
    format!(
        "Last seen by the scan of {}; it stays a finding for {keep_hours} hours after that",
        moment(last_seen)
    )
}

/// Why some checks wait, and until when.
pub(crate) const NOT_YET: &str = "without an earlier scan to compare with: to be judged at the next full one, and not counted in any number";

/// A score: one number where both ends are the same.
pub(crate) fn range(range: Range) -> String {
    match range.shown() {
        (one, None) => one,
        (low, Some(high)) => format!("{low}..{high}"),
    }
}

/// Why points and gain are two numbers, where they are for any finding.
pub(crate) fn points_and_gain(report: &Report) -> Option<&'static str> {
    let differ = |one: &Judgement| format!("{:.1}", one.points) != format!("{:.1}", one.gain);
    report.findings().any(differ).then_some(POINTS_AND_GAIN)
}

/// `1 check`, `2 checks`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Why something is not known.
pub(crate) fn because(cause: Option<&Cause>) -> String {
    cause.map_or_else(|| "no cause is known".to_owned(), ToString::to_string)
}

/// How often a task was completed; `None` when that is not known.
pub(crate) fn counts(task: &Task) -> Option<String> {
    let window = format!("in the last {} days", task.window_days);
    let since =
        task.counted_since.as_deref().map_or(String::new(), |time| format!(", counted since {}", day(time)));
    match (task.attempts, task.completions, &task.cause) {
        (Some(0), _, _) => Some(format!("none attempted {window}{since}")),
        (Some(attempts), Some(completions), _) => {
            let share = 100.0 * completions as f64 / attempts as f64;
            Some(format!("{completions} of {attempts} completed {window} ({share:.0} %){since}"))
        }
        (_, _, Some(cause)) if cause.kind == CauseKind::NoPreviousScan => {
            Some("counted from this scan on".to_owned())
        }
        _ => None,
    }
}

/// A yes, a no, or neither.
pub(crate) fn answer(known: Option<bool>) -> &'static str {
    match known {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    }
}
