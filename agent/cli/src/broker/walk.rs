//! Reading all files that match: one request where a thousand would cost a thousand round trips.
//!
//! A glob is walked name by name from its longest fixed beginning. Links are followed where a pattern names them, never
//! while `**` descends, so that a walk ends. A directory is opened only where the manifest asks for something below it, and
//! listed only where the manifest has a pattern for the names in it; what it does not ask for is left out without a word,
//! and no cause speaks of it. What a walk found can be had even when the walk hangs.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::glob::{Below, Glob, Globs, Segment};
use goodstead_protocol::message::{FileEntry, FileKind, FileList, Outcome};
use rustix::fs::{Mode, OFlags};

use super::MAX_FILE;
use super::hand::Pace;
use super::log::Trace;
use super::permit::{Permit, Want};
use super::reply::{self, MAX_REPLY};
use super::resolve::Scope;
use super::root::{Folder, Root, not_regular};

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
    /// How many bytes the names and reasons have in a reply.
    weight: usize,
    /// Where paths led, as far as they led to others.
    trace: Trace,
    /// The file or folder that is being looked at.
    at: String,
}

impl Haul {
    /// Ends it where the walk hangs: at the file or folder that does not answer.
    pub(super) fn hangs(&mut self, cause: &Cause) {
        let detail = format!("{} does not answer, so what comes after it was not looked at", self.at);
        self.partial.get_or_insert_with(|| Cause::new(cause.kind, detail));
    }

    /// The files in the order of their paths, their bytes one after another, and where they led.
    pub(super) fn into_list(self) -> (FileList, Vec<u8>, Trace) {
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
        (FileList { files, partial: self.partial }, data, self.trace)
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
}

/// Reads what matches into `haul`.
pub(super) fn read_many(root: &Root, permit: &Permit, wish: &Wish, haul: &SharedHaul, pace: Pace<'_>) {
    let mut walk = Walk { root, permit, except: Globs::new(&wish.except), haul, pace, wish, declared: false };
    for text in &wish.globs {
        if walk.is_over() {
            break;
        }
        match Glob::new(text).and_then(|glob| Ok((glob.ways()?, glob))) {
            Ok((ways, glob)) => {
                walk.declared = permit.declares(text);
                ways.iter().for_each(|way| walk.start(way, &glob));
            }
            Err(why) => walk.cut(CauseKind::PluginFailed, format!("`{text}` is not a usable glob: {why}")),
        }
    }
}

struct Walk<'a> {
    root: &'a Root,
    permit: &'a Permit,
    except: Globs,
    haul: &'a SharedHaul,
    pace: Pace<'a>,
    wish: &'a Wish,
    /// Whether the glob that is being walked is in the manifest, so that whatever matches it may be read.
    declared: bool,
}

/// What is known of a path besides its text.
#[derive(Clone, Copy)]
enum Known<'f> {
    /// Nothing.
    Path,
    /// It is this name, which is not a link, in this directory.
    Inside(&'f Folder, &'f str),
    /// It is this link in this directory, or a path that begins with it.
    Link(&'f Folder, &'f str),
}

impl<'f> Known<'f> {
    fn of(kind: FileKind, folder: &'f Folder, name: &'f str) -> Known<'f> {
        if kind == FileKind::Link { Known::Link(folder, name) } else { Known::Inside(folder, name) }
    }
}

