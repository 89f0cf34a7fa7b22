//! The one way in which the agent opens files of its own: configuration, keys, state, what a command names, and what it
//! writes. What a plugin asks for goes through the broker instead.
//!
//! Every file is regular, bounded in size and opened by descriptor without waiting: a FIFO, a device, a socket or a
//! directory is an error at once. There are three degrees of care:
//! - [`read_sound`]: what decides what the agent does. Nobody but root and the acting user can have written it, nor any
//!   directory on the way to it ([`Trouble`]);
//! - [`read_regular`]: what is verified otherwise (a signature), whoever wrote it;
//! - [`read_named`]: what the user names on the command line, where `-` and the process's own descriptors are allowed.
//!
//! [`replace`] is the way in which everything that a command writes is written.

mod replace;
mod sound;
#[cfg(test)]
mod tests;

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

pub(crate) use replace::{Edit, replace, replace_public};
pub(crate) use sound::{Ground, Links, Trouble, check_directory, check_tree, private_file};

/// Why a file that has to be sound cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It does not exist, or a directory on the way to it does not; all that exists of the way is sound.
    #[error("there is no such file")]
    Missing,
    /// Somebody else can write to it, or it is not a regular file.
    #[error("{0}")]
    Unsound(#[from] Trouble),
    /// The system refuses.
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { FileError::Missing } else { FileError::Io(error) }
    }
}

impl From<rustix::io::Errno> for FileError {
    fn from(error: rustix::io::Errno) -> Self {
        io::Error::from(error).into()
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Missing => io::ErrorKind::NotFound.into(),
            FileError::Io(error) => error,
            FileError::Unsound(trouble) => io::Error::other(trouble.to_string()),
        }
    }
}

/// How every file is opened for reading: a FIFO or a device never holds it up, and no terminal becomes ours.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Reads a file that decides what the agent does, of at most `limit` bytes; a link in its place counts as `links` says.
///
/// # Errors
/// It is missing, somebody else can write to it or to a directory on the way, or it is not a regular file of that size.
pub(crate) fn read_sound(path: &Path, limit: u64, links: Links) -> Result<Vec<u8>, FileError> {
    let (file, metadata) = sound::open(Ground::Root, path, links)?;
    Ok(read_open(file, &metadata, limit)?)
}

/// As [`read_sound`], from `ground` on and without links.
///
/// # Errors
/// As of [`read_sound`].
pub(crate) fn read_sound_from(ground: Ground<'_>, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let (file, metadata) = sound::open(ground, path, Links::Refused)?;
    Ok(read_open(file, &metadata, limit)?)
}

/// Opens a regular file, whoever owns it; anything else is refused without waiting for it.
pub(crate) fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    // Opening a device can have effects of its own, so it is asked first what it is.
    if !std::fs::metadata(path)?.is_file() {
        return Err(not_regular());
    }
    let file = File::from(rustix::fs::open(path, READ, Mode::empty())?);
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(not_regular()) }
}

/// Reads a regular file of at most `limit` bytes, whoever owns it.
///
/// # Errors
/// It cannot be read, is not a regular file, or is larger.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<(Vec<u8>, Metadata)> {
    let (file, metadata) = open_regular(path)?;
    Ok((read_open(file, &metadata, limit)?, metadata))
}

/// Reads what the user names on the command line, of at most `limit` bytes: a regular file, `-` for standard input, or
/// one of this process's own descriptors (`/dev/stdin`, `/dev/fd/63`), which is what a shell makes of `<(command)`.
///
/// A FIFO elsewhere is refused: nobody may ever write to it.
///
/// # Errors
/// It cannot be read, is something else, or is larger.
pub(crate) fn read_named(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    if path == Path::new("-") {
        return read_bounded(io::stdin().lock(), limit);
    }
    if is_own_descriptor(path) {
        return read_bounded(File::open(path)?, limit);
    }
    read_regular(path, limit).map(|(bytes, _)| bytes)
}

/// Whether a path names a descriptor that whoever started this process handed over.
fn is_own_descriptor(path: &Path) -> bool {
    let Some(path) = path.to_str() else { return false };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(path, "/dev/stdin" | "/dev/stdout" | "/dev/stderr")
        || ["/dev/fd/", "/proc/self/fd/"].iter().any(|all| path.strip_prefix(all).is_some_and(number))
}

fn read_open(file: File, metadata: &Metadata, limit: u64) -> io::Result<Vec<u8>> {
    // A file may say another size than it has, and grow.
    if metadata.len() > limit {
        return Err(too_large(limit));
    }
    read_bounded(file, limit)
}

fn read_bounded(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more shows that it is whole.
    reader.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

fn not_regular() -> io::Error {
    io::Error::other("it is not a regular file")
}

fn too_large(limit: u64) -> io::Error {
    let limit = match limit {
        small if small < 1 << 10 => format!("{small} bytes"),
        medium if medium < 1 << 20 => format!("{} KiB", medium >> 10),
        large => format!("{} MiB", large >> 20),
    };
    io::Error::other(format!("it is larger than {limit}"))
}
