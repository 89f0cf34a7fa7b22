//! More faults of a whole PostgreSQL server: switches that cost data, what waits or is kept without an end, data that do
//! not last, and what only time or a large machine would bring. Found, mended as printed, gone.

use std::fs;
use std::process::Command;

use goodstead_tests::postgres::Postgres;
use goodstead_tests::scene::{Scene, expected, steps};
use goodstead_tests::tree::{Tree, verdict};
use serde_json::{Value as Json, json};

const RELOAD: &str = "SELECT pg_reload_conf()";

/// The one step of a remedy that begins so.
fn step(remedy: &str, beginning: &str) -> String {
    let found = steps(remedy).into_iter().find(|step| step.starts_with(beginning));
    found.unwrap_or_else(|| panic!("no step begins with {beginning}: {remedy}")).to_owned()
}

#[test]
fn switches_that_cost_data_are_set_back_as_printed() {
    let mut scene = Scene::of(Postgres::start(
        "fsync = off\nfull_page_writes = off\nautovacuum = off\nwork_mem = 1000GB\nmax_wal_size = 32MB\nmin_wal_size = 32MB",
    ));
    scene.postgres.down();
    let data = scene.postgres.data().display().to_string();
    scene.postgres.tool("pg_checksums", &["--disable", "-D", &data]);
    scene.postgres.up();
    scene.postgres.sql("ALTER SYSTEM SET max_connections = 90");
    scene.postgres.sql("SELECT pg_create_physical_replication_slot('left_behind', true)");
    for _ in 0..4 {
        scene.postgres.sql("SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()");
    }
    scene.postgres.reload();
    let look = scene.look();
    assert_eq!(
        look.findings(),
        expected(&[
            "autovacuum-off",
            "data-checksums-off",
            "fsync-off",
            "full-page-writes-off",
            "memory-overcommitted",
            "pending-restart",
            "slot-retention-unbounded",
        ])
    );
    scene.carry_out(&look.remedy("fsync-off"), &["ALTER SYSTEM SET fsync"]);
    scene.carry_out(&look.remedy("full-page-writes-off"), &["ALTER SYSTEM SET full_page_writes"]);
    scene.carry_out(&look.remedy("autovacuum-off"), &["ALTER SYSTEM SET autovacuum = on"]);
    let remedy = look.remedy("slot-retention-unbounded");
    scene.carry_out(&remedy, &["SELECT slot_name", "SELECT pg_drop_replication_slot("]);
    scene.carry_out(&look.remedy("pending-restart"), &["SELECT name, setting"]);
    let line = step(&look.remedy("memory-overcommitted"), "work_mem = ");
    let conf = scene.postgres.data().join("postgresql.conf");
    fs::write(&conf, format!("{}\n{line}\n", fs::read_to_string(&conf).unwrap())).unwrap();
    // What waits for a restart gets it, and the checksums the time in between.
    let command = step(&look.remedy("data-checksums-off"), "pg_checksums");
    let words: Vec<_> = command.split(' ').collect();
    scene.postgres.down();
    scene.postgres.tool(words[0], &words[1..]);
    scene.postgres.up();
    assert_eq!(scene.look().findings(), expected(&[]));
}

#[test]
fn data_in_memory_are_brought_to_a_disk() {
    let mut scene = Scene::of(Postgres::start_on("/dev/shm", "fsync = on"));
    let look = scene.look();
    let command = step(&look.remedy("data-folder-on-unsuitable-file-system"), "findmnt --target");
    let shown = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("tmpfs"), "{command}: {shown:?}");
    scene.postgres.down();
    scene.postgres.bring_home();
    scene.postgres.up();
    scene.look().is_clear("data-folder-on-unsuitable-file-system");
}

#[test]
fn a_standby_that_stays_behind_is_told_at_the_second_look() {
    let primary = Scene::of(Postgres::start(
        "fsync = off\nwal_init_zero = off\nwal_recycle = off\nwal_keep_size = 2GB",
    ));
    primary.postgres.rules("");
    let standby = primary.postgres.standby("b");
    let streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
    primary.postgres.until(streaming, |count| count == "1");
    standby.sql("SELECT pg_wal_replay_pause()");
    standby.until("SELECT pg_get_wal_replay_pause_state()", |state| state == "paused");
    primary.look().is_clear("replication-lag-high");
    // A gibibyte of log, nearly all of it empty.
    primary.postgres.sql(
        "DO $$ BEGIN FOR n IN 1..66 LOOP PERFORM pg_logical_emit_message(false, 'test', 'x'); PERFORM pg_switch_wal(); \
         END LOOP; END $$",
    );
    primary.look().is_clear("replication-lag-high");
    let remedy = primary.look().remedy("replication-lag-high");
    primary.postgres.sql(&step(&remedy, "SELECT application_name"));
    assert_eq!(standby.sql(&step(&remedy, "SELECT pg_is_wal_replay_paused")), "t");
    standby.sql("SELECT pg_wal_replay_resume()");
    let behind = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) FROM pg_stat_replication";
    primary.postgres.until(behind, |bytes| bytes.parse::<i64>().is_ok_and(|bytes| bytes < 1 << 20));
    primary.look().is_clear("replication-lag-high");
}

