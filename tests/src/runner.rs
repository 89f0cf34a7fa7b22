//! The staged runner, driven directly as the agent drives it.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use goodstead_protocol::channel::{Channel, ChannelError, Frame};
use goodstead_protocol::message::{Confinement, Kind, Locked};
use rustix::fs::{MemfdFlags, SealFlags};
use serde_json::{Value as Json, json};

use crate::tree::Tree;
use crate::{checkout, is_root};

/// The user and group who own nothing.
pub const NOBODY: u32 = 65534;

/// As whom the runner is started, and as whom it ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    /// As root, which becomes nobody.
    Root,
    /// As an ordinary user, which stays one.
    Ordinary,
}

/// The ways that there are for the user who runs the tests.
pub fn ways() -> &'static [Way] {
    if is_root() { &[Way::Root, Way::Ordinary] } else { &[Way::Ordinary] }
}

/// How it locks itself in.
pub fn confinement(way: Way) -> Confinement {
    let nobody = (way == Way::Root).then_some(NOBODY);
    Confinement {
        user: nobody,
        group: nobody,
        memory_bytes: 1 << 30,
        cpu_seconds: 20,
        ..Confinement::default()
    }
}

/// A runner that was sent a library.
pub struct Runner {
    /// Its process.
    pub child: Child,
    /// The conversation with it.
    pub channel: Channel,
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Runner {
    /// Starts the program and waits for its greeting.
    pub fn start(program: &mut Command) -> Runner {
        let (ours, theirs) = UnixStream::pair().unwrap();
        program.stdin(Stdio::from(OwnedFd::from(theirs)));
        let child = program.spawn().expect("the runner starts");
        program.stdin(Stdio::null());
        let mut runner = Runner { child, channel: Channel::new(ours) };
        assert_eq!(runner.receive().unwrap().kind, Kind::Hello);
        runner
    }

    /// Has it lock itself in and load the library.
    pub fn load(&mut self, confinement: &Confinement, library: OwnedFd) -> Result<Locked, String> {
        self.send(Kind::Load, &json!(confinement), Some(library));
        let mut locked = None;
        let mut frame = self.receive().unwrap_or_else(|error| panic!("{error}: {:?}", self.child.wait()));
        if frame.kind == Kind::Locked {
            locked = Some(serde_json::from_slice(&frame.body).unwrap());
            frame = self.receive().unwrap_or_else(|error| panic!("{error}: {:?}", self.child.wait()));
        }
        match frame.kind {
            Kind::Loaded => Ok(locked.expect("it says that it is locked before it loads")),
            Kind::NotLoaded => Err(serde_json::from_slice(&frame.body).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    /// What the plugin gathers.
    pub fn gather(&mut self) -> Json {
        self.send(Kind::Gather, &json!({}), None);
        let emitted = self.receive().unwrap_or_else(|error| panic!("{error}: {:?}", self.child.wait()));
        assert_eq!(emitted.kind, Kind::Emit);
        assert_eq!(self.receive().unwrap().kind, Kind::Done);
        serde_json::from_slice(&emitted.body).unwrap()
    }

    /// Sends a message.
    pub fn send(&mut self, kind: Kind, body: &Json, descriptor: Option<OwnedFd>) {
        let descriptor = descriptor.as_ref().map(AsFd::as_fd);
        self.channel.send(kind, body.to_string().as_bytes(), &[], descriptor, None).unwrap();
    }

    /// Waits for a message.
    pub fn receive(&mut self) -> Result<Frame, ChannelError> {
        self.channel.receive(Some(Instant::now() + Duration::from_secs(20)))
    }

    /// How it ends, which it does by itself.
    pub fn end(&mut self) -> ExitStatus {
        assert!(matches!(self.receive(), Err(ChannelError::Closed)));
        self.child.wait().unwrap()
    }

    /// What the kernel says of it.
    pub fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }
}

/// The staged runner as the agent starts it.
pub fn program(tree: &Tree, way: Way) -> Command {
    let mut command = Command::new(tree.path("lib/goodstead/goodstead-runner"));
    command.env_clear().current_dir("/").process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
    if way == Way::Ordinary && is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Compiles the plugin and returns it as the agent hands it over: sealed, in memory.
pub fn plugin(tree: &Tree, options: &[&str]) -> OwnedFd {
    let library = tree.scratch("liblock.so");
    let status = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O1"])
        .arg(format!("-DPARENT={}", std::process::id()))
        .args(options)
        .arg("-I")
        .arg(checkout().join("plugins/sdk/include"))
        .arg("-o")
        .arg(&library)
        .arg(checkout().join("tests/plugins/lock.c"))
        .status()
        .expect("cc runs");
    assert!(status.success(), "{options:?}");
    sealed(&library)
}

/// A file's bytes in memory that nobody can change.
pub fn sealed(library: &Path) -> OwnedFd {
    let memory = rustix::fs::memfd_create("plugin", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    let mut memory = File::from(memory);
    std::io::copy(&mut File::open(library).unwrap(), &mut memory).unwrap();
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&memory, seals).unwrap();
    memory.into()
}
