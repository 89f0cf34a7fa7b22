//! Restores that were tried: pgBackRest's log of this host, and what the admin, or the drill itself, wrote down.
//!
//! No tool records restores in its catalogue, and a server that was restored does not know it. So a drill leaves a
//! line: `/var/spool/goodstead/restores/<target>.toml` holds `[[restore]]` with `at` (a time) and `succeeded`.

use goodstead_plugin::{Cause, CauseKind, Document, Site, SiteExt};
use jiff::Timestamp;
use serde::Deserialize;
use toml::value::Datetime;

use super::runs::{Run, in_log};

#[derive(Deserialize)]
struct Records {
    #[serde(default)]
    restore: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    at: Datetime,
    succeeded: bool,
}

/// The restores that are known, and why there may be more.
pub(super) fn of(
    site: &mut dyn Site,
    target: Option<&str>,
    stanza: Option<&str>,
) -> (Vec<Run>, Option<Cause>) {
    let logged = stanza.map(|stanza| in_log(site, stanza, "restore"));
    let recorded = target.map(|target| records(site, target));
    let mut partial = None;
    let mut all = Vec::new();
    for source in [logged, recorded].into_iter().flatten() {
        match source {
            Ok(runs) => all.extend(runs),
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => _ = partial.get_or_insert(cause),
        }
    }
    (all, partial)
}

fn records(site: &mut dyn Site, target: &str) -> Result<Vec<Run>, Cause> {
    let path = format!("/var/spool/goodstead/restores/{target}.toml");
    let unfit = |detail: String| Cause::new(CauseKind::NotAvailable, detail);
    let document = Document::new(&path, site.read_text(&path)?);
    let records: Records = document.parse().map_err(|error| unfit(error.to_string()))?;
    let run = |record: Record| {
        let at = record.at.to_string().parse::<Timestamp>();
        let at = at
            .map_err(|_| unfit(format!("{path}: `at` wants date, time and zone, as 2026-11-22T02:00:00Z")))?;
        Ok(Run { at: at.as_second(), succeeded: record.succeeded, told_by: "a record" })
    };
    records.restore.into_iter().map(run).collect()
}
