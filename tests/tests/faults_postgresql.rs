//! Each fault of a whole PostgreSQL server that can be provoked is: the finding comes, what its remedy prints is carried
//! out, the finding goes. What only time or hundreds of gigabytes would bring is put into the facts of a real server.

use std::fs;

use goodstead_tests::certificate;
use goodstead_tests::postgres::Postgres;
use goodstead_tests::scene::{Scene, expected};
use serde_json::{Value as Json, json};

const RELOAD: &str = "SELECT pg_reload_conf()";

#[test]
fn healthy_servers_are_left_alone() {
    let fresh = Scene::of(Postgres::start(""));
    let look = fresh.look();
    assert_eq!(look.findings(), expected(&[]));
    // The files lie in a folder of the test, where the manifest does not reach; the server shows what it makes of them.
    assert_eq!(look.unknown(), Vec::<String>::new());
    // A large one with the same defaults is told what an expert would say on the first day.
    let look = fresh.look_as_if(|facts| {
        facts["data_bytes"] = json!(53_687_091_200_i64);
        facts["has_user_data"] = json!(true);
        // Whatever this host has.
        facts["backup_jobs"] = json!([]);
    });
    assert_eq!(
        look.findings(),
        expected(&[
            "diagnostic-logging-incomplete",
            "no-recovery-point",
            "shared-buffers-default",
            "slow-queries-invisible",
        ])
    );
    // As Debian makes it for a new installation.
    let debian = Scene::of(Postgres::debian());
    let look = debian.look();
    assert_eq!(
        (look.findings(), look.unknown()),
        (
            [
                // Debian's initdb makes none before 18; while a cluster is new, switching them on takes seconds.
                "data-checksums-off",
                "minor-release-behind",
                "postmaster-first-oom-victim",
            ]
            .map(str::to_owned)
            .to_vec(),
            Vec::new()
        )
    );
    drop(debian);
    // A cloud provider's: the rules are not the customer's.
    fresh.postgres.sql("CREATE ROLE rds_superuser");
    assert_eq!(fresh.look().findings(), ["minor-release-behind", "postmaster-first-oom-victim"]);
    drop(fresh);

    let tiny = Scene::of(Postgres::start(
        "shared_buffers = 1MB\nmax_connections = 10\nautovacuum_max_workers = 1\nmax_wal_senders = 0\nwal_level = minimal",
    ));
    assert_eq!(tiny.look().findings(), expected(&[]));
    drop(tiny);

    let tuned = Scene::of(Postgres::start(
        "shared_buffers = 256MB\nwork_mem = 16MB\nmaintenance_work_mem = 256MB\neffective_cache_size = 2GB\nmax_wal_size = 4GB\n\
         checkpoint_timeout = 15min\nrandom_page_cost = 1.1\nlog_lock_waits = on\nlog_temp_files = 10MB\nlog_min_duration_statement = 1s\n\
         shared_preload_libraries = 'pg_stat_statements'\nmax_slot_wal_keep_size = 10GB\nwal_compression = lz4\njit = off\n\
         archive_mode = on\narchive_command = 'test ! -f /tmp/%f.never && sha256sum %p > /dev/null'\npassword_encryption = scram-sha-256",
    ));
    tuned.postgres.sql("CREATE EXTENSION pg_stat_statements");
    tuned.postgres.sql("CREATE ROLE report LOGIN; ALTER ROLE report SET work_mem = '256MB'; ALTER ROLE report SET enable_nestloop = off");
    let look = tuned.look_as_if(|facts| {
        facts["data_bytes"] = json!(53_687_091_200_i64);
        facts["has_user_data"] = json!(true);
    });
    assert_eq!(look.findings(), expected(&[]));
    // What archives here is no tool that the agent knows: its catalogue, if it has one, is out of sight.
    assert_eq!(look.unknown(), ["backup-holds-damaged-pages", "backup-too-old"]);
}

