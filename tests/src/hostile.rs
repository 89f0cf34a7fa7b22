//! Hostile plugins (`plugins/hostile`) and what they may not touch: a tree with canaries around it, and the proof
//! afterwards that none of them was met.
//!
//! The canaries are open to everybody, files and sockets alike: no permission protects them, only the plugin's lock and
//! the broker do.

pub mod kinds;
mod snapshot;
mod undisturbed;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use self::snapshot::{Entry, snapshot};
use self::undisturbed::{Host, harm};
use crate::tree::{Run, Tree, verdict};
use crate::{checkout, is_root};

/// What stands in the canary, and nowhere else.
pub const CANARY: &str = "CANARY";

/// A secret of the agent's own environment.
const SECRET: &str = "s3cret-of-the-agent";

/// Files that an escape would leave outside of the test's own folder.
const OUTSIDE: [&str; 2] = ["/tmp/goodstead-hostile", "/dev/shm/goodstead-hostile"];

/// The user and group that own nothing.
const NOBODY: u32 = 65534;

/// A tree among canaries.
pub struct Site {
    /// The tree that hostile plugins are installed in.
    pub tree: Tree,
    tcp: TcpListener,
    udp: UdpSocket,
    unix: UnixListener,
    unnamed: UnixListener,
    name: String,
}

/// A scan that is over, with nothing harmed.
pub struct Scanned {
    /// How the agent ended.
    pub run: Run,
    /// Its report.
    pub report: Json,
    /// The facts of each target.
    pub facts: BTreeMap<String, Json>,
    /// How long the agent ran.
    pub took: Duration,
    /// The facts as they were saved.
    saved: String,
}

impl Site {
    /// A copy of the staged tree, and the canaries.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Site {
        let tree = Tree::new();
        let folder = tree.scratch("site");
        let allowed = folder.join("allowed");
        for path in [&folder, &folder.join("empty"), &allowed, &allowed.join("swapped-folder")] {
            fs::create_dir(path).expect("a folder");
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("a mode");
        }
        let inside = [allowed.join("inside"), allowed.join("swapped"), allowed.join("swapped-folder/canary")];
        for (path, text) in
            inside.iter().map(|path| (path.as_path(), "INSIDE")).chain([(&*folder.join("canary"), CANARY)])
        {
            fs::write(path, text).expect("a file");
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("a mode");
        }
        for (name, to) in [
            ("link-to-shadow", "/etc/shadow"),
            ("link-to-canary", "../canary"),
            ("link-to-folder", ".."),
            ("link-to-root", "/"),
            ("link-to-magic", "/proc/self/root/etc/shadow"),
            ("link-to-itself", "link-to-itself"),
            ("link-to-link", "link-to-canary"),
            ("link-to-zero", "/dev/zero"),
        ] {
            symlink(to, allowed.join(name)).expect("a link");
        }
        symlink("canary", folder.join("link")).expect("a link");
        assert!(Command::new("mkfifo").arg(allowed.join("fifo")).status().expect("mkfifo runs").success());
        drop(UnixListener::bind(allowed.join("socket")).expect("a socket"));

