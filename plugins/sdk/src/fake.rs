//! A site made of a table, for the tests of a plugin: no files, no sockets, no rights needed.
//!
//! It enforces the manifest's permissions as the agent's broker does, so that a test fails when `plugin.toml` forgets
//! to ask for something.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;

use goodstead_protocol::contract::Contract;
use goodstead_protocol::fact::{Cause, CauseKind, Fact};
use goodstead_protocol::glob::Globs;
use goodstead_protocol::intake::admit;
use goodstead_protocol::manifest::{Manifest, Permissions};
use goodstead_protocol::message::{
    Address, Entry, FileEntry, FileKind, FileList, Granted, Outcome, Part, Reply, Request, Stat, Statfs,
};

use crate::{Answer, Document, Plugin, Site, Target};

/// A site made of a table.
#[derive(Debug, Default)]
pub struct FakeSite {
    files: BTreeMap<String, Result<Vec<u8>, Cause>>,
    statfs: BTreeMap<String, Result<Statfs, Cause>>,
    stats: BTreeMap<String, Stat>,
    commands: BTreeMap<String, (i32, Vec<u8>)>,
    connections: BTreeMap<String, Result<OwnedFd, Cause>>,
    allowed: Option<Allowed>,
    folder: bool,
}

/// What a manifest allows, made once: sites of tests hold thousands of files.
#[derive(Debug)]
struct Allowed {
    read: Globs,
    stat: Globs,
    statfs: Globs,
    connect: Globs,
    run: BTreeSet<String>,
}

impl From<&Permissions> for Allowed {
    fn from(permissions: &Permissions) -> Self {
        Allowed {
            read: Globs::new(&permissions.read),
            stat: Globs::new(&permissions.stat),
            statfs: Globs::new(&permissions.statfs),
            connect: Globs::new(&permissions.connect),
            run: permissions.run.keys().cloned().collect(),
        }
    }
}

impl FakeSite {
    /// An empty site that allows everything.
    pub fn new() -> Self {
        FakeSite::default()
    }

    /// An empty site that allows what the manifest does.
    pub fn with_manifest(manifest: &Manifest) -> Self {
        FakeSite { allowed: Some(Allowed::from(&manifest.permissions)), ..FakeSite::default() }
    }

    /// The same files in a folder that is not a running host, as under `--root`.
    #[must_use]
    pub fn folder(mut self) -> Self {
        self.folder = true;
        self
    }

    /// A file and its content.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.to_owned(), Ok(content.as_ref().to_vec()));
        self
    }

    /// A file that exists and cannot be read.
    #[must_use]
    pub fn refused_file(mut self, path: &str, kind: CauseKind, detail: &str) -> Self {
        self.files.insert(path.to_owned(), Err(Cause::new(kind, detail)));
        self
    }

    /// What `stat` says of a path; without it, of a file: mode 0644, owner root, its size, time 0.
    #[must_use]
    pub fn stat_of(mut self, path: &str, stat: Stat) -> Self {
        self.stats.insert(path.to_owned(), stat);
        self
    }

    /// What `statfs` says of a path.
    #[must_use]
    pub fn statfs_of(mut self, path: &str, outcome: Result<Statfs, Cause>) -> Self {
        self.statfs.insert(path.to_owned(), outcome);
        self
    }

    /// What a command prints, and its exit code.
    #[must_use]
    pub fn command(mut self, name: &str, code: i32, output: impl AsRef<[u8]>) -> Self {
        self.commands.insert(name.to_owned(), (code, output.as_ref().to_vec()));
        self
    }

    /// What comes of connecting to an address; a descriptor is handed out once.
    #[must_use]
    pub fn connection(mut self, address: &Address, outcome: Result<OwnedFd, Cause>) -> Self {
        self.connections.insert(address.to_string(), outcome);
        self
    }

    fn may_read(&self, path: &str) -> Result<(), Cause> {
        match &self.allowed {
            Some(allowed) if !allowed.read.is_match(path) => {
                Err(Cause::new(CauseKind::NotDeclared, format!("plugin.toml does not ask to read {path}")))
            }
            _ => Ok(()),
        }
    }

    fn may_stat(&self, path: &str) -> Result<(), Cause> {
        match &self.allowed {
            Some(allowed) if allowed.stat.is_match(path) => Ok(()),
            _ => self.may_read(path),
        }
    }

    /// Whether the manifest asks for what `path` names in one way or another.
    fn may_name(&self, path: &str) -> bool {
        let Some(allowed) = &self.allowed else { return true };
        [&allowed.read, &allowed.stat, &allowed.connect].into_iter().any(|globs| globs.is_match(path))
    }

    /// The names in a directory.
    fn names(&self, path: &str) -> Result<Vec<Entry>, Cause> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let names: BTreeSet<_> = self
            .files
            .keys()
            .filter_map(|file| file.strip_prefix(&prefix))
            .map(|rest| match rest.split_once('/') {
                Some((folder, _)) => (folder.to_owned(), true),
                None => (rest.to_owned(), false),
            })
            .collect();
        if names.is_empty() {
            return Err(Cause::new(CauseKind::Absent, format!("{path} does not exist")));
        }
        let kind = |folder| if folder { FileKind::Folder } else { FileKind::File };
        Ok(names.into_iter().map(|(name, folder)| Entry { name, kind: kind(folder) }).collect())
    }

    fn permitted_content(&self, path: &str) -> Result<&[u8], Cause> {
        self.may_read(path)?;
        self.content(path)
    }

    fn content(&self, path: &str) -> Result<&[u8], Cause> {
        match self.files.get(path) {
            Some(Ok(content)) => Ok(content),
            Some(Err(cause)) => Err(cause.clone()),
            None => Err(Cause::new(CauseKind::Absent, format!("{path} does not exist"))),
        }
    }
}

