//! Which cluster this is.

use goodstead_plugin::{UnknownOr, facts};

use super::{Facts, Topic, bounded};
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

/// Where tables lie besides the data folder.
pub(super) const TABLESPACES: Topic = Topic {
    names: &["tablespaces"],
    monitor: false,
    query: |server| {
        Some(format!(
            "SELECT spcname AS name, quote_ident(spcname) AS sql, pg_tablespace_location(oid) AS location FROM pg_tablespace
             WHERE pg_tablespace_location(oid) <> '' ORDER BY 1 LIMIT {}",
            server.rows + 1
        ))
    },
    facts: |rows, most| {
        let tablespaces = bounded(rows, most, |row| {
            Some(
                facts! { "name" => text(row, "name")?, "sql" => text(row, "sql")?, "location" => text(row, "location")? },
            )
        });
        Facts::from([("tablespaces".to_owned(), tablespaces)])
    },
};

/// What a catalogue of backups knows the cluster by, if these rows say it.
pub(super) fn system_identifier(rows: &[Row]) -> Option<String> {
    rows.first().and_then(|row| text(row, "system_identifier")).map(str::to_owned)
}
