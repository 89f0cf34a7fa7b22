//! The report for a person at a terminal: readiness and what to do first, then what is wrong by points, then what is
//! accepted, how far the customer has come, and what could not be judged. Of each finding: what, do, why, seen.

use anstyle::Style;
use goodstead_model::{Impact, Judgement, Range, Report, Target, TargetScore};

use super::face::{Detail, Look};
use super::page::{BOLD, DIM, GREEN, Page, RED, YELLOW, ascii, bar, grade, shortened};
use super::unjudged::{self, Unjudged};
use super::value::{observed, plain};
use super::words::{
    NOT_YET, basis, count, coverage, headline, looked_at, moment, partial, points_and_gain, range, stays,
};

/// The report as it is looked at.
pub(crate) fn report(report: &Report, look: &Look) -> String {
    let mut page = Page::new(look.width);
    page.head(report);
    if look.detail == Detail::Quiet {
        page.titles(report);
    } else {
        if look.detail == Detail::Verbose {
            page.shown = usize::MAX;
        }
        page.targets(report);
        page.findings(report);
        page.waived(report);
        page.progress(report, look.detail == Detail::Verbose);
        page.not_judged(report);
        page.not_yet_judged(report);
        page.warnings(report);
        if look.detail == Detail::Verbose {
            page.verdicts(report);
            page.rules(report);
        }
        page.access(report);
    }
    if look.unicode { page.text } else { ascii(&page.text) }
}

impl Page {
    fn head(&mut self, report: &Report) {
        let said = format!(
            "{BOLD}Goodstead{BOLD:#} checked {} on {}",
            plain(&looked_at(report)),
            plain(&moment(&report.time))
        );
        self.wrapped_styled("", "", &said);
        if let Some(partial) = partial(report) {
            let said = format!(
                "{partial}. It does not say how the whole host stands, and does not replace what does."
            );
            self.wrapped_in(YELLOW, "", "", &said);
        }
        if let Some(basis) = basis(report) {
            self.wrapped("", "", &format!("{basis}."));
        }
        put!(self, "");
        let readiness = report.readiness.as_ref();
        let style = readiness.map_or(DIM, |readiness| grade(readiness.range.high));
        let hang = if self.narrow() { "    " } else { "             " };
        self.wrapped_in(style, &format!("  {BOLD}Readiness{BOLD:#}  "), hang, &headline(readiness));
        if let Some(readiness) = readiness {
            if !self.narrow() {
                put!(self, "{hang}{style}{}{style:#}", bar(readiness.range, 40));
            }
            self.wrapped(&format!("  {BOLD}Coverage{BOLD:#}   "), hang, &coverage(readiness));
        }
        if let Some(first) = unjudged::of(report).first(report) {
            put!(self, "");
            self.wrapped_in(BOLD, "  ", "  ", &format!("Do this first (unlocks {}):", first.unlocks));
            if self.narrow() {
                self.wrapped("    ", "    ", first.command);
            } else {
                // A command that is broken into lines cannot be copied.
                put!(self, "    {}", plain(first.command));
            }
        }
    }

    /// A score as a bar and two blanks, where there is room.
    fn drawn(&self, range: Range, style: Style) -> String {
        match self.cells() {
            0 => String::new(),
            cells => format!("{style}{}{style:#}  ", bar(range, cells)),
        }
    }

    fn targets(&mut self, report: &Report) {
        if report.targets.is_empty() {
            return;
        }
        put!(self, "");
        let widest = report.targets.iter().map(|target| plain(&target.id).chars().count()).max().unwrap_or(0);
        // Areas stand beneath their target, in the same column.
        let column = widest.clamp(15, 40);
        let beside = if self.cells() > 0 { self.cells() + 2 } else { 0 };
        let worst = report.readiness.as_ref().and_then(|readiness| readiness.worst.as_deref());
        for target in &report.targets {
            let mark = if worst == Some(target.id.as_str()) { "  <- weakest" } else { "" };
            let (score, drawn, style) = match &target.score {
                Some(score) => {
                    let style = grade(score.range.high);
                    (range(score.range), self.drawn(score.range, style), style)
                }
                None => ("not judged".to_owned(), " ".repeat(beside), DIM),
            };
            if self.narrow() {
                self.wrapped(&format!("  {style}{score}{style:#} "), "    ", &format!("{}{mark}", target.id));
            } else {
                let before = column + beside + 18 + mark.len();
                let title = shortened(&plain(&target.title), self.width.saturating_sub(before).max(12));
                let line = format!(
                    "  {:column$}  {drawn}{style}{score:>12}{style:#}  {DIM}{title}{DIM:#}{mark}",
                    plain(&target.id)
                );
                put!(self, "{}", line.trim_end());
            }
            for score in target.score.iter().filter(|score| score.areas.len() > 1) {
                self.areas(score, column);
            }
        }
        for note in report.targets.iter().flat_map(|target: &Target| &target.notes) {
            self.wrapped("  note: ", "        ", note);
        }
    }

    fn areas(&mut self, score: &TargetScore, column: usize) {
        for area in &score.areas {
            let style = grade(area.range.high);
            if self.narrow() {
                put!(self, "    {DIM}{}{DIM:#} {}", area.area, range(area.range));
                continue;
            }
            put!(
                self,
                "    {DIM}{:<width$}{DIM:#}  {}{:>12}",
                area.area,
                self.drawn(area.range, style),
                range(area.range),
                width = column.saturating_sub(2)
            );
        }
    }

