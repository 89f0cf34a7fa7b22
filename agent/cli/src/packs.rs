//! Check packs as they lie on disk: one folder each, the vendor's and the admin's own.
//!
//! The vendor's are used only when somebody vouches for every byte of them; the bytes that are verified are those that
//! are judged by.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use goodstead_engine::{Loaded, Pack, PackSource, Plugins, drop_duplicates, load, load_to_judge};
use goodstead_model::Signature;
use goodstead_protocol::diagnostic::{Diagnostic, Place, Severity};
use goodstead_protocol::document::Document;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::files::{FileError, check_tree, read_regular};
use crate::installation::Installation;
use crate::trust::{Fingerprint, PACK_SIGNATURE, PackFiles, Refusal, Trust};

/// The largest check file.
const MAX_FILE: u64 = 256 << 10;

/// The largest file of a signed pack that is no check: it is only hashed.
const MAX_OTHER_FILE: u64 = 16 << 20;

/// How deep a pack's folders go.
const MAX_DEPTH: usize = 4;

/// All usable packs, and what is wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct Packs {
    pub(crate) usable: Vec<Pack>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Packs of products whose plugin is not installed here.
    pub(crate) skipped: Vec<String>,
    /// Packs that nobody vouches for, allowed or refused, one sentence each: what a report has to say.
    pub(crate) notes: Vec<String>,
    /// Who vouches for the vendor's packs, by name.
    signatures: BTreeMap<String, Signature>,
    /// The plugins whose targets are judged; where they are known, the vendor's cases and what is for others is left
    /// alone.
    wanted: Option<BTreeSet<String>>,
}

/// Whose a pack is, and so what it needs.
#[derive(Clone, Copy)]
enum Whose<'a> {
    /// A vendor's, which needs a signature.
    Vendors(&'a Trust),
    /// The admin's own.
    Own,
    /// Somebody's who is writing it.
    Draft,
}

/// The installed packs, then the admin's own, with all that is in them.
pub(crate) fn installed(installation: &Installation, trust: &Trust, plugins: &Plugins) -> Packs {
    read(installation, trust, plugins, Packs::default())
}

/// As [`installed`], but only what judging the targets of the `wanted` plugins needs.
pub(crate) fn to_judge(
    installation: &Installation,
    trust: &Trust,
    plugins: &Plugins,
    wanted: BTreeSet<String>,
) -> Packs {
    let mut packs = read(installation, trust, plugins, Packs { wanted: Some(wanted), ..Packs::default() });
    packs.tolerate_own(&installation.local_packs());
    packs
}

/// What the packs that judge targets of `wanted` plugins read of the plugin `other`, by the facts' first names; empty
/// where one does not say, and none where no pack requires that plugin. Only the packs' headers are looked at: the packs
/// themselves are read while the plugins run.
pub(crate) fn read_of<V>(
    installation: &Installation,
    wanted: &BTreeMap<String, V>,
    other: &str,
) -> Option<BTreeSet<String>> {
    let wanted: BTreeSet<String> = wanted.keys().cloned().collect();
    let mut ignored = Vec::new();
    let vendors = folders(&installation.packs(), &mut ignored, false);
    let own = folders(&installation.local_packs(), &mut ignored, false);
    let headers = vendors.iter().chain(&own).filter_map(|folder| header(folder));
    let mut readers = headers
        .filter(|header| header.requires.contains_key(other) && !header.judged().is_disjoint(&wanted))
        .peekable();
    readers.peek()?;
    let each: Option<Vec<_>> = readers.map(|mut header| header.reads.remove(other)).collect();
    Some(each.into_iter().flatten().flatten().collect())
}

fn read(installation: &Installation, trust: &Trust, plugins: &Plugins, mut packs: Packs) -> Packs {
    for folder in folders(&installation.packs(), &mut packs.diagnostics, true) {
        packs.add(&folder, Whose::Vendors(trust), plugins);
    }
    let mut own = Vec::new();
    for folder in folders(&installation.local_packs(), &mut own, false) {
        match check_tree(&folder) {
            Ok(()) => packs.add(&folder, Whose::Own, plugins),
            Err((path, error)) => own.push(open_to_others(&path, &error)),
        }
    }
    packs.diagnostics.extend(own);
    packs.finish()
}

