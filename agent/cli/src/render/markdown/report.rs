//! The report as Markdown: the same order as on a terminal.

use std::fmt::Write;

use goodstead_model::{Adoption, Capability, Judgement, Milestone, Reached, Report, Stage, Task};

use super::blocks::{self, Content, Inline};
use super::escape::{code, fence, line, link, text};
use crate::render::unjudged::{self, Unjudged};
use crate::render::value::observed;
use crate::render::words::{
    NOT_YET, answer, basis, count, counts, coverage, day, headline, looked_at, moment, partial,
    points_and_gain, range, stays,
};

/// Writing to a `String` cannot fail.
macro_rules! put {
    ($out:expr, $($rest:tt)*) => { let _ = writeln!($out, $($rest)*); };
}

/// The whole report.
pub(crate) fn report(report: &Report) -> String {
    let mut out = String::new();
    put!(out, "# Goodstead: {}, {}\n", text(&looked_at(report)), text(&moment(&report.time)));
    if let Some(basis) = basis(report) {
        put!(out, "{}.\n", text(&basis));
    }
    if let Some(partial) = partial(report) {
        put!(out, "**{}**\n", text(&partial));
    }
    put!(out, "**Readiness** {}  ", headline(report.readiness.as_ref()));
    if let Some(readiness) = &report.readiness {
        put!(out, "**Coverage** {}", coverage(readiness));
    }
    if let Some(first) = unjudged::of(report).first(report) {
        put!(out, "\n**Do this first** (unlocks {}): {}", first.unlocks, code(first.command));
    }
    targets(&mut out, report);
    findings(&mut out, report);
    waived(&mut out, report);
    if let Some(adoption) = &report.adoption {
        self::adoption(&mut out, adoption);
    }
    milestones(&mut out, &report.milestones);
    tasks(&mut out, &report.tasks);
    not_judged(&mut out, report);
    not_yet_judged(&mut out, report);
    if !report.warnings.is_empty() {
        put!(out, "\n## Notes\n");
        for warning in &report.warnings {
            put!(out, "- {}", line(warning));
        }
    }
    out
}

fn targets(out: &mut String, report: &Report) {
    if report.targets.is_empty() {
        return;
    }
    let worst = report.readiness.as_ref().and_then(|readiness| readiness.worst.as_deref());
    put!(out, "\n| Target | Readiness | Areas | |\n|---|--:|---|---|");
    for target in &report.targets {
        let (score, areas) = match &target.score {
            Some(score) => {
                let areas = score.areas.iter().map(|area| format!("{} {}", area.area, range(area.range)));
                (range(score.range), areas.collect::<Vec<_>>().join(", "))
            }
            None => ("not judged".to_owned(), String::new()),
        };
        let mark = if worst == Some(target.id.as_str()) { " (weakest)" } else { "" };
        put!(out, "| {} | {score} | {areas} | {}{mark} |", text(&target.id), text(&target.title));
    }
    let notes: Vec<_> = report.targets.iter().flat_map(|target| &target.notes).collect();
    if !notes.is_empty() {
        put!(out, "");
    }
    for note in notes {
        put!(out, "- {}", line(note));
    }
}

fn findings(out: &mut String, report: &Report) {
    let findings: Vec<_> = report.findings().collect();
    if findings.is_empty() {
        if report.readiness.is_some() {
            put!(out, "\n## No findings");
        }
        return;
    }
    put!(out, "\n## {}, most costly first", count(findings.len(), "finding"));
    if let Some(note) = points_and_gain(report) {
        put!(out, "\n{note}");
    }
    for finding in findings {
        head(out, finding);
        if let Some(waiver) = &finding.waiver {
            let said =
                format!("waived until {}, which is over, by {}: {}", waiver.until, waiver.who, waiver.why);
            put!(out, "\n**Note** {}", text(&said));
        }
        if let Some(event) = &finding.event {
            put!(out, "\n**When** {}", text(&stays(event)));
        }
        items(out, finding);
        prose(out, "What to do", &finding.remedy);
        if finding.gain > 0.0 {
            put!(out, "\n**Gain** {:+.1} points when only this is fixed", finding.gain);
        }
        prose(out, "Why", &finding.why);
        seen(out, finding);
        if !finding.links.is_empty() {
            put!(out, "\n**Read**\n");
        }
        for one in &finding.links {
            put!(out, "- {}", link(&one.title, &one.url));
        }
    }
}

