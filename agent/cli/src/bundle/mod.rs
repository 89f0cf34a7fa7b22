//! Support bundles: what a host recorded of itself, opened like a root file system.
//!
//! A bundle is hostile input. An archive is unpacked into a private temporary folder, within limits, and only as far as
//! plugins ask for it; the folder is removed when the bundle is closed and when the agent is interrupted. What a bundle
//! does not contain is unknown, never absent: a collector leaves out most of a host.

mod kind;
mod private;
mod unpack;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::glob::Globs;
use goodstead_protocol::manifest::Manifest;
use goodstead_protocol::message::Stat;

pub(crate) use kind::Kind;
pub(crate) use private::Private;

/// What the headers of an archive say of the files on the host, by absolute path.
pub(crate) type Stats = HashMap<String, Stat>;

/// What only a bundle has beside its files.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) kind: Kind,
    /// When the bundle was made, in seconds since 1970.
    pub(crate) made: i64,
    /// Owners, modes and times of the host; none where they are those of whoever unpacked it.
    pub(crate) stats: Stats,
}

/// An open bundle. Its temporary folder is removed with it.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// What stands for the root of the host.
    pub(crate) folder: PathBuf,
    pub(crate) recorded: Recorded,
    /// What was left out, for the report.
    pub(crate) notes: Vec<String>,
    /// Removes the temporary folder of an archive.
    pub(crate) private: Option<Private>,
}

impl Bundle {
    /// Opens an archive or an unpacked folder, as far as the plugins may read it.
    ///
    /// # Errors
    /// It cannot be read, exceeds a limit, or is not a bundle of a known kind.
    pub(crate) fn open<'m>(
        path: &Path,
        plugins: impl Iterator<Item = &'m Manifest>,
    ) -> Result<Bundle, Diagnostic> {
        if path.is_dir() {
            return Bundle::unpacked(path).ok_or_else(|| not_a_bundle(path));
        }
        let failed = |error: std::io::Error| {
            Diagnostic::error("bad-bundle", format!("the support bundle cannot be read: {error}"))
                .at(Place::file(path.display().to_string()))
                .help("name an archive (.tar, .tar.gz, .tar.xz, .tar.bz2) of sos report or Troubleshoot, or the unpacked folder")
        };
        let private = Private::create().map_err(failed)?;
        let unpacked = unpack::unpack(path, private.path(), &wanted(plugins)).map_err(failed)?;
        let (folder, kind) = kind::recognise(private.path()).ok_or_else(|| not_a_bundle(path))?;
        let prefix = folder.strip_prefix(private.path()).unwrap_or(Path::new("")).to_path_buf();
        let stats = if kind.keeps_owners() { unpacked.stats(&prefix) } else { Stats::new() };
        let made = unpacked.newest(&prefix, kind.markers()).unwrap_or_else(|| kind::made(&folder, kind));
        let recorded = Recorded { kind, made, stats };
        Ok(Bundle { folder, recorded, notes: unpacked.notes, private: Some(private) })
    }

    /// The bundle that was unpacked into `folder`; `None` where it is none.
    pub(crate) fn unpacked(folder: &Path) -> Option<Bundle> {
        let (folder, kind) = kind::recognise(folder)?;
        let recorded = Recorded { kind, made: kind::made(&folder, kind), stats: Stats::new() };
        Some(Bundle { folder, recorded, notes: Vec::new(), private: None })
    }
}

fn not_a_bundle(path: &Path) -> Diagnostic {
    Diagnostic::error("bad-bundle", "this does not look like a support bundle")
        .at(Place::file(path.display().to_string()))
        .help(
            "sos report leaves sos_commands in its archive, Troubleshoot version.yaml beside host-collectors or \
             cluster-resources; a plain root file system is inspected with --root",
        )
}

/// What plugins may read of a bundle, and what shows its kind.
fn wanted<'m>(plugins: impl Iterator<Item = &'m Manifest>) -> Globs {
    let mut globs: Vec<String> = kind::MARKERS.iter().map(|marker| format!("/{marker}")).collect();
    for manifest in plugins {
        globs.extend(manifest.permissions.read.iter().cloned());
        let outputs = manifest.bundles.values().flat_map(|files| files.run.values().flatten());
        globs.extend(outputs.map(|file| format!("/{file}")));
    }
    // The process that wrote the bundle is what /proc/self leads to.
    globs.push("/proc/[0-9]*/{mountinfo,net/*}".to_owned());
    Globs::new(&globs)
}

/// Seconds since 1970 of a time of a file.
fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