#[test]
fn what_time_a_tool_or_a_large_machine_brings_is_put_into_the_facts() {
    let mut scene = Scene::of(Postgres::start(""));
    let as_if =
        |scene: &Scene, finding: &str, change: &dyn Fn(&mut Json)| scene.look_as_if(change).remedy(finding);
    as_if(&scene, "major-release-eol", &|facts| {
        facts["major"] = json!(13);
        facts["version"] = json!("13.23");
    });
    as_if(&scene, "huge-pages-unused", &|facts| {
        facts["settings"]["shared_buffers"] = json!(17_179_869_184_i64);
        facts["settings"]["huge_pages"] = json!("off");
    });
    let spilling = |facts: &mut Json| {
        facts["databases"][0]["temp_bytes"] = json!(53_687_091_200_i64);
        facts["databases"][0]["reset_seconds"] = json!(100_000);
    };
    let remedy = as_if(&scene, "temp-files-spill", &spilling);
    scene.carry_out(&remedy, &["ALTER SYSTEM SET log_temp_files"]);
    assert_eq!(scene.postgres.sql("SHOW log_temp_files"), "10MB");

    // A stanza may be called anything.
    let old = |facts: &mut Json| {
        facts["backup"] = json!({"tool": "pgBackRest", "name": "it's $(old)", "last": "2026-01-01T00:00:00Z",
            "last_seconds_ago": 2_592_000, "longest_gap_seconds": 86_400, "damaged": true});
    };
    let command = step(&as_if(&scene, "backup-too-old", &old), "pgbackrest ");
    assert_eq!(command, r"pgbackrest --stanza='it'\''s $(old)' backup");
    as_if(&scene, "backup-holds-damaged-pages", &old);

    let lonely = |facts: &mut Json| {
        facts["has_user_data"] = json!(true);
        facts["backup"] = json!({});
        for none in ["restores", "backup_jobs", "replicas"] {
            facts[none] = json!([]);
        }
    };
    let remedy = as_if(&scene, "no-recovery-point", &lonely);
    let (sockets, port) = (scene.postgres.sockets().display().to_string(), scene.postgres.port().to_string());
    for dump in ["pg_dumpall", "pg_dump"] {
        let command = step(&remedy, &format!("{dump} "));
        let words: Vec<_> = command.split(' ').skip(1).collect();
        let server = ["-U", "postgres", "-h", &sockets, "-p", &port];
        scene.postgres.tool(dump, &[&server[..], &words].concat());
    }
    let line = step(&remedy, "archive_mode");
    scene.postgres.sql(&format!("ALTER SYSTEM SET {line}"));
    scene.postgres.restart();
    scene.look_as_if(lonely).is_clear("no-recovery-point");
    scene.postgres.sql(RELOAD);
}

#[test]
fn a_line_that_the_server_would_refuse_is_named_with_its_place() {
    let tree = Tree::new();
    let root = tree.scratch("root");
    let folder = root.join("etc/postgresql/15/main");
    fs::create_dir_all(&folder).unwrap();
    let broken = |conf: &str| {
        fs::write(folder.join("postgresql.conf"), conf).unwrap();
        let (_, report) =
            tree.check(&["postgresql", "--root", &root.display().to_string(), "--fail-on", "never"]);
        verdict(&report, "postgresql.config-files-broken", "postgresql:main").clone()
    };
    let found = broken("port = 5432\nwork_mem = = 4MB\ninclude 'not-there.conf'\n");
    assert_eq!(found["verdict"], "fail", "{found:#}");
    assert!(found.to_string().contains("/etc/postgresql/15/main/postgresql.conf:2"), "{found:#}");
    let mended = broken("port = 5432\nwork_mem = 4MB\n");
    assert_ne!(mended["verdict"], "fail", "{mended:#}");
}