#[test]
fn settings_that_are_wrong_are_found_and_mended() {
    let mut scene = Scene::of(Postgres::start(
        "ignore_invalid_pages = on\narchive_mode = on\narchive_command = '/bin/true'",
    ));
    let postgres = &scene.postgres;
    for statement in [
        "ALTER SYSTEM SET zero_damaged_pages = on",
        "ALTER SYSTEM SET password_encryption = md5",
        "ALTER SYSTEM SET enable_nestloop = off",
        "ALTER SYSTEM SET synchronous_standby_names = 'b'",
        "ALTER SYSTEM SET synchronous_commit = local",
        "ALTER DATABASE postgres SET session_replication_role = replica",
        "ALTER DATABASE postgres SET enable_seqscan = off",
    ] {
        postgres.sql(statement);
    }
    postgres.reload();
    let look = scene.look();
    let findings = look.findings();
    assert_eq!(
        findings,
        expected(&[
            "archive-command-discards-wal",
            "corruption-masked",
            "md5-passwords",
            "planner-settings-distorted",
            "replication-role-overridden",
            "sync-commit-weakened",
        ])
    );
    scene.carry_out(&look.remedy("corruption-masked"), &["ALTER SYSTEM RESET zero_damaged_pages", RELOAD]);
    scene.carry_out(&look.remedy("md5-passwords"), &["ALTER SYSTEM SET password_encryption", RELOAD]);
    scene.carry_out(
        &look.remedy("planner-settings-distorted"),
        &["ALTER SYSTEM RESET enable_nestloop", "ALTER DATABASE postgres RESET enable_seqscan", RELOAD],
    );
    scene.carry_out(
        &look.remedy("replication-role-overridden"),
        &["ALTER DATABASE postgres RESET session_replication_role"],
    );
    scene.carry_out(
        &look.remedy("archive-command-discards-wal"),
        &["ALTER SYSTEM SET archive_command", RELOAD],
    );
    scene.carry_out(&look.remedy("sync-commit-weakened"), &["ALTER SYSTEM SET synchronous_commit", RELOAD]);
    // The remedy of the damaged pages names the place of what a file sets; that takes a restart.
    let conf = scene.postgres.data().join("postgresql.conf");
    let text = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, text.replace("ignore_invalid_pages = on", "")).unwrap();
    scene.postgres.restart();

    // Now that commits are to wait for a standby, they wait for one that is not there.
    scene.carry_out(
        &scene.look().remedy("sync-standby-absent"),
        &["ALTER SYSTEM SET synchronous_standby_names", RELOAD],
    );
    // The folder of the printed archive command is only an example, and is not there.
    let mut left = scene.look().findings();
    left.retain(|id| id != "archiving-failing");
    assert_eq!(left, expected(&[]));

    // Archiving by halves, in all three ways that a server starts with.
    scene.postgres.sql("ALTER SYSTEM SET archive_command = ''");
    scene.postgres.reload();
    let look = scene.look();
    let remedy = look.remedy("archiving-half-configured");
    let off = ["ALTER SYSTEM SET archive_mode = off", "ALTER SYSTEM RESET archive_command"];
    scene.carry_out(&remedy, &off);
    fs::write(&conf, fs::read_to_string(&conf).unwrap().replace("archive_command = '/bin/true'", ""))
        .unwrap();
    scene.postgres.restart();
    scene.look().is_clear("archiving-half-configured");
    scene.postgres.sql("ALTER SYSTEM SET archive_command = 'cp %p /archive/%f'");
    scene.postgres.reload();
    let look = scene.look();
    scene.carry_out(&look.remedy("archiving-half-configured"), &off);
    scene.look().is_clear("archiving-half-configured");
}

#[test]
fn who_may_log_in_is_judged_by_the_rules() {
    let scene = Scene::of(Postgres::start("listen_addresses = '*'\nssl = off"));
    for (rules, finding) in [
        ("host all all 10.0.0.0/8 trust\n", "hba-trust-over-network"),
        ("host all all 0.0.0.0/0 scram-sha-256\n", "hba-open-to-world"),
        ("host all all 10.0.0.0/8 password\n", "md5-passwords"),
    ] {
        scene.postgres.rules(rules);
        let look = scene.look();
        let remedy = look.remedy(finding);
        let place = format!("{}:3", scene.postgres.data().join("pg_hba.conf").display());
        assert!(remedy.contains(&place), "{place}: {remedy}");
        // What the remedy asks for at that place.
        scene.postgres.rules("hostssl shop app 10.1.2.0/24 scram-sha-256\n");
        scene.look().is_clear(finding);
    }

    // Without TLS a rule of TLS lets nobody in, and nobody can be listened to.
    scene.look().is_clear("tls-off-or-weak");
    scene.postgres.rules("host shop app 10.1.2.0/24 scram-sha-256\n");
    // The server's own certificate, made for this test.
    let look = scene.look();
    let data = scene.postgres.data();
    certificate::make(&data.join("server.key"), &data.join("server.crt"), 30);
    scene.carry_out(
        &look.remedy("tls-off-or-weak"),
        &["ALTER SYSTEM SET ssl = on", "ALTER SYSTEM SET ssl_min_protocol_version", RELOAD],
    );
    scene.look().is_clear("tls-off-or-weak");
}

