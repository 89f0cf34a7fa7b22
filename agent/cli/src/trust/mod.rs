//! Who vouches for a plugin, a pack or an entitlement: trusted keys, what they signed, what was withdrawn, and what the
//! admin allows without.
//!
//! What is verified are the very bytes that are used afterwards: the manifest and the checks as they were parsed, the
//! library as it lies sealed in memory. A signature that is there and wrong is never allowed, by nobody. Whatever cannot
//! be relied on (a list of withdrawn keys that cannot be read, a key that others may write to) counts against, never
//! for. docs/SIGNING.md describes all of it for admins and vendors.

mod copies;
mod entitlement;
mod folder;
mod keys;
mod library;
mod memory;
mod revoked;
mod scope;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use goodstead_model::{Cause, CauseKind, Signature};
use goodstead_protocol::diagnostic::{Diagnostic, Place, Severity};
use goodstead_protocol::manifest::Manifest;
use minisign_verify::PublicKey;
use semver::Version;

pub(crate) use copies::Copies;
pub(crate) use library::{Library, sealed_copy};
pub(crate) use memory::{Learned, Memory, Seen};
pub(crate) use statement::{Fingerprint, Kind};

use crate::files::{FileError, check_tree};
use crate::installation::Installation;
use folder::KeyFolder;
use keys::Keys;
use keys::TrustedKey;
use revoked::Revoked;
use scope::Subject;
use statement::{SignedStatement, Statement};

/// Where all of this is described; named wherever something is refused.
const MANUAL: &str = "docs/SIGNING.md";

/// The signature beside a pack's files.
pub(crate) const PACK_SIGNATURE: &str = "pack.sig";

/// The signature beside a plugin's files.
pub(crate) const PLUGIN_SIGNATURE: &str = "plugin.sig";

/// What this installation trusts.
#[derive(Debug)]
pub(crate) struct Trust {
    keys: Keys,
    revoked: Arc<Revoked>,
    /// The folders, or parents of folders, that need no signature.
    allowed: Vec<PathBuf>,
    /// The folders that their author named in order to try what is in them.
    drafts: Vec<PathBuf>,
    /// The folder into which an admin puts keys.
    own_keys: PathBuf,
    /// What earlier scans saw.
    memory: Memory,
    /// What this one sees besides.
    learned: Mutex<Learned>,
    /// Whether an older version than was seen is accepted: the admin said so for this run.
    accept_older: bool,
    /// What is wrong with keys and lists.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Why something is not vouched for, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Half a sentence about it: `it is not signed …`.
    pub(crate) reason: String,
    pub(crate) remedy: String,
}

/// Why a plugin's library is not handed over.
#[derive(Debug, Clone)]
pub(crate) enum NotSealed {
    /// Nobody vouches for it.
    Refused(Refusal),
    /// It cannot be read.
    Unreadable(Cause),
}

impl NotSealed {
    /// Why, in half a sentence, for readers who did not ask for a scan.
    pub(crate) fn why(&self) -> &str {
        match self {
            NotSealed::Refused(refusal) => &refusal.reason,
            NotSealed::Unreadable(cause) => &cause.detail,
        }
    }

    /// What to do about it, if anything is known.
    pub(crate) fn remedy(&self) -> Option<&str> {
        match self {
            NotSealed::Refused(refusal) => Some(&refusal.remedy),
            NotSealed::Unreadable(cause) => cause.remedy.as_deref(),
        }
    }

    /// As the cause of the plugin's facts being unknown.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            NotSealed::Refused(refusal) => refusal.cause(),
            NotSealed::Unreadable(cause) => cause.clone(),
        }
    }
}

/// Whether a plugin may run, as far as its manifest tells.
#[derive(Debug, Clone)]
pub(crate) enum Standing {
    /// It may, with this library only.
    Vouched(Signature, Library),
    /// It may not.
    Refused(Refusal),
}

/// The files of a pack by their paths in it; `None` for one that could not be read.
pub(crate) type PackFiles = BTreeMap<String, Option<Fingerprint>>;

