//! A real setting is changed, and verdict, evidence and score follow; changed back, they come back.

use std::fs;

use goodstead_tests::is_root;
use goodstead_tests::postgres::Postgres;
use goodstead_tests::tree::{Tree, verdict};
use serde_json::Value as Json;

fn high_end(report: &Json) -> f64 {
    report["readiness"]["range"]["high"].as_f64().unwrap()
}

#[test]
fn fsync_of_a_real_postgresql() {
    let tree = Tree::new();
    let postgres = Postgres::start("");
    tree.configure(&postgres.reader());
    let look = || {
        let (run, report) = tree.check(&["postgresql:test", "--only", "postgresql.fsync-off"]);
        let judgement = verdict(&report, "postgresql.fsync-off", "postgresql:test").clone();
        (run.code, judgement, high_end(&report))
    };
    let (code, on, healthy) = look();
    assert_eq!((code, &on["verdict"]), (0, &Json::from("pass")), "{on:#}");

    postgres.sql("ALTER SYSTEM SET fsync = off");
    postgres.sql("SELECT pg_reload_conf()");
    wait_for(&postgres, "fsync", "off");
    let (code, off, broken) = look();
    assert_eq!((code, &off["verdict"]), (1, &Json::from("fail")), "{off:#}");
    assert_eq!(off["evidence"][0]["value"], false, "{off:#}");
    assert!(off["remedy"].as_str().unwrap().contains("fsync"), "{off:#}");
    assert!(broken < healthy - 40.0, "{healthy} to {broken}");
    assert!(off["gain"].as_f64().unwrap() > 40.0, "{off:#}");

    postgres.sql("ALTER SYSTEM RESET fsync");
    postgres.sql("SELECT pg_reload_conf()");
    wait_for(&postgres, "fsync", "on");
    let (_, mended, again) = look();
    assert_eq!((&mended["verdict"], again), (&Json::from("pass"), healthy));
}

/// A reload takes a moment to reach new sessions.
fn wait_for(postgres: &Postgres, setting: &str, value: &str) {
    for _ in 0..200 {
        if postgres.sql(&format!("SHOW {setting}")) == value {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    panic!("{setting} did not become {value}");
}

const SYSCTL: &str = "/proc/sys/net/ipv4/tcp_syncookies";
const CHECK: &str = "linux.syncookies-off";

/// Puts the value back, even when the test fails.
struct Restore(String);

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = fs::write(SYSCTL, &self.0);
    }
}

#[test]
fn a_harmless_sysctl_of_this_host() {
    let tree = Tree::new();
    let before = fs::read_to_string(SYSCTL).unwrap();
    let restore = Restore(before);
    // Whoever may not write the kernel's own value changes a recorded one.
    let writable = is_root() && fs::write(SYSCTL, "1").is_ok();
    let recorded = tree.scratch("facts.json").display().to_string();
    tree.run(&["check", "linux", "--save-facts", &recorded]);
    let look = |value: i64| {
        let (_, report) = if writable {
            fs::write(SYSCTL, value.to_string()).unwrap();
            tree.check(&["linux", "--only", CHECK])
        } else {
            let mut facts: Json = serde_json::from_str(&fs::read_to_string(&recorded).unwrap()).unwrap();
            facts["targets"][0]["facts"]["sysctl"]["net/ipv4/tcp_syncookies"] = value.into();
            fs::write(&recorded, facts.to_string()).unwrap();
            tree.check(&["linux", "--only", CHECK, "--facts", &recorded])
        };
        let judgement = verdict(&report, CHECK, "linux").clone();
        (judgement, high_end(&report))
    };
    let (on, healthy) = look(1);
    assert_eq!(on["verdict"], "pass", "{on:#}");
    let (off, broken) = look(0);
    assert_eq!(off["verdict"], "fail", "{off:#}");
    assert_eq!(off["evidence"][0]["value"], 0, "{off:#}");
    assert!(broken < healthy, "{healthy} to {broken}");
    drop(restore);
}
