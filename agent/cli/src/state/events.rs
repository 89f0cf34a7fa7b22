//! What full scans saw of events, of each check and target of an origin: what the next one is compared with, and what
//! stays a finding.

use std::collections::BTreeMap;

use goodstead_engine::History;
use rusqlite::{Transaction, params};

use super::{Memory, State, StateError};

/// The table.
pub(super) const TABLES: &str = "
    CREATE TABLE events (
        target TEXT NOT NULL, origin TEXT NOT NULL, check_id TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (target, origin, check_id));";

/// By the ids of target and check.
pub(crate) type Histories = BTreeMap<(String, String), History>;

impl State {
    /// What earlier full scans of the origin saw of events. What cannot be read is left out: its check begins anew.
    pub(crate) fn events(&self, origin: &str) -> Result<Histories, StateError> {
        let mut kept =
            self.database.prepare("SELECT target, check_id, body FROM events WHERE origin = ?1")?;
        let rows = kept.query_map([origin], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        let mut found = Histories::new();
        for row in rows {
            let (key, body): (_, String) = row?;
            found.extend(serde_json::from_str(&body).ok().map(|history| (key, history)));
        }
        Ok(found)
    }
}

/// Remembers what a scan saw of events. Most scans see nothing new, and write nothing.
pub(super) fn remember(change: &Transaction<'_>, memory: &Memory<'_>) -> Result<(), StateError> {
    let mut keep = change.prepare(
        "INSERT INTO events (target, origin, check_id, body) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (target, origin, check_id) DO UPDATE SET body = excluded.body WHERE body <> excluded.body",
    )?;
    for ((target, check), history) in memory.events {
        let body = serde_json::to_string(history).unwrap_or_default();
        keep.execute(params![target, memory.origin, check, body])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Counted;
    use super::super::tests::{report, state};
    use super::*;
    use crate::broker::AccessLog;

    #[test]
    fn histories_are_kept_per_origin_and_replaced() {
        let (_folder, mut state) = state();
        let key = ("linux".to_owned(), "linux.oom-killed".to_owned());
        let history = |at: i64| -> History {
            let facts = serde_json::json!({ "counters": { "oom_kills": at } });
            let compared = serde_json::json!([{ "at": at, "facts": facts }]);
            serde_json::from_value(serde_json::json!({ "compared": compared, "seen": {} })).unwrap()
        };
        let counted = Counted::new();
        for at in [1, 2] {
            let events = Histories::from([(key.clone(), history(at))]);
            let memory = Memory {
                origin: "live",
                facts: Vec::new(),
                milestones: &[],
                counted: &counted,
                events: &events,
                identities: &[],
            };
            state.keep_report(&report(at as usize), &AccessLog::new(), Some(&memory)).unwrap();
        }
        assert_eq!(state.events("live").unwrap(), Histories::from([(key, history(2))]));
        assert_eq!(state.events("/mnt").unwrap(), Histories::new());
        state.database.execute("UPDATE events SET body = '{'", []).unwrap();
        assert_eq!(state.events("live").unwrap(), Histories::new(), "what is damaged begins anew");
    }
}
