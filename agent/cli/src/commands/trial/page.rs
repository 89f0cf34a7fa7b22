//! What came of trying a plugin, for its author: every fact, what it did not get, what it wrote, what did not fit its
//! contract, and what its checks say.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use goodstead_engine::CaseOutcome;
use goodstead_model::{Judgement, Verdict};
use goodstead_protocol::contract::{Field, Shape};
use goodstead_protocol::fact::Fact;
use goodstead_protocol::manifest::Manifest;

use crate::packs::Packs;
use crate::plugin_log::PluginLog;
use crate::render::value::{plain, value};
use crate::render::{cases, table};
use crate::scan::Scan;

const BOLD: Style = Style::new().bold();
const RED: Style = AnsiColor::Red.on_default().bold();

/// How many requests that were refused are shown.
const SHOWN: usize = 20;

/// What there is to show.
pub(crate) struct Trial<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) scan: &'a Scan,
    pub(crate) packs: &'a Packs,
    pub(crate) cases: &'a [CaseOutcome],
    pub(crate) judgements: &'a [Judgement],
}

/// The page in about `width` columns.
pub(crate) fn page(trial: &Trial<'_>, width: usize) -> String {
    let mut text = String::new();
    head(&mut text, trial);
    facts(&mut text, trial);
    refused(&mut text, trial);
    log(&mut text, trial);
    checks(&mut text, trial, width);
    text
}

fn head(text: &mut String, trial: &Trial<'_>) {
    let Trial { manifest, scan, .. } = trial;
    let access = scan.access.get(&manifest.name).cloned().unwrap_or_default();
    let _ = writeln!(
        text,
        "{BOLD}{} {}{BOLD:#}  {}, {} granted, {} refused, {} B handed over",
        manifest.name,
        manifest.version,
        counted(scan.targets.len(), "target"),
        counted(access.granted as usize, "request"),
        access.refused,
        access.bytes
    );
    for lack in scan.plugins.values().filter_map(|plugin| plugin.lacks.as_ref()).flatten() {
        let _ = writeln!(text, "  The lock lacks: {}", plain(lack));
    }
    for warning in &scan.warnings {
        let _ = writeln!(text, "  {RED}{}{RED:#}", plain(warning));
    }
    if scan.targets.is_empty() {
        let _ = writeln!(text, "\nIt found nothing to inspect here, so there are no facts");
    }
}

fn facts(text: &mut String, trial: &Trial<'_>) {
    for target in &trial.scan.targets {
        let _ = writeln!(text, "\n{BOLD}{}{BOLD:#}  {}", plain(&target.id), plain(&target.title));
        let mut rows = Vec::new();
        if let Fact::Map(record) = &target.facts {
            for (name, fact) in &record.items {
                let field = trial.manifest.contract.fields.get(name);
                collect(format!("{}.{name}", target.plugin), field, fact, &mut rows);
            }
        }
        let longest = rows.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
        for (path, shown) in rows {
            let _ = writeln!(text, "  {path:<longest$}  {shown}");
        }
        for note in &target.notes {
            let _ = writeln!(text, "  {RED}{}{RED:#}", plain(note));
        }
    }
}

/// The declared facts one by one; lists and maps in one line each.
fn collect(path: String, field: Option<&Field>, fact: &Fact, rows: &mut Vec<(String, String)>) {
    match (field.map(|field| &field.shape), fact) {
        (Some(Shape::Record(fields)), Fact::Map(record)) => {
            for (name, fact) in &record.items {
                collect(format!("{path}.{name}"), fields.get(name), fact, rows);
            }
        }
        (Some(Shape::List(element) | Shape::Map(element)), fact) => {
            rows.push((path, value(fact, element.unit)));
        }
        _ => rows.push((path, value(fact, field.and_then(|field| field.unit)))),
    }
}

fn refused(text: &mut String, trial: &Trial<'_>) {
    let entries = trial.scan.log.values().flatten();
    let refused: Vec<_> = entries.filter_map(|entry| Some((entry, entry.refused.as_ref()?))).collect();
    if refused.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{BOLD}It did not get{BOLD:#}");
    for (entry, why) in refused.iter().take(SHOWN) {
        let _ = writeln!(text, "  {} {}: {}", entry.kind, plain(&entry.what), plain(why));
    }
    if refused.len() > SHOWN {
        let _ = writeln!(text, "  and {} more", refused.len() - SHOWN);
    }
}

fn log(text: &mut String, trial: &Trial<'_>) {
    let lines: Vec<_> = trial.scan.plugin_logs.values().flat_map(PluginLog::lines).collect();
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{BOLD}It wrote{BOLD:#} (standard output and standard error)");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

fn checks(text: &mut String, trial: &Trial<'_>, width: usize) {
    let packs = &trial.packs.usable;
    if packs.is_empty() && trial.packs.not_loaded() == 0 {
        let _ = writeln!(text, "\nThere is no pack of checks for it");
        return;
    }
    let failed = trial.cases.iter().filter(|case| case.problem.is_some()).count();
    let checks = packs.iter().map(|pack| pack.checks.len()).sum();
    let passed = trial.cases.len() - failed;
    let _ = writeln!(
        text,
        "\n{BOLD}{}{BOLD:#}, {}",
        counted(checks, "check"),
        cases::sum(passed, failed, trial.packs.not_loaded())
    );
    for case in trial.cases.iter().filter(|case| case.problem.is_some()) {
        let _ = writeln!(text, "\n{}", cases::failure(case, width));
    }
    let mut table = table::plain(&["VERDICT", "CHECK", "TARGET", "PROBLEM"]);
    for judgement in trial.judgements {
        let why = judgement.cause.as_ref().filter(|_| judgement.verdict == Verdict::Unknown);
        let about = why.map_or_else(|| judgement.title.clone(), |cause| cause.to_string());
        let verdict = judgement.verdict.to_string();
        table.add_row([&verdict, &judgement.id, &*plain(&judgement.target), &*plain(&about)]);
    }
    text.push_str(&table::text(&table));
}

/// `1 target`, `2 targets`.
fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
