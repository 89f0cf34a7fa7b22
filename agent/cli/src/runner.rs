//! One plugin for one scan: starts its runner, leads the conversation, and makes of every way it can go wrong a cause.
//!
//! A crash, hang, flood or lie costs this plugin's facts and nothing else. When this returns the runner is gone, and
//! with it whatever it started.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use goodstead_protocol::PROTOCOL;
use goodstead_protocol::channel::{Channel, ChannelError, Frame};
use goodstead_protocol::fact::{Cause, CauseKind, Fact};
use goodstead_protocol::message::{Confinement, Hello, Kind, Locked, Proposal, Target};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use serde::de::DeserializeOwned;

use crate::broker::Broker;

/// The most targets of one plugin on one host.
const MAX_TARGETS: usize = 256;

/// What a plugin found: its targets with what it sent of each, before the contract is held against it.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) targets: Vec<(FoundTarget, Fact)>,
    /// Why the targets are not known: the plugin failed before or while it looked for them.
    pub(crate) failure: Option<Cause>,
    /// What the isolation lacked; `None` when it never came to that.
    pub(crate) lacks: Option<Vec<String>>,
    /// Proposals that were refused, and the like.
    pub(crate) notes: Vec<String>,
}

/// A target, and what it is for people.
#[derive(Debug, Clone)]
pub(crate) struct FoundTarget {
    pub(crate) target: Target,
    pub(crate) title: String,
}

/// What the conversation needs besides the broker.
pub(crate) struct Task<'a> {
    /// Where the library was read from.
    pub(crate) library_path: &'a Path,
    /// How long all of it may take.
    pub(crate) time_limit: Duration,
    /// How the runner locks itself in.
    pub(crate) confinement: &'a Confinement,
    /// Targets from `agent.toml`.
    pub(crate) configured: Vec<FoundTarget>,
    /// Every option of the plugin.
    pub(crate) options: BTreeMap<String, u64>,
    /// The only target names wanted; empty for all.
    pub(crate) wanted: &'a BTreeSet<String>,
}

/// Runs the plugin; `ready` is the runner and the library in sealed memory, or why there is none that may run.
pub(crate) fn gather(
    task: &Task<'_>,
    ready: Result<(Started, OwnedFd), Cause>,
    broker: &mut Broker,
) -> Gathered {
    let deadline = Instant::now() + task.time_limit;
    broker.ends_at(deadline);
    let mut gathered = Gathered::default();
    let begun =
        ready.and_then(|(started, library)| begin(task, started, library, deadline, &mut gathered.lacks));
    let mut conversation = match begun {
        Ok(conversation) => conversation,
        Err(cause) => return gathered.fail_all(&task.configured, cause),
    };
    let proposals = match conversation.discover(broker) {
        Ok(proposals) => proposals,
        Err(cause) => return gathered.fail_all(&task.configured, cause),
    };
    let targets = merge(proposals, &task.configured, broker, &mut gathered.notes);
    let wanted = |target: &FoundTarget| {
        task.wanted.is_empty() || target.target.name.as_ref().is_some_and(|name| task.wanted.contains(name))
    };
    let mut failure: Option<Cause> = None;
    for mut found in targets.into_iter().filter(wanted) {
        found.target.options.clone_from(&task.options);
        let facts = match &failure {
            Some(cause) => cause.clone().into(),
            None => conversation.gather(&found.target, broker).unwrap_or_else(|cause| {
                failure = Some(cause.clone());
                cause.into()
            }),
        };
        gathered.targets.push((found, facts));
    }
    gathered
}

impl Gathered {
    /// Nothing is known but what the admin configured, and that only by name.
    fn fail_all(mut self, configured: &[FoundTarget], cause: Cause) -> Self {
        self.targets = configured.iter().map(|found| (found.clone(), cause.clone().into())).collect();
        self.failure = Some(cause);
        self
    }
}

/// Adds what the admin configured to what the plugin found. Where both mean the same (the same name or address), the
/// admin's word counts and the plugin's hints are kept.
fn merge(
    proposals: Vec<Proposal>,
    configured: &[FoundTarget],
    broker: &mut Broker,
    notes: &mut Vec<String>,
) -> Vec<FoundTarget> {
    let mut targets: Vec<FoundTarget> = configured.to_vec();
    let proposed = proposals.len();
    if proposed > MAX_TARGETS {
        notes.push(format!("of {proposed} targets the first {MAX_TARGETS} were looked at"));
    }
    for proposal in proposals.into_iter().take(MAX_TARGETS) {
        if let Err(cause) = broker.accept_proposal(&proposal) {
            notes.push(cause.detail);
            continue;
        }
        let same = |known: &&mut FoundTarget| {
            known.target.name == proposal.name
                || (known.target.address.is_some() && known.target.address == proposal.address)
        };
        let full = targets.len() == MAX_TARGETS;
        match targets.iter_mut().find(same) {
            Some(known) => {
                known.target.hints = proposal.hints;
                known.target.name = known.target.name.take().or(proposal.name);
                known.target.address = known.target.address.take().or(proposal.address);
                if known.title.is_empty() {
                    known.title = proposal.title;
                }
            }
            None if full => {
                notes.push(format!("more than {MAX_TARGETS} targets: `{}` was left out", proposal.title))
            }
            None => targets.push(FoundTarget {
                target: Target {
                    name: proposal.name,
                    address: proposal.address,
                    hints: proposal.hints,
                    ..Target::default()
                },
                title: proposal.title,
            }),
        }
    }
    targets
}

