//! The child process of one plugin for one scan: loads the library and answers the agent.
//!
//! It is handed the socket in place of standard input, and a pipe for the plugin's log as standard output and standard
//! error. It needs nothing else: no arguments, no environment, no files. (With arguments it has another task, which has
//! nothing to do with plugins: `command.rs`.) The library comes as a descriptor over the socket and is loaded as
//! `/proc/self/fd/N`, so
//! that what the agent read is what runs. Before that the runner locks itself in (`lock/`). One thread, always.

mod command;
mod image;
mod library;
mod lock;
mod output;
mod site;

use std::fs::File;
use std::io::Seek;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use goodstead_protocol::PROTOCOL;
use goodstead_protocol::channel::{Channel, ChannelError};
use goodstead_protocol::message::{Confinement, Hello, Kind, Locked};
use rustix::process::Pid;
use serde_json::json;

use library::Library;
use lock::Surroundings;
use site::AgentSite;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        None => {}
        Some(task) if task == "command" => return command::run(arguments),
        Some(_) => return ExitCode::FAILURE,
    }
    match converse() {
        Ok(()) => ExitCode::SUCCESS,
        // The agent has gone or talks nonsense: nobody is left to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn converse() -> Result<(), ChannelError> {
    let parent = rustix::process::getppid();
    output::by_lines();
    // A plugin that loops must not outlive an agent that was killed.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    // So that neither the plugin nor anything that reads standard input meets the agent there.
    let _ = rustix::stdio::dup2_stdin(File::open("/dev/null")?);
    let number = socket.as_raw_fd();
    let mut channel = Channel::new(UnixStream::from(socket));
    send_json(&mut channel, Kind::Hello, &json!(Hello { protocol: PROTOCOL }))?;
    let library = load(&mut channel, number, parent)?;
    let mut channel = AgentSite::new(channel);
    loop {
        let frame = match channel.receive() {
            Ok(frame) => frame,
            Err(ChannelError::Closed) => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(library) = &library else { return Ok(()) };
        let code = match frame.kind {
            Kind::Discover => library.discover(&mut channel),
            Kind::Gather => library.gather(&mut channel, &frame.body),
            _ => return Err(ChannelError::Malformed("a message out of order")),
        };
        channel.send(Kind::Done, json!(code).to_string().as_bytes())?;
    }
}

/// Locks the runner in, loads what the agent hands over, and says how it went; `None` when it cannot be loaded.
fn load(channel: &mut Channel, number: RawFd, parent: Option<Pid>) -> Result<Option<Library>, ChannelError> {
    let frame = channel.receive(None)?;
    let (Kind::Load, Some(descriptor)) = (frame.kind, frame.descriptor) else {
        return Err(ChannelError::Malformed("no library came"));
    };
    let confinement = serde_json::from_slice(&frame.body)
        .map_err(|_| ChannelError::Malformed("a confinement that is none"))?;
    match open(&confinement, channel, number, descriptor, parent) {
        Ok(library) => {
            send_json(channel, Kind::Loaded, &json!(Hello { protocol: library.protocol() }))?;
            Ok(Some(library))
        }
        Err(reason) => {
            send_json(channel, Kind::NotLoaded, &json!(reason))?;
            Ok(None)
        }
    }
}

/// The library, loaded behind the lock. What the lock lacks is said before, when only the runner can be speaking.
fn open(
    confinement: &Confinement,
    channel: &mut Channel,
    number: RawFd,
    descriptor: OwnedFd,
    parent: Option<Pid>,
) -> Result<Library, String> {
    let locked_in = |reason: String| format!("the runner cannot be locked in: {reason}");
    let mut file = File::from(descriptor);
    // The loader reads on from where the agent stopped writing.
    file.rewind().map_err(|error| format!("the library cannot be read: {error}"))?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let surroundings = Surroundings { parent, channel: number, library: (file.as_raw_fd(), &path) };
    let lock = lock::lock(confinement, &surroundings).map_err(locked_in)?;
    let locked = Locked { lacks: lock.lacks.clone() };
    send_json(channel, Kind::Locked, &json!(locked))
        .map_err(|error| format!("the agent has gone: {error}"))?;
    if confinement.require_full && !locked.lacks.is_empty() {
        return Err(format!(
            "full isolation is demanded, and this kernel lacks: {}",
            locked.lacks.join("; ")
        ));
    }
    image::inspect(&file).map_err(|reason| format!("it cannot be loaded: {reason}"))?;
    let library = Library::open(&path).map_err(|error| error.replace(&path, "the library"))?;
    lock.narrow().map_err(locked_in)?;
    Ok(library)
}

fn send_json(channel: &mut Channel, kind: Kind, body: &serde_json::Value) -> Result<(), ChannelError> {
    channel.send(kind, body.to_string().as_bytes(), &[], None, None)
}
