//! What the real pgBackRest writes of a real server: taken, restored, and told.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use goodstead_plugin::Target;
use goodstead_plugin::fake::{FakeSite, gather, manifest};
use goodstead_postgresql::PostgreSql;
use serde_json::Value as Json;

use crate::server::Server;
use crate::target;

const PGBACKREST: &str = "/usr/bin/pgbackrest";

/// A server that archives with pgBackRest into its own folder.
fn server() -> (Server, String) {
    let server = Server::start(&["ALTER SYSTEM SET archive_mode = on"]);
    let (folder, data, port) = (server.folder().to_owned(), server.data(), server.port);
    let configuration = format!(
        "[global]\nrepo1-path={folder}/repo\nlog-path={folder}\nlock-path={folder}/lock\nstart-fast=y\n\n\
         [orders]\npg1-path={data}\npg1-port={port}\npg1-socket-path={folder}\npg1-user=postgres\n"
    );
    let path = format!("{folder}/pgbackrest.conf");
    fs::write(&path, configuration).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    server.sql(&[&format!(
        "ALTER SYSTEM SET archive_command = 'pgbackrest --config={path} --stanza=orders archive-push %p'"
    )]);
    server.restart();
    (server, format!("--config={path}"))
}

fn facts(server: &Server, site: FakeSite) -> Json {
    let manifest = manifest(include_str!("../../plugin.toml"));
    let target = Target { name: Some("main".to_owned()), ..target() };
    let address = target.address.clone().unwrap();
    let mut site = site.connection(&address, Ok(server.connect().into()));
    let (facts, notes) = gather::<PostgreSql>(&manifest.contract, &target, &mut site);
    assert_eq!(notes, Vec::<String>::new());
    facts.to_json()
}

fn site() -> FakeSite {
    FakeSite::with_manifest(&manifest(include_str!("../../plugin.toml")))
}

#[test]
fn a_backup_of_pgbackrest_s_is_told_by_itself_by_its_files_and_by_the_server() {
    let (server, configuration) = server();
    let run =
        |arguments: &[&str]| server.output(PGBACKREST, &[&[configuration.as_str()], arguments].concat());
    let info = || run(&["info", "--output=json"]);

    run(&["--stanza=orders", "stanza-create"]);
    let before = facts(&server, site().command("pgbackrest-info", 0, info()));
    let backup = &before["backup"];
    assert_eq!((&backup["tool"], &backup["complete"]), (&"pgBackRest".into(), &0.into()), "{backup:#}");
    assert_eq!((backup.get("last"), backup.get("server_seconds_ago")), (None, None), "{backup:#}");

    run(&["--stanza=orders", "--type=full", "backup"]);
    run(&["--stanza=orders", "--type=incr", "backup"]);
    let elsewhere = format!("{}/restored", server.folder());
    fs::create_dir(&elsewhere).unwrap();
    server.give(&elsewhere);
    run(&["--stanza=orders", &format!("--pg1-path={elsewhere}"), "restore"]);

    let log = |command: &str| fs::read(format!("{}/orders-{command}.log", server.folder())).unwrap();
    let with_logs = || {
        site()
            .file("/var/log/pgbackrest/orders-backup.log", log("backup"))
            .file("/var/log/pgbackrest/orders-restore.log", log("restore"))
    };
    let told = facts(&server, with_logs().command("pgbackrest-info", 0, info()));
    let backup = &told["backup"];
    assert_eq!((&backup["complete"], &backup["name"]), (&2.into(), &"orders".into()), "{backup:#}");
    assert!(backup["last_seconds_ago"].as_i64().unwrap() < 60, "{backup:#}");
    assert!(backup["last_full_seconds_ago"].as_i64() >= backup["last_seconds_ago"].as_i64(), "{backup:#}");
    assert_eq!((&backup["encrypted"], &backup["damaged"]), (&false.into(), &false.into()), "{backup:#}");
    assert!(backup["server_seconds_ago"].as_i64().unwrap() < 60, "{backup:#}");
    let succeeded =
        |list: &str| told[list].as_array().unwrap().iter().filter(|run| run["succeeded"] == true).count();
    assert_eq!((succeeded("backup_runs"), succeeded("restores")), (2, 1), "{backup:#}");

    // Its files say the same.
    let file = fs::read(format!("{}/repo/backup/orders/backup.info", server.folder())).unwrap();
    let read = with_logs().file("/var/lib/pgbackrest/backup/orders/backup.info", file);
    let read = &facts(&server, read.command("pgbackrest-info", 41, ""))["backup"];
    for name in ["tool", "name", "complete", "last", "encrypted", "damaged", "longest_gap_seconds"] {
        assert_eq!(read[name], backup[name], "{name}");
    }

    // Without either, the server still knows that there was one, and nobody claims that there is no catalogue.
    let unseen = &facts(&server, site())["backup"];
    assert_eq!(unseen["tool"]["$unknown"]["kind"], "not-available", "{unseen:#}");
    assert!(unseen["server_seconds_ago"].as_i64().unwrap() < 60, "{unseen:#}");
}
