//! The root beneath which every path is resolved: `/` on a live host, a folder under `--root`.
//!
//! A path never leads out: it is resolved in the root (`resolve.rs`), absolute links start there, magic links are
//! refused. A file is first opened as a mere place (`O_PATH`), which has no effect on FIFOs and devices; only when its
//! kind and its resolved path are right is that very file opened for reading.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::glob::Glob;
use goodstead_protocol::message::{Entry, FileKind, Stat};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;

use super::hand::Pace;
use super::permit::{Permit, Want};
use super::reply::{self, MAX_REPLY};
use super::resolve::{Located, Scope};
use crate::bundle::Recorded;
use crate::users;

/// The most names of one directory that are wanted; names that nobody wants do not count.
const MAX_NAMES: usize = 100_000;

/// How many names are read between two looks at the clock.
const NAMES_AT_ONCE: usize = 256;

/// What the kernel lists at once.
const LIST_BUFFER: usize = 8 << 10;

/// Small reads are fastest on `/proc/sys`, where a larger buffer costs the kernel an allocation a file.
const FIRST_READ: usize = 4096;

/// Large files are read in pieces, so that one that is slow can be told from one that hangs.
const MAX_AT_ONCE: usize = 1 << 20;

/// Where paths are resolved.
#[derive(Debug)]
pub(crate) struct Root {
    folder: OwnedFd,
    live: bool,
    /// Whether it is a container's on the running host.
    contained: bool,
    recorded: Option<Recorded>,
}

/// A folder in the root, open for what is in it, and for listing unless it was opened as a mere place.
#[derive(Debug)]
pub(crate) struct Folder {
    descriptor: OwnedFd,
    /// Its path in the root after all links.
    pub(crate) resolved: String,
}

impl Folder {
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// The resolved path of a name in it that is no link.
    pub(crate) fn inner(&self, name: &str) -> String {
        format!("{}/{name}", self.resolved.trim_end_matches('/'))
    }
}

