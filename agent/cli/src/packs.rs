//! Check packs as they lie on disk: one folder each, the vendor's and the admin's own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use goodstead_engine::{Loaded, Pack, PackSource, Plugins, drop_duplicates, load};
use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::document::Document;

use crate::installation::Installation;

/// The largest check file.
const MAX_FILE: u64 = 256 << 10;

/// How deep a pack's folders go.
const MAX_DEPTH: usize = 4;

/// All usable packs, and what is wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct Packs {
    pub(crate) usable: Vec<Pack>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Packs of products whose plugin is not installed here.
    pub(crate) skipped: Vec<String>,
}

/// The installed packs, then the admin's own.
pub(crate) fn installed(installation: &Installation, plugins: &Plugins) -> Packs {
    let mut packs = Packs::default();
    for folder in folders(&installation.packs(), &mut packs.diagnostics, true) {
        packs.add(&folder, false, plugins);
    }
    let mut own = Vec::new();
    for folder in folders(&installation.local_packs(), &mut own, false) {
        match writable_by_others(&folder) {
            None => packs.add(&folder, true, plugins),
            Some(path) => {
                let refused = Diagnostic::error(
                    "pack-open-to-others",
                    "others may write here, so this pack is not used",
                );
                let help = format!("chmod -R go-w {}", folder.display());
                own.push(refused.at(Place::file(path.display().to_string())).help(help));
            }
        }
    }
    packs.diagnostics.extend(own);
    packs.finish()
}

/// The packs in the given folders, for `checks lint` and `checks test`.
pub(crate) fn given(folders: &[PathBuf], plugins: &Plugins) -> Packs {
    let mut packs = Packs::default();
    for folder in folders {
        packs.add(folder, false, plugins);
    }
    packs.finish()
}

impl Packs {
    fn add(&mut self, folder: &Path, local: bool, plugins: &Plugins) {
        let name = folder
            .canonicalize()
            .ok()
            .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let mut documents = Vec::new();
        collect(folder, 0, &mut documents, &mut self.diagnostics);
        if documents.is_empty() {
            let missing = Diagnostic::error("no-pack", "there is no pack here: no pack.toml and no checks");
            self.diagnostics.push(missing.at(Place::file(folder.display().to_string())));
            return;
        }
        let source = PackSource { name: name.unwrap_or_default(), documents, local };
        let Loaded { pack, skipped, diagnostics } = load(source, plugins);
        self.usable.extend(pack);
        self.skipped.extend(skipped);
        self.diagnostics.extend(diagnostics);
    }

    fn finish(mut self) -> Self {
        self.diagnostics.extend(drop_duplicates(&mut self.usable));
        self
    }
}

/// The folders in a folder, sorted.
fn folders(parent: &Path, diagnostics: &mut Vec<Diagnostic>, must_exist: bool) -> Vec<PathBuf> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if !must_exist && error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let missing = Diagnostic::error("unreadable", format!("the check packs cannot be read: {error}"));
            diagnostics.push(missing.at(Place::file(parent.display().to_string())));
            return Vec::new();
        }
    };
    let mut found: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// Reads every TOML file of a pack. One that cannot be read costs itself only.
fn collect(folder: &Path, depth: usize, documents: &mut Vec<Document>, diagnostics: &mut Vec<Diagnostic>) {
    let unreadable = |path: &Path, why: String| {
        Diagnostic::error("unreadable", why).at(Place::file(path.display().to_string()))
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return diagnostics.push(unreadable(folder, format!("the pack cannot be read: {error}")));
        }
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() && depth < MAX_DEPTH {
            collect(&path, depth + 1, documents, diagnostics);
        }
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        // Only regular files: a FIFO would never end.
        if !metadata.is_file() {
            diagnostics.push(unreadable(&path, "this is no regular file".into()));
        } else if metadata.len() > MAX_FILE {
            diagnostics.push(unreadable(&path, format!("the file is larger than {} KiB", MAX_FILE >> 10)));
        } else {
            let read = fs::read(&path)
                .map_err(|error| unreadable(&path, format!("the file cannot be read: {error}")));
            match read.and_then(|bytes| Document::from_bytes(path.display().to_string(), bytes)) {
                Ok(document) => documents.push(document),
                Err(problem) => diagnostics.push(problem),
            }
        }
    }
}

/// The first path of a pack that somebody else than its owner may write to, or that belongs to somebody else than this
/// user and root.
fn writable_by_others(path: &Path) -> Option<PathBuf> {
    let metadata = fs::metadata(path).ok()?;
    let owner = metadata.uid();
    if metadata.mode() & 0o022 != 0 || (owner != 0 && owner != rustix::process::geteuid().as_raw()) {
        return Some(path.to_owned());
    }
    if metadata.is_dir() {
        return fs::read_dir(path).ok()?.flatten().find_map(|entry| writable_by_others(&entry.path()));
    }
    None
}
