//! `goodstead report list`: the kept reports, the newest first.

use goodstead_model::{Origin, Readiness, Report, Selection};
use serde::Serialize;

use crate::args::Format;
use crate::commands::{Exit, Outcome, state, state_trouble};
use crate::installation::Installation;
use crate::render::table::{self, plain};
use crate::render::words::{moment, range};
use crate::render::{json, output};

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
}

impl From<Report> for Entry {
    fn from(report: Report) -> Entry {
        let partial = report.partial();
        let Report { id, time, host, origin, selection, readiness, .. } = report;
        Entry { id, time, host, origin, selection, partial, readiness }
    }
}

/// Runs the command.
pub(super) fn run(format: Format, installation: &Installation) -> Outcome {
    let kept = state(installation)?.reports().map_err(|error| state_trouble(installation, &error))?;
    // One that cannot be read is told when it is asked for.
    let entries: Vec<Entry> = kept.iter().filter_map(|kept| Some(kept.parse().ok()?.into())).collect();
    let text = match format {
        Format::Json => json::pretty(&entries),
        Format::Text if entries.is_empty() => "no report is kept yet; goodstead check makes one\n".to_owned(),
        Format::Text => table(&entries),
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
            Some(it) => (range(it.range), it.failed.to_string(), format!("{:.0} %", it.coverage)),
            None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        };
        // Twelve of 32 digits are enough to name it.
        let id = entry.id.get(..12).unwrap_or(&entry.id);
        table.add_row([id, &moment(&entry.time), &readiness, &findings, &coverage, &of]);
    }
    table::text(&table)
}