#[test]
fn a_tablespace_in_memory_is_found_and_moved_as_printed() {
    let scene = Scene::of(Postgres::start(""));
    let folder =
        tempfile::Builder::new().prefix("goodstead-space-").tempdir_in("/dev/shm").expect("a folder");
    let location = folder.path().join("space");
    std::fs::create_dir(&location).expect("a folder");
    goodstead_tests::postgres::give(folder.path());
    goodstead_tests::postgres::give(&location);
    scene.postgres.sql(&format!("CREATE TABLESPACE \"in Memory\" LOCATION '{}'", location.display()));
    scene.postgres.sql("CREATE TABLE kept (id int PRIMARY KEY) TABLESPACE \"in Memory\"");
    let look = scene.look();
    assert_eq!(look.findings(), expected(&["tablespace-in-memory"]));
    let remedy = look.remedy("tablespace-in-memory");
    let lines = remedy.lines().map(str::trim);
    let statements: Vec<&str> =
        lines.filter(|line| line.starts_with("ALTER ") || line.starts_with("DROP ")).collect();
    assert_eq!(statements.len(), 3, "{remedy}");
    statements.iter().for_each(|statement| drop(scene.postgres.sql(statement)));
    scene.look().is_clear("tablespace-in-memory");
}

#[test]
fn a_subscription_that_an_error_disabled_is_found_and_goes_on_as_printed() {
    let scene = Scene::of(Postgres::start("wal_level = logical"));
    let postgres = &scene.postgres;
    postgres.sql("CREATE DATABASE source");
    for (database, statement) in [
        ("source", "CREATE TABLE orders (id int PRIMARY KEY)"),
        ("source", "CREATE PUBLICATION orders FOR TABLE orders"),
        ("source", "SELECT pg_create_logical_replication_slot('orders', 'pgoutput')"),
        ("postgres", "CREATE TABLE orders (id int PRIMARY KEY)"),
        ("postgres", "INSERT INTO orders VALUES (1)"),
    ] {
        postgres.sql_in(database, statement);
    }
    let (host, port) = (postgres.sockets(), postgres.port());
    postgres.sql(&format!(
        "CREATE SUBSCRIPTION \"Orders\" CONNECTION 'host={} port={port} dbname=source' PUBLICATION orders
         WITH (create_slot = false, slot_name = 'orders', copy_data = false, disable_on_error = true)",
        host.display()
    ));
    assert_eq!(scene.look().findings(), expected(&[]));
    postgres.sql_in("source", "INSERT INTO orders VALUES (1)");
    postgres.until("SELECT count(*) FROM pg_subscription WHERE NOT subenabled", |count| count == "1");
    let look = scene.look();
    assert_eq!(look.findings(), expected(&["subscription-failing"]));
    postgres.sql("DELETE FROM orders");
    scene.carry_out(&look.remedy("subscription-failing"), &["ALTER SUBSCRIPTION \"Orders\" ENABLE"]);
    postgres.until("SELECT count(*) FROM orders", |count| count == "1");
    scene.look().is_clear("subscription-failing");
}

#[test]
fn a_database_that_cannot_be_dumped_is_found_and_can_be_dumped_as_printed() {
    let mut scene = Scene::of(Postgres::start(
        "max_locks_per_transaction = 10\nmax_connections = 12\nautovacuum_max_workers = 1\nmax_worker_processes = 0\n\
         max_wal_senders = 0\nmax_prepared_transactions = 0\nautovacuum = on\nwal_level = replica",
    ));
    for part in 0..16 {
        let names = format!("generate_series({part} * 100 + 1, {part} * 100 + 100)");
        scene.postgres.sql(&format!(
            "DO $$ DECLARE n int; BEGIN FOR n IN SELECT {names} LOOP EXECUTE 'CREATE TABLE t' || n || ' ()'; COMMIT; END LOOP; END $$"
        ));
    }
    let dump = |postgres: &Postgres| {
        let mut command = Command::new("pg_dump");
        command.args([
            "--host",
            postgres.sockets().to_str().unwrap(),
            "--port",
            &postgres.port().to_string(),
        ]);
        let output = command.args(["--username", "postgres", "--file", "/dev/null", "postgres"]).output();
        output.expect("pg_dump")
    };
    let failed = dump(&scene.postgres);
    assert!(String::from_utf8_lossy(&failed.stderr).contains("max_locks_per_transaction"), "{failed:?}");
    let look = scene.look();
    let remedy = look.remedy("lock-table-too-small");
    let statement = remedy.lines().map(str::trim).find(|line| line.starts_with("ALTER SYSTEM")).unwrap();
    scene.postgres.sql(statement);
    scene.postgres.restart();
    let dumped = dump(&scene.postgres);
    assert!(dumped.status.success(), "{statement}: {dumped:?}");
    scene.look().is_clear("lock-table-too-small");
}
