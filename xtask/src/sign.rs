//! The keys with which the checkout signs, and signing with them; what is signed is `goodstead-signing`'s.

use std::fs;
use std::io::{BufRead, Cursor};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use goodstead_signing::{SecretKey, public_key, sign_entitlement, sign_folder};
use minisign::KeyPair;
use sha2::{Digest, Sha256};

use crate::target;

/// Names the password of an encrypted key; without it the first line of standard input is taken.
const PASSWORD: &str = "GOODSTEAD_KEY_PASSWORD";

/// What the maker of Goodstead signs: everything.
const WHOLE_SCOPE: &str = "# What the key beside this file may sign: everything. docs/SIGNING.md describes it.\n\
                           scope = { plugins = [\"*\"], packs = [\"*\"], entitlements = true }\n";

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
    goodstead_signing::read_key(&text, password).with_context(|| format!("{} cannot be used", file.display()))
}

/// Writes the public half of a key and its scope, for `trusted-keys`: nobody but its owner may write there, whatever the
/// umask says.
pub(crate) fn write_public_key(key: &SecretKey, file: &Path) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
        for folder in folder.ancestors().take(2) {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        }
    }
    let (text, scope) = (public_key(key)?, file.with_extension("toml"));
    for (file, text) in [(file, text.as_str()), (scope.as_path(), WHOLE_SCOPE)] {
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
        fs::set_permissions(file, fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

/// Signs an entitlement file, or the plugin or the pack in a folder.
pub(crate) fn sign(folder: &Path, key: &SecretKey) -> Result<()> {
    let signed = if folder.is_file() { sign_entitlement(folder, key)? } else { sign_folder(folder, key)? };
    fs::write(&signed.file, signed.text).with_context(|| format!("cannot write {}", signed.file.display()))
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
