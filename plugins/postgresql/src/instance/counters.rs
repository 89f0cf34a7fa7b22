//! Counters since the statistics were last reset: checkpoints, write-ahead log, and what waits to be archived. A crash
//! sets them back to 0; whoever compares two scans sees that as a fall.

use std::collections::BTreeMap;

use goodstead_plugin::{Fact, UnknownOr};

use super::{Facts, Topic};
use crate::row::{int, missing};
use crate::session::Row;

/// 17 moved them from the background writer's view to one of their own.
pub(super) const CHECKPOINTS: Topic = Topic {
    names: &["checkpoints"],
    monitor: false,
    query: |server| {
        let (timed, requested, view) = if server.number >= 170_000 {
            ("num_timed", "num_requested", "pg_stat_checkpointer")
        } else {
            ("checkpoints_timed", "checkpoints_req", "pg_stat_bgwriter")
        };
        Some(format!("SELECT {timed} AS timed, {requested} AS requested FROM {view}"))
    },
    facts: |rows, _| Facts::from([("checkpoints".to_owned(), numbers(rows, &["timed", "requested"]))]),
};

/// Since 14; before that the record is empty.
pub(super) const WAL: Topic = Topic {
    names: &["wal"],
    monitor: false,
    query: |server| {
        (server.number >= 140_000).then(|| {
            "SELECT wal_bytes::bigint AS bytes, wal_fpi AS full_page_images,
               floor(extract(epoch FROM clock_timestamp() - stats_reset))::bigint AS seconds
             FROM pg_stat_wal"
                .to_owned()
        })
    },
    facts: |rows, _| {
        let wal = if rows.is_empty() {
            Facts::new().into()
        } else {
            numbers(rows, &["bytes", "full_page_images", "seconds"])
        };
        Facts::from([("wal".to_owned(), wal)])
    },
};

/// Lists a folder of the data folder, which only `pg_monitor` may.
pub(super) const WAITING: Topic = Topic {
    names: &["archiving_waiting"],
    monitor: true,
    query: |_| {
        Some(
            "SELECT count(*) FILTER (WHERE name LIKE '%.ready') AS waiting FROM pg_ls_archive_statusdir()"
                .to_owned(),
        )
    },
    facts: |rows, _| {
        let waiting = rows.first().and_then(|row| int(row, "waiting"));
        Facts::from([("archiving_waiting".to_owned(), waiting.ok_or_else(missing).or_unknown())])
    },
};

fn numbers(rows: &[Row], names: &[&str]) -> Fact {
    let number = |name: &str| rows.first().and_then(|row| int(row, name)).ok_or_else(missing).or_unknown();
    names.iter().map(|name| ((*name).to_owned(), number(name))).collect::<BTreeMap<_, _>>().into()
}
