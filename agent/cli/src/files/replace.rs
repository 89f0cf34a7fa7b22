//! Writing a file as a whole: whoever reads it meanwhile sees the old one or the new one.
//!
//! The new file is made under a name that cannot be guessed and that must not exist, in the directory that was opened
//! once, and takes the place of the old one. So nothing is ever written through a link, into a FIFO or device, or into a
//! file that somebody else holds open.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::is_own_descriptor;

/// What the owner alone may read and write.
const PRIVATE: u32 = 0o600;

/// Writes `bytes` to a file that the user names. A new file has mode 0600; an old one of the user's own keeps its mode.
/// A descriptor of this process (`/dev/stdout`, `/dev/fd/63`) and `/dev/null` are written to as they are; so is a file of
/// the user's own in a directory in which the user can make none.
///
/// # Errors
/// A link, a directory or something else that is not a regular file is in its place, or the system refuses.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path == Path::new("/dev/null") {
        return Ok(());
    }
    if is_own_descriptor(path) {
        return OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let edit = Edit::at(path)?;
    let ours = edit.old.as_ref().filter(|old| old.st_uid == rustix::process::geteuid().as_raw());
    let mode = ours.map_or(PRIVATE, |old| old.st_mode & 0o777);
    let written = edit.write(bytes, |file| Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?), false);
    match written {
        // In a directory in which nothing can be made, a file of the user's own is written to where it is.
        Err(error) if ours.is_some() && is_denied(&error) => edit.overwrite(bytes).map_err(|_| error),
        other => other,
    }
}

fn is_denied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// As [`replace`], for what everybody may read: mode 0644, whatever was there.
///
/// # Errors
/// As of [`replace`].
pub(crate) fn replace_public(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let public = Mode::from_raw_mode(0o644);
    Edit::at(path)?.write(bytes, |file| Ok(rustix::fs::fchmod(file, public)?), false)
}

/// A file that is about to be replaced, in a directory that is held open.
#[derive(Debug)]
pub(crate) struct Edit {
    directory: OwnedFd,
    name: OsString,
    /// The file that is there, if one is.
    old: Option<Stat>,
}

impl Edit {
    /// Opens the directory of a file, and looks at what is in its place.
    fn at(path: &Path) -> io::Result<Edit> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().ok_or_else(|| io::Error::other("it is a directory"))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Edit::within(rustix::fs::open(parent, flags, Mode::empty())?, name)
    }

    /// As [`Edit::at`], in a directory that is open already.
    pub(crate) fn within(directory: OwnedFd, name: &OsStr) -> io::Result<Edit> {
        let old = match rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(stat),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(error.into()),
        };
        match old.as_ref().map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            None | Some(FileType::RegularFile) => Ok(Edit { directory, name: name.to_owned(), old }),
            Some(FileType::Symlink) => Err(io::Error::other("it is a link; name the file that it leads to")),
            Some(FileType::Directory) => Err(io::Error::other("it is a directory")),
            Some(_) => Err(super::not_regular()),
        }
    }

    /// The file that is there, opened for reading; `None` if there is none.
    pub(crate) fn open_old(&self) -> io::Result<Option<File>> {
        let Some(old) = &self.old else { return Ok(None) };
        let file =
            rustix::fs::openat(&self.directory, &self.name, super::READ | OFlags::NOFOLLOW, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        if (stat.st_dev, stat.st_ino) != (old.st_dev, old.st_ino) {
            return Err(io::Error::other("it was replaced meanwhile"));
        }
        Ok(Some(file.into()))
    }

    /// Writes to the file that is there, which has to be the user's own and have no other name.
    fn overwrite(&self, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.directory, &self.name, flags, Mode::empty())?);
        let stat = rustix::fs::fstat(&file)?;
        let ours = stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_nlink == 1;
        if !ours || FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        file.set_len(0)?;
        file.write_all(bytes)
    }

    /// Writes the new file, has `finish` give it its owner and mode, and puts it into its place; with `durable` it is on
    /// disk before and after.
    pub(crate) fn write(
        &self,
        bytes: &[u8],
        finish: impl FnOnce(&File) -> io::Result<()>,
        durable: bool,
    ) -> io::Result<()> {
        let fresh = unguessable()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(PRIVATE);
        let mut file = File::from(rustix::fs::openat(&self.directory, &fresh, flags, mode)?);
        let written = file.write_all(bytes).and_then(|()| finish(&file)).and_then(|()| {
            if durable {
                file.sync_all()?;
            }
            Ok(rustix::fs::renameat(&self.directory, &fresh, &self.directory, &self.name)?)
        });
        if written.is_err() {
            // Whatever went wrong, nothing is left behind.
            let _ = rustix::fs::unlinkat(&self.directory, &fresh, AtFlags::empty());
        } else if durable {
            sync_directory(&self.directory)?;
        }
        written
    }
}

fn sync_directory(directory: &OwnedFd) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(directory.as_fd(), ".", flags, Mode::empty())?;
    Ok(rustix::fs::fsync(opened)?)
}

/// A name that nobody can have put there before.
fn unguessable() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!(".goodstead-{:032x}", u128::from_ne_bytes(bytes)))
}