impl Refusal {
    fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Refusal { reason: reason.into(), remedy: remedy.into() }
    }

    /// What was signed is not what is here.
    fn altered(reason: impl Into<String>) -> Self {
        Refusal::new(reason, "reinstall it from its source, and find out who changed it")
    }

    /// As the cause of a plugin's facts being unknown.
    pub(crate) fn cause(&self) -> Cause {
        Cause::new(CauseKind::NotPermitted, format!("the plugin was not run: {}", self.reason))
            .remedy(&self.remedy)
    }
}

/// The day of a time in RFC 3339.
fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

/// What a signature is about, in words.
fn about(subject: Subject<'_>) -> String {
    match subject {
        Subject::Named(kind, name) => format!("the {} `{name}`", kind.name()),
        Subject::Entitlement => "entitlements".to_owned(),
    }
}

/// A key that signed what its scope does not include.
fn outside(key: &TrustedKey, subject: Subject<'_>) -> Refusal {
    let reason = format!("it is signed by {}, whose scope does not include {}", key.name, about(subject));
    let remedy = format!("if that key may sign it, say so in {} ({MANUAL})", key.scope_file.display());
    Refusal::new(reason, remedy)
}

/// A key without a scope that signed what another signs by its scope.
fn taken_over(key: &TrustedKey, subject: Subject<'_>, seen: &Seen) -> Refusal {
    let reason = format!(
        "it is signed by {}, which has no scope, and {} was signed by the key {} when it was seen here on {}",
        key.name,
        about(subject),
        seen.key,
        day(&seen.time)
    );
    let remedy =
        format!("if {} may sign it from now on, say so in {} ({MANUAL})", key.name, key.scope_file.display());
    Refusal::new(reason, remedy)
}

/// The directories of the keys: the installed tree's and the admin's.
fn folders(installation: &Installation) -> [KeyFolder; 2] {
    let [tree, own] = installation.trusted_keys();
    [KeyFolder::new(tree, Some(installation.prefix())), KeyFolder::new(own, None)]
}

/// A directory of keys that cannot be relied on.
fn unsound(folder: &KeyFolder, error: &FileError) -> Diagnostic {
    let path = &folder.path;
    let message =
        format!("the directory of the trusted keys, {}, cannot be relied on: {error}", path.display());
    let help = match error {
        FileError::Unsound(trouble) => trouble.remedy(path),
        _ => "check the directory's owner and mode".to_owned(),
    };
    Diagnostic::error("keys-unusable", message).at(Place::file(path.display().to_string())).help(help)
}

impl Trust {
    /// Reads the keys of the installed tree and of the admin, and both lists of what is withdrawn. `allowed` is the
    /// admin's word about unsigned folders, `memory` what earlier scans saw.
    pub(crate) fn load(
        installation: &Installation,
        allowed: &[PathBuf],
        memory: impl FnOnce() -> Result<Memory, String>,
    ) -> Trust {
        let mut diagnostics = Vec::new();
        let mut keys = Keys::default();
        let mut revoked = Revoked::default();
        let mut lists = Vec::new();
        let folders = folders(installation);
        for folder in &folders {
            match folder.names() {
                Ok(None) => {}
                Ok(Some(names)) => {
                    if names.iter().any(|name| name == revoked::FILE) {
                        lists.push(folder.list());
                    }
                    keys.add(folder, &names, &mut diagnostics);
                    revoked.add(folder, &mut diagnostics);
                }
                Err(error) => {
                    let problem = unsound(folder, &error);
                    let remedy = problem.help.clone().unwrap_or_default();
                    revoked.break_down(problem.message.clone(), remedy);
                    diagnostics.push(problem);
                }
            }
        }
        let memory = memory().unwrap_or_else(|why| {
            let message = format!(
                "versions are not compared with earlier ones, and no list of what was withdrawn is missed, because the \
                 state cannot be used: {why}"
            );
            diagnostics.push(Diagnostic::warning("no-memory", message));
            Memory::default()
        });
        for folder in &folders {
            let list = folder.list();
            if let Some(time) = memory.lists.get(&list).filter(|_| !lists.contains(&list)) {
                let why = format!(
                    "the list of what was withdrawn, {list}, is gone, and has been there since {}",
                    day(time)
                );
                let remedy = "put it back; if nothing is withdrawn any more, an empty one says so".to_owned();
                let found = Diagnostic::error("list-gone", format!("nothing is trusted, because {why}"));
                diagnostics.push(found.at(Place::file(list)).help(remedy.clone()));
                revoked.break_down(why, remedy);
            }
        }
        lists.retain(|list| !memory.lists.contains_key(list));
        let learned = Mutex::new(Learned { lists, ..Learned::default() });
        // The file system is asked once; a path that does not exist allows nothing.
        let allowed = allowed.iter().filter_map(|path| path.canonicalize().ok()).collect();
        let own_keys = installation.own_trusted_keys();
        Trust {
            keys,
            revoked: Arc::new(revoked),
            allowed,
            drafts: Vec::new(),
            own_keys,
            memory,
            learned,
            accept_older: false,
            diagnostics,
        }
    }

