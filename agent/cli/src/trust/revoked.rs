//! `revoked.toml` among the trusted keys: keys, and single plugins and packs, that were withdrawn.
//!
//! Each list counts for everything, wherever it lies: an admin withdraws a vendor's key in a folder of their own. So a
//! list that cannot be relied on stops everything that is signed: it might have named just this key.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::document::Document;
use serde::Deserialize;
use toml::Spanned;

use super::Refusal;
use super::files::{read_regular, trouble_with_owner};

/// Thousands of entries.
const MAX_LIST: u64 = 1 << 20;

/// The lists' name.
const FILE: &str = "revoked.toml";

/// What is withdrawn, with the reasons.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    keys: BTreeMap<String, String>,
    hashes: BTreeMap<String, String>,
    /// The first list that cannot be relied on.
    broken: Option<String>,
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
    /// Adds the list of a folder, if there is one.
    pub(super) fn add(&mut self, folder: &Path, diagnostics: &mut Vec<Diagnostic>) {
        let path = folder.join(FILE);
        let file = path.display().to_string();
        let mut problems = match read_regular(&path, MAX_LIST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => vec![
                Diagnostic::error("unreadable", format!("the list cannot be read: {error}"))
                    .at(Place::file(&file)),
            ],
            Ok((bytes, metadata)) => match trouble_with_owner(&metadata) {
                Some(trouble) => {
                    vec![Diagnostic::error("list-open-to-others", trouble).at(Place::file(&file))]
                }
                None => match Document::from_bytes(file.clone(), bytes) {
                    Ok(document) => self.read(&document),
                    Err(problem) => vec![problem],
                },
            },
        };
        if problems.is_empty() {
            return;
        }
        diagnostics.append(&mut problems);
        self.broken.get_or_insert(file);
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

    /// Refuses everything when a list cannot be relied on.
    pub(super) fn check_readable(&self) -> Result<(), Refusal> {
        match &self.broken {
            None => Ok(()),
            Some(file) => Err(Refusal::new(
                format!("the list of what was withdrawn, {file}, cannot be relied on, so no signature is"),
                format!("mend {file}: goodstead plugins list says what is wrong with it"),
            )),
        }
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
