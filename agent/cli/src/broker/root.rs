//! The root beneath which every path is resolved: `/` on a live host, a folder under `--root`.
//!
//! A path never leads out: the kernel resolves it in the root (`openat2`), absolute links start there, magic links are
//! refused. A file is first opened as a mere place (`O_PATH`), which has no effect on FIFOs and devices; only when its
//! kind and its resolved path are right is that very file opened for reading.

use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::message::{Entry, FileKind, Stat};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;

use super::hand::Pulse;
use super::permit::Permit;
use crate::users;

/// The most names of one folder that are handed over.
const MAX_NAMES: usize = 100_000;

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
    path: PathBuf,
    live: bool,
}

/// A place in the root: opened, but not for reading.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) descriptor: OwnedFd,
    /// Its path in the root after all links.
    pub(crate) resolved: String,
}

/// A folder in the root, open for listing and for what is in it.
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

    fn open(path: &Path, live: bool) -> std::io::Result<Root> {
        let path = path.canonicalize()?;
        let folder = rustix::fs::openat(CWD, &path, FOLDER, Mode::empty())?;
        Ok(Root { folder, path, live })
    }

    /// Whether this is the running host.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// Finds `path`, following links inside the root.
    pub(crate) fn locate(&self, path: &str) -> Result<Located, Cause> {
        let beneath = path.trim_start_matches('/');
        let beneath = if beneath.is_empty() { "." } else { beneath };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let mut tries = 0;
        let descriptor = loop {
            match rustix::fs::openat2(&self.folder, beneath, flags, Mode::empty(), resolve) {
                // The kernel asks to try again when something was renamed meanwhile.
                Err(Errno::AGAIN) if tries < 8 => tries += 1,
                outcome => break outcome.map_err(|errno| self.explain(errno, path))?,
            }
        };
        let resolved = self.resolved(&descriptor).ok_or_else(|| {
            Cause::new(CauseKind::NotAvailable, format!("where {path} leads cannot be told"))
        })?;
        Ok(Located { descriptor, resolved })
    }

    /// Finds `path` and refuses it unless both it and the place that it leads to may be read.
    pub(crate) fn locate_permitted(&self, path: &str, permit: &Permit) -> Result<Located, Cause> {
        permit.read(path)?;
        let located = self.locate(path)?;
        if !permit.may_read(&located.resolved) {
            return Err(leads_elsewhere(path, &located.resolved, "read"));
        }
        Ok(located)
    }

    /// The bytes of a regular file of `limit` bytes at most.
    pub(crate) fn read(
        &self,
        path: &str,
        permit: &Permit,
        limit: usize,
        pulse: &Pulse,
    ) -> Result<Vec<u8>, Cause> {
        let located = self.locate_permitted(path, permit)?;
        self.read_located(located.descriptor.as_fd(), path, limit, pulse)
    }

    /// The bytes of a regular file that is known as a place.
    pub(crate) fn read_located(
        &self,
        place: BorrowedFd<'_>,
        path: &str,
        limit: usize,
        pulse: &Pulse,
    ) -> Result<Vec<u8>, Cause> {
        let stat = rustix::fs::fstat(place).map_err(|errno| self.explain(errno, path))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Cause::new(CauseKind::NotPermitted, format!("{path} is no regular file")));
        }
        let magic = format!("/proc/self/fd/{}", place.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = rustix::fs::openat(CWD, magic, flags, Mode::empty())
            .map_err(|errno| self.explain(errno, path))?;
        self.read_open(file, path, limit, pulse)
    }

    /// The bytes of an open regular file.
    pub(crate) fn read_open(
        &self,
        file: OwnedFd,
        path: &str,
        limit: usize,
        pulse: &Pulse,
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
            pulse.beat();
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

    /// The names in a folder, sorted.
    pub(crate) fn list(&self, path: &str, permit: &Permit) -> Result<Vec<Entry>, Cause> {
        let folder = self.open_located(&self.locate_permitted(path, permit)?, path)?;
        let mut entries = Vec::new();
        for (name, kind) in self.names(&folder, path)? {
            entries.push(Entry { name: String::from_utf8_lossy(&name).into_owned(), kind });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Finds and opens the folder `path`, following links inside the root.
    pub(crate) fn folder_at(&self, path: &str) -> Result<Folder, Cause> {
        self.open_located(&self.locate(path)?, path)
    }

    fn open_located(&self, located: &Located, path: &str) -> Result<Folder, Cause> {
        let open = rustix::fs::openat(&located.descriptor, ".", FOLDER, Mode::empty());
        let descriptor = open.map_err(|errno| self.explain(errno, path))?;
        Ok(Folder { descriptor, resolved: located.resolved.clone() })
    }

    /// Opens a folder in a folder that is open, which saves resolving a long path hundreds of times. Should it have
    /// become a link since it was listed, it is not followed.
    pub(crate) fn enter(&self, parent: &Folder, name: &str, path: &str) -> Result<Folder, Cause> {
        let open = rustix::fs::openat(&parent.descriptor, name, FOLDER | OFlags::NOFOLLOW, Mode::empty());
        let descriptor = open.map_err(|errno| self.explain(errno, path))?;
        Ok(Folder { descriptor, resolved: parent.inner(name) })
    }

    /// The names in a folder as bytes, with their kinds.
    pub(crate) fn names(&self, folder: &Folder, path: &str) -> Result<Vec<(Vec<u8>, FileKind)>, Cause> {
        let mut buffer = [MaybeUninit::uninit(); LIST_BUFFER];
        let mut entries = RawDir::new(&folder.descriptor, &mut buffer);
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|errno| self.explain(errno, path))?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            if names.len() == MAX_NAMES {
                return Err(Cause::new(
                    CauseKind::TooLarge,
                    format!("{path} holds more than {MAX_NAMES} names"),
                ));
            }
            let kind = match entry.file_type() {
                // Some file systems do not say it in a list.
                FileType::Unknown => rustix::fs::statat(&folder.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
                known => known,
            };
            names.push((name.to_bytes().to_vec(), self::kind(kind)));
        }
        Ok(names)
    }

    /// What is known of a file without opening it.
    pub(crate) fn stat(&self, path: &str, permit: &Permit) -> Result<Stat, Cause> {
        if !permit.may_stat(path) {
            let detail = format!("plugin.toml does not ask to look at {path}");
            return Err(Cause::new(CauseKind::NotDeclared, detail));
        }
        let located = self.locate(path)?;
        if !permit.may_stat(&located.resolved) {
            return Err(leads_elsewhere(path, &located.resolved, "look at"));
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

    fn resolved(&self, descriptor: &OwnedFd) -> Option<String> {
        let magic = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
        let path = PathBuf::from(std::ffi::OsString::from(std::fs::read_link(magic).ok()?));
        let beneath = path.strip_prefix(&self.path).ok()?.to_str()?;
        Some(format!("/{beneath}"))
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
        let user = users::current().name;
        let cause = Cause::new(CauseKind::NotPermitted, format!("{path} may not be read by `{user}`"));
        let kernel = ["/proc/", "/sys/"].iter().any(|prefix| path.starts_with(prefix));
        if self.live && !kernel {
            cause.remedy(format!("sudo goodstead check, or: sudo setfacl -m u:{user}:r {path}"))
        } else {
            cause.remedy("sudo goodstead check")
        }
    }
}

fn leads_elsewhere(path: &str, resolved: &str, wanted: &str) -> Cause {
    let detail = format!("{path} leads to {resolved}, which plugin.toml does not ask to {wanted}");
    Cause::new(CauseKind::NotDeclared, detail)
}

fn kind(kind: FileType) -> FileKind {
    match kind {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    }
}
