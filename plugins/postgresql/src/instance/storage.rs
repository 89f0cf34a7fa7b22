//! Which cluster this is, and how much it holds.

use goodstead_plugin::{UnknownOr, facts};

use super::{Facts, Topic};
use crate::queries::{int, missing, switch, text};

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
    facts: |rows| {
        let row = rows.first();
        let control = facts! {
            "system_identifier" => row.and_then(|row| text(row, "system_identifier")).ok_or_else(missing).or_unknown(),
            "timeline" => row.and_then(|row| int(row, "timeline")).ok_or_else(missing).or_unknown(),
        };
        Facts::from([("control".to_owned(), control)])
    },
};

/// The server asks the size of every file, which takes seconds where there are hundreds of thousands: then both facts
/// are unknown. A new database is a copy of template1; one that is larger than that by a MiB holds something.
pub(super) const SIZE: Topic = Topic {
    names: &["data_bytes", "has_user_data"],
    monitor: true,
    query: |_| {
        Some(
            "WITH sizes AS MATERIALIZED (SELECT datname, datistemplate, pg_database_size(oid) AS bytes FROM pg_database)
             SELECT sum(bytes)::bigint AS data_bytes,
               bool_or(bytes > (SELECT bytes FROM sizes WHERE datname = 'template1') + 1048576) AS has_user_data
             FROM sizes WHERE NOT datistemplate"
                .to_owned(),
        )
    },
    facts: |rows| {
        let row = rows.first();
        Facts::from([
            (
                "data_bytes".to_owned(),
                row.and_then(|row| int(row, "data_bytes")).ok_or_else(missing).or_unknown(),
            ),
            (
                "has_user_data".to_owned(),
                row.and_then(|row| switch(row, "has_user_data")).ok_or_else(missing).or_unknown(),
            ),
        ])
    },
};