    /// The names of the keys that may vouch for something.
    pub(crate) fn key_names(&self) -> Vec<String> {
        self.keys.names()
    }

    /// Lets what lies in a folder go unsigned for this run: its author named it in order to try it.
    pub(crate) fn allow(&mut self, folder: &Path) {
        self.drafts.extend(folder.canonicalize());
    }

    /// Accepts older versions than were seen for this run: the admin asked for one.
    pub(crate) fn accept_older(&mut self) {
        self.accept_older = true;
    }

    /// What of all that was judged earlier scans had not seen.
    pub(crate) fn learned(&self) -> Learned {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether every key and list could be used.
    pub(crate) fn sound(&self) -> bool {
        self.diagnostics.iter().all(|found| found.severity == Severity::Warning)
    }

    /// Judges a plugin by its manifest's bytes. The library is judged when it is sealed ([`sealed_copy`]).
    pub(crate) fn plugin(&self, folder: &Path, manifest: &Manifest, bytes: &[u8]) -> Standing {
        match self.judge_plugin(folder, manifest, bytes) {
            Ok((signature, expected)) => {
                Standing::Vouched(signature, Library { expected, revoked: self.revoked.clone() })
            }
            Err(refusal) => Standing::Refused(refusal),
        }
    }

    fn judge_plugin(
        &self,
        folder: &Path,
        manifest: &Manifest,
        bytes: &[u8],
    ) -> Result<(Signature, Option<Fingerprint>), Refusal> {
        let found = Fingerprint::of(bytes);
        let subject = (Kind::Plugin, manifest.name.as_str());
        let Some((key, statement)) = self.signed(&folder.join(PLUGIN_SIGNATURE), subject)? else {
            self.revoked.check_hash(&found.sha256)?;
            return Ok((self.unsigned(folder, PLUGIN_SIGNATURE)?, None));
        };
        statement.is_about(&manifest.name, Some(&manifest.version.to_string()))?;
        let library = statement.files.get(&manifest.library);
        match (statement.files.get("plugin.toml"), library, statement.files.len()) {
            (Some(signed), Some(library), 2) if *signed == found => {
                self.risen(subject, key, &statement.version)?;
                Ok((Signature::Signed { key: key.name.clone() }, Some(library.clone())))
            }
            (Some(_), Some(_), 2) => Err(Refusal::altered("its plugin.toml is not as it was signed")),
            _ => Err(Refusal::altered(format!(
                "its signature is not about plugin.toml and {} alone",
                manifest.library
            ))),
        }
    }

    /// Judges a pack by all of its files.
    ///
    /// # Errors
    /// Why it is not to be used.
    pub(crate) fn pack(&self, folder: &Path, name: &str, files: &PackFiles) -> Result<Signature, Refusal> {
        let subject = (Kind::Pack, name);
        let Some((key, statement)) = self.signed(&folder.join(PACK_SIGNATURE), subject)? else {
            files.values().flatten().try_for_each(|file| self.revoked.check_hash(&file.sha256))?;
            return self.unsigned(folder, PACK_SIGNATURE);
        };
        // The version is that of pack.toml, which is signed.
        statement.is_about(name, None)?;
        statement.covers(files)?;
        self.risen(subject, key, &statement.version)?;
        Ok(Signature::Signed { key: key.name.clone() })
    }

    /// The statement in a signature file about something of this kind and name, and the trusted key that signed it; `None`
    /// without such a file.
    fn signed(
        &self,
        file: &Path,
        (kind, name): (Kind, &str),
    ) -> Result<Option<(&TrustedKey, Statement)>, Refusal> {
        let Some(signed) = SignedStatement::read(file)? else { return Ok(None) };
        let subject = Subject::Named(kind, name);
        let key = self.signer(&signed.key, subject, |key| signed.verifies(key))?;
        let statement = Statement::read(&signed.statement, kind)?;
        self.revoked.check_hash(&Fingerprint::of(signed.statement.as_bytes()).sha256)?;
        statement.files.values().try_for_each(|file| self.revoked.check_hash(&file.sha256))?;
        Ok(Some((key, statement)))
    }

    /// The trusted key of this id by which a signature verifies, and whose scope includes what it is about.
    fn signer(
        &self,
        id: &str,
        subject: Subject<'_>,
        verifies: impl Fn(&PublicKey) -> bool,
    ) -> Result<&TrustedKey, Refusal> {
        self.revoked.check_readable()?;
        self.revoked.check_key(id)?;
        let mut known = self.keys.with_id(id).peekable();
        if known.peek().is_none() {
            let reason = format!("it is not signed by a trusted key: the key {id} is not among them");
            let remedy = format!(
                "if you trust its owner, put that public key into {}; {MANUAL} tells how to compare it first",
                self.own_keys.display()
            );
            return Err(Refusal::new(reason, remedy));
        }
        // Ids are short, and anybody can choose one: each key that has this id is tried.
        let mut signers = known.filter(|key| verifies(&key.key)).peekable();
        let Some(first) = signers.peek().copied() else {
            return Err(Refusal::altered(format!("its signature was not made by the key {id}")));
        };
        signers.find(|key| key.scope.includes(subject)).ok_or_else(|| outside(first, subject))
    }

    /// Refuses a version that is older than one that was seen, and a key that takes over a name from another by no scope;
    /// what is accepted is remembered.
    fn risen(&self, (kind, name): (Kind, &str), key: &TrustedKey, version: &str) -> Result<(), Refusal> {
        let version = Version::parse(version)
            .map_err(|_| Refusal::altered("its signed version is not one that can be compared"))?;
        let subject = Subject::Named(kind, name);
        let counts = |seen: &&Seen| {
            let mut keys = self.keys.with_id(&seen.key).filter(|key| key.scope.includes(subject));
            keys.next().is_some() && !self.revoked.names_key(&seen.key)
        };
        for seen in self.memory.of(kind, name).filter(counts) {
            let by_scope = |id: &str| self.keys.with_id(id).any(|key| key.scope.is_stated());
            if seen.key != key.id && !key.scope.is_stated() && by_scope(&seen.key) {
                return Err(taken_over(key, subject, seen));
            }
            if version < seen.version && !self.accept_older {
                return Err(Refusal::new(
                    format!(
                        "it is version {version}, older than {}, which was seen here on {}",
                        seen.version,
                        day(&seen.time)
                    ),
                    format!(
                        "install the newer one again; or, if you know why the older one is here: goodstead plugins \
                         install --allow-downgrade {name}"
                    ),
                ));
            }
        }
        if self.accept_older || !self.memory.knows(kind, name, &key.id, &version) {
            let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
            learned.versions.insert((kind, name.to_owned()), (key.id.clone(), version));
        }
        Ok(())
    }

    /// Whether the admin allows the folder without a signature, and nobody else can have written what is in it.
    fn unsigned(&self, folder: &Path, missing: &str) -> Result<Signature, Refusal> {
        self.revoked.check_readable()?;
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        if self.drafts.iter().any(|draft| real.starts_with(draft)) {
            return Ok(Signature::Unsigned);
        }
        if self.allowed.iter().any(|allowed| real.starts_with(allowed)) {
            return check_tree(folder).map(|()| Signature::Unsigned).map_err(|(path, error)| {
                let reason = format!("it is not signed, and of {}: {error}", path.display());
                let remedy = match &error {
                    FileError::Unsound(trouble) => trouble.remedy(&path),
                    _ => "check the owner and mode of all that is in its folder".to_owned(),
                };
                Refusal::new(reason, remedy)
            });
        }
        let remedy = format!(
            "install the signed one; or, if you trust what lies there, [signatures] allow_unsigned = [\"{}\"] in \
             agent.toml ({MANUAL})",
            real.display()
        );
        Err(Refusal::new(format!("it is not signed by a trusted key: it has no {missing}"), remedy))
    }
}
