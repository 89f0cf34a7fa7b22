//! Both ends of replication: who follows this server and how far behind, and whom a standby follows.

use std::collections::BTreeMap;

use goodstead_plugin::{Fact, UnknownOr, facts};

use super::{Facts, Topic, bounded, optional};
use crate::row::{int, missing, switch, text};
use crate::session::Row;

/// A cascading standby measures against what it has replayed itself. `replay_lag` is NULL while nothing is to do, and
/// `replay_lsn` where nothing is ever replayed, while `replay_lag` then grows for ever; `greatest` would take a NULL for 0.
pub(super) const REPLICAS: Topic = Topic {
    names: &["replicas"],
    monitor: true,
    query: |server| {
        Some(format!(
            "SELECT pid, application_name AS application, host(client_addr) AS address, state, sync_state,
               CASE WHEN replay_lsn IS NOT NULL THEN greatest(0, pg_wal_lsn_diff(
                 CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                 replay_lsn)) END::bigint AS lag_bytes,
               CASE WHEN replay_lsn IS NULL THEN 0 ELSE greatest(0, coalesce(extract(epoch FROM replay_lag), 0)) END::float8
                 AS lag_seconds
             FROM pg_stat_replication ORDER BY application_name, client_addr, pid LIMIT {}",
            server.rows + 1
        ))
    },
    facts: |rows, most| {
        let mut replicas = bounded(rows, most, replica);
        number_namesakes(&mut replicas);
        Facts::from([("replicas".to_owned(), replicas)])
    },
};

fn replica(row: &Row) -> Option<Fact> {
    let application = text(row, "application")?;
    let name = match text(row, "address") {
        Some(address) => format!("{application} from {address}"),
        None => application.to_owned(),
    };
    let mut item = Facts::from([
        ("name".to_owned(), name.into()),
        ("application".to_owned(), application.into()),
        ("state".to_owned(), text(row, "state").ok_or_else(missing).or_unknown()),
        ("sync_state".to_owned(), text(row, "sync_state").ok_or_else(missing).or_unknown()),
        ("lag_seconds".to_owned(), seconds(row).ok_or_else(missing).or_unknown()),
    ]);
    // What takes a base backup or receives the log alone has replayed nothing and never will.
    if let Some(bytes) = int(row, "lag_bytes") {
        item.insert("lag_bytes".to_owned(), bytes.into());
    }
    Some(item.into())
}

fn seconds(row: &Row) -> Option<Fact> {
    text(row, "lag_seconds")?.parse().ok().filter(|number: &f64| number.is_finite()).map(Fact::Float)
}

/// Names are the list's key: the second of a name becomes `name (2)`.
fn number_namesakes(replicas: &mut Fact) {
    let Fact::List(list) = replicas else { return };
    let mut seen = BTreeMap::<String, usize>::new();
    for item in &mut list.items {
        let Fact::Map(item) = item else { continue };
        let Some(Fact::Text(name)) = item.items.get_mut("name") else { continue };
        let count = seen.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
        if *count > 1 {
            *name = format!("{name} ({count})");
        }
    }
}

