//! `goodstead plugins install` and `remove`: plugins and packs of others, from one file into the installed tree.
//!
//! Everything is verified in a directory beside its later place before any of it counts: the checksum, the archive's shape,
//! the signature by a trusted key in whose scope the name is, the version against the newest one that was seen, manifest
//! and packs. What the plugin asks for is shown, and nothing happens without consent. Then each directory takes its place
//! in one step; if one of them cannot, the others go back.

mod place;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::Path;

use goodstead_model::Signature;
use goodstead_protocol::diagnostic::{Diagnostic, Place, Severity};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::place::{Staging, exchange};
use super::package::checksum_file;
use super::plugins::{inspected, provenance};
use super::{Exit, Installed, Outcome, now, state, state_trouble};
use crate::archive::{MAX_ARCHIVE, PACKS, PLUGIN, open_to_readers, unpack};
use crate::args::{Install, Remove};
use crate::config::Config;
use crate::files::{self, open_regular, replace_public};
use crate::installation::Installation;
use crate::packs;
use crate::plugins::Plugin;
use crate::render::{diagnostics, json, output};
use crate::trust::{Copies, Learned, PLUGIN_SIGNATURE};

/// The largest file that says what was installed, or holds a checksum.
const MAX_RECORD: u64 = 64 << 10;

/// What `install` put into the tree under one name, for `remove`.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The plugin's version; absent for a pack alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    packs: BTreeSet<String>,
    sha256: String,
    time: String,
}

/// What is in an archive, verified.
struct Verified {
    name: String,
    plugin: Option<Plugin>,
    packs: BTreeSet<String>,
    /// What the admin is shown before anything counts.
    shown: String,
}

/// `goodstead plugins install`.
pub(super) fn install(
    args: &Install,
    installation: &Installation,
    config: &Config,
    mut installed: Installed,
) -> Outcome {
    if args.allow_downgrade {
        installed.trust.accept_older();
    }
    if is_name(&args.file) && !args.file.exists() {
        return accept(args, installation, config);
    }
    let (file, sha256) = open(&args.file)?;
    let staging = Staging::new(installation).map_err(|error| cannot_install(installation, &error))?;
    let place = || Place::file(args.file.display().to_string());
    let unusable = |error: io::Error| {
        Diagnostic::error("bad-archive", format!("this is not an archive that can be installed: {error}"))
            .at(place())
            .help("`goodstead plugins pack` makes one")
    };
    let found = unpack(file, staging.path()).map_err(unusable)?;
    open_to_readers(staging.path()).map_err(unusable)?;
    let verified =
        verify(&found, &staging, &mut installed, installation).map_err(|found| match found.place {
            Some(_) => found,
            None => found.at(place()),
        })?;
    output::write(&verified.shown, None)?;
    consent(&format!("Install {}?", verified.name), args.yes)?;

    let mut moves = Vec::new();
    if verified.plugin.is_some() {
        moves.push((staging.path().join(PLUGIN), installation.plugins().join(&verified.name)));
    }
    for pack in &verified.packs {
        moves.push((staging.path().join(PACKS).join(pack), installation.packs().join(pack)));
    }
    let failed = |error: io::Error| cannot_install(installation, &error);
    let record_file = installation.record(&verified.name);
    let old = read_record(&record_file)?;
    let version = verified.plugin.as_ref().map(|plugin| plugin.manifest.version.to_string());
    let record = Record { plugin: version, packs: verified.packs, sha256, time: now() };
    exchange(&moves).map_err(failed)?;
    replace_public(&record_file, json::pretty(&record).as_bytes()).map_err(failed)?;
    // What the one before had and this one has not.
    let gone = old.iter().flat_map(|old| old.packs.difference(&record.packs));
    let gone: Vec<_> = gone.map(|pack| installation.packs().join(pack)).collect();
    staging.take(&gone).map_err(failed)?;
    remember(installation, &installed.trust.learned(), args.allow_downgrade)?;
    output::write(&format!("installed {}\n", verified.name), None)?;
    Ok(Exit::Fine)
}

/// Accepts the version of a plugin or pack that lies in the tree already, older than one that was seen.
fn accept(args: &Install, installation: &Installation, config: &Config) -> Outcome {
    let name = args.file.display().to_string();
    if !args.allow_downgrade {
        let message = format!("there is no file `{name}`");
        return Err(Diagnostic::error("no-file", message).help(
            "name an archive; with --allow-downgrade, the name of a plugin or pack that is installed",
        ));
    }
    // Read anew: what was judged before it was said that older ones are accepted does not count.
    let found = Installed::read_accepting(installation, config)?;
    let plugin = found.plugins.usable.iter().find(|plugin| plugin.manifest.name == name);
    let packs = packs::installed(installation, &found.trust, &found.known);
    let mut learned = found.trust.learned();
    learned.versions.retain(|(_, of), _| *of == name);
    learned.lists.clear();
    if plugin.is_none() && !packs.usable.iter().any(|pack| pack.name == name) {
        return Err(Diagnostic::error("unknown-plugin", format!("no plugin or pack `{name}` is installed"))
            .help("goodstead plugins list and goodstead checks list show them all"));
    }
    if let Some(Err(refused)) = plugin.map(|plugin| plugin.sealed(&Copies::default())) {
        return Err(Diagnostic::error("plugin-refused", refused.cause().to_string()));
    }
    remember(installation, &learned, true)?;
    let versions = learned.versions.iter();
    let text = versions.map(|((kind, name), (_, version))| {
        format!("accepted the {} {name} {version}: newer ones are not missed any more\n", kind.name())
    });
    output::write(&text.collect::<String>(), None)?;
    Ok(Exit::Fine)
}

