//! A line in a product's access file, written with the rights of the product's owner.
//!
//! The path is what the product's own server printed, so the owner decides where it leads. A thread takes on the owner's
//! user and groups, for good, before anything of the path is touched: whatever the owner prints, links or swaps, only files
//! that are the owner's already can change. The file itself is not followed if it is a link; the new one is made in the
//! directory that was opened once, under a name that cannot be guessed, and takes the place of the old one, with its group
//! and mode, once it is on disk.

use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Component, Path};
use std::thread;

use goodstead_protocol::diagnostic::{Diagnostic, Place};
use rustix::fs::{Mode, OFlags};

use crate::broker::take_on;
use crate::files::Edit;
use crate::users::User;

/// The largest access file.
const MAX_FILE: u64 = 1 << 20;

/// Puts a line before all others of the owner's file, once.
///
/// # Errors
/// It is not the owner's regular file, or the owner may not change it.
pub(super) fn prepend(owner: &User, file: &Path, line: &str) -> Result<(), Diagnostic> {
    let changed = thread::scope(|scope| {
        let work = scope.spawn(|| take_on(owner).and_then(|()| change(owner.uid, file, line)));
        work.join().unwrap_or_else(|_| Err(io::Error::other("internal error while it was changed")))
    });
    changed.map_err(|error| {
        let message = format!("the access file cannot be changed as `{}`: {error}", owner.name);
        Diagnostic::error("cannot-change", message).at(Place::file(file.display().to_string())).help(format!(
            "put this line before the others, and have the product read the file again: {line}"
        ))
    })
}

fn change(owner: u32, path: &Path, line: &str) -> io::Result<()> {
    let plain = path.is_absolute() && !path.components().any(|part| part == Component::ParentDir);
    let (Some(parent), Some(name), true) = (path.parent(), path.file_name(), plain) else {
        return Err(io::Error::other("the product did not print the absolute path of a file"));
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let edit = Edit::within(rustix::fs::open(parent, flags, Mode::empty())?, name)?;
    let Some(old) = edit.open_old()? else { return Err(io::ErrorKind::NotFound.into()) };
    let metadata = old.metadata()?;
    if metadata.uid() != owner {
        return Err(io::Error::other(format!("it belongs to the user {}", metadata.uid())));
    }
    let mut text = String::new();
    if old.take(MAX_FILE + 1).read_to_string(&mut text)? as u64 > MAX_FILE {
        return Err(io::Error::other(format!("it is larger than {} KiB", MAX_FILE >> 10)));
    }
    if text.lines().any(|known| known == line) {
        return Ok(());
    }
    let new = format!("# Lets the health check look, read-only: goodstead grant\n{line}\n{text}");
    let finish = |file: &std::fs::File| -> io::Result<()> {
        if file.metadata()?.gid() != metadata.gid() {
            fchown(file, None, Some(metadata.gid()))?;
        }
        Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(metadata.mode() & 0o7777))?)
    };
    edit.write(new.as_bytes(), finish, true)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::path::PathBuf;

    use super::*;
    use crate::users;

    const LINE: &str = "local all goodstead peer";

    /// A product's owner, and a directory of its own: another user where the tests run as root.
    fn product() -> (User, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut owner = users::current();
        if owner.uid == 0 {
            owner = User { name: "owner".into(), uid: users::NOBODY, gid: users::NOBODY, groups: vec![] };
        }
        for path in [folder.path().to_owned(), folder.path().join("data")] {
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        chown(folder.path().join("data"), Some(owner.uid), Some(owner.gid)).unwrap();
        (owner, folder)
    }

    fn owned(owner: &User, path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        chown(path, Some(owner.uid), Some(owner.gid)).unwrap();
    }

    #[test]
    fn a_line_is_put_first_once_and_the_file_keeps_its_owner_and_mode() {
        let (owner, folder) = product();
        let file = folder.path().join("data/pg_hba.conf");
        owned(&owner, &file, "local all all reject\n", 0o640);
        prepend(&owner, &file, LINE).unwrap();
        prepend(&owner, &file, LINE).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), [LINE, "local all all reject"]);
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.uid(), metadata.gid()), (0o640, owner.uid, owner.gid));
        assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn nothing_that_is_not_the_owners_is_read_or_changed_whatever_the_path() {
        let (owner, folder) = product();
        let data = folder.path().join("data");
        // What the owner would like to change: a file of somebody else, of any mode.
        let other = folder.path().join("other.conf");
        fs::write(&other, "precious\n").unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&other, data.join("link.conf")).unwrap();
        symlink(folder.path(), data.join("way")).unwrap();
        fs::create_dir(data.join("directory")).unwrap();
        // The name under which the new file was made once, as a trap.
        symlink(&other, data.join("pg_hba.goodstead-new")).unwrap();
        let mut paths =
            ["link.conf", "../other.conf", "directory", "missing", ""].map(|name| data.join(name)).to_vec();
        paths.extend(["relative", "/dev/zero"].map(PathBuf::from));
        // A directory of the owner's choice is as good as another, but what is in it is not the owner's.
        let another = owner.uid != users::current().uid;
        paths.extend(another.then(|| data.join("way/other.conf")));
        for path in paths {
            assert!(prepend(&owner, &path, LINE).is_err(), "{path:?}");
        }
        assert_eq!(fs::read_to_string(&other).unwrap(), "precious\n");
        if another {
            // Not even the owner's file in a directory in which only root may write.
            let file = folder.path().join("owned.conf");
            owned(&owner, &file, "local all all reject\n", 0o640);
            let refused = prepend(&owner, &file, LINE).unwrap_err();
            assert!(refused.message.contains("Permission denied"), "{refused}");
        }
    }
}
