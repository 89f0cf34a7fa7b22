//! Under which ids targets are known, by what their plugins know them by.

use rusqlite::{Transaction, params};

use super::{Memory, State, StateError};
use crate::identity::Identity;

/// The table.
pub(super) const TABLE: &str = "
    CREATE TABLE identities (
        origin TEXT NOT NULL, plugin TEXT NOT NULL, identity TEXT NOT NULL, target TEXT NOT NULL, proposed TEXT NOT NULL,
        PRIMARY KEY (origin, plugin, identity));";

impl State {
    /// The targets that full scans of the origin have seen.
    pub(crate) fn identities(&self, origin: &str) -> Result<Vec<Identity>, StateError> {
        let mut kept = self.database.prepare(
            "SELECT plugin, identity, target, proposed FROM identities WHERE origin = ?1 ORDER BY plugin, identity",
        )?;
        let rows = kept.query_map([origin], |row| {
            Ok(Identity {
                plugin: row.get(0)?,
                identity: row.get(1)?,
                target: row.get(2)?,
                proposed: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Remembers the targets of a scan. Most scans see nothing new, and write nothing.
pub(super) fn remember(change: &Transaction<'_>, memory: &Memory<'_>) -> Result<(), StateError> {
    let mut keep = change.prepare(
        "INSERT INTO identities (origin, plugin, identity, target, proposed) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (origin, plugin, identity) DO UPDATE SET target = excluded.target, proposed = excluded.proposed
         WHERE target <> excluded.target OR proposed <> excluded.proposed",
    )?;
    for one in memory.identities {
        keep.execute(params![memory.origin, one.plugin, one.identity, one.target, one.proposed])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{report, state};
    use super::super::{Counted, Histories};
    use super::*;
    use crate::broker::AccessLog;

    #[test]
    fn identities_are_kept_per_origin_and_replaced() {
        let (_folder, mut state) = state();
        let one = |proposed: &str| Identity {
            plugin: "postgresql".to_owned(),
            identity: "7321".to_owned(),
            target: "postgresql:main".to_owned(),
            proposed: proposed.to_owned(),
        };
        for (number, proposed) in [(1, "postgresql:main"), (2, "postgresql:13-main")] {
            let memory = Memory {
                origin: "live",
                facts: Vec::new(),
                milestones: &[],
                counted: &Counted::new(),
                events: &Histories::new(),
                identities: &[one(proposed)],
            };
            state.keep_report(&report(number), &AccessLog::new(), Some(&memory)).unwrap();
        }
        assert_eq!(state.identities("live").unwrap(), [one("postgresql:13-main")]);
        assert_eq!(state.identities("/mnt").unwrap(), []);
    }
}
