//! The page of one report: how ready, what is wrong and what to do, what is not known, and by which rules.

use askama::Template;
use goodstead_model::{Event, Judgement, Link, Origin, Pack, Report, Target, Verdict, Waiver};
use goodstead_page::markdown;
use jiff::Timestamp;

use super::Neighbours;
use super::progress::Progress;
use super::words::{self, Gauge, When, bytes, count, decimal, percent};
use crate::store::Kept;

/// The most entries of each list on one page; the others are on the next.
const EACH: usize = 100;

/// The most items of one finding that a page shows.
const ITEMS: usize = 50;

/// The most bytes of a text that becomes markup.
const TEXT: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    report: Report,
    parts: Neighbours,
    passed_in_all: usize,
    warnings: Vec<String>,
    customer: String,
    host: String,
    removed: bool,
    origin: String,
    /// What a partial report is limited to.
    partial: Option<String>,
    scanned: When,
    received: When,
    hash: String,
    size: String,
    gauge: Option<Gauge>,
    coverage: Option<String>,
    counts: String,
    targets: Vec<TargetView>,
    progress: Progress,
    findings: Vec<Finding>,
    waived: Vec<Finding>,
    not_judged: Vec<NotJudged>,
    not_yet_judged: Vec<(String, String)>,
    passed: Vec<(String, String)>,
    packs: Vec<Pack>,
    access: Vec<(String, u64, u64, String)>,
}

struct TargetView {
    id: String,
    title: String,
    deployment: String,
    plugin: String,
    gauge: Option<Gauge>,
    coverage: Option<String>,
    halved: bool,
    notes: Vec<String>,
}

struct Finding {
    id: String,
    title: String,
    target: String,
    impact: String,
    likelihood: String,
    concern: String,
    points: String,
    gain: String,
    local: bool,
    /// Who accepts it, why and until when; of a finding, that this is over.
    waiver: Option<String>,
    /// Of an event: when it was last seen.
    event: Option<String>,
    items: Vec<String>,
    evidence: Vec<(String, String)>,
    /// Markup that `markdown` made.
    why: String,
    /// Markup that `markdown` made.
    remedy: String,
    links: Vec<Link>,
}

/// Checks that could not be judged for one and the same reason.
struct NotJudged {
    cause: String,
    remedy: Option<String>,
    checks: Vec<(String, String)>,
}

impl Page {
    /// Part `page` of the page of a kept report as it looks at `now`: that part of each of its lists.
    ///
    /// # Errors
    /// When the bytes are no report any more, which [`crate::intake`] had made sure of: why, for the log.
    pub(super) fn new(kept: &Kept, page: u32, now: Timestamp) -> Result<Page, String> {
        let report: Report = serde_json::from_slice(&kept.body).map_err(|error| error.to_string())?;
        let scanned: Timestamp = report.time.parse().map_err(|error: jiff::Error| error.to_string())?;
        let readiness = report.readiness.as_ref();
        let mut findings: Vec<&Judgement> = report.findings().collect();
        // The agent sorts by points too; a page does not rely on it.
        findings.sort_by(|a, b| b.points.total_cmp(&a.points).then(b.impact.cmp(&a.impact)));
        let passed: Vec<_> =
            report.verdicts.iter().filter(|judgement| judgement.verdict == Verdict::Pass).map(name).collect();
        let waived: Vec<&Judgement> = report.waived().collect();
        let lists = [
            findings.len(),
            waived.len(),
            passed.len(),
            report.not_judged().count(),
            report.not_yet_judged().count(),
            report.targets.len(),
            report.warnings.len(),
            report.packs.len(),
            report.access.len(),
            Progress::longest(&report),
        ];
        let longest = lists.into_iter().max().unwrap_or(0);
        let each = u32::try_from(EACH).unwrap_or(u32::MAX);
        let part = usize::try_from(page).unwrap_or(usize::MAX).saturating_sub(1).saturating_mul(EACH);
        Ok(Page {
            parts: Neighbours::new(page, longest, each),
            passed_in_all: passed.len(),
            warnings: report.warnings.iter().skip(part).take(EACH).cloned().collect(),
            customer: kept.customer.clone(),
            host: report.host.clone().unwrap_or_else(|| kept.host.clone()),
            removed: kept.removed.is_some(),
            origin: origin(&report.origin),
            partial: report.partial(),
            scanned: When::new(scanned.as_second(), now),
            received: When::new(kept.received, now),
            hash: kept.hash.clone(),
            size: bytes(i64::try_from(kept.body.len()).unwrap_or(i64::MAX)),
            gauge: readiness.map(|all| Gauge::new(all.range.low, all.range.high, all.single)),
            coverage: readiness.map(|all| percent(all.coverage)),
            counts: counts(&report),
            targets: report.targets.iter().skip(part).take(EACH).map(TargetView::new).collect(),
            progress: Progress::new(&report, part, EACH),
            findings: findings.into_iter().skip(part).take(EACH).map(Finding::new).collect(),
            waived: waived.into_iter().skip(part).take(EACH).map(Finding::new).collect(),
            not_judged: not_judged(report.not_judged().skip(part).take(EACH)),
            not_yet_judged: report.not_yet_judged().skip(part).take(EACH).map(name).collect(),
            passed: passed.into_iter().skip(part).take(EACH).collect(),
            packs: report.packs.iter().skip(part).take(EACH).cloned().collect(),
            access: report.access.iter().skip(part).take(EACH).map(access).collect(),
            report,
        })
    }
}