/// How folders are opened.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Root {
    /// The live host.
    pub(crate) fn live() -> std::io::Result<Root> {
        Root::open(Path::new("/"), true)
    }

    /// A folder that holds a root file system.
    pub(crate) fn folder(path: &Path) -> std::io::Result<Root> {
        Root::open(path, false)
    }

    /// The root directory of a container on the running host, by a process in it.
    pub(crate) fn container(pid: u32) -> std::io::Result<Root> {
        let folder = rustix::fs::openat(CWD, format!("/proc/{pid}/root"), FOLDER, Mode::empty())?;
        Ok(Root { folder, live: true, contained: true, recorded: None })
    }

    fn open(path: &Path, live: bool) -> std::io::Result<Root> {
        let path = path.canonicalize()?;
        let folder = rustix::fs::openat(CWD, &path, FOLDER, Mode::empty())?;
        Ok(Root { folder, live, contained: false, recorded: None })
    }

    /// The same folder as the root of a support bundle.
    pub(crate) fn recorded(self, recorded: Recorded) -> Root {
        Root { recorded: Some(recorded), ..self }
    }

    /// What only a support bundle has; `None` elsewhere.
    pub(crate) fn bundle(&self) -> Option<&Recorded> {
        self.recorded.as_ref()
    }

    /// Where `/proc/self` leads in a bundle: the process that wrote it.
    pub(crate) fn writer(&self) -> Option<String> {
        self.recorded.as_ref()?;
        let link = rustix::fs::readlinkat(&self.folder, "proc/self", Vec::new()).ok()?;
        let number =
            link.to_str().ok().filter(|it| it.chars().all(|c| c.is_ascii_digit()) && !it.is_empty())?;
        Some(format!("/proc/{number}"))
    }

    /// Whether the bundle holds something of this name.
    pub(crate) fn holds(&self, relative: &str) -> bool {
        rustix::fs::statat(&self.folder, relative, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Whether this is a container on the running host.
    pub(crate) fn is_contained(&self) -> bool {
        self.contained
    }

    /// Whether this is the running host, or runs on it.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// The bytes of a regular file of `limit` bytes at most.
    pub(crate) fn read(
        &self,
        path: &str,
        permit: &Permit,
        limit: usize,
        (pace, led): (Pace<'_>, &mut Option<String>),
    ) -> Result<Vec<u8>, Cause> {
        let located = self.locate(path, Scope { permit, want: Want::Read }, led)?;
        self.read_located(located.descriptor.as_fd(), path, limit, pace)
    }

    /// The bytes of a regular file that is known as a place.
    pub(crate) fn read_located(
        &self,
        place: BorrowedFd<'_>,
        path: &str,
        limit: usize,
        pace: Pace<'_>,
    ) -> Result<Vec<u8>, Cause> {
        let stat = rustix::fs::fstat(place).map_err(|errno| self.explain(errno, path))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(not_regular(path));
        }
        let magic = format!("/proc/self/fd/{}", place.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = rustix::fs::openat(CWD, magic, flags, Mode::empty())
            .map_err(|errno| self.explain(errno, path))?;
        self.read_open(file, path, limit, pace)
    }

    /// The bytes of an open regular file.
    pub(crate) fn read_open(
        &self,
        file: OwnedFd,
        path: &str,
        limit: usize,
        pace: Pace<'_>,
    ) -> Result<Vec<u8>, Cause> {
        let mut file = File::from(file);
        // Nearly all are small, and there are thousands: each is handed on in as many bytes as it has.
        let mut small = [0; FIRST_READ];
        let mut large = Vec::new();
        let mut filled = 0;
        loop {
            let space = if large.is_empty() { small.as_mut_slice() } else { large.as_mut_slice() };
            let size = space.len();
            let end = size.min(filled + MAX_AT_ONCE);
            match file.read(space.get_mut(filled..end).unwrap_or_default()) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let errno = error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
                    return Err(self.explain(errno, path));
                }
            }
            if pace.is_over() {
                return Err(pace.late(path));
            }
            let too_large =
                || Cause::new(CauseKind::TooLarge, format!("{path} is larger than {} MiB", limit >> 20));
            if filled > limit {
                return Err(too_large());
            }
            if filled == size {
                if large.is_empty() {
                    // Files that say how large they are need not be read to be refused; those of the kernel say 0.
                    let says = rustix::fs::fstat(&file).map_or(0, |stat| stat.st_size);
                    if usize::try_from(says).is_ok_and(|says| says > limit) {
                        return Err(too_large());
                    }
                    large.extend_from_slice(&small);
                }
                large.resize(filled * 4, 0);
            }
        }
        if large.is_empty() {
            return Ok(small.get(..filled).unwrap_or_default().to_vec());
        }
        large.truncate(filled);
        Ok(large)
    }

    /// The names in a directory, sorted.
    pub(crate) fn list(
        &self,
        path: &str,
        permit: &Permit,
        (pace, led): (Pace<'_>, &mut Option<String>),
    ) -> Result<Vec<Entry>, Cause> {
        let folder = self.folder_at(path, Scope { permit, want: Want::Read }, led)?;
        entries(path, self.names(&folder, path, pace, |_, _| true)?)
    }

    /// The names in a directory that match and that the manifest asks for, sorted.
    pub(crate) fn find(
        &self,
        (path, matching): (&str, &Glob),
        permit: &Permit,
        (pace, led): (Pace<'_>, &mut Option<String>),
    ) -> Result<Vec<Entry>, Cause> {
        let folder = self.folder_at(path, Scope { permit, want: Want::Find }, led)?;
        let wanted = |name: &[u8], _| {
            let as_asked = |name| format!("{}/{name}", path.trim_end_matches('/'));
            std::str::from_utf8(name).is_ok_and(|name| {
                matching.is_match(name)
                    && permit.may_name(&as_asked(name))
                    && (folder.resolved == path || permit.may_name(&folder.inner(name)))
            })
        };
        entries(path, self.names(&folder, path, pace, wanted)?)
    }

    /// Finds and opens the directory `path`, following links inside the root and inside `scope`.
    pub(crate) fn folder_at(
        &self,
        path: &str,
        scope: Scope<'_>,
        led: &mut Option<String>,
    ) -> Result<Folder, Cause> {
        self.open_located(self.locate(path, scope, led)?, path, true)
    }

    /// Opens a directory that is known as a place. One that is not to be listed stays a mere place, which needs no right
    /// to read it.
    pub(crate) fn open_located(&self, located: Located, path: &str, to_list: bool) -> Result<Folder, Cause> {
        let Located { descriptor, resolved } = located;
        if !to_list {
            return Ok(Folder { descriptor, resolved });
        }
        let open = rustix::fs::openat(&descriptor, ".", FOLDER, Mode::empty());
        let descriptor = open.map_err(|errno| self.explain(errno, path))?;
        Ok(Folder { descriptor, resolved })
    }

    /// Opens a directory in a directory that is open, which saves resolving a long path hundreds of times. Should it
    /// have become a link since it was listed, it is not followed.
    pub(crate) fn enter(
        &self,
        parent: &Folder,
        name: &str,
        path: &str,
        to_list: bool,
    ) -> Result<Folder, Cause> {
        let flags = if to_list { FOLDER } else { FOLDER | OFlags::PATH };
        let open = rustix::fs::openat(&parent.descriptor, name, flags | OFlags::NOFOLLOW, Mode::empty());
        let descriptor = open.map_err(|errno| self.explain(errno, path))?;
        Ok(Folder { descriptor, resolved: parent.inner(name) })
    }

    /// Those names in a directory, as bytes, with their kinds, that are `wanted`.
    pub(crate) fn names(
        &self,
        folder: &Folder,
        path: &str,
        pace: Pace<'_>,
        wanted: impl Fn(&[u8], FileKind) -> bool,
    ) -> Result<Vec<(Vec<u8>, FileKind)>, Cause> {
        let mut buffer = [MaybeUninit::uninit(); LIST_BUFFER];
        let mut entries = RawDir::new(&folder.descriptor, &mut buffer);
        let mut names = Vec::new();
        let mut seen = 0_usize;
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|errno| self.explain(errno, path))?;
            let name = entry.file_name();
            seen += 1;
            if seen.is_multiple_of(NAMES_AT_ONCE) && pace.is_over() {
                return Err(pace.late(path));
            }
            if name == c"." || name == c".." {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say it in a list.
                FileType::Unknown => kind_of(folder, name).unwrap_or(FileKind::Other),
                known => kind(known),
            };
            if !wanted(name.to_bytes(), kind) {
                continue;
            }
            if names.len() == MAX_NAMES {
                let detail = format!("{path} holds more than {MAX_NAMES} names");
                return Err(Cause::new(CauseKind::TooLarge, detail));
            }
            names.push((name.to_bytes().to_vec(), kind));
        }
        Ok(names)
    }

    /// Those of some names that are in a directory, with their kinds, without listing it.
    pub(crate) fn look_up(
        &self,
        folder: &Folder,
        path: &str,
        names: &BTreeSet<String>,
    ) -> Result<Vec<(Vec<u8>, FileKind)>, Cause> {
        let mut found = Vec::new();
        for name in names {
            match kind_of(folder, name.as_str()) {
                Ok(kind) => found.push((name.clone().into_bytes(), kind)),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::SRCH | Errno::NAMETOOLONG) => {}
                Err(errno) => return Err(self.explain(errno, path)),
            }
        }
        Ok(found)
    }

    /// What is known of a file without opening it.
    pub(crate) fn stat(&self, path: &str, permit: &Permit, led: &mut Option<String>) -> Result<Stat, Cause> {
        let located = self.locate(path, Scope { permit, want: Want::Stat }, led)?;
        if let Some(recorded) = &self.recorded {
            let unknown = || {
                let detail =
                    format!("owner, mode and time of {path} in a support bundle are not those on the host");
                Cause::new(CauseKind::NotApplicableHere, detail)
            };
            return recorded.stats.get(&located.resolved).cloned().ok_or_else(unknown);
        }
        let stat = rustix::fs::fstat(&located.descriptor).map_err(|errno| self.explain(errno, path))?;
        Ok(Stat {
            kind: kind(FileType::from_raw_mode(stat.st_mode)),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            modified: stat.st_mtime,
        })
    }

    /// The kernel's refusal in words, with the way to change it.
    pub(crate) fn explain(&self, errno: Errno, path: &str) -> Cause {
        match errno {
            // What belongs to a process or device that is gone meanwhile (SRCH, NODEV) does not exist any more either.
            Errno::NOENT | Errno::NOTDIR | Errno::SRCH | Errno::NODEV => {
                Cause::new(CauseKind::Absent, format!("{path} does not exist"))
            }
            Errno::ACCESS | Errno::PERM => self.not_permitted(path),
            Errno::LOOP => {
                Cause::new(CauseKind::NotPermitted, format!("{path} is a link that is not followed"))
            }
            Errno::NOSYS => {
                Cause::new(CauseKind::NotAvailable, "this kernel lacks openat2 (Linux 5.6 has it)")
            }
            other => Cause::new(CauseKind::NotAvailable, format!("{path} cannot be read: {other}")),
        }
    }

    fn not_permitted(&self, path: &str) -> Cause {
        let user = users::current();
        let cause = Cause::new(CauseKind::NotPermitted, format!("{path} may not be read by `{}`", user.name));
        if user.uid == 0 {
            // Root is refused by a security module, a file system that maps it to nobody, or a container: no command of
            // ours changes that.
            return cause;
        }
        let alone = self.acl_is_enough(path) && users::is_plain(&user.name);
        cause.remedy(if alone {
            format!("sudo goodstead check, or: sudo setfacl -m u:{}:r {path}", user.name)
        } else {
            "sudo goodstead check".to_owned()
        })
    }

    /// Whether an access list entry on this one file would let the user read it, and change nothing else. It would not
    /// where a folder above may not be entered. And where the file's group may not read it, the entry would widen the
    /// group's bits (the list's mask, acl(5)), which programs refuse in their keys and password files.
    fn acl_is_enough(&self, path: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let kernel = ["/proc/", "/sys/", "/dev/"].iter().any(|prefix| path.starts_with(prefix));
        if !self.live || kernel || !path.chars().all(plain) || !Path::new("/usr/bin/setfacl").exists() {
            return false;
        }
        // No link is followed, so that nothing else is touched than what was asked for.
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let beneath = path.trim_start_matches('/');
        // Resolving asks for the right to enter every folder on the way, and for none to the file itself.
        let Ok(file) = rustix::fs::openat2(&self.folder, beneath, flags, Mode::empty(), resolve) else {
            return false;
        };
        rustix::fs::fstat(&file).is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                && Mode::from_raw_mode(stat.st_mode).contains(Mode::RGRP)
        })
    }
}

