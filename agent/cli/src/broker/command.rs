//! Running a declared command: exactly its words, an empty environment, bounded output and time.
//!
//! A process between the agent and the command, the runner with another task, ends the command and everything that it
//! started: when the command ends, when its time is over, and when the agent is no more.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::manifest;
use goodstead_protocol::message::Ended;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags};

use crate::users::User;

/// How long a command may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// How much of its output is handed over.
const MAX_OUTPUT: u64 = 4 << 20;

/// How long ending a command and its descendants may take. The runner gives up before that.
const ENDING: Duration = Duration::from_secs(3);

/// Runs the command as `actor` for `limit` at most; its exit code (`None` after a signal) and its standard output.
///
/// # Errors
/// It is not installed, may not be run, took too long, or wrote too much.
pub(super) fn run(
    runner: Option<&Path>,
    declared: &manifest::Command,
    actor: &User,
    limit: Duration,
) -> Result<(Option<i32>, Vec<u8>), Cause> {
    let by = Instant::now() + limit;
    let program = &declared.program;
    let runner = runner.ok_or_else(|| Cause::new(CauseKind::NotAvailable, "commands are not run here"))?;
    let unreadable =
        |error: io::Error| Cause::new(CauseKind::NotAvailable, format!("{program} cannot be read: {error}"));
    let too_slow =
        || Cause::new(CauseKind::TimedOut, format!("{program} took longer than {} s", limit.as_secs()));
    let mut running = Running::start(runner, declared, actor).map_err(|error| {
        Cause::new(CauseKind::NotAvailable, format!("{} cannot be started: {error}", runner.display()))
    })?;
    let output = running.reaper.stdout.take();
    let (sender, receiver) = channel();
    let reading = move || {
        let mut bytes = Vec::new();
        let read = output.map_or(Ok(0), |output| output.take(MAX_OUTPUT + 1).read_to_end(&mut bytes));
        // Whoever gave up does not listen any more.
        let _ = sender.send(read.map(|_| bytes));
    };
    thread::Builder::new().name("command".to_owned()).spawn(reading).map_err(unreadable)?;
    let bytes = match receiver.recv_timeout(by.saturating_duration_since(Instant::now())) {
        Ok(outcome) => outcome.map_err(unreadable)?,
        Err(RecvTimeoutError::Timeout) => return Err(too_slow()),
        Err(RecvTimeoutError::Disconnected) => return Err(unreadable(io::ErrorKind::Other.into())),
    };
    if bytes.len() as u64 > MAX_OUTPUT {
        let detail = format!("{program} wrote more than {} MiB", MAX_OUTPUT >> 20);
        return Err(Cause::new(CauseKind::TooLarge, detail));
    }
    // A command may close its output and go on.
    match running.ended(by) {
        Ok(Ended::Exited(code)) => Ok((code, bytes)),
        Ok(Ended::NotStarted(number)) => Err(not_started(number, program, actor)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Err(too_slow())
        }
        Err(error) => Err(unreadable(error)),
    }
}

fn not_started(number: i32, program: &str, actor: &User) -> Cause {
    let error = io::Error::from_raw_os_error(number);
    if error.kind() == io::ErrorKind::NotFound {
        return Cause::new(CauseKind::Absent, format!("{program} is not installed"));
    }
    let detail = format!("{program} cannot be run as `{}`: {error}", actor.name);
    Cause::new(CauseKind::NotPermitted, detail)
}

/// A command and the process that ends it. Nothing is left of either when this is gone.
struct Running {
    reaper: Child,
    /// Closed, it ends the command.
    line: UnixStream,
}

impl Running {
    fn start(runner: &Path, declared: &manifest::Command, actor: &User) -> io::Result<Running> {
        let (line, theirs) = UnixStream::pair()?;
        let mut command = Command::new(runner);
        command.arg("command").arg(identity(actor)).arg(&declared.program).args(&declared.arguments);
        command.env_clear().current_dir("/");
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped()).stderr(Stdio::null());
        Ok(Running { reaper: command.spawn()?, line })
    }

    /// How the command ended, which is said when nothing is left of it.
    fn ended(&mut self, by: Instant) -> io::Result<Ended> {
        let left = by.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.line.set_read_timeout(Some(left))?;
        let mut said = Vec::new();
        // A process that was the command's own to end says nothing.
        self.line.by_ref().take(64).read_to_end(&mut said)?;
        serde_json::from_slice(&said).map_err(|_| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.line.shutdown(std::net::Shutdown::Both);
        let ends_by_itself = rustix::process::pidfd_open(Pid::from_child(&self.reaper), PidfdFlags::empty())
            .is_ok_and(|reaper| {
                let timeout = Timespec::try_from(ENDING).ok();
                let mut end = [PollFd::new(&reaper, PollFlags::IN)];
                rustix::event::poll(&mut end, timeout.as_ref()).is_ok_and(|ready| ready > 0)
            });
        if !ends_by_itself {
            let _ = self.reaper.kill();
        }
        let _ = self.reaper.wait();
    }
}

/// As whom the runner has the command run; itself unless it has to become somebody else.
fn identity(actor: &User) -> OsString {
    if rustix::process::geteuid().as_raw() == actor.uid {
        return "-".into();
    }
    let groups: Vec<_> = actor.groups.iter().map(ToString::to_string).collect();
    format!("{}:{}:{}", actor.uid, actor.gid, groups.join(",")).into()
}
