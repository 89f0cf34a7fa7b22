//! The other releases: what they are asked, and what becomes of answers in their shape. The shapes are those of the
//! manuals' chapters on catalogs and statistics views; the release that Debian ships is asked live.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value as Json, json};

use crate::databases::facts_over;
use crate::impostor::{message, row, welcome};

/// An answer: to a query with these words in it, these columns.
type Answer = (&'static str, Vec<(&'static str, &'static str)>);

/// The facts from a server that answers so, and everything that it was asked.
fn asked(answers: &[Answer]) -> (Json, BTreeSet<String>) {
    let heard = Arc::new(Mutex::new(BTreeSet::new()));
    let facts = facts_over(&mut || {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (answers, heard) = (answers.to_vec(), heard.clone());
        thread::spawn(move || serve(theirs, &answers, &heard));
        ours.into()
    });
    let heard = heard.lock().unwrap().clone();
    (facts, heard)
}

fn serve(mut stream: UnixStream, answers: &[Answer], heard: &Mutex<BTreeSet<String>>) -> Option<()> {
    read(&mut stream)?;
    stream.write_all(&welcome()).ok()?;
    loop {
        let mut kind = [0];
        stream.read_exact(&mut kind).ok()?;
        let body = read(&mut stream)?;
        if kind != *b"Q" {
            return None;
        }
        let query = String::from_utf8_lossy(&body).into_owned();
        let found = answers.iter().find(|(words, _)| query.contains(words));
        let nothing = || [message(b'C', b"SELECT 0\0"), message(b'Z', b"I")].concat();
        heard.lock().unwrap().insert(query);
        stream.write_all(&found.map_or_else(nothing, |(_, columns)| row(columns))).ok()?;
    }
}

/// A message's body, which follows its length.
fn read(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?.checked_sub(4)?];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn answers(version: &'static str, more: &[Answer]) -> Vec<Answer> {
    let identity = vec![
        ("version_num", version),
        ("read_only", "on"),
        ("powerful", "f"),
        ("sees_all", "t"),
        ("local", "t"),
        ("in_recovery", "f"),
        ("started", "2026-11-22T02:13:00Z"),
        ("config_loaded", "2026-11-22T02:13:00Z"),
        ("uptime_seconds", "60"),
    ];
    [&[("server_version_num", identity)], more].concat()
}

const SHOP: [(&str, &str); 10] = [
    ("name", "shop"),
    ("sql", "shop"),
    ("xid_age", "5"),
    ("mxid_age", "1"),
    ("template", "f"),
    ("accepts_connections", "t"),
    ("connection_limit", "-1"),
    ("connections", "0"),
    ("temp_bytes", "0"),
    ("checksum_failures", "0"),
];

#[test]
fn each_release_is_asked_for_what_it_has_and_its_answers_are_read() {
    // Column or table, and since when it is there.
    let since = [
        ("datcollversion", 15),
        ("pg_database_collation_actual_version", 15),
        ("pg_publication_namespace", 15),
        ("indnullsnotdistinct", 15),
        ("conenforced", 18),
        ("conperiod", 18),
        ("current_setting('autovacuum_vacuum_max_threshold')", 18),
    ];
    let releases =
        [("130023", 13), ("140020", 14), ("150018", 15), ("160011", 16), ("170007", 17), ("180001", 18)];
    for (version, major) in releases {
        let mut shop = SHOP.to_vec();
        if major >= 15 {
            shop.push(("collation_mismatch", "t"));
        }
        let (facts, heard) = asked(&answers(
            version,
            &[
                ("age(datfrozenxid)", shop),
                ("pg_database_size", vec![("name", "shop"), ("size_bytes", "8000000")]),
                (
                    "public_schema_writers",
                    vec![("user_tables", "3"), ("counted_bytes", "7"), ("public_schema_writers", "0")],
                ),
                (
                    "NOT (i.indisvalid AND i.indisready)",
                    vec![
                        ("label", "public.i"),
                        ("sql", "public.i"),
                        ("table_sql", "public.t"),
                        ("bytes", "8192"),
                        ("unique", "f"),
                        ("leftover", "f"),
                        ("being_built", "f"),
                    ],
                ),
                (
                    "pg_stat_get_mod_since_analyze",
                    vec![
                        ("label", "public.t"),
                        ("sql", "public.t"),
                        ("bytes", "8192"),
                        ("unlogged", "f"),
                        ("live_rows", "1"),
                        ("dead_rows", "2"),
                        ("vacuum_threshold", "3"),
                        ("changed_rows", "4"),
                        ("analyze_threshold", "5"),
                        ("autovacuum_enabled", "t"),
                        ("being_vacuumed", "f"),
                    ],
                ),
                (
                    "FROM pg_sequence",
                    vec![
                        ("oid", "16400"),
                        ("sql", "public.s"),
                        ("readable", "t"),
                        ("first", "1"),
                        ("last", "32767"),
                    ],
                ),
                ("pg_sequence_last_value", vec![("oid", "16400"), ("last_value", "32000")]),
                ("FROM pg_extension", vec![("name", "plpgsql"), ("version", "1.0")]),
            ],
        ));
        for (name, first) in since {
            let found = heard.iter().any(|query| query.contains(name));
            assert_eq!(found, major >= first, "{name} in {major}");
        }
        let shop = &facts["databases"][0];
        assert_eq!((&shop["user_tables"], &shop["size_bytes"]), (&json!(3), &json!(8_000_000)), "{major}");
        assert_eq!(shop.get("collation_mismatch").is_some(), major >= 15);
        assert_eq!(facts["invalid_indexes"][0]["name"], "shop.public.i");
        assert_eq!(facts["tables"][0]["analyze_threshold"], 5);
        assert!(facts["tables"][0].get("vacuumed_seconds_ago").is_none());
        assert_eq!(facts["sequences"][0]["used_percent"], 97);
        assert_eq!(facts["extensions"], json!([{"name": "plpgsql", "databases": 1}]));
        assert_eq!(facts["statement_statistics_created"], false);
    }
}

#[test]
fn nonsense_is_unknown_and_never_a_value() {
    let odd = vec![
        ("label", "x"),
        ("sql", ""),
        ("bytes", "-9223372036854775809"),
        ("unique", "maybe"),
        ("oid", "-1"),
        ("first", "9223372036854775807"),
        ("last", "-9223372036854775808"),
        ("readable", "t"),
        ("last_value", "0"),
    ];
    let (facts, _) = asked(&answers(
        "150018",
        &[
            ("age(datfrozenxid)", SHOP.to_vec()),
            ("AS label", odd.clone()),
            ("pg_sequence", odd.clone()),
            ("public_schema_writers", odd),
        ],
    ));
    assert_eq!(facts["invalid_indexes"][0]["bytes"]["$unknown"]["kind"], "not-available");
    assert_eq!(facts["invalid_indexes"][0]["unique"]["$unknown"]["kind"], "not-available");
    assert_eq!(facts["sequences"], json!([]));
    assert_eq!(facts["databases"][0]["user_tables"]["$unknown"]["kind"], "not-available");
    let (old, _) = asked(&answers("110022", &[]));
    assert_eq!(old["tables"]["$unknown"]["kind"], "not-applicable-here");
}
