//! What only pretends to be a PostgreSQL server, or is one that cannot serve.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use goodstead_plugin::fake::{FakeSite, gather, manifest};
use goodstead_plugin::{Address, Cause, CauseKind, Target};
use goodstead_postgresql::PostgreSql;
use serde_json::{Value as Json, json};

use crate::{cause, facts, target};

/// The facts from a server that says `script`, one part after each message that it gets, and then closes.
fn from(script: Vec<Vec<u8>>) -> Json {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || {
        let mut heard = [0; 4096];
        for part in script {
            if theirs.read(&mut heard).unwrap_or(0) == 0 || theirs.write_all(&part).is_err() {
                return;
            }
        }
    });
    let facts = facts(&target(), ours.into());
    server.join().unwrap();
    facts
}

pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, body].concat()
}

pub(crate) fn error(code: &str) -> Vec<u8> {
    message(b'E', format!("SFATAL\0VFATAL\0C{code}\0Mhunter2 is wrong\0\0").as_bytes())
}

pub(crate) fn welcome() -> Vec<u8> {
    [message(b'R', &[0; 4]), message(b'Z', b"I")].concat()
}

/// One row of text columns, and the end of the answer.
pub(crate) fn row(columns: &[(&str, &str)]) -> Vec<u8> {
    let count = u16::try_from(columns.len()).unwrap().to_be_bytes();
    let (mut names, mut values) = (count.to_vec(), count.to_vec());
    for (name, value) in columns {
        names.extend([name.as_bytes(), &[0; 19]].concat());
        values.extend([&u32::try_from(value.len()).unwrap().to_be_bytes()[..], value.as_bytes()].concat());
    }
    [message(b'T', &names), message(b'D', &values), message(b'C', b"SELECT 1\0"), message(b'Z', b"I")]
        .concat()
}

#[test]
fn what_is_no_server_is_told_as_such() {
    for script in [
        vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()],
        vec![vec![0xff; 4096]],
        vec![message(b'R', b"")],
        vec![message(b'T', b"nonsense")],
    ] {
        assert_eq!(
            cause(&from(script)),
            ("not-available".into(), "what answers there is not PostgreSQL ()".into())
        );
    }
    let (kind, text) = cause(&from(vec![]));
    assert!(
        kind == "not-available" && text.contains("closed") || text.contains("not PostgreSQL"),
        "{kind}: {text}"
    );
}

#[test]
fn a_server_s_refusals_have_their_causes_and_are_not_repeated() {
    for (code, kind, words) in [
        ("57P03", "not-available", "starting up"),
        ("53300", "not-available", "no connection left"),
        ("28000", "not-permitted", "does not let the role goodstead in"),
        ("28P01", "not-permitted", "sudo goodstead grant postgresql --apply"),
        ("42501", "not-permitted", "GRANT CONNECT ON DATABASE postgres TO goodstead;"),
        ("08P01", "not-available", "connection pooler"),
        ("XX000", "not-available", "(XX000)"),
    ] {
        let (found, text) = cause(&from(vec![error(code)]));
        assert!(found == kind && text.contains(words), "{code}: {found}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_connection_that_ends_midway_leaves_everything_unknown() {
    let (kind, text) = cause(&from(vec![welcome()]));
    assert!(kind == "not-available" && text.contains("ended the session"), "{kind}: {text}");
    let (kind, _) = cause(&from(vec![welcome(), message(b'T', b"\0\x01cut")]));
    assert_eq!(kind, "not-available");
}

#[test]
fn a_session_that_is_not_read_only_is_left_at_once() {
    let (kind, text) = cause(&from(vec![welcome(), row(&[("version_num", "150018"), ("read_only", "off")])]));
    assert!(kind == "not-available" && text.contains("pooler"), "{kind}: {text}");
    // Without a word about its powers a session has them.
    let (kind, text) = cause(&from(vec![welcome(), row(&[("version_num", "150018"), ("read_only", "on")])]));
    assert!(kind == "not-permitted" && text.contains("declined"), "{kind}: {text}");
}

#[test]
fn what_fails_after_the_login_is_unknown_by_itself() {
    let identity = [
        ("version_num", "150018"),
        ("read_only", "on"),
        ("powerful", "f"),
        ("sees_all", "t"),
        ("local", "t"),
        ("in_recovery", "f"),
        ("started", "2026-11-22T02:13:00Z"),
        ("config_loaded", "2026-11-22T02:13:00Z"),
        ("uptime_seconds", "60"),
    ];
    let facts = from(vec![welcome(), row(&identity), [error("57014"), message(b'Z', b"I")].concat()]);
    assert_eq!(facts["version"], "15.18");
    assert_eq!(facts["settings"]["$unknown"]["kind"], "timed-out");
    assert_eq!(facts["pending_restart"]["$unknown"]["kind"], "timed-out");
    assert_eq!(facts["slots"]["$unknown"]["kind"], "not-available");
}

#[test]
fn silence_ends_after_three_seconds() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let begun = Instant::now();
    let (kind, text) = cause(&facts(&target(), ours.into()));
    assert_eq!((kind.as_str(), text.as_str()), ("timed-out", "the login took longer than 3 s ()"));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_server_that_falls_silent_costs_two_seconds() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(&welcome()).unwrap();
    let begun = Instant::now();
    let (kind, text) = cause(&facts(&target(), ours.into()));
    assert_eq!((kind.as_str(), text.as_str()), ("timed-out", "a statement took longer than 2 s ()"));
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_server_that_is_down_still_has_its_files() {
    let manifest = manifest(include_str!("../../plugin.toml"));
    let path = "/etc/postgresql/15/main/postgresql.conf";
    let address: Address = "unix:/run/postgresql/.s.PGSQL.5432".parse().unwrap();
    let hints = json!({"config_file": path, "port": 5432});
    for (address, outcome) in [
        (None, "no socket of this cluster was found: only a running server knows"),
        (Some(address), "connection refused"),
    ] {
        let target = Target { hints: hints.clone(), address: address.clone(), ..target() };
        let mut site = FakeSite::with_manifest(&manifest)
            .file(path, "fsync = off\nhba_file = '/etc/postgresql/15/main/pg_hba.conf'\n")
            .file("/etc/postgresql/15/main/pg_hba.conf", "host all all all trust\n");
        if let Some(address) = &address {
            site = site.connection(address, Err(Cause::new(CauseKind::NotAvailable, "connection refused")));
        }
        let (facts, notes) = gather::<PostgreSql>(&manifest.contract, &target, &mut site);
        let facts = facts.to_json();
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(facts["configured"]["fsync"], false);
        assert_eq!(facts["configured_at"]["fsync"], format!("{path}:1"));
        assert_eq!(facts["settings"]["$unknown"]["detail"], outcome);
        assert_eq!(facts["connections"]["used"]["$unknown"]["detail"], outcome);
        assert_eq!(facts["process"]["pid"]["$unknown"]["detail"], outcome);
        assert_eq!((&facts["hba"][0]["scope"], &facts["managed"]), (&json!("any"), &json!(false)));
        assert_eq!(facts["archiver"]["last_failed"]["$unknown"]["kind"], "not-available");
    }
}
