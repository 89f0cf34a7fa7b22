//! `goodstead plugins`: what is installed, and what a plugin may do. Only `test` ([`trial`]) runs any of its code.
//! [`package`] has what authors do with theirs, [`install`] what admins do with those of others.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anstyle::Style;
use goodstead_model::{Report, Signature};
use goodstead_protocol::contract::{Field, Sensitivity};
use goodstead_protocol::diagnostic::{Diagnostic, did_you_mean};
use goodstead_protocol::manifest::Manifest;
use serde_json::json;

use super::{Exit, Installed, Outcome, configuration, install, package, trial};
use crate::args::{Format, Plugins as Args};
use crate::installation::Installation;
use crate::plugins::{Plugin, Plugins};
use crate::render::table::{self, plain};
use crate::render::{diagnostics, json, output};
use crate::state::{KeptReport, State, StateError};
use crate::trust::Copies;
use crate::trust::NotSealed;

const BOLD: Style = Style::new().bold();

/// Runs the command.
pub(crate) fn run(args: &Args, installation: &Installation) -> Outcome {
    // Whoever signs and packs need not trust anybody, and whoever removes need not either.
    match args {
        Args::Sign(args) => return package::sign(args),
        Args::Pack(args) => return package::pack(args),
        Args::Remove(args) => return install::remove(args, installation),
        _ => {}
    }
    let (config, _) = configuration(installation);
    let installed = Installed::read(installation, &config)?;
    diagnostics::print(&installed.trust.diagnostics);
    match args {
        Args::List { format } => {
            let last = last_report(installation);
            list(&installed.plugins, last.as_ref(), *format, installed.trust.sound())
        }
        Args::Inspect { plugin } => inspect(plugin, installed),
        Args::Test(args) => trial::run(args, installation, &config, installed),
        Args::Install(args) => install::install(args, installation, &config, installed),
        Args::Sign(_) | Args::Pack(_) | Args::Remove(_) => Ok(Exit::Fine),
    }
}

/// The latest kept report, which says how the plugins were isolated; without a state there is none.
fn last_report(installation: &Installation) -> Option<Report> {
    last_of(&State::open_existing(&installation.state_file())?).ok()?
}

/// The latest full report, with the plugins of a partial one that came after it.
pub(super) fn last_of(state: &State) -> Result<Option<Report>, StateError> {
    let parse = |kept: Option<KeptReport>| kept.map(|kept| kept.parse()).transpose();
    let (full, newest) = (parse(state.report(None)?)?, parse(state.newest()?)?);
    Ok(match (full, newest) {
        (Some(mut full), Some(newest)) => {
            full.plugins.extend(newest.plugins);
            Some(full)
        }
        (full, newest) => full.or(newest),
    })
}

/// How the plugin was isolated when it last ran on this kernel.
pub(super) fn isolation(plugin: &Plugin, last: Option<&Report>) -> String {
    match last.and_then(|report| report.plugins.get(&plugin.manifest.name)?.lacks.as_ref()) {
        None => "not run yet".to_owned(),
        Some(lacks) if lacks.is_empty() => "full".to_owned(),
        Some(lacks) => format!("lacks: {}", lacks.join("; ")),
    }
}

fn list(plugins: &Plugins, last: Option<&Report>, format: Format, sound: bool) -> Outcome {
    diagnostics::print(&plugins.diagnostics);
    let text = match format {
        Format::Json => {
            let entry = |plugin: &Plugin| {
                let manifest = &plugin.manifest;
                let (signature, refused) = match vouched(plugin) {
                    Ok(signature) => (Some(signature), None),
                    Err(refused) => (None, Some(refused.why().to_owned())),
                };
                json!({
                    "signature": signature, "refused": refused, "isolation": isolation(plugin, last),
                    "name": manifest.name, "title": manifest.title, "version": manifest.version.to_string(),
                    "protocol": manifest.protocol, "products": manifest.products, "folder": plugin.folder,
                })
            };
            let list: Vec<_> = plugins.usable.iter().map(entry).collect();
            json::pretty(&list)
        }
        Format::Text => {
            let mut table = plain(&["PLUGIN", "VERSION", "FACTS", "INSPECTS", "SIGNED BY", "ISOLATION"]);
            for plugin in &plugins.usable {
                let manifest = &plugin.manifest;
                let facts = manifest.contract.leaves().len().to_string();
                let version = manifest.version.to_string();
                table.add_row([
                    &manifest.name,
                    &version,
                    &facts,
                    &manifest.title,
                    &signed_by(plugin),
                    &isolation(plugin, last),
                ]);
            }
            table::text(&table)
        }
    };
    output::write(&text, None)?;
    Ok(if sound && plugins.diagnostics.is_empty() { Exit::Fine } else { Exit::Trouble })
}

/// Who vouches for the manifest and for the library as it lies there now.
pub(super) fn vouched(plugin: &Plugin) -> Result<Signature, NotSealed> {
    plugin.sealed(&Copies::default()).map(|(_, signature)| signature)
}

fn signed_by(plugin: &Plugin) -> String {
    match vouched(plugin) {
        Ok(Signature::Signed { key }) => key,
        Ok(Signature::Unsigned | Signature::Local) => "unsigned, allowed".to_owned(),
        Err(refused) => format!("refused: {}", refused.why()),
    }
}

/// The folder that is meant when no installed plugin is: one with a `/`, or its manifest.
pub(super) fn folder(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    if path.is_file() {
        // The manifest of the folder in which the user stands has an empty parent.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        return Some(parent.unwrap_or(Path::new(".")).to_owned());
    }
    name.contains('/').then(|| path.to_owned())
}

