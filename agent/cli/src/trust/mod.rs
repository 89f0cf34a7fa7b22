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
mod revoked;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use goodstead_model::{Cause, CauseKind, Signature};
use goodstead_protocol::diagnostic::{Diagnostic, Place, Severity};
use goodstead_protocol::manifest::Manifest;
use minisign_verify::PublicKey;

pub(crate) use copies::Copies;
pub(crate) use library::{Library, sealed_copy};
pub(crate) use statement::Fingerprint;

use crate::files::{FileError, check_tree};
use crate::installation::Installation;
use folder::KeyFolder;
use keys::Keys;
use revoked::Revoked;
use statement::{Kind, SignedStatement, Statement};

/// Where all of this is described; named wherever something is refused.
const MANUAL: &str = "docs/SIGNING.md";

/// How the cause begins when nobody vouches for a plugin.
pub(crate) const NOT_RUN: &str = "the plugin was not run: ";

/// The signature beside a pack's files.
pub(crate) const PACK_SIGNATURE: &str = "pack.sig";

/// The signature beside a plugin's files.
const PLUGIN_SIGNATURE: &str = "plugin.sig";

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
        Cause::new(CauseKind::NotPermitted, format!("{NOT_RUN}{}", self.reason)).remedy(&self.remedy)
    }
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
    /// admin's word about unsigned folders.
    pub(crate) fn load(installation: &Installation, allowed: &[PathBuf]) -> Trust {
        let mut diagnostics = Vec::new();
        let mut keys = Keys::default();
        let mut revoked = Revoked::default();
        for folder in folders(installation) {
            match folder.names() {
                Ok(None) => {}
                Ok(Some(names)) => {
                    keys.add(&folder, &names, &mut diagnostics);
                    revoked.add(&folder, &mut diagnostics);
                }
                Err(error) => {
                    let problem = unsound(&folder, &error);
                    let remedy = problem.help.clone().unwrap_or_default();
                    revoked.break_down(problem.message.clone(), remedy);
                    diagnostics.push(problem);
                }
            }
        }
        // The file system is asked once; a path that does not exist allows nothing.
        let allowed = allowed.iter().filter_map(|path| path.canonicalize().ok()).collect();
        let own_keys = installation.own_trusted_keys();
        Trust { keys, revoked: Arc::new(revoked), allowed, drafts: Vec::new(), own_keys, diagnostics }
    }

    /// The names of the keys that may vouch for something.
    pub(crate) fn key_names(&self) -> Vec<String> {
        self.keys.names()
    }

    /// Lets what lies in a folder go unsigned for this run: its author named it in order to try it.
    pub(crate) fn allow(&mut self, folder: &Path) {
        self.drafts.extend(folder.canonicalize());
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
        let Some((key, statement)) = self.signed(&folder.join(PLUGIN_SIGNATURE), Kind::Plugin)? else {
            self.revoked.check_hash(&found.sha256)?;
            return Ok((self.unsigned(folder, PLUGIN_SIGNATURE)?, None));
        };
        statement.is_about(&manifest.name, Some(&manifest.version.to_string()))?;
        let library = statement.files.get(&manifest.library);
        match (statement.files.get("plugin.toml"), library, statement.files.len()) {
            (Some(signed), Some(library), 2) if *signed == found => {
                Ok((Signature::Signed { key }, Some(library.clone())))
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
        let Some((key, statement)) = self.signed(&folder.join(PACK_SIGNATURE), Kind::Pack)? else {
            files.values().flatten().try_for_each(|file| self.revoked.check_hash(&file.sha256))?;
            return self.unsigned(folder, PACK_SIGNATURE);
        };
        // The version is that of pack.toml, which is signed.
        statement.is_about(name, None)?;
        statement.covers(files)?;
        Ok(Signature::Signed { key })
    }

    /// The statement in a signature file and the name of the trusted key that signed it; `None` without such a file.
    fn signed(&self, file: &Path, kind: Kind) -> Result<Option<(String, Statement)>, Refusal> {
        let Some(signed) = SignedStatement::read(file)? else { return Ok(None) };
        let name = self.signer(&signed.key, |key| signed.verifies(key))?;
        let statement = Statement::read(&signed.statement, kind)?;
        self.revoked.check_hash(&Fingerprint::of(signed.statement.as_bytes()).sha256)?;
        statement.files.values().try_for_each(|file| self.revoked.check_hash(&file.sha256))?;
        Ok(Some((name, statement)))
    }

    /// The name of the trusted key of this id by which a signature verifies.
    fn signer(&self, id: &str, verifies: impl Fn(&PublicKey) -> bool) -> Result<String, Refusal> {
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
        match known.find(|key| verifies(&key.key)) {
            Some(key) => Ok(key.name.clone()),
            None => Err(Refusal::altered(format!("its signature was not made by the key {id}"))),
        }
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
