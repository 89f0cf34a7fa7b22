//! The installed plugins: one folder each, with a manifest that is read before any of their code runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::document::Document;
use goodstead_protocol::manifest::Manifest;

/// A plugin whose manifest is in order.
#[derive(Debug, Clone)]
pub(crate) struct Plugin {
    pub(crate) manifest: Manifest,
    /// Its folder.
    pub(crate) folder: PathBuf,
}

impl Plugin {
    /// The library's path.
    pub(crate) fn library(&self) -> PathBuf {
        self.folder.join(&self.manifest.library)
    }

    /// Reads the plugin in `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with its manifest.
    pub(crate) fn read(folder: &Path) -> Result<Plugin, Vec<Diagnostic>> {
        let path = folder.join("plugin.toml");
        let file = path.display().to_string();
        let bytes = fs::read(&path).map_err(|error| {
            vec![
                Diagnostic::error("unreadable", format!("the manifest cannot be read: {error}"))
                    .at(Place::file(&file)),
            ]
        })?;
        let document = Document::from_bytes(file, bytes).map_err(|error| vec![error])?;
        Ok(Plugin { manifest: Manifest::read(&document)?, folder: folder.to_owned() })
    }
}

/// All plugins, by name, and what is wrong with those that cannot be used.
#[derive(Debug, Default)]
pub(crate) struct Plugins {
    pub(crate) usable: Vec<Plugin>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads all plugins of a folder. A broken one costs itself only.
///
/// # Errors
/// The folder cannot be read: then Goodstead is not installed as a whole.
pub(crate) fn find(folder: &Path) -> Result<Plugins, Diagnostic> {
    let mut plugins = Plugins::default();
    let missing = |error: io::Error| {
        Diagnostic::error("no-plugins", format!("the plugins cannot be read: {error}"))
            .at(Place::file(folder.display().to_string()))
            .help("run the installed goodstead; in a checkout `cargo xtask stage` makes target/stage/bin/goodstead")
    };
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(missing)? {
        let path = entry.map_err(missing)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    for path in folders {
        match Plugin::read(&path) {
            Ok(plugin) => {
                match plugins.usable.iter().find(|known| known.manifest.name == plugin.manifest.name) {
                    None => plugins.usable.push(plugin),
                    Some(known) => {
                        let message = format!(
                            "the plugin `{}` is already there, in {}",
                            known.manifest.name,
                            known.folder.display()
                        );
                        plugins.diagnostics.push(
                            Diagnostic::error("duplicate-plugin", message)
                                .at(Place::file(path.display().to_string())),
                        );
                    }
                }
            }
            Err(errors) => plugins.diagnostics.extend(errors),
        }
    }
    Ok(plugins)
}
