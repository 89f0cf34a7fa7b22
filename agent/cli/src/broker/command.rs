//! Running a declared command: exactly its words, an empty environment, bounded output and time.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::manifest;

use super::connect::take_on;
use crate::runner::end_group;
use crate::users::User;

/// How long a command may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// How much of its output is handed over.
const MAX_OUTPUT: u64 = 4 << 20;

/// Starts the command with all of the user's groups: a thread of its own takes them on, and the child has what it has.
fn spawn_as(actor: &User, mut command: Command) -> io::Result<Child> {
    let actor = actor.clone();
    let spawned = thread::spawn(move || take_on(&actor).and_then(|()| command.spawn()));
    spawned.join().unwrap_or_else(|_| Err(io::Error::other("the agent failed at it")))
}

/// Runs the command as `actor` for `limit` at most; its exit code (`None` after a signal) and its standard output.
///
/// # Errors
/// It is not installed, may not be run, took too long, or wrote too much.
pub(super) fn run(
    declared: &manifest::Command,
    actor: &User,
    limit: Duration,
) -> Result<(Option<i32>, Vec<u8>), Cause> {
    let mut command = Command::new(&declared.program);
    command.args(&declared.arguments).env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let program = &declared.program;
    let mut child = spawn_as(actor, command).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Cause::new(CauseKind::Absent, format!("{program} is not installed")),
        _ => Cause::new(
            CauseKind::NotPermitted,
            format!("{program} cannot be run as `{}`: {error}", actor.name),
        ),
    })?;
    let group = child.id();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = match child.stdout.take() {
            Some(output) => output.take(MAX_OUTPUT + 1).read_to_end(&mut bytes),
            None => Ok(0),
        };
        if bytes.len() as u64 > MAX_OUTPUT {
            end_group(group);
        }
        let code = child.wait().ok().and_then(|status| status.code());
        let _ = sender.send(read.map(|_| (code, bytes)));
    });
    match receiver.recv_timeout(limit) {
        Ok(Ok((_, bytes))) if bytes.len() as u64 > MAX_OUTPUT => Err(Cause::new(
            CauseKind::TooLarge,
            format!("{program} wrote more than {} MiB", MAX_OUTPUT >> 20),
        )),
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(error)) => {
            Err(Cause::new(CauseKind::NotAvailable, format!("{program} cannot be read: {error}")))
        }
        Err(_) => {
            // The thread has not reaped it yet, so the number still stands for this group.
            end_group(group);
            Err(Cause::new(CauseKind::TimedOut, format!("{program} took longer than {} s", limit.as_secs())))
        }
    }
}
