//! `goodstead plugins list|inspect`: what is installed, and what a plugin may do. Runs none of its code.

use std::fmt::Write;
use std::path::Path;

use anstyle::Style;
use goodstead_protocol::contract::{Field, Sensitivity};
use goodstead_protocol::diagnostic::{Diagnostic, did_you_mean};
use goodstead_protocol::manifest::Manifest;
use serde_json::json;

use super::{Exit, Outcome};
use crate::args::{Format, Plugins as Args};
use crate::installation::Installation;
use crate::plugins::{Plugin, Plugins, find};
use crate::render::table::{self, plain};
use crate::render::{diagnostics, output};

const BOLD: Style = Style::new().bold();

/// Runs the command.
pub(crate) fn run(args: &Args, installation: &Installation) -> Outcome {
    match args {
        Args::List { format } => list(&find(&installation.plugins())?, *format),
        Args::Inspect { plugin } => inspect(plugin, installation),
    }
}

fn list(plugins: &Plugins, format: Format) -> Outcome {
    diagnostics::print(&plugins.diagnostics);
    let text = match format {
        Format::Json => {
            let entry = |plugin: &Plugin| {
                let manifest = &plugin.manifest;
                json!({
                    "name": manifest.name, "title": manifest.title, "version": manifest.version.to_string(),
                    "protocol": manifest.protocol, "products": manifest.products, "folder": plugin.folder,
                })
            };
            let list: Vec<_> = plugins.usable.iter().map(entry).collect();
            serde_json::to_string_pretty(&list).unwrap_or_default() + "\n"
        }
        Format::Text => {
            let mut table = plain(&["PLUGIN", "VERSION", "FACTS", "INSPECTS"]);
            for plugin in &plugins.usable {
                let manifest = &plugin.manifest;
                let facts = manifest.contract.leaves().len().to_string();
                table.add_row([&manifest.name, &manifest.version.to_string(), &facts, &manifest.title]);
            }
            table::text(&table)
        }
    };
    output::write(&text, None)?;
    Ok(if plugins.diagnostics.is_empty() { Exit::Fine } else { Exit::Trouble })
}

fn inspect(name: &str, installation: &Installation) -> Outcome {
    let plugin = if name.contains('/') {
        Plugin::read(Path::new(name)).map_err(|mut errors| {
            let last = errors.pop();
            diagnostics::print(&errors);
            last.unwrap_or_else(|| Diagnostic::error("bad-manifest", "the manifest cannot be used"))
        })?
    } else {
        let plugins = find(&installation.plugins())?;
        let names: Vec<_> = plugins.usable.iter().map(|plugin| plugin.manifest.name.clone()).collect();
        plugins.usable.into_iter().find(|plugin| plugin.manifest.name == name).ok_or_else(|| {
            diagnostics::print(&plugins.diagnostics);
            Diagnostic::error("unknown-plugin", format!("no plugin `{name}` is installed"))
                .help("goodstead plugins list shows them all; a path with a `/` inspects a folder")
                .maybe_help(did_you_mean(name, names.iter().map(String::as_str)))
        })?
    };
    output::write(&inspected(&plugin.manifest), None)?;
    Ok(Exit::Fine)
}

fn inspected(manifest: &Manifest) -> String {
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
    for (heading, lines) in [
        ("It may read", &permissions.read),
        ("It may ask for the space under", &permissions.statfs),
        ("It may connect to", &permissions.connect),
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
    match field.sensitivity {
        Sensitivity::Public => "public",
        Sensitivity::Identifying => "identifying",
        Sensitivity::Secret => "secret, dropped",
    }
}
