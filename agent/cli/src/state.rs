//! `state.db`: the kept reports, the previous facts, what was reached, counted and seen of events, the spool, the waivers, and who this
//! node is to the desk.
//!
//! Readable by its owner only. Losing it loses history and the enrolment, never the ability to check.

mod events;
mod identities;
mod progress;
mod set_aside;
mod trust;

use std::path::Path;
use std::time::Duration;

use crate::broker::AccessLog;
use crate::files::{FileError, private_file};
use crate::identity::Identity;
use goodstead_engine::Accepted;
use goodstead_model::{Milestone, Report, Waiver};
use goodstead_protocol::fact::Fact;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

pub(crate) use events::Histories;
pub(crate) use progress::Counted;
pub(crate) use set_aside::SetAside;

/// The tables. Step N makes version N of version N - 1; steps are only ever added.
const STEPS: [&str; 8] = [
    "CREATE TABLE reports (
         number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, time TEXT NOT NULL, body BLOB NOT NULL);
     CREATE TABLE access (
         report TEXT PRIMARY KEY, body TEXT NOT NULL);
     CREATE TABLE facts (
         target TEXT NOT NULL, origin TEXT NOT NULL, time TEXT NOT NULL, body TEXT NOT NULL,
         PRIMARY KEY (target, origin));
     CREATE TABLE spool (
         number INTEGER PRIMARY KEY AUTOINCREMENT, report TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
     CREATE TABLE enrolment (
         one INTEGER PRIMARY KEY CHECK (one = 1), desk TEXT NOT NULL, node TEXT NOT NULL, credential TEXT NOT NULL);",
    // A target of no length is every target.
    "CREATE TABLE waivers (
         check_id TEXT NOT NULL, target TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, since TEXT NOT NULL,
         until TEXT NOT NULL, PRIMARY KEY (check_id, target));",
    progress::TABLES,
    // Whether a report is that of a full scan of the running host. Earlier releases kept only the origin.
    "ALTER TABLE reports ADD COLUMN is_full INTEGER NOT NULL DEFAULT 1;
     UPDATE reports SET is_full = CASE WHEN json_valid(CAST(body AS TEXT))
         THEN coalesce(json_extract(CAST(body AS TEXT), '$.origin.kind') = 'live', 0) ELSE 0 END;",
    set_aside::TABLE,
    trust::TABLES,
    events::TABLES,
    identities::TABLE,
];

/// The database's version: an integer of its own.
const VERSION: usize = STEPS.len();

/// How many full reports are kept however old they are, and how many partial ones: these never push out what says how the
/// host stands.
const KEPT_REPORTS: i64 = 100;

/// Full reports of so many days are kept besides, so that a month can be looked back on however often the host is scanned,
const KEPT_DAYS: i64 = 30;

/// as long as all full ones together take no more bytes than this; a report has some 100 kB.
const KEPT_BYTES: i64 = 64 << 20;

/// How many bytes of access logs are kept in all; the newest one in any case.
const KEPT_LOGS: i64 = 64 << 20;

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// The directory or file cannot be made or opened, or somebody else could have put it there.
    #[error("{0}")]
    File(#[from] FileError),
    /// The database refuses.
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
    /// It was written by a newer release.
    #[error("it was written by a newer Goodstead (state version {0}, this one knows {VERSION})")]
    Newer(usize),
    /// A kept report cannot be read.
    #[error("the kept report {0} cannot be read")]
    BadReport(String),
}

/// Under which name the agent's own facts are kept; no plugin can be called so, and no target.
pub(crate) const HOST: &str = "host";

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
    /// Whether it is that of a full scan of the running host.
    pub(crate) is_full: bool,
}

impl KeptReport {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<KeptReport> {
        Ok(KeptReport { id: row.get(0)?, time: row.get(1)?, body: row.get(2)?, is_full: row.get(3)? })
    }

