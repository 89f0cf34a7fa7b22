//! Reading small files without being held up or misled: regular ones only, never more than a limit, and never one that
//! somebody else could have written.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a regular file; anything else is refused without waiting for it.
pub(super) fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::Error::other("it is no regular file")) }
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// It cannot be read, is no regular file, or is larger.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<(Vec<u8>, Metadata)> {
    let (file, metadata) = open_regular(path)?;
    let mut bytes = Vec::new();
    // A file may say another size than it has, and grow.
    if metadata.len() <= limit {
        // One byte more tells that it is whole without asking for more room.
        bytes.reserve_exact(usize::try_from(metadata.len() + 1).unwrap_or(0));
        file.take(limit + 1).read_to_end(&mut bytes)?;
    }
    if metadata.len() > limit || bytes.len() as u64 > limit {
        let limit = if limit < 1024 { format!("{limit} bytes") } else { format!("{} KiB", limit >> 10) };
        return Err(io::Error::other(format!("it is larger than {limit}")));
    }
    Ok((bytes, metadata))
}

/// Why somebody else than root and this user could have written it, if so.
pub(crate) fn trouble_with_owner(metadata: &Metadata) -> Option<String> {
    let owner = metadata.uid();
    if metadata.mode() & 0o022 != 0 {
        Some(format!("others may write to it (mode {:o})", metadata.mode() & 0o7777))
    } else if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        Some(format!("it belongs to the user {owner}, not to root or to you"))
    } else {
        None
    }
}
