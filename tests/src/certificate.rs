//! Certificates as an admin makes them, with the `openssl` of this machine.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

/// Writes a new key, and a certificate for it that signs itself and is valid from now on for so many days. The key is
/// for the owner of its folder alone; the certificate everybody may read.
pub fn make(key: &Path, certificate: &Path, days: u32) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=db.example.test", "-days", &days.to_string()])
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(certificate)
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{made:?}");
    let owner = key.parent().and_then(|folder| fs::metadata(folder).ok()).expect("the key's folder");
    for (file, mode) in [(key, 0o600), (certificate, 0o644)] {
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("a mode");
    }
    chown(key, Some(owner.uid()), Some(owner.gid())).expect("the owner");
}
