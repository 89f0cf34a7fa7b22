//! Unpacking an archive that anybody may have written.
//!
//! Compressed archives are read through the system's own program in a process of its own, with bounded memory. Of the
//! entries only plain files, folders and links are taken, each path from plain names only. While files are written the
//! folder holds no link, so that no path leads out; links are made last, and only in folders that were made here. They may
//! lead anywhere: whoever reads the folder resolves them inside it.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::rc::Rc;

use goodstead_protocol::glob::Globs;
use goodstead_protocol::message::{FileKind, Stat};
use tar::{Archive, EntryType, Header};

use super::Stats;
use crate::files::open_regular;

/// The largest file that is unpacked, as the largest that a plugin can read.
const MAX_FILE: u64 = 16 << 20;

/// The most bytes that are written in all.
const MAX_WRITTEN: u64 = 1 << 30;

/// The most bytes that an archive may hold, also of files that nobody asks for.
const MAX_BYTES: u64 = 32 << 30;

/// What may come of each byte of the archive on average, once there are enough of them: logs pack well, bombs better.
const MAX_RATIO: u64 = 400;

/// From so many bytes on the ratio is held.
const RATIO_FROM: u64 = 256 << 20;

/// The most entries.
const MAX_ENTRIES: usize = 1_000_000;

/// The most files and links that are unpacked.
const MAX_FILES: usize = 200_000;

/// The longest path, and the most names in it.
const MAX_PATH: (usize, usize) = (2048, 40);

/// The most memory of a decompressor.
const MEMORY: &str = "--memlimit-decompress=256MiB";

/// The most that stands between two entries besides the first one's content: long names and the like, which are read whole.
const BETWEEN: u64 = 1 << 20;

/// The first bytes of compressed archives, with the program that reads each.
const PROGRAMS: [(&[u8], &str, &[&str]); 3] = [
    (b"\x1f\x8b", "gzip", &["-dc"]),
    (b"\xfd7zXZ\0", "xz", &["-dc", "--no-sparse", MEMORY]),
    (b"BZh", "bzip2", &["-dc"]),
];

/// Where the system's programs are; the environment does not decide it.
const FOLDERS: [&str; 2] = ["/usr/bin", "/bin"];

/// What was unpacked, besides the files.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    /// Header of each entry by its path in the archive.
    headers: HashMap<PathBuf, Stat>,
    /// What was left out, for people.
    pub(super) notes: Vec<String>,
}

impl Unpacked {
    /// The files of the host by their absolute paths: of the bundle whose root is `prefix`. Empty where even `/etc` is
    /// not root's: then the archive was packed anew by somebody else.
    pub(super) fn stats(&self, prefix: &Path) -> Stats {
        let of_root = |name: &str| self.headers.get(&prefix.join(name)).is_some_and(|stat| stat.uid == 0);
        if !of_root("etc") {
            return Stats::new();
        }
        let beneath = |(path, stat): (&PathBuf, &Stat)| {
            let path = path.strip_prefix(prefix).ok()?.to_str()?;
            Some((format!("/{path}"), stat.clone()))
        };
        self.headers.iter().filter_map(beneath).collect()
    }

    /// The newest time of what has one of these names or is below it.
    pub(super) fn newest(&self, prefix: &Path, names: &[&str]) -> Option<i64> {
        let marks: Vec<PathBuf> = names.iter().map(|name| prefix.join(name)).collect();
        let marked = self.headers.iter().filter(|(path, _)| marks.iter().any(|mark| path.starts_with(mark)));
        marked.map(|(_, stat)| stat.modified).filter(|time| *time > 0).max()
    }
}

