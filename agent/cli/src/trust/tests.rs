//! The trust as a whole on files of its own: between what was verified and what is used nothing can change.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use minisign::KeyPair;
use tempfile::TempDir;

use super::*;
use crate::plugins::Plugin;

const MANIFEST: &str = "name = \"p\"\ntitle = \"P\"\nversion = \"1.0.0\"\nprotocol = 1\nlibrary = \"p.so\"\n\
                        [facts]\nx = { type = \"int\", sensitivity = \"public\" }\n";

/// A signed plugin below `plugin`, and a configuration that trusts its signer.
fn signed() -> (TempDir, Trust) {
    let folder = tempfile::tempdir().unwrap();
    let (plugin, keys) = (folder.path().join("plugin"), folder.path().join("trusted-keys"));
    fs::create_dir(&plugin).unwrap();
    fs::create_dir(&keys).unwrap();
    fs::write(plugin.join("plugin.toml"), MANIFEST).unwrap();
    fs::write(plugin.join("p.so"), "the library").unwrap();
    let line = |name: &str, text: &str| {
        let fingerprint = Fingerprint::of(text.as_bytes());
        format!("{}  {}  {name}\n", fingerprint.sha256, fingerprint.size)
    };
    let statement = "goodstead plugin 1\nname p\nversion 1.0.0\n".to_owned()
        + &line("p.so", "the library")
        + &line("plugin.toml", MANIFEST);
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    let signature = minisign::sign(None, &key.sk, statement.as_bytes(), None, None).unwrap().into_string();
    fs::write(plugin.join("plugin.sig"), format!("{}\n\n{statement}", signature.trim_end())).unwrap();
    fs::write(keys.join("acme.pub"), key.pk.to_box().unwrap().into_string()).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(keys.join("acme.pub"), fs::Permissions::from_mode(0o644)).unwrap();
    let installation = Installation::find(Some(folder.path()), Some(folder.path())).unwrap();
    let trust = Trust::load(&installation, &[], || Ok(Memory::default()));
    (folder, trust)
}

fn plugin(folder: &Path, trust: &Trust) -> Plugin {
    Plugin::read(&folder.join("plugin"), trust).unwrap()
}

#[test]
fn a_library_that_is_replaced_after_the_check_does_not_run() {
    let (folder, trust) = signed();
    let plugin = plugin(folder.path(), &trust);
    let library = folder.path().join("plugin/p.so");
    // Replaced after the signature was checked and before the library is taken: refused.
    fs::write(&library, "an intruder").unwrap();
    let refused = plugin.sealed(&Copies::default()).unwrap_err();
    insta::assert_snapshot!(refused.cause().detail, @"the plugin was not run: its library p.so is not as it was signed");
    // Replaced after it was taken: what runs is what was verified, and nobody can write to that.
    fs::write(&library, "the library").unwrap();
    let (sealed, signature) = plugin.sealed(&Copies::default()).unwrap();
    assert_eq!(signature, Signature::Signed { key: "acme.pub".to_owned() });
    fs::write(&library, "an intruder").unwrap();
    let mut sealed = fs::File::from(sealed);
    assert!(sealed.write_all(b"an intruder").is_err() && sealed.set_len(3).is_err());
    let mut text = String::new();
    sealed.read_to_string(&mut text).unwrap();
    assert_eq!(text, "the library");
}

#[test]
fn every_single_bit_of_manifest_library_and_statement_counts() {
    let (folder, trust) = signed();
    assert!(plugin(folder.path(), &trust).sealed(&Copies::default()).is_ok());
    for name in ["plugin.toml", "p.so", "plugin.sig"] {
        let file = folder.path().join("plugin").join(name);
        let good = fs::read(&file).unwrap();
        // The untrusted comment is not signed, which is why it is called that.
        let signed =
            if name == "plugin.sig" { good.iter().position(|byte| *byte == b'\n').unwrap() + 1 } else { 0 };
        for bit in signed * 8..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&file, bad).unwrap();
            let read = Plugin::read(&folder.path().join("plugin"), &trust);
            assert!(
                read.is_err() || read.unwrap().sealed(&Copies::default()).is_err(),
                "bit {bit} of {name}"
            );
        }
        fs::write(&file, good).unwrap();
    }
}

#[test]
fn every_single_bit_of_an_entitlement_and_its_signature_counts() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("trusted-keys");
    fs::create_dir(&keys).unwrap();
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    fs::write(keys.join("acme.pub"), key.pk.to_box().unwrap().into_string()).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(keys.join("acme.pub"), fs::Permissions::from_mode(0o644)).unwrap();
    let installation = Installation::find(Some(folder.path()), Some(folder.path())).unwrap();
    let trust = Trust::load(&installation, &[], || Ok(Memory::default()));
    let (text, file) = (b"customer = 'x'\n", installation.entitlement_signature());
    let signature = minisign::sign(None, &key.sk, text.as_slice(), None, None).unwrap().into_string();
    fs::write(&file, &signature).unwrap();
    assert_eq!(trust.entitlement(&file, text).unwrap(), "acme.pub");
    for bit in 0..text.len() * 8 {
        let mut bad = text.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(trust.entitlement(&file, &bad).is_err(), "bit {bit} of the file");
    }
    // The untrusted comment is not signed, nor is the end of the last line.
    let signed = signature.find('\n').unwrap() + 1..signature.trim_end().len();
    for bit in signed.start * 8..signed.end * 8 {
        let mut bad = signature.clone().into_bytes();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, bad).unwrap();
        assert!(trust.entitlement(&file, text).is_err(), "bit {bit} of the signature");
    }
}

#[test]
fn a_statement_is_read_strictly() {
    let hash = "0".repeat(64);
    let head = "goodstead pack 1\nname p\nversion 1\n";
    let read = |text: &str| Statement::read(text, Kind::Pack).map_err(|refusal| refusal.reason);
    assert!(read(&format!("{head}{hash}  1  a\n{hash}  2  b/c\n")).is_ok());
    for text in [
        format!("{head}{hash}  1  b\n{hash}  1  a\n"),
        format!("{head}{hash}  1  a\n{hash}  1  a\n"),
        format!("{head}{}  1  a\n", hash.replace('0', "A")),
        format!("{head}{hash}  -1  a\n"),
        format!("{head}{hash}  1  \n"),
        format!("{head}{hash} 1 a\n"),
        format!("{head}\n"),
        "goodstead pack 1\nversion 1\n".to_owned(),
    ] {
        assert_eq!(read(&text).unwrap_err(), "its signed statement cannot be read", "{text}");
    }
    for text in ["", "goodstead plugin 1\nname p\nversion 1\n", "goodstead pack 2\nname p\nversion 1\n"] {
        assert!(read(text).unwrap_err().contains("about something else"), "{text}");
    }
}
