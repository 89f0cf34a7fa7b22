//! What the PostgreSQL plugin makes of configuration files, held against real servers of every release: which lines they
//! refuse, and which values they would run with.

use std::collections::BTreeSet;

use goodstead_plugin::fake::{FakeSite, manifest};
use goodstead_plugin::{Plugin, Target};
use goodstead_postgresql::PostgreSql;
use goodstead_tests::checkout;
use goodstead_tests::releases::{Cluster, releases};
use serde_json::{Value as Json, json};

const CONF: &str = "/etc/postgresql/0/main/postgresql.conf";
const DATA: &str = "/var/lib/postgresql/0/main";

/// The facts of a folder with this configuration file of this release.
fn facts(conf: &str, release: i64) -> Json {
    let text = std::fs::read_to_string(checkout().join("plugins/postgresql/plugin.toml")).unwrap();
    let mut site = FakeSite::with_manifest(&manifest(&text))
        .file(CONF, conf)
        .file(&format!("{DATA}/PG_VERSION"), release.to_string())
        .folder();
    let hints = json!({"config_file": CONF, "data_directory": DATA});
    PostgreSql.gather(&Target { hints, ..Target::default() }, &mut site).unwrap().to_json()
}

/// Whether the plugin finds nothing wrong with a file; `None` if it cannot know.
fn accepted(conf: &str, release: i64) -> Option<bool> {
    let errors = &facts(conf, release)["config_errors"];
    let known = errors.as_array().map(Vec::is_empty);
    known.or_else(|| errors["$partial"].as_array().filter(|errors| !errors.is_empty()).map(|_| false))
}

/// Lines that people write, good and bad. Each is a file of its own.
const LINES: &str = include_str!("postgresql_files/lines.txt");

#[test]
fn the_server_and_the_plugin_refuse_the_same_lines() {
    let mut differing = Vec::new();
    let mut tried = 0;
    for release in releases() {
        let cluster = release.cluster();
        for line in LINES.lines().filter(|line| !line.starts_with("##")) {
            cluster.configure(format!("{line}\n").as_bytes());
            let server = cluster.starts_with("port");
            tried += 1;
            if Some(server.is_ok()) != accepted(&format!("{line}\n"), release.major) {
                let said = server.map(|_| "accepted".to_owned()).unwrap_or_else(|said| said);
                let said = said.lines().next().unwrap_or_default().to_owned();
                differing.push(format!("{}: {line}: {said}", release.major));
            }
        }
    }
    assert!(tried >= 6 * 100, "no servers: run `cargo xtask test`");
    assert!(differing.is_empty(), "{} of {tried}:\n{}", differing.len(), differing.join("\n"));
}

/// Values for every setting of a release, whatever its type.
const VALUES: [&str; 24] = [
    "on",
    "OFF",
    "t",
    "nO",
    "1",
    "0",
    "-1",
    "+2",
    "007",
    "0x10",
    "1.5",
    "'1e2'",
    "2kB",
    "'3 MB'",
    "1GB",
    "3TB",
    "64mb",
    "5min",
    "100ms",
    "1d",
    "'1.5 h'",
    "2us",
    "none",
    "99999999999",
];

/// What the server says of each line of a file, by pg_file_settings: the lines with an error.
fn refused(cluster: &Cluster, conf: &str) -> BTreeSet<usize> {
    cluster.configure(b"");
    let rows = cluster.file_errors(conf);
    let rows: Vec<Json> = serde_json::from_str(&rows).unwrap_or_default();
    rows.iter().filter_map(|row| usize::try_from(row["line"].as_u64()?).ok()).collect()
}

