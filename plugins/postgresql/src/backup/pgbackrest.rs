//! pgBackRest's catalogue: the output of its `info`, and its `backup.info` files, which say the same.
//!
//! A stanza outlives an upgrade, so it may hold the backups of several clusters, each known by its system identifier.
//! `info` names a stanza "[invalid]" where it could not look into a repository, and then it ends well all the same.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::catalogue::{Backup, Catalogue, Tool};

/// The status of a repository that could not be looked into ("other" in pgBackRest's command reference).
const OTHER: i64 = 99;

/// What `info --output=json` says of a stanza. Repositories have numbers since 2.32.
#[derive(Deserialize)]
struct Stanza {
    name: String,
    db: Vec<Database>,
    #[serde(default)]
    backup: Vec<Entry>,
    #[serde(default)]
    cipher: Option<String>,
    status: Status,
    #[serde(default)]
    repo: Vec<Repository>,
}

#[derive(Deserialize)]
struct Database {
    id: i64,
    #[serde(default, rename = "repo-key")]
    repository: i64,
    #[serde(rename = "system-id")]
    system_identifier: u64,
}

#[derive(Deserialize)]
struct Entry {
    database: Owner,
    timestamp: Timestamps,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    error: Option<bool>,
}

#[derive(Deserialize)]
struct Owner {
    id: i64,
    #[serde(default, rename = "repo-key")]
    repository: i64,
}

#[derive(Deserialize)]
struct Timestamps {
    start: i64,
    stop: i64,
}

#[derive(Deserialize)]
struct Repository {
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    code: i64,
}

/// The clusters in the output of `pgbackrest info --output=json`.
///
/// # Errors
/// It is no such output, or the tool could not look.
pub(super) fn from_json(json: &[u8]) -> Result<Vec<Catalogue>, Cause> {
    let stanzas: Vec<Stanza> = serde_json::from_slice(json).map_err(|_| {
        Cause::new(CauseKind::NotAvailable, "a list of backups is not in a form that is known here")
    })?;
    let blind = |stanza: &Stanza| {
        stanza.status.code == OTHER || stanza.repo.iter().any(|repository| repository.status.code == OTHER)
    };
    let blind = stanzas.iter().any(blind);
    let found: Vec<_> = stanzas.into_iter().flat_map(clusters).collect();
    if blind && found.is_empty() {
        let detail = "pgBackRest cannot look into its repository as the agent's user";
        return Err(Cause::new(CauseKind::NotPermitted, detail));
    }
    Ok(found)
}

fn clusters(stanza: Stanza) -> Vec<Catalogue> {
    let number = |db: &Database| ((db.repository, db.id), db.system_identifier.to_string());
    let databases: BTreeMap<_, _> = stanza.db.iter().map(number).collect();
    let backups = stanza.backup.iter().filter_map(|entry| {
        let owner = databases.get(&(entry.database.repository, entry.database.id))?;
        let Timestamps { start, stop } = entry.timestamp;
        Some((owner.clone(), backup(start, stop, &entry.kind, entry.error)))
    });
    let encrypted = stanza.cipher.as_deref().map(|cipher| !matches!(cipher, "none" | "mixed"));
    by_cluster(&stanza.name, databases.values(), backups, encrypted)
}

/// A line below `[db:history]`.
#[derive(Deserialize)]
struct InfoDatabase {
    #[serde(rename = "db-system-id")]
    system_identifier: u64,
}

/// A line below `[backup:current]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct InfoEntry {
    db_id: i64,
    backup_timestamp_start: i64,
    backup_timestamp_stop: i64,
    backup_type: String,
    #[serde(default)]
    backup_error: Option<bool>,
}

/// The clusters in a `backup.info` of this stanza.
///
/// # Errors
/// It is none, or encrypted.
pub(super) fn from_info(stanza: &str, text: &str) -> Result<Vec<Catalogue>, Cause> {
    let databases: BTreeMap<_, _> = section::<InfoDatabase>(text, "[db:history]")
        .map(|(id, db)| (id, db.system_identifier.to_string()))
        .collect();
    if databases.is_empty() {
        let detail =
            format!("the catalogue of pgBackRest's stanza {stanza} cannot be read: encrypted, or damaged");
        return Err(Cause::new(CauseKind::NotAvailable, detail));
    }
    let backups = section::<InfoEntry>(text, "[backup:current]").filter_map(|(_, entry)| {
        let owner = databases.get(&entry.db_id.to_string())?;
        let (start, stop) = (entry.backup_timestamp_start, entry.backup_timestamp_stop);
        Some((owner.clone(), backup(start, stop, &entry.backup_type, entry.backup_error)))
    });
    // What can be read is not encrypted.
    Ok(by_cluster(stanza, databases.values(), backups, Some(false)))
}

/// The lines `name={…}` below a heading that are what they should be.
fn section<'a, T: DeserializeOwned>(
    text: &'a str,
    heading: &'a str,
) -> impl Iterator<Item = (String, T)> + use<'a, T> {
    let lines = text.lines().skip_while(move |line| *line != heading).skip(1);
    let own = lines.take_while(|line| !line.starts_with('['));
    own.filter_map(|line| line.split_once('='))
        .filter_map(|(name, value)| Some((name.to_owned(), serde_json::from_str(value).ok()?)))
}

/// What is listed is complete: pgBackRest adds a backup last. `error` is that pages had a wrong checksum; where the
/// cluster has checksums they are checked unless somebody switches that off, and without them it is false.
fn backup(started: i64, stopped: i64, kind: &str, error: Option<bool>) -> Backup {
    Backup { started, stopped, full: kind == "full", complete: true, damaged: error }
}

fn by_cluster<'a>(
    stanza: &str,
    clusters: impl Iterator<Item = &'a String>,
    backups: impl Iterator<Item = (String, Backup)>,
    encrypted: Option<bool>,
) -> Vec<Catalogue> {
    let mut found: BTreeMap<String, Vec<Backup>> = clusters.map(|id| (id.clone(), Vec::new())).collect();
    for (owner, backup) in backups {
        found.entry(owner).or_default().push(backup);
    }
    let catalogue = |(system_identifier, backups)| Catalogue {
        tool: Tool::PgBackRest,
        system_identifier,
        name: Some(stanza.to_owned()),
        backups,
        encrypted,
    };
    found.into_iter().map(catalogue).collect()
}
