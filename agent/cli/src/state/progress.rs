//! What was reached, and what was counted, scan by scan: of a deployment and an origin.

use std::collections::BTreeMap;

use goodstead_engine::{Counts, Past};
use goodstead_model::Reached;
use rusqlite::{Transaction, params};

use super::{Memory, State, StateError};

/// The longest that counts are kept, in days: the longest window of a task and a day.
const KEPT_DAYS: u32 = 366;

/// The tables.
pub(super) const TABLES: &str = "
    CREATE TABLE milestones (
        deployment TEXT NOT NULL, origin TEXT NOT NULL, id TEXT NOT NULL, first_seen TEXT NOT NULL,
        PRIMARY KEY (deployment, origin, id));
    CREATE TABLE counts (
        deployment TEXT NOT NULL, origin TEXT NOT NULL, id TEXT NOT NULL, time TEXT NOT NULL,
        attempts INTEGER NOT NULL, completions INTEGER NOT NULL,
        PRIMARY KEY (deployment, origin, id, time));";

/// What one scan counted, by deployment and id.
pub(crate) type Counted = BTreeMap<(String, String), Counts>;

impl State {
    /// What earlier scans of the origin left at `time` (RFC 3339 in UTC); `windows` are the tasks that add up, with the
    /// days that they go back.
    pub(crate) fn past(
        &self,
        origin: &str,
        time: &str,
        windows: &BTreeMap<&str, u32>,
    ) -> Result<Past, StateError> {
        let mut past = Past::default();
        let mut reached =
            self.database.prepare("SELECT deployment, id, first_seen FROM milestones WHERE origin = ?1")?;
        let rows = reached.query_map([origin], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        for row in rows {
            let (key, first) = row?;
            past.reached.insert(key, first);
        }
        let mut counted = self.database.prepare(
            "SELECT deployment, sum(attempts), sum(completions), min(time) FROM counts
             WHERE origin = ?1 AND id = ?2 AND julianday(time) > julianday(?3) - ?4 GROUP BY deployment",
        )?;
        for (id, days) in windows {
            let rows = counted.query_map(params![origin, id, time, days], |row| {
                let counts = (row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
                Ok((row.get::<_, String>(0)?, counts, row.get::<_, String>(3)?))
            })?;
            for row in rows {
                let (deployment, (attempts, completions), since) = row?;
                let counts = Counts {
                    attempts: u64::try_from(attempts).unwrap_or_default(),
                    completions: u64::try_from(completions).unwrap_or_default(),
                };
                past.counted.insert((deployment, (*id).to_owned()), (counts, since));
            }
        }
        Ok(past)
    }
}

/// Remembers what a scan saw reached for the first time, and what it counted.
pub(super) fn remember(change: &Transaction<'_>, memory: &Memory<'_>, time: &str) -> Result<(), StateError> {
    let origin = memory.origin;
    for one in memory.milestones.iter().filter(|one| one.state == Reached::Reached) {
        let first = one.first_seen.as_deref().unwrap_or(time);
        change.execute(
            "INSERT INTO milestones (deployment, origin, id, first_seen) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (deployment, origin, id) DO NOTHING",
            params![one.deployment, origin, one.id, first],
        )?;
    }
    for ((deployment, id), counts) in memory.counted {
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        change.execute(
            "INSERT INTO counts (deployment, origin, id, time, attempts, completions)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (deployment, origin, id, time) DO UPDATE SET
                 attempts = attempts + excluded.attempts, completions = completions + excluded.completions",
            params![deployment, origin, id, time, whole(counts.attempts), whole(counts.completions)],
        )?;
    }
    change
        .execute("DELETE FROM counts WHERE julianday(time) < julianday(?1) - ?2", params![time, KEPT_DAYS])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use goodstead_model::Milestone;

    use super::super::KeptReport;
    use super::super::tests::{report, state};
    use super::*;
    use crate::broker::AccessLog;

    const TASK: &str = "demo.save";

    fn key() -> (String, String) {
        ("shop".to_owned(), TASK.to_owned())
    }

    fn counted(state: &mut State, time: &str, attempts: u64) {
        let counted = Counted::from([(key(), Counts { attempts, completions: attempts - 1 })]);
        keep(state, time, &[], &counted);
    }

    /// Keeps a report of that time with what it leaves to the next.
    fn keep(state: &mut State, time: &str, milestones: &[Milestone], counted: &Counted) {
        let number: u32 =
            state.database.query_row("SELECT count(*) FROM reports", [], |row| row.get(0)).unwrap();
        let kept = KeptReport { time: time.to_owned(), ..report(number as usize) };
        let events = super::super::Histories::new();
        let memory = Memory {
            origin: "live",
            facts: Vec::new(),
            milestones,
            counted,
            events: &events,
            identities: &[],
        };
        state.keep_report(&kept, &AccessLog::new(), Some(&memory)).unwrap();
    }

    #[test]
    fn counts_are_those_of_the_window_and_of_the_origin() {
        let (_folder, mut state) = state();
        for (time, attempts) in [
            ("2026-10-01T00:00:00Z", 100),
            ("2026-11-01T00:00:00Z", 5),
            ("2026-11-21T00:00:00Z", 2),
            // Two scans in one second add up as well.
            ("2026-11-21T00:00:00Z", 1),
        ] {
            counted(&mut state, time, attempts);
        }
        let past =
            |origin| state.past(origin, "2026-11-22T00:00:00Z", &BTreeMap::from([(TASK, 30)])).unwrap();
        let wanted = (Counts { attempts: 8, completions: 5 }, "2026-11-01T00:00:00Z".to_owned());
        assert_eq!(past("live").counted, BTreeMap::from([(key(), wanted)]));
        assert!(past("/mnt").counted.is_empty());
        counted(&mut state, "2028-11-01T00:00:00Z", 1);
        let left: i64 =
            state.database.query_row("SELECT count(*) FROM counts", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 1, "what no window reaches is forgotten");
    }

    #[test]
    fn the_first_date_of_a_milestone_stays() {
        let (_folder, mut state) = state();
        let milestone = |reached, first: &str| Milestone {
            id: TASK.to_owned(),
            title: String::new(),
            deployment: "shop".to_owned(),
            state: reached,
            first_seen: Some(first.to_owned()),
            points: 0.0,
            gain: 0.0,
            why: String::new(),
            remedy: String::new(),
            links: Vec::new(),
            cause: None,
        };
        for (reached, first) in [(Reached::NotReached, "1"), (Reached::Reached, "2"), (Reached::Reached, "3")]
        {
            keep(&mut state, "t", &[milestone(reached, first)], &Counted::new());
        }
        let past = state.past("live", "t", &BTreeMap::new()).unwrap();
        assert_eq!(past.reached, BTreeMap::from([(key(), "2".to_owned())]));
    }
}
