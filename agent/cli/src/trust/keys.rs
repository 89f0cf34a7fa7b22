//! The trusted keys: minisign public keys, one `*.pub` a key, in folders that nobody else may write to.
//!
//! A key that cannot be used is told and costs itself only; several may be trusted at once, which is how one key
//! follows another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use goodstead_protocol::diagnostic::{Diagnostic, Place};
use minisign_verify::PublicKey;

use super::files::{read_regular, trouble_with_owner};

/// A public key file has two lines of about 60 characters.
const MAX_KEY: u64 = 4 << 10;

/// Where a key's or signature's id lies in its decoded bytes: after two that name the algorithm.
const ID: std::ops::Range<usize> = 2..10;

/// A key that may vouch for something.
#[derive(Debug)]
pub(super) struct TrustedKey {
    /// Its file's name.
    pub(super) name: String,
    id: String,
    pub(super) key: PublicKey,
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
    pub(super) fn with_id<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a TrustedKey> {
        self.0.iter().filter(move |key| key.id == id)
    }

    /// Adds the keys of a folder, which need not exist.
    pub(super) fn add(&mut self, folder: &Path, diagnostics: &mut Vec<Diagnostic>) {
        let mut paths = match key_files(folder) {
            Ok(paths) => paths,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                return diagnostics.push(unusable(
                    "keys-unusable",
                    folder,
                    format!("no key in here is trusted: {error}"),
                ));
            }
        };
        paths.sort();
        for path in paths {
            match read(&path) {
                Ok(key) => self.0.push(key),
                Err(why) => diagnostics.push(unusable(
                    "key-unusable",
                    &path,
                    format!("this key is not trusted: {why}"),
                )),
            }
        }
    }
}

fn unusable(code: &'static str, path: &Path, message: String) -> Diagnostic {
    Diagnostic::error(code, message)
        .at(Place::file(path.display().to_string()))
        .help("a trusted key is a minisign public key in a *.pub file; file and folder belong to root or to you, mode go-w")
}

fn key_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if let Some(trouble) = trouble_with_owner(&fs::metadata(folder)?) {
        return Err(io::Error::other(trouble));
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pub") {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn read(path: &Path) -> Result<TrustedKey, String> {
    let (bytes, metadata) = read_regular(path, MAX_KEY).map_err(|error| error.to_string())?;
    if let Some(trouble) = trouble_with_owner(&metadata) {
        return Err(trouble);
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is no text")?;
    let key = PublicKey::decode(&text).map_err(|_| "it is no minisign public key")?;
    let id = id(text.lines().nth(1).unwrap_or_default()).ok_or("it is no minisign public key")?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(TrustedKey { name: name.replace(char::is_control, "\u{fffd}"), id, key })
}

/// The id in the second line of a public key or a signature, as the minisign tool writes it: 16 hexadecimal digits.
pub(super) fn id(line: &str) -> Option<String> {
    let bytes = STANDARD.decode(line.trim_end()).ok()?;
    Some(bytes.get(ID)?.iter().rev().map(|byte| format!("{byte:02X}")).collect())
}