fn access((plugin, access): (&String, &goodstead_model::Access)) -> (String, u64, u64, String) {
    let handed = bytes(i64::try_from(access.bytes).unwrap_or(i64::MAX));
    (plugin.clone(), access.granted, access.refused, handed)
}

fn name(judgement: &Judgement) -> (String, String) {
    (judgement.id.clone(), judgement.target.clone())
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Live => "the running host".into(),
        Origin::Root { path } => format!("the folder {path}"),
        Origin::Bundle { path, made } => format!("the support bundle {path}, made at {made}"),
        Origin::Facts { path } => format!("saved facts, {path}"),
    }
}

fn counts(report: &Report) -> String {
    let of = |verdict: Verdict| {
        let number = report.verdicts.iter().filter(|judgement| judgement.verdict == verdict).count();
        i64::try_from(number).unwrap_or(i64::MAX)
    };
    let waived = of(Verdict::Waived);
    format!(
        "{}{}, {} passed, {} not judged",
        count(of(Verdict::Fail), "finding"),
        if waived > 0 { format!(", {waived} waived") } else { String::new() },
        of(Verdict::Pass),
        of(Verdict::Unknown)
    )
}

/// By cause, in the order in which the causes first appear.
fn not_judged<'a>(judgements: impl Iterator<Item = &'a Judgement>) -> Vec<NotJudged> {
    let mut groups: Vec<NotJudged> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for judgement in judgements {
        let cause = judgement.cause.as_ref();
        let text = cause.map_or_else(|| "the report does not say why".to_owned(), ToString::to_string);
        let remedy = cause.and_then(|cause| cause.remedy.clone());
        let at = *place.entry((text.clone(), remedy.clone())).or_insert_with(|| {
            groups.push(NotJudged { cause: text, remedy, checks: Vec::new() });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.checks.push((judgement.title.clone(), judgement.target.clone()));
        }
    }
    groups
}

fn waiver_text(verdict: Verdict, waiver: &Waiver) -> String {
    let Waiver { who, why, since, until } = waiver;
    let since = since.split('T').next().unwrap_or_default();
    let over = if verdict == Verdict::Waived { "" } else { ", which is over" };
    format!("Waived until {until}{over}, by {who} on {since}: {why}")
}

fn event_text(event: &Event) -> String {
    let seen = event.last_seen.replace('T', " ").replace('Z', " UTC");
    format!("Last seen by the scan of {seen}; it stays a finding for {} hours after that", event.keep_hours)
}

impl TargetView {
    fn new(target: &Target) -> TargetView {
        let score = target.score.as_ref();
        TargetView {
            id: target.id.clone(),
            title: target.title.clone(),
            deployment: target.deployment.clone(),
            plugin: format!("{} {}", target.plugin, target.plugin_version),
            gauge: score.map(|score| Gauge::new(score.range.low, score.range.high, None)),
            coverage: score.map(|score| percent(score.coverage)),
            halved: score.is_some_and(|score| score.halved),
            notes: target.notes.iter().take(EACH).cloned().collect(),
        }
    }
}

impl Finding {
    fn new(judgement: &Judgement) -> Finding {
        Finding {
            id: judgement.id.clone(),
            title: judgement.title.clone(),
            target: judgement.target.clone(),
            impact: judgement.impact.to_string(),
            likelihood: judgement.likelihood.to_string(),
            concern: judgement.concern.to_string(),
            points: decimal(judgement.points),
            gain: decimal(judgement.gain),
            local: judgement.local,
            waiver: judgement.waiver.as_ref().map(|waiver| waiver_text(judgement.verdict, waiver)),
            event: judgement.event.as_ref().map(event_text),
            items: items(judgement),
            evidence: judgement
                .evidence
                .iter()
                .take(EACH)
                .map(|evidence| (evidence.path.clone(), words::evidence(evidence)))
                .collect(),
            why: markdown::render(start(&judgement.why)),
            remedy: markdown::render(start(&judgement.remedy)),
            links: judgement
                .links
                .iter()
                .filter(|link| markdown::is_web(&link.url))
                .take(EACH)
                .cloned()
                .collect(),
        }
    }
}

/// The items that failed, and how many more there are.
fn items(judgement: &Judgement) -> Vec<String> {
    let mut items: Vec<String> = judgement.items.iter().take(ITEMS).cloned().collect();
    let more = judgement.items.len().saturating_sub(ITEMS);
    if more > 0 {
        items.push(format!("and {more} more"));
    }
    items
}

/// As much of a text as one page takes.
fn start(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT)).unwrap_or(text)
}
