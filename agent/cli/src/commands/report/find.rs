//! Which report is meant: a kept one by the beginning of its id, the newest full one, or one in a file.

use std::path::Path;

use goodstead_model::{Report, SCHEMA};
use goodstead_protocol::diagnostic::{Diagnostic, Place};
use serde::Deserialize;

use crate::commands::{state, state_trouble};
use crate::files::read_named;
use crate::installation::Installation;
use crate::render::diagnostics;
use crate::state::{KeptReport, State};

/// The largest report that is read from a file, in bytes: some thirty times one with 1,000 findings.
const MAX_REPORT: u64 = 64 << 20;

/// The report that is meant.
///
/// # Errors
/// There is none, or what is there is no report that this agent knows.
pub(super) fn find(named: Option<&str>, installation: &Installation) -> Result<Report, Diagnostic> {
    match named.filter(|named| !is_id(named)) {
        Some(file) => in_file(Path::new(file)),
        None => {
            let kept = kept(&state(installation)?, named, installation)?;
            read(&kept.body, || Place::file(format!("the kept report {}", kept.id)))
        }
    }
}

/// The full report before the newest one.
///
/// # Errors
/// Fewer than two are kept.
pub(super) fn last_but_one(installation: &Installation) -> Result<Report, Diagnostic> {
    let kept = state(installation)?.before_newest().map_err(|error| state_trouble(installation, &error))?;
    let kept = kept.ok_or_else(|| {
        Diagnostic::error(
            "no-report",
            "there is nothing to compare: fewer than two reports of full scans are kept",
        )
        .help("goodstead check makes one; goodstead report list shows them")
    })?;
    read(&kept.body, || Place::file(format!("the kept report {}", kept.id)))
}

/// The kept report that is meant, as the bytes that are sent.
pub(super) fn kept(
    state: &State,
    named: Option<&str>,
    installation: &Installation,
) -> Result<KeptReport, Diagnostic> {
    let trouble = |error| state_trouble(installation, &error);
    if let Some(id) = named.filter(|named| *named != "latest") {
        return state.report(Some(id)).map_err(trouble)?.ok_or_else(|| {
            Diagnostic::error("no-report", format!("no kept report's id begins with `{id}`"))
                .help("goodstead report list shows them; a path with a `/` names a file")
        });
    }
    let partial = state.newest().map_err(trouble)?.filter(|newest| !newest.is_full);
    match (state.report(None).map_err(trouble)?, partial) {
        (Some(full), None) => Ok(full),
        (Some(full), Some(partial)) => {
            let note = format!("the last check was {}; this is the last full one", limited(&partial));
            diagnostics::print(&[Diagnostic::warning("partial", note).help(show(&partial))]);
            Ok(full)
        }
        (None, Some(partial)) => {
            let message =
                format!("no report of a full scan is kept: the last check was {}", limited(&partial));
            let help = format!("goodstead check makes one; {}", show(&partial));
            Err(Diagnostic::error("no-report", message).help(help))
        }
        (None, None) => {
            Err(Diagnostic::error("no-report", "no report is kept yet").help("goodstead check makes one"))
        }
    }
}

/// `partial (only linux)`.
fn limited(kept: &KeptReport) -> String {
    let limit = kept.parse().ok().and_then(|report| report.partial());
    format!("partial ({})", limit.unwrap_or_else(|| "it cannot be read".to_owned()))
}

fn show(kept: &KeptReport) -> String {
    format!("goodstead report show {} shows the partial one", kept.id.get(..12).unwrap_or(&kept.id))
}

/// Ids are hexadecimal; a file of such a name is `./cafe`.
fn is_id(named: &str) -> bool {
    named == "latest" || (!named.is_empty() && named.chars().all(|c| c.is_ascii_hexdigit()))
}

fn in_file(path: &Path) -> Result<Report, Diagnostic> {
    let place = || Place::file(path.display().to_string());
    let bytes = read_named(path, MAX_REPORT).map_err(|error| {
        Diagnostic::error("unreadable", format!("the report cannot be read: {error}"))
            .at(place())
            .help("name a file, or a kept report: goodstead report list shows them")
    })?;
    read(&bytes, place)
}

/// What is asked of a report before all else.
#[derive(Deserialize)]
struct Head {
    schema: u32,
}

/// The report in the bytes of a file, or of what is kept.
///
/// # Errors
/// They are no report that this agent knows.
pub(crate) fn read(bytes: &[u8], place: impl Fn() -> Place) -> Result<Report, Diagnostic> {
    let refused = |error: serde_json::Error| {
        if error.is_eof() {
            Diagnostic::error("bad-report", "this report is cut off")
                .at(place())
                .help("copy it again as a whole")
        } else {
            Diagnostic::error("bad-report", format!("this is no report: {error}"))
                .at(place())
                .help("goodstead check --format json writes one")
        }
    };
    let head: Head = serde_json::from_slice(bytes).map_err(refused)?;
    if head.schema > SCHEMA {
        let message = format!("this report has schema {}, this agent knows {SCHEMA}", head.schema);
        return Err(Diagnostic::error("newer-report", message).at(place()).help("install a newer Goodstead"));
    }
    serde_json::from_slice(bytes).map_err(refused)
}