/// Unpacks what is `wanted` of the archive into `folder`, which is empty and private.
///
/// # Errors
/// It cannot be read, is not an archive, or exceeds a limit. An archive that ends early is taken as far as it goes,
/// with a note.
pub(super) fn unpack(archive: &Path, folder: &Path, wanted: &Globs) -> io::Result<Unpacked> {
    let (mut file, metadata) = open_regular(archive)?;
    let mut start = Vec::new();
    Read::by_ref(&mut file).take(8).read_to_end(&mut start)?;
    file.rewind()?;
    let program = PROGRAMS.iter().find(|(magic, ..)| start.starts_with(magic));
    let progress = Rc::new(Progress { read: Cell::new(0), limit: Cell::new(BETWEEN) });
    let mut bounded =
        Bounded { inner: Source::of(file, program)?, progress: Rc::clone(&progress), packed: metadata.len() };
    let mut work = Work {
        folder,
        wanted,
        unpacked: Unpacked::default(),
        written: 0,
        files: 0,
        links: BTreeMap::new(),
        folders: HashSet::new(),
    };
    let outcome = work.entries(&mut bounded, &progress);
    if bounded.exceeded() {
        return Err(too_much("it unpacks to far more than a support bundle has"));
    }
    match outcome {
        Ok(()) => {}
        // What came before the fault is as good as ever, if there is any of it.
        Err(error) if work.files > 0 && error.kind() != io::ErrorKind::StorageFull => {
            let what =
                format!("the archive is damaged or cut short, so what comes after that is unknown: {error}");
            work.unpacked.notes.push(what);
        }
        Err(error) => return Err(error),
    }
    work.link();
    Ok(work.unpacked)
}

/// A refusal that is no fault of the reading.
fn too_much(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, why)
}

/// The bytes of the archive proper.
enum Source {
    Plain(File),
    Packed { child: Child, output: ChildStdout },
}

impl Source {
    fn of(file: File, program: Option<&(&[u8], &str, &[&str])>) -> io::Result<Source> {
        let Some((_, name, arguments)) = program else { return Ok(Source::Plain(file)) };
        let found = FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
        let path =
            found.ok_or_else(|| io::Error::other(format!("{name}, which unpacks it, is not installed")))?;
        let mut command = Command::new(path);
        command.args(*arguments).env_clear().current_dir("/");
        let mut child = command.stdin(file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        Ok(Source::Packed { child, output })
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Plain(file) => file.read(buffer),
            Source::Packed { child, output } => match output.read(buffer)? {
                // The program says only by its exit code that the archive is damaged.
                0 if !buffer.is_empty() && !child.wait()?.success() => {
                    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it cannot be decompressed"))
                }
                read => Ok(read),
            },
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Source::Packed { child, .. } = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How far an archive was read, and up to where the next entry has to begin, both in bytes.
struct Progress {
    read: Cell<u64>,
    limit: Cell<u64>,
}

/// Ends the reading where an archive yields too much.
struct Bounded {
    inner: Source,
    progress: Rc<Progress>,
    packed: u64,
}

impl Bounded {
    fn exceeded(&self) -> bool {
        let read = self.progress.read.get();
        let bomb = read > RATIO_FROM && read / self.packed.max(1) > MAX_RATIO;
        bomb || read > MAX_BYTES || read > self.progress.limit.get()
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.exceeded() {
            return Err(too_much("too large"));
        }
        let read = self.inner.read(buffer)?;
        self.progress.read.set(self.progress.read.get().saturating_add(read as u64));
        Ok(read)
    }
}

struct Work<'a> {
    folder: &'a Path,
    wanted: &'a Globs,
    unpacked: Unpacked,
    written: u64,
    files: usize,
    /// Where links are to be made, and what is in them.
    links: BTreeMap<PathBuf, PathBuf>,
    /// The folders that were made here.
    folders: HashSet<PathBuf>,
}

impl Work<'_> {
    fn entries(&mut self, source: &mut Bounded, progress: &Progress) -> io::Result<()> {
        let mut archive = Archive::new(source);
        for (number, entry) in archive.entries()?.enumerate() {
            let mut entry = entry?;
            let room = entry.size().saturating_add(BETWEEN);
            progress.limit.set(progress.read.get().saturating_add(room));
            if number >= MAX_ENTRIES {
                return Err(too_much("it has too many entries"));
            }
            let Some(path) = plain(&entry.path_bytes()) else { continue };
            let kind = entry.header().entry_type();
            match kind {
                EntryType::Directory => self.make_folders(&path)?,
                EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                    if self.is_wanted(&path) {
                        self.write(&path, entry.size(), &mut entry)?;
                    }
                }
                EntryType::Symlink => {
                    let target =
                        entry.link_name_bytes().and_then(|name| String::from_utf8(name.into_owned()).ok());
                    if let Some(target) = target.filter(|target| target.len() <= MAX_PATH.0)
                        && self.links.len() < MAX_FILES
                    {
                        self.links.insert(path.clone(), PathBuf::from(target));
                    }
                }
                // Hard links, devices and pipes are of no use to anybody here.
                _ => continue,
            }
            let stat = stat(entry.header(), kind, entry.size());
            if self.unpacked.headers.len() < MAX_ENTRIES {
                self.unpacked.headers.insert(path, stat);
            }
        }
        Ok(())
    }

