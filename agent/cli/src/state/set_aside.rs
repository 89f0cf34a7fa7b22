//! Reports that the desk refused for good: taken out of the way of the others, and kept with the reason.

use rusqlite::{OptionalExtension, params};

use super::{KeptReport, State, StateError};

/// The table.
pub(super) const TABLE: &str = "
    CREATE TABLE set_aside (
        number INTEGER PRIMARY KEY AUTOINCREMENT, report TEXT NOT NULL UNIQUE, time TEXT NOT NULL,
        desk TEXT NOT NULL, status INTEGER NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL);";

/// How many are kept.
const KEPT: i64 = 100;

/// A report that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetAside {
    /// Its id.
    pub(crate) report: String,
    /// When it was refused.
    pub(crate) time: String,
    /// The desk that refused it.
    pub(crate) desk: String,
    /// With this HTTP status.
    pub(crate) status: u16,
    /// And for this reason, in one line that can be printed.
    pub(crate) reason: String,
}

impl State {
    /// Moves a report from the spool to what is set aside; it is in one of them whatever happens meanwhile. Returns the
    /// ids of those for which there is no room any more: they are gone.
    pub(crate) fn set_aside(&mut self, refused: &SetAside) -> Result<Vec<String>, StateError> {
        let SetAside { report, time, desk, status, reason } = refused;
        let change = self.database.transaction()?;
        change.execute(
            "INSERT INTO set_aside (report, time, desk, status, reason, body)
             SELECT report, ?2, ?3, ?4, ?5, body FROM spool WHERE report = ?1
             ON CONFLICT (report) DO UPDATE
             SET time = excluded.time, desk = excluded.desk, status = excluded.status, reason = excluded.reason",
            params![report, time, desk, status, reason],
        )?;
        change.execute("DELETE FROM spool WHERE report = ?1", params![report])?;
        let dropped = {
            let mut dropping = change.prepare(
                "DELETE FROM set_aside WHERE number NOT IN
                     (SELECT number FROM set_aside ORDER BY number DESC LIMIT ?1) RETURNING report",
            )?;
            let rows = dropping.query_map([KEPT], |row| row.get(0))?;
            rows.collect::<Result<Vec<String>, _>>()?
        };
        change.commit()?;
        Ok(dropped)
    }

    /// What is set aside, the newest first.
    pub(crate) fn all_set_aside(&self) -> Result<Vec<SetAside>, StateError> {
        let mut statement = self
            .database
            .prepare("SELECT report, time, desk, status, reason FROM set_aside ORDER BY number DESC")?;
        let rows = statement.query_map([], |row| {
            Ok(SetAside {
                report: row.get(0)?,
                time: row.get(1)?,
                desk: row.get(2)?,
                status: row.get(3)?,
                reason: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The report whose id begins with `id` among those that are set aside, which outlive the kept ones.
    pub(super) fn report_set_aside(&self, id: &str) -> Result<Option<KeptReport>, StateError> {
        let found = self.database.query_row(
            "SELECT report, time, body FROM set_aside WHERE substr(report, 1, length(?1)) = ?1
             ORDER BY number DESC LIMIT 1",
            params![id],
            |row| Ok(KeptReport { id: row.get(0)?, time: row.get(1)?, body: row.get(2)?, is_full: true }),
        );
        // One that cannot be read is passed on as it is: the desk has judged it.
        let is_full = |kept: &KeptReport| kept.parse().map_or(true, |report| report.partial().is_none());
        Ok(found.optional()?.map(|kept| KeptReport { is_full: is_full(&kept), ..kept }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{report, state};
    use super::*;

    fn refused(number: usize, status: u16) -> SetAside {
        SetAside {
            report: report(number).id,
            time: "2026-11-23T10:00:00Z".into(),
            desk: "https://desk.example.com".into(),
            status,
            reason: "not this one".into(),
        }
    }

    #[test]
    fn what_is_set_aside_leaves_the_spool_and_keeps_its_bytes() {
        let (_folder, mut state) = state();
        for number in [1, 2] {
            state.spool(&report(number)).unwrap();
        }
        assert!(state.set_aside(&refused(1, 400)).unwrap().is_empty());
        assert_eq!(state.spooled().unwrap(), [(report(2).id, report(2).body)]);
        assert_eq!(state.all_set_aside().unwrap(), [refused(1, 400)]);
        assert_eq!(state.report(Some(&report(1).id)).unwrap().unwrap().body, report(1).body);
        // Sent again and refused again, and at last accepted.
        state.spool(&report(1)).unwrap();
        state.set_aside(&refused(1, 413)).unwrap();
        assert_eq!(state.all_set_aside().unwrap(), [refused(1, 413)]);
        state.spool(&report(1)).unwrap();
        state.delivered(&report(1).id).unwrap();
        assert!(state.all_set_aside().unwrap().is_empty());
    }

    #[test]
    fn what_there_is_no_room_for_is_named() {
        let (_folder, mut state) = state();
        let mut dropped = Vec::new();
        for number in 0..102 {
            state.spool(&report(number)).unwrap();
            dropped.extend(state.set_aside(&refused(number, 400)).unwrap());
        }
        assert_eq!(dropped, [report(0).id, report(1).id]);
        assert_eq!(state.all_set_aside().unwrap().len(), 100);
    }
}
