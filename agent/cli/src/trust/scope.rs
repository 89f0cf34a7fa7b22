//! What a trusted key may sign: `NAME.toml` beside its `NAME.pub`.
//!
//! A key without one may sign anything, as before there were scopes, but for the names that another key was seen to sign
//! by its scope ([`super::memory`]); that it lacks one is a warning. One that cannot be read makes its key worth nothing.

use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::document::Document;
use goodstead_protocol::glob::Globs;
use serde::Deserialize;
use toml::Spanned;

use super::folder::KeyFolder;
use super::statement::Kind;
use crate::files::FileError;

/// Hundreds of names.
const MAX_SCOPE: u64 = 64 << 10;

/// What a signature is about, as far as scopes go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A plugin or pack of this name.
    Named(Kind, &'a str),
    /// An entitlement.
    Entitlement,
}

/// What a key may sign.
#[derive(Debug)]
pub(super) enum Scope {
    /// Nobody said.
    Unstated,
    /// This.
    Stated(Stated),
}

#[derive(Debug)]
pub(super) struct Stated {
    plugins: Globs,
    packs: Globs,
    entitlements: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    scope: RawScope,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScope {
    #[serde(default)]
    plugins: Vec<Spanned<String>>,
    #[serde(default)]
    packs: Vec<Spanned<String>>,
    #[serde(default)]
    entitlements: bool,
}

impl Scope {
    /// Reads the file of this name, if there is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(folder: &KeyFolder, name: &str) -> Result<Scope, Diagnostic> {
        let file = folder.path.join(name).display().to_string();
        match folder.read(name, MAX_SCOPE) {
            Ok(bytes) => parse(&Document::from_bytes(file, bytes)?),
            Err(FileError::Missing) => Ok(Scope::Unstated),
            Err(error) => {
                Err(Diagnostic::error("scope-unusable", format!("the scope cannot be read: {error}"))
                    .at(Place::file(file)))
            }
        }
    }

    /// Whether it says so.
    pub(super) fn includes(&self, subject: Subject<'_>) -> bool {
        match self {
            Scope::Unstated => true,
            Scope::Stated(stated) => stated.includes(subject),
        }
    }

    pub(super) fn is_stated(&self) -> bool {
        matches!(self, Scope::Stated(_))
    }
}

impl Stated {
    fn includes(&self, subject: Subject<'_>) -> bool {
        match subject {
            Subject::Named(Kind::Plugin, name) => self.plugins.is_match(name),
            Subject::Named(Kind::Pack, name) => self.packs.is_match(name),
            Subject::Entitlement => self.entitlements,
        }
    }
}

fn parse(document: &Document) -> Result<Scope, Diagnostic> {
    let RawFile { scope } = document.parse()?;
    let names = |list: Vec<Spanned<String>>| {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_*?".contains(c);
        if let Some(odd) =
            list.iter().find(|name| name.get_ref().is_empty() || !name.get_ref().chars().all(letter))
        {
            return Err(Diagnostic::error("bad-name", "this is not a name or a pattern of names")
                .at(document.place(odd.span()))
                .help("names are lower case letters, digits, `-` and `_`; `*` stands for any of them, `?` for one"));
        }
        Ok(Globs::new(list.into_iter().map(Spanned::into_inner)))
    };
    Ok(Scope::Stated(Stated {
        plugins: names(scope.plugins)?,
        packs: names(scope.packs)?,
        entitlements: scope.entitlements,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Result<Scope, String> {
        parse(&Document::new("acme.toml", text)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_scope_includes_what_it_names_and_nothing_else() {
        let stated = scope("[scope]\nplugins = ['acme', 'acme_*']\npacks = ['acme-?']\n").unwrap();
        for (subject, included) in [
            (Subject::Named(Kind::Plugin, "acme"), true),
            (Subject::Named(Kind::Plugin, "acme_db"), true),
            (Subject::Named(Kind::Plugin, "acmes"), false),
            (Subject::Named(Kind::Plugin, "linux"), false),
            (Subject::Named(Kind::Pack, "acme-x"), true),
            (Subject::Named(Kind::Pack, "acme"), false),
            (Subject::Entitlement, false),
        ] {
            assert_eq!(stated.includes(subject), included, "{subject:?}");
        }
        let nothing = scope("[scope]\n").unwrap();
        assert!(!nothing.includes(Subject::Named(Kind::Plugin, "acme")));
        let vendor = scope("scope = { plugins = ['*'], packs = ['*'], entitlements = true }\n").unwrap();
        assert!(
            vendor.includes(Subject::Entitlement) && vendor.includes(Subject::Named(Kind::Pack, "linux"))
        );
    }

    #[test]
    fn a_scope_is_read_strictly() {
        for (text, words) in [
            ("", "scope"),
            ("[scope]\nplugin = ['acme']\n", "did you mean `plugins`?"),
            ("[scope]\nplugins = ['a/b']\n", "acme.toml:2:12: this is not a name"),
            ("[scope]\npacks = ['']\n", "this is not a name"),
            ("[scope]\nplugins = '*'\n", "acme.toml:2"),
        ] {
            let error = scope(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
