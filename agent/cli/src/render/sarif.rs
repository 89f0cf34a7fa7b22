//! The report as SARIF 2.1.0, for what gathers the findings of many tools.
//!
//! A check is a rule and a target a logical location. What failed has the level of its impact, what was waived is
//! suppressed with its reason, what could not be judged is `open`; what passed or does not apply is left out. The official
//! schema is held against it in `tests/faces.rs`.

use std::collections::BTreeMap;

use goodstead_model::{Impact, Judgement, Report, Verdict};
use serde_json::{Value as Json, json};

use super::json;
use super::markdown;
use super::value::{plain, value};
use super::words::because;

/// The schema that it says it follows.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The whole report.
pub(crate) fn report(report: &Report) -> String {
    let told: Vec<_> = report.verdicts.iter().filter(|one| kind(one.verdict).is_some()).collect();
    let mut rules = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for judgement in &told {
        places.entry(&judgement.id).or_insert_with(|| {
            rules.push(rule(judgement));
            rules.len() - 1
        });
    }
    let results: Vec<_> = told
        .iter()
        .map(|one| result(one, places.get(one.id.as_str()).copied().unwrap_or_default()))
        .collect();
    json::pretty(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Goodstead", "version": report.agent.version, "rules": rules,
            } },
            "invocations": [invocation(report)],
            "results": results,
            "properties": {
                "report": report.id, "host": report.host, "origin": report.origin,
                "readiness": report.readiness, "packs": report.packs,
            },
        }],
    }))
}

fn invocation(report: &Report) -> Json {
    let notes: Vec<_> =
        report.warnings.iter().map(|note| json!({ "level": "warning", "message": message(note) })).collect();
    let mut invocation = json!({ "executionSuccessful": true, "toolExecutionNotifications": notes });
    // A report from elsewhere may hold anything.
    if report.time.parse::<jiff::Timestamp>().is_ok() {
        invocation["startTimeUtc"] = report.time.as_str().into();
    }
    invocation
}

/// What SARIF calls a verdict; nothing where there is nothing to do.
fn kind(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Fail | Verdict::Waived => Some("fail"),
        Verdict::Unknown => Some("open"),
        Verdict::Pass | Verdict::NotApplicable => None,
    }
}

fn level(impact: Impact) -> &'static str {
    match impact {
        Impact::Critical | Impact::High => "error",
        Impact::Medium => "warning",
        Impact::Low => "note",
    }
}

fn rule(judgement: &Judgement) -> Json {
    let mut rule = json!({
        "id": judgement.id,
        "shortDescription": { "text": braced(&judgement.title) },
        "defaultConfiguration": { "level": level(judgement.impact) },
        "properties": {
            "tags": [judgement.concern], "impact": judgement.impact, "likelihood": judgement.likelihood,
        },
    });
    let why = judgement.why.trim();
    let remedy = judgement.remedy.trim();
    if !why.is_empty() {
        rule["fullDescription"] = json!({ "text": lines(why) });
    }
    if !(why.is_empty() && remedy.is_empty()) {
        rule["help"] = json!({
            "text": lines(format!("{why}\n\n{remedy}").trim()),
            "markdown": braced(&markdown::advice(why, remedy)),
        });
    }
    if let Some(link) = judgement.links.iter().find(|link| is_web(&link.url)) {
        rule["helpUri"] = link.url.as_str().into();
    }
    rule
}

/// An address that any reader of addresses takes for one of the web.
fn is_web(url: &str) -> bool {
    reqwest::Url::parse(url)
        .is_ok_and(|parsed| parsed.as_str() == url && matches!(parsed.scheme(), "http" | "https"))
}

fn result(judgement: &Judgement, rule: usize) -> Json {
    let fails = kind(judgement.verdict) == Some("fail");
    let mut result = json!({
        "ruleId": judgement.id,
        "ruleIndex": rule,
        "kind": kind(judgement.verdict),
        "level": if fails { level(judgement.impact) } else { "none" },
        "message": message(&said(judgement)),
        "locations": [{ "logicalLocations": [
            { "name": judgement.target, "fullyQualifiedName": judgement.target, "kind": "resource" },
        ] }],
        "partialFingerprints": { "goodstead/v1": format!("{}@{}", judgement.id, judgement.target) },
        "properties": {
            "points": judgement.points, "gain": judgement.gain, "items": judgement.items,
            "evidence": judgement.evidence, "local": judgement.local,
        },
    });
    if fails {
        result["rank"] = judgement.points.clamp(0.0, 100.0).into();
    }
    if let Some(waiver) = judgement.waiver.as_ref().filter(|_| judgement.verdict == Verdict::Waived) {
        let reason = format!("until {}, by {}: {}", waiver.until, waiver.who, waiver.why);
        result["suppressions"] =
            json!([{ "kind": "external", "status": "accepted", "justification": plain(&reason) }]);
    }
    result
}

/// What came of it on this target, in a few lines.
fn said(judgement: &Judgement) -> String {
    if judgement.verdict == Verdict::Unknown {
        let cause = judgement.cause.as_ref();
        let help = cause.and_then(|cause| cause.remedy.as_deref());
        let help = help.map_or(String::new(), |help| format!(". What helps: {help}"));
        return format!("Could not be judged: {}{help}", because(cause));
    }
    let mut said = judgement.title.clone();
    if !judgement.items.is_empty() {
        said.push_str(&format!("\nWhere: {}", judgement.items.join(", ")));
    }
    for evidence in &judgement.evidence {
        said.push_str(&format!("\nSeen: {} = {}", evidence.path, value(&evidence.value, evidence.unit)));
    }
    if !judgement.remedy.is_empty() {
        said.push_str(&format!("\n\n{}", judgement.remedy.trim()));
    }
    said
}

fn message(text: &str) -> Json {
    json!({ "text": lines(text) })
}

/// Our own lines stay lines; all else that is invisible is shown.
fn lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(plain).collect();
    braced(&lines.join("\n"))
}

/// Braces are placeholders in SARIF's messages and brackets before parentheses are links: neither is meant here.
fn braced(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}").replace("](", "] (")
}
