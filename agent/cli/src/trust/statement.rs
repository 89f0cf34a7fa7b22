//! `plugin.sig` and `pack.sig`: the four lines of a minisign signature, an empty line, and what was signed.
//!
//! What was signed, the statement, is text: a first line that says what it is about, so that a signature for one thing
//! cannot pass for another; name and version; and each file's SHA-256, size and path, sorted by path. `cargo xtask`
//! writes it in `xtask/src/sign.rs`.

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::path::Path;

use minisign_verify::{PublicKey, Signature};
use sha2::{Digest, Sha256};

use super::{PackFiles, Refusal, keys};
use crate::files::read_regular;

/// Thousands of files.
const MAX_SIGNATURE: u64 = 1 << 20;

/// How much of a library is hashed at once.
const PIECE: usize = 64 << 10;

/// What a statement can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Plugin,
    Pack,
}

impl Kind {
    fn first_line(self) -> &'static str {
        match self {
            Kind::Plugin => "goodstead plugin 1",
            Kind::Pack => "goodstead pack 1",
        }
    }

    /// Its word, in statements about it and in the state.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Plugin => "plugin",
            Kind::Pack => "pack",
        }
    }

    /// The kind of this word.
    pub(crate) fn named(word: &str) -> Option<Kind> {
        [Kind::Plugin, Kind::Pack].into_iter().find(|kind| kind.name() == word)
    }
}

/// What a file is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// In bytes.
    pub(crate) size: u64,
    /// In lower-case hexadecimal.
    pub(crate) sha256: String,
}

impl Fingerprint {
    /// That of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Fingerprint { size: bytes.len() as u64, sha256: hexadecimal(&Sha256::digest(bytes)) }
    }

    /// That of what a reader yields.
    pub(super) fn of_reader(reader: &mut impl io::Read) -> io::Result<Self> {
        let mut hasher = Sha256::new();
        // Libraries are megabytes, and every scan hashes them.
        let size = io::copy(&mut BufReader::with_capacity(PIECE, reader), &mut hasher)?;
        Ok(Fingerprint { size, sha256: hexadecimal(&hasher.finalize()) })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A statement and its signature, before any key was held against them.
pub(super) struct SignedStatement {
    /// The id of the key that claims to have signed.
    pub(super) key: String,
    signature: Signature,
    pub(super) statement: String,
}

impl SignedStatement {
    /// Reads a signature file; `None` if there is none.
    pub(super) fn read(file: &Path) -> Result<Option<Self>, Refusal> {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let garbage = |why: &str| Refusal::altered(format!("its {name} is no signature: {why}"));
        let bytes = match read_regular(file, MAX_SIGNATURE) {
            Ok((bytes, _)) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(garbage(&error.to_string())),
        };
        let text = String::from_utf8(bytes).map_err(|_| garbage("it is no text"))?;
        let (lines, statement) =
            text.split_once("\n\n").ok_or_else(|| garbage("it has no empty line before its statement"))?;
        let signature = Signature::decode(lines).map_err(|_| garbage("minisign cannot read it"))?;
        let key = lines.lines().nth(1).and_then(keys::id);
        let key = key.ok_or_else(|| garbage("minisign cannot read it"))?;
        Ok(Some(SignedStatement { key, signature, statement: statement.to_owned() }))
    }

    /// Whether this key signed it.
    pub(super) fn verifies(&self, key: &PublicKey) -> bool {
        key.verify(self.statement.as_bytes(), &self.signature, false).is_ok()
    }
}

/// What a key's owner vouches for.
#[derive(Debug)]
pub(super) struct Statement {
    kind: Kind,
    name: String,
    pub(super) version: String,
    pub(super) files: BTreeMap<String, Fingerprint>,
}

impl Statement {
    /// Reads the statement of a kind. Its signature was verified: what is wrong here is the signer's doing.
    pub(super) fn read(text: &str, kind: Kind) -> Result<Self, Refusal> {
        let mut lines = text.lines();
        if lines.next() != Some(kind.first_line()) {
            let reason =
                format!("its signature is about something else than a {} of this release", kind.name());
            return Err(Refusal::altered(reason));
        }
        let garbage = || Refusal::altered("its signed statement cannot be read");
        let name = lines.next().and_then(|line| line.strip_prefix("name ")).ok_or_else(garbage)?;
        let version = lines.next().and_then(|line| line.strip_prefix("version ")).ok_or_else(garbage)?;
        let mut files = BTreeMap::new();
        for line in lines {
            let (path, fingerprint) = file(line).ok_or_else(garbage)?;
            // Sorted, so that no path stands there twice.
            if files.last_key_value().is_some_and(|(last, _): (&String, _)| last.as_str() >= path) {
                return Err(garbage());
            }
            files.insert(path.to_owned(), fingerprint);
        }
        Ok(Statement { kind, name: name.to_owned(), version: version.to_owned(), files })
    }

    /// Refuses a signature that is right, and about another plugin or pack, or another version.
    pub(super) fn is_about(&self, name: &str, version: Option<&str>) -> Result<(), Refusal> {
        if self.name == name && version.is_none_or(|version| self.version == version) {
            return Ok(());
        }
        let kind = self.kind.name();
        let signed = format!("`{}` {}", printable(&self.name), printable(&self.version));
        let this = version.map_or_else(|| format!("`{name}`"), |version| format!("`{name}` {version}"));
        Err(Refusal::altered(format!("its signature is that of the {kind} {signed}, and this is {this}")))
    }

    /// Refuses a folder whose files are not exactly the signed ones.
    pub(super) fn covers(&self, files: &PackFiles) -> Result<(), Refusal> {
        for (path, signed) in &self.files {
            match files.get(path) {
                Some(Some(found)) if found == signed => {}
                Some(Some(_)) => {
                    return Err(Refusal::altered(format!(
                        "its file {} is not as it was signed",
                        printable(path)
                    )));
                }
                Some(None) => {
                    return Err(Refusal::altered(format!("its file {} cannot be read", printable(path))));
                }
                None => return Err(Refusal::altered(format!("its file {} is missing", printable(path)))),
            }
        }
        match files.keys().find(|path| !self.files.contains_key(*path)) {
            None => Ok(()),
            Some(path) => {
                let reason = format!("its file {} was not signed with it", printable(path));
                Err(Refusal::new(
                    reason,
                    "take the file away; checks of your own go into the folder checks beside agent.toml",
                ))
            }
        }
    }
}

/// `sha256  size  path`.
fn file(line: &str) -> Option<(&str, Fingerprint)> {
    let (sha256, rest) = line.split_once("  ")?;
    let (size, path) = rest.split_once("  ")?;
    let lower_hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if sha256.len() != 64 || !sha256.bytes().all(lower_hexadecimal) || path.is_empty() {
        return None;
    }
    Some((path, Fingerprint { size: size.parse().ok()?, sha256: sha256.to_owned() }))
}

fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
