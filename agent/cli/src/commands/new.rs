//! `goodstead new check`: the file of a check that lints, whose cases hold, and that only needs its meaning filled in.
//! `goodstead new plugin` is [`new_plugin`].
//!
//! Nothing that exists is written over.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use goodstead_engine::split_id;
use goodstead_protocol::contract::Contract;
use goodstead_protocol::diagnostic::{Diagnostic, Place, did_you_mean};
use goodstead_protocol::document::Document;
use goodstead_protocol::manifest::{Manifest, is_plugin_name};
use semver::Version;
use serde::Deserialize;

use super::{Exit, Installed, Outcome, configuration, new_plugin};
use crate::args::New;
use crate::begun::{self, Begun};
use crate::files::read_regular;
use crate::installation::Installation;
use crate::packs;
use crate::render::output;
use crate::trust::PACK_SIGNATURE;

/// The version of a pack that is begun.
const FIRST_VERSION: &str = "0.1.0";

/// The largest pack.toml.
const MAX_HEADER: u64 = 256 << 10;

/// Runs the command.
pub(crate) fn run(args: &New, installation: &Installation) -> Outcome {
    let (config, _) = configuration(installation);
    let installed = Installed::read(installation, &config)?;
    let (name, pack, dir) = match args {
        New::Check { name, pack, dir } => (name, pack, dir),
        New::Plugin(args) => return new_plugin::run(args, installation, &installed),
    };
    let id = id(name, pack.as_deref(), installation)?;
    let bad_id = || {
        Diagnostic::error("bad-id", format!("`{}` is no id of a check", id.escape_debug()))
            .help("ids look like postgresql.fsync-off: a plugin, a dot, and lower case words joined by `-`")
    };
    let (plugin, problem) = split_id(&id).ok_or_else(bad_id)?;
    let found = installed_plugin(plugin, &installed)?;
    let (version, none) = (found.map(|manifest| &manifest.version), no_facts(plugin));
    let contract = found.map_or(&none, |manifest| &manifest.contract);
    if dir.is_none() {
        let packs = packs::installed(installation, &installed.trust, &installed.known);
        if let Some(taken) = packs.usable.iter().flat_map(|pack| &pack.checks).find(|check| check.id == id) {
            return Err(Diagnostic::error("taken-id", format!("there is a check `{id}` already"))
                .at(Place::file(&taken.file))
                .help("an id names one check and is never reused: choose another name"));
        }
    }
    let folder = match dir {
        Some(folder) => others_pack(folder)?,
        None => own_pack(pack.clone().unwrap_or_else(|| format!("local-{plugin}")), installation)?,
    };
    let header = folder.join("pack.toml");
    let begin_pack = !header.exists();
    let since = if begin_pack { FIRST_VERSION.to_owned() } else { version_of(&header, plugin, version)? };
    let file = folder.join(format!("{problem}.toml"));
    if file.symlink_metadata().is_ok() {
        return Err(taken(&file));
    }
    let begun = Begun { id: &id, plugin, since: &since, contract, host: &installed.host_contract };
    if begin_pack {
        let text = begun::pack(&folder_name(&folder)?, plugin, version, &schema(&folder, PACK, installation));
        write(&header, &text)?;
    }
    write(&file, &begun.check(&schema(&folder, CHECK, installation)))?;
    let next = next(&file, begin_pack.then_some(&header), &begun, dir.is_none(), found.is_some());
    output::write(&next, None)?;
    Ok(Exit::Fine)
}

/// The files with which editors complete and complain.
pub(super) const CHECK: &str = "check.schema.json";
pub(super) const PACK: &str = "pack.schema.json";
pub(super) const MANIFEST: &str = "plugin.schema.json";

/// The id: as it was given, or with the plugin of the named pack before it.
fn id(name: &str, pack: Option<&str>, installation: &Installation) -> Result<String, Diagnostic> {
    if name.contains('.') {
        return Ok(name.to_owned());
    }
    let Some(pack) = pack else {
        let message = format!("`{}` does not say what it is about", name.escape_debug());
        let help = format!(
            "put a plugin before it, as in linux.{}, or name a pack of yours with --pack",
            name.escape_debug()
        );
        return Err(Diagnostic::error("bad-id", message).help(help));
    };
    let header = installation.local_packs().join(pack).join("pack.toml");
    // A pack that is begun is about the plugin of its name.
    let plugin = match read_header(&header) {
        Ok(header) => match header.requires.into_keys().collect::<Vec<_>>().as_slice() {
            [only] => only.clone(),
            several => {
                let message = format!("the pack `{pack}` is about several plugins");
                let help = format!("put one of them before the name: {}", several.join(", "));
                return Err(Diagnostic::error("bad-id", message).help(help));
            }
        },
        Err(_) => pack.strip_prefix("local-").unwrap_or(pack).to_owned(),
    };
    Ok(format!("{plugin}.{name}"))
}

/// The manifest of an installed plugin. Another's check can be begun as well, but a name that is nearly an installed one
/// is most likely misspelt.
fn installed_plugin<'a>(name: &str, installed: &'a Installed) -> Result<Option<&'a Manifest>, Diagnostic> {
    let all = installed.plugins.usable.iter().map(|plugin| &plugin.manifest);
    if let Some(found) = all.clone().find(|manifest| manifest.name == name) {
        return Ok(Some(found));
    }
    let meant = did_you_mean(name, all.map(|manifest| manifest.name.as_str()));
    if meant.is_none() && is_plugin_name(name) {
        return Ok(None);
    }
    Err(Diagnostic::error("unknown-plugin", format!("no plugin `{name}` is installed"))
        .help("goodstead plugins list shows them all")
        .maybe_help(meant))
}