#[test]
fn the_server_and_the_plugin_refuse_the_same_values() {
    // Their own rules for text, or for the host, are not known to the plugin; or a value is refused for what it means here.
    const UNJUDGED: [&str; 4] = ["bonjour", "max_stack_depth", "ssl", "log_statement_stats"];
    let mut differing = Vec::new();
    for release in releases() {
        let cluster = release.cluster();
        let names: Vec<Json> = serde_json::from_str(&cluster.query(
            "SELECT json_agg(name) FROM pg_settings WHERE vartype <> 'string' AND name NOT LIKE '%.%'
             AND name NOT LIKE 'transaction\\_%' AND context NOT IN ('internal', 'postmaster')",
        ))
        .unwrap();
        let names: Vec<&str> =
            names.iter().filter_map(Json::as_str).filter(|it| !UNJUDGED.contains(it)).collect();
        assert!(names.len() > 200);
        for value in VALUES {
            let conf: String = names.iter().map(|name| format!("{name} = {value}\n")).collect();
            let server = refused(&cluster, &conf);
            let found = facts(&conf, release.major);
            let ours: BTreeSet<usize> = found["config_errors"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|error| error["place"].as_str()?.rsplit(':').next()?.parse().ok())
                .collect();
            for line in server.symmetric_difference(&ours) {
                let who = if server.contains(line) { "only the server" } else { "only the plugin" };
                differing.push(format!("{}: {} = {value}: {who}", release.major, names[line - 1]));
            }
        }
    }
    assert!(differing.is_empty(), "{}:\n{}", differing.len(), differing.join("\n"));
}

/// A value of `pg_settings` as the facts have it.
fn normalised(setting: &str, vartype: &str, unit: &str) -> Option<Json> {
    let size = match unit.trim_start_matches(|c: char| c.is_ascii_digit()) {
        "" | "B" | "s" => 1.0,
        "kB" => 1024.0,
        "MB" => 1_048_576.0,
        "ms" => 0.001,
        "min" => 60.0,
        other => panic!("{other}"),
    };
    let count = unit.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().unwrap_or(1.0);
    match vartype {
        "bool" => Some((setting == "on").into()),
        "enum" => Some(setting.into()),
        "string" => None,
        _ if setting.len() > 1 && setting.starts_with('0') && !setting.contains('.') => Some(setting.into()),
        _ => {
            let number: f64 = setting.parse().ok()?;
            Some(if number <= 0.0 { number } else { number * size * count }.into())
        }
    }
}

#[test]
fn the_files_yield_what_the_server_runs_with() {
    let conf = "shared_buffers = 1GB\nwork_mem = '1.5 MB'\ncheckpoint_timeout = 15min\nfsync = of\nrandom_page_cost = 1.1\n\
                wal_level = archive\nunix_socket_permissions = 0700\narchive_mode = yes\nlog_rotation_age = 90s\n\
                statement_timeout = '30.7s'\nhuge_pages = off\nmax_connections = 0x40\nvacuum_cost_delay = 2ms\n\
                effective_cache_size = 2000000kB\nautovacuum_naptime = '1.5min'\nwal_buffers = 4MB\n";
    for release in releases() {
        let cluster = release.cluster();
        cluster.configure(conf.as_bytes());
        let rows: Vec<Json> = serde_json::from_str(&cluster.query(
            "SELECT json_agg(s) FROM (SELECT name, setting, vartype, coalesce(unit, '') AS unit FROM pg_settings
             WHERE name NOT LIKE '%.%' AND name NOT LIKE 'transaction\\_%') s",
        ))
        .unwrap();
        let found = facts(conf, release.major);
        let mut differing = Vec::new();
        let mut compared = 0;
        for row in rows {
            let text = |key: &str| row[key].as_str().unwrap_or_default();
            let Some(running) = normalised(text("setting"), text("vartype"), text("unit")) else { continue };
            let written = &found["settings"][text("name")];
            // What only a server that starts works out is unknown.
            if written.get("$unknown").is_some() {
                continue;
            }
            compared += 1;
            let close = |one: f64, other: f64| (one - other).abs() <= 1e-9 * one.abs();
            let same = match (written.as_f64(), running.as_f64()) {
                (Some(written), Some(running)) => close(written, running),
                _ => *written == running,
            };
            if !same {
                differing.push(format!("{}: {written} in the files, {running} runs", text("name")));
            }
        }
        assert!(compared > 230, "{}: {compared}", release.major);
        assert!(differing.is_empty(), "{}:\n{}", release.major, differing.join("\n"));
    }
}
