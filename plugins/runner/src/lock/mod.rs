//! The lock: what the runner gives up, for good, before anything of the plugin runs.
//!
//! It has two steps, because the loader needs a little more than a loaded plugin does. [`lock`] comes before loading, so
//! that the library's constructors run locked already; [`Lock::narrow`] comes after it. A constructor need never return,
//! so what holds against a hostile plugin is what holds after the first step: no rights but those of one unprivileged
//! user, no file, no socket, no process and no thread beside what it was handed, and no code but the library's. The second
//! step takes what only the loader needs: mapping the library, and asking for its size.
//!
//! Every part either takes effect or is an error, and then nothing of the plugin runs; except what the kernel does not
//! have at all, which is told in words when nothing else covers it.

mod descriptors;
mod identity;
mod landlock;
mod limits;
mod loader;
mod memory;
mod seccomp;
mod trap;

use std::os::fd::RawFd;

use goodstead_protocol::message::Confinement;
use rustix::process::{DumpableBehavior, Pid, Signal};

/// The runner, locked in so far that a library can be loaded.
#[must_use = "a library is loaded in between, then the lock is narrowed"]
pub(crate) struct Lock {
    /// The descriptor of the conversation, where there are system call filters.
    seccomp: Option<RawFd>,
    /// What the isolation lacks on this kernel, one sentence each.
    pub(crate) lacks: Vec<String>,
}

/// Who has a hold of the runner from outside.
pub(crate) struct Surroundings<'a> {
    /// Whom this process dies with.
    pub(crate) parent: Option<Pid>,
    /// The conversation with it.
    pub(crate) channel: RawFd,
    /// The library to be loaded, and the path that the loader is going to open.
    pub(crate) library: (RawFd, &'a str),
}

/// Locks this process in. Of the descriptors only the channel's, the library's and the log's stay open.
///
/// # Errors
/// In words, what could not be given up.
pub(crate) fn lock(confinement: &Confinement, surroundings: &Surroundings<'_>) -> Result<Lock, String> {
    let Surroundings { parent, channel, library: (library, path) } = *surroundings;
    alone()?;
    loader::preload();
    limits::prefer_when_memory_is_short();
    identity::give_up(confinement.user, confinement.group)?;
    // A change of user takes the death signal back, so it is given again here, whatever was given before.
    die_with(parent)?;
    step("no new privileges", rustix::thread::set_no_new_privs(true))?;
    // Nobody of the same user may look into this process, and it leaves no core.
    step("no dumps", rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
    limits::set(confinement)?;
    memory::never_both()?;
    leave_group()?;
    descriptors::close_all_but(&[channel, library], confinement.keep_output)?;
    let landlock = landlock::restrict(confinement.landlock_abi)?;
    let seccomp = !confinement.without_seccomp && seccomp::is_there();
    let mut lacks = Vec::new();
    if seccomp {
        trap::answer_loader(library, path)?;
        seccomp::for_loading(channel)?;
    } else {
        lacks.push(seccomp::LACKING.to_owned());
        lacks.extend((!landlock).then(|| landlock::LACKING.to_owned()));
    }
    Ok(Lock { seccomp: seccomp.then_some(channel), lacks })
}

impl Lock {
    /// Takes away what only the loader needs.
    ///
    /// # Errors
    /// In words, what could not be given up.
    pub(crate) fn narrow(self) -> Result<(), String> {
        self.seccomp.map_or(Ok(()), seccomp::for_running)
    }
}

/// The lock holds for the thread that makes it and for what that one starts, so there must be no other. And what the
/// agent was started with is none of the plugin's business.
fn alone() -> Result<(), String> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(|error| format!("threads cannot be counted: {error}"))?;
    match threads.count() {
        1 => {}
        many => return Err(format!("the runner has {many} threads")),
    }
    if std::env::vars_os().next().is_some() {
        return Err("the runner was started with an environment".to_owned());
    }
    Ok(())
}

fn die_with(parent: Option<Pid>) -> Result<(), String> {
    step("the end with the agent", rustix::process::set_parent_process_death_signal(Some(Signal::KILL)))?;
    // It may have died before the signal was asked for.
    if rustix::process::getppid() != parent {
        return Err("the agent has gone".to_owned());
    }
    Ok(())
}

/// Its own process group and session. The agent starts the runner as the leader of a group, so that it can end all of
/// it from the first moment; a leader cannot found a session and needs none: it holds no terminal to be reached by.
fn leave_group() -> Result<(), String> {
    if rustix::process::getpgrp() == rustix::process::getpid() {
        return Ok(());
    }
    step("an own session", rustix::process::setsid().map(drop))
}

/// Names the part of the lock that failed.
fn step(part: &str, outcome: rustix::io::Result<()>) -> Result<(), String> {
    outcome.map_err(|errno| format!("{part}: {}", std::io::Error::from(errno)))
}