        let unix = UnixListener::bind(folder.join("listener")).expect("a socket");
        fs::set_permissions(folder.join("listener"), fs::Permissions::from_mode(0o777)).expect("a mode");
        let name = folder.display().to_string();
        let unnamed = SocketAddr::from_abstract_name(&name)
            .and_then(|it| UnixListener::bind_addr(&it))
            .expect("a socket");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        tcp.set_nonblocking(true).and(udp.set_nonblocking(true)).expect("a mode");
        unix.set_nonblocking(true).and(unnamed.set_nonblocking(true)).expect("a mode");
        Site { tree, tcp, udp, unix, unnamed, name }
    }

    /// The folder of the canaries.
    pub fn folder(&self) -> PathBuf {
        self.tree.scratch("site")
    }

    /// Installs a plugin from C: one mode of a file, with more definitions. The same name as in [`Site::check_of`].
    pub fn install(&self, name: &str, file: &str, mode: &str, seconds: u32, definitions: &[(&str, String)]) {
        let folder = self.declare(name, seconds, "");
        self.compile(file, mode, definitions, &folder.join("libhostile.so"));
    }

    /// Installs the plugin in Rust.
    pub fn install_rust(&self, name: &str) {
        let folder = self.declare(name, 10, "");
        fs::copy(rust_library(), folder.join("libhostile.so")).expect("a copy");
    }

    /// Writes a manifest, with more permissions, and returns the plugin's folder.
    pub fn declare(&self, name: &str, seconds: u32, permissions: &str) -> PathBuf {
        let folder = self.tree.plugin(name);
        let manifest = format!(
            "name = \"{name}\"\ntitle = \"A hostile plugin\"\nversion = \"0.1.0\"\nprotocol = 1\n\
             library = \"libhostile.so\"\nseconds = {seconds}\n[permissions]\n\
             read = [\"/proc/self/stat\", \"{}/allowed/**\"]\n{permissions}\n[facts]\n\
             greeting = {{ type = \"text\", sensitivity = \"public\" }}\n\
             size = {{ type = \"int\", sensitivity = \"public\", optional = true }}\n\
             attempts = {{ type = \"map\", of = \"int\", sensitivity = \"public\", optional = true }}\n",
            self.folder().display()
        );
        fs::write(folder.join("plugin.toml"), manifest).expect("the manifest");
        folder
    }

    /// Compiles a mode of a file in `plugins/hostile`.
    pub fn compile(&self, file: &str, mode: &str, definitions: &[(&str, String)], library: &Path) {
        self.compile_with(&[], file, mode, definitions, library);
    }

    /// The same with more options for the compiler.
    pub fn compile_with(
        &self,
        options: &[&str],
        file: &str,
        mode: &str,
        definitions: &[(&str, String)],
        library: &Path,
    ) {
        let site = self.folder();
        let quoted = |path: &str| format!("\"{}{path}\"", site.display());
        let port =
            |address: std::io::Result<std::net::SocketAddr>| address.expect("an address").port().to_string();
        let own = [
            ("MODE", mode.to_owned()),
            ("HOSTILE_FOLDER", quoted("")),
            ("HOSTILE_CANARY", quoted("/canary")),
            ("HOSTILE_LINK", quoted("/link")),
            ("HOSTILE_ALLOWED", quoted("/allowed")),
            ("HOSTILE_SOCKET", quoted("/listener")),
            ("HOSTILE_LIBRARY", format!("\"{}\"", library.display())),
            ("HOSTILE_ABSTRACT", format!("\"{}\"", self.name)),
            ("HOSTILE_TCP", port(self.tcp.local_addr())),
            ("HOSTILE_UDP", port(self.udp.local_addr())),
        ];
        let mut compiler = Command::new("cc");
        compiler.args([
            "-std=gnu11",
            "-D_GNU_SOURCE",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-shared",
            "-fPIC",
            "-O1",
            "-fexceptions",
        ]);
        compiler.arg(format!("-DMODE_{mode}")).arg("-I").arg(checkout().join("plugins/sdk/include"));
        for (name, value) in own.iter().chain(definitions) {
            compiler.arg(format!("-D{name}={value}"));
        }
        compiler.args(options);
        compiler.arg("-o").arg(library).arg(checkout().join("plugins/hostile").join(file));
        assert!(compiler.status().expect("cc runs").success(), "cc refuses {mode} of {file}");
    }

    /// A check over a plugin's facts, so that their loss shows.
    pub fn check_of(&self, name: &str) {
        self.tree.local_check(
            name,
            "greeting.toml",
            &format!(
                r#"id = "{name}.greeting-wrong"
title = "The greeting is wrong"
since = "0.1.0"
concern = "operability"
impact = "low"
likelihood = "low"
pass = '{name}.greeting == "hello"'
evidence = ['{name}.greeting']
why = "It should be friendly."
remedy = "Greet."
[[case]]
name = "friendly"
facts.{name} = {{ greeting = "hello" }}
expect = "pass"
[[case]]
name = "rude"
facts.{name} = {{ greeting = "go away" }}
expect = "fail"
[[case]]
name = "silent"
facts.{name} = {{}}
expect = "unknown"
"#
            ),
        );
        let pack = format!(
            "name = \"{name}\"\ntitle = \"Hostile\"\nversion = \"0.1.0\"\n[requires]\n{name} = \"^0.1\"\n"
        );
        fs::write(self.tree.config("checks").join(name).join("pack.toml"), pack).expect("a pack");
    }

    /// Checks the machine with everything that is installed, and proves that nothing was harmed: the host's facts came
    /// through whole, no canary was met, no process stayed, and the agent ended as if nothing had been.
    pub fn scan(&self, what: &str, user: User) -> Scanned {
        let before = snapshot(&self.folder());
        let scanned = Scanned::of(what, &self.tree, &[], user);
        let Scanned { run, saved, .. } = &scanned;
        assert_eq!(run.code, 0, "{what}: the exit code is the findings': {run:?}");
        for word in [CANARY, SECRET] {
            assert!(
                ![&run.stdout, &run.stderr, saved].iter().any(|it| it.contains(word)),
                "{what}: {word} came out"
            );
        }
        self.assert_unharmed(what, &before);
        assert_eq!(harm(&scanned, user), Host::default(), "{what}: the host's facts came through whole");
        scanned
    }

    fn assert_unharmed(&self, what: &str, before: &[Entry]) {
        assert_eq!(snapshot(&self.folder()), before, "{what}: files were changed");
        for path in OUTSIDE {
            assert!(!Path::new(path).exists(), "{what}: {path} was made");
        }
        let waiting = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(self.tcp.accept().is_err_and(waiting), "{what}: TCP was reached");
        assert!(self.udp.recv(&mut [0; 16]).is_err_and(waiting), "{what}: UDP was reached");
        assert!(self.unix.accept().is_err_and(waiting), "{what}: the Unix socket was reached");
        assert!(self.unnamed.accept().is_err_and(waiting), "{what}: the abstract socket was reached");
        let left = self.processes();
        assert!(left.is_empty(), "{what}: processes stayed: {left:?}");
    }

    /// The processes that run a program of this tree.
    fn processes(&self) -> Vec<PathBuf> {
        let programs = self.tree.path("");
        let exe = |entry: std::io::Result<fs::DirEntry>| fs::read_link(entry.ok()?.path().join("exe")).ok();
        fs::read_dir("/proc")
            .expect("/proc")
            .filter_map(exe)
            .filter(|path| path.starts_with(&programs))
            .collect()
    }
}

