//! Directories of the installed tree that are put in place, exchanged and taken away in one step each.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::installation::Installation;

/// A directory beside the plugins, for what is not in its place yet or not any more. Gone with the value; only one process
/// has it at a time.
pub(super) struct Staging {
    path: PathBuf,
    _lock: OwnedFd,
}

impl Staging {
    /// Makes it, and removes what an interrupted one left.
    ///
    /// # Errors
    /// The tree cannot be written to, or another installation is running.
    pub(super) fn new(installation: &Installation) -> io::Result<Staging> {
        let base = installation.records();
        DirBuilder::new().recursive(true).mode(0o755).create(&base)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let lock = rustix::fs::open(&base, flags, Mode::empty())?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            Errno::WOULDBLOCK => io::Error::other("another installation is running"),
            other => other.into(),
        })?;
        let path = base.join(".staging");
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Staging { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves directories in here, from where they vanish at the end; those that do not exist are gone already.
    pub(super) fn take(&self, directories: &[PathBuf]) -> io::Result<()> {
        for (number, directory) in directories.iter().enumerate() {
            match fs::rename(directory, self.path.join(number.to_string())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is left is removed by the next one.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Puts each directory into its place, and what was there into the directory's; if one fails, the others go back.
///
/// # Errors
/// Why one failed.
pub(super) fn exchange(moves: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    let mut done: Vec<(&Path, &Path, bool)> = Vec::new();
    for (from, to) in moves {
        match put(from, to) {
            Ok(exchanged) => done.push((from.as_path(), to.as_path(), exchanged)),
            Err(error) => {
                for (from, to, exchanged) in done.into_iter().rev() {
                    let flags = if exchanged { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
                    // The first error is the one to report.
                    let _ = rustix::fs::renameat_with(CWD, to, CWD, from, flags);
                }
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Whether something was there.
fn put(from: &Path, to: &Path) -> io::Result<bool> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => {
            rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_change_places_and_all_go_back_if_one_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let make = |name: &str| {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("is"), name).unwrap();
        };
        for name in ["new", "old", "fresh"] {
            make(name);
        }
        let is = |name: &str| fs::read_to_string(path(name).join("is")).ok();
        let moves = [(path("new"), path("old")), (path("fresh"), path("place"))];
        exchange(&moves).unwrap();
        assert_eq!(
            (is("old"), is("new"), is("place")),
            (Some("new".into()), Some("old".into()), Some("fresh".into()))
        );
        assert!(!path("fresh").exists());
        make("fresh");
        let moves =
            [(path("new"), path("old")), (path("fresh"), path("other")), (path("none"), path("nowhere"))];
        assert!(exchange(&moves).is_err());
        assert_eq!(
            (is("old"), is("new"), is("fresh")),
            (Some("new".into()), Some("old".into()), Some("fresh".into()))
        );
        assert!(!path("other").exists());
    }
}