fn head(out: &mut String, finding: &Judgement) {
    put!(out, "\n### {:.1}: {}\n", -finding.points, text(&finding.title));
    let local = if finding.local { ", local check" } else { "" };
    put!(
        out,
        "{} on {}, {} impact, {} likelihood{local}",
        code(&finding.id),
        text(&finding.target),
        finding.impact,
        finding.likelihood
    );
}

fn items(out: &mut String, finding: &Judgement) {
    if !finding.items.is_empty() {
        let items: Vec<_> = finding.items.iter().map(|item| code(item)).collect();
        put!(out, "\n**Where** {}", items.join(", "));
    }
}

fn seen(out: &mut String, finding: &Judgement) {
    if !finding.evidence.is_empty() {
        put!(out, "\n**Seen**\n");
    }
    for line in observed(&finding.evidence) {
        put!(out, "- {}", code(&line));
    }
}

/// What a check says, in the blocks that it is made of.
fn prose(out: &mut String, label: &str, markdown: &str) {
    let blocks = blocks::read(markdown);
    if blocks.is_empty() {
        return;
    }
    put!(out, "\n**{label}**");
    for block in blocks {
        // Two digits and what follows them fit into four columns.
        let (outer, inner) = block.indents(4);
        put!(out, "");
        match block.content {
            Content::Text(parts) => {
                put!(out, "{outer}{}", paragraph(&parts));
            }
            Content::Code(language, lines) => {
                let fence = fence(&lines);
                let language: String = language.chars().filter(char::is_ascii_alphanumeric).collect();
                put!(out, "{outer}{fence}{language}");
                for line in lines {
                    put!(out, "{}", format!("{inner}{}", crate::render::value::plain(&line)).trim_end());
                }
                put!(out, "{inner}{fence}");
            }
        }
    }
}

fn paragraph(parts: &[Inline]) -> String {
    let mut written = String::new();
    for part in parts {
        match part {
            Inline::Text(said) if written.is_empty() => written.push_str(&line(said)),
            Inline::Text(said) => written.push_str(&text(said)),
            Inline::Code(said) => written.push_str(&code(said)),
        }
    }
    written.trim_end().to_owned()
}

fn waived(out: &mut String, report: &Report) {
    let waived: Vec<_> = report.waived().collect();
    if waived.is_empty() {
        return;
    }
    put!(out, "\n## {} waived, not fixed: the points stay lost", count(waived.len(), "finding"));
    for finding in waived {
        head(out, finding);
        if let Some(waiver) = &finding.waiver {
            let said = format!("waived until {}, by {}: {}", waiver.until, waiver.who, waiver.why);
            put!(out, "\n**Note** {}", text(&said));
        }
        items(out, finding);
        seen(out, finding);
    }
}

fn adoption(out: &mut String, adoption: &Adoption) {
    let of = &adoption.entitlement;
    put!(
        out,
        "\n## Adoption of what {} licensed for {}, until {}\n\n| Licensed | Configured | Used | Extent | Points | Stuck on |\n|---|---|---|--:|--:|---|",
        text(&of.customer),
        text(&of.deployment),
        text(&of.valid_until)
    );
    for one in &adoption.capabilities {
        let Capability { title, configured, used, extent, stage, points, stuck_on, .. } = one;
        let applies = *stage != Stage::NotApplicable;
        let told = |known| if applies { answer(known) } else { "-" };
        let extent = match extent {
            Some(extent) if applies => format!("{:.0} %", 100.0 * extent),
            None if applies => "?".to_owned(),
            _ => "-".to_owned(),
        };
        let stuck =
            stuck_on.as_ref().map_or(String::new(), |it| format!("{}: {}", text(&it.id), text(&it.title)));
        put!(
            out,
            "| {} | {} | {} | {extent} | {} | {stuck} |",
            text(title),
            told(*configured),
            told(*used),
            lost(*points)
        );
    }
    for one in &adoption.capabilities {
        next(out, &one.title, &one.remedy, one.stuck_on.is_none() && one.cause.is_none());
    }
}