/// The pack in a folder, which is used only if somebody vouches for it.
pub(crate) fn vouched(folder: &Path, trust: &Trust, plugins: &Plugins) -> Packs {
    let mut packs = Packs::default();
    packs.add(folder, Whose::Vendors(trust), plugins);
    packs.finish()
}

/// The packs in the given folders, for `checks lint` and `checks test`: nothing is judged by them, so they need no
/// signature.
pub(crate) fn given(folders: &[PathBuf], plugins: &Plugins) -> Packs {
    let mut packs = Packs::default();
    for folder in folders {
        packs.add(folder, Whose::Draft, plugins);
    }
    packs.finish()
}

impl Packs {
    fn add(&mut self, folder: &Path, whose: Whose<'_>, plugins: &Plugins) {
        if self.wanted.as_ref().is_some_and(|wanted| is_for_others(folder, wanted)) {
            return;
        }
        let name = folder
            .canonicalize()
            .ok()
            .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .unwrap_or_default();
        let mut contents = Contents { every_file: matches!(whose, Whose::Vendors(_)), ..Contents::default() };
        contents.collect(folder, "", 0);
        self.diagnostics.append(&mut contents.diagnostics);
        if contents.documents.is_empty() {
            let missing = Diagnostic::error("no-pack", "there is no pack here: no pack.toml and no checks");
            self.diagnostics.push(missing.at(Place::file(folder.display().to_string())));
            return;
        }
        if let Whose::Vendors(trust) = whose {
            match trust.pack(folder, &name, &contents.files) {
                Ok(signature) => {
                    if signature == Signature::Unsigned {
                        self.notes.push(format!("the pack {name} is not signed, which agent.toml allows"));
                    }
                    self.signatures.insert(name.clone(), signature);
                }
                Err(refusal) => {
                    self.notes.push(format!("the pack {name} is not used: {}", refusal.reason));
                    return self.diagnostics.push(not_used(&name, folder, &refusal));
                }
            }
        }
        let source = PackSource { name, documents: contents.documents, local: matches!(whose, Whose::Own) };
        // The vendor's cases were run before they were signed; the admin's own may be wrong since a minute ago.
        let loaded = match (&self.wanted, whose) {
            (Some(wanted), Whose::Vendors(_)) => load_to_judge(source, plugins, wanted),
            _ => load(source, plugins),
        };
        let Loaded { pack, skipped, diagnostics } = loaded;
        self.usable.extend(pack.filter(|pack| self.wanted.is_none() || !pack.is_empty()));
        self.skipped.extend(skipped);
        self.diagnostics.extend(diagnostics);
    }

    /// The packs as reports name them.
    pub(crate) fn entries(&self) -> Vec<goodstead_model::Pack> {
        self.usable.iter().map(|pack| self.entry(pack)).collect()
    }

    /// A pack as reports name it.
    pub(crate) fn entry(&self, pack: &Pack) -> goodstead_model::Pack {
        let signature = match self.signatures.get(&pack.name) {
            _ if pack.local => Signature::Local,
            Some(signature) => signature.clone(),
            None => Signature::Unsigned,
        };
        goodstead_model::Pack { signature, ..pack.entry() }
    }

    /// A broken file of a pack in `own`, the admin's own packs, keeps nothing else from being judged: it is a warning,
    /// and its check counts as not judged where its weight is known. A pack that cannot be used at all stays an error.
    fn tolerate_own(&mut self, own: &Path) {
        for pack in self.usable.iter_mut().filter(|pack| pack.local) {
            let taken = |id: &str| pack.checks.iter().any(|check| check.id == id);
            let unjudged = std::mem::take(&mut pack.unjudged);
            let mut fresh: Vec<_> = unjudged.into_iter().filter(|check| !taken(&check.id)).collect();
            pack.checks.append(&mut fresh);
            pack.checks.sort_by(|one, two| one.id.cmp(&two.id));
        }
        for found in &mut self.diagnostics {
            let file = found.place.as_ref().map(|place| Path::new(&place.file));
            let inside = file.is_some_and(|file| {
                file.starts_with(own)
                    && file.file_name().is_some_and(|name| name != "pack.toml")
                    && file.extension().is_some_and(|extension| extension == "toml")
            });
            if inside && found.severity == Severity::Error {
                found.severity = Severity::Warning;
                self.notes.push(format!("not judged, a check of your own is broken: {found}"));
            }
        }
    }

