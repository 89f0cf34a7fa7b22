//! `state.db`: the kept reports, the previous facts, what was reached and counted, the spool, and who this node is to the desk.
//!
//! Readable by its owner only. Losing it loses history and the enrolment, never the ability to check.

mod progress;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use crate::broker::AccessEntry;
use goodstead_model::Report;
use goodstead_protocol::fact::Fact;
use rusqlite::{Connection, OptionalExtension, params};

/// The database's version: an integer of its own.
const VERSION: i64 = 2;

/// How many reports are kept.
const KEPT_REPORTS: i64 = 100;

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// The folder or file cannot be made or opened.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The database refuses.
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
    /// It was written by a newer release.
    #[error("it was written by a newer Goodstead (state version {0}, this one knows {VERSION})")]
    Newer(i64),
    /// A kept report cannot be read.
    #[error("the kept report {0} cannot be read")]
    BadReport(String),
}

/// The open database.
#[derive(Debug)]
pub(crate) struct State {
    database: Connection,
}

/// A report as it is kept: the very bytes that are sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptReport {
    pub(crate) id: String,
    pub(crate) time: String,
    pub(crate) body: Vec<u8>,
}

impl KeptReport {
    /// The report in the bytes.
    pub(crate) fn parse(&self) -> Result<Report, StateError> {
        serde_json::from_slice(&self.body).map_err(|_| StateError::BadReport(self.id.clone()))
    }
}

/// The requests of every plugin, by its name.
pub(crate) type AccessLog = BTreeMap<String, Vec<AccessEntry>>;

/// Who this node is to the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Enrolment {
    /// The desk's address, without a trailing slash.
    pub(crate) desk: String,
    /// This node's random id.
    pub(crate) node: String,
    /// Its secret.
    pub(crate) credential: String,
}

impl State {
    /// Opens the database, making it and its folder where they are missing.
    pub(crate) fn open(path: &Path) -> Result<State, StateError> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let database = Connection::open(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        State::prepare(database)
    }

    /// Opens the database if there is one that can be used, and makes none.
    pub(crate) fn open_existing(path: &Path) -> Option<State> {
        path.exists().then(|| State::open(path).ok()).flatten()
    }

    fn prepare(database: Connection) -> Result<State, StateError> {
        database.busy_timeout(Duration::from_secs(5))?;
        let version: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version > VERSION {
            return Err(StateError::Newer(version));
        }
        if version < VERSION {
            database.execute_batch(&format!(
                "BEGIN IMMEDIATE;
                 CREATE TABLE IF NOT EXISTS reports (
                     number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, time TEXT NOT NULL, body BLOB NOT NULL);
                 CREATE TABLE IF NOT EXISTS access (
                     report TEXT PRIMARY KEY, body TEXT NOT NULL);
                 CREATE TABLE IF NOT EXISTS facts (
                     target TEXT NOT NULL, origin TEXT NOT NULL, time TEXT NOT NULL, body TEXT NOT NULL,
                     PRIMARY KEY (target, origin));
                 CREATE TABLE IF NOT EXISTS spool (
                     number INTEGER PRIMARY KEY AUTOINCREMENT, report TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
                 CREATE TABLE IF NOT EXISTS enrolment (
                     one INTEGER PRIMARY KEY CHECK (one = 1), desk TEXT NOT NULL, node TEXT NOT NULL, credential TEXT NOT NULL);
                 {}
                 PRAGMA user_version = {VERSION};
                 COMMIT;",
                progress::TABLES
            ))?;
        }
        Ok(State { database })
    }

    /// Keeps a report with its access log and forgets the oldest beyond the newest hundred.
    pub(crate) fn keep_report(&mut self, report: &KeptReport, log: &AccessLog) -> Result<(), StateError> {
        let change = self.database.transaction()?;
        change.execute(
            "INSERT INTO reports (id, time, body) VALUES (?1, ?2, ?3)",
            params![report.id, report.time, report.body],
        )?;
        change.execute(
            "DELETE FROM reports WHERE number <= (SELECT max(number) FROM reports) - ?1",
            params![KEPT_REPORTS],
        )?;
        change.execute(
            "INSERT INTO access (report, body) VALUES (?1, ?2)",
            params![report.id, serde_json::to_string(log).unwrap_or_default()],
        )?;
        change.execute("DELETE FROM access WHERE report NOT IN (SELECT id FROM reports)", [])?;
        Ok(change.commit()?)
    }

    /// The access log of a kept report.
    pub(crate) fn access_log(&self, report: &str) -> Result<Option<AccessLog>, StateError> {
        let found: Option<String> = self
            .database
            .query_row("SELECT body FROM access WHERE report = ?1", params![report], |row| row.get(0))
            .optional()?;
        Ok(found.and_then(|body| serde_json::from_str(&body).ok()))
    }

    /// The report whose id begins with `id`, or the newest.
    pub(crate) fn report(&self, id: Option<&str>) -> Result<Option<KeptReport>, StateError> {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(KeptReport { id: row.get(0)?, time: row.get(1)?, body: row.get(2)? })
        };
        let found = match id {
            None => self.database.query_row("SELECT id, time, body FROM reports ORDER BY number DESC LIMIT 1", [], read),
            Some(id) => self.database.query_row(
                "SELECT id, time, body FROM reports WHERE substr(id, 1, length(?1)) = ?1 ORDER BY number DESC LIMIT 1",
                params![id],
                read,
            ),
        };
        Ok(found.optional()?)
    }

