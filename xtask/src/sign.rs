//! Signing plugins, packs and entitlements: the statement, its minisign signature, and the development key of this checkout.
//!
//! A statement names every file that it covers by hash, size and path, so that one signature vouches for a folder and
//! for nothing else; docs/SIGNING.md describes it. The agent reads it in `agent/cli/src/trust/statement.rs`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, Cursor};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use goodstead_protocol::document::Document;
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};
use sha2::{Digest, Sha256};

use crate::stage::{files_below, manifest};
use crate::target;

/// Names the password of an encrypted key; without it the first line of standard input is taken.
const PASSWORD: &str = "GOODSTEAD_KEY_PASSWORD";

/// The checkout's development key, made at the first call; it never leaves `target` and serves the staged tree only.
pub(crate) fn development_key() -> Result<SecretKey> {
    let folder = target().join("dev-key");
    let file = folder.join("development.key");
    if !file.exists() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let pair = KeyPair::generate_unencrypted_keypair()?;
        let text = pair.sk.to_box(Some("goodstead development key"))?.into_string();
        // Written whole or not at all: two calls at the same time end with one of their keys, not with half of one.
        let half = folder.join(format!("development.key.{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let mut written = options.write(true).create(true).truncate(true).mode(0o600).open(&half)?;
        std::io::Write::write_all(&mut written, text.as_bytes())?;
        fs::rename(&half, &file)?;
    }
    read_key(&file)
}

/// Reads a minisign secret key. The password of an encrypted one comes from the environment or from standard input.
pub(crate) fn read_key(file: &Path) -> Result<SecretKey> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let password = || match std::env::var(PASSWORD) {
        Ok(password) => Ok(password),
        Err(_) => {
            eprintln!("the password of {} (or set {PASSWORD}):", file.display());
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line)?;
            Ok(line.trim_end_matches(['\r', '\n']).to_owned())
        }
    };
    decode_key(&text, password)
        .with_context(|| format!("{} is no minisign secret key that can be used", file.display()))
}

fn decode_key(text: &str, password: impl FnOnce() -> Result<String>) -> Result<SecretKey> {
    match SecretKeyBox::from_string(text)?.into_unencrypted_secret_key() {
        Ok(key) => Ok(key),
        // The crate has one kind of error for both; only the words tell an encrypted key from garbage.
        Err(error) if error.to_string().contains("encrypted") => {
            Ok(SecretKeyBox::from_string(text)?.into_secret_key(Some(password()?))?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes the public half of a key, for `trusted-keys`: nobody but its owner may write there, whatever the umask says.
pub(crate) fn write_public_key(key: &SecretKey, file: &Path) -> Result<()> {
    let text = PublicKey::from_secret_key(key)?.to_box()?.into_string();
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o644))?;
    Ok(())
}

/// Signs an entitlement file, or the plugin or the pack in a folder.
pub(crate) fn sign(folder: &Path, key: &SecretKey) -> Result<()> {
    if folder.is_file() {
        return sign_entitlement(folder, key);
    }
    if folder.join("plugin.toml").is_file() {
        let manifest = manifest(folder)?;
        let files = vec!["plugin.toml".to_owned(), manifest.library.clone()];
        let statement = statement("plugin", &manifest.name, &manifest.version.to_string(), folder, files)?;
        return write(&folder.join("plugin.sig"), &statement, key);
    }
    let header = folder.join("pack.toml");
    if !header.is_file() {
        bail!("{} holds neither a plugin.toml nor a pack.toml", folder.display());
    }
    let document = Document::new(header.display().to_string(), fs::read_to_string(&header)?);
    let pack: PackHeader = document.parse()?;
    let files = files_below(folder)?.into_iter().filter(|path| path != "pack.sig").collect();
    let statement = statement("pack", &pack.name, &pack.version, folder, files)?;
    write(&folder.join("pack.sig"), &statement, key)
}

/// Signs a file as the minisign tool does, in `FILE.minisig` beside it.
fn sign_entitlement(file: &Path, key: &SecretKey) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    // Looked at before it is vouched for; the agent reads it whole.
    let document = Document::from_bytes(file.display().to_string(), bytes)?;
    let keys: BTreeMap<String, serde::de::IgnoredAny> = document.parse()?;
    for key in ["customer", "deployment", "valid_until"] {
        ensure!(keys.contains_key(key), "{} is no entitlement: it has no `{key}`", file.display());
    }
    sign_file(file, key, "goodstead entitlement")?;
    Ok(())
}

/// Signs a file as the minisign tool does; returns the signature's file, `FILE.minisig` beside it.
pub(crate) fn sign_file(file: &Path, key: &SecretKey, trusted_comment: &str) -> Result<PathBuf> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let signature = minisign::sign(None, key, Cursor::new(bytes), Some(trusted_comment), Some("goodstead"))?;
    let name = file.file_name().and_then(|name| name.to_str()).context("the file has no plain name")?;
    let beside = file.with_file_name(format!("{name}.minisig"));
    fs::write(&beside, signature.into_string())
        .with_context(|| format!("cannot write {}", beside.display()))?;
    Ok(beside)
}

/// A hash as `sha256sum` prints it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a statement names of a pack.
#[derive(serde::Deserialize)]
struct PackHeader {
    name: String,
    version: String,
}

fn statement(kind: &str, name: &str, version: &str, folder: &Path, mut files: Vec<String>) -> Result<String> {
    let mut text = format!("goodstead {kind} 1\nname {name}\nversion {version}\n");
    files.sort();
    for file in files {
        ensure!(!file.contains(char::is_control), "{file:?} cannot be named in a statement");
        let path = folder.join(&file);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        writeln!(text, "{}  {}  {file}", sha256(&bytes), bytes.len())?;
    }
    Ok(text)
}

/// The signature's four lines, an empty one, and the statement.
fn write(file: &Path, statement: &str, key: &SecretKey) -> Result<()> {
    let first = statement.lines().next().unwrap_or_default();
    let signature = minisign::sign(None, key, Cursor::new(statement), Some(first), Some("goodstead"))?;
    let text = format!("{}\n\n{statement}", signature.into_string().trim_end());
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_with_and_without_a_password_and_garbage_asks_for_none() {
        let asked = || -> Result<String> { bail!("asked for a password") };
        let plain = KeyPair::generate_unencrypted_keypair().unwrap();
        let text = plain.sk.to_box(None).unwrap().into_string();
        assert_eq!(decode_key(&text, asked).unwrap().keynum(), plain.pk.keynum());
        let locked = KeyPair::generate_encrypted_keypair(Some("open sesame".to_owned())).unwrap();
        let text = locked.sk.to_box(None).unwrap().into_string();
        let key = decode_key(&text, || Ok("open sesame".to_owned())).unwrap();
        assert!(minisign::sign(None, &key, Cursor::new("x"), None, None).is_ok());
        assert!(decode_key(&text, || Ok("open barley".to_owned())).is_err());
        for garbage in ["", "untrusted comment: x\n", "untrusted comment: x\nnonsense\n"] {
            let error = decode_key(garbage, asked).unwrap_err().to_string();
            assert!(!error.contains("asked"), "{garbage:?}: {error}");
        }
    }
}
