//! A host made by a test: its files with their rights and ages, what its commands print, how full its disks are.
//!
//! The same host can be written into a folder, to be inspected with `--root`, or answer a plugin's questions as a live
//! one, to be judged from the facts that come of it. A live host's `/proc` and `/sys` are files like any other.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use goodstead_plugin::fake::{FakeSite, gather};
use goodstead_plugin::{CauseKind, FileKind, Plugin, Stat, Statfs, Target};
use goodstead_protocol::manifest::Manifest;
use serde_json::{Value as Json, json};

/// What lies at a path.
#[derive(Debug, Clone)]
enum Content {
    File(Vec<u8>),
    Folder,
    Link(String),
}

#[derive(Debug, Clone)]
struct Node {
    content: Content,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Seconds since it was last changed.
    age: u64,
}

/// A host. Everything belongs to root and is a day old unless said otherwise.
#[derive(Debug, Clone, Default)]
pub struct Host {
    nodes: BTreeMap<String, Node>,
    commands: BTreeMap<String, String>,
    spaces: BTreeMap<String, Statfs>,
    /// The numbers of mounts by their folders.
    mounts: BTreeMap<String, usize>,
}

impl Host {
    /// An empty host.
    pub fn new() -> Host {
        Host::default()
    }

    fn put(mut self, path: &str, content: Content, mode: u32) -> Host {
        let node = Node { content, mode, uid: 0, gid: 0, age: 86_400 };
        self.nodes.insert(path.to_owned(), node);
        self
    }

