//! Files that nobody but root and the acting user can have written, and the way to them.
//!
//! A path is walked from the root directory by descriptors, one component at a time: each directory and each link on the
//! way has to be sound as well, because whoever can write to a directory can put another file in its place. A directory
//! that everybody may write to is accepted where it is root's and sticky, as `/tmp` is: there nobody can move what is not
//! theirs.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{FileError, READ};

/// How many links one path may lead through, as in the kernel.
const MAX_LINKS: usize = 40;

/// How deep [`check_tree`] looks.
const MAX_DEPTH: usize = 16;

/// What to make of a link in the place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// It is refused: the file has to lie where it is named.
    Refused,
    /// It counts as what it leads to, which has to be sound, and so has the way.
    Followed,
}

/// Why a file or directory cannot be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    kind: Kind,
    /// The directory on the way that is meant; absent for what was named itself.
    way: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Group or others may write to it.
    Writable(u32),
    /// It belongs to this user, who is neither root nor the acting user.
    Owner(u32),
    /// It is a link where none is accepted.
    Link,
    /// It is a link, and what it leads to does not exist.
    Dangling,
    /// It is something else than it should be.
    Type(&'static str),
}

impl std::error::Error for Trouble {}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.way {
            None => "it".to_owned(),
            Some(way) => format!("the directory {} on the way to it", way.display()),
        };
        match &self.kind {
            Kind::Writable(mode) if self.way.is_none() => write!(f, "others may write to it (mode {mode:o})"),
            Kind::Writable(mode) => write!(f, "others may write to {what} (mode {mode:o})"),
            Kind::Owner(owner) => write!(f, "{what} belongs to the user {owner}, not to root or to you"),
            Kind::Dangling => write!(
                f,
                "the link {} leads to nothing",
                self.way.as_deref().unwrap_or(Path::new("")).display()
            ),
            Kind::Link => write!(f, "{what} is a link; name or put the file itself there"),
            Kind::Type(expected) => write!(f, "{what} is not a {expected}"),
        }
    }
}

impl Trouble {
    /// Whether it is something that cannot be read as a file or directory at all.
    pub(crate) fn is_wrong_type(&self) -> bool {
        matches!(self.kind, Kind::Type(_))
    }

    /// What the admin can do about it.
    pub(crate) fn remedy(&self, path: &Path) -> String {
        let place = self.way.as_deref().unwrap_or(path).display();
        match self.kind {
            Kind::Writable(_) => format!("chmod go-w {place}"),
            Kind::Owner(_) => format!("chown it to root or to whoever runs goodstead: {place}"),
            Kind::Dangling => format!("put what {place} leads to there, or remove the link"),
            Kind::Link => format!("replace the link {place} by the file that it leads to"),
            Kind::Type(_) => format!("look at what {place} is, and remove it"),
        }
    }
}

/// A directory that the walk reached, and the name in it that remains.
struct Reached {
    directory: OwnedFd,
    name: OsString,
    stat: Stat,
}

/// Where a walk begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ground<'a> {
    /// At the root directory: all of the way counts.
    Root,
    /// At this directory, which is taken as it is, like the way to it: who can change that can change the program in it.
    Below(&'a Path),
}

/// Opens a regular file that is sound, as all of the way to it is.
pub(super) fn open(ground: Ground<'_>, path: &Path, links: Links) -> Result<(File, Metadata), FileError> {
    let Reached { directory, name, stat } = walk(ground, path, links)?;
    // Opening a device can have effects of its own, so what it is counts before it is opened, and once more afterwards.
    sound(&stat, FileType::RegularFile, None)?;
    let file = File::from(rustix::fs::openat(&directory, &name, READ | OFlags::NOFOLLOW, Mode::empty())?);
    let metadata = file.metadata()?;
    let stat = rustix::fs::fstat(&file)?;
    sound(&stat, FileType::RegularFile, None)?;
    Ok((file, metadata))
}

