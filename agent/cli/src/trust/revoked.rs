//! `revoked.toml` among the trusted keys: keys, and single plugins and packs, that were withdrawn.
//!
//! Each list counts for everything, wherever it lies: an admin withdraws a vendor's key in a folder of their own. So a
//! list that cannot be relied on stops everything that is signed: it might have named just this key.

use std::collections::BTreeMap;

use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::document::Document;
use serde::Deserialize;
use toml::Spanned;

use super::Refusal;
use super::folder::KeyFolder;
use crate::files::FileError;

/// Thousands of entries.
const MAX_LIST: u64 = 1 << 20;

/// The lists' name.
pub(super) const FILE: &str = "revoked.toml";

/// What is withdrawn, with the reasons.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    keys: BTreeMap<String, String>,
    hashes: BTreeMap<String, String>,
    /// Why there may be more than is known.
    broken: Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawList {
    #[serde(default)]
    revoked: Vec<Spanned<RawEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    key: Option<Spanned<String>>,
    sha256: Option<Spanned<String>>,
    reason: String,
}

impl Revoked {
    /// Adds the list of a directory, if there is one.
    pub(super) fn add(&mut self, folder: &KeyFolder, diagnostics: &mut Vec<Diagnostic>) {
        let path = folder.path.join(FILE);
        let file = path.display().to_string();
        let mut problems = match folder.read(FILE, MAX_LIST) {
            Err(FileError::Missing) => return,
            Err(FileError::Unsound(trouble)) => vec![
                Diagnostic::error("list-open-to-others", format!("the list is not used, because {trouble}"))
                    .at(Place::file(&file))
                    .help(trouble.remedy(&path)),
            ],
            Err(FileError::Io(error)) => vec![
                Diagnostic::error("unreadable", format!("the list cannot be read: {error}"))
                    .at(Place::file(&file))
                    .help("check the file's owner and mode"),
            ],
            Ok(bytes) => match Document::from_bytes(file.clone(), bytes) {
                Ok(document) => self.read(&document),
                Err(problem) => vec![problem],
            },
        };
        if problems.is_empty() {
            return;
        }
        diagnostics.append(&mut problems);
        self.break_down(
            format!("the list of what was withdrawn, {file}, cannot be relied on"),
            format!("fix {file}: goodstead plugins list says what is wrong with it"),
        );
    }

    /// Has nothing be trusted any more: a list that cannot be read, or that somebody may have taken away, might have named
    /// just this. The first reason counts.
    pub(super) fn break_down(&mut self, why: String, remedy: String) {
        let reason = format!("nothing is trusted, because {why}");
        self.broken.get_or_insert_with(|| Refusal::new(reason, remedy));
    }

    fn read(&mut self, document: &Document) -> Vec<Diagnostic> {
        let list: RawList = match document.parse() {
            Ok(list) => list,
            Err(problem) => return vec![problem],
        };
        let mut problems = Vec::new();
        let mut hexadecimal = |text: Spanned<String>, digits: usize| {
            if text.get_ref().len() != digits || !text.get_ref().bytes().all(|byte| byte.is_ascii_hexdigit())
            {
                let message = format!("this must be {digits} hexadecimal digits");
                problems.push(Diagnostic::error("bad-hexadecimal", message).at(document.place(text.span())));
            }
            text.into_inner()
        };
        let mut shapeless = Vec::new();
        for entry in list.revoked {
            let span = entry.span();
            match entry.into_inner() {
                RawEntry { key: Some(key), sha256: None, reason } => {
                    self.keys.insert(hexadecimal(key, 16).to_ascii_uppercase(), reason);
                }
                RawEntry { key: None, sha256: Some(hash), reason } => {
                    self.hashes.insert(hexadecimal(hash, 64).to_ascii_lowercase(), reason);
                }
                _ => shapeless.push(
                    Diagnostic::error("bad-entry", "an entry names either a `key` or a `sha256`")
                        .at(document.place(span)),
                ),
            }
        }
        problems.append(&mut shapeless);
        problems
    }

    /// Whether a key is withdrawn.
    pub(super) fn names_key(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    /// Refuses everything when a list cannot be relied on.
    pub(super) fn check_readable(&self) -> Result<(), Refusal> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    pub(super) fn check_key(&self, id: &str) -> Result<(), Refusal> {
        match self.keys.get(id) {
            None => Ok(()),
            Some(reason) => Err(withdrawn(&format!("the key {id} that signed it"), reason)),
        }
    }

    /// Refuses the file or statement of this SHA-256 if it is withdrawn.
    pub(super) fn check_hash(&self, sha256: &str) -> Result<(), Refusal> {
        match self.hashes.get(sha256) {
            None => Ok(()),
            Some(reason) => Err(withdrawn("it, or a file of it,", reason)),
        }
    }
}

fn withdrawn(what: &str, reason: &str) -> Refusal {
    let reason = reason.replace(char::is_control, " ");
    Refusal::new(format!("{what} was withdrawn: {reason}"), "install a release that is not withdrawn")
}