/// A runner that was started, and that nothing was said to yet.
#[derive(Debug)]
pub(crate) struct Started {
    channel: Channel,
    child: Child,
}

/// Starts the runner at `path`.
///
/// # Errors
/// It cannot be started.
pub(crate) fn start(path: &Path) -> Result<Started, Cause> {
    let (ours, theirs) = UnixStream::pair()
        .map_err(|error| Cause::new(CauseKind::PluginFailed, format!("no socket pair: {error}")))?;
    let mut command = Command::new(path);
    command.env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| {
        Cause::new(CauseKind::PluginFailed, format!("{} cannot be started: {error}", path.display()))
            .remedy("reinstall Goodstead: its own files are missing or damaged")
    })?;
    // The command held the other end of the socket: gone, a runner that dies closes the conversation.
    Ok(Started { channel: Channel::new(ours), child })
}

/// A running plugin.
struct Conversation {
    started: Started,
    deadline: Instant,
    time_limit: Duration,
}

impl Drop for Started {
    fn drop(&mut self) {
        // An agent that may not end another user's process must not wait for it either: the kernel ends the runner with
        // the thread that started it.
        if end_group(self.child.id()) {
            let _ = self.child.wait();
        }
    }
}

/// Has the runner lock itself in and load the library; `lacks` is what it then says of the lock.
fn begin(
    task: &Task<'_>,
    started: Started,
    library: OwnedFd,
    deadline: Instant,
    lacks: &mut Option<Vec<String>>,
) -> Result<Conversation, Cause> {
    let mut conversation = Conversation { started, deadline, time_limit: task.time_limit };
    let hello = conversation.expect(Kind::Hello)?;
    same_protocol(parsed::<Hello>(&hello)?.protocol, "the runner")?;
    let confinement =
        serde_json::to_vec(task.confinement).map_err(|_| nonsense("a confinement that is no JSON"))?;
    conversation.send(Kind::Load, &confinement, &[], Some(library))?;
    let mut frame = conversation.receive()?;
    // Said before anything of the plugin runs, so only the runner can have said it.
    if frame.kind == Kind::Locked {
        let locked: Locked = parsed(&frame)?;
        *lacks = Some(locked.lacks);
        frame = conversation.receive()?;
    }
    match frame.kind {
        Kind::Loaded if lacks.is_some() => {
            same_protocol(parsed::<Hello>(&frame)?.protocol, "the plugin's library")?;
        }
        Kind::NotLoaded => {
            let reason: String = parsed(&frame)?;
            if task.confinement.require_full && lacks.as_ref().is_some_and(|lacks| !lacks.is_empty()) {
                let remedy = "a newer kernel, or [isolation] require_full = false in agent.toml";
                return Err(Cause::new(CauseKind::NotPermitted, reason).remedy(remedy));
            }
            let detail = format!("{}: {reason}", task.library_path.display());
            return Err(Cause::new(CauseKind::PluginFailed, detail));
        }
        _ => return Err(out_of_order()),
    }
    Ok(conversation)
}

/// The body of a frame that only the runner sends.
fn parsed<T: DeserializeOwned>(frame: &Frame) -> Result<T, Cause> {
    serde_json::from_slice(&frame.body).map_err(|_| nonsense("its greeting is none of this protocol"))
}

fn same_protocol(spoken: u32, who: &str) -> Result<(), Cause> {
    if spoken == PROTOCOL {
        return Ok(());
    }
    let detail = format!("{who} speaks protocol {spoken}, this agent {PROTOCOL}");
    Err(Cause::new(CauseKind::PluginFailed, detail).remedy("install matching versions of plugin and agent"))
}

/// Why these bytes are no facts, with the place.
fn what_is_wrong(emitted: &[u8]) -> Cause {
    match serde_json::from_slice(emitted).map(Fact::from_json) {
        Ok(Err(problem)) => nonsense(&problem),
        _ => nonsense("its facts are no JSON"),
    }
}

fn out_of_order() -> Cause {
    nonsense("a message out of order")
}

fn nonsense(detail: &str) -> Cause {
    Cause::new(CauseKind::PluginFailed, format!("the plugin answers nonsense: {detail}"))
}

