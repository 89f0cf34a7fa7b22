//! What was seen at earlier scans, kept in the state: the newest version of each signed plugin and pack by the key that
//! signed it, and which lists of what was withdrawn there were.
//!
//! So an old release cannot come back in place of a newer one unnoticed, and a list cannot vanish. What is kept of a key
//! counts only while the key does: one that signed a name with a version of 99 by mistake or malice bars nobody else once
//! it is withdrawn or its scope is set.

use std::collections::BTreeMap;

use semver::Version;

use super::statement::Kind;

/// The newest version that a key signed of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// The key's id.
    pub(crate) key: String,
    pub(crate) version: Version,
    /// When it was first seen, RFC 3339.
    pub(crate) time: String,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) seen: Vec<Seen>,
    /// When each list was first seen, by its path.
    pub(crate) lists: BTreeMap<String, String>,
}

/// What this run has seen and earlier ones had not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    /// Of each plugin and pack its kind, name, key and version.
    pub(crate) versions: BTreeMap<(Kind, String), (String, Version)>,
    pub(crate) lists: Vec<String>,
}

impl Learned {
    /// Whether there is nothing to keep.
    pub(crate) fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.lists.is_empty()
    }
}

impl Memory {
    /// What was seen of a plugin or pack, by each key.
    pub(super) fn of<'a>(&'a self, kind: Kind, name: &'a str) -> impl Iterator<Item = &'a Seen> {
        self.seen.iter().filter(move |seen| seen.kind == kind && seen.name == name)
    }

    /// Whether this version of this key is kept already.
    pub(super) fn knows(&self, kind: Kind, name: &str, key: &str, version: &Version) -> bool {
        self.of(kind, name).any(|seen| seen.key == key && seen.version == *version)
    }
}
