//! What was seen of signed plugins and packs, and of the lists of what was withdrawn ([`crate::trust`]).

use rusqlite::params;
use semver::Version;

use super::{State, StateError};
use crate::trust::{Kind, Learned, Memory, Seen};

/// The tables.
pub(super) const TABLES: &str = "CREATE TABLE seen (
         kind TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL, time TEXT NOT NULL,
         PRIMARY KEY (kind, name, key));
     CREATE TABLE withdrawn_lists (
         file TEXT PRIMARY KEY, time TEXT NOT NULL);";

/// Keeps a version in place of the one of the same key.
const KEEP: &str = "INSERT INTO seen (kind, name, key, version, time) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (kind, name, key) DO UPDATE SET version = excluded.version, time = excluded.time";

impl State {
    /// What earlier scans saw.
    pub(crate) fn memory(&self) -> Result<Memory, StateError> {
        let mut memory = Memory::default();
        let mut statement = self.database.prepare("SELECT kind, name, key, version, time FROM seen")?;
        let rows = statement.query_map([], |row| {
            let [kind, version]: [String; 2] = [row.get(0)?, row.get(3)?];
            let (name, key, time) = (row.get(1)?, row.get(2)?, row.get(4)?);
            let both = Kind::named(&kind).zip(Version::parse(&version).ok());
            Ok(both.map(|(kind, version)| Seen { kind, name, key, version, time }))
        })?;
        for seen in rows {
            memory.seen.extend(seen?);
        }
        let mut statement = self.database.prepare("SELECT file, time FROM withdrawn_lists")?;
        let lists = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        memory.lists = lists.collect::<Result<_, _>>()?;
        Ok(memory)
    }

    /// Keeps what a scan saw at `time`.
    pub(crate) fn remember(&mut self, learned: &Learned, time: &str) -> Result<(), StateError> {
        if learned.is_empty() {
            return Ok(());
        }
        let change = self.database.transaction()?;
        for ((kind, name), (key, version)) in &learned.versions {
            change.execute(KEEP, params![kind.name(), name, key, version.to_string(), time])?;
        }
        for file in &learned.lists {
            change.execute(
                "INSERT INTO withdrawn_lists (file, time) VALUES (?1, ?2) ON CONFLICT (file) DO NOTHING",
                params![file, time],
            )?;
        }
        Ok(change.commit()?)
    }

    /// Forgets what was seen of a plugin or pack, so that any version of it is accepted next.
    pub(crate) fn forget_versions(&self, kind: Kind, name: &str) -> Result<(), StateError> {
        self.database
            .execute("DELETE FROM seen WHERE kind = ?1 AND name = ?2", params![kind.name(), name])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tests::state;
    use super::*;

    #[test]
    fn the_newest_version_of_each_key_is_kept_and_a_list_since_it_was_first_seen() {
        let (_folder, mut state) = state();
        assert_eq!(state.memory().unwrap(), Memory::default());
        let learned = |key: &str, version: &str| Learned {
            versions: BTreeMap::from([(
                (Kind::Plugin, "acme".to_owned()),
                (key.to_owned(), Version::parse(version).unwrap()),
            )]),
            lists: vec!["/etc/x".to_owned()],
        };
        state.remember(&learned("A", "1.0.0"), "t1").unwrap();
        state.remember(&learned("B", "1.5.0"), "t2").unwrap();
        state.remember(&learned("A", "2.0.0"), "t3").unwrap();
        let memory = state.memory().unwrap();
        let seen: Vec<_> =
            memory.seen.iter().map(|it| (&*it.key, it.version.to_string(), &*it.time)).collect();
        assert_eq!(seen, [("A", "2.0.0".to_owned(), "t3"), ("B", "1.5.0".to_owned(), "t2")]);
        assert_eq!(memory.lists, BTreeMap::from([("/etc/x".to_owned(), "t1".to_owned())]));
        state.forget_versions(Kind::Pack, "acme").unwrap();
        assert_eq!(state.memory().unwrap().seen.len(), 2, "another kind");
        state.forget_versions(Kind::Plugin, "acme").unwrap();
        assert_eq!(state.memory().unwrap().seen, []);
    }
}
