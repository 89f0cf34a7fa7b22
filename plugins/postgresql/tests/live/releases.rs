//! What servers of each release answer, in the shapes of their manuals: a server that knows only the columns of its own
//! release, so that whatever a release does not have is refused as the real one refuses it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use serde_json::{Value as Json, json};

use crate::impostor::{error, message, row, welcome};
use crate::{facts, target};

/// What a release has, by the first one that has it and the first that has it no more.
const COLUMNS: [(&str, u32, u32); 10] = [
    ("checkpoints_timed", 0, 170_000),
    ("pg_stat_bgwriter", 0, 170_000),
    ("num_timed", 170_000, u32::MAX),
    ("pg_stat_checkpointer", 170_000, u32::MAX),
    ("pg_stat_wal", 140_000, u32::MAX),
    ("conflicting", 160_000, u32::MAX),
    ("invalidation_reason", 170_000, u32::MAX),
    ("synced AS", 170_000, u32::MAX),
    ("rule_number", 160_000, u32::MAX),
    ("jit_deform_time", 170_000, u32::MAX),
];

/// What is asked for is known by a word, and answered by one row.
const ANSWERS: [(&str, &[(&str, &str)]); 15] = [
    ("pg_settings", &[("name", "jit"), ("setting", "on"), ("vartype", "bool"), ("source", "default")]),
    (
        "pg_replication_slots ORDER BY slot_name",
        &[
            ("name", "old"),
            ("type", "physical"),
            ("active", "f"),
            ("temporary", "f"),
            ("synced", "f"),
            ("wal_status", "lost"),
            ("invalidation", "wal_removed"),
            ("retained_bytes", "0"),
        ],
    ),
    ("datfrozenxid", &[("name", "postgres"), ("sql", "postgres"), ("xid_age", "9"), ("mxid_age", "0")]),
    (
        "remote_plain",
        &[
            ("used", "3"),
            ("idle", "1"),
            ("remote", "2"),
            ("remote_plain", "1"),
            ("waiting_for_standby", "0"),
            ("oldest_transaction_seconds", "7"),
            ("server_process", "0"),
            ("limit", "97"),
        ],
    ),
    (
        "idle in transaction",
        &[("pid", "12"), ("role", "app"), ("database", "shop"), ("application", "web"), ("seconds", "70")],
    ),
    (
        "rolsuper AND a.backend_type",
        &[("role", "dba"), ("application", ""), ("address", "10.0.0.7"), ("sessions", "2")],
    ),
    (
        "replay_lag",
        &[
            ("application", "b"),
            ("address", "10.0.0.8"),
            ("state", "streaming"),
            ("sync_state", "async"),
            ("lag_bytes", "0"),
            ("lag_seconds", "0.5"),
        ],
    ),
    ("synchronous_standby_names", &[("names", "ANY 1 (b, c)"), ("connected", "1")]),
    (
        "owner AS role",
        &[
            ("gid", "x"),
            ("rollback", "ROLLBACK PREPARED 'x';"),
            ("role", "app"),
            ("database", "shop"),
            ("seconds", "3"),
        ],
    ),
    ("UNION ALL", &[("kind", "slot"), ("holder", "slot old"), ("application", ""), ("age", "5")]),
    ("AS timed", &[("timed", "100"), ("requested", "7")]),
    ("full_page_images", &[("bytes", "81920"), ("full_page_images", "5"), ("seconds", "60")]),
    ("archive_statusdir", &[("waiting", "4")]),
    ("system_identifier", &[("system_identifier", "7300000000000000001"), ("timeline", "2")]),
    ("pg_database_size", &[("name", "postgres"), ("size_bytes", "8000000")]),
];

fn identity(number: &str) -> Vec<(&str, &str)> {
    vec![
        ("version_num", number),
        ("read_only", "on"),
        ("powerful", "f"),
        ("sees_all", "t"),
        ("sees_stats", "t"),
        ("local", "f"),
        ("in_recovery", "f"),
        ("started", "2026-11-22T02:13:00Z"),
        ("config_loaded", "2026-11-22T02:13:00Z"),
        ("uptime_seconds", "60"),
    ]
}