    /// The facts of a target at the previous scan of the same origin.
    pub(crate) fn previous_facts(&self, target: &str, origin: &str) -> Result<Option<Fact>, StateError> {
        let found: Option<String> = self
            .database
            .query_row(
                "SELECT body FROM facts WHERE target = ?1 AND origin = ?2",
                params![target, origin],
                |row| row.get(0),
            )
            .optional()?;
        Ok(found.and_then(|body| serde_json::from_str(&body).ok()))
    }

    /// Remembers the facts of a target for the next scan of the same origin.
    pub(crate) fn remember_facts(
        &self,
        target: &str,
        origin: &str,
        time: &str,
        facts: &Fact,
    ) -> Result<(), StateError> {
        self.database.execute(
            "INSERT INTO facts (target, origin, time, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (target, origin) DO UPDATE SET time = excluded.time, body = excluded.body",
            params![target, origin, time, facts.to_json().to_string()],
        )?;
        Ok(())
    }

    /// Puts a report into the spool; once, however often it is asked.
    pub(crate) fn spool(&self, report: &KeptReport) -> Result<(), StateError> {
        self.database.execute(
            "INSERT INTO spool (report, body) VALUES (?1, ?2) ON CONFLICT (report) DO NOTHING",
            params![report.id, report.body],
        )?;
        Ok(())
    }

    /// What waits in the spool, oldest first: ids and bytes.
    pub(crate) fn spooled(&self) -> Result<Vec<(String, Vec<u8>)>, StateError> {
        let mut statement = self.database.prepare("SELECT report, body FROM spool ORDER BY number")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes a delivered report out of the spool.
    pub(crate) fn delivered(&self, report: &str) -> Result<(), StateError> {
        self.database.execute("DELETE FROM spool WHERE report = ?1", params![report])?;
        Ok(())
    }

    /// Who this node is to the desk, if it is enrolled.
    pub(crate) fn enrolment(&self) -> Result<Option<Enrolment>, StateError> {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Enrolment { desk: row.get(0)?, node: row.get(1)?, credential: row.get(2)? })
        };
        Ok(self.database.query_row("SELECT desk, node, credential FROM enrolment", [], read).optional()?)
    }

    /// Sets or removes the enrolment.
    pub(crate) fn set_enrolment(&mut self, enrolment: Option<&Enrolment>) -> Result<(), StateError> {
        let change = self.database.transaction()?;
        change.execute("DELETE FROM enrolment", [])?;
        if let Some(enrolment) = enrolment {
            change.execute(
                "INSERT INTO enrolment (one, desk, node, credential) VALUES (1, ?1, ?2, ?3)",
                params![enrolment.desk, enrolment.node, enrolment.credential],
            )?;
        }
        Ok(change.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("deep/state.db")).unwrap();
        (folder, state)
    }

    fn report(number: usize) -> KeptReport {
        KeptReport { id: format!("{number:032x}"), time: "2026-11-22T02:13:00Z".into(), body: vec![b'{'] }
    }

    #[test]
    fn the_newest_hundred_are_kept_and_found_by_the_beginning_of_their_id() {
        let (_folder, mut state) = state();
        for number in 0..130 {
            state.keep_report(&report(number), &AccessLog::new()).unwrap();
        }
        assert_eq!(state.report(None).unwrap(), Some(report(129)));
        assert_eq!(state.report(Some(&report(29).id)).unwrap(), None);
        assert_eq!(state.report(Some(&report(30).id)).unwrap(), Some(report(30)));
        assert!(state.access_log(&report(30).id).unwrap().is_some());
        assert!(state.access_log(&report(29).id).unwrap().is_none(), "forgotten with its report");
        assert_eq!(state.report(Some("%")).unwrap(), None, "an id is no pattern");
    }

    #[test]
    fn the_spool_holds_a_report_once_and_in_order() {
        let (_folder, state) = state();
        for number in [2, 1, 2] {
            state.spool(&report(number)).unwrap();
        }
        let ids: Vec<_> = state.spooled().unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, [report(2).id, report(1).id]);
        state.delivered(&report(2).id).unwrap();
        assert_eq!(state.spooled().unwrap().len(), 1);
    }

    #[test]
    fn only_the_owner_may_read_it() {
        let (folder, _state) = state();
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("deep"), mode("deep/state.db")), (0o700, 0o600));
    }

    #[test]
    fn a_newer_state_is_refused_and_left_alone() {
        let (folder, state) = state();
        state.database.execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(matches!(State::open(&folder.path().join("deep/state.db")), Err(StateError::Newer(99))));
    }

    #[test]
    fn facts_are_remembered_per_target_and_origin() {
        let (_folder, state) = state();
        state.remember_facts("linux", "live", "t", &Fact::Int(1)).unwrap();
        state.remember_facts("linux", "live", "t", &Fact::Int(2)).unwrap();
        assert_eq!(state.previous_facts("linux", "live").unwrap(), Some(Fact::Int(2)));
        assert_eq!(state.previous_facts("linux", "/mnt").unwrap(), None);
    }
}
