//! The report as SARIF 2.1.0, for what gathers the findings of many tools.
//!
//! A check is a rule and a target a logical location; the physical one, without which code-scanning services refuse a
//! result, is in `place.rs`. What failed has the level of its impact, what was waived is suppressed with its reason,
//! what could not be judged is `open`; what passed, does not apply or needs an earlier scan is left out. The official
//! schema is held against it in `tests/faces.rs`.

mod format;
mod place;

use std::collections::BTreeMap;

use goodstead_model::{Impact, Judgement, Report, Verdict};

use self::format::{
    Configuration, Driver, Finding, Invocation, Location, Log, LogicalLocation, Message, Notification,
    Properties, Rule, RuleProperties, Run, RunProperties, Suppression, Tool,
};
use super::json;
use super::markdown;
use super::value::{plain, value};
use super::words::because;

/// The schema that it says it follows.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The whole report.
pub(crate) fn report(report: &Report) -> String {
    let mut rules = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut results = Vec::new();
    for judgement in &report.verdicts {
        let Some(kind) = kind(judgement.verdict) else { continue };
        let rule = *places.entry(&judgement.id).or_insert_with(|| {
            rules.push(rule(judgement));
            rules.len() - 1
        });
        results.push(result(judgement, kind, rule));
    }
    json::pretty(&Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver: Driver { name: "Goodstead", version: &report.agent.version, rules } },
            invocations: [invocation(report)],
            results,
            properties: RunProperties {
                report: &report.id,
                host: report.host.as_deref(),
                origin: &report.origin,
                selection: &report.selection,
                partial: report.partial().map(|limit| plain(&limit).into_owned()),
                readiness: report.readiness.as_ref(),
                packs: &report.packs,
            },
        }],
    })
}

fn invocation(report: &Report) -> Invocation<'_> {
    let partial = report.partial().map(|limit| format!("This scan is partial: {limit}"));
    let notes = partial.iter().chain(&report.warnings);
    let notes = notes.map(|note| Notification { level: "warning", message: message(note) });
    // A report from elsewhere may hold anything.
    let sound = report.time.parse::<jiff::Timestamp>().is_ok();
    Invocation {
        execution_successful: true,
        start_time_utc: sound.then_some(report.time.as_str()),
        tool_execution_notifications: notes.collect(),
    }
}

/// What SARIF calls a verdict; nothing where there is nothing to do.
fn kind(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Fail | Verdict::Waived => Some("fail"),
        Verdict::Unknown => Some("open"),
        Verdict::NotYetJudged | Verdict::Pass | Verdict::NotApplicable => None,
    }
}

fn level(impact: Impact) -> &'static str {
    match impact {
        Impact::Critical | Impact::High => "error",
        Impact::Medium => "warning",
        Impact::Low => "note",
    }
}

fn rule(judgement: &Judgement) -> Rule<'_> {
    let why = judgement.why.trim();
    let remedy = judgement.remedy.trim();
    let helps = !(why.is_empty() && remedy.is_empty());
    Rule {
        id: &judgement.id,
        short_description: message(&judgement.title),
        full_description: (!why.is_empty()).then(|| message(why)),
        help: helps.then(|| Message {
            text: lines(format!("{remedy}\n\n{why}").trim()),
            markdown: Some(braced(&markdown::advice(why, remedy))),
        }),
        help_uri: judgement.links.iter().map(|link| link.url.as_str()).find(|url| is_web(url)),
        default_configuration: Configuration { level: level(judgement.impact) },
        properties: RuleProperties {
            tags: [judgement.concern],
            impact: judgement.impact,
            likelihood: judgement.likelihood,
        },
    }
}

/// An address that any reader of addresses takes for one of the web.
fn is_web(url: &str) -> bool {
    reqwest::Url::parse(url)
        .is_ok_and(|parsed| parsed.as_str() == url && matches!(parsed.scheme(), "http" | "https"))
}

fn result<'a>(judgement: &'a Judgement, kind: &'static str, rule: usize) -> Finding<'a> {
    let fails = kind == "fail";
    let waiver = judgement.waiver.as_ref().filter(|_| judgement.verdict == Verdict::Waived);
    let suppression = waiver.map(|waiver| Suppression {
        kind: "external",
        status: "accepted",
        justification: plain(&format!("until {}, by {}: {}", waiver.until, waiver.who, waiver.why))
            .into_owned(),
    });
    let target = LogicalLocation {
        name: &judgement.target,
        fully_qualified_name: &judgement.target,
        kind: "resource",
    };
    Finding {
        rule_id: &judgement.id,
        rule_index: rule,
        kind,
        level: if fails { level(judgement.impact) } else { "none" },
        message: message(&said(judgement)),
        locations: [Location { physical_location: place::of(judgement), logical_locations: [target] }],
        partial_fingerprints: BTreeMap::from([(
            "goodstead/v1",
            format!("{}@{}", judgement.id, judgement.target),
        )]),
        rank: fails.then(|| judgement.points.clamp(0.0, 100.0)),
        suppressions: suppression.into_iter().collect(),
        properties: Properties {
            points: judgement.points,
            gain: judgement.gain,
            items: &judgement.items,
            evidence: &judgement.evidence,
            local: judgement.local,
        },
    }
}

/// What came of it on this target, in a few lines.
fn said(judgement: &Judgement) -> String {
    if judgement.verdict == Verdict::Unknown {
        let cause = judgement.cause.as_ref();
        let help = cause.and_then(|cause| cause.remedy.as_deref());
        let help = help.map_or(String::new(), |help| format!(". What to do: {help}"));
        return format!("Could not be judged: {}{help}", because(cause));
    }
    let mut said = judgement.title.clone();
    if !judgement.items.is_empty() {
        said.push_str(&format!("\nWhere: {}", judgement.items.join(", ")));
    }
    if !judgement.remedy.is_empty() {
        said.push_str(&format!("\n\n{}\n", judgement.remedy.trim()));
    }
    for evidence in &judgement.evidence {
        said.push_str(&format!("\nSeen: {} = {}", evidence.path, value(&evidence.value, evidence.unit)));
    }
    said
}

fn message(text: &str) -> Message {
    Message { text: lines(text), markdown: None }
}

/// Our own lines stay lines; all else that is invisible is shown.
fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            shown.push('\n');
        }
        put_braced(&mut shown, &plain(line));
    }
    shown
}

fn braced(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    put_braced(&mut shown, text);
    shown
}

/// Braces are placeholders in SARIF's messages and brackets before parentheses are links: neither is meant here.
fn put_braced(shown: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'{' | b'}' | b']')) {
        let Some((before, after)) = rest.split_at_checked(at + 1) else { break };
        shown.push_str(before);
        match before.as_bytes().last() {
            Some(b'{') => shown.push('{'),
            Some(b'}') => shown.push('}'),
            _ if after.starts_with('(') => shown.push(' '),
            _ => {}
        }
        rest = after;
    }
    shown.push_str(rest);
}