pub(super) const SYNC: Topic = Topic {
    names: &["sync"],
    monitor: true,
    query: |_| {
        Some(
            "SELECT current_setting('synchronous_standby_names') AS names,
               (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum'))
                 AS connected"
                .to_owned(),
        )
    },
    facts: |rows, _| {
        let row = rows.first();
        let required = row.and_then(|row| text(row, "names")).and_then(required);
        let connected = row.and_then(|row| int(row, "connected"));
        let sync = facts! {
            "required" => required.ok_or_else(missing).or_unknown(),
            "connected" => connected.ok_or_else(missing).or_unknown(),
        };
        Facts::from([("sync".to_owned(), sync)])
    },
};

/// How many standbys a commit waits for: `FIRST 2 (a, b)`, `ANY 1 (a, b)`, `2 (a, b)`, or a bare list, which means 1.
/// 0 if none are named.
fn required(names: &str) -> Option<i64> {
    let names = names.trim();
    if names.is_empty() {
        return Some(0);
    }
    let Some((count, _)) = names.split_once('(') else { return Some(1) };
    let count = count.trim();
    let word = count.split_whitespace().next().unwrap_or_default();
    let counted = if word.eq_ignore_ascii_case("first") || word.eq_ignore_ascii_case("any") {
        count.get(word.len()..).unwrap_or_default().trim()
    } else {
        count
    };
    // A quoted name may hold a bracket: then this is a bare list.
    if counted.contains('"') { Some(1) } else { counted.parse().ok() }
}

/// Subscriptions that could not apply what was sent to them. Errors are counted since release 15, and are the whole
/// server's to see.
pub(super) const SUBSCRIPTIONS: Topic = Topic {
    names: &["subscription_errors"],
    monitor: false,
    query: |server| {
        (server.number >= 150_000).then(|| {
            format!(
                "SELECT s.subname AS name, quote_ident(s.subname) AS sql, d.datname AS database, s.subenabled AS enabled, s.subdisableonerr AS disables,
                   (st.apply_error_count + st.sync_error_count)::bigint AS errors
                 FROM pg_subscription s JOIN pg_stat_subscription_stats st ON st.subid = s.oid
                 JOIN pg_database d ON d.oid = s.subdbid
                 WHERE st.apply_error_count + st.sync_error_count > 0 ORDER BY 2, 1 LIMIT {}",
                server.rows + 1
            )
        })
    },
    facts: |rows, most| {
        let errors = bounded(rows, most, |row| {
            Some(facts! {
                "name" => format!("{}.{}", text(row, "database")?, text(row, "name")?),
                "sql" => text(row, "sql")?,
                "database" => text(row, "database")?,
                "enabled" => switch(row, "enabled").ok_or_else(missing).or_unknown(),
                "disables" => switch(row, "disables").ok_or_else(missing).or_unknown(),
                "errors" => int(row, "errors").ok_or_else(missing).or_unknown(),
            })
        });
        Facts::from([("subscription_errors".to_owned(), errors)])
    },
};

/// On a primary nothing is asked and the record is empty.
pub(super) const STANDBY: Topic = Topic {
    names: &["standby"],
    monitor: true,
    query: |server| {
        server.in_recovery.then(|| {
            "SELECT r.status AS receiver, r.received_tli AS received_timeline,
               (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
               CASE WHEN pg_last_wal_receive_lsn() IS NOT NULL AND pg_last_wal_replay_lsn() IS NOT NULL THEN
                 greatest(0, pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())) END::bigint
                 AS pending_bytes,
               pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint AS replayed_bytes,
               pg_is_wal_replay_paused() AS paused
             FROM (SELECT 1) AS one LEFT JOIN pg_stat_wal_receiver r ON true"
                .to_owned()
        })
    },
    facts: |rows, _| {
        let mut standby = Facts::new();
        if let Some(row) = rows.first() {
            optional(&mut standby, row, "receiver");
            for name in ["received_timeline", "timeline", "pending_bytes", "replayed_bytes"] {
                if let Some(number) = int(row, name) {
                    standby.insert(name.to_owned(), number.into());
                }
            }
            standby.insert("paused".to_owned(), switch(row, "paused").ok_or_else(missing).or_unknown());
        }
        Facts::from([("standby".to_owned(), standby.into())])
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_waits_for_as_many_as_the_setting_says() {
        for (names, expected) in [
            ("", Some(0)),
            ("  ", Some(0)),
            ("a", Some(1)),
            ("*", Some(1)),
            ("a, b", Some(1)),
            ("FIRST 2 (a, b, c)", Some(2)),
            ("first 1 (*)", Some(1)),
            ("ANY 2(a,b,c)", Some(2)),
            ("3 (a, b, c)", Some(3)),
            ("\"odd (name)\", b", Some(1)),
            ("ANY many (a)", None),
        ] {
            assert_eq!(required(names), expected, "{names}");
        }
    }

    #[test]
    fn replicas_of_one_name_stay_apart() {
        let row = |application: &str| Row::from([("application".to_owned(), application.to_owned())]);
        let facts = (REPLICAS.facts)(&[row("walreceiver"), row("walreceiver"), row("other")], 200);
        let names: Vec<_> =
            facts["replicas"].to_json().as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
        assert_eq!(names, ["walreceiver", "walreceiver (2)", "other"]);
    }
}
