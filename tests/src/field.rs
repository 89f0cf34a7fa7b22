//! The catalogue of the field: faults and false alarms that were met outside of this project, as data in `tests/field`.
//!
//! `tests/field/README.md` describes the files. Each case is a healthy host of [`crate::shapes`] with a few edits, and
//! what has to be found on it that is not found on the healthy one.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

use crate::host::Host;
use crate::shapes::{containers, debian, postgresql, redhat, running, small};

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// The kind of fault that its cases stand for, in one sentence.
    pub kind: String,
    /// The cases.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is wrong, or what is right although it looks wrong.
    pub name: String,
    /// Where it was met: a public issue, a document, or `provoked`.
    pub source: String,
    /// The name of the healthy host that it begins with.
    pub on: String,
    /// The ids of exactly those checks that have to fail and do not on the healthy host.
    #[serde(default)]
    pub expect: Vec<String>,
    /// Why nothing is to be found although something was reported in the field.
    pub declined: Option<String>,
    /// Paths and the whole text of files.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Paths and the text that is added to files which are there.
    #[serde(default)]
    add: BTreeMap<String, String>,
    /// Paths, and what is replaced by what in files which are there.
    #[serde(default)]
    replace: BTreeMap<String, (String, String)>,
    /// Paths of links and where they lead.
    #[serde(default)]
    links: BTreeMap<String, String>,
    /// Folders.
    #[serde(default)]
    folders: Vec<String>,
    /// What is taken away, with all below it.
    #[serde(default)]
    gone: Vec<String>,
    /// Paths and their modes in octal.
    #[serde(default)]
    modes: BTreeMap<String, String>,
    /// Kernel settings of a live host as sysctl prints them.
    #[serde(default)]
    sysctl: String,
    /// Commands of the plugin's manifest and what they print on a live host.
    #[serde(default)]
    commands: BTreeMap<String, String>,
}

/// How a host is looked at.
#[derive(Debug, Clone)]
pub enum Way {
    /// Its files below a folder, with `--root`.
    Folder(Host),
    /// As a live host of the given kernel release.
    Live(Host, &'static str),
}

impl Way {
    /// The same way for another host.
    #[must_use]
    pub fn map(self, change: impl FnOnce(Host) -> Host) -> Way {
        match self {
            Way::Folder(host) => Way::Folder(change(host)),
            Way::Live(host, release) => Way::Live(change(host), release),
        }
    }
}

/// The healthy host of a name.
pub fn healthy(name: &str) -> Way {
    let live = |(host, release)| Way::Live(host, release);
    match name {
        "debian12" => Way::Folder(debian::debian12()),
        "debian13" => Way::Folder(debian::debian13()),
        "ubuntu2404" => Way::Folder(debian::ubuntu2404()),
        "rhel9" => Way::Folder(redhat::rhel9()),
        "alpine" => Way::Folder(small::alpine_image()),
        "router" => Way::Folder(small::router()),
        "live debian12" => live(running::debian12_cloud()),
        "live ubuntu" => live(running::ubuntu_server()),
        "live rhel9" => live(running::rhel9_server()),
        "live database" => live(running::metal_database()),
        "live router" => live(running::live_router()),
        "live laptop" => live(running::laptop()),
        "live kubernetes" => live(containers::live_kubernetes_node()),
        "live container" => live(containers::container()),
        "live docker" => live(containers::docker_host()),
        "postgresql" => Way::Folder(postgresql::debian()),
        "postgresql of Red Hat" => together("/var/lib/pgsql/data", "13"),
        "postgresql of the project for Red Hat" => together("/var/lib/pgsql/16/data", "16"),
        "postgresql of the official image" => together("/var/lib/postgresql/data", "17"),
        "postgresql of the official image 18" => together("/var/lib/postgresql/18/docker", "18"),
        "postgresql of CloudNativePG" => together("/var/lib/postgresql/data/pgdata", "17"),
        "postgresql of Bitnami" => {
            Way::Folder(postgresql::cluster("/bitnami/postgresql/data", "/opt/bitnami/postgresql/conf", "16"))
        }
        "postgresql from source" => together("/usr/local/pgsql/data", "14"),
        "postgresql in opt" => together("/opt/pgsql/data", "15"),
        other => panic!("no healthy host is called {other}: see tests/src/field.rs"),
    }
}

/// A cluster with its configuration among its data.
fn together(folder: &str, release: &str) -> Way {
    Way::Folder(postgresql::cluster(folder, folder, release))
}

impl Case {
    /// The host of this case.
    ///
    /// # Panics
    /// When an edit does not fit the healthy host.
    pub fn host(&self) -> Way {
        healthy(&self.on).map(|host| self.edit(host))
    }

    fn edit(&self, mut host: Host) -> Host {
        for path in &self.gone {
            host = host.without(path);
        }
        for (path, text) in &self.files {
            host = host.without(path).file(path, text);
        }
        for (path, text) in &self.add {
            host = host.add(path, text);
        }
        for (path, (from, to)) in &self.replace {
            host = host.edit(path, from, to);
        }
        for (path, target) in &self.links {
            host = host.without(path).link(path, target);
        }
        let folders: Vec<&str> = self.folders.iter().map(String::as_str).collect();
        host = host.folders(&folders);
        for (path, mode) in &self.modes {
            let mode = u32::from_str_radix(mode, 8).unwrap_or_else(|_| panic!("{path}: no mode: {mode}"));
            host = host.mode(path, mode, 0);
        }
        host = host.sysctl(&self.sysctl);
        self.commands.iter().fold(host, |host, (name, output)| host.command(name, output))
    }
}

/// The catalogue of a product: the files of its folder in `tests/field` and what they hold.
///
/// # Panics
/// When a file is no such catalogue.
pub fn catalogue(product: &str) -> Vec<(PathBuf, Kind)> {
    let folder = crate::checkout().join("tests/field").join(product);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).expect("the catalogue").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).expect("a file of cases");
            let kind = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            (file, kind)
        })
        .collect()
}
