//! Reading all files that match: one request where a thousand would cost a thousand round trips.
//!
//! A glob is walked name by name from its longest fixed beginning. Links are followed where a pattern names them, never
//! while `**` descends, so that a walk ends. What the manifest does not ask for is left out without a word: a glob is a
//! wish, not a list. What a walk found lies where it can be had even when the walk hangs.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::glob::{Glob, Globs};
use goodstead_protocol::message::{FileEntry, FileKind, FileList, Outcome};
use rustix::fs::{Mode, OFlags};

use super::MAX_FILE;
use super::hand::Pulse;
use super::permit::Permit;
use super::root::{Folder, Root};

/// The most files of one request.
const MAX_FILES: usize = 50_000;

/// How deep `**` descends.
const MAX_DEPTH: usize = 32;

/// What a walk found so far.
#[derive(Debug, Default)]
pub(super) struct Haul {
    found: BTreeMap<String, Result<Vec<u8>, Cause>>,
    partial: Option<Cause>,
    bytes: usize,
    /// The file or folder that is being looked at.
    at: String,
}

impl Haul {
    /// Ends it where the walk hangs: at the file or folder that does not answer.
    pub(super) fn hangs(&mut self, cause: &Cause) {
        let detail = format!("{} does not answer, so what comes after it was not looked at", self.at);
        self.partial.get_or_insert_with(|| Cause::new(cause.kind, detail));
    }

    /// The files in the order of their paths, and their bytes one after another.
    pub(super) fn into_list(self) -> (FileList, Vec<u8>) {
        let mut files = Vec::with_capacity(self.found.len());
        let mut data = Vec::with_capacity(self.bytes);
        for (path, outcome) in self.found {
            let size = match outcome {
                Ok(bytes) => {
                    data.extend_from_slice(&bytes);
                    Outcome::Ok(bytes.len() as u64)
                }
                Err(cause) => Outcome::Refused(cause),
            };
            files.push(FileEntry { path, size });
        }
        (FileList { files, partial: self.partial }, data)
    }
}

/// A haul that two threads can reach: the walk, and whoever waits for it.
#[derive(Debug, Default, Clone)]
pub(super) struct SharedHaul(Arc<Mutex<Haul>>);

impl SharedHaul {
    /// Takes what there is; a walk that is left behind fills nobody's hands.
    pub(super) fn take(&self) -> Haul {
        std::mem::take(&mut *self.open())
    }

    fn open(&self) -> MutexGuard<'_, Haul> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a walk looks for, and how far it may go.
pub(super) struct Wish {
    pub(super) globs: Vec<String>,
    pub(super) except: Vec<String>,
    /// The most bytes in all.
    pub(super) limit: usize,
    pub(super) deadline: Option<Instant>,
}

/// Reads what matches into `haul`.
pub(super) fn read_many(root: &Root, permit: &Permit, wish: &Wish, haul: &SharedHaul, pulse: &Pulse) {
    let mut walk =
        Walk { root, permit, except: Globs::new(&wish.except), haul, pulse, wish, declared: false };
    for text in &wish.globs {
        match Glob::new(text) {
            _ if walk.is_over() => break,
            Ok(glob) => walk.start(text, &glob),
            Err(why) => walk.cut(CauseKind::PluginFailed, format!("`{text}` is no glob: {why}")),
        }
    }
}

struct Walk<'a> {
    root: &'a Root,
    permit: &'a Permit,
    except: Globs,
    haul: &'a SharedHaul,
    pulse: &'a Pulse,
    wish: &'a Wish,
    /// Whether the glob that is being walked stands in the manifest, so that whatever matches it may be read.
    declared: bool,
}