/// Keeps which versions are there now; with `anew` in place of all that was seen of them.
fn remember(installation: &Installation, learned: &Learned, anew: bool) -> Result<(), Diagnostic> {
    let trouble = |error| state_trouble(installation, &error);
    let mut state = state(installation)?;
    if anew {
        for (kind, name) in learned.versions.keys() {
            state.forget_versions(*kind, name).map_err(trouble)?;
        }
    }
    state.remember(learned, &now()).map_err(trouble)
}

/// `goodstead plugins remove`.
pub(super) fn remove(args: &Remove, installation: &Installation) -> Outcome {
    let name = args.name.as_str();
    let file = installation.record(name);
    let unknown = || {
        let message = format!("`{}` was not installed by `goodstead plugins install`", name.escape_debug());
        Diagnostic::error("not-installed", message).help(
            "what came with Goodstead leaves with it; `enabled = false` in agent.toml switches a plugin off",
        )
    };
    if !is_name(Path::new(name)) {
        return Err(unknown());
    }
    let record = read_record(&file)?.ok_or_else(unknown)?;
    let mut directories: Vec<_> = record.plugin.iter().map(|_| installation.plugins().join(name)).collect();
    directories.extend(record.packs.iter().map(|pack| installation.packs().join(pack)));
    let list: String = directories.iter().map(|it| format!("  {}\n", it.display())).collect();
    output::write(&format!("This removes\n{list}"), None)?;
    consent(&format!("Remove {name}?"), args.yes)?;
    let failed = |error: io::Error| cannot_install(installation, &error);
    let staging = Staging::new(installation).map_err(failed)?;
    staging.take(&directories).map_err(failed)?;
    fs::remove_file(&file).map_err(failed)?;
    output::write(&format!("removed {name}\n"), None)?;
    Ok(Exit::Fine)
}

/// What was installed under a name, if anything was.
fn read_record(file: &Path) -> Result<Option<Record>, Diagnostic> {
    let bytes = match files::read_regular(file, MAX_RECORD) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(bad_record(file, &error.to_string())),
        Ok((bytes, _)) => bytes,
    };
    let record: Record =
        serde_json::from_slice(&bytes).map_err(|error| bad_record(file, &error.to_string()))?;
    match record.packs.iter().find(|pack| !is_name(Path::new(pack))) {
        None => Ok(Some(record)),
        Some(odd) => Err(bad_record(file, &format!("{odd:?} is not the name of a pack"))),
    }
}

/// Opens an archive and compares it with the checksum beside it, if there is one; its SHA-256.
fn open(path: &Path) -> Result<(File, String), Diagnostic> {
    let place = || Place::file(path.display().to_string());
    let unreadable = |error: io::Error| {
        Diagnostic::error("unreadable", format!("the archive cannot be read: {error}")).at(place())
    };
    let (mut file, metadata) = open_regular(path).map_err(unreadable)?;
    if metadata.len() > MAX_ARCHIVE {
        return Err(unreadable(io::Error::other(format!("it is larger than {} MiB", MAX_ARCHIVE >> 20))));
    }
    let mut hasher = Sha256::new();
    io::copy(&mut (&mut file).take(MAX_ARCHIVE), &mut hasher).map_err(unreadable)?;
    io::Seek::rewind(&mut file).map_err(unreadable)?;
    let hash: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let beside = checksum_file(path);
    match files::read_regular(&beside, MAX_RECORD) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(io::Error::other(format!("its checksum: {error}")))),
        Ok((bytes, _)) if bytes.starts_with(hash.as_bytes()) => {}
        Ok(_) => {
            let found =
                Diagnostic::error("bad-checksum", "the archive is not the one that its checksum is of");
            return Err(found.at(Place::file(beside.display().to_string())).help("get both again"));
        }
    }
    Ok((file, hash))
}

