//! A real server's answers.

use std::net::TcpStream;

use goodstead_plugin::{Address, Target};
use serde_json::json;

use crate::server::Server;
use crate::{cause, facts, target};

#[test]
fn a_running_server_is_described() {
    let server = Server::start(&[
        "ALTER SYSTEM SET fsync = off",
        "ALTER SYSTEM SET max_connections = 50",
        "SELECT pg_reload_conf()",
        "SELECT pg_create_physical_replication_slot('standby', true)",
        "SELECT pg_switch_wal()",
        "ALTER ROLE goodstead SET work_mem = '77MB'",
        "ALTER DATABASE postgres SET jit = off",
    ]);
    let facts = facts(&target(), server.connect().into());

    assert_eq!(facts["major"], 15);
    assert!(facts["version"].as_str().unwrap().starts_with("15."));
    assert_eq!((&facts["local"], &facts["in_recovery"]), (&json!(true), &json!(false)));
    assert!(facts["uptime_seconds"].as_i64().unwrap() < 3_600);
    // Reloaded since.
    assert!(facts["config_loaded"].as_str().unwrap() >= facts["started"].as_str().unwrap(), "{facts:#}");
    let settings = &facts["settings"];
    assert_eq!(settings["fsync"], false);
    assert_eq!(settings["shared_buffers"].as_i64().unwrap() % 1_048_576, 0);
    assert_eq!(settings["checkpoint_timeout"], 300);
    assert_eq!(settings["autovacuum_vacuum_cost_delay"], 0.002);
    assert_eq!(settings["max_slot_wal_keep_size"], -1);
    assert_eq!(settings["data_checksums"], false);
    assert_eq!(settings["wal_level"], "replica");
    // Our own limits and the role's or database's values do not pass as the server's.
    assert_eq!(settings["statement_timeout"], 0);
    for bent in ["work_mem", "jit", "default_transaction_read_only"] {
        assert_eq!(settings[bent]["$unknown"]["kind"], "not-applicable-here", "{bent}");
    }
    assert!(settings.get("data_directory").is_none() && settings.get("archive_command").is_none());
    assert_eq!(facts["pending_restart"][0]["name"], "max_connections");
    let slot = &facts["slots"][0];
    assert_eq!(
        (&slot["name"], &slot["active"], &slot["type"]),
        (&json!("standby"), &json!(false), &json!("physical"))
    );
    assert!(slot["retained_bytes"].as_i64().unwrap() > 0);
    let names: Vec<_> = facts["databases"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["postgres", "template0", "template1"]);
    assert_eq!(facts["archiver"], json!({"archived_count": 0, "failed_count": 0}));
    // The files lie where the manifest does not reach, and the server's view of them is not granted.
    assert_eq!(facts["configured"]["$unknown"]["kind"], "not-permitted");
    server.sql(&[
        "GRANT SELECT ON pg_file_settings TO goodstead",
        "GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO goodstead",
    ]);
    let seen = crate::facts(&target(), server.connect().into());
    assert_eq!(seen["configured"]["max_connections"], 50, "{}", seen["configured"]);
    assert_eq!((&seen["config_errors"], &seen["start_errors"]), (&json!([]), &json!([])));
    assert!(!server.log().contains("ERROR"), "{}", server.log());

    // Another cluster that claims the same port does not get this one's facts.
    let other =
        Target { hints: json!({"config_file": "/etc/postgresql/13/main/postgresql.conf"}), ..target() };
    let (kind, text) = cause(&crate::facts(&other, server.connect().into()));
    assert!(kind == "not-available" && text.contains("another one"), "{text}");
}

#[test]
fn who_logs_in_decides_what_is_known() {
    let server = Server::start(&[
        "CREATE ROLE plain LOGIN",
        "CREATE ROLE climber LOGIN IN ROLE postgres",
        "CREATE ROLE runner LOGIN IN ROLE pg_execute_server_program",
        "CREATE ROLE secretive LOGIN PASSWORD 'correct horse' IN ROLE pg_monitor",
    ]);
    let of = |user: &str, password: Option<&str>| {
        let target = Target { user: Some(user.into()), password: password.map(str::to_owned), ..target() };
        facts(&target, server.connect().into())
    };

    for powerful in ["postgres", "climber", "runner"] {
        let (kind, text) = cause(&of(powerful, None));
        assert!(kind == "not-permitted" && text.contains("declined"), "{powerful}: {text}");
        assert!(text.contains("CREATE ROLE goodstead LOGIN; GRANT pg_monitor TO goodstead;"), "{text}");
    }

    let plain = of("plain", None);
    assert_eq!(plain["settings"]["$partial"]["fsync"], true);
    let remedy = &plain["settings"]["$cause"]["remedy"];
    assert_eq!(remedy, "as the server's owner, in psql: `GRANT pg_monitor TO plain;`");

    let (kind, text) = cause(&of("Nobody", None));
    assert!(kind == "not-permitted" && text.contains("CREATE ROLE \"Nobody\" LOGIN;"), "{kind}: {text}");

    for password in [None, Some("battery staple")] {
        let (kind, text) = cause(&of("secretive", password));
        assert!(kind == "not-permitted" && text.contains("pg_hba.conf"), "{text}");
        assert!(!text.contains("battery"), "{text}");
    }
    let let_in = of("secretive", Some("correct horse"));
    assert_eq!(let_in["settings"]["fsync"], true);
    assert!(!let_in.to_string().contains("correct horse"));

    let elsewhere = Target { database: Some("nowhere".into()), ..target() };
    let (kind, text) = cause(&facts(&elsewhere, server.connect().into()));
    assert!(kind == "not-available" && text.contains("no database nowhere"), "{text}");

    let port = server.port;
    let over_tcp = Target { address: Some(Address::Tcp(format!("127.0.0.1:{port}"))), ..target() };
    let facts = facts(&over_tcp, TcpStream::connect(("127.0.0.1", port)).unwrap().into());
    assert_eq!(facts["local"], true);
}
