//! `goodstead explain ID`: all there is to say about a check, and how it last went here.

use std::fmt::Write;

use anstyle::Style;
use goodstead_engine::{Accepted, Check};
use goodstead_model::Judgement;

use super::{Exit, Installed, Known, Outcome, configuration, known, now};
use crate::installation::Installation;
use crate::packs;
use crate::render::value::value;
use crate::render::words::day;
use crate::render::{diagnostics, output};
use crate::state::State;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// Runs the command.
pub(crate) fn run(id: &str, installation: &Installation) -> Outcome {
    let (config, _) = configuration(installation);
    let installed = Installed::read(installation, &config)?;
    let packs = packs::installed(installation, &installed.trust, &installed.known);
    let known = known(&packs, id).inspect_err(|_| diagnostics::print(&packs.diagnostics))?;
    let check = match known {
        Known::Check(check) => check,
        Known::Goal(goal) => {
            output::write(&super::explain_goal::text(goal, installation), None)?;
            return Ok(Exit::Fine);
        }
    };
    let mut text = explained(check);
    // Who accepts it and how it last went are extras; without a state there is neither.
    let state = State::open_existing(&installation.state_file());
    let waivers = state.as_ref().and_then(|state| state.waivers().ok()).unwrap_or_default();
    accepted(&mut text, waivers.iter().filter(|accepted| accepted.check == id));
    let last = state.and_then(|state| state.report(None).ok().flatten());
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

/// Who accepts the finding, where, why and until when.
fn accepted<'a>(text: &mut String, waivers: impl Iterator<Item = &'a Accepted>) {
    let today = now();
    for (number, Accepted { target, waiver, .. }) in waivers.enumerate() {
        if number == 0 {
            let _ = writeln!(text, "\n{BOLD}Waived{BOLD:#}");
        }
        let on = target.as_deref().unwrap_or("every target");
        let held = if waiver.expired(day(&today)) { "expired after" } else { "until" };
        let _ = writeln!(text, "  {on}: {held} {}, by {}: {}", waiver.until, waiver.who, waiver.why);
    }
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