/// Verifies what was unpacked.
fn verify(
    found: &BTreeSet<String>,
    staging: &Staging,
    installed: &mut Installed,
    installation: &Installation,
) -> Result<Verified, Diagnostic> {
    let plugin = found.iter().any(|path| path.starts_with("plugin/"));
    let plugin = if plugin { Some(verify_plugin(found, staging, installed)?) } else { None };
    let names: BTreeSet<_> = found
        .iter()
        .filter_map(|path| path.strip_prefix("checks/")?.split('/').next())
        .map(str::to_owned)
        .collect();
    if let Some(odd) = names.iter().find(|name| !is_name(Path::new(name))) {
        return Err(Diagnostic::error(
            "bad-name",
            format!("`{}` is not the name of a pack", odd.escape_debug()),
        ));
    }
    let mut shown = String::new();
    if let Some(plugin) = &plugin {
        let manifest = &plugin.manifest;
        installed.known.add(manifest.version.clone(), manifest.contract.clone());
        shown = provenance(plugin) + &inspected(manifest);
        let old = installed.plugins.usable.iter().find(|old| old.manifest.name == manifest.name);
        if let Some(old) = old {
            shown.push_str(&format!("\nIt replaces {} {}.\n", manifest.name, old.manifest.version));
        }
    }
    for name in &names {
        let folder = staging.path().join(PACKS).join(name);
        let packs = packs::vouched(&folder, &installed.trust, &installed.known);
        let sound = packs.diagnostics.iter().all(|found| found.severity == Severity::Warning);
        let Some(pack) = packs.usable.first().filter(|_| sound) else {
            diagnostics::print(&packs.diagnostics);
            let message = format!("the pack `{name}` cannot be used");
            return Err(Diagnostic::error("bad-pack", message).maybe_help(packs.skipped.first().cloned()));
        };
        let Signature::Signed { key } = packs.entry(pack).signature else {
            return Err(not_signed(&format!("the pack `{name}`")));
        };
        let replaces =
            if installation.packs().join(name).exists() { ", in place of the one that is there" } else { "" };
        shown.push_str(&format!(
            "\nThe pack {name} {} has {} checks and is signed by {key}{replaces}.\n",
            pack.version,
            pack.checks.len()
        ));
    }
    let name = plugin.as_ref().map(|plugin| plugin.manifest.name.clone()).or_else(|| names.first().cloned());
    let name = name.ok_or_else(|| Diagnostic::error("bad-archive", "there is nothing in this archive"))?;
    Ok(Verified { name, plugin, packs: names, shown })
}

fn verify_plugin(
    found: &BTreeSet<String>,
    staging: &Staging,
    installed: &Installed,
) -> Result<Plugin, Diagnostic> {
    let plugin = Plugin::read(&staging.path().join(PLUGIN), &installed.trust).map_err(|mut errors| {
        let last = errors.pop();
        diagnostics::print(&errors);
        last.unwrap_or_else(|| Diagnostic::error("bad-manifest", "the manifest cannot be used"))
    })?;
    match plugin.sealed(&Copies::default()) {
        Ok((_, Signature::Signed { .. })) => {}
        Ok(_) => return Err(not_signed("the plugin")),
        Err(refused) => {
            let cause = refused.cause();
            let found = Diagnostic::error("plugin-refused", cause.detail.clone());
            return Err(found.maybe_help(cause.remedy.clone()));
        }
    }
    let expected = ["plugin.toml", PLUGIN_SIGNATURE, plugin.manifest.library.as_str()]
        .map(|file| format!("{PLUGIN}/{file}"));
    match found.iter().find(|path| path.starts_with("plugin/") && !expected.contains(path)) {
        None => Ok(plugin),
        Some(more) => {
            Err(Diagnostic::error("not-signed", format!("`{more}` was not signed with the plugin")))
        }
    }
}

fn not_signed(what: &str) -> Diagnostic {
    Diagnostic::error("not-signed", format!("{what} is not signed")).help(
        "only what a trusted key signed is installed; agent.toml can allow what lies in a directory of yours",
    )
}

/// Asks on a terminal; elsewhere `--yes` has to say it.
fn consent(question: &str, yes: bool) -> Result<(), Diagnostic> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Diagnostic::error("no-consent", "nothing was changed: this needs your consent")
            .help("--yes gives it where nobody can be asked"));
    }
    anstream::eprint!("\n{question} [y/N] ");
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(100)
        .read_line(&mut line)
        .map_err(|error| Diagnostic::error("unreadable", format!("the answer cannot be read: {error}")))?;
    match line.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Diagnostic::error("no-consent", "nothing was changed")),
    }
}

/// Whether this is the name of a plugin or pack, as a directory has it.
fn is_name(path: &Path) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    path.to_str().is_some_and(|name| !name.is_empty() && name.len() <= 64 && name.chars().all(letter))
}

fn cannot_install(installation: &Installation, error: &io::Error) -> Diagnostic {
    let help = match error.kind() {
        io::ErrorKind::PermissionDenied => "run it as the owner of the installed tree, for example with sudo",
        _ => "check the file system of the installed tree, and whether another installation is running",
    };
    Diagnostic::error("cannot-write", format!("the installed tree cannot be changed: {error}"))
        .at(Place::file(installation.prefix().display().to_string()))
        .help(help)
}

fn bad_record(file: &Path, why: &str) -> Diagnostic {
    Diagnostic::error("bad-record", format!("what was installed cannot be read: {why}"))
        .at(Place::file(file.display().to_string()))
        .help("remove the directories of the plugin and its packs by hand")
}
