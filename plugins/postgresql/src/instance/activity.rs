//! The sessions of others: how many, which of them wait in an open transaction, which have a superuser's powers.

use std::collections::BTreeMap;

use goodstead_plugin::{Fact, UnknownOr, facts};

use super::{Facts, Topic, bounded, optional};
use crate::row::{int, missing, text};
use crate::session::Row;

/// A client on another machine: an address that is not this host's loopback.
const REMOTE: &str = "a.backend_type = 'client backend' AND a.client_addr IS NOT NULL
  AND NOT a.client_addr <<= '127.0.0.0/8' AND a.client_addr <> '::1'";

/// Counted by the server, so that one row comes back however many sessions there are. `reserved_connections` came with 16.
pub(super) const CONNECTIONS: Topic = Topic {
    names: &["connections"],
    monitor: true,
    query: |_| {
        Some(format!(
            "SELECT count(*) FILTER (WHERE a.backend_type = 'client backend') AS used,
               count(*) FILTER (WHERE a.backend_type = 'client backend' AND a.state = 'idle') AS idle,
               count(*) FILTER (WHERE {REMOTE}) AS remote,
               count(*) FILTER (WHERE {REMOTE} AND NOT coalesce(s.ssl, false) AND NOT coalesce(g.encrypted, false))
                 AS remote_plain,
               count(*) FILTER (WHERE a.wait_event_type = 'IPC' AND a.wait_event = 'SyncRep') AS waiting_for_standby,
               coalesce(floor(extract(epoch FROM clock_timestamp() - min(a.xact_start)
                 FILTER (WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()))), 0)::bigint
                 AS oldest_transaction_seconds,
               max(a.pid) FILTER (WHERE a.backend_type = 'checkpointer') AS server_process,
               current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                 - coalesce(current_setting('reserved_connections', true)::int, 0) AS \"limit\"
             FROM pg_stat_activity a LEFT JOIN pg_stat_ssl s ON s.pid = a.pid
               LEFT JOIN pg_stat_gssapi g ON g.pid = a.pid"
        ))
    },
    facts: |rows, _| {
        const COUNTS: [&str; 7] = [
            "used",
            "limit",
            "idle",
            "remote",
            "remote_plain",
            "waiting_for_standby",
            "oldest_transaction_seconds",
        ];
        let count = |name: &str| rows.first().and_then(|row| int(row, name)).ok_or_else(missing).or_unknown();
        let counts: BTreeMap<_, _> = COUNTS.map(|name| (name.to_owned(), count(name))).into();
        Facts::from([("connections".to_owned(), counts.into())])
    },
};

/// The process that the connections' row names, if these rows are that.
pub(super) fn process(rows: &[Row]) -> Option<i64> {
    rows.first().and_then(|row| int(row, "server_process"))
}

pub(super) const IDLE: Topic = Topic {
    names: &["idle_in_transaction"],
    monitor: true,
    query: |server| {
        Some(format!(
            "SELECT pid, usename AS role, datname AS database, application_name AS application,
               greatest(0, floor(extract(epoch FROM clock_timestamp() - state_change)))::bigint AS seconds
             FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()
             ORDER BY state_change LIMIT {}",
            server.rows + 1
        ))
    },
    facts: |rows, most| Facts::from([("idle_in_transaction".to_owned(), bounded(rows, most, idle))]),
};

fn idle(row: &Row) -> Option<Fact> {
    let pid = int(row, "pid")?;
    let mut item = Facts::from([
        ("session".to_owned(), format!("process {pid}").into()),
        ("pid".to_owned(), pid.into()),
        ("seconds".to_owned(), int(row, "seconds").ok_or_else(missing).or_unknown()),
    ]);
    for name in ["role", "database", "application"] {
        optional(&mut item, row, name);
    }
    Some(item.into())
}

/// Grouped, so that a pool of a hundred connections is one element.
pub(super) const SUPERUSERS: Topic = Topic {
    names: &["superuser_sessions"],
    monitor: true,
    query: |server| {
        Some(format!(
            "SELECT a.usename AS role, a.application_name AS application, host(a.client_addr) AS address,
               count(*) AS sessions
             FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
             WHERE r.rolsuper AND a.backend_type = 'client backend'
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT {}",
            server.rows + 1
        ))
    },
    facts: |rows, most| Facts::from([("superuser_sessions".to_owned(), bounded(rows, most, superuser))]),
};

fn superuser(row: &Row) -> Option<Fact> {
    let (role, application) = (text(row, "role")?, text(row, "application").unwrap_or_default());
    let from = text(row, "address").map_or("the local socket".to_owned(), str::to_owned);
    let named = if application.is_empty() { "a program without a name" } else { application };
    Some(facts! {
        "who" => format!("{role}, by {named}, from {from}"),
        "role" => role,
        "application" => application,
        "socket" => text(row, "address").is_none(),
        "sessions" => int(row, "sessions").ok_or_else(missing).or_unknown(),
    })
}