#[test]
fn sessions_and_transactions_are_judged_by_what_they_hold() {
    let mut scene = Scene::of(Postgres::start(
        "max_prepared_transactions = 2\nmax_connections = 12\nmax_wal_senders = 2\nmax_wal_size = 32MB",
    ));
    scene.postgres.sql("CREATE TABLE t (a int)");

    let idle = scene.postgres.session("batch", "BEGIN; INSERT INTO t VALUES (1);");
    let late = |facts: &mut Json| {
        for session in facts["idle_in_transaction"].as_array_mut().unwrap() {
            session["seconds"] = json!(7_200);
        }
        for prepared in facts["prepared"].as_array_mut().unwrap() {
            prepared["seconds"] = json!(7_200);
        }
    };
    scene.look().is_clear("idle-in-transaction-long");
    let look = scene.look_as_if(late);
    scene.carry_out(&look.remedy("idle-in-transaction-long"), &["SELECT pg_terminate_backend("]);
    scene.postgres.until("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'batch'", |count| {
        count == "0"
    });
    scene.look_as_if(late).is_clear("idle-in-transaction-long");
    drop(idle);

    scene.postgres.sql("BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'order \\ ''4711'' --'");
    let look = scene.look_as_if(late);
    scene.carry_out(&look.remedy("prepared-transaction-stale"), &["ROLLBACK PREPARED"]);
    scene.look_as_if(late).is_clear("prepared-transaction-stale");

    let crowd: Vec<_> = (0..8).map(|n| scene.postgres.session(&format!("client {n}"), "")).collect();
    let look = scene.look();
    // A superuser that is no administrator, for the first time.
    look.is_clear("superuser-used-by-application");
    let remedy = look.remedy("connections-near-limit");
    drop(crowd);
    scene.carry_out(&remedy, &["ALTER SYSTEM SET max_connections"]);
    scene.postgres.restart();
    scene.look().is_clear("connections-near-limit");

    for _ in 0..2 {
        for _ in 0..25 {
            scene.postgres.sql("CHECKPOINT");
        }
        scene.look();
    }
    for _ in 0..25 {
        scene.postgres.sql("CHECKPOINT");
    }
    let look = scene.look();
    scene.carry_out(&look.remedy("checkpoints-too-frequent"), &["ALTER SYSTEM SET max_wal_size", RELOAD]);
    scene.look().is_clear("checkpoints-too-frequent");

    let pid = look.remedy("postmaster-first-oom-victim");
    let step = pid.split('`').find(|step| step.starts_with("echo -900")).unwrap().to_owned();
    let done = std::process::Command::new("sh").args(["-c", &step]).output().unwrap();
    if done.status.success() {
        scene.postgres.session("child", "");
        // The children were started before, so they have the ordinary value still.
        scene.look().is_clear("postmaster-first-oom-victim");
    }
}

#[test]
fn an_application_that_is_superuser_is_found_at_the_second_look() {
    let scene = Scene::of(Postgres::start(""));
    scene.postgres.sql("CREATE ROLE shop LOGIN SUPERUSER");
    scene.postgres.rules("host all shop 127.0.0.1/32 trust\n");
    let client = |application: &str| scene.postgres.client("shop", application);
    scene.look();
    let application = client("web shop");
    scene.look().is_clear("superuser-used-by-application");
    let remedy = scene.look().remedy("superuser-used-by-application");
    assert!(remedy.contains("NOSUPERUSER"), "{remedy}");
    // As the remedy says, for the role that it is about.
    scene.postgres.sql("ALTER ROLE shop NOSUPERUSER");
    scene.look().is_clear("superuser-used-by-application");
    scene.postgres.sql("ALTER ROLE shop SUPERUSER");
    drop(application);
    let _administrator = client("psql");
    scene.look();
    scene.look().is_clear("superuser-used-by-application");
}

