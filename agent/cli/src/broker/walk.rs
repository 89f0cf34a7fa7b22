//! Reading all files that match: one request where a thousand would cost a thousand round trips.
//!
//! A glob is walked name by name from its longest fixed beginning. Links are followed where a pattern names them, never
//! while `**` descends, so that a walk ends. What the manifest does not ask for is left out without a word: a glob is a
//! wish, not a list.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::Instant;

use globset::{GlobMatcher, GlobSet};
use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::message::{FileEntry, FileKind, FileList, Outcome};
use rustix::fs::{Mode, OFlags};

use super::MAX_FILE;
use super::permit::{Permit, glob, glob_set};
use super::root::{Located, Root};

/// The most files of one request.
const MAX_FILES: usize = 50_000;

/// How deep `**` descends.
const MAX_DEPTH: usize = 32;

/// Reads what matches `globs` and not `except`, in the order of the paths: so many bytes at most in all, and no longer
/// than until then.
pub(super) fn read_many(
    root: &Root,
    permit: &Permit,
    globs: &[String],
    except: &[String],
    (limit, deadline): (usize, Option<Instant>),
) -> (FileList, Vec<u8>) {
    let mut walk = Walk {
        root,
        permit,
        except: glob_set(except),
        found: BTreeMap::new(),
        partial: None,
        bytes: 0,
        limit,
        deadline,
    };
    for text in globs {
        match glob(text) {
            _ if walk.is_over() => break,
            Some(glob) => walk.start(text, &glob.compile_matcher()),
            None => walk.cut(CauseKind::PluginFailed, format!("`{text}` is no glob")),
        }
    }
    let mut files = Vec::with_capacity(walk.found.len());
    let mut data = Vec::with_capacity(walk.bytes);
    for (path, outcome) in walk.found {
        let size = match outcome {
            Ok(bytes) => {
                data.extend_from_slice(&bytes);
                Outcome::Ok(bytes.len() as u64)
            }
            Err(cause) => Outcome::Refused(cause),
        };
        files.push(FileEntry { path, size });
    }
    (FileList { files, partial: walk.partial }, data)
}

struct Walk<'a> {
    root: &'a Root,
    permit: &'a Permit,
    except: GlobSet,
    found: BTreeMap<String, Result<Vec<u8>, Cause>>,
    partial: Option<Cause>,
    bytes: usize,
    limit: usize,
    deadline: Option<Instant>,
}

