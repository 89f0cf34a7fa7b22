//! Over which sockets a grant is made when the admin names none: all of the product's servers on this host.
//!
//! A socket that is merely found counts only when it belongs to the product's owner: anybody may make one in `/tmp`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use goodstead_protocol::glob::Glob;
use goodstead_protocol::manifest::{Grant, Manifest};
use goodstead_protocol::message::Address;

use crate::config::Config;
use crate::users;

/// The sockets that `agent.toml` names for the plugin and those that are found; the usual one where there are none.
pub(super) fn of(manifest: &Manifest, grant: &Grant, config: &Config) -> Vec<Address> {
    let mine = config.targets.iter().filter(|target| target.plugin == manifest.name);
    let named = mine.filter_map(|target| match &target.address {
        Some(Address::Unix(path)) => Some(path.clone()),
        _ => None,
    });
    let found = users::by_name(&grant.owner).map_or_else(Vec::new, |owner| {
        manifest.permissions.connect.iter().flat_map(|glob| found(glob, owner.uid)).collect()
    });
    // One socket may have several paths: /var/run leads to /run.
    let mut sockets: BTreeMap<PathBuf, String> = BTreeMap::new();
    for path in named.chain(found) {
        let real = fs::canonicalize(&path).unwrap_or_else(|_| PathBuf::from(&path));
        sockets.entry(real).or_insert(path);
    }
    if sockets.is_empty() {
        return vec![grant.address.clone()];
    }
    sockets.into_values().map(Address::Unix).collect()
}

/// The sockets of this owner that match the glob, if its folder is not itself a pattern.
fn found(glob: &str, owner: u32) -> Vec<String> {
    let Some((folder, name)) = glob.rsplit_once('/') else { return Vec::new() };
    let Ok(name) = Glob::new(name) else { return Vec::new() };
    let entries = fs::read_dir(Path::new(folder)).into_iter().flatten().flatten();
    let socket = |entry: fs::DirEntry| {
        let text = entry.file_name().into_string().ok()?;
        let metadata = entry.metadata().ok()?;
        let fits = metadata.file_type().is_socket() && metadata.uid() == owner && name.is_match(&text);
        fits.then(|| format!("{folder}/{text}"))
    };
    entries.filter_map(socket).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_sockets_of_the_product_s_owner_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{}/{name}", folder.path().display());
        let _servers =
            [".s.PGSQL.5432", ".s.PGSQL.5433", "other"].map(|name| UnixListener::bind(path(name)).unwrap());
        fs::write(path(".s.PGSQL.5432.lock"), "").unwrap();
        let own = rustix::process::geteuid().as_raw();
        let mut sockets = found(&path(".s.PGSQL.*"), own);
        sockets.sort();
        assert_eq!(sockets, [path(".s.PGSQL.5432"), path(".s.PGSQL.5433")]);
        assert!(found(&path(".s.PGSQL.*"), own + 1).is_empty(), "a stranger's are left alone");
    }
}
