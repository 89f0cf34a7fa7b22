//! What is signed, and how it is written down with its signature.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use goodstead_protocol::document::Document;
use goodstead_protocol::manifest::Manifest;
use minisign::SecretKey;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use crate::{SigningError, unreadable};

/// The largest text that is read: a manifest, a header, an entitlement.
const MAX_TEXT: u64 = 1 << 20;

/// The largest file that is hashed.
const MAX_FILE: u64 = 256 << 20;

/// How deep a pack's folders go.
const MAX_DEPTH: usize = 8;

/// Something with its signature.
#[derive(Debug, Clone)]
pub struct Signed {
    /// `plugin`, `pack` or `entitlement`.
    pub kind: &'static str,
    /// Its name; that of an entitlement is its deployment's.
    pub name: String,
    /// Its version; an entitlement has none.
    pub version: Option<String>,
    /// Where the signature belongs.
    pub file: PathBuf,
    /// The signature, with the statement where there is one.
    pub text: String,
}

/// What a statement is about.
#[derive(Debug, Clone)]
pub struct Statement {
    /// `plugin` or `pack`.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The signed files, by their paths in the folder, sorted.
    pub files: Vec<String>,
    /// The statement itself.
    pub text: String,
}

/// What a statement names of a pack.
#[derive(Deserialize)]
struct PackHeader {
    name: String,
    version: String,
}

/// The statement about the plugin or the pack in a folder, as the folder is now.
///
/// # Errors
/// The folder holds neither, or a file of it cannot be read or named.
pub fn statement(folder: &Path) -> Result<Statement, SigningError> {
    let (manifest, header) = (folder.join("plugin.toml"), folder.join("pack.toml"));
    let (kind, name, version, mut files) = if manifest.is_file() {
        let manifest = Manifest::read(&document(&manifest)?)
            .map_err(|errors| errors.into_iter().next().map_or_else(nothing_wrong, SigningError::Wrong))?;
        (
            "plugin",
            manifest.name,
            manifest.version.to_string(),
            vec!["plugin.toml".to_owned(), manifest.library],
        )
    } else if header.is_file() {
        let pack: PackHeader = document(&header)?.parse()?;
        let files = files_below(folder)?.into_iter().filter(|path| path != "pack.sig").collect();
        ("pack", pack.name, pack.version, files)
    } else {
        let message = format!("{} holds neither a plugin.toml nor a pack.toml", folder.display());
        return Err(SigningError::Unsignable(message));
    };
    files.sort();
    let mut text = format!("goodstead {kind} 1\nname {name}\nversion {version}\n");
    for file in &files {
        if file.contains(char::is_control) {
            return Err(SigningError::Unsignable(format!(
                "the file name {file:?} cannot stand in a statement"
            )));
        }
        let bytes = read(&folder.join(file), MAX_FILE)?;
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{hash}  {}  {file}", bytes.len());
    }
    Ok(Statement { kind, name, version, files, text })
}

fn nothing_wrong() -> SigningError {
    SigningError::Unsignable("internal error while the manifest was read".to_owned())
}

/// Signs the plugin or the pack in a folder.
///
/// # Errors
/// As of [`statement`].
pub fn sign_folder(folder: &Path, key: &SecretKey) -> Result<Signed, SigningError> {
    let Statement { kind, name, version, text, .. } = statement(folder)?;
    let comment = format!("goodstead {kind} 1");
    let signature = minisign::sign(None, key, Cursor::new(&text), Some(&comment), Some("goodstead"))?;
    let text = format!("{}\n\n{text}", signature.into_string().trim_end());
    Ok(Signed { kind, name, version: Some(version), file: folder.join(format!("{kind}.sig")), text })
}

/// Signs an entitlement as the minisign tool does; the signature belongs into `FILE.minisig` beside it.
///
/// # Errors
/// It cannot be read, or is not an entitlement.
pub fn sign_entitlement(file: &Path, key: &SecretKey) -> Result<Signed, SigningError> {
    let bytes = read(file, MAX_TEXT)?;
    // Looked at before it is vouched for; the agent reads it whole.
    let document = Document::from_bytes(file.display().to_string(), bytes.clone())?;
    let keys: BTreeMap<String, IgnoredAny> = document.parse()?;
    if let Some(missing) =
        ["customer", "deployment", "valid_until"].iter().find(|key| !keys.contains_key(**key))
    {
        let message = format!("{} is not an entitlement: it has no `{missing}`", file.display());
        return Err(SigningError::Unsignable(message));
    }
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
        return Err(SigningError::Unsignable(format!("the file name {} is not UTF-8", file.display())));
    };
    let comment = Some("goodstead entitlement");
    let signature = minisign::sign(None, key, Cursor::new(bytes), comment, Some("goodstead"))?;
    let beside = file.with_file_name(format!("{name}.minisig"));
    Ok(Signed {
        kind: "entitlement",
        name: name.to_owned(),
        version: None,
        file: beside,
        text: signature.into_string(),
    })
}

/// The regular files below a folder by their paths in it; links count as what they lead to.
///
/// # Errors
/// The folder cannot be read, a name is not UTF-8, or it is too deep.
pub fn files_below(folder: &Path) -> Result<Vec<String>, SigningError> {
    let mut files = Vec::new();
    collect(folder, "", 0, &mut files)?;
    Ok(files)
}

fn collect(folder: &Path, inside: &str, depth: usize, files: &mut Vec<String>) -> Result<(), SigningError> {
    if depth > MAX_DEPTH {
        return Err(SigningError::Unsignable(format!("{} is nested too deeply", folder.display())));
    }
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(SigningError::Unsignable(format!("the file name {} is not UTF-8", path.display())));
        };
        let name = format!("{inside}{name}");
        if path.is_dir() {
            collect(&path, &format!("{name}/"), depth + 1, files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}

fn document(path: &Path) -> Result<Document, SigningError> {
    Ok(Document::from_bytes(path.display().to_string(), read(path, MAX_TEXT)?)?)
}

/// Reads a regular file of at most `limit` bytes.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, SigningError> {
    let failed = |error: &str| unreadable(path)(std::io::Error::other(error.to_owned()));
    // Asked before it is opened: a FIFO would be waited for.
    if !fs::metadata(path).map_err(unreadable(path))?.is_file() {
        return Err(failed("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable(path))?;
    let read = file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable(path))?;
    if read as u64 > limit { Err(failed("it is too large")) } else { Ok(bytes) }
}
