//! The report for a person at a terminal: readiness first, then what is wrong by points, then what is accepted, then what
//! could not be judged.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use goodstead_model::{Impact, Judgement, Origin, Range, Readiness, Report, Target};

use goodstead_protocol::contract::Unit;
use goodstead_protocol::fact::Fact;

use super::value::{plain, value};

/// Lines are no longer than this, however wide the terminal is: longer ones are hard to read.
const MAX_WIDTH: usize = 100;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();

/// How many evidence values of one finding are shown.
const SHOWN_EVIDENCE: usize = 8;

/// The width of the terminal on standard output, 80 without one.
pub(crate) fn width() -> usize {
    let columns =
        rustix::termios::tcgetwinsize(std::io::stdout()).map(|size| usize::from(size.ws_col)).unwrap_or(0);
    if columns == 0 { 80 } else { columns.clamp(40, MAX_WIDTH) }
}

/// The report in at most `width` columns.
pub(crate) fn report(report: &Report, width: usize) -> String {
    let mut page = Page { text: String::new(), width };
    page.head(report);
    page.targets(report);
    page.progress(report);
    page.findings(report);
    page.waived(report);
    page.not_judged(report);
    page.warnings(report);
    page.access(report);
    page.text
}

pub(super) struct Page {
    pub(super) text: String,
    pub(super) width: usize,
}

/// Writing to a `String` cannot fail.
macro_rules! put {
    ($page:expr, $($rest:tt)*) => { let _ = writeln!($page.text, $($rest)*); };
}

impl Page {
    fn head(&mut self, report: &Report) {
        let what = match &report.origin {
            Origin::Live => report.host.clone().unwrap_or_else(|| "this host".into()),
            Origin::Root { path } => format!("the file system in {path}"),
            Origin::Facts { path } => format!("the facts in {path}"),
        };
        put!(
            self,
            "{BOLD}Goodstead{BOLD:#} looked at {} on {}",
            plain(&what),
            report.time.replace('T', " ").replace('Z', " UTC")
        );
        put!(self, "");
        match &report.readiness {
            None => {
                put!(self, "  {BOLD}Readiness{BOLD:#}  no number: nothing could be judged");
            }
            Some(readiness) => self.readiness(readiness),
        }
    }

    fn readiness(&mut self, readiness: &Readiness) {
        let style = grade(readiness.range.high);
        put!(self, "  {BOLD}Readiness{BOLD:#}  {style}{}{style:#}", headline(readiness));
        let judged = readiness.failed + readiness.waived + readiness.passed;
        let all = judged + readiness.unknown;
        let waived =
            if readiness.waived > 0 { format!(", {} waived", readiness.waived) } else { String::new() };
        put!(
            self,
            "  {BOLD}Coverage{BOLD:#}   {:.0} %: {judged} of {} judged, {} failed{waived}",
            readiness.coverage,
            count(all, "applicable check"),
            readiness.failed
        );
    }

