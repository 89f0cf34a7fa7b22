//! The report as one HTML file to show around: nothing is loaded from elsewhere, nothing leaves it, and it reads well
//! without its script, on a phone, in the dark, on paper and aloud.
//!
//! A page is a view (texts and numbers ready to show, borrowed from the report) and a template. Whatever a template
//! prints is escaped and made visible by [`goodstead_page::Visible`] (`askama.toml`); the only markup that it takes as
//! markup is what [`goodstead_page::markdown`] made, the style sheet and the script. The page's own policy
//! (Content-Security-Policy) lets exactly these two run, by their hashes.

mod finding;
mod made;
mod meter;
mod not_judged;
mod progress;
#[cfg(test)]
mod tests;
mod words;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use goodstead_model::{Judgement, Origin, POINTS_AND_GAIN, Readiness, Report, Target, Verdict};
use goodstead_page::{COLOURS, markdown};
use sha2::{Digest, Sha256};

use self::finding::{Anchors, Finding, Rendered};
use self::made::Made;
use self::meter::{Meter, Ring};
use self::not_judged::NotJudged;
use self::progress::Progress;
use self::words::percent;
use super::words::{NOT_YET, basis, count, moment, partial};

const STYLE: &str = include_str!("../../../templates/report.css");
const SCRIPT: &str = include_str!("../../../templates/report.js");

/// The page of a report.
pub(crate) fn report(report: &Report) -> String {
    // Writing to a string cannot fail, and no filter of ours does.
    Page::new(report).render().unwrap_or_default()
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    style: String,
    script: &'static str,
    policy: String,
    /// What was looked at.
    subject: &'a str,
    /// In which form: the host itself, a folder, saved facts.
    form: &'static str,
    /// `partial: only linux`; absent for a full scan of the running host.
    partial: Option<String>,
    /// What the verdicts rest on where nothing runs.
    basis: Option<String>,
    /// `2026-11-22 08:00:00 UTC`.
    time: String,
    readiness: Option<Headline<'a>>,
    targets: Vec<TargetView<'a>>,
    findings: Vec<Finding<'a>>,
    waived: Vec<Finding<'a>>,
    progress: Progress<'a>,
    not_judged: NotJudged<'a>,
    /// The checks that need an earlier scan, by id and target.
    not_yet_judged: Vec<(&'a str, &'a str)>,
    passed: Vec<(&'a str, &'a str)>,
    made: Made<'a>,
}

/// Readiness as a picture and in words that cannot mislead.
struct Headline<'a> {
    of: &'a Readiness,
    ring: Ring,
    coverage: Meter,
    /// The whole range beside a single number; empty where there is no difference.
    between: String,
    judged: String,
}

struct TargetView<'a> {
    of: &'a Target,
    worst: bool,
    halved: bool,
    /// Readiness first, then its areas with their share of it, then the coverage.
    meters: Vec<(String, Meter)>,
}

impl<'a> Page<'a> {
    fn new(report: &'a Report) -> Page<'a> {
        let style = format!("{COLOURS}{STYLE}");
        let (subject, form) = match &report.origin {
            Origin::Live => (report.host.as_deref().unwrap_or("this host"), "The running host"),
            Origin::Root { path } => (path.as_str(), "A file system in a folder"),
            Origin::Bundle { path, .. } => (path.as_str(), "A support bundle"),
            Origin::Facts { path } => (path.as_str(), "Facts that were saved earlier"),
        };
        let anchors = Anchors::new(report);
        let mut rendered = Rendered::default();
        Page {
            policy: format!(
                "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
                hash(&style),
                hash(SCRIPT)
            ),
            style,
            script: SCRIPT,
            subject,
            form,
            partial: partial(report),
            basis: basis(report),
            time: moment(&report.time),
            readiness: report.readiness.as_ref().map(Headline::new),
            targets: report.targets.iter().map(|target| TargetView::new(target, report)).collect(),
            findings: report
                .findings()
                .map(|finding| Finding::new(finding, &anchors, &mut rendered))
                .collect(),
            waived: report.waived().map(|finding| Finding::new(finding, &anchors, &mut rendered)).collect(),
            progress: Progress::new(report, &anchors),
            not_judged: NotJudged::new(report),
            not_yet_judged: report.not_yet_judged().map(named).collect(),
            passed: report
                .verdicts
                .iter()
                .filter(|judgement| judgement.verdict == Verdict::Pass)
                .map(named)
                .collect(),
            made: Made::new(report),
            report,
        }
    }
}

impl<'a> Headline<'a> {
    fn new(readiness: &'a Readiness) -> Headline<'a> {
        let judged = readiness.failed + readiness.waived + readiness.passed;
        Headline {
            ring: Ring::new(readiness),
            between: words::between(readiness.range),
            coverage: Meter::exact(readiness.coverage, percent(readiness.coverage)),
            judged: format!(
                "{judged} of {} could be judged",
                count(judged + readiness.unknown, "applicable check")
            ),
            of: readiness,
        }
    }
}

impl<'a> TargetView<'a> {
    fn new(target: &'a Target, report: &Report) -> TargetView<'a> {
        let worst = report.readiness.as_ref().and_then(|readiness| readiness.worst.as_deref());
        let mut meters = Vec::new();
        if let Some(score) = &target.score {
            meters.push(("Readiness".to_owned(), Meter::new(score.range)));
            for area in &score.areas {
                meters.push((
                    format!("{}, which weighs {}", area.area, percent(100.0 * area.weight)),
                    Meter::new(area.range),
                ));
            }
            meters.push(("Coverage".to_owned(), Meter::exact(score.coverage, percent(score.coverage))));
        }
        TargetView {
            worst: worst == Some(target.id.as_str()),
            halved: target.score.as_ref().is_some_and(|score| score.halved),
            of: target,
            meters,
        }
    }
}

fn named(judgement: &Judgement) -> (&str, &str) {
    (&judgement.id, &judgement.target)
}

/// How a policy names a text that may run: `sha256-…`.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}