#[test]
fn numbers_that_run_out_are_told_in_time_and_vacuum_helps() {
    let mut scene = Scene::of(Postgres::start(
        "max_prepared_transactions = 2\nautovacuum_naptime = 1s\nautovacuum = off",
    ));
    scene.postgres.sql("CREATE TABLE t (a int)");
    // The server writes pg_subtrans at its start from the oldest running transaction to the newest number: 4 bytes each.
    // So the forgotten one is made late, and only as old as the remedy asks for. Nothing is frozen before it exists,
    // and its lock keeps autovacuum from freezing `t` afterwards.
    scene.postgres.sql("ALTER SYSTEM SET autovacuum_freeze_max_age = 2000000000");
    scene.postgres.down();
    jump(&scene.postgres, 1_190_000_000);
    scene.postgres.up();
    scene.postgres.sql("BEGIN; LOCK TABLE t; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'forgotten'");
    scene.postgres.sql("ALTER SYSTEM RESET autovacuum_freeze_max_age");
    scene.postgres.down();
    jump(&scene.postgres, 1_300_000_000);
    scene.postgres.up();
    let look = scene.look();
    let remedy = look.remedy("wraparound-near");
    assert!(remedy.contains("prepared transaction forgotten"), "{remedy}");
    look.remedy("freeze-age-past-forced-vacuum");
    scene.look().remedy("xmin-horizon-held");
    let late = |facts: &mut Json| facts["prepared"][0]["seconds"] = json!(7_200);
    scene.carry_out(&scene.look_as_if(late).remedy("prepared-transaction-stale"), &["ROLLBACK PREPARED"]);
    scene.look().is_clear("xmin-horizon-held");

    let step = remedy.split('`').find(|step| step.starts_with("vacuumdb")).unwrap();
    let arguments: Vec<_> = step.split(' ').skip(1).collect();
    let (sockets, port) = (scene.postgres.sockets().display().to_string(), scene.postgres.port().to_string());
    scene
        .postgres
        .tool("vacuumdb", &[&["-U", "postgres", "-h", &sockets, "-p", &port], arguments.as_slice()].concat());
    // template0 is autovacuum's.
    scene.postgres.until("SELECT max(age(datfrozenxid)) < 1000000 FROM pg_database", |young| young == "t");
    scene.look().is_clear("wraparound-near");
}

/// Makes the next transaction number `to`, as if so many had been used.
fn jump(postgres: &Postgres, to: u64) {
    // A page of the commit log covers 32768 transactions, a file 32 of those pages, of 8 KiB.
    let file = postgres.data().join(format!("pg_xact/{:04X}", to / (32_768 * 32)));
    fs::write(&file, vec![0; 32 * 8_192]).unwrap();
    let owner = fs::metadata(postgres.data()).unwrap();
    use std::os::unix::fs::{MetadataExt, chown};
    chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
    postgres.tool(
        "pg_resetwal",
        &["-x", &to.to_string(), "-u", "3", "-D", &postgres.data().display().to_string()],
    );
}