fn milestones(out: &mut String, milestones: &[Milestone]) {
    if milestones.is_empty() {
        return;
    }
    let reached = milestones.iter().filter(|one| one.state == Reached::Reached).count();
    put!(out, "\n## Milestones: {reached} of {} reached\n", milestones.len());
    for one in milestones {
        let seen = one.first_seen.as_deref().filter(|_| one.state == Reached::Reached);
        let seen = seen.map_or(String::new(), |time| format!(", seen {}", text(day(time))));
        put!(
            out,
            "- {} of {}: {}{seen}{}",
            line(&one.title),
            text(&one.deployment),
            one.state,
            costs(one.points)
        );
    }
    for one in milestones {
        next(out, &one.title, &one.remedy, one.state == Reached::NotReached);
    }
}

fn tasks(out: &mut String, tasks: &[Task]) {
    if tasks.is_empty() {
        return;
    }
    put!(out, "\n## Tasks\n");
    for one in tasks {
        let counts = counts(one).unwrap_or_else(|| "not known".to_owned());
        put!(
            out,
            "- {} of {}: {}{}",
            line(&one.title),
            text(&one.deployment),
            text(&counts),
            costs(one.points)
        );
    }
    for one in tasks {
        next(out, &one.title, &one.remedy, one.completions < one.attempts);
    }
}

/// What to do about something of the adoption chain, a milestone or a task.
fn next(out: &mut String, title: &str, remedy: &str, open: bool) {
    if open && !remedy.is_empty() {
        put!(out, "\n### {}", text(title));
        prose(out, "What to do", remedy);
    }
}

fn lost(points: f64) -> String {
    if points > 0.0 { format!("{:.1}", -points) } else { String::new() }
}

fn costs(points: f64) -> String {
    if points > 0.0 { format!(" ({:.1} points)", -points) } else { String::new() }
}

fn not_judged(out: &mut String, report: &Report) {
    let Unjudged { checks, causes } = unjudged::of(report);
    if causes.is_empty() {
        return;
    }
    let said = if checks == 0 {
        "Not known".to_owned()
    } else {
        format!("{} could not be judged", count(checks, "check"))
    };
    put!(out, "\n## {said}\n");
    for cause in causes {
        let ids: Vec<_> = cause.ids().into_iter().map(code).collect();
        let help = cause.remedy.map_or(String::new(), |remedy| format!(" What to do: {}.", code(remedy)));
        let (targets, detail) = (cause.targets.join(", "), cause.detail(usize::MAX));
        put!(
            out,
            "- {}: {}.{help} Blocks {}: {}",
            line(&targets),
            text(&detail),
            cause.blocked(),
            ids.join(", ")
        );
    }
}

fn not_yet_judged(out: &mut String, report: &Report) {
    let waiting: Vec<_> = report.not_yet_judged().collect();
    if waiting.is_empty() {
        return;
    }
    put!(out, "\n## {} {NOT_YET}\n", count(waiting.len(), "check"));
    for one in waiting {
        put!(out, "- {}: {}", line(&one.target), code(&one.id));
    }
}

/// What to do and why a check matters, for those who embed that.
pub(crate) fn advice(why: &str, remedy: &str) -> String {
    let mut out = String::new();
    prose(&mut out, "What to do", remedy);
    prose(&mut out, "Why", why);
    out.trim_start().to_owned()
}
