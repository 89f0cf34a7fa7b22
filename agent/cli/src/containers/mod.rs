//! Containers on this host that run a product: found by the product's processes, entered by their root directory.
//!
//! A plugin names its product's processes in its manifest (`containers`). One whose root directory is not the host's is in
//! a container; what the plugin then asks for is answered beneath that directory ([`crate::broker`]), by the same rules as
//! on the host: nothing in the container decides what is looked at. Services of the host that systemd gives mounts of
//! their own have the host's root, and are none.

mod name;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use goodstead_protocol::manifest::Manifest;

use crate::broker::Root;

/// The most containers of one plugin that are inspected; of the others there is a warning.
const MAX_CONTAINERS: usize = 64;

/// A container that runs a product.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    /// What it is called among the targets: a name of its engine's, or the beginning of its id.
    pub(crate) name: String,
    /// Its root directory.
    pub(crate) root: Arc<Root>,
}

/// What was found for one plugin.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order of their names, no two of one name.
    pub(crate) containers: Vec<Container>,
    /// What cannot be inspected.
    pub(crate) warnings: Vec<String>,
}

/// A process of a product.
#[derive(Debug)]
struct Process {
    pid: u32,
    /// Device and inode of its root directory; none where it may not be seen.
    root: Option<(u64, u64)>,
}

/// The containers in which one of the plugin's processes runs; none for a plugin that names none.
pub(crate) fn find(manifest: &Manifest) -> Found {
    let wanted: BTreeSet<&str> = manifest.containers.iter().map(String::as_str).collect();
    if wanted.is_empty() {
        return Found::default();
    }
    let own = fs::metadata("/").map(|root| (root.dev(), root.ino())).ok();
    let mut found = Found::default();
    let mut entered: BTreeMap<(u64, u64), u32> = BTreeMap::new();
    let mut hidden = BTreeSet::new();
    for process in processes(&wanted) {
        match process.root {
            root if root == own => {}
            // The lowest number is the server's own process as a rule; any of them shows the same directory.
            Some(root) => _ = entered.entry(root).or_insert(process.pid),
            // The processes of others have roots that only root sees; in which namespaces they are, everybody may ask.
            None => hidden.extend(name::of(process.pid)),
        }
    }
    if !hidden.is_empty() {
        let number = hidden.len();
        let containers =
            if number == 1 { "1 container is".to_owned() } else { format!("{number} containers are") };
        let names: Vec<_> = hidden.into_iter().collect();
        found.warnings.push(format!(
            "{}: {containers} not inspected, because only root can read a container ({}): run goodstead check as root",
            manifest.name,
            names.join(", ")
        ));
    }
    if entered.len() > MAX_CONTAINERS {
        found.warnings.push(format!(
            "{}: {MAX_CONTAINERS} containers are inspected; {} more were skipped",
            manifest.name,
            entered.len() - MAX_CONTAINERS
        ));
    }
    let mut taken = BTreeSet::new();
    for pid in entered.into_values().take(MAX_CONTAINERS) {
        let name = name::of(pid).unwrap_or_else(|| "container".to_owned());
        match Root::container(pid) {
            Ok(root) => {
                let name = crate::scan::unique(name, &mut taken);
                found.containers.push(Container { name, root: Arc::new(root) });
            }
            // It ended meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                found
                    .warnings
                    .push(format!("{}: the container {name} cannot be entered: {error}", manifest.name));
            }
        }
    }
    found.containers.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// The processes that have one of these names, by their numbers.
fn processes(wanted: &BTreeSet<&str>) -> Vec<Process> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut numbers: Vec<u32> =
        numbers.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    numbers.sort_unstable();
    let is_wanted = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| wanted.contains(comm.trim_end()))
    };
    let process = |pid| {
        let root = fs::metadata(format!("/proc/{pid}/root/.")).map(|root| (root.dev(), root.ino())).ok();
        Process { pid, root }
    };
    numbers.into_iter().filter(is_wanted).map(process).collect()
}
