//! What keeps VACUUM from removing dead rows: open transactions, prepared ones, slots and standbys with feedback.

use goodstead_plugin::{Fact, UnknownOr, facts};

use super::{Facts, Topic, bounded};
use crate::row::{int, missing, text};
use crate::session::Row;

pub(super) const PREPARED: Topic = Topic {
    names: &["prepared"],
    monitor: false,
    query: |server| {
        Some(format!(
            "SELECT gid, format('ROLLBACK PREPARED %L;', gid) AS rollback, owner AS role, database,
               greatest(0, floor(extract(epoch FROM clock_timestamp() - prepared)))::bigint AS seconds
             FROM pg_prepared_xacts ORDER BY prepared LIMIT {}",
            server.rows + 1
        ))
    },
    facts: |rows, most| Facts::from([("prepared".to_owned(), bounded(rows, most, prepared))]),
};

fn prepared(row: &Row) -> Option<Fact> {
    Some(facts! {
        "gid" => text(row, "gid")?,
        "rollback" => text(row, "rollback").ok_or_else(missing).or_unknown(),
        "role" => text(row, "role").ok_or_else(missing).or_unknown(),
        "database" => text(row, "database").ok_or_else(missing).or_unknown(),
        "seconds" => int(row, "seconds").ok_or_else(missing).or_unknown(),
    })
}

/// The five oldest of each kind. A session in VACUUM holds nothing back. A session that wrote has a transaction id of
/// its own and, between statements, no snapshot: both count.
pub(super) const HORIZON: Topic = Topic {
    names: &["horizon"],
    monitor: true,
    query: |_| {
        Some(
            "(SELECT 'session' AS kind, format('process %s', pid) AS holder, application_name AS application,
                greatest(age(backend_xmin), age(backend_xid)) AS age
              FROM pg_stat_activity
              WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
                AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
                AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
              ORDER BY 4 DESC LIMIT 5)
             UNION ALL
             (SELECT CASE WHEN xmin IS NULL THEN 'catalog slot' ELSE 'slot' END, format('slot %s', slot_name), '',
                greatest(age(xmin), age(catalog_xmin))
              FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL ORDER BY 4 DESC LIMIT 5)
             UNION ALL
             (SELECT 'standby', format('standby %s, process %s', application_name, pid), application_name, age(backend_xmin)
              FROM pg_stat_replication WHERE backend_xmin IS NOT NULL ORDER BY 4 DESC LIMIT 5)
             UNION ALL
             (SELECT 'prepared', format('prepared transaction %s', gid), '', age(transaction)
              FROM pg_prepared_xacts ORDER BY 4 DESC LIMIT 5)"
                .to_owned(),
        )
    },
    facts: |rows, most| Facts::from([("horizon".to_owned(), bounded(rows, most, holder))]),
};

fn holder(row: &Row) -> Option<Fact> {
    Some(facts! {
        "holder" => text(row, "holder")?,
        "kind" => text(row, "kind")?,
        "application" => text(row, "application").unwrap_or_default(),
        "age" => int(row, "age").ok_or_else(missing).or_unknown(),
    })
}
