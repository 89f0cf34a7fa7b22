//! `goodstead explain ID`: all there is to say about a check, and how it last went here.

use std::fmt::Write;

use anstyle::Style;
use goodstead_engine::{Check, Pack};
use goodstead_model::Judgement;
use goodstead_protocol::diagnostic::{Diagnostic, did_you_mean};

use super::{Exit, Installed, Outcome, configuration};
use crate::installation::Installation;
use crate::packs;
use crate::render::value::value;
use crate::render::{diagnostics, output};
use crate::state::State;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// Runs the command.
pub(crate) fn run(id: &str, installation: &Installation) -> Outcome {
    let (config, _) = configuration(installation);
    let installed = Installed::read(installation, &config)?;
    let packs = packs::installed(installation, &installed.trust, &installed.known);
    let checks = || packs.usable.iter().flat_map(|pack| &pack.checks);
    if let Some(goal) = packs.usable.iter().flat_map(Pack::goals).find(|goal| goal.head().id == id) {
        output::write(&super::explain_goal::text(goal, installation), None)?;
        return Ok(Exit::Fine);
    }
    let Some(check) = checks().find(|check| check.id == id) else {
        diagnostics::print(&packs.diagnostics);
        return Err(Diagnostic::error("unknown-check", format!("there is no check `{id}`"))
            .help("goodstead checks list shows them all")
            .maybe_help(did_you_mean(id, ids(&packs.usable))));
    };
    let mut text = explained(check);
    // How it last went is an extra; without a state there is none.
    let last =
        State::open_existing(&installation.state_file()).and_then(|state| state.report(None).ok().flatten());
    if let Some(report) = last.and_then(|kept| kept.parse().ok()) {
        let here: Vec<_> = report.verdicts.iter().filter(|judgement| judgement.id == id).collect();
        if !here.is_empty() {
            let _ = writeln!(text, "\n{BOLD}Here, on {}{BOLD:#}", report.time);
            for judgement in here {
                last_time(&mut text, judgement);
            }
        }
    }
    output::write(&text, None)?;
    Ok(Exit::Fine)
}

/// Every id that can be explained.
fn ids(packs: &[Pack]) -> impl Iterator<Item = &str> {
    packs.iter().flat_map(|pack| {
        let goals = pack.goals().map(|goal| goal.head().id.as_str());
        pack.checks.iter().map(|check| check.id.as_str()).chain(goals)
    })
}

fn explained(check: &Check) -> String {
    let mut text = String::new();
    let mut put = |line: String| text.push_str(&(line + "\n"));
    put(format!("{BOLD}{}{BOLD:#}", check.title));
    put(format!(
        "{DIM}{}, {}, {} impact, {} likelihood, since {}{DIM:#}",
        check.id, check.concern, check.impact, check.likelihood, check.since
    ));
    put(format!("{DIM}{}{DIM:#}", check.file));
    put(format!("\n{BOLD}Why{BOLD:#}\n{}", check.why.trim()));
    put(format!(
        "\n{BOLD}What to do{BOLD:#} (values in braces are computed for the site)\n{}",
        check.remedy.source().trim()
    ));
    put(format!("\n{BOLD}How it is judged{BOLD:#}"));
    if let Some(applies) = &check.applies {
        put(format!("  applies  {}", applies.source()));
    }
    if let Some(each) = &check.each {
        put(format!("  each     {}", each.source()));
    }
    put(format!("  pass     {}", check.pass.source()));
    for evidence in &check.evidence {
        put(format!("  seen     {}", evidence.source()));
    }
    if !check.links.is_empty() {
        put(format!("\n{BOLD}Read{BOLD:#}"));
    }
    for link in &check.links {
        put(format!("  {}: {}", link.title, link.url));
    }
    text
}

fn last_time(text: &mut String, judgement: &Judgement) {
    let _ = writeln!(text, "  {}: {}", judgement.target, judgement.verdict);
    for evidence in &judgement.evidence {
        let _ = writeln!(text, "    {} = {}", evidence.path, value(&evidence.value, evidence.unit));
    }
    if let Some(cause) = &judgement.cause {
        let _ = writeln!(text, "    because {cause}");
    }
    if !judgement.remedy.is_empty() {
        let _ = writeln!(text, "    {}", judgement.remedy.trim().replace('\n', "\n    "));
    }
}