impl Walk<'_> {
    /// Records why more may match than was found; the first reason is kept.
    fn cut(&mut self, kind: CauseKind, detail: String) {
        self.haul.open().partial.get_or_insert_with(|| Cause::new(kind, detail));
    }

    /// Whether the time of the request is over; then this is recorded, and nothing more is looked at.
    fn is_over(&mut self) -> bool {
        let over = self.pace.is_over();
        if over {
            self.cut(CauseKind::TimedOut, "the time of the request was over before all was found".to_owned());
        }
        over
    }

    fn start(&mut self, way: &[Segment], whole: &Glob) {
        let mut beginning: Vec<&str> = Vec::new();
        let mut rest = way;
        while let Some((Segment::Name(name), more)) = rest.split_first() {
            match name.as_str() {
                "" | "." => {}
                ".." => {
                    beginning.pop();
                }
                name => beginning.push(name),
            }
            rest = more;
        }
        let beginning = format!("/{}", beginning.join("/"));
        if rest.is_empty() {
            self.file(&beginning, Known::Path);
        } else {
            self.descend((&beginning, Known::Path), rest, whole, 0);
        }
    }

    /// What the manifest asks for of the names in a directory.
    fn below(&self, folder: &str) -> Below {
        // What matches this very glob is declared, whatever it is.
        if self.declared { Below::Patterns } else { self.permit.below(folder) }
    }

    /// Walks the directory `path`, in which `parts` is still to be matched.
    fn descend(&mut self, (path, known): (&str, Known<'_>), parts: &[Segment], whole: &Glob, depth: usize) {
        let Some((part, rest)) = parts.split_first() else { return };
        let below = self.below(path);
        if below.is_nothing() {
            return;
        }
        if depth > MAX_DEPTH {
            let detail = format!("{path} is nested deeper than {MAX_DEPTH} directories");
            return self.cut(CauseKind::TooLarge, detail);
        }
        // A fixed name needs no list of the directory: of a process that costs more than reading one file of it.
        if let Segment::Name(name) = part {
            let (inner, beneath);
            let known = match known {
                Known::Link(folder, link) => {
                    beneath = format!("{link}/{name}");
                    Known::Link(folder, &beneath)
                }
                _ => Known::Path,
            };
            inner = inner_path(path, name);
            return match rest {
                [] => self.file(&inner, known),
                rest => self.descend((&inner, known), rest, whole, depth + 1),
            };
        }
        path.clone_into(&mut self.haul.open().at);
        let listed = self.open(path, known, below).and_then(|(folder, below)| {
            let names = match below {
                Below::Nothing => Vec::new(),
                Below::Names(names) => self.root.look_up(&folder, path, &names)?,
                Below::Patterns => self.list(&folder, path, part)?,
            };
            Ok((folder, names))
        });
        let (folder, names) = match listed {
            Ok(listed) => listed,
            // A directory that is not there holds nothing; one that may not be entered might.
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
            let inner = inner_path(path, &name);
            let known = Known::of(kind, &folder, &name);
            match (part, kind) {
                // Even listing a directory can have an effect: it may be mounted by being looked at.
                (Segment::Any, FileKind::Folder) if self.leaves_alone(&inner) => {}
                (Segment::Any, FileKind::Folder) => self.descend((&inner, known), parts, whole, depth + 1),
                (Segment::Any, FileKind::File | FileKind::Link)
                    if rest.is_empty() || whole.is_match(&inner) =>
                {
                    self.file(&inner, known);
                }
                (Segment::Any, _) => {}
                (part, _) if !part.is_match(&name) => {}
                (_, FileKind::Folder | FileKind::Link) if !rest.is_empty() => {
                    self.descend((&inner, known), rest, whole, depth + 1);
                }
                (_, FileKind::File | FileKind::Link) if rest.is_empty() => self.file(&inner, known),
                _ => {}
            }
        }
    }

    /// Opens the directory `path`, and returns what of the names in it, `below`, is wanted there: where it is reached
    /// over a link, both its names count.
    fn open(&mut self, path: &str, known: Known<'_>, below: Below) -> Result<(Folder, Below), Cause> {
        let scope = Scope { permit: self.permit, want: Want::Enter };
        let mut led = None;
        let to_list = below == Below::Patterns;
        let opened = match known {
            Known::Inside(parent, name) => {
                let resolved = parent.inner(name);
                if resolved != path && self.permit.below(&resolved).is_nothing() {
                    led = Some(resolved);
                    Err(scope.astray(path))
                } else {
                    self.root.enter(parent, name, path, to_list)
                }
            }
            Known::Link(folder, beneath) => self
                .root
                .locate_link((folder, beneath), path, scope, &mut led)
                .and_then(|located| self.root.open_located(located, path, to_list)),
            Known::Path => self
                .root
                .locate(path, scope, &mut led)
                .and_then(|located| self.root.open_located(located, path, to_list)),
        };
        if let Some(led) = led {
            self.haul.open().trace.insert(path.to_owned(), led);
        }
        let folder = opened?;
        if folder.resolved == path {
            return Ok((folder, below));
        }
        let below = match (below, self.permit.below(&folder.resolved)) {
            (Below::Nothing, _) | (_, Below::Nothing) => Below::Nothing,
            (Below::Patterns, other) | (other, Below::Patterns) => other,
            (Below::Names(names), Below::Names(others)) => {
                Below::Names(names.intersection(&others).cloned().collect())
            }
        };
        Ok((folder, below))
    }

    /// Those names in a directory that `part` can be and that the manifest asks for. Others are not even counted.
    fn list(&self, folder: &Folder, path: &str, part: &Segment) -> Result<Vec<(Vec<u8>, FileKind)>, Cause> {
        let wanted = |name: &[u8], kind: FileKind| {
            let name = String::from_utf8_lossy(name);
            if kind == FileKind::Other || !part.is_match(&name) {
                return false;
            }
            if self.declared {
                return true;
            }
            let inner = inner_path(path, &name);
            let leads = || kind != FileKind::File && !self.permit.below(&inner).is_nothing();
            self.permit.may_read(&inner) || leads()
        };
        self.root.names(folder, path, self.pace, wanted)
    }

    /// Whether everything below a directory is to be left alone: then it matches at any depth.
    fn leaves_alone(&self, folder: &str) -> bool {
        self.except.is_match(&format!("{folder}/any/depth"))
    }

    /// Why a file is not handed over that alone would be: others have taken the space of the request.
    fn crowded(&self) -> Cause {
        let mib = self.wish.limit >> 20;
        Cause::new(CauseKind::TooLarge, format!("the files that match hold more than {mib} MiB"))
    }

    /// Reads one file. Where its directory is known and it is not a link, it is opened there and then, which saves
    /// resolving a long path a thousand times.
    fn file(&mut self, path: &str, known: Known<'_>) {
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
                Err(format!("more than {MAX_FILES} files match"))
            } else if haul.weight > MAX_REPLY {
                Err("the names of the files that match do not fit into one reply".to_owned())
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
            Err(why) => return self.cut(CauseKind::TooLarge, why),
        };
        let mut led = None;
        let outcome = match known {
            Known::Inside(folder, name) => self.read_in((folder, name), path, left, &mut led),
            _ => self.read_led(known, path, left, &mut led),
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
                haul.weight += reply::weight(path) + outcome.as_ref().err().map_or(0, reply::weight_of);
                haul.trace.extend(led.map(|led| (path.to_owned(), led)));
                haul.found.insert(path.to_owned(), outcome);
            }
        }
    }

    /// Reads a file by its path, over all links.
    fn read_led(
        &self,
        known: Known<'_>,
        path: &str,
        left: usize,
        led: &mut Option<String>,
    ) -> Result<Vec<u8>, Cause> {
        let scope = Scope { permit: self.permit, want: Want::Read };
        let located = match known {
            Known::Link(folder, beneath) => self.root.locate_link((folder, beneath), path, scope, led)?,
            _ => self.root.locate(path, scope, led)?,
        };
        self.root.read_located(located.descriptor.as_fd(), path, left.min(MAX_FILE), self.pace)
    }

    /// Reads a name in a directory that is open. It was a regular file when the directory was listed; should it have
    /// become a link, a FIFO or a device since, it is neither followed nor waited for, and refused.
    fn read_in(
        &self,
        (folder, name): (&Folder, &str),
        path: &str,
        left: usize,
        led: &mut Option<String>,
    ) -> Result<Vec<u8>, Cause> {
        let below = path.strip_prefix(folder.resolved.trim_end_matches('/'));
        let as_named = below.and_then(|below| below.strip_prefix('/')) == Some(name);
        if !as_named {
            let resolved = folder.inner(name);
            let permitted = self.permit.may_read(&resolved);
            *led = Some(resolved);
            if !permitted {
                return Err(Scope { permit: self.permit, want: Want::Read }.astray(path));
            }
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(folder.descriptor(), name, flags, Mode::empty());
        let file = file.map_err(|errno| self.root.explain(errno, path))?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| self.root.explain(errno, path))?;
        if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::RegularFile {
            return Err(not_regular(path));
        }
        self.root.read_open(file, path, left.min(MAX_FILE), self.pace)
    }
}

fn inner_path(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}
