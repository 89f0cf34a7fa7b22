//! What lies below a folder, to compare before and after.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is known of one file: path, kind and mode, owner, links, size, time of change (of a folder that is its names,
/// which are all here), target of a link.
pub(super) type Entry = (PathBuf, u32, u32, u64, u64, i64, Option<PathBuf>);

/// Everything below a folder but what the test itself swaps.
pub(super) fn snapshot(folder: &Path) -> Vec<Entry> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("swapped")) {
            continue;
        }
        let it = fs::symlink_metadata(&path).expect("its state");
        let link = fs::read_link(&path).ok();
        found.push((
            path.clone(),
            it.mode(),
            it.uid(),
            it.nlink(),
            it.size(),
            if it.is_dir() { 0 } else { it.ctime_nsec() },
            link,
        ));
        if it.is_dir() {
            found.extend(snapshot(&path));
        }
    }
    found.sort();
    found
}