fn answer(granted: Granted, data: Vec<u8>) -> Answer {
    Answer { granted, data, descriptor: None }
}

impl Site for FakeSite {
    fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
        match request {
            Request::Statfs { .. } | Request::Connect { .. } | Request::Run { .. } if self.folder => {
                Err(Cause::new(CauseKind::NotApplicableHere, "it is only known on the live host"))
            }
            Request::Read { path } => Ok(answer(Granted::Read, self.permitted_content(&path)?.to_vec())),
            Request::ReadMany { globs, except } => {
                let (globs, except) = (Globs::new(&globs), Globs::new(&except));
                let mut data = Vec::new();
                let mut files = Vec::new();
                for path in self.files.keys().filter(|path| globs.is_match(path) && !except.is_match(path)) {
                    let size = match self.permitted_content(path) {
                        Ok(content) => {
                            data.extend_from_slice(content);
                            Outcome::Ok(content.len() as u64)
                        }
                        // What the manifest does not ask for is left out of a glob, as the broker does.
                        Err(cause) if cause.kind == CauseKind::NotDeclared => continue,
                        Err(cause) => Outcome::Refused(cause),
                    };
                    files.push(FileEntry { path: path.clone(), size });
                }
                Ok(answer(Granted::ReadMany(FileList { files, partial: None }), data))
            }
            Request::List { path } => {
                self.may_read(&path)?;
                Ok(answer(Granted::List(self.names(&path)?), Vec::new()))
            }
            Request::Find { path, matching } => {
                let matching = Globs::new([matching]);
                let mut entries = self.names(&path)?;
                entries.retain(|entry| {
                    matching.is_match(&entry.name) && self.may_name(&format!("{path}/{}", entry.name))
                });
                Ok(answer(Granted::List(entries), Vec::new()))
            }
            Request::Stat { path } => {
                self.may_stat(&path)?;
                let stat = match self.stats.get(&path) {
                    Some(stat) => stat.clone(),
                    None => Stat {
                        kind: FileKind::File,
                        size: self.content(&path)?.len() as u64,
                        mode: 0o644,
                        uid: 0,
                        gid: 0,
                        modified: 0,
                    },
                };
                Ok(answer(Granted::Stat(stat), Vec::new()))
            }
            Request::Statfs { paths } => {
                let declared = self.allowed.as_ref().map(|known| &known.statfs);
                let outcome = |path: &String| match self.statfs.get(path) {
                    _ if declared.is_some_and(|globs| !globs.is_match(path)) => Outcome::Refused(Cause::new(
                        CauseKind::NotDeclared,
                        format!("plugin.toml does not ask for the space of {path}"),
                    )),
                    Some(Ok(statfs)) => Outcome::Ok(statfs.clone()),
                    Some(Err(cause)) => Outcome::Refused(cause.clone()),
                    None => Outcome::Refused(Cause::new(CauseKind::Absent, format!("{path} is not mounted"))),
                };
                Ok(answer(Granted::Statfs(paths.iter().map(outcome).collect()), Vec::new()))
            }
            Request::Connect { address } => match self.connections.remove(&address.to_string()) {
                Some(Ok(descriptor)) => Ok(Answer {
                    granted: Granted::Connect { user: "goodstead".to_owned() },
                    data: Vec::new(),
                    descriptor: Some(descriptor),
                }),
                Some(Err(cause)) => Err(cause),
                None => Err(Cause::new(CauseKind::NotAvailable, format!("nothing listens at {address}"))),
            },
            Request::Several { requests } => {
                let (mut parts, mut data) = (Vec::new(), Vec::new());
                for request in requests {
                    let (reply, mut bytes) = match self.ask(request) {
                        Ok(answer) => (Reply::Ok(answer.granted), answer.data),
                        Err(cause) => (Reply::Refused(cause), Vec::new()),
                    };
                    parts.push(Part { reply, bytes: bytes.len() as u64 });
                    data.append(&mut bytes);
                }
                Ok(answer(Granted::Several(parts), data))
            }
            Request::Run { command } => {
                let declared = self.allowed.as_ref().is_none_or(|known| known.run.contains(&command));
                match self.commands.get(&command) {
                    Some((code, output)) if declared => {
                        Ok(answer(Granted::Run { code: Some(*code) }, output.clone()))
                    }
                    Some(_) => {
                        Err(Cause::new(CauseKind::NotDeclared, "plugin.toml does not name such a command"))
                    }
                    None => Err(Cause::new(CauseKind::Absent, format!("`{command}` is not installed"))),
                }
            }
        }
    }
}

/// Gathers the facts of `target` and holds them against the contract, as the agent does.
///
/// Returns the facts as the engine would see them, and what was dropped or refused: a plugin's tests assert that this
/// is empty.
pub fn gather<P: Plugin>(contract: &Contract, target: &Target, site: &mut dyn Site) -> (Fact, Vec<String>) {
    let sent = P::default().gather(target, site).unwrap_or_else(Fact::from);
    // Through JSON, as on the real way.
    match Fact::from_json(sent.to_json()) {
        Ok(sent) => {
            let admitted = admit(contract, sent);
            (admitted.facts, admitted.notes)
        }
        Err(problem) => (Fact::record(), vec![problem]),
    }
}

/// The manifest in `text`, for tests: `manifest(include_str!("../plugin.toml"))`.
///
/// # Panics
/// When the manifest is not valid, with everything that is wrong with it.
#[allow(clippy::panic)] // Only tests call it.
pub fn manifest(text: &str) -> Manifest {
    Manifest::read(&Document::new("plugin.toml", text)).unwrap_or_else(|errors| {
        panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}
