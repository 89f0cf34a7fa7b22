//! Files that are, and are not, what they should be.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::*;

/// A directory of this user's own, whatever the umask.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    mode(folder.path(), 0o755);
    folder
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn file(path: PathBuf, text: &str) -> PathBuf {
    fs::write(&path, text).unwrap();
    mode(&path, 0o644);
    path
}

fn fifo(path: PathBuf) -> PathBuf {
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    read_sound(path, 100, Links::Refused).map_err(|error| error.to_string())
}

#[test]
fn nothing_but_a_regular_file_is_read_and_nothing_is_waited_for() {
    let folder = folder();
    let inside = |name: &str| folder.path().join(name);
    let regular = file(inside("regular"), "text");
    assert_eq!(read(&regular).unwrap(), b"text");
    assert_eq!(read_named(&regular, 4).unwrap(), b"text");
    assert!(read_named(&regular, 3).unwrap_err().to_string().contains("larger than 3 bytes"));
    let link = inside("link");
    symlink(&regular, &link).unwrap();
    assert!(read(&link).unwrap_err().contains("it is a link"));
    assert_eq!(read_sound(&link, 4, Links::Followed).unwrap(), b"text");
    assert_eq!(read_named(&link, 4).unwrap(), b"text", "the user named it");
    let _socket = UnixListener::bind(inside("socket")).unwrap();
    let dangling = inside("dangling");
    symlink("/nowhere/at-all", &dangling).unwrap();
    assert!(read(&dangling).unwrap_err().contains("it is a link"), "and not: there is none");
    assert!(matches!(read_sound(&inside("none"), 4, Links::Refused), Err(FileError::Missing)));
    assert!(matches!(read_sound(&inside("none/deeper"), 4, Links::Refused), Err(FileError::Missing)));
    for odd in [fifo(inside("fifo")), inside("socket"), PathBuf::from("/dev/zero"), folder.path().to_owned()]
    {
        for result in [
            read(&odd).map(drop),
            read_named(&odd, 100).map(drop).map_err(|error| error.to_string()),
            replace(&odd, b"x").map_err(|error| error.to_string()),
        ] {
            let error = result.unwrap_err();
            assert!(error.contains("not a regular file") || error.contains("directory"), "{odd:?}: {error}");
        }
    }
}

#[test]
fn a_file_that_is_larger_than_it_says_is_not_read_whole() {
    // Files of the kernel say that they are empty.
    let error = read_regular(Path::new("/proc/self/maps"), 10).map(drop).unwrap_err();
    assert!(error.to_string().contains("larger than 10 bytes"), "{error}");
    assert!(!read_regular(Path::new("/proc/self/maps"), 1 << 20).unwrap().0.is_empty());
}

#[test]
fn what_others_may_write_is_not_sound_nor_what_lies_below() {
    let folder = folder();
    let deep = folder.path().join("a/b");
    fs::create_dir_all(&deep).unwrap();
    mode(&folder.path().join("a"), 0o755);
    mode(&deep, 0o755);
    let path = file(deep.join("file"), "text");
    assert!(read(&path).is_ok());
    for bad in [0o666, 0o646, 0o664] {
        mode(&path, bad);
        assert_eq!(read(&path).unwrap_err(), format!("others may write to it (mode {bad:o})"));
    }
    mode(&path, 0o444);
    assert!(read(&path).is_ok());
    for directory in [deep.clone(), folder.path().join("a"), folder.path().to_owned()] {
        // A sticky directory is as good as another only where it is root's.
        let root = fs::metadata(&directory).unwrap().uid() == 0;
        for (bad, accepted) in [(0o777, false), (0o775, false), (0o1777, root)] {
            mode(&directory, bad);
            let found = read(&path);
            assert_eq!(found.is_ok(), accepted, "{directory:?} {bad:o}: {found:?}");
            if let Err(error) = found {
                assert!(
                    error.contains(&directory.display().to_string()) && error.contains("on the way"),
                    "{error}"
                );
            }
            // Even that a file is missing is believed only where nobody else can have removed it.
            let missing = read_sound(&deep.join("none"), 4, Links::Refused);
            assert_eq!(matches!(missing, Err(FileError::Missing)), accepted, "{missing:?}");
        }
        mode(&directory, 0o755);
    }
}

#[test]
fn a_link_on_the_way_counts_with_the_directory_in_which_it_lies() {
    let folder = folder();
    let (open, real) = (folder.path().join("open"), folder.path().join("real"));
    for directory in [&open, &real] {
        fs::create_dir(directory).unwrap();
        mode(directory, 0o755);
    }
    file(real.join("file"), "text");
    symlink("../real", open.join("link")).unwrap();
    let path = open.join("link/file");
    assert!(read(&path).is_ok(), "{:?}", read(&path));
    assert!(read(&open.join("link/../real/file")).is_ok());
    mode(&open, 0o777);
    assert!(read(&path).unwrap_err().contains("open on the way to it"));
    symlink("gone", folder.path().join("link")).unwrap();
    let gone = read_sound(&folder.path().join("link/file"), 4, Links::Refused).unwrap_err().to_string();
    assert!(gone.contains("link leads to nothing"), "not the same as no file: {gone}");
    symlink("loop", folder.path().join("loop")).unwrap();
    assert!(read(&folder.path().join("loop/file")).is_err(), "it ends");
}

#[test]
fn what_is_written_is_the_owners_alone_and_takes_the_place_of_the_old_as_a_whole() {
    let folder = folder();
    let path = folder.path().join("out.json");
    replace(&path, b"one").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    // Whoever chose another mode chose it; whoever holds the old file open does not see the new one.
    mode(&path, 0o640);
    let old = fs::File::open(&path).unwrap();
    replace(&path, b"two").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    assert_eq!(
        (io::read_to_string(old).unwrap(), fs::read_to_string(&path).unwrap()),
        ("one".into(), "two".into())
    );
    let link = folder.path().join("link");
    for target in ["out.json", "none"] {
        symlink(target, &link).unwrap();
        assert!(replace(&link, b"three").unwrap_err().to_string().contains("it is a link"));
        fs::remove_file(&link).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    replace(Path::new("/dev/null"), b"three").unwrap();
}