/// Who runs the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests, root for example.
    Own,
    /// Not root, even where the tests are.
    Ordinary,
}

impl Scanned {
    /// Has the agent check these targets, or all, and save the facts. It has a secret in its environment.
    fn of(what: &str, tree: &Tree, targets: &[&str], user: User) -> Scanned {
        let saved = tree.scratch("saved.json");
        let saved_as = saved.display().to_string();
        let options = ["--format", "json", "--fail-on", "never", "--save-facts", &saved_as];
        let mut command = tree.goodstead(&[&["check"], targets, &options].concat());
        if user == User::Ordinary && is_root() {
            let state = tree.scratch("state");
            fs::create_dir(&state).and_then(|()| fs::write(&saved, "")).expect("places");
            for path in [&state, &saved] {
                std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("an owner");
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        let began = Instant::now();
        let run = Run::of(command.env("GOODSTEAD_TEST_SECRET", SECRET).output().expect("goodstead runs"));
        let took = began.elapsed();
        let report = run.report();
        let saved =
            fs::read_to_string(&saved).unwrap_or_else(|error| panic!("{what}: no facts: {error}: {run:?}"));
        let facts: Json = serde_json::from_str(&saved).expect("facts are JSON");
        let targets = facts["targets"].as_array().expect("targets").iter();
        let facts =
            targets.map(|it| (it["id"].as_str().expect("an id").to_owned(), it["facts"].clone())).collect();
        Scanned { run, report, facts, took, saved }
    }

    /// The judgement of [`Site::check_of`].
    pub fn judgement(&self, name: &str) -> &Json {
        verdict(&self.report, &format!("{name}.greeting-wrong"), name)
    }

    /// What each attempt of a plugin met: an error number, 0 for success.
    pub fn attempts(&self, name: &str) -> BTreeMap<String, i64> {
        let attempts = self.facts.get(name).and_then(|facts| facts["attempts"].as_object());
        attempts
            .into_iter()
            .flatten()
            .map(|(name, error)| (name.clone(), error.as_i64().unwrap_or(0)))
            .collect()
    }
}

/// The library of the plugin in Rust, built once: it is never staged.
fn rust_library() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo
                .args(["build", "--quiet", "--offline", "--package", "goodstead-hostile"])
                .current_dir(checkout());
            assert!(cargo.status().expect("cargo runs").success(), "the hostile plugin in Rust is not built");
            let target =
                std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout().join("target"), PathBuf::from);
            target.join("debug/libgoodstead_hostile.so")
        })
        .clone()
}
