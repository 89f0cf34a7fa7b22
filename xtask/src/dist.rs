//! `cargo xtask dist`: the tarball that a customer gets.
//!
//! It is the staged tree without the development key: nothing in it trusts anybody. The public key of whoever signed
//! lies beside it for the admin to compare and to put among the trusted ones.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::sign::{read_key, write_public_key};
use crate::stage::{lay, sign_all};
use crate::{succeed, target};

/// Builds, lays, signs and packs; returns the tarball.
pub(crate) fn run(key: &Path, out: Option<&Path>, profile: &str) -> Result<PathBuf> {
    // First, so that a mistyped password does not cost a whole build.
    let secret = read_key(key)?;
    let out = out.map_or_else(|| target().join("dist"), Path::to_owned);
    let name = format!("goodstead-{}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let tree = out.join(&name);
    lay(profile, &tree)?;
    sign_all(&tree, &secret)?;
    let key_name =
        key.file_stem().and_then(|name| name.to_str()).context("the key's file has no plain name")?;
    write_public_key(&secret, &tree.join("share/goodstead/keys").join(format!("{key_name}.pub")))?;
    let tarball = out.join(format!("{name}.tar.gz"));
    // What lies in the archive belongs to root wherever it is unpacked by root, and nobody else may write there.
    let mut tar = Command::new("tar");
    tar.args([
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mode=go-w",
        "--sort=name",
        "--create",
        "--gzip",
    ]);
    succeed(tar.arg("--file").arg(&tarball).arg("--directory").arg(&out).arg(&name))?;
    Ok(tarball)
}