    /// The findings in a line each.
    fn titles(&mut self, report: &Report) {
        let findings: Vec<_> = report.findings().collect();
        if !findings.is_empty() {
            put!(self, "");
        }
        for finding in findings {
            let style = impact_style(finding.impact);
            let first = format!("{style}{:>6.1}{style:#}  ", -finding.points);
            self.wrapped(
                &first,
                self.margin(),
                &format!("{} ({} on {})", finding.title, finding.id, finding.target),
            );
        }
    }

    fn findings(&mut self, report: &Report) {
        let findings: Vec<_> = report.findings().collect();
        put!(self, "");
        if findings.is_empty() {
            if report.readiness.is_some() {
                let but = if report.waived().next().is_some() { " but what is waived" } else { "" };
                put!(self, "{GREEN}No findings{but}.{GREEN:#}");
            }
            return;
        }
        let said = format!("{BOLD}{}{BOLD:#}, most costly first", count(findings.len(), "finding"));
        self.wrapped_styled("", "  ", &said);
        if let Some(note) = points_and_gain(report) {
            self.wrapped_in(DIM, "", "", note);
        }
        for finding in findings {
            self.finding(finding);
        }
    }

    fn finding(&mut self, finding: &Judgement) {
        self.finding_head(finding);
        if let Some(waiver) = &finding.waiver {
            let text =
                format!("waived until {}, which is over, by {}: {}", waiver.until, waiver.who, waiver.why);
            self.labelled("Note", &text);
        }
        if let Some(event) = &finding.event {
            self.labelled("When", &stays(event));
        }
        self.items(finding);
        self.prose("Do", &finding.remedy);
        if finding.gain > 0.0 {
            self.labelled("Gain", &format!("{:+.1} points when only this is fixed", finding.gain));
        }
        self.prose("Why", &finding.why);
        self.seen(finding);
        for link in &finding.links {
            self.labelled("Read", &format!("{}: {}", link.title, link.url));
        }
    }

    /// The items that it is about.
    pub(super) fn items(&mut self, finding: &Judgement) {
        if !finding.items.is_empty() {
            self.labelled("Where", &self.some(&finding.items));
        }
    }

    /// What was observed.
    pub(super) fn seen(&mut self, finding: &Judgement) {
        let lines = observed(&finding.evidence);
        for line in lines.iter().take(self.shown) {
            self.labelled("Seen", line);
        }
        let more = lines.len().saturating_sub(self.shown);
        if more > 0 {
            self.labelled("Seen", &format!("and {more} more, with --verbose"));
        }
    }

    fn finding_head(&mut self, finding: &Judgement) {
        put!(self, "");
        let style = impact_style(finding.impact);
        let local = if finding.local { ", local check" } else { "" };
        let first = format!("{style}{:>6.1}{style:#}  ", -finding.points);
        self.wrapped_in(BOLD, &first, self.margin(), &finding.title);
        let said = format!(
            "{} on {}, {} impact, {} likelihood{local}",
            finding.id, finding.target, finding.impact, finding.likelihood
        );
        self.wrapped_in(DIM, self.margin(), self.margin(), &said);
    }

    /// What is accepted: named and costed, without the advice that was declined.
    fn waived(&mut self, report: &Report) {
        let waived: Vec<_> = report.waived().collect();
        if waived.is_empty() {
            return;
        }
        put!(self, "");
        let said = format!("{} waived, not fixed: the points stay lost", count(waived.len(), "finding"));
        self.wrapped_in(BOLD, "", "", &said);
        for finding in waived {
            self.finding_head(finding);
            if let Some(waiver) = &finding.waiver {
                let text = format!("waived until {}, by {}: {}", waiver.until, waiver.who, waiver.why);
                self.labelled("Note", &text);
            }
            self.items(finding);
            self.seen(finding);
        }
    }

    fn not_judged(&mut self, report: &Report) {
        let Unjudged { checks, causes } = unjudged::of(report);
        if causes.is_empty() {
            return;
        }
        put!(self, "");
        let said = match checks {
            0 => format!("{BOLD}Not known{BOLD:#}"),
            _ => format!("{BOLD}{}{BOLD:#} could not be judged", count(checks, "check")),
        };
        self.wrapped_styled("", "  ", &said);
        for cause in causes {
            put!(self, "");
            let first = if self.narrow() { "? ".to_owned() } else { format!("   {YELLOW}?{YELLOW:#}    ") };
            let what = format!("{}: {}", self.some(&cause.targets), cause.detail(self.shown));
            self.wrapped(&first, self.margin(), &what);
            if let Some(remedy) = cause.remedy {
                self.labelled("Do", remedy);
            }
            self.labelled("Blocks", &format!("{}: {}", cause.blocked(), self.some(&cause.ids())));
        }
    }

    fn not_yet_judged(&mut self, report: &Report) {
        let ids: Vec<_> = report.not_yet_judged().map(|one| one.id.as_str()).collect();
        if !ids.is_empty() {
            put!(self, "");
            let said = format!("{BOLD}{}{BOLD:#} {NOT_YET}", count(ids.len(), "check"));
            self.wrapped_styled("", "  ", &said);
            self.wrapped(self.margin(), self.margin(), &self.some(&ids));
        }
    }

    fn warnings(&mut self, report: &Report) {
        if report.warnings.is_empty() {
            return;
        }
        put!(self, "");
        put!(self, "{BOLD}Notes{BOLD:#}");
        for warning in &report.warnings {
            self.wrapped("  - ", "    ", warning);
        }
    }
}

fn impact_style(impact: Impact) -> Style {
    match impact {
        Impact::Critical | Impact::High => RED,
        Impact::Medium => YELLOW,
        Impact::Low => Style::new(),
    }
}
