//! The one file in which a plugin and its packs travel: an uncompressed tar of regular files, `plugin/…` and
//! `checks/PACK/…`.
//!
//! What is unpacked is foreign. Only regular files with plain relative paths are accepted, in bounded number and size;
//! links, devices, extensions of the format and names that occur twice are errors, before anything of the file is used.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tar::{Archive, Builder, EntryType, Header};

/// The largest archive, in bytes: two of the largest libraries.
pub(crate) const MAX_ARCHIVE: u64 = 512 << 20;

/// How many files it may hold.
const MAX_FILES: usize = 4096;

/// How long a path in it may be, which is what the format has room for, and how deep.
const MAX_PATH: usize = 255;
const MAX_DEPTH: usize = 8;

/// Where the plugin's files are.
pub(crate) const PLUGIN: &str = "plugin";

/// Where the packs are, one directory each.
pub(crate) const PACKS: &str = "checks";

/// Packs files, each given by its path in the archive and where it is; the same files give the same bytes.
///
/// # Errors
/// A file cannot be read, or its path has no room.
pub(crate) fn write(files: &[(String, std::path::PathBuf)]) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (inside, path) in files {
        let (bytes, _) = crate::files::read_regular(path, MAX_ARCHIVE)?;
        let mut header = Header::new_ustar();
        header.set_path(inside)?;
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, bytes.as_slice())?;
    }
    builder.into_inner()
}

/// Unpacks an archive into a directory that is empty; the paths of its files.
///
/// # Errors
/// Something in it is not accepted, it is damaged, or a file cannot be written.
pub(crate) fn unpack(archive: impl Read, into: &Path) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut archive = Archive::new(archive.take(MAX_ARCHIVE));
    // Raw: an extension of the format is an entry like any other then, and not accepted.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let inside = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| io::Error::other("it holds a name that is not UTF-8"))?;
        if entry.header().entry_type() != EntryType::Regular {
            return Err(refused(&inside, "is not a regular file"));
        }
        if !is_plain(&inside) {
            return Err(refused(&inside, "is not a plain path below plugin/ or checks/PACK/"));
        }
        if found.len() >= MAX_FILES {
            return Err(io::Error::other(format!("it holds more than {MAX_FILES} files")));
        }
        let size = entry.header().entry_size()?;
        let path = into.join(&inside);
        if let Some(parent) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(parent)
                .map_err(|error| failed(&inside, &error))?;
        }
        // A file in the place of a directory, or the other way round, fails here as well.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path)
            .map_err(|error| failed(&inside, &error))?;
        if io::copy(&mut entry, &mut file)? != size {
            return Err(io::Error::other("it is cut off"));
        }
        found.insert(inside);
    }
    Ok(found)
}

/// Gives what was unpacked the modes that it has for everybody, whatever the umask.
pub(crate) fn open_to_readers(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_to_readers(&entry.path())?;
        } else {
            File::open(entry.path())?.set_permissions(fs::Permissions::from_mode(0o644))?;
        }
    }
    Ok(())
}

/// `plugin/FILE` or `checks/PACK/FILE`, and nothing that climbs, hides or confuses a terminal.
fn is_plain(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').collect();
    let placed = match parts.as_slice() {
        [PLUGIN, _] => true,
        [PACKS, _, rest @ ..] => !rest.is_empty(),
        _ => false,
    };
    let plain = |part: &&str| !part.is_empty() && !part.starts_with('.') && !part.contains(char::is_control);
    placed && path.len() <= MAX_PATH && parts.len() <= MAX_DEPTH && parts.iter().all(plain)
}

fn refused(inside: &str, why: &str) -> io::Error {
    io::Error::other(format!("its entry `{}` {why}", inside.escape_debug()))
}

fn failed(inside: &str, error: &io::Error) -> io::Error {
    refused(inside, &format!("cannot be unpacked: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(builder: &mut Builder<Vec<u8>>, name: &[u8], kind: EntryType, bytes: &[u8]) {
        let mut header = Header::new_ustar();
        // Not by the library's own way, which refuses what must be tried here.
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_mode(0o777);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, bytes).unwrap();
    }

    fn unpacked(bytes: &[u8]) -> Result<BTreeSet<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::create_dir(folder.path().join("in")).unwrap();
        let result = unpack(bytes, &folder.path().join("in")).map_err(|error| error.to_string());
        assert!(!outside.exists(), "nothing leaves the directory");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nor lies beside it");
        result
    }

    #[test]
    fn what_is_packed_comes_out_again_and_the_same_files_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "text").unwrap();
        let files =
            ["plugin/plugin.toml", "checks/acme/below/a.toml"].map(|path| (path.to_owned(), file.clone()));
        let bytes = write(&files).unwrap();
        assert_eq!(write(&files).unwrap(), bytes);
        assert_eq!(unpacked(&bytes).unwrap().len(), 2);
        assert!(unpacked(&bytes[..600]).is_err(), "cut off");
    }

    #[test]
    fn only_regular_files_with_plain_paths_are_accepted() {
        let one = |name: &[u8], kind| {
            let mut builder = Builder::new(Vec::new());
            entry(&mut builder, name, kind, b"");
            unpacked(&builder.into_inner().unwrap())
        };
        assert!(one(b"plugin/plugin.toml", EntryType::Regular).is_ok());
        let names: [&[u8]; 13] = [
            b"/outside",
            b"../outside",
            b"plugin/../../outside",
            b"plugin/./x",
            b"plugin//x",
            b"plugin/.hidden",
            b"plugin/deeper/x",
            b"plugin",
            b"checks/x",
            b"outside",
            b"plugin/\x1b[2J",
            b"plugin/\xff",
            b"checks/a/1/2/3/4/5/6/7/8/9",
        ];
        for name in names {
            assert!(one(name, EntryType::Regular).is_err(), "{}", String::from_utf8_lossy(name));
        }
        for kind in [
            EntryType::Symlink,
            EntryType::Link,
            EntryType::Char,
            EntryType::Block,
            EntryType::Fifo,
            EntryType::Directory,
            EntryType::GNULongName,
            EntryType::GNULongLink,
            EntryType::GNUSparse,
            EntryType::XHeader,
            EntryType::XGlobalHeader,
            EntryType::Continuous,
        ] {
            let error = one(b"plugin/x", kind).unwrap_err();
            assert!(error.contains("is not a regular file"), "{kind:?}: {error}");
        }
    }

    #[test]
    fn a_name_occurs_once_and_the_number_of_files_is_bounded() {
        let several = |names: &[String]| {
            let mut builder = Builder::new(Vec::new());
            for name in names {
                entry(&mut builder, name.as_bytes(), EntryType::Regular, b"x");
            }
            unpacked(&builder.into_inner().unwrap())
        };
        assert!(several(&["plugin/a".into(), "plugin/a".into()]).is_err());
        assert!(several(&["checks/a/b".into(), "checks/a/b/c".into()]).is_err());
        let many: Vec<_> = (0..=MAX_FILES).map(|number| format!("plugin/{number}")).collect();
        assert!(several(&many).unwrap_err().contains("more than 4096 files"));
        // A size that is not there.
        let mut header = Header::new_ustar();
        header.set_path("plugin/a").unwrap();
        header.set_entry_type(EntryType::Regular);
        header.set_size(u64::from(u32::MAX));
        header.set_cksum();
        assert!(unpacked(header.as_bytes()).is_err());
    }
}