    /// Whether a plugin may ask for it. Archives have one folder around everything, or none.
    fn is_wanted(&self, path: &Path) -> bool {
        let Some(text) = path.to_str() else { return false };
        let inner = text.split_once('/').map(|(_, inner)| inner);
        [Some(text), inner].into_iter().flatten().any(|path| self.wanted.is_match(&format!("/{path}")))
    }

    fn make_folders(&mut self, path: &Path) -> io::Result<()> {
        let mut at = PathBuf::new();
        for name in path.components() {
            at.push(name);
            if self.folders.contains(&at) {
                continue;
            }
            if self.folders.len() >= MAX_FILES {
                return Err(too_much("it has too many folders"));
            }
            match fs::create_dir(self.folder.join(&at)) {
                Ok(()) => {}
                // A file has this name: what the archive has below it goes nowhere.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
                Err(error) => return Err(error),
            }
            self.folders.insert(at.clone());
        }
        Ok(())
    }

    /// Whether the folder in which `path` is to be made was made here.
    fn has_folder_of(&self, path: &Path) -> bool {
        path.parent().is_none_or(|parent| parent.as_os_str().is_empty() || self.folders.contains(parent))
    }

    fn write(&mut self, path: &Path, size: u64, content: &mut impl Read) -> io::Result<()> {
        if size > MAX_FILE || self.files >= MAX_FILES || self.written.saturating_add(size) > MAX_WRITTEN {
            let what = "files that are too large, or more than fit, were left out and are unknown".to_owned();
            if !self.unpacked.notes.contains(&what) {
                self.unpacked.notes.push(what);
            }
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.make_folders(parent)?;
        }
        if !self.has_folder_of(path) {
            return Ok(());
        }
        let options =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.folder.join(path));
        let mut file = match options {
            Ok(file) => file,
            // The first of several entries of one name counts.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(error),
        };
        let copied = io::copy(&mut content.take(MAX_FILE), &mut file)?;
        file.flush()?;
        self.files += 1;
        self.written += copied;
        if copied < size {
            // A file that is cut short must not be read as if it were whole.
            fs::remove_file(self.folder.join(path))?;
            self.files -= 1;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Makes the links, when nothing is written any more.
    fn link(&mut self) {
        for (path, target) in std::mem::take(&mut self.links) {
            let parent = path.parent().unwrap_or(Path::new(""));
            if self.make_folders(parent).is_ok() && self.has_folder_of(&path) {
                // What has the name already stays.
                let _ = symlink(target, self.folder.join(&path));
            }
        }
    }
}

/// A path of plain names below the folder; `None` for any other.
fn plain(bytes: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.len() > MAX_PATH.0 || text.chars().any(char::is_control) {
        return None;
    }
    let mut path = PathBuf::new();
    for part in Path::new(text).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    let depth = path.components().count();
    (1..=MAX_PATH.1).contains(&depth).then_some(path)
}

fn stat(header: &Header, kind: EntryType, size: u64) -> Stat {
    let number = |value: io::Result<u64>| value.ok().and_then(|value| u32::try_from(value).ok());
    let kind = match kind {
        EntryType::Directory => FileKind::Folder,
        EntryType::Symlink => FileKind::Link,
        _ => FileKind::File,
    };
    Stat {
        kind,
        size,
        mode: header.mode().unwrap_or(0) & 0o7777,
        // Nobody: what cannot be read belongs to no one who matters.
        uid: number(header.uid()).unwrap_or(u32::MAX),
        gid: number(header.gid()).unwrap_or(u32::MAX),
        modified: header.mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0),
    }
}