impl Walk<'_> {
    /// Says why more may match than was found; the first reason is kept.
    fn cut(&mut self, kind: CauseKind, detail: String) {
        self.partial.get_or_insert_with(|| Cause::new(kind, detail));
    }

    /// Whether the plugin's time is over; then this is said, and nothing more is looked at.
    fn is_over(&mut self) -> bool {
        let over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if over {
            self.cut(CauseKind::TimedOut, "the plugin's time was over before all was found".to_owned());
        }
        over
    }

    fn start(&mut self, text: &str, whole: &GlobMatcher) {
        let parts: Vec<&str> = text.trim_start_matches('/').split('/').collect();
        let fixed = parts.iter().take_while(|part| !is_pattern(part)).count();
        if fixed == parts.len() {
            self.file(text, None);
            return;
        }
        let (beginning, rest) = parts.split_at(fixed);
        let beginning = format!("/{}", beginning.join("/"));
        self.descend(&beginning, rest, whole, 0);
    }

    /// Walks the folder `path`, in which `parts` is still to be matched.
    fn descend(&mut self, path: &str, parts: &[&str], whole: &GlobMatcher, depth: usize) {
        let Some((part, rest)) = parts.split_first() else { return };
        if depth > MAX_DEPTH {
            return self
                .cut(CauseKind::TooLarge, format!("{path} is nested deeper than {MAX_DEPTH} folders"));
        }
        // A fixed name at the end needs no list of the folder: of a process that costs more than reading one file of it.
        if rest.is_empty() && !is_pattern(part) {
            return self.file(&format!("{path}/{part}"), None);
        }
        let folder = match self.root.locate(path) {
            Ok(folder) => folder,
            // A folder that is not there holds nothing; one that may not be entered might.
            Err(cause) if cause.kind == CauseKind::Absent => return,
            Err(cause) => return self.cut(cause.kind, cause.detail),
        };
        let names = match self.root.names(&folder, path) {
            Ok(names) => names,
            Err(cause) if cause.kind == CauseKind::Absent => return,
            Err(cause) => return self.cut(cause.kind, cause.detail),
        };
        let matcher = glob(part).map(|glob| glob.compile_matcher());
        for (name, kind) in names {
            if self.is_over() {
                return;
            }
            let Ok(name) = String::from_utf8(name) else {
                self.cut(CauseKind::NotAvailable, format!("{path} holds a name that is not UTF-8"));
                continue;
            };
            let inner = if path == "/" { format!("/{name}") } else { format!("{path}/{name}") };
            if *part == "**" {
                match kind {
                    // Even listing a folder can have an effect: it may be mounted by being looked at.
                    FileKind::Folder if self.leaves_alone(&inner) => {}
                    FileKind::Folder => self.descend(&inner, parts, whole, depth + 1),
                    FileKind::File | FileKind::Link if whole.is_match(&inner) => {
                        self.file(&inner, (kind == FileKind::File).then_some((&folder, &name)));
                    }
                    _ => {}
                }
            } else if matcher.as_ref().is_some_and(|matcher| matcher.is_match(&name)) {
                match kind {
                    FileKind::Folder | FileKind::Link if !rest.is_empty() => {
                        self.descend(&inner, rest, whole, depth + 1);
                    }
                    FileKind::File | FileKind::Link if rest.is_empty() => {
                        self.file(&inner, (kind == FileKind::File).then_some((&folder, &name)));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether everything below a folder is to be left alone: then it matches at any depth.
    fn leaves_alone(&self, folder: &str) -> bool {
        self.except.is_match(format!("{folder}/any/depth"))
    }

    /// Reads one file. Where its folder is known and it is no link, it is opened there and then, which saves resolving
    /// a long path a thousand times.
    fn file(&mut self, path: &str, known: Option<(&Located, &str)>) {
        if !self.permit.may_read(path) || self.except.is_match(path) || self.found.contains_key(path) {
            return;
        }
        if self.found.len() == MAX_FILES {
            return self.cut(CauseKind::TooLarge, format!("more than {MAX_FILES} files match"));
        }
        let left = self.limit.saturating_sub(self.bytes);
        if left == 0 {
            return self.cut(
                CauseKind::TooLarge,
                format!("the files that match hold more than {} MiB", self.limit >> 20),
            );
        }
        let outcome = match known {
            Some((folder, name)) => self.read_in(folder, name, path, left),
            None => self.root.locate(path).and_then(|located| {
                if self.permit.may_read(&located.resolved) {
                    self.root.read_located(located.descriptor.as_fd(), path, left.min(MAX_FILE))
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
                self.bytes += outcome.as_ref().map_or(0, Vec::len);
                self.found.insert(path.to_owned(), outcome);
            }
        }
    }

    /// Reads `name` in a folder that is open. It was a regular file when the folder was listed; should it have become
    /// a link, a FIFO or a device since, it is neither followed nor waited for, and refused.
    fn read_in(&self, folder: &Located, name: &str, path: &str, left: usize) -> Result<Vec<u8>, Cause> {
        let resolved = format!("{}/{name}", folder.resolved.trim_end_matches('/'));
        if !self.permit.may_read(&resolved) {
            let detail = format!("{path} leads to {resolved}, which plugin.toml does not ask to read");
            return Err(Cause::new(CauseKind::NotDeclared, detail));
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(&folder.descriptor, name, flags, Mode::empty());
        let file = file.map_err(|errno| self.root.explain(errno, path))?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| self.root.explain(errno, path))?;
        if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::RegularFile {
            return Err(Cause::new(CauseKind::NotPermitted, format!("{path} is no regular file")));
        }
        self.root.read_open(file, path, left.min(MAX_FILE))
    }
}

fn is_pattern(part: &str) -> bool {
    part.contains(['*', '?', '[', '{'])
}
