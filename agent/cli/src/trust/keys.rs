//! The trusted keys: minisign public keys, one `*.pub` a key, in folders that nobody else may write to.
//!
//! A key that cannot be used is told and costs itself only; several may be trusted at once, which is how one key
//! follows another.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use goodstead_protocol::diagnostic::{Diagnostic, Place};
use minisign_verify::PublicKey;

use super::MANUAL;
use super::folder::KeyFolder;
use super::scope::Scope;

/// A public key file has two lines of about 60 characters.
const MAX_KEY: u64 = 4 << 10;

/// Where a key's or signature's id lies in its decoded bytes: after two that name the algorithm.
const ID: std::ops::Range<usize> = 2..10;

/// A key that may vouch for something.
#[derive(Debug)]
pub(super) struct TrustedKey {
    /// Its file's name.
    pub(super) name: String,
    pub(super) id: String,
    pub(super) key: PublicKey,
    pub(super) scope: Scope,
    /// Where its scope is or would be.
    pub(super) scope_file: PathBuf,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<TrustedKey>);

impl Keys {
    /// Their names, in the order of their folders.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|key| key.name.clone()).collect()
    }

    /// The keys of an id, which are as a rule one.
    pub(super) fn with_id<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a TrustedKey> {
        self.0.iter().filter(move |key| key.id == id)
    }

    /// Adds those of a directory's files that are keys.
    pub(super) fn add(&mut self, folder: &KeyFolder, names: &[String], diagnostics: &mut Vec<Diagnostic>) {
        for name in names.iter().filter(|name| name.ends_with(".pub")) {
            match read(folder, name) {
                Ok(key) => {
                    diagnostics.extend((!key.scope.is_stated()).then(|| unstated(&key, folder)));
                    self.0.push(key);
                }
                Err(Problem::Scope(problem)) => diagnostics.push(Diagnostic {
                    message: format!("the key {name} is not trusted: {}", problem.message),
                    ..problem
                }),
                Err(Problem::Key(why)) => diagnostics.push(
                    Diagnostic::error("key-unusable", format!("this key is not trusted: {why}"))
                        .at(Place::file(folder.path.join(name).display().to_string()))
                        .help(
                            "a trusted key is a minisign public key in a regular *.pub file that belongs to root or to \
                             you, mode go-w",
                        ),
                ),
            }
        }
    }
}

/// A key that may sign anything, because nobody said what.
fn unstated(key: &TrustedKey, folder: &KeyFolder) -> Diagnostic {
    let message =
        format!("the key {} has no scope, so it may sign any plugin, pack and entitlement", key.name);
    let help = format!(
        "write what it may sign into {}, for example: scope = {{ plugins = [\"acme\"], packs = [\"acme\"] }} ({MANUAL})",
        key.scope_file.display()
    );
    Diagnostic::warning("key-without-scope", message)
        .at(Place::file(folder.path.join(&key.name).display().to_string()))
        .help(help)
}

/// Why a key cannot be used.
enum Problem {
    Key(String),
    Scope(Diagnostic),
}

impl From<&str> for Problem {
    fn from(why: &str) -> Self {
        Problem::Key(why.to_owned())
    }
}

fn read(folder: &KeyFolder, name: &str) -> Result<TrustedKey, Problem> {
    let bytes = folder.read(name, MAX_KEY).map_err(|error| Problem::Key(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?;
    let key = PublicKey::decode(&text).map_err(|_| "it is not a minisign public key")?;
    let id = id(text.lines().nth(1).unwrap_or_default()).ok_or("it is not a minisign public key")?;
    let scope_name = format!("{}.toml", name.strip_suffix(".pub").unwrap_or(name));
    let scope = Scope::read(folder, &scope_name).map_err(Problem::Scope)?;
    let scope_file = folder.path.join(scope_name);
    Ok(TrustedKey { name: name.replace(char::is_control, "\u{fffd}"), id, key, scope, scope_file })
}

/// The id in the second line of a public key or a signature, as the minisign tool writes it: 16 hexadecimal digits.
pub(super) fn id(line: &str) -> Option<String> {
    let bytes = STANDARD.decode(line.trim_end()).ok()?;
    Some(bytes.get(ID)?.iter().rev().map(|byte| format!("{byte:02X}")).collect())
}