impl Walk<'_> {
    /// Says why more may match than was found; the first reason is kept.
    fn cut(&mut self, kind: CauseKind, detail: String) {
        self.haul.open().partial.get_or_insert_with(|| Cause::new(kind, detail));
    }

    /// Whether the plugin's time is over; then this is said, and nothing more is looked at.
    fn is_over(&mut self) -> bool {
        self.pulse.beat();
        let over = self.wish.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if over {
            self.cut(CauseKind::TimedOut, "the plugin's time was over before all was found".to_owned());
        }
        over
    }

    fn start(&mut self, text: &str, whole: &Glob) {
        self.declared = self.permit.declares(text);
        let parts: Vec<&str> = text.trim_start_matches('/').split('/').collect();
        let fixed = parts.iter().take_while(|part| !is_pattern(part)).count();
        if fixed == parts.len() {
            self.file(text, None);
            return;
        }
        let (beginning, rest) = parts.split_at(fixed);
        let beginning = format!("/{}", beginning.join("/"));
        let rest: Vec<Part<'_>> = rest.iter().map(|part| Part::of(part)).collect();
        self.descend(&beginning, None, &rest, whole, 0);
    }

    /// Walks the folder `path`, in which `parts` is still to be matched. Where its parent is open and it is no link, it
    /// is opened there and then.
    fn descend(
        &mut self,
        path: &str,
        known: Option<(&Folder, &str)>,
        parts: &[Part<'_>],
        whole: &Glob,
        depth: usize,
    ) {
        let Some((part, rest)) = parts.split_first() else { return };
        if depth > MAX_DEPTH {
            return self
                .cut(CauseKind::TooLarge, format!("{path} is nested deeper than {MAX_DEPTH} folders"));
        }
        // A fixed name needs no list of the folder: of a process that costs more than reading one file of it.
        if let Part::Name(name) = part {
            let inner = format!("{}/{name}", path.trim_end_matches('/'));
            return match rest {
                [] => self.file(&inner, None),
                rest => self.descend(&inner, None, rest, whole, depth + 1),
            };
        }
        path.clone_into(&mut self.haul.open().at);
        let opened = match known {
            Some((parent, name)) => self.root.enter(parent, name, path),
            None => self.root.folder_at(path),
        };
        let (folder, names) = match opened.and_then(|folder| Ok((self.root.names(&folder, path)?, folder))) {
            Ok((names, folder)) => (folder, names),
            // A folder that is not there holds nothing; one that may not be entered might.
            Err(cause) if cause.kind == CauseKind::Absent => return,
            Err(cause) => return self.cut(cause.kind, cause.detail),
        };
        for (name, kind) in names {
            if self.is_over() {
                return;
            }
            let Ok(name) = String::from_utf8(name) else {
                self.cut(CauseKind::NotAvailable, format!("{path} holds a name that is not UTF-8"));
                continue;
            };
            let inner = if path == "/" { format!("/{name}") } else { format!("{path}/{name}") };
            let below = (kind == FileKind::Folder).then_some((&folder, name.as_str()));
            let file = (kind == FileKind::File).then_some((&folder, name.as_str()));
            match (part, kind) {
                // Even listing a folder can have an effect: it may be mounted by being looked at.
                (Part::Any, FileKind::Folder) if self.leaves_alone(&inner) => {}
                (Part::Any, FileKind::Folder) => self.descend(&inner, below, parts, whole, depth + 1),
                (Part::Any, FileKind::File | FileKind::Link) if rest.is_empty() || whole.is_match(&inner) => {
                    self.file(&inner, file);
                }
                (Part::Any, _) => {}
                (part, _) if !part.is_match(&name) => {}
                (_, FileKind::Folder | FileKind::Link) if !rest.is_empty() => {
                    self.descend(&inner, below, rest, whole, depth + 1);
                }
                (_, FileKind::File | FileKind::Link) if rest.is_empty() => self.file(&inner, file),
                _ => {}
            }
        }
    }

    /// Whether everything below a folder is to be left alone: then it matches at any depth.
    fn leaves_alone(&self, folder: &str) -> bool {
        self.except.is_match(&format!("{folder}/any/depth"))
    }

    /// Why a file is not handed over that alone would be: others have taken the space of the request.
    fn crowded(&self) -> Cause {
        let mib = self.wish.limit >> 20;
        Cause::new(CauseKind::TooLarge, format!("the files that match hold more than {mib} MiB"))
    }

    /// Reads one file. Where its folder is known and it is no link, it is opened there and then, which saves resolving
    /// a long path a thousand times.
    fn file(&mut self, path: &str, known: Option<(&Folder, &str)>) {
        if !(self.declared || self.permit.may_read(path)) || self.except.is_match(path) {
            return;
        }
        let left = {
            let mut haul = self.haul.open();
            if haul.found.contains_key(path) {
                return;
            }
            path.clone_into(&mut haul.at);
            if haul.found.len() == MAX_FILES {
                Err(())
            } else {
                Ok(self.wish.limit.saturating_sub(haul.bytes))
            }
        };
        let left = match left {
            Ok(0) => {
                let Cause { kind, detail, .. } = self.crowded();
                return self.cut(kind, detail);
            }
            Ok(left) => left,
            Err(()) => return self.cut(CauseKind::TooLarge, format!("more than {MAX_FILES} files match")),
        };
        let outcome = match known {
            Some((folder, name)) => self.read_in(folder, name, path, left),
            None => self.root.locate(path).and_then(|located| {
                if self.permit.may_read(&located.resolved) {
                    self.root.read_located(located.descriptor.as_fd(), path, left.min(MAX_FILE), self.pulse)
                } else {
                    let detail = format!(
                        "{path} leads to {}, which plugin.toml does not ask to read",
                        located.resolved
                    );
                    Err(Cause::new(CauseKind::NotDeclared, detail))
                }
            }),
        };
        match outcome {
            Err(cause) if cause.kind == CauseKind::Absent => {}
            outcome => {
                let crowded = left < MAX_FILE;
                let outcome = outcome.map_err(|cause| match cause.kind {
                    CauseKind::TooLarge if crowded => self.crowded(),
                    _ => cause,
                });
                let mut haul = self.haul.open();
                haul.bytes += outcome.as_ref().map_or(0, Vec::len);
                haul.found.insert(path.to_owned(), outcome);
            }
        }
    }

    /// Reads `name` in a folder that is open. It was a regular file when the folder was listed; should it have become
    /// a link, a FIFO or a device since, it is neither followed nor waited for, and refused.
    fn read_in(&self, folder: &Folder, name: &str, path: &str, left: usize) -> Result<Vec<u8>, Cause> {
        let below = path.strip_prefix(folder.resolved.trim_end_matches('/'));
        let as_named = below.and_then(|below| below.strip_prefix('/')) == Some(name);
        if !(self.declared && as_named) {
            let resolved = folder.inner(name);
            if !self.permit.may_read(&resolved) {
                let detail = format!("{path} leads to {resolved}, which plugin.toml does not ask to read");
                return Err(Cause::new(CauseKind::NotDeclared, detail));
            }
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(folder.descriptor(), name, flags, Mode::empty());
        let file = file.map_err(|errno| self.root.explain(errno, path))?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| self.root.explain(errno, path))?;
        if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::RegularFile {
            return Err(Cause::new(CauseKind::NotPermitted, format!("{path} is no regular file")));
        }
        self.root.read_open(file, path, left.min(MAX_FILE), self.pulse)
    }
}

/// What stands between two slashes of a glob.
enum Part<'a> {
    /// A name as it is.
    Name(&'a str),
    /// `*`
    EveryName,
    /// `**`
    Any,
    Pattern(Glob),
    /// What is no glob by itself matches nothing.
    Nothing,
}

impl Part<'_> {
    fn of(text: &str) -> Part<'_> {
        match text {
            "**" => Part::Any,
            "*" => Part::EveryName,
            name if !is_pattern(name) => Part::Name(name),
            text => Glob::new(text).map_or(Part::Nothing, Part::Pattern),
        }
    }

    fn is_match(&self, name: &str) -> bool {
        match self {
            Part::Name(wanted) => *wanted == name,
            Part::EveryName | Part::Any => true,
            Part::Pattern(glob) => glob.is_match(name),
            Part::Nothing => false,
        }
    }
}

fn is_pattern(part: &str) -> bool {
    part.contains(['*', '?', '[', '{'])
}
