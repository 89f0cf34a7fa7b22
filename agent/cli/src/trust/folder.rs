//! A directory of trusted keys, which nobody but root and the acting user can have written to.
//!
//! The admin's is walked to from the root directory. That of the installed tree is walked to from the tree's own: whoever
//! can replace the tree can replace the program that asks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::{FileError, Ground, check_directory, read_sound_from};

/// The directory, which need not exist.
#[derive(Debug, Clone)]
pub(super) struct KeyFolder {
    pub(super) path: PathBuf,
    /// From where on the way counts; the root directory without one.
    ground: Option<PathBuf>,
}

impl KeyFolder {
    pub(super) fn new(path: PathBuf, ground: Option<&Path>) -> Self {
        KeyFolder { path, ground: ground.map(Path::to_owned) }
    }

    fn ground(&self) -> Ground<'_> {
        self.ground.as_deref().map_or(Ground::Root, Ground::Below)
    }

    /// The names of its files, sorted; `None` if it does not exist, and nobody else can have removed it.
    ///
    /// # Errors
    /// It cannot be relied on.
    pub(super) fn names(&self) -> Result<Option<Vec<String>>, FileError> {
        match check_directory(self.ground(), &self.path) {
            Err(FileError::Missing) => return Ok(None),
            other => other?,
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(FileError::Io)? {
            let name = entry.map_err(FileError::Io)?.file_name().into_string();
            names.push(name.map_err(|name| {
                FileError::Io(io::Error::other(format!("the name {name:?} in it is not UTF-8")))
            })?);
        }
        names.sort();
        Ok(Some(names))
    }

    /// The path of its list of what was withdrawn.
    pub(super) fn list(&self) -> String {
        let list = self.path.join(super::revoked::FILE);
        std::path::absolute(&list).unwrap_or(list).display().to_string()
    }

    /// Reads a file of it.
    ///
    /// # Errors
    /// It is missing, cannot be relied on, or is larger than `limit` bytes.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, FileError> {
        read_sound_from(self.ground(), &self.path.join(name), limit)
    }
}
