//! `goodstead plugins sign` and `pack`: what the author of a plugin or a pack does with it, on a machine that need not
//! trust the key. Nothing of the plugin's code runs.

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_signing::{SecretKey, SigningError, id, read_key, sign_folder, statement};

use super::{Exit, Outcome};
use crate::archive::{self, PACKS, PLUGIN};
use crate::args::{PackArchive, Sign};
use crate::files::{read_named, read_regular, replace_public};
use crate::render::output;
use crate::trust::Fingerprint;

/// A secret key has two lines.
const MAX_KEY: u64 = 4 << 10;

/// The longest password.
const MAX_PASSWORD: u64 = 1 << 10;

/// The largest signature with its statement.
const MAX_SIGNATURE: u64 = 1 << 20;

/// Names the password of an encrypted key; without it the first line of standard input is taken.
const PASSWORD: &str = "GOODSTEAD_KEY_PASSWORD";

/// `goodstead plugins sign`.
pub(super) fn sign(args: &Sign) -> Outcome {
    let key = secret_key(&args.key)?;
    let mut text = String::new();
    for folder in &args.folders {
        let signed = sign_folder(folder, &key).map_err(|error| signing(folder, error))?;
        replace_public(&signed.file, signed.text.as_bytes())
            .map_err(|error| cannot_write(&signed.file, &error))?;
        text.push_str(&format!(
            "signed the {} {} {} with the key {}: {}\n",
            signed.kind,
            signed.name,
            signed.version.unwrap_or_default(),
            id(&key),
            signed.file.display()
        ));
    }
    output::write(&text, None)?;
    Ok(Exit::Fine)
}

/// `goodstead plugins pack`.
pub(super) fn pack(args: &PackArchive) -> Outcome {
    let mut files = Vec::new();
    let first = signed_files(&args.folder, &mut files)?;
    for folder in &args.packs {
        if signed_files(folder, &mut files)?.kind != "pack" {
            let found = Diagnostic::error("not-a-pack", "this holds a plugin; --pack names a pack of checks");
            return Err(found.at(Place::file(folder.display().to_string())));
        }
    }
    let file =
        args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}-{}.tar", first.name, first.version)));
    let bytes = archive::write(&files).map_err(|error| cannot_write(&file, &error))?;
    let hash = Fingerprint::of(&bytes).sha256;
    replace_public(&file, &bytes).map_err(|error| cannot_write(&file, &error))?;
    let beside = checksum_file(&file);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let line = format!("{hash}  {name}\n");
    replace_public(&beside, line.as_bytes()).map_err(|error| cannot_write(&beside, &error))?;
    let text = format!(
        "packed the {} {} {} with {} files: {}\nSHA-256 {hash}, also in {}\n\nOn a machine that trusts the key: \
         goodstead plugins install {}\n",
        first.kind,
        first.name,
        first.version,
        files.len(),
        file.display(),
        beside.display(),
        file.display()
    );
    output::write(&text, None)?;
    Ok(Exit::Fine)
}

/// The file beside an archive that holds its SHA-256, as sha256sum writes it.
pub(super) fn checksum_file(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}

/// Adds the files of a plugin or pack, which has to be as it was signed.
fn signed_files(
    folder: &Path,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<goodstead_signing::Statement, Diagnostic> {
    let statement = statement(folder).map_err(|error| signing(folder, error))?;
    let signature = format!("{}.sig", statement.kind);
    let file = folder.join(&signature);
    let place = || Place::file(file.display().to_string());
    let help = format!("goodstead plugins sign --key KEY {}", folder.display());
    let (bytes, _) = read_regular(&file, MAX_SIGNATURE).map_err(|error| {
        let found = Diagnostic::error("not-signed", format!("it is not signed: {signature}: {error}"));
        found.at(place()).help(help.clone())
    })?;
    let text = String::from_utf8_lossy(&bytes);
    if text.split_once("\n\n").map(|(_, signed)| signed) != Some(statement.text.as_str()) {
        let found = Diagnostic::error("changed-since", "it was changed since it was signed");
        return Err(found.at(place()).help(format!("sign it again: {help}")));
    }
    let inside = match statement.kind {
        "plugin" => PLUGIN.to_owned(),
        _ => format!("{PACKS}/{}", statement.name),
    };
    for name in statement.files.iter().chain([&signature]) {
        files.push((format!("{inside}/{name}"), folder.join(name)));
    }
    Ok(statement)
}

fn secret_key(file: &Path) -> Result<SecretKey, Diagnostic> {
    let place = || Place::file(file.display().to_string());
    let bytes = read_named(file, MAX_KEY).map_err(|error| {
        Diagnostic::error("unreadable", format!("the secret key cannot be read: {error}")).at(place())
    })?;
    read_key(&String::from_utf8_lossy(&bytes), password).map_err(|error| {
        Diagnostic::error("bad-key", format!("the secret key cannot be used: {error}"))
            .at(place())
            .help("`minisign -G -W -s acme.key -p acme.pub` makes one; with a password, leave out -W")
    })
}

/// The password from the environment or, in a line, from standard input.
fn password() -> io::Result<String> {
    if let Ok(password) = std::env::var(PASSWORD) {
        return Ok(password);
    }
    if io::stdin().is_terminal() {
        anstream::eprint!("The key's password (or set {PASSWORD}): ");
    }
    let mut line = String::new();
    io::stdin().lock().take(MAX_PASSWORD).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn signing(folder: &Path, error: SigningError) -> Diagnostic {
    match error {
        SigningError::Wrong(found) => found,
        other => Diagnostic::error("cannot-sign", other.to_string())
            .at(Place::file(folder.display().to_string()))
            .help("name the directory that holds plugin.toml and the library, or pack.toml and the checks"),
    }
}

fn cannot_write(file: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error("cannot-write", format!("the file cannot be written: {error}"))
        .at(Place::file(file.display().to_string()))
}
