//! `goodstead checks list|lint|test`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use goodstead_engine::{Goal, Pack, run_cases};
use goodstead_protocol::diagnostic::Severity;
use serde_json::json;

use super::{Exit, Installed, Outcome, configuration};
use crate::args::{Checks, Format, LintFormat};
use crate::installation::Installation;
use crate::packs::{self, Packs};
use crate::render::table::{self, plain};
use crate::render::{cases, diagnostics, json, output, page, problems};

/// Runs the command.
pub(crate) fn run(args: &Checks, installation: &Installation) -> Outcome {
    let (config, _) = configuration(installation);
    let installed = Installed::read(installation, &config)?;
    diagnostics::print(&installed.trust.diagnostics);
    diagnostics::print(&installed.plugins.diagnostics);
    let read = |folders: &[PathBuf]| {
        if folders.is_empty() {
            packs::installed(installation, &installed.trust, &installed.known)
        } else {
            packs::given(folders, &installed.known)
        }
    };
    match args {
        Checks::List { format } => list(&read(&[]), *format),
        Checks::Lint { packs, format } => lint(&read(packs), *format),
        Checks::Test { packs } => test(&read(packs)),
    }
}

fn list(packs: &Packs, format: Format) -> Outcome {
    diagnostics::print(&packs.diagnostics);
    let text = match format {
        Format::Json => {
            let entry = |pack: &Pack| {
                let checks = pack.checks.iter().map(|check| {
                    json!({
                        "id": check.id, "title": check.title, "concern": check.concern, "impact": check.impact,
                        "likelihood": check.likelihood, "since": check.since.to_string(), "file": check.file,
                        "facts": check.facts(), "links": check.links,
                    })
                });
                let of = |kind: &str| -> Vec<_> {
                    pack.goals().filter(|goal| goal.kind() == kind).map(entry_of).collect()
                };
                json!({
                    "pack": packs.entry(pack), "title": pack.title, "checks": checks.collect::<Vec<_>>(),
                    "capabilities": of("capability"), "milestones": of("milestone"), "tasks": of("task"),
                })
            };
            let list: Vec<_> = packs.usable.iter().map(entry).collect();
            json::pretty(&list)
        }
        Format::Text => table(packs),
    };
    output::write(&text, None)?;
    Ok(verdict(packs))
}

/// A capability, milestone or task in the list.
fn entry_of(goal: Goal<'_>) -> serde_json::Value {
    let head = goal.head();
    json!({
        "id": head.id, "title": head.title, "since": head.since.to_string(), "file": head.file,
        "facts": goal.facts(), "links": head.links,
    })
}

/// What the packs hold, in words: `25 checks, 1 capability`.
fn held(packs: &Packs) -> String {
    let mut counts = BTreeMap::from([("check", packs.usable.iter().map(|pack| pack.checks.len()).sum())]);
    for goal in packs.usable.iter().flat_map(Pack::goals) {
        *counts.entry(goal.kind()).or_insert(0) += 1;
    }
    let order = ["check", "capability", "milestone", "task"];
    let held = order.into_iter().filter_map(|kind| Some(counted(*counts.get(kind)?, kind)));
    held.collect::<Vec<_>>().join(", ")
}

/// A number of things in words: `1 check`, `2 capabilities`.
fn counted(count: usize, thing: &str) -> String {
    match (count, thing.strip_suffix('y')) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {thing}s"),
    }
}

fn table(packs: &Packs) -> String {
    let mut table = plain(&["CHECK", "IMPACT", "LIKELIHOOD", "CONCERN", "PROBLEM"]);
    for check in packs.usable.iter().flat_map(|pack| &pack.checks) {
        let cells = [
            &check.id,
            &check.impact.to_string(),
            &check.likelihood.to_string(),
            &check.concern.to_string(),
            &check.title,
        ];
        table.add_row(cells);
    }
    let mut goals = plain(&["ID", "KIND", "WHAT IT IS"]);
    for goal in packs.usable.iter().flat_map(Pack::goals) {
        goals.add_row([&goal.head().id, goal.kind(), &goal.head().title]);
    }
    let mut text = format!("{}\n", table::text(&table));
    if goals.row_count() > 0 {
        text.push_str(&format!("{}\n", table::text(&goals)));
    }
    text.push_str(&format!("{} in {}\n", held(packs), counted(packs.usable.len(), "pack")));
    for note in &packs.notes {
        text.push_str(&format!("{note}\n"));
    }
    for skipped in &packs.skipped {
        text.push_str(&format!("{skipped}\n"));
    }
    text
}

fn lint(packs: &Packs, format: LintFormat) -> Outcome {
    if format != LintFormat::Text {
        let text = match format {
            LintFormat::Sarif => problems::sarif(&packs.diagnostics),
            _ => problems::json(&packs.diagnostics),
        };
        output::write(&text, None)?;
        return Ok(verdict(packs));
    }
    diagnostics::print(&packs.diagnostics);
    let skipped: String = packs.skipped.iter().map(|skipped| format!("{skipped}\n")).collect();
    output::write(
        &format!(
            "{skipped}In order: {} in {}; {}\n",
            held(packs),
            counted(packs.usable.len(), "pack"),
            counted(packs.diagnostics.len(), "problem")
        ),
        None,
    )?;
    Ok(verdict(packs))
}

/// Broken checks are broken input; warnings are not.
fn verdict(packs: &Packs) -> Exit {
    let broken = packs.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    if broken { Exit::Trouble } else { Exit::Fine }
}

fn test(packs: &Packs) -> Outcome {
    diagnostics::print(&packs.diagnostics);
    let (mut passed, mut failed, mut failures) = (0, 0, String::new());
    for outcome in packs.usable.iter().flat_map(run_cases) {
        if outcome.problem.is_none() {
            passed += 1;
        } else {
            failed += 1;
            failures.push_str(&cases::failure(&outcome, page::width()));
            failures.push('\n');
        }
    }
    let sum = cases::sum(passed, failed, packs.not_loaded());
    output::write(&format!("{failures}{sum}\n"), None)?;
    Ok(if failed > 0 { Exit::Findings.max(verdict(packs)) } else { verdict(packs) })
}