    /// How many files did not load.
    pub(crate) fn not_loaded(&self) -> usize {
        let errors = self.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        let files: BTreeSet<_> = errors.map(|found| found.place.as_ref().map(|place| &place.file)).collect();
        files.len()
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

/// Whether a pack judges targets of other plugins only. One whose pack.toml cannot be read is not told apart here.
fn is_for_others(folder: &Path, wanted: &BTreeSet<String>) -> bool {
    header(folder).is_some_and(|header| header.judged().is_disjoint(wanted))
}

/// What a pack.toml says before the pack is read.
#[derive(Deserialize)]
struct Header {
    judges: Option<BTreeSet<String>>,
    requires: BTreeMap<String, IgnoredAny>,
    #[serde(default)]
    reads: BTreeMap<String, BTreeSet<String>>,
}

impl Header {
    /// The plugins whose targets the pack judges.
    fn judged(&self) -> BTreeSet<String> {
        self.judges.clone().unwrap_or_else(|| self.requires.keys().cloned().collect())
    }
}

fn header(folder: &Path) -> Option<Header> {
    let (bytes, _) = read_regular(&folder.join("pack.toml"), MAX_FILE).ok()?;
    toml::from_slice(&bytes).ok()
}

fn not_used(name: &str, folder: &Path, refusal: &Refusal) -> Diagnostic {
    Diagnostic::error("pack-refused", format!("the pack `{name}` is not used: {}", refusal.reason))
        .at(Place::file(folder.join(PACK_SIGNATURE).display().to_string()))
        .help(refusal.remedy.clone())
}

/// A pack's files as they were read.
#[derive(Default)]
struct Contents {
    /// Whether the files that are no TOML count as well, for the signature.
    every_file: bool,
    documents: Vec<Document>,
    files: PackFiles,
    diagnostics: Vec<Diagnostic>,
}

impl Contents {
    /// Reads the files of a folder; `inside` is its path in the pack, ending with `/`. A file that cannot be read costs
    /// itself only, as far as the signature allows.
    fn collect(&mut self, folder: &Path, inside: &str, depth: usize) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.files.insert(inside.to_owned(), None);
                return self
                    .diagnostics
                    .push(unreadable(folder, format!("the pack cannot be read: {error}")));
            }
        };
        let is_folder = |entry: &fs::DirEntry| match entry.file_type() {
            Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
            kind => kind.is_ok_and(|kind| kind.is_dir()),
        };
        let mut paths: Vec<_> = entries.flatten().map(|entry| (entry.path(), is_folder(&entry))).collect();
        paths.sort();
        for (path, is_folder) in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{inside}{name}");
            if is_folder && depth < MAX_DEPTH {
                self.collect(&path, &format!("{name}/"), depth + 1);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                self.read(&path, name);
            } else if self.every_file && name != PACK_SIGNATURE {
                let bytes = read_regular(&path, MAX_OTHER_FILE).ok();
                self.files.insert(name, bytes.map(|(bytes, _)| Fingerprint::of(&bytes)));
            }
        }
    }

    fn read(&mut self, path: &Path, name: String) {
        let document = match read_regular(path, MAX_FILE) {
            Ok((bytes, _)) => {
                self.files.insert(name, Some(Fingerprint::of(&bytes)));
                Document::from_bytes(path.display().to_string(), bytes)
            }
            Err(error) => {
                self.files.insert(name, None);
                Err(unreadable(path, format!("the file cannot be read: {error}")))
            }
        };
        match document {
            Ok(document) => self.documents.push(document),
            Err(problem) => self.diagnostics.push(problem),
        }
    }
}

fn unreadable(path: &Path, why: String) -> Diagnostic {
    Diagnostic::error("unreadable", why).at(Place::file(path.display().to_string()))
}

/// A pack of the admin's own that somebody else could have written.
fn open_to_others(path: &Path, error: &FileError) -> Diagnostic {
    let found = Diagnostic::error("pack-open-to-others", format!("this pack is not used, because {error}"));
    let remedy = match error {
        FileError::Unsound(trouble) => trouble.remedy(path),
        _ => "check the owner and mode of all that is in the pack".to_owned(),
    };
    found.at(Place::file(path.display().to_string())).help(remedy)
}