/// The contract of a plugin of which nothing is known.
fn no_facts(plugin: &str) -> Contract {
    Contract { plugin: plugin.to_owned(), fields: BTreeMap::new() }
}

/// The folder of a pack of the admin's own, made if need be so that nobody else may write there.
fn own_pack(name: String, installation: &Installation) -> Result<PathBuf, Diagnostic> {
    plain_name(&name)?;
    let folder = installation.local_packs().join(name);
    DirBuilder::new().recursive(true).mode(0o755).create(&folder).map_err(|error| failed(&folder, &error))?;
    Ok(folder)
}

/// A folder that was named, where a file more does no harm.
fn others_pack(folder: &Path) -> Result<PathBuf, Diagnostic> {
    let place = || Place::file(folder.display().to_string());
    if !folder.is_dir() {
        return Err(Diagnostic::error("no-folder", "there is no such folder")
            .at(place())
            .help("name the folder of a pack, for example checks/linux; without --dir it is one of yours"));
    }
    if folder.join(PACK_SIGNATURE).exists() {
        let message = "this pack is signed as a whole, and with a file more it would not be used any more";
        return Err(Diagnostic::error("signed-pack", message)
            .at(place())
            .help("leave out --dir: checks of your own have a pack of their own"));
    }
    Ok(folder.to_owned())
}

fn plain_name(name: &str) -> Result<(), Diagnostic> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain) {
        return Ok(());
    }
    let message = format!("`{}` is no name of a pack", name.escape_debug());
    Err(Diagnostic::error("bad-name", message).help("lower case letters, digits, `-` and `_`"))
}

#[derive(Deserialize)]
struct Header {
    version: String,
    requires: BTreeMap<String, String>,
}

fn read_header(path: &Path) -> Result<Header, Diagnostic> {
    let (bytes, _) = read_regular(path, MAX_HEADER).map_err(|error| {
        Diagnostic::error("unreadable", format!("the pack cannot be read: {error}"))
            .at(Place::file(path.display().to_string()))
    })?;
    Document::from_bytes(path.display().to_string(), bytes)?.parse()
}

/// The version of a pack that knows the plugin.
fn version_of(header: &Path, plugin: &str, version: Option<&Version>) -> Result<String, Diagnostic> {
    let found = read_header(header)?;
    if found.requires.contains_key(plugin) {
        return Ok(found.version);
    }
    let message =
        format!("this pack does not require the plugin `{plugin}`, so its checks cannot see the facts");
    Err(Diagnostic::error("not-required", message)
        .at(Place::file(header.display().to_string()))
        .help(format!("add `{plugin} = \"{}\"` to [requires]", begun::requirement(version))))
}

/// How an editor finds a schema from a file in `folder`: within a checkout by a relative path, so that it can be
/// committed, else where it is installed.
pub(super) fn schema(folder: &Path, name: &str, installation: &Installation) -> String {
    if folder.join("../../docs").join(name).is_file() {
        return format!("../../docs/{name}");
    }
    let path = installation.schema(name);
    format!("file://{}", escaped(path.canonicalize().unwrap_or(path).as_os_str().as_bytes()))
}

/// A path as it stands in an address.
fn escaped(path: &[u8]) -> String {
    let letter = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
            char::from(*byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    path.iter().map(letter).collect()
}

fn folder_name(folder: &Path) -> Result<String, Diagnostic> {
    let whole = folder.canonicalize().map_err(|error| failed(folder, &error))?;
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    plain_name(&name).map(|()| name)
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let mut new = OpenOptions::new();
    let file = new.write(true).create_new(true).mode(0o644).open(path);
    match file.and_then(|mut file| file.write_all(text.as_bytes())) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken(path)),
        outcome => outcome.map_err(|error| failed(path, &error)),
    }
}

pub(super) fn taken(path: &Path) -> Diagnostic {
    Diagnostic::error("exists", "this file is there already, and nothing is written over it")
        .at(Place::file(path.display().to_string()))
        .help("choose another name, or edit that file")
}

pub(super) fn failed(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error("cannot-write", format!("it cannot be written: {error}"))
        .at(Place::file(path.display().to_string()))
}

/// What to do now.
fn next(file: &Path, header: Option<&PathBuf>, begun: &Begun<'_>, own: bool, installed: bool) -> String {
    let folder = file.parent().unwrap_or(file).display();
    let mut text = format!("wrote {}\n", file.display());
    if let Some(header) = header {
        text.push_str(&format!("wrote {}\n", header.display()));
    }
    let Begun { id, plugin, .. } = begun;
    if !installed {
        text.push_str(&format!(
            "\nThe plugin `{plugin}` is not installed here, so its facts are not known: the example uses one of the\n\
             host's, and lint, test and check leave the pack out until the plugin is installed.\n"
        ));
    }
    text.push_str(&format!(
        "\nNext:\n\
         \x20 1. Say what every {} asks for. `goodstead plugins inspect {plugin}` shows the facts.\n\
         \x20 2. goodstead checks lint {folder}\n\
         \x20 3. goodstead checks test {folder}\n",
        goodstead_engine::PLACEHOLDER
    ));
    if own {
        text.push_str(&format!("  4. goodstead explain {id}\n  5. goodstead check {plugin} --only {id}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_an_address_is_escaped() {
        assert_eq!(escaped("/opt/my tree/ä#1.json".as_bytes()), "/opt/my%20tree/%C3%A4%231.json");
    }
}
