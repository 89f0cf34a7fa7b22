//! A pack of checks that fits the installed plugins.

use std::collections::BTreeSet;

use goodstead_model::Signature;
use goodstead_protocol::document::Document;
use semver::Version;
use sha2::{Digest, Sha256};

use crate::check::Check;
use crate::progress::{Capability, Goal, Milestone, Task};

/// Checks that belong together. Each is usable, but for those that are named as not judged.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Its name, which is its folder's.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// Its version.
    pub version: Version,
    /// SHA-256 in hexadecimal over the names, lengths and bytes of its files.
    pub hash: String,
    /// The admin's own, not the vendor's.
    pub local: bool,
    /// Its checks, by id.
    pub checks: Vec<Check>,
    /// Of a pack of the admin's own: what takes the place of checks that are broken, unknown on every target.
    pub unjudged: Vec<Check>,
    /// Its capabilities, by id.
    pub capabilities: Vec<Capability>,
    /// Its milestones, by id.
    pub milestones: Vec<Milestone>,
    /// Its tasks, by id.
    pub tasks: Vec<Task>,
}

impl Pack {
    /// Whether there is nothing in it to judge by.
    pub fn is_empty(&self) -> bool {
        self.checks.is_empty() && self.unjudged.is_empty() && self.goals().next().is_none()
    }

    /// The facts of this plugin that anything in it reads, by their first names.
    pub fn reads(&self, plugin: &str) -> BTreeSet<String> {
        let of_goal = |goal: Goal<'_>| {
            let mut read: BTreeSet<String> =
                goal.facts().iter().flat_map(|path| first_names(path, plugin)).collect();
            read.extend(first_names(goal.head().remedy.source(), plugin));
            read
        };
        self.checks
            .iter()
            .flat_map(|check| check.reads(plugin))
            .chain(self.goals().flat_map(of_goal))
            .collect()
    }

    /// How the report names it.
    pub fn entry(&self) -> goodstead_model::Pack {
        goodstead_model::Pack {
            name: self.name.clone(),
            version: self.version.to_string(),
            hash: self.hash.clone(),
            local: self.local,
            // Files are the caller's business, and so is who vouches for them.
            signature: Signature::default(),
        }
    }
}

/// The first names of a plugin's facts in an expression or a template: `mounts` of `linux.mounts[].free`.
pub(crate) fn first_names(source: &str, plugin: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = format!("{plugin}.");
    let after = source.match_indices(&begins).filter_map(|(at, _)| {
        // `demolinux.` and `item.linux.` are other names.
        let own = !source[..at].ends_with(|c| is_word(c) || c == '.');
        let name: String = source[at + begins.len()..].chars().take_while(|c| is_word(*c)).collect();
        (own && !name.is_empty()).then_some(name)
    });
    after.collect()
}

/// The last part of a document's name: a pack is the same wherever it lies.
pub(crate) fn file_name(document: &Document) -> &str {
    document.file.rsplit('/').next().unwrap_or(&document.file)
}

/// SHA-256 in hexadecimal over the files by name: each one's name, length and bytes, with the lengths as 64 bits.
pub(crate) fn hash(documents: &[Document]) -> String {
    let mut files: Vec<_> =
        documents.iter().map(|document| (file_name(document), &document.source)).collect();
    files.sort();
    let mut hasher = Sha256::new();
    for (name, source) in files {
        for part in [name.as_bytes(), source.as_bytes()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_depends_on_names_and_texts_and_on_nothing_else() {
        let file = |name: &str, text: &str| Document::new(name, text);
        let one = hash(&[file("x/a.toml", "1"), file("x/b.toml", "2")]);
        assert_eq!(one, hash(&[file("/y/b.toml", "2"), file("/y/a.toml", "1")]));
        assert_ne!(one, hash(&[file("a.toml", "12"), file("b.toml", "")]));
        assert_ne!(one, hash(&[file("a.toml", "1"), file("c.toml", "2")]));
        assert_eq!(one.len(), 64);
    }
}