/// Checks a directory and all of the way to it.
///
/// # Errors
/// It is missing, or somebody else can write to it or to a directory on the way.
pub(crate) fn check_directory(ground: Ground<'_>, path: &Path) -> Result<(), FileError> {
    let reached = walk(ground, path, Links::Followed)?;
    Ok(sound(&reached.stat, FileType::Directory, None)?)
}

/// Checks everything in a directory, links as what they lead to, and all of the way to it; the path that is meant with
/// the trouble.
///
/// # Errors
/// The first thing that somebody else can write to, or that cannot be looked at.
pub(crate) fn check_tree(path: &Path) -> Result<(), (PathBuf, FileError)> {
    check_directory(Ground::Root, path).map_err(|error| (path.to_owned(), error))?;
    check_entries(path, 0)
}

fn check_entries(path: &Path, depth: usize) -> Result<(), (PathBuf, FileError)> {
    let failed = |error: io::Error| (path.to_owned(), error.into());
    for entry in fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // A link has its own way, which counts as well.
        let found = walk(Ground::Root, &path, Links::Followed).and_then(|reached| {
            let kind = FileType::from_raw_mode(reached.stat.st_mode);
            sound(&reached.stat, kind, None).map(|()| kind).map_err(FileError::from)
        });
        let kind = found.map_err(|error| (path.clone(), error))?;
        if kind == FileType::Directory && depth < MAX_DEPTH {
            check_entries(&path, depth + 1)?;
        }
    }
    Ok(())
}

/// Makes sure that a file of the agent's own is one, with mode 0600 in a directory of mode 0700, and that what lies beside
/// it under the same name with one of `endings` is regular too; makes file and directory where they are missing. Returns
/// the path without any link in it.
///
/// # Errors
/// Something is in its place, or somebody else can write to it or to a directory on the way.
pub(crate) fn private_file(path: &Path, endings: &[&str]) -> Result<PathBuf, FileError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(FileError::Io)?;
    check_directory(Ground::Root, parent)?;
    let parent = parent.canonicalize().map_err(FileError::Io)?;
    let directory = directory(&parent)?;
    let name = path.file_name().ok_or(FileError::Io(io::ErrorKind::InvalidInput.into()))?;
    for ending in endings {
        let mut beside = name.to_owned();
        beside.push(ending);
        make_private(&directory, &beside)?;
    }
    if !make_private(&directory, name)? {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&directory, name, flags, Mode::RUSR | Mode::WUSR) {
            // Another process made it meanwhile, in a directory in which nobody else can.
            Ok(_) | Err(Errno::EXIST) => {}
            Err(error) => return Err(FileError::Io(error.into())),
        }
    }
    Ok(parent.join(name))
}

/// Checks a file, takes others' rights to it away, and says whether there is one.
fn make_private(directory: &OwnedFd, name: &OsStr) -> Result<bool, FileError> {
    let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    owned(&stat, FileType::RegularFile)?;
    if stat.st_mode & 0o077 != 0 && stat.st_uid == rustix::process::geteuid().as_raw() {
        let file = rustix::fs::openat(directory, name, READ | OFlags::NOFOLLOW, Mode::empty())?;
        owned(&rustix::fs::fstat(&file)?, FileType::RegularFile)?;
        rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR)?;
    }
    Ok(true)
}

/// The components of a path, without those that mean nothing.
fn names(path: &Path) -> VecDeque<OsString> {
    let kept = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    kept.map(|part| part.as_os_str().to_owned()).collect()
}

fn walk(ground: Ground<'_>, path: &Path, links: Links) -> Result<Reached, FileError> {
    match ground {
        Ground::Below(ground) => {
            let inside = path.strip_prefix(ground).unwrap_or(path);
            walk_from(directory(ground)?, ground.to_owned(), names(inside), links)
        }
        Ground::Root => {
            let absolute = std::path::absolute(path).map_err(FileError::Io)?;
            let root = Path::new("/");
            let start = directory(root)?;
            sound(&rustix::fs::fstat(&start)?, FileType::Directory, Some(root))?;
            walk_from(start, root.to_owned(), names(&absolute), links)
        }
    }
}