    /// The report in the bytes.
    pub(crate) fn parse(&self) -> Result<Report, StateError> {
        serde_json::from_slice(&self.body).map_err(|_| StateError::BadReport(self.id.clone()))
    }
}

/// What a scan leaves to the next scan of the same origin.
#[derive(Debug)]
pub(crate) struct Memory<'a> {
    /// What was inspected.
    pub(crate) origin: &'a str,
    /// The facts by target, to be the previous ones.
    pub(crate) facts: Vec<(&'a str, &'a Fact)>,
    /// What it knows of the milestones.
    pub(crate) milestones: &'a [Milestone],
    /// What it counted.
    pub(crate) counted: &'a Counted,
    /// What it saw of events, and what the next scan compares them with.
    pub(crate) events: &'a Histories,
    /// Which target is which.
    pub(crate) identities: &'a [Identity],
}

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
    /// Opens the database, making it and its directory where they are missing. Both are this user's or root's, and nobody
    /// else can write to them: what is kept decides what is accepted, trusted and sent.
    pub(crate) fn open(path: &Path) -> Result<State, StateError> {
        // Nobody else can put a link or anything else in its place afterwards, and SQLite itself follows none.
        let path = private_file(path, &["-wal", "-shm", "-journal"])?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        State::prepare(Connection::open_with_flags(path, flags)?)
    }

    /// Opens the database if there is one that can be used, and makes none.
    pub(crate) fn open_existing(path: &Path) -> Option<State> {
        path.exists().then(|| State::open(path).ok()).flatten()
    }

    fn prepare(database: Connection) -> Result<State, StateError> {
        database.busy_timeout(Duration::from_secs(5))?;
        if version_of(&database)? < VERSION {
            // Two processes may open it at the same time: the second waits here and then finds it done.
            database.execute_batch("BEGIN IMMEDIATE")?;
            for step in STEPS.iter().skip(version_of(&database)?) {
                database.execute_batch(step)?;
            }
            database.execute_batch(&format!("PRAGMA user_version = {VERSION}; COMMIT"))?;
        }
        Ok(State { database })
    }

    /// Keeps a report with its access log and what the next scan needs, and forgets the oldest of its kind, full or
    /// partial, beyond the newest hundred.
    pub(crate) fn keep_report(
        &mut self,
        report: &KeptReport,
        log: &AccessLog,
        memory: Option<&Memory<'_>>,
    ) -> Result<(), StateError> {
        let change = self.database.transaction()?;
        change.execute(
            "INSERT INTO reports (id, time, body, is_full) VALUES (?1, ?2, ?3, ?4)",
            params![report.id, report.time, report.body, report.is_full],
        )?;
        change.execute(
            "DELETE FROM reports WHERE number IN (
                 SELECT number FROM (
                     SELECT number, is_full, time, row_number() OVER newer AS place, sum(length(body)) OVER newer AS bytes
                     FROM reports WHERE is_full = ?1 WINDOW newer AS (ORDER BY number DESC))
                 WHERE place > ?2
                     AND (NOT is_full OR bytes > ?3 OR time < strftime('%Y-%m-%dT%H:%M:%SZ', ?4, ?5)))",
            params![report.is_full, KEPT_REPORTS, KEPT_BYTES, report.time, format!("-{KEPT_DAYS} days")],
        )?;
        change.execute(
            "INSERT INTO access (report, body) VALUES (?1, ?2)",
            params![report.id, serde_json::to_string(log).unwrap_or_default()],
        )?;
        change.execute("DELETE FROM access WHERE report NOT IN (SELECT id FROM reports)", [])?;
        forget_logs(&change, KEPT_LOGS)?;
        if let Some(memory) = memory {
            for (target, facts) in &memory.facts {
                change.execute(
                    "INSERT INTO facts (target, origin, time, body) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (target, origin) DO UPDATE SET time = excluded.time, body = excluded.body",
                    params![
                        target,
                        memory.origin,
                        report.time,
                        serde_json::to_string(facts).unwrap_or_default()
                    ],
                )?;
            }
            progress::remember(&change, memory, &report.time)?;
            events::remember(&change, memory)?;
            identities::remember(&change, memory)?;
        }
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

    /// The report whose id begins with `id`, full or partial; without an id the newest full one.
    pub(crate) fn report(&self, id: Option<&str>) -> Result<Option<KeptReport>, StateError> {
        let found = match id {
            None => self.database.query_row(
                "SELECT id, time, body, is_full FROM reports WHERE is_full ORDER BY number DESC LIMIT 1",
                [],
                KeptReport::read,
            ),
            Some(id) => self.database.query_row(
                "SELECT id, time, body, is_full FROM reports WHERE substr(id, 1, length(?1)) = ?1
                 ORDER BY number DESC LIMIT 1",
                params![id],
                KeptReport::read,
            ),
        };
        match (found.optional()?, id) {
            (None, Some(id)) => self.report_set_aside(id),
            (found, _) => Ok(found),
        }
    }

    /// The newest report, full or partial.
    pub(crate) fn newest(&self) -> Result<Option<KeptReport>, StateError> {
        let newest = "SELECT id, time, body, is_full FROM reports ORDER BY number DESC LIMIT 1";
        Ok(self.database.query_row(newest, [], KeptReport::read).optional()?)
    }

    /// The full report before the newest one.
    pub(crate) fn before_newest(&self) -> Result<Option<KeptReport>, StateError> {
        let older =
            "SELECT id, time, body, is_full FROM reports WHERE is_full ORDER BY number DESC LIMIT 1 OFFSET 1";
        Ok(self.database.query_row(older, [], KeptReport::read).optional()?)
    }

    /// The ids and times of the kept reports, the newest first.
    pub(crate) fn report_times(&self) -> Result<Vec<(String, String)>, StateError> {
        let mut statement = self.database.prepare("SELECT id, time FROM reports ORDER BY number DESC")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many reports are kept.
    pub(crate) fn report_count(&self) -> Result<usize, StateError> {
        let count: u32 = self.database.query_row("SELECT count(*) FROM reports", [], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// What `of` makes of each kept report, the newest first; only one is in memory at a time.
    pub(crate) fn each_report<T>(&self, of: impl Fn(KeptReport) -> Option<T>) -> Result<Vec<T>, StateError> {
        let mut statement =
            self.database.prepare("SELECT id, time, body, is_full FROM reports ORDER BY number DESC")?;
        let rows = statement.query_map([], KeptReport::read)?;
        Ok(rows.filter_map(|row| row.map(&of).transpose()).collect::<Result<_, _>>()?)
    }

    #[cfg(test)]
    fn reports(&self) -> Result<Vec<KeptReport>, StateError> {
        self.each_report(Some)
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

    /// Puts a report into the spool; once, however often it is asked.
    pub(crate) fn spool(&self, report: &KeptReport) -> Result<(), StateError> {
        self.database.execute(
            "INSERT INTO spool (report, body) VALUES (?1, ?2) ON CONFLICT (report) DO NOTHING",
            params![report.id, report.body],
        )?;
        Ok(())
    }

    /// How many reports wait in the spool.
    pub(crate) fn spooled_count(&self) -> Result<usize, StateError> {
        let count: u32 = self.database.query_row("SELECT count(*) FROM spool", [], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// What waits in the spool, oldest first: ids and bytes.
    pub(crate) fn spooled(&self) -> Result<Vec<(String, Vec<u8>)>, StateError> {
        let mut statement = self.database.prepare("SELECT report, body FROM spool ORDER BY number")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes a delivered report out of the spool, and from what was set aside when it was sent once more.
    pub(crate) fn delivered(&mut self, report: &str) -> Result<(), StateError> {
        let change = self.database.transaction()?;
        change.execute("DELETE FROM spool WHERE report = ?1", params![report])?;
        change.execute("DELETE FROM set_aside WHERE report = ?1", params![report])?;
        Ok(change.commit()?)
    }

    /// Who this node is to the desk, if it is enrolled.
    pub(crate) fn enrolment(&self) -> Result<Option<Enrolment>, StateError> {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Enrolment { desk: row.get(0)?, node: row.get(1)?, credential: row.get(2)? })
        };
        Ok(self.database.query_row("SELECT desk, node, credential FROM enrolment", [], read).optional()?)
    }

    /// Writes and removes an enrolment as large as a real one, which is on the disk before this returns: the same can be
    /// written afterwards, unless others take the last of the disk in between.
    pub(crate) fn try_enrolment(&mut self) -> Result<(), StateError> {
        let placeholder = [2048, 32, 64].map(|length| "-".repeat(length));
        let change = self.database.transaction()?;
        change.execute(
            "INSERT INTO enrolment (one, desk, node, credential) VALUES (1, ?1, ?2, ?3)",
            rusqlite::params_from_iter(&placeholder),
        )?;
        change.execute("DELETE FROM enrolment", [])?;
        Ok(change.commit()?)
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

    /// All waivers, expired ones too, by check and target.
    pub(crate) fn waivers(&self) -> Result<Vec<Accepted>, StateError> {
        let mut statement = self.database.prepare(
            "SELECT check_id, target, who, why, since, until FROM waivers ORDER BY check_id, target",
        )?;
        let rows = statement.query_map([], |row| {
            let target: String = row.get(1)?;
            let waiver =
                Waiver { who: row.get(2)?, why: row.get(3)?, since: row.get(4)?, until: row.get(5)? };
            Ok(Accepted { check: row.get(0)?, target: (!target.is_empty()).then_some(target), waiver })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps a waiver, in place of the one of the same check and target.
    pub(crate) fn waive(&self, accepted: &Accepted) -> Result<(), StateError> {
        let Accepted { check, target, waiver } = accepted;
        self.database.execute(
            "INSERT INTO waivers (check_id, target, who, why, since, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (check_id, target) DO UPDATE
             SET who = excluded.who, why = excluded.why, since = excluded.since, until = excluded.until",
            params![
                check,
                target.as_deref().unwrap_or_default(),
                waiver.who,
                waiver.why,
                waiver.since,
                waiver.until
            ],
        )?;
        Ok(())
    }

    /// Takes a waiver away; false when there is none.
    pub(crate) fn end_waiver(&self, check: &str, target: Option<&str>) -> Result<bool, StateError> {
        let changed = self.database.execute(
            "DELETE FROM waivers WHERE check_id = ?1 AND target = ?2",
            params![check, target.unwrap_or_default()],
        )?;
        Ok(changed > 0)
    }
}

/// The version of an open database; a new one has 0.
fn version_of(database: &Connection) -> Result<usize, StateError> {
    let found: u32 = database.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > VERSION { Err(StateError::Newer(found)) } else { Ok(found) }
}

/// Forgets the oldest access logs beyond `most` bytes; never the newest.
fn forget_logs(database: &Connection, most: i64) -> Result<(), StateError> {
    database.execute(
        "DELETE FROM access WHERE report IN (SELECT report FROM (
             SELECT access.report, number,
                    sum(octet_length(access.body)) OVER (ORDER BY number DESC) AS size
             FROM access JOIN reports ON reports.id = access.report)
         WHERE size > ?1 AND number < (SELECT max(number) FROM reports))",
        params![most],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    pub(super) fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("deep/state.db")).unwrap();
        (folder, state)
    }

    pub(super) fn report(number: usize) -> KeptReport {
        let time = "2026-11-22T02:13:00Z".into();
        KeptReport { id: format!("{number:032x}"), time, body: vec![b'{'], is_full: true }
    }

    fn partial(number: usize) -> KeptReport {
        KeptReport { is_full: false, ..report(number) }
    }

    #[test]
    fn the_newest_hundred_are_kept_and_found_by_the_beginning_of_their_id() {
        let (_folder, mut state) = state();
        for number in 0..129 {
            let old = KeptReport { time: "2026-09-01T02:13:00Z".into(), ..report(number) };
            state.keep_report(&old, &AccessLog::new(), None).unwrap();
        }
        assert_eq!(state.report_count().unwrap(), 129, "all of one day");
        state.keep_report(&report(129), &AccessLog::new(), None).unwrap();
        assert_eq!(state.report(None).unwrap(), Some(report(129)));
        assert_eq!(state.report(Some(&report(29).id)).unwrap(), None);
        assert!(state.report(Some(&report(30).id)).unwrap().is_some());
        assert!(state.access_log(&report(30).id).unwrap().is_some());
        assert!(state.access_log(&report(29).id).unwrap().is_none(), "forgotten with its report");
        assert_eq!(state.report(Some("%")).unwrap(), None, "an id is no pattern");
    }

    #[test]
    fn a_month_is_kept_as_long_as_it_fits() {
        let (_folder, mut state) = state();
        for day in 1..=30 {
            for hour in 0..5 {
                let time = format!("2026-11-{day:02}T0{hour}:00:00Z");
                let kept = KeptReport { time, ..report(day * 5 + hour) };
                state.keep_report(&kept, &AccessLog::new(), None).unwrap();
            }
        }
        assert_eq!(state.report_count().unwrap(), 150);
        for number in 0..120 {
            let large = KeptReport { body: vec![b' '; 1 << 20], ..report(1000 + number) };
            state.keep_report(&large, &AccessLog::new(), None).unwrap();
        }
        assert_eq!(state.report_count().unwrap(), 100, "beyond 64 MiB only the newest hundred stay");
    }

    #[test]
    fn a_partial_report_is_found_by_its_id_alone_and_pushes_out_no_full_one() {
        let (_folder, mut state) = state();
        state.keep_report(&partial(0), &AccessLog::new(), None).unwrap();
        assert_eq!((state.report(None).unwrap(), state.newest().unwrap()), (None, Some(partial(0))));
        state.keep_report(&report(1), &AccessLog::new(), None).unwrap();
        for number in 2..150 {
            state.keep_report(&partial(number), &AccessLog::new(), None).unwrap();
        }
        assert_eq!(state.report(None).unwrap(), Some(report(1)));
        assert_eq!(state.report(Some(&partial(149).id)).unwrap(), Some(partial(149)));
        assert_eq!(state.newest().unwrap(), Some(partial(149)));
        assert_eq!(state.reports().unwrap().len(), 101, "a hundred partial ones and the full one");
    }

    #[test]
    fn access_logs_are_kept_up_to_a_size_and_the_newest_always() {
        let (_folder, mut state) = state();
        let entry: crate::broker::AccessEntry = serde_json::from_value(serde_json::json!({
            "at_ms": 1.0, "kind": "read", "what": "x".repeat(1_000), "bytes": 0, "took_ms": 1.0
        }))
        .unwrap();
        let mut keep = |number, count| {
            let log = AccessLog::from([("demo".to_owned(), vec![entry.clone(); count])]);
            state.keep_report(&report(number), &log, None).unwrap();
            forget_logs(&state.database, 2_500).unwrap();
            let kept = |number: &usize| state.access_log(&report(*number).id).unwrap().is_some();
            (1..=number).filter(kept).collect::<Vec<_>>()
        };
        assert_eq!([keep(1, 1), keep(2, 1), keep(3, 1)], [vec![1], vec![1, 2], vec![2, 3]]);
        assert_eq!(keep(4, 4), [4], "the newest is larger than all may be");
        assert_eq!([keep(5, 1), keep(6, 1), keep(7, 1)], [vec![5], vec![5, 6], vec![6, 7]]);
        assert_eq!(state.report(None).unwrap(), Some(report(7)), "the reports themselves stay");
    }

    #[test]
    fn the_spool_holds_a_report_once_and_in_order() {
        let (_folder, mut state) = state();
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
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().mode() & 0o777;
        assert_eq!((mode("deep"), mode("deep/state.db")), (0o700, 0o600));
    }

    #[test]
    fn what_lies_in_its_place_is_neither_followed_nor_changed() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        fs::set_permissions(&victim, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let missing = folder.path().join("missing");
        for name in ["state.db", "state.db-wal", "state.db-shm", "state.db-journal"] {
            for target in [&victim, &missing] {
                let state = folder.path().join("state");
                fs::create_dir(&state).unwrap();
                symlink(target, state.join(name)).unwrap();
                let refused = State::open(&state.join("state.db")).unwrap_err().to_string();
                assert!(refused.contains("it is a link"), "{name}: {refused}");
                fs::remove_dir_all(&state).unwrap();
            }
        }
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(fs::metadata(&victim).unwrap().mode() & 0o777, 0o644);
        assert!(!missing.exists());
    }

    #[test]
    fn a_newer_state_is_refused_and_left_alone() {
        let (folder, state) = state();
        state.database.execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(matches!(State::open(&folder.path().join("deep/state.db")), Err(StateError::Newer(99))));
    }

    #[test]
    fn an_older_state_keeps_what_it_holds_and_gets_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        old.execute_batch("PRAGMA user_version = 1").unwrap();
        let live = r#"{"origin": {"kind": "live"}}"#;
        for (number, body) in [(1, live), (2, r#"{"origin": {"kind": "root", "path": "/mnt"}}"#), (3, "{")] {
            let insert = "INSERT INTO reports (id, time, body) VALUES (?1, ?2, ?3)";
            old.execute(insert, params![report(number).id, report(number).time, body.as_bytes()]).unwrap();
        }
        drop(old);
        for _ in 0..2 {
            let state = State::open(&path).unwrap();
            let kept = KeptReport { body: live.into(), ..report(1) };
            assert_eq!(state.report(None).unwrap(), Some(kept), "neither a folder's nor a damaged one");
            assert_eq!(state.reports().unwrap().len(), 3);
            assert_eq!(state.waivers().unwrap(), []);
            assert!(state.past("live", "2026-11-22T02:13:00Z", &BTreeMap::new()).unwrap().reached.is_empty());
        }
    }

    #[test]
    fn a_waiver_is_kept_once_per_check_and_target() {
        let (_folder, state) = state();
        let accepted = |target: Option<&str>, until: &str| Accepted {
            check: "demo.a".into(),
            target: target.map(str::to_owned),
            waiver: Waiver { who: "ada".into(), why: "w".into(), since: "s".into(), until: until.into() },
        };
        for one in [accepted(None, "1"), accepted(Some("demo:x"), "2"), accepted(None, "3")] {
            state.waive(&one).unwrap();
        }
        assert_eq!(state.waivers().unwrap(), [accepted(None, "3"), accepted(Some("demo:x"), "2")]);
        assert!(state.end_waiver("demo.a", Some("demo:x")).unwrap());
        assert!(!state.end_waiver("demo.a", Some("demo:x")).unwrap(), "it was there once");
        assert_eq!(state.waivers().unwrap(), [accepted(None, "3")]);
    }

    #[test]
    fn facts_are_remembered_per_target_and_origin() {
        let (_folder, mut state) = state();
        for number in [1, 2] {
            let facts = Fact::Int(number);
            let counted = Counted::new();
            let facts = vec![("linux", &facts)];
            let events = Histories::new();
            let memory = Memory {
                origin: "live",
                facts,
                milestones: &[],
                counted: &counted,
                events: &events,
                identities: &[],
            };
            state.keep_report(&report(number as usize), &AccessLog::new(), Some(&memory)).unwrap();
        }
        assert_eq!(state.previous_facts("linux", "live").unwrap(), Some(Fact::Int(2)));
        assert_eq!(state.previous_facts("linux", "/mnt").unwrap(), None);
    }
}