fn answer(query: &str, number: u32) -> Vec<u8> {
    let missing =
        COLUMNS.iter().any(|(word, from, until)| query.contains(word) && !(*from..*until).contains(&number));
    if missing {
        return [error("42703"), message(b'Z', b"I")].concat();
    }
    if query.contains("version_num") {
        return row(&identity(&number.to_string()));
    }
    if query.contains("sees_rules") {
        return row(&[("superusers", "1"), ("managed", "f"), ("sees_passwords", "t"), ("sees_rules", "t")]);
    }
    if query.contains("AS md5") {
        return row(&[("md5", "2")]);
    }
    if query.contains("pg_hba_file_rules") {
        let file = ("file", "/etc/pg_hba.conf");
        let rule = [
            ("line", "9"),
            ("type", "local"),
            ("databases", "[\"all\"]"),
            ("users", "[\"all\"]"),
            ("method", "peer"),
            ("broken", "f"),
        ];
        return row(&if number >= 160_000 { [&[file][..], &rule].concat() } else { rule.to_vec() });
    }
    if query.contains("pg_stat_statements'") {
        return row(&[("schema", "public")]);
    }
    if query.contains("public.pg_stat_statements(false)") {
        return row(&[("seconds", "90.5"), ("jit_seconds", "1e-3")]);
    }
    match ANSWERS.iter().find(|(word, _)| query.contains(word)) {
        Some((_, columns)) => row(columns),
        None => [message(b'C', b"SELECT 0\0"), message(b'Z', b"I")].concat(),
    }
}

/// The facts of a server of this release.
fn told(number: u32) -> Json {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || {
        let mut heard = vec![0; 65_536];
        assert!(theirs.read(&mut heard).unwrap() > 0);
        theirs.write_all(&welcome()).unwrap();
        loop {
            match theirs.read(&mut heard) {
                Ok(length) if length > 5 && heard[0] == b'Q' => {
                    let query = String::from_utf8_lossy(&heard[5..length]).into_owned();
                    theirs.write_all(&answer(&query, number)).unwrap();
                }
                _ => return,
            }
        }
    });
    let facts = facts(&target(), ours.into());
    server.join().unwrap();
    facts
}

#[test]
fn each_release_answers_all_that_it_is_asked() {
    for number in [130_023, 140_025, 150_020, 160_016, 170_012, 180_006] {
        let facts = told(number);
        let refused = facts.to_string().matches("42703").count();
        assert_eq!(refused, 0, "{number}: {facts:#}");
        assert_eq!(facts["checkpoints"], json!({"timed": 100, "requested": 7}), "{number}");
        assert_eq!(facts["slots"][0]["invalidation"], "wal_removed", "{number}");
        assert_eq!(facts["wal"].get("bytes").is_some(), number >= 140_000, "{number}");
        assert_eq!(facts["statements"].get("seconds"), Some(&json!(90.5)), "{number}");
        assert_eq!(facts["roles"], json!({"superusers": 1, "md5_passwords": 2}));
        assert_eq!(facts["hba"][0]["method"], "peer");
        assert_eq!(
            facts["hba"][0]["place"].as_str().unwrap().starts_with("/etc/"),
            number >= 160_000,
            "{number}"
        );
        assert_eq!(facts["sync"], json!({"required": 1, "connected": 1}));
        assert_eq!((&facts["databases"][0]["xid_age"], &facts["data_bytes"]), (&json!(9), &json!(8_000_000)));
        assert_eq!(facts["horizon"][0]["holder"], "slot old");
        assert_eq!(facts["superuser_sessions"][0]["who"], "dba, by a program without a name, from 10.0.0.7");
        assert_eq!(facts["replicas"][0]["name"], "b from 10.0.0.8");
    }
}