fn directory(path: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Walks from a directory whose path is `at`. Everything but the last component has been checked afterwards.
fn walk_from(
    start: OwnedFd,
    at: PathBuf,
    mut left: VecDeque<OsString>,
    links: Links,
) -> Result<Reached, FileError> {
    let (mut directory, mut at) = (start, at);
    let mut followed = 0;
    let mut last_link = None;
    let look = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // The root directory itself has no name.
    let mut name = left.pop_front().unwrap_or_else(|| ".".into());
    loop {
        let found = match rustix::fs::openat(&directory, &name, look, Mode::empty()) {
            // What a link leads to may be on a file system that is not mounted: that is not the same as no file.
            Err(Errno::NOENT) => {
                let dangling = last_link.map(|link| Trouble { kind: Kind::Dangling, way: Some(link) });
                return Err(dangling.map_or(FileError::Missing, FileError::Unsound));
            }
            other => other?,
        };
        let stat = rustix::fs::fstat(&found)?;
        let here = at.join(&name);
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            if left.is_empty() && links == Links::Refused {
                return Err(Trouble { kind: Kind::Link, way: None }.into());
            }
            followed += 1;
            if followed > MAX_LINKS {
                return Err(FileError::Io(Errno::LOOP.into()));
            }
            owned_by_us(&stat, Some(&here))?;
            last_link = Some(here);
            let target = rustix::fs::readlinkat(&found, "", Vec::new())?;
            let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
            for part in names(&target).into_iter().rev() {
                left.push_front(part);
            }
            if target.is_absolute() {
                at = PathBuf::from("/");
                directory = self::directory(&at)?;
            }
            name = left.pop_front().unwrap_or_else(|| ".".into());
            continue;
        }
        let Some(next) = left.pop_front() else { return Ok(Reached { directory, name, stat }) };
        sound(&stat, FileType::Directory, Some(&here))?;
        (directory, at, name) = (found, here, next);
    }
}

/// That only root and the acting user can write to something of this kind.
fn sound(stat: &Stat, kind: FileType, way: Option<&Path>) -> Result<(), Trouble> {
    let trouble = |kind| Trouble { kind, way: way.map(Path::to_owned) };
    expect(stat, kind).map_err(|expected| trouble(Kind::Type(expected)))?;
    owned_by_us(stat, way)?;
    let mode = stat.st_mode & 0o7777;
    let sticky = kind == FileType::Directory && mode & 0o1000 != 0 && stat.st_uid == 0;
    let group_alone =
        mode & 0o022 == 0o020 && stat.st_uid != 0 && crate::users::is_private_group(stat.st_uid, stat.st_gid);
    if mode & 0o022 == 0 || sticky || group_alone { Ok(()) } else { Err(trouble(Kind::Writable(mode))) }
}

/// As [`sound`], for what becomes private now.
fn owned(stat: &Stat, kind: FileType) -> Result<(), Trouble> {
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        return Err(Trouble { kind: Kind::Link, way: None });
    }
    expect(stat, kind).map_err(|expected| Trouble { kind: Kind::Type(expected), way: None })?;
    owned_by_us(stat, None)
}

fn owned_by_us(stat: &Stat, way: Option<&Path>) -> Result<(), Trouble> {
    if stat.st_uid == 0 || stat.st_uid == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Trouble { kind: Kind::Owner(stat.st_uid), way: way.map(Path::to_owned) })
}

/// The name of a kind that something is not of.
fn expect(stat: &Stat, kind: FileType) -> Result<(), &'static str> {
    match (FileType::from_raw_mode(stat.st_mode) == kind, kind) {
        (true, _) => Ok(()),
        (_, FileType::Directory) => Err("directory"),
        _ => Err("regular file"),
    }
}
