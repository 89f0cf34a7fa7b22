//! Copies of libraries that are begun while their manifests are still being read: to copy and hash megabytes takes as long
//! as to read a manifest, and a scan needs both.
//!
//! A copy is nothing but bytes until it is held against what was signed; one that turns out not to be needed, or to be of
//! another file, is thrown away.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::library::{Copied, copy};
use crate::files::read_regular;
use crate::plugins::MAX_MANIFEST;

type Begun = JoinHandle<Option<(PathBuf, io::Result<Copied>)>>;

/// Copies that were begun, by the plugins' folders.
#[derive(Debug, Default)]
pub(crate) struct Copies(Mutex<BTreeMap<PathBuf, Begun>>);

impl Copies {
    /// Begins to copy the libraries of the plugins in these folders.
    pub(crate) fn begin(folders: impl IntoIterator<Item = PathBuf>) -> Copies {
        let begin = |folder: PathBuf| {
            let inside = folder.clone();
            let begun = thread::Builder::new().name("copy".to_owned()).spawn(move || {
                let library = inside.join(library(&inside)?);
                let copied = copy(&library);
                Some((library, copied))
            });
            Some((folder, begun.ok()?))
        };
        Copies(Mutex::new(folders.into_iter().filter_map(begin).collect()))
    }

    /// The copy of this library, waited for; `None` where none was begun.
    pub(super) fn take(&self, library: &Path) -> Option<io::Result<Copied>> {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(library.parent()?)?;
        let (path, copied) = begun.join().ok()??;
        (path == library).then_some(copied)
    }
}

/// The file name that the manifest seems to say, before all of it is read.
fn library(folder: &Path) -> Option<String> {
    let (bytes, _) = read_regular(&folder.join("plugin.toml"), MAX_MANIFEST).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("library")?.trim_start().strip_prefix('='))?;
    let name = value.trim().trim_matches(['"', '\'']);
    (!name.is_empty() && !name.contains(['/', '"', '\''])).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;

    #[test]
    fn what_is_begun_is_the_library_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("lib.so"), "code").unwrap();
        fs::write(path("other.so"), "other").unwrap();
        let taken = |manifest: &str, library: &str| {
            fs::write(path("plugin.toml"), manifest).unwrap();
            let copies = Copies::begin([folder.path().to_owned()]);
            let (mut memory, _) = copies.take(&path(library))?.ok()?;
            assert!(copies.take(&path(library)).is_none(), "it is handed over once");
            let mut text = String::new();
            memory.read_to_string(&mut text).unwrap();
            Some(text)
        };
        assert_eq!(taken("name = 'a'\nlibrary = 'lib.so'\n", "lib.so").as_deref(), Some("code"));
        assert_eq!(taken("library = \"lib.so\" # a comment\n", "lib.so"), None);
        assert_eq!(taken("library = 'lib.so'\n", "other.so"), None, "another is not believed");
        assert_eq!(taken("library = '../lib.so'\n", "lib.so"), None);
        assert_eq!(taken("library = 'none.so'\n", "none.so"), None);
        assert!(Copies::default().take(&path("lib.so")).is_none());
    }
}
