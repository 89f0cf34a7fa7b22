//! The runner's other task: one command of a manifest, and the end of everything that it started.
//!
//! `goodstead-runner command WHO PROGRAM [ARGUMENT]...` with a socket to the agent in place of standard input and the
//! command's output as standard output. WHO is `-`, or `USER:GROUP:GROUPS`. This process is the reaper of the command and
//! of all its descendants, those with a session of their own among them: when the command ends, or the agent lets go of
//! the socket or dies, it ends them all, then says how the command ended and ends itself. Where the agent is root this
//! process stays root and the command does not, so that the command cannot end its reaper.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use goodstead_protocol::message::Ended;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};

/// How long descendants may take to end after they were ended: one that waits for a disk cannot.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait for one of them until the others are looked for again.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Runs the command of the arguments.
pub(crate) fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let (Some(who), Some(program)) = (arguments.next(), arguments.next()) else { return ExitCode::FAILURE };
    let Ok(mut agent) = detached() else { return ExitCode::FAILURE };
    let ended = match start(&who, &program, arguments) {
        Ok(child) => finish(child, &agent),
        Err(error) => Ended::NotStarted(error.raw_os_error().unwrap_or(libc::EIO)),
    };
    // An agent that is gone does not listen.
    match serde_json::to_vec(&ended).map(|said| agent.write_all(&said)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Leaves the agent's session and becomes the reaper; the socket to the agent, which nobody inherits.
fn detached() -> io::Result<UnixStream> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    // The leader of a group has a group to itself already.
    let _ = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(UnixStream::from(socket))
}

fn start(who: &OsStr, program: &OsStr, arguments: impl Iterator<Item = OsString>) -> io::Result<Child> {
    let identity = Identity::read(who)?;
    let reaper = rustix::process::getpid();
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let prepare = move || {
        prefer_when_memory_is_short();
        identity.take_on()?;
        // After the change of user, which takes it back.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before the signal was asked for.
        if rustix::process::getppid() == Some(reaper) {
            Ok(())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    };
    // SAFETY: between fork and exec there is one thread, and only system calls are made: nothing is allocated or locked.
    unsafe { command.pre_exec(prepare) };
    let child = command.spawn()?;
    // The output ends when nobody of the command has it any more.
    rustix::stdio::dup2_stdout(File::open("/dev/null")?)?;
    Ok(child)
}

/// Has the kernel end this process, and what it starts, first when memory runs out.
fn prefer_when_memory_is_short() {
    // SAFETY: a path that ends in a null, and bytes with their length; a descriptor that is not one is refused.
    unsafe {
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        libc::write(file, c"1000".as_ptr().cast(), 4);
        libc::close(file);
    }
}

/// As whom the command runs.
struct Identity(Option<(libc::uid_t, libc::gid_t, Vec<libc::gid_t>)>);

impl Identity {
    fn read(who: &OsStr) -> io::Result<Identity> {
        if who == "-" {
            return Ok(Identity(None));
        }
        let malformed = || io::Error::from(io::ErrorKind::InvalidInput);
        let mut parts = who.to_str().ok_or_else(malformed)?.split(':');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(malformed);
        let (user, group) = (number()?, number()?);
        let listed = parts.next().unwrap_or_default().split(',').filter(|part| !part.is_empty());
        let groups = listed.map(str::parse).collect::<Result<_, _>>().map_err(|_| malformed())?;
        Ok(Identity(Some((user, group, groups))))
    }

    /// Becomes it for good.
    fn take_on(&self) -> io::Result<()> {
        let Some((user, group, groups)) = &self.0 else { return Ok(()) };
        // SAFETY: a list with its length, and numbers.
        let outcomes = unsafe {
            [
                libc::setgroups(groups.len(), groups.as_ptr()),
                libc::setresgid(*group, *group, *group),
                libc::setresuid(*user, *user, *user),
            ]
        };
        if outcomes == [0; 3] { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EPERM)) }
    }
}

/// Waits for the end of the command or of the agent's interest in it, and ends whatever is left.
fn finish(mut child: Child, agent: &UnixStream) -> Ended {
    let _ = wait_for_either(&child, agent);
    let ended = child.try_wait();
    end_descendants();
    match ended {
        Ok(Some(status)) => Ended::Exited(status.code()),
        _ => Ended::Exited(None),
    }
}

fn wait_for_either(child: &Child, agent: &UnixStream) -> io::Result<()> {
    let child: OwnedFd = rustix::process::pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    // The agent says nothing: what comes from it is the end.
    let mut either =
        [PollFd::new(&child, PollFlags::IN), PollFd::new(agent, PollFlags::IN | PollFlags::RDHUP)];
    loop {
        match rustix::event::poll(&mut either, None) {
            Err(rustix::io::Errno::INTR) => {}
            outcome => return Ok(outcome.map(drop)?),
        }
    }
}

/// Ends this process's descendants until there are none. The children of one that ends become this process's own.
fn end_descendants() {
    let by = Instant::now() + PATIENCE;
    while Instant::now() < by {
        let left = descendants();
        for descendant in &left {
            let _ = rustix::process::kill_process(*descendant, Signal::KILL);
        }
        let mut has_reaped = false;
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => has_reaped = true,
                Ok(None) => break,
                // There are none.
                Err(_) => return,
            }
        }
        if !has_reaped {
            let first =
                left.first().and_then(|first| rustix::process::pidfd_open(*first, PidfdFlags::empty()).ok());
            let mut end: Vec<_> = first.iter().map(|first| PollFd::new(first, PollFlags::IN)).collect();
            let _ = rustix::event::poll(&mut end, Some(&PAUSE));
        }
    }
}

/// This process's children and theirs. A process that appears meanwhile is found by the next look.
fn descendants() -> Vec<Pid> {
    let mut found = children(rustix::process::getpid());
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(children(parent));
        at += 1;
    }
    found
}

/// A process's children: as the kernel lists them, or, where it does not, found among all processes.
fn children(of: Pid) -> Vec<Pid> {
    let number = |text: &str| text.parse().ok().and_then(Pid::from_raw);
    let of = of.as_raw_nonzero().to_string();
    if let Ok(listed) = fs::read_to_string(format!("/proc/{of}/task/{of}/children")) {
        return listed.split_whitespace().filter_map(number).collect();
    }
    let is_child = |process: &Pid| {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
        // The name in parentheses may hold anything; behind it are the state and the parent.
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)).is_some_and(|parent| parent == of)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|entry| number(entry.file_name().to_str()?)).filter(is_child).collect()
}