/// The plugin that is meant: the one in a folder, or an installed one.
pub(super) fn named(name: &str, installed: &Installed) -> Result<Plugin, Diagnostic> {
    if let Some(folder) = folder(name) {
        return Plugin::read(&folder, &installed.trust).map_err(|mut errors| {
            let last = errors.pop();
            diagnostics::print(&errors);
            last.unwrap_or_else(|| Diagnostic::error("bad-manifest", "the manifest cannot be used"))
        });
    }
    let plugins = &installed.plugins;
    plugins.usable.iter().find(|plugin| plugin.manifest.name == name).cloned().ok_or_else(|| {
        diagnostics::print(&plugins.diagnostics);
        let names = plugins.usable.iter().map(|plugin| plugin.manifest.name.as_str());
        Diagnostic::error("unknown-plugin", format!("no plugin `{name}` is installed"))
            .help("goodstead plugins list shows them all; a path with a `/` means a folder")
            .maybe_help(did_you_mean(name, names))
    })
}

fn inspect(name: &str, installed: Installed) -> Outcome {
    let plugin = named(name, &installed)?;
    output::write(&(provenance(&plugin) + &inspected(&plugin.manifest)), None)?;
    Ok(Exit::Fine)
}

/// Who signed it: before all that the manifest says, because it says whether to believe it.
pub(super) fn provenance(plugin: &Plugin) -> String {
    match vouched(plugin) {
        Ok(Signature::Signed { key }) => format!("{BOLD}Signed{BOLD:#} by {key}\n\n"),
        Ok(Signature::Unsigned | Signature::Local) => {
            format!("{BOLD}Not signed{BOLD:#}, which agent.toml allows\n\n")
        }
        Err(refused) => {
            let remedy = refused.remedy().map(|remedy| format!("\n  {remedy}")).unwrap_or_default();
            format!("{BOLD}Refused{BOLD:#}: {}{remedy}\n\n", refused.why())
        }
    }
}

pub(super) fn inspected(manifest: &Manifest) -> String {
    let mut text = format!(
        "{BOLD}{} {}{BOLD:#}  {} (protocol {}, at most {} s a scan)\n",
        manifest.name,
        manifest.version,
        manifest.title,
        manifest.protocol,
        manifest.time_limit.as_secs()
    );
    let permissions = &manifest.permissions;
    let commands: Vec<_> = permissions
        .run
        .values()
        .map(|command| format!("{} {}", command.program, command.arguments.join(" ")))
        .collect();
    let tcp = permissions.connect_tcp.iter().map(|address| format!("tcp:{address}"));
    let sockets: Vec<_> = permissions.connect.iter().cloned().chain(tcp).collect();
    for (heading, lines) in [
        ("It may read", &permissions.read),
        ("It may look at the owner, mode and time of, without opening", &permissions.stat),
        ("It may ask for the space under", &permissions.statfs),
        ("It may connect to", &sockets),
        ("It may run", &commands),
    ] {
        let _ = writeln!(text, "\n{BOLD}{heading}{BOLD:#}");
        for line in lines {
            let _ = writeln!(text, "  {}", line.trim());
        }
        if lines.is_empty() {
            let _ = writeln!(text, "  nothing");
        }
    }
    if !manifest.containers.is_empty() {
        let _ = writeln!(
            text,
            "\n{BOLD}It is run once more for each container on this host{BOLD:#}\n  in which one of these runs: {}; its \
             paths are those of the container then, and nothing is run there",
            manifest.containers.join(", ")
        );
    }
    if !manifest.options.is_empty() {
        let _ = writeln!(
            text,
            "\n{BOLD}It can be configured in agent.toml{BOLD:#}, below [plugins.{}.options]",
            manifest.name
        );
        let mut table = plain(&["OPTION", "DEFAULT", "FROM", "TO", "WHAT IT IS"]);
        for (name, field) in &manifest.options {
            let [default, minimum, maximum] =
                [field.default, field.minimum, field.maximum].map(|it| it.to_string());
            table.add_row([name, &default, &minimum, &maximum, &field.about]);
        }
        text += &table::text(&table);
    }
    let _ = writeln!(text, "\n{BOLD}It writes itself{BOLD:#}, besides its facts");
    let texts = manifest.texts.by_name();
    let mut table = plain(&["TEXT", "SENSITIVITY", "WHAT IT IS"]);
    for (name, own) in texts.iter().filter_map(|(name, own)| Some((name, (*own)?))) {
        table.add_row([name, word(own.sensitivity), &own.about]);
    }
    match texts.iter().any(|(_, own)| own.is_some()) {
        true => text += &table::text(&table),
        false => text += "  nothing\n",
    }
    let _ = writeln!(text, "\n{BOLD}It emits{BOLD:#}");
    let mut table = plain(&["FACT", "TYPE", "SENSITIVITY", "WHAT IT IS"]);
    for (path, field) in manifest.contract.leaves() {
        table.add_row([&path, &kind(field), sensitivity(field), &field.about]);
    }
    text + &table::text(&table)
}

fn kind(field: &Field) -> String {
    let optional = if field.optional { "?" } else { "" };
    format!("{}{optional}", field.shape)
}

fn sensitivity(field: &Field) -> &'static str {
    word(field.sensitivity)
}

fn word(sensitivity: Sensitivity) -> &'static str {
    match sensitivity {
        Sensitivity::Public => "public",
        Sensitivity::Identifying => "identifying",
        Sensitivity::Secret => "secret, dropped",
    }
}
