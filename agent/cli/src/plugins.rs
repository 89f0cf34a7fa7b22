//! The installed plugins: one folder each, with a manifest that is read before any of their code runs.
//!
//! A plugin that nobody vouches for is known by its manifest, so that what it would have reported shows as unknown; its
//! code is never handed over.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use goodstead_model::Signature;
use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::document::Document;
use goodstead_protocol::manifest::Manifest;

use crate::files::read_regular;
use crate::trust::{Copies, NotSealed, Standing, Trust, sealed_copy};

/// The largest manifest.
pub(crate) const MAX_MANIFEST: u64 = 1 << 20;

/// A plugin whose manifest is in order.
#[derive(Debug, Clone)]
pub(crate) struct Plugin {
    pub(crate) manifest: Manifest,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Its library: the file that the manifest names, beside it.
    pub(crate) library: PathBuf,
    /// Who vouches for its manifest, and for which library.
    pub(crate) standing: Standing,
}

impl Plugin {
    /// The library in sealed memory, as it may be run, and who vouches for it.
    ///
    /// # Errors
    /// Nobody does, or the library is not the signed one, or cannot be read.
    pub(crate) fn sealed(&self, begun: &Copies) -> Result<(OwnedFd, Signature), NotSealed> {
        match &self.standing {
            Standing::Vouched(signature, library) => {
                Ok((sealed_copy(&self.library, library, begun)?, signature.clone()))
            }
            Standing::Refused(refusal) => Err(NotSealed::Refused(refusal.clone())),
        }
    }

    /// Whether somebody vouches for the plugin, as far as its folder tells.
    pub(crate) fn vouched(&self) -> bool {
        matches!(self.standing, Standing::Vouched(..))
    }

    /// Reads the plugin in `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with its manifest.
    pub(crate) fn read(folder: &Path, trust: &Trust) -> Result<Plugin, Vec<Diagnostic>> {
        let path = folder.join("plugin.toml");
        let file = path.display().to_string();
        let (bytes, _) = read_regular(&path, MAX_MANIFEST).map_err(|error| {
            vec![
                Diagnostic::error("unreadable", format!("the manifest cannot be read: {error}"))
                    .at(Place::file(&file)),
            ]
        })?;
        let document = Document::from_bytes(file, bytes).map_err(|error| vec![error])?;
        let manifest = Manifest::read(&document)?;
        let standing = trust.plugin(folder, &manifest, document.source.as_bytes());
        let library = folder.join(&manifest.library);
        Ok(Plugin { manifest, folder: folder.to_owned(), library, standing })
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
pub(crate) fn find(folder: &Path, trust: &Trust) -> Result<Plugins, Diagnostic> {
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
    // Manifests are the longest texts that every command reads: each has a thread of its own, the first this one.
    let read: Vec<Result<Plugin, Vec<Diagnostic>>> = thread::scope(|scope| {
        let reading: Vec<_> =
            folders.iter().skip(1).map(|path| scope.spawn(move || Plugin::read(path, trust))).collect();
        let first = folders.first().map(|path| Plugin::read(path, trust));
        let others =
            reading.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        first.into_iter().chain(others).collect()
    });
    for (path, plugin) in folders.iter().zip(read) {
        match plugin {
            // Folders have different names, so no plugin can take another's.
            Ok(plugin) if path.file_name().is_some_and(|folder| folder == plugin.manifest.name.as_str()) => {
                plugins.usable.push(plugin);
            }
            Ok(plugin) => {
                let name = plugin.manifest.name;
                let misplaced = Diagnostic::error(
                    "misplaced-plugin",
                    format!("this folder holds the plugin `{name}`"),
                )
                .at(Place::file(path.display().to_string()))
                .help("a plugin lies in the folder of its name, so that none can take the name of another");
                plugins.diagnostics.push(misplaced);
            }
            Err(errors) => plugins.diagnostics.extend(errors),
        }
    }
    Ok(plugins)
}
