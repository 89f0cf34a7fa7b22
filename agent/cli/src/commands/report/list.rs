//! `goodstead report list`: the kept reports, the newest first.

use goodstead_model::{Origin, Readiness, Report, Selection, percent};
use serde::Serialize;

use crate::args::Format;
use crate::commands::{Exit, Outcome, state, state_trouble};
use crate::installation::Installation;
use crate::render::table::{self, plain};
use crate::render::value::plain as one_line;
use crate::render::words::{moment, range};
use crate::render::{json, output};
use crate::state::{KeptReport, SetAside};

/// What the list says of a report.
#[derive(Debug, Serialize)]
struct Entry {
    id: String,
    time: String,
    host: Option<String>,
    origin: Origin,
    selection: Selection,
    /// What a report is limited to that is not of the full scan of the running host.
    partial: Option<String>,
    readiness: Option<Readiness>,
    /// Why the desk refused it for good, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
}

/// A desk's refusal.
#[derive(Debug, Clone, Serialize)]
struct Refused {
    time: String,
    desk: String,
    status: u16,
    reason: String,
}

impl From<Report> for Entry {
    fn from(report: Report) -> Entry {
        let partial = report.partial();
        let Report { id, time, host, origin, selection, readiness, .. } = report;
        Entry { id, time, host, origin, selection, partial, readiness, refused: None }
    }
}

/// Runs the command.
pub(super) fn run(format: Format, installation: &Installation) -> Outcome {
    let state = state(installation)?;
    let trouble = |error| state_trouble(installation, &error);
    let refused = state.all_set_aside().map_err(trouble)?;
    // One that cannot be read is reported when it is asked for.
    let read = |kept: KeptReport| -> Option<Entry> {
        let entry = Entry::from(kept.parse().ok()?);
        let aside = refused.iter().find(|aside| aside.report == kept.id);
        Some(Entry { refused: aside.cloned().map(Refused::from), ..entry })
    };
    let mut entries = state.each_report(read).map_err(trouble)?;
    // What was set aside is kept for longer than the others.
    for aside in &refused {
        if entries.iter().all(|entry| entry.id != aside.report) {
            entries.extend(state.report(Some(&aside.report)).map_err(trouble)?.and_then(read));
        }
    }
    let text = match format {
        Format::Json => json::pretty(&entries),
        Format::Text if entries.is_empty() => "no report is kept yet; goodstead check makes one\n".to_owned(),
        Format::Text => table(&entries) + &set_aside(&refused),
    };
    output::write(&text, None)?;
    Ok(Exit::Fine)
}

fn table(entries: &[Entry]) -> String {
    let mut table = plain(&["REPORT", "TIME", "READINESS", "FINDINGS", "COVERAGE", "OF"]);
    for entry in entries {
        let of = match (&entry.partial, &entry.host) {
            (Some(limit), _) => format!("partial: {limit}"),
            (None, Some(host)) => host.clone(),
            (None, None) => "this host".to_owned(),
        };
        let (readiness, findings, coverage) = match &entry.readiness {
            Some(it) => (range(it.range), it.failed.to_string(), format!("{} %", percent(it.coverage))),
            None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        };
        // Twelve of 32 digits are enough to name it.
        let id = entry.id.get(..12).unwrap_or(&entry.id);
        table.add_row([id, &moment(&entry.time), &readiness, &findings, &coverage, &of]);
    }
    table::text(&table)
}

impl From<SetAside> for Refused {
    fn from(SetAside { time, desk, status, reason, .. }: SetAside) -> Refused {
        Refused { time, desk, status, reason }
    }
}

/// Below the table: what is not going to be sent again, and why.
fn set_aside(refused: &[SetAside]) -> String {
    if refused.is_empty() {
        return String::new();
    }
    let lines: String = refused
        .iter()
        .map(|one| {
            let id = one.report.get(..12).unwrap_or(&one.report);
            format!("  {id}  HTTP {}: {}\n", one.status, one_line(&one.reason))
        })
        .collect();
    format!("\nset aside because the desk refused them; goodstead report send ID sends one again:\n{lines}")
}
