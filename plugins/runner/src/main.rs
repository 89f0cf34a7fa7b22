//! The child process of one plugin for one scan: loads the library and answers the agent.
//!
//! It is handed one descriptor, the socket in place of standard input, and needs nothing else: no arguments, no
//! environment, no files. The library comes as a descriptor over the socket and is loaded as `/proc/self/fd/N`, so
//! that what the agent read is what runs. One thread, always.

mod library;
mod site;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use goodstead_protocol::PROTOCOL;
use goodstead_protocol::channel::{Channel, ChannelError};
use goodstead_protocol::message::{Hello, Kind};
use serde_json::json;

use library::Library;
use site::AgentSite;

fn main() -> ExitCode {
    match converse() {
        Ok(()) => ExitCode::SUCCESS,
        // The agent has gone or talks nonsense: nobody is left to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn converse() -> Result<(), ChannelError> {
    // A plugin that loops must not outlive an agent that was killed.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    // So that neither the plugin nor anything that reads standard input meets the agent there.
    let _ = rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?);
    let mut channel = Channel::new(UnixStream::from(socket));
    send_json(&mut channel, Kind::Hello, &json!(Hello { protocol: PROTOCOL }))?;
    let library = load(&mut channel)?;
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

/// Loads what the agent hands over and says how it went; `None` when it cannot be loaded.
fn load(channel: &mut Channel) -> Result<Option<Library>, ChannelError> {
    let frame = channel.receive(None)?;
    let (Kind::Load, Some(descriptor)) = (frame.kind, frame.descriptor) else {
        return Err(ChannelError::Malformed("no library came"));
    };
    match open(&descriptor) {
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

fn open(descriptor: &OwnedFd) -> Result<Library, String> {
    let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    Library::open(&path).map_err(|error| error.replace(&path, "the library"))
}

fn send_json(channel: &mut Channel, kind: Kind, body: &serde_json::Value) -> Result<(), ChannelError> {
    channel.send(kind, body.to_string().as_bytes(), &[], None, None)
}
