//! What a real server says of itself as a whole.

use std::fs;

use goodstead_plugin::Target;
use goodstead_plugin::fake::{FakeSite, gather, manifest};
use goodstead_postgresql::PostgreSql;
use serde_json::{Value as Json, json};

use crate::server::Server;
use crate::{facts, target};

#[test]
fn the_instance_is_described() {
    let server = Server::start(&[
        "CREATE ROLE app LOGIN",
        "ALTER ROLE app SET statement_timeout = '5min'",
        "ALTER ROLE app SET myapp.token = 'hunter2'",
        "ALTER DATABASE postgres SET session_replication_role = replica",
        "ALTER SYSTEM SET max_prepared_transactions = 5",
        "ALTER SYSTEM SET enable_seqscan = off",
        "ALTER SYSTEM SET synchronous_standby_names = 'FIRST 2 (a, b, c)'",
        "ALTER SYSTEM SET synchronous_commit = local",
    ]);
    // A reload reaches one process after another: a statement in between would wait for standbys that are not there.
    server.restart();
    let facts = facts(&target(), server.connect().into());

    let connections = &facts["connections"];
    assert_eq!((&connections["used"], &connections["limit"]), (&json!(1), &json!(97)), "{connections}");
    assert_eq!((&connections["remote"], &connections["oldest_transaction_seconds"]), (&json!(0), &json!(0)));
    for list in ["idle_in_transaction", "superuser_sessions", "prepared", "horizon", "replicas"] {
        assert_eq!(facts[list], json!([]), "{list}");
    }
    assert_eq!(facts["sync"], json!({"required": 2, "connected": 0}));
    assert_eq!(facts["standby"], json!({}));
    assert_eq!(facts["archiving"], json!({"method": "none", "written": false}));
    assert_eq!((&facts["archiving_waiting"], &facts["preloaded"]), (&json!(0), &json!([])));
    assert_eq!(facts["recovery"]["timeline"], "latest");
    assert_eq!(facts["listen"]["remote"], false);
    assert_eq!(facts["logging"], json!({"process_id": true, "structured": false}));
    assert_eq!(facts["planner_off"][0]["name"], "enable_seqscan");
    assert!(facts["planner_off"][0]["place"].as_str().unwrap().contains("postgresql.auto.conf:"));
    assert!(facts["control"]["system_identifier"].as_str().unwrap().len() > 15);
    assert_eq!((&facts["control"]["timeline"], &facts["managed"]), (&json!(1), &json!(false)));
    assert_eq!((&facts["has_user_data"], &facts["statements"]), (&json!(false), &json!({})));
    assert!(facts["data_bytes"].as_i64().unwrap() > 1_000_000);
    assert_eq!(facts["data_directory"], server.data());
    assert!(facts["checkpoints"]["timed"].is_i64() && facts["wal"]["bytes"].is_i64(), "{facts}");
    assert_eq!(facts["roles"]["superusers"], 1);
    assert_eq!(facts["roles"]["md5_passwords"]["$unknown"]["kind"], "not-permitted");
    let places: Vec<_> = facts["overrides"].as_array().unwrap().iter().map(|it| &it["place"]).collect();
    assert_eq!(
        places,
        [
            "myapp.token of role app",
            "statement_timeout of role app",
            "session_replication_role of database postgres"
        ]
    );
    assert_eq!(facts["overrides"][1]["value"], 300);
    assert_eq!(facts["overrides"][1]["reset"], "ALTER ROLE app RESET statement_timeout;");
    assert!(!facts.to_string().contains("hunter2"));
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[test]
fn without_pg_monitor_others_are_unknown_and_not_absent() {
    let server = Server::start(&["CREATE ROLE plain LOGIN"]);
    let facts = facts(&Target { user: Some("plain".into()), ..target() }, server.connect().into());
    for path in
        ["connections/used", "idle_in_transaction", "replicas", "sync/connected", "horizon", "preloaded"]
    {
        let fact = path.split('/').fold(&facts, |fact, name| &fact[name]);
        assert_eq!(fact["$unknown"]["kind"], "not-permitted", "{path}: {fact}");
        assert!(
            fact["$unknown"]["remedy"].as_str().unwrap().contains("GRANT pg_monitor TO plain;"),
            "{path}"
        );
    }
    assert_eq!((&facts["prepared"], &facts["managed"]), (&json!([]), &json!(false)));
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

/// Every spelling that the release of the test understands.
const RULES: &str = "\
# a comment
local   all   all   trust # another
local all \"goodstead\",postgres,nobody  peer map=admins
host \"my db\",\"odd\"\"name\" @people,+staff 10.0.0.0/8 scram-sha-256
host all all 10.1.0.0 255.255.0.0 md5
hostssl sameuser all ::/0 cert clientcert=verify-full
hostnossl all all all reject
host replication all samenet password
host all app 127.0.0.1/32 trust
host all app .example.test ldap ldapserver=ldap.example.test ldapbasedn=dc=x \"ldapbindpasswd=hunter2\"
local all \\
  later trust
";

#[test]
fn the_file_s_rules_are_those_that_the_server_reads() {
    let server = Server::start(&["CREATE ROLE reader LOGIN IN ROLE pg_monitor"]);
    fs::write(server.hba(), RULES).unwrap();
    fs::write(format!("{}/people", server.data()), "one, two\n\"three\" # all\n").unwrap();
    let text =
        include_str!("../../plugin.toml").replace("\"/proc/*/limits\",", "\"/proc/*/limits\", \"/tmp/**\",");
    let manifest = manifest(&text);
    let rules = |files: bool| -> Json {
        let target = Target { user: Some("reader".into()), ..target() };
        let mut site = FakeSite::with_manifest(&manifest)
            .connection(target.address.as_ref().unwrap(), Ok(server.connect().into()));
        if files {
            for name in ["pg_hba.conf", "people"] {
                let path = format!("{}/{name}", server.data());
                site = site.file(&path, fs::read(&path).unwrap());
            }
        }
        gather::<PostgreSql>(&manifest.contract, &target, &mut site).0.to_json()["hba"].clone()
    };
    let hidden = rules(false);
    let remedy = hidden["$unknown"]["remedy"].as_str().unwrap();
    let sql: Vec<_> = remedy.split('`').nth(1).unwrap().split("; ").collect();
    server.sql(&sql);
    let (mut viewed, mut read) = (rules(false), rules(true));
    assert_eq!(read.as_array().map(Vec::len), Some(10), "{read:#}");
    // The view leaves out what cannot match while TLS is off, and tells the mask of every network; the file does neither.
    read.as_array_mut().unwrap_or_else(|| panic!("not all rules")).retain(|rule| rule["type"] != "hostssl");
    for rules in [&mut viewed, &mut read] {
        for rule in rules.as_array_mut().unwrap_or_else(|| panic!("not all rules")) {
            rule["address"].take();
        }
    }
    assert_eq!(read, viewed);
    assert!(!read.to_string().contains("hunter2"));
}