#[test]
fn a_standby_is_watched_from_both_ends() {
    let primary =
        Scene::of(Postgres::start("max_slot_wal_keep_size = 16MB\nmax_wal_size = 32MB\nmin_wal_size = 32MB"));
    primary.postgres.rules("");
    let mut standby = Scene::of_standby(primary.postgres.standby("b"));
    primary
        .postgres
        .until("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", |count| count == "1");
    let settled = |facts: &mut Json| facts["uptime_seconds"] = json!(7_200);
    assert_eq!(standby.look().findings(), expected(&[]));
    assert_eq!(standby.look_as_if(settled).findings(), expected(&[]));
    assert_eq!(primary.look().findings(), expected(&[]));

    // It pauses.
    standby.postgres.sql("SELECT pg_wal_replay_pause()");
    standby.postgres.until("SELECT pg_get_wal_replay_pause_state()", |state| state == "paused");
    let look = standby.look();
    standby.carry_out(&look.remedy("standby-replay-stalled"), &["SELECT pg_wal_replay_resume"]);
    standby.look().is_clear("standby-replay-stalled");

    // It loses its primary.
    let conninfo = standby.postgres.sql("SHOW primary_conninfo");
    standby.postgres.sql("ALTER SYSTEM SET primary_conninfo = ''");
    standby.postgres.reload();
    standby.postgres.until("SELECT count(*) FROM pg_stat_wal_receiver", |count| count == "0");
    standby.look_as_if(settled).remedy("standby-not-following");
    standby.postgres.sql(&format!("ALTER SYSTEM SET primary_conninfo = '{}'", conninfo.replace('\'', "''")));
    standby.postgres.reload();
    standby
        .postgres
        .until("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'", |count| count == "1");
    standby.look_as_if(settled).is_clear("standby-not-following");

    // Commits wait for it while it is away.
    primary.postgres.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (b)'");
    primary.postgres.reload();
    primary
        .postgres
        .until("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", |count| count == "1");
    primary.look().is_clear("sync-standby-absent");
    standby.postgres.down();
    primary.postgres.until("SELECT count(*) FROM pg_stat_replication", |count| count == "0");
    let look = primary.look();
    primary.carry_out(
        &look.remedy("sync-standby-absent"),
        &["ALTER SYSTEM SET synchronous_standby_names", RELOAD],
    );
    primary.look().is_clear("sync-standby-absent");

    // A slot that is left behind is lost at its limit.
    primary.postgres.sql(
        "SELECT pg_create_physical_replication_slot('old standby', true)"
            .replace(' ', "_")
            .replace("SELECT_", "SELECT ")
            .replace(",_", ", ")
            .as_str(),
    );
    for _ in 0..6 {
        primary.postgres.sql("CREATE TABLE IF NOT EXISTS w (a int); INSERT INTO w VALUES (1)");
        primary.postgres.sql("SELECT pg_switch_wal()");
    }
    primary.postgres.sql("CHECKPOINT");
    let look = primary.look();
    primary.carry_out(&look.remedy("slot-invalidated"), &["SELECT pg_drop_replication_slot"]);
    primary.look().is_clear("slot-invalidated");
}

#[test]
fn what_only_a_large_server_needs_is_mended_as_printed() {
    let mut scene =
        Scene::of(Postgres::start("effective_cache_size = 64MB\nlog_checkpoints = off\nwork_mem = 64MB"));
    let large = |facts: &mut Json| {
        facts["data_bytes"] = json!(1_200_000_000_i64);
        facts["has_user_data"] = json!(true);
        facts["wal"] =
            json!({"bytes": 1_099_511_627_776_i64, "full_page_images": 100_000_000, "seconds": 864_000});
        facts["statements"] = json!({"seconds": 9_000.0, "jit_seconds": 3_000.0});
    };
    let look = scene.look_as_if(large);
    let wanted = [
        ("shared-buffers-default", vec!["ALTER SYSTEM SET shared_buffers"]),
        ("effective-cache-size-wrong", vec!["ALTER SYSTEM SET effective_cache_size", RELOAD]),
        ("slow-queries-invisible", vec!["ALTER SYSTEM SET log_min_duration_statement", RELOAD]),
        (
            "diagnostic-logging-incomplete",
            vec![
                "ALTER SYSTEM SET log_checkpoints",
                "ALTER SYSTEM SET log_lock_waits",
                "ALTER SYSTEM SET log_temp_files",
                "ALTER SYSTEM SET log_autovacuum_min_duration",
                "ALTER SYSTEM RESET",
                RELOAD,
            ],
        ),
        ("full-page-images-uncompressed", vec!["ALTER SYSTEM SET wal_compression", RELOAD]),
        ("jit-overhead", vec!["ALTER SYSTEM SET jit_above_cost", RELOAD]),
    ];
    for (finding, steps) in &wanted {
        scene.carry_out(&look.remedy(finding), steps);
    }
    scene.postgres.restart();
    // What was compiled before is counted until the statistics are reset, as the remedy says.
    let look = scene.look_as_if(|facts| {
        large(facts);
        facts["statements"] = json!({"seconds": 9_000.0, "jit_seconds": 3.0});
    });
    for (finding, _) in wanted {
        look.is_clear(finding);
    }
}
