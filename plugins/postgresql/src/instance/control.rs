//! Which cluster this is.

use goodstead_plugin::{UnknownOr, facts};

use super::{Facts, Topic};
use crate::row::{int, missing, text};
use crate::session::Row;

/// From the control file; the identifier is the same on a primary and its standbys.
pub(super) const CONTROL: Topic = Topic {
    names: &["control"],
    monitor: false,
    query: |_| {
        Some(
            "SELECT (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
               (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline"
                .to_owned(),
        )
    },
    facts: |rows, _| {
        let row = rows.first();
        let control = facts! {
            "system_identifier" => system_identifier(rows).ok_or_else(missing).or_unknown(),
            "timeline" => row.and_then(|row| int(row, "timeline")).ok_or_else(missing).or_unknown(),
        };
        Facts::from([("control".to_owned(), control)])
    },
};

/// What a catalogue of backups knows the cluster by, if these rows say it.
pub(super) fn system_identifier(rows: &[Row]) -> Option<String> {
    rows.first().and_then(|row| text(row, "system_identifier")).map(str::to_owned)
}
