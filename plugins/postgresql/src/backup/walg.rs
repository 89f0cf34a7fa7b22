//! WAL-G's list of backups, as `wal-g backup-list --detail --json` prints it. WAL-G itself is never asked: it needs
//! the secrets of its storage.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind};
use jiff::Timestamp;
use serde::Deserialize;

use super::catalogue::{Backup, Catalogue, Tool};

#[derive(Deserialize)]
struct Entry {
    backup_name: String,
    start_time: Timestamp,
    finish_time: Timestamp,
    system_identifier: u64,
}

/// The clusters in such a list. Only what ended well is in it.
///
/// # Errors
/// It is no such list.
pub(super) fn from_json(json: &[u8]) -> Result<Vec<Catalogue>, Cause> {
    let nonsense = |_| {
        Cause::new(
            CauseKind::NotAvailable,
            "a list of backups is neither pgBackRest's nor WAL-G's with details",
        )
    };
    let entries: Vec<Entry> = serde_json::from_slice(json).map_err(nonsense)?;
    let mut found: BTreeMap<String, Vec<Backup>> = BTreeMap::new();
    for entry in entries {
        found.entry(entry.system_identifier.to_string()).or_default().push(Backup {
            started: entry.start_time.as_second(),
            stopped: entry.finish_time.as_second(),
            // A delta's name ends in `_D_` and the backup that it builds on.
            full: !entry.backup_name.contains("_D_"),
            complete: true,
            damaged: None,
        });
    }
    let catalogue = |(system_identifier, backups)| Catalogue {
        tool: Tool::WalG,
        system_identifier,
        name: None,
        backups,
        encrypted: None,
    };
    Ok(found.into_iter().map(catalogue).collect())
}
