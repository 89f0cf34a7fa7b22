//! A manifest's permissions, compiled for asking.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::glob::Globs;
use goodstead_protocol::manifest::{Command, Permissions};

/// What a plugin may have done.
#[derive(Debug)]
pub(crate) struct Permit {
    read: Globs,
    /// The same, as they stand in the manifest.
    declared: BTreeSet<String>,
    stat: Globs,
    statfs: Globs,
    connect: Globs,
    run: BTreeMap<String, Command>,
    own_proc: String,
}

impl Permit {
    pub(crate) fn new(permissions: &Permissions) -> Self {
        Permit {
            read: Globs::new(&permissions.read),
            declared: permissions.read.iter().cloned().collect(),
            stat: Globs::new(&permissions.stat),
            statfs: Globs::new(&permissions.statfs),
            connect: Globs::new(&permissions.connect),
            run: permissions.run.clone(),
            own_proc: format!("/proc/{}/", std::process::id()),
        }
    }

    /// Whether `path` matches what the manifest asks to read.
    pub(crate) fn may_read(&self, path: &str) -> bool {
        self.read.is_match(path)
            // `/proc/self` is a link to this process's folder.
            || path.strip_prefix(&self.own_proc).is_some_and(|rest| self.read.is_match(&format!("/proc/self/{rest}")))
    }

    /// Whether the manifest asks for this very glob, so that whatever matches it may be read.
    pub(crate) fn declares(&self, glob: &str) -> bool {
        self.declared.contains(glob)
    }

    /// Whether `path` may be looked at without being opened.
    pub(crate) fn may_stat(&self, path: &str) -> bool {
        self.stat.is_match(path) || self.may_read(path)
    }

    /// Refuses a path that the manifest does not ask to read.
    pub(crate) fn read(&self, path: &str) -> Result<(), Cause> {
        if self.may_read(path) {
            return Ok(());
        }
        Err(Cause::new(CauseKind::NotDeclared, format!("plugin.toml does not ask to read {path}")))
    }

    /// Whether the space under `path` may be asked for.
    pub(crate) fn may_statfs(&self, path: &str) -> bool {
        self.statfs.is_match(path)
    }

    /// Whether discovery may propose the socket `path`.
    pub(crate) fn may_connect(&self, path: &str) -> bool {
        self.connect.is_match(path) && !path.split('/').any(|part| part == ".." || part == ".")
    }

    /// The declared command of this name.
    pub(crate) fn command(&self, name: &str) -> Result<&Command, Cause> {
        let missing = || Cause::new(CauseKind::NotDeclared, format!("plugin.toml names no command `{name}`"));
        self.run.get(name).ok_or_else(missing)
    }
}
