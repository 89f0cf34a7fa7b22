//! A manifest's permissions, compiled for asking.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::glob::{Below, Globs};
use goodstead_protocol::manifest::{Command, Manifest, Permissions};

use super::root::Root;

/// What a path is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Its bytes, or the names in it.
    Read,
    /// To go into it, on the way to something that may be read.
    Enter,
    /// The names in it that may be read, looked at or connected to.
    Find,
    /// Its kind, size, owner, mode and time.
    Stat,
    /// The space of its file system.
    Statfs,
    /// A connection.
    Connect,
}

impl Want {
    /// The word after "plugin.toml does not ask to".
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Want::Read | Want::Enter | Want::Find => "read",
            Want::Stat => "look at",
            Want::Statfs => "look at the space of",
            Want::Connect => "connect to",
        }
    }
}

/// What a plugin may have done.
#[derive(Debug)]
pub(crate) struct Permit {
    read: Globs,
    /// The same, as they are in the manifest.
    declared: BTreeSet<String>,
    stat: Globs,
    statfs: Globs,
    connect: Globs,
    connect_tcp: Vec<SocketAddr>,
    run: BTreeMap<String, Command>,
    own_proc: String,
    /// Of a support bundle: which files hold what commands printed.
    outputs: BTreeMap<String, Vec<String>>,
    /// Of a support bundle: what it holds whole.
    complete: BTreeSet<String>,
    complete_globs: Globs,
}

impl Permit {
    pub(crate) fn new(permissions: &Permissions) -> Self {
        Permit {
            read: Globs::new(&permissions.read),
            declared: permissions.read.iter().cloned().collect(),
            stat: Globs::new(&permissions.stat),
            statfs: Globs::new(&permissions.statfs),
            connect: Globs::new(&permissions.connect),
            connect_tcp: permissions.connect_tcp.clone(),
            run: permissions.run.clone(),
            own_proc: format!("/proc/{}", std::process::id()),
            outputs: BTreeMap::new(),
            complete: BTreeSet::new(),
            complete_globs: Globs::new::<String>([]),
        }
    }

    /// What a plugin may have done in `root`: as its manifest says, and in a support bundle by its table of these.
    pub(crate) fn of(manifest: &Manifest, root: &Root) -> Self {
        let mut permit = Permit::new(&manifest.permissions);
        if root.is_contained() {
            // Its processes have other numbers there; the agent's own is none of them.
            permit.own_proc.clear();
            // Addresses there are not those here.
            permit.connect_tcp.clear();
        }
        let Some(recorded) = root.bundle() else { return permit };
        permit.own_proc = root.writer().unwrap_or_default();
        if let Some(files) = manifest.bundles.get(recorded.kind.name()) {
            permit.outputs = files.run.clone();
            let taken = files.complete.iter().filter(|(proof, _)| root.holds(proof));
            let globs: Vec<String> = taken.flat_map(|(_, globs)| globs.clone()).collect();
            permit.complete_globs = Globs::new(&globs);
            permit.complete = globs.into_iter().collect();
        }
        permit
    }

    /// The files of a support bundle of which the first that is there holds what the command printed.
    pub(crate) fn outputs(&self, command: &str) -> Result<&[String], Cause> {
        let missing = || {
            let detail = format!("a support bundle does not hold what the command `{command}` would print");
            Cause::new(CauseKind::NotApplicableHere, detail)
        };
        self.outputs.get(command).map(Vec::as_slice).ok_or_else(missing)
    }

    /// Whether a support bundle holds all that the host had at `path`.
    pub(crate) fn is_whole(&self, path: &str) -> bool {
        self.complete_globs.is_match(path)
    }

    /// Whether a support bundle holds all that the host had of what matches.
    pub(crate) fn are_whole(&self, globs: &[String]) -> bool {
        globs.iter().all(|glob| self.complete.contains(glob))
    }

    /// Whether `path`, which has its shortest form, may be touched for what is wanted.
    pub(crate) fn admits(&self, want: Want, path: &str) -> bool {
        match want {
            Want::Read => self.may_read(path),
            Want::Enter => self.may_read(path) || !self.below(path).is_nothing(),
            Want::Find => self.may_read(path) || self.leads(want, path),
            Want::Stat => self.stat.is_match(path) || self.may_read(path),
            Want::Statfs => self.statfs.is_match(path),
            Want::Connect => self.connect.is_match(path),
        }
    }

    /// Whether something below the directory `path` may be touched for what is wanted.
    pub(crate) fn leads(&self, want: Want, path: &str) -> bool {
        let below = |globs: &Globs| !globs.below(path).is_nothing();
        match want {
            Want::Read | Want::Enter => !self.below(path).is_nothing(),
            Want::Stat => below(&self.stat) || !self.below(path).is_nothing(),
            Want::Find => below(&self.connect) || below(&self.stat) || !self.below(path).is_nothing(),
            Want::Statfs => below(&self.statfs),
            Want::Connect => below(&self.connect),
        }
    }

    /// Whether `path` matches what the manifest asks to read.
    pub(crate) fn may_read(&self, path: &str) -> bool {
        self.read.is_match(path) || self.by_own_name(path).is_some_and(|path| self.read.is_match(&path))
    }

    /// What of the names in the directory `path` may be read, or has something below it that may.
    pub(crate) fn below(&self, path: &str) -> Below {
        let mut below = self.read.below(path);
        if let Some(path) = self.by_own_name(path) {
            below.add(self.read.below(&path));
        }
        below
    }

    /// `/proc/self` is a link to this process's directory: a path in that by the name that a manifest has for it.
    fn by_own_name(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(&self.own_proc).filter(|_| !self.own_proc.is_empty())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("/proc/self{rest}"))
    }

    /// Whether the manifest asks for this very glob, so that whatever matches it may be read.
    pub(crate) fn declares(&self, glob: &str) -> bool {
        self.declared.contains(glob)
    }

    /// Whether the name of `path` may be returned: the manifest asks for what it names in one way or another.
    pub(crate) fn may_name(&self, path: &str) -> bool {
        [Want::Read, Want::Stat, Want::Connect].into_iter().any(|want| self.admits(want, path))
    }

    /// Whether discovery may propose the socket `path`.
    pub(crate) fn may_connect(&self, path: &str) -> bool {
        self.connect.is_match(path) && !path.split('/').any(|part| part == ".." || part == ".")
    }

    /// Whether discovery may propose this TCP address. Only one that is written as numbers can be declared.
    pub(crate) fn may_connect_tcp(&self, address: &str) -> bool {
        address.parse().is_ok_and(|address: SocketAddr| self.connect_tcp.contains(&address))
    }

    /// The declared command of this name.
    pub(crate) fn command(&self, name: &str) -> Result<&Command, Cause> {
        let missing = || Cause::new(CauseKind::NotDeclared, "plugin.toml does not name such a command");
        self.run.get(name).ok_or_else(missing)
    }
}
