//! Legal settings that hurt, on a real server: found, set back as printed, gone.

use goodstead_tests::postgres::Postgres;
use goodstead_tests::scene::{Scene, expected};

/// Each setting as somebody wrote it, the check that finds it, and the beginning of the statement that its remedy prints.
const HARMFUL: [(&str, &str, &[&str]); 9] = [
    ("min_wal_size = 80GB", "min-wal-size-above-max", &["ALTER SYSTEM SET min_wal_size"]),
    ("statement_timeout = 300", "timeout-of-milliseconds", &[]),
    ("random_page_cost = 0.1", "random-page-cheaper-than-sequential", &["ALTER SYSTEM SET random_page_cost"]),
    ("autovacuum_vacuum_scale_factor = 50", "autovacuum-too-slow", &[]),
    ("checkpoint_timeout = 30", "checkpoint-timeout-short", &["ALTER SYSTEM SET checkpoint_timeout"]),
    (
        "log_rotation_age = 0\nlog_rotation_size = 0\nlogging_collector = on",
        "log-never-rotated",
        &[
            "ALTER SYSTEM SET log_filename",
            "ALTER SYSTEM SET log_truncate_on_rotation",
            "ALTER SYSTEM SET log_rotation_age",
        ],
    ),
    ("log_min_messages = panic", "errors-not-logged", &["ALTER SYSTEM SET log_min_messages"]),
    ("allow_system_table_mods = on", "system-tables-unprotected", &[]),
    ("join_collapse_limit = 1", "join-order-fixed", &[]),
];

#[test]
fn legal_settings_that_hurt_are_found_and_gone_when_set_back() {
    let lines: Vec<&str> = HARMFUL.iter().map(|(line, _, _)| *line).collect();
    let scene = Scene::of(Postgres::start(&lines.join("\n")));
    let look = scene.look();
    let ids: Vec<&str> = HARMFUL.iter().map(|(_, id, _)| *id).collect();
    assert_eq!(look.findings(), expected(&ids));
    for (lines, id, statements) in HARMFUL {
        let remedy = look.remedy(id);
        if statements.is_empty() {
            // The remedy has the line taken out of the file, which the built-in default then replaces.
            let name = lines.split(' ').next().unwrap();
            assert!(remedy.contains(name), "{id}: {remedy}");
            let default =
                format!("SELECT boot_val || coalesce(unit, '') FROM pg_settings WHERE name = '{name}'");
            let default = scene.postgres.sql(&default);
            scene.postgres.sql(&format!("ALTER SYSTEM SET {name} = '{default}'"));
        } else {
            scene.carry_out(&remedy, statements);
        }
    }
    scene.postgres.reload();
    let look = scene.look();
    ids.iter().for_each(|id| look.is_clear(id));
    assert_eq!(look.findings(), expected(&[]));
}