impl Conversation {
    fn discover(&mut self, broker: &mut Broker) -> Result<Vec<Proposal>, Cause> {
        self.send(Kind::Discover, b"{}", &[], None)?;
        let emitted = self.answer_until_done(broker)?;
        if let Ok(Fact::Unknown(cause)) = serde_json::from_slice(&emitted) {
            return Err(*cause);
        }
        serde_json::from_slice(&emitted).map_err(|_| nonsense("its targets are no list of this protocol"))
    }

    fn gather(&mut self, target: &Target, broker: &mut Broker) -> Result<Fact, Cause> {
        let body = serde_json::to_vec(target).map_err(|_| nonsense("a target that is no JSON"))?;
        self.send(Kind::Gather, &body, &[], None)?;
        let emitted = self.answer_until_done(broker)?;
        // Facts that cannot be read are this target's loss; the plugin is still at hand for the next.
        Ok(serde_json::from_slice(&emitted).unwrap_or_else(|_| Fact::from(what_is_wrong(&emitted))))
    }

    /// Answers what the plugin asks until it is done, and returns what it said.
    fn answer_until_done(&mut self, broker: &mut Broker) -> Result<Vec<u8>, Cause> {
        let mut emitted = None;
        loop {
            let frame = self.receive()?;
            match frame.kind {
                Kind::Ask => {
                    let answer = broker.answer(&frame.body);
                    let body =
                        serde_json::to_vec(&answer.reply).map_err(|_| nonsense("a reply that is no JSON"))?;
                    self.send(Kind::Reply, &body, &answer.data, answer.descriptor)?;
                }
                Kind::Emit if emitted.is_none() => emitted = Some(frame.body),
                Kind::Emit => return Err(nonsense("it handed over two results")),
                Kind::Done => {
                    let code: i32 = serde_json::from_slice(&frame.body).unwrap_or(-1);
                    return match (code, emitted) {
                        (0, Some(emitted)) => Ok(emitted),
                        (0, None) => Err(nonsense("it handed over nothing")),
                        (1, _) => Err(Cause::new(CauseKind::PluginFailed, "the plugin panicked")),
                        (code, _) => Err(Cause::new(
                            CauseKind::PluginFailed,
                            format!("the plugin gave up with code {code}"),
                        )),
                    };
                }
                _ => return Err(out_of_order()),
            }
        }
    }

    fn send(
        &mut self,
        kind: Kind,
        body: &[u8],
        data: &[u8],
        descriptor: Option<OwnedFd>,
    ) -> Result<(), Cause> {
        let sent = self.started.channel.send(
            kind,
            body,
            data,
            descriptor.as_ref().map(AsFd::as_fd),
            Some(self.deadline),
        );
        sent.map_err(|error| self.explain(error))
    }

    fn expect(&mut self, kind: Kind) -> Result<Frame, Cause> {
        let frame = self.receive()?;
        if frame.kind == kind { Ok(frame) } else { Err(out_of_order()) }
    }

    fn receive(&mut self) -> Result<Frame, Cause> {
        self.started.channel.receive(Some(self.deadline)).map_err(|error| self.explain(error))
    }

    /// Why the conversation ended. A runner that is gone is asked how it died.
    fn explain(&mut self, error: ChannelError) -> Cause {
        match error {
            ChannelError::TimedOut => {
                let detail =
                    format!("the plugin took longer than its {} s and was ended", self.time_limit.as_secs());
                Cause::new(CauseKind::TimedOut, detail)
            }
            ChannelError::Malformed(what) => nonsense(what),
            ChannelError::Io(error) => {
                Cause::new(CauseKind::PluginFailed, format!("the conversation failed: {error}"))
            }
            ChannelError::Closed => {
                let end = match self.last_words() {
                    Some(status) if status.signal().is_some() => {
                        format!("crashed (signal {})", status.signal().unwrap_or_default())
                    }
                    Some(status) => {
                        format!("ended in the middle (exit code {})", status.code().unwrap_or_default())
                    }
                    None => "closed the conversation".to_owned(),
                };
                Cause::new(CauseKind::PluginFailed, format!("the plugin {end}"))
            }
        }
    }

    /// How the runner ended, if it does within the moment that a dying process takes.
    fn last_words(&mut self) -> Option<std::process::ExitStatus> {
        let pid = Pid::from_child(&self.started.child);
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let wait = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
            let _ = rustix::process::waitid(rustix::process::WaitId::Pid(pid), wait);
            let _ = sender.send(());
        });
        receiver.recv_timeout(Duration::from_millis(500)).ok()?;
        self.started.child.try_wait().ok().flatten()
    }
}

/// Ends a process group by the number of its first process, which has not been waited for yet. Whether it may.
pub(crate) fn end_group(leader: u32) -> bool {
    let pid = i32::try_from(leader).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::kill_process_group(pid, Signal::KILL) != Err(Errno::PERM))
}