    /// A file with mode 0644.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Host {
        self.put(path, Content::File(content.as_ref().to_vec()), 0o644)
    }

    /// Files without content.
    #[must_use]
    pub fn empty(self, paths: &[&str]) -> Host {
        paths.iter().fold(self, |host, path| host.file(path, ""))
    }

    /// Folders with mode 0755; those of files need not be named.
    #[must_use]
    pub fn folders(self, paths: &[&str]) -> Host {
        paths.iter().fold(self, |host, path| host.put(path, Content::Folder, 0o755))
    }

    /// A link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Host {
        self.put(path, Content::Link(target.to_owned()), 0o777)
    }

    /// Mode and group of what is there already.
    #[must_use]
    pub fn mode(mut self, path: &str, mode: u32, gid: u32) -> Host {
        let node = self.node(path);
        (node.mode, node.gid) = (mode, gid);
        self
    }

    /// How many seconds ago what is there already was last changed.
    #[must_use]
    pub fn aged(mut self, path: &str, seconds: u64) -> Host {
        self.node(path).age = seconds;
        self
    }

    fn node(&mut self, path: &str) -> &mut Node {
        self.nodes.get_mut(path).unwrap_or_else(|| panic!("the host has no {path}"))
    }

    /// The paths of its files, without folders and links.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        let files = self.nodes.iter().filter(|(_, node)| matches!(node.content, Content::File(_)));
        files.map(|(path, _)| path.clone())
    }

    /// Takes away a path and what lies below it.
    #[must_use]
    pub fn without(mut self, path: &str) -> Host {
        let below = format!("{path}/");
        self.nodes.retain(|known, _| known != path && !known.starts_with(&below));
        self
    }

    /// Adds lines to a file that is there already.
    #[must_use]
    pub fn add(mut self, path: &str, lines: &str) -> Host {
        match &mut self.node(path).content {
            Content::File(content) => content.extend_from_slice(lines.as_bytes()),
            _ => panic!("{path} is no file"),
        }
        self
    }

    /// Changes a text in a file that is there already and holds it.
    #[must_use]
    pub fn edit(mut self, path: &str, from: &str, to: &str) -> Host {
        match &mut self.node(path).content {
            Content::File(content) => {
                let text = String::from_utf8_lossy(content).into_owned();
                assert!(text.contains(from), "{path} does not hold {from}");
                *content = text.replace(from, to).into_bytes();
            }
            _ => panic!("{path} is no file"),
        }
        self
    }

    /// Kernel settings as sysctl prints them, with slashes: one a line.
    #[must_use]
    pub fn sysctl(self, lines: &str) -> Host {
        let pairs = lines.lines().filter_map(|line| line.split_once('='));
        pairs.fold(self, |host, (key, value)| {
            host.file(&format!("/proc/sys/{}", key.trim()), format!("{}\n", value.trim()))
        })
    }

    /// What a command of the plugin's manifest prints.
    #[must_use]
    pub fn command(mut self, name: &str, output: &str) -> Host {
        self.commands.insert(name.to_owned(), output.to_owned());
        self
    }

    /// A mounted file system: its line of mountinfo, its size and what of it is used, in bytes.
    #[must_use]
    pub fn mount(
        mut self,
        target: &str,
        fstype: &str,
        source: &str,
        options: &str,
        space: (u64, u64),
    ) -> Host {
        let (size, used) = space;
        let inodes = size / 16_384;
        self.spaces.insert(
            target.to_owned(),
            Statfs {
                size,
                free: size - used,
                available: size - used,
                inodes,
                inodes_free: inodes - inodes / 10,
            },
        );
        let mountinfo = "/proc/self/mountinfo";
        let mut host = if self.nodes.contains_key(mountinfo) { self } else { self.file(mountinfo, "") };
        // What lies below a mount hangs on it, and the root is expected by all.
        let number = host.mounts.len();
        let id = if target == "/" { 2 } else { number + 20 };
        let mut above =
            Path::new(target).ancestors().skip(1).filter_map(|folder| host.mounts.get(folder.to_str()?));
        let above = above.next().copied().unwrap_or(if target == "/" { 1 } else { 2 });
        host.mounts.insert(target.to_owned(), id);
        let line = format!(
            "{id} {above} 0:{number} / {} {options},relatime shared:{number} - {fstype} {source} {options}\n",
            target.replace(' ', "\\040")
        );
        host.add(mountinfo, &line)
    }

    /// Writes its files below `root`. Only root can give them to root: otherwise they belong to who runs the test.
    pub fn write(&self, root: &Path) {
        for (path, node) in &self.nodes {
            let place = root.join(path.trim_start_matches('/'));
            fs::create_dir_all(place.parent().expect("a folder above")).expect("a folder");
            match &node.content {
                Content::File(content) => fs::write(&place, content).expect("a file"),
                Content::Folder => fs::create_dir_all(&place).expect("a folder"),
                Content::Link(target) => {
                    symlink(target, &place).expect("a link");
                    continue;
                }
            }
            if crate::is_root() {
                chown(&place, Some(node.uid), Some(node.gid)).expect("an owner");
            }
            let file = fs::File::open(&place).expect("what was written");
            file.set_modified(SystemTime::now() - Duration::from_secs(node.age)).expect("a time");
            // Others than root need rights to go on writing and reading here.
            let needed = match (crate::is_root(), &node.content) {
                (true, _) => 0,
                (false, Content::Folder) => 0o700,
                (false, _) => 0o600,
            };
            fs::set_permissions(&place, fs::Permissions::from_mode(node.mode | needed)).expect("a mode");
        }
    }

    /// A live site with what `manifest` allows.
    pub fn site(&self, manifest: &Manifest) -> FakeSite {
        let mut site = FakeSite::with_manifest(manifest);
        for (path, node) in self.followed() {
            let stat = |kind, size: usize| Stat {
                kind,
                size: size as u64,
                mode: node.mode,
                uid: node.uid,
                gid: node.gid,
                modified: now().saturating_sub(node.age).cast_signed(),
            };
            site = match &node.content {
                Content::File(content) => {
                    site.file(&path, content).stat_of(&path, stat(FileKind::File, content.len()))
                }
                Content::Folder => site.stat_of(&path, stat(FileKind::Folder, 0)),
                // Masked. Other links that lead nowhere are as if they were not there.
                Content::Link(target) if target == "/dev/null" => site
                    .refused_file(&path, CauseKind::NotRegular, "not a regular file")
                    .stat_of(&path, stat(FileKind::Other, 0)),
                Content::Link(_) => site,
            };
        }
        for (name, output) in &self.commands {
            site = site.command(name, 0, output);
        }
        for (path, space) in &self.spaces {
            site = site.statfs_of(path, Ok(space.clone()));
        }
        site
    }

    /// Everything by the paths under which it can be reached: links and folders that are links are followed.
    fn followed(&self) -> BTreeMap<String, Node> {
        let mut all = self.nodes.clone();
        for (path, node) in &self.nodes {
            let Content::Link(target) = &node.content else { continue };
            let target = resolved(path, target);
            if let Some(there) = self.nodes.get(&target) {
                all.insert(path.clone(), there.clone());
            }
            let below = format!("{target}/");
            let inside = self.nodes.range(below.clone()..).take_while(|(known, _)| known.starts_with(&below));
            all.extend(
                inside.map(|(known, node)| (format!("{path}/{}", &known[below.len()..]), node.clone())),
            );
        }
        // Files have folders above them.
        let folder = Node { content: Content::Folder, mode: 0o755, uid: 0, gid: 0, age: 86_400 };
        let paths: Vec<String> = all.keys().cloned().collect();
        for path in paths {
            for above in Path::new(&path).ancestors().skip(1) {
                all.entry(above.display().to_string()).or_insert_with(|| folder.clone());
            }
        }
        all
    }

    /// The facts that `P` gathers of it live, as a file of saved facts with `host` for what the agent itself sees.
    pub fn saved_facts<P: Plugin>(&self, manifest: &Manifest, host: &Json) -> Json {
        let target = Target::default();
        let (facts, notes) = gather::<P>(&manifest.contract, &target, &mut self.site(manifest));
        assert_eq!(notes, Vec::<String>::new(), "nothing is dropped");
        json!({
            "goodstead_facts": 1,
            "time": "2026-11-22T06:00:00Z",
            "origin": { "kind": "live" },
            "host": host,
            "targets": [{
                "id": manifest.name,
                "plugin": manifest.name,
                "plugin_version": manifest.version.to_string(),
                "title": manifest.title,
                "deployment": manifest.name,
                "importance": 1.0,
                "facts": facts.to_json(),
            }],
        })
    }
}

/// Where a link at `path` leads.
fn resolved(path: &str, target: &str) -> String {
    let start =
        if target.starts_with('/') { "" } else { path.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