    fn targets(&mut self, report: &Report) {
        if report.targets.is_empty() {
            return;
        }
        put!(self, "");
        let id_width = report.targets.iter().map(|target| target.id.chars().count()).max().unwrap_or(0);
        let worst = report.readiness.as_ref().and_then(|readiness| readiness.worst.as_deref());
        for target in &report.targets {
            let (score, style) = match &target.score {
                Some(score) => (range(score.range), grade(score.range.high)),
                None => ("not judged".to_owned(), DIM),
            };
            let mark = if worst == Some(target.id.as_str()) { "  <- the worst" } else { "" };
            put!(
                self,
                "  {:id_width$}  {style}{:>12}{style:#}  {DIM}{}{DIM:#}{mark}",
                target.id,
                score,
                shortened(&plain(&target.title), self.width.saturating_sub(id_width + 34).max(20))
            );
        }
        for note in report.targets.iter().flat_map(|target: &Target| &target.notes) {
            self.wrapped("  note: ", "        ", note);
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
        put!(self, "{BOLD}{}{BOLD:#}, the most costly first", capitalised(&count(findings.len(), "finding")));
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
        self.where_and_seen(finding);
        self.prose("Why", &finding.why);
        self.prose("Do", &finding.remedy);
        if finding.gain > 0.0 {
            self.labelled("Gain", &format!("{:+.1} points when this alone is mended", finding.gain));
        }
        for link in &finding.links {
            self.labelled("Read", &format!("{}: {}", link.title, link.url));
        }
    }

    /// The items that it is about, and what was observed.
    fn where_and_seen(&mut self, finding: &Judgement) {
        if !finding.items.is_empty() {
            let shown = finding.items.iter().take(SHOWN_EVIDENCE).cloned().collect::<Vec<_>>().join(", ");
            let more = finding.items.len().saturating_sub(SHOWN_EVIDENCE);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            self.labelled("Where", &format!("{shown}{more}"));
        }
        for evidence in finding.evidence.iter().take(SHOWN_EVIDENCE) {
            self.labelled("Seen", &format!("{} = {}", evidence.path, value(&evidence.value, evidence.unit)));
        }
    }

    fn finding_head(&mut self, finding: &Judgement) {
        put!(self, "");
        let style = impact_style(finding.impact);
        let local = if finding.local { ", local check" } else { "" };
        put!(self, "{style}{:>6.1}{style:#}  {BOLD}{}{BOLD:#}", -finding.points, finding.title);
        put!(
            self,
            "        {DIM}{} on {}, {} impact, {} likelihood{local}{DIM:#}",
            finding.id,
            finding.target,
            finding.impact,
            finding.likelihood
        );
    }

    /// What is accepted: named and costed, without the advice that was declined.
    fn waived(&mut self, report: &Report) {
        let waived: Vec<_> = report.waived().collect();
        if waived.is_empty() {
            return;
        }
        put!(self, "");
        put!(
            self,
            "{BOLD}{} waived{BOLD:#}, not mended: the points stay lost",
            count(waived.len(), "finding")
        );
        for finding in waived {
            self.finding_head(finding);
            if let Some(waiver) = &finding.waiver {
                let text = format!("waived until {}, by {}: {}", waiver.until, waiver.who, waiver.why);
                self.labelled("Note", &text);
            }
            self.where_and_seen(finding);
        }
    }

    fn not_judged(&mut self, report: &Report) {
        let unknown: Vec<_> = report.not_judged().collect();
        if unknown.is_empty() {
            return;
        }
        put!(self, "");
        put!(self, "{BOLD}{} could not be judged{BOLD:#}", capitalised(&count(unknown.len(), "check")));
        // One cause often stands for many checks: said once, with the checks that it costs.
        let mut causes: BTreeMap<(&str, String, Option<&str>), Vec<&str>> = BTreeMap::new();
        for judgement in unknown {
            let (detail, remedy) = match &judgement.cause {
                Some(cause) => (cause.to_string(), cause.remedy.as_deref()),
                None => ("no cause is known".to_owned(), None),
            };
            causes.entry((judgement.target.as_str(), detail, remedy)).or_default().push(&judgement.id);
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
        for ((target, detail, remedy), ids) in causes {
            put!(self, "");
            self.wrapped(&format!("   {YELLOW}?{YELLOW:#}    "), "        ", &format!("{target}: {detail}"));
            if let Some(remedy) = remedy {
                self.prose("Do", remedy);
            }
            self.labelled("Costs", &ids.join(", "));
        }
    }

    fn warnings(&mut self, report: &Report) {
        if report.warnings.is_empty() {
            return;
        }
        put!(self, "");
        put!(self, "{BOLD}Worth knowing{BOLD:#}");
        for warning in &report.warnings {
            self.wrapped("  - ", "    ", warning);
        }
    }

    fn access(&mut self, report: &Report) {
        if report.access.is_empty() {
            return;
        }
        put!(self, "");
        put!(self, "{BOLD}What was looked at{BOLD:#} (all of it: goodstead report show --access)");
        for (plugin, access) in &report.access {
            let refused =
                if access.refused > 0 { format!(", {} refused", access.refused) } else { String::new() };
            let granted = count(usize::try_from(access.granted).unwrap_or(usize::MAX), "request");
            let bytes = value(&Fact::Int(i64::try_from(access.bytes).unwrap_or(i64::MAX)), Some(Unit::Bytes));
            put!(self, "  {plugin}: {granted} granted{refused}, {bytes}");
            for lack in
                report.plugins.get(plugin).into_iter().flat_map(|plugin| plugin.lacks.iter().flatten())
            {
                self.wrapped("    not fully isolated: ", "      ", lack);
            }
        }
    }

    /// A label and a text that wraps beneath itself.
    pub(super) fn labelled(&mut self, label: &str, text: &str) {
        self.wrapped(&format!("        {DIM}{label:<6}{DIM:#}"), &" ".repeat(14), text);
    }

    /// Markdown under a label: paragraphs and list items are wrapped, code blocks stay as they are.
    pub(super) fn prose(&mut self, label: &str, markdown: &str) {
        let mut label = format!("        {DIM}{label:<6}{DIM:#}");
        let mut code = false;
        let mut paragraph = String::new();
        for line in markdown.trim().lines().chain([""]) {
            let fence = line.trim_start().starts_with("```");
            let apart = fence || code || line.trim().is_empty() || is_item(line.trim_start());
            if apart && !paragraph.trim().is_empty() {
                let hanging = if is_item(&paragraph) { 17 } else { 14 };
                self.wrapped(&label, &" ".repeat(hanging), paragraph.trim());
                label = " ".repeat(14);
                paragraph.clear();
            }
            if fence {
                code = !code;
            } else if code {
                put!(self, "{label}  {}", plain(line));
                label = " ".repeat(14);
            } else {
                paragraph.push_str(line.trim());
                paragraph.push(' ');
            }
        }
    }

    /// `text` is what a site, a plugin or a check wrote; of the labels we know that they are ours.
    pub(super) fn wrapped(&mut self, first: &str, next: &str, text: &str) {
        self.wrapped_styled(first, next, &plain(text));
    }

    /// A text that holds styles of ours, and of others only what [`plain`] let through.
    pub(super) fn wrapped_styled(&mut self, first: &str, next: &str, text: &str) {
        let first_width = anstream::adapter::strip_str(first).to_string().chars().count();
        let width = self.width.saturating_sub(first_width.max(next.len())).max(24);
        let options = textwrap::Options::new(width)
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for (number, line) in textwrap::wrap(text, options).iter().enumerate() {
            put!(self, "{}{line}", if number == 0 { first } else { next });
        }
    }
}

/// Whether a line of Markdown begins an item of a list.
fn is_item(line: &str) -> bool {
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("- ")
        || line.starts_with("* ")
        || (number.len() < line.len() && number.starts_with(". "))
}

/// Readiness in words that cannot mislead: one number only where it can be trusted.
fn headline(readiness: &Readiness) -> String {
    let unknown = readiness.unknown;
    match readiness.single {
        Some(single) => format!("{single:.1}"),
        None => format!(
            "at most {:.1}; {} not judged, so it may be as low as {:.1}",
            readiness.range.high,
            count(unknown, "check"),
            readiness.range.low
        ),
    }
}

fn range(range: Range) -> String {
    if format!("{:.1}", range.low) == format!("{:.1}", range.high) {
        format!("{:.1}", range.high)
    } else {
        format!("{:.1}..{:.1}", range.low, range.high)
    }
}

fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

pub(super) fn grade(score: f64) -> Style {
    match score {
        score if score >= 90.0 => GREEN,
        score if score >= 60.0 => YELLOW,
        _ => RED,
    }
}

fn impact_style(impact: Impact) -> Style {
    match impact {
        Impact::Critical | Impact::High => RED,
        Impact::Medium => YELLOW,
        Impact::Low => Style::new(),
    }
}