/// Why what is not a regular file is not read.
pub(crate) fn not_regular(path: &str) -> Cause {
    Cause::new(CauseKind::NotRegular, format!("{path} is not a regular file"))
}

/// Names as they are returned, sorted, if they fit into a reply.
fn entries(path: &str, names: Vec<(Vec<u8>, FileKind)>) -> Result<Vec<Entry>, Cause> {
    let entry =
        |(name, kind): (Vec<u8>, _)| Entry { name: String::from_utf8_lossy(&name).into_owned(), kind };
    let mut entries: Vec<Entry> = names.into_iter().map(entry).collect();
    if entries.iter().map(|entry| reply::weight(&entry.name)).sum::<usize>() > MAX_REPLY {
        let detail = format!("the {} names in {path} do not fit into one reply", entries.len());
        return Err(Cause::new(CauseKind::TooLarge, detail));
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// What a name in a directory is; a link is not followed.
fn kind_of(folder: &Folder, name: impl rustix::path::Arg) -> Result<FileKind, Errno> {
    let stat = rustix::fs::statat(&folder.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(kind(FileType::from_raw_mode(stat.st_mode)))
}

fn kind(kind: FileType) -> FileKind {
    match kind {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_access_list_is_advised_only_where_it_is_enough_and_widens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::live().unwrap();
        let file = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path.display().to_string()
        };
        let there = Path::new("/usr/bin/setfacl").exists();
        assert_eq!(root.acl_is_enough(&file("shared", 0o640)), there);
        for refused in [
            file("private", 0o600),
            file("odd name", 0o640),
            file("x;y", 0o640),
            folder.path().display().to_string(),
            format!("{}/missing/file", folder.path().display()),
            "/proc/1/environ".to_owned(),
        ] {
            assert!(!root.acl_is_enough(&refused), "{refused}");
        }
        let beneath = Root::folder(folder.path()).unwrap();
        assert!(!beneath.acl_is_enough("/shared"), "a folder is not the running host");
    }

    /// Root enters every folder, so that it is tried as somebody else.
    #[test]
    fn a_folder_that_may_not_be_entered_leaves_only_the_scan_as_root() {
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        std::fs::create_dir(&closed).unwrap();
        let file = closed.join("data");
        std::fs::write(&file, "").unwrap();
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&file, 0o644);
        mode(folder.path(), 0o755);
        let enough = || {
            let path = file.display().to_string();
            let tried = std::thread::spawn(move || {
                if rustix::process::geteuid().is_root() {
                    let nobody = users::by_name("nobody").unwrap();
                    super::super::connect::take_on(&nobody).unwrap();
                }
                Root::live().unwrap().acl_is_enough(&path)
            });
            tried.join().unwrap()
        };
        mode(&closed, 0o755);
        assert_eq!(enough(), Path::new("/usr/bin/setfacl").exists());
        mode(&closed, 0o000);
        assert!(!enough());
        mode(&closed, 0o755);
    }
}
