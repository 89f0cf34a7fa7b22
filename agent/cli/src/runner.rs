//! One plugin for one scan: starts its runner, leads the conversation, and makes of every way it can go wrong a cause.
//!
//! A crash, hang, flood or lie costs this plugin's facts and nothing else. Whatever it sends is admitted as it arrives,
//! within one budget for the scan, and nothing of it is held any longer: so how much memory the agent takes does not
//! depend on the plugin. When this returns the runner is gone, and with it whatever it started.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use goodstead_protocol::PROTOCOL;
use goodstead_protocol::budget::Budget;
use goodstead_protocol::channel::{Channel, ChannelError, Frame};
use goodstead_protocol::fact::{Cause, CauseKind, Fact};
use goodstead_protocol::intake::{
    Admitted, Rules, admit_within, all_unknown, bare_cause, bounded_cause, cost_of_unknown,
};
use goodstead_protocol::manifest::{Manifest, Texts};
use goodstead_protocol::message::{Confinement, Hello, Kind, Locked, PANICKED, Proposal, Target};
use goodstead_protocol::proposals::Proposals;
use goodstead_protocol::visible::bounded;
use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use serde::de::DeserializeOwned;

use crate::broker::Broker;
use crate::credential::Credentials;
use crate::plugin_log::{Collector, PluginLog};

/// The most targets of one plugin on one host.
const MAX_TARGETS: usize = 256;

/// A larger answer waits until no other plugin's is being read, in bytes.
const LARGE: usize = 512 << 10;

/// Whose large answer is being read.
static TURN: Mutex<()> = Mutex::new(());

/// The longest name of a target that a plugin gives, in characters.
const MAX_NAME: usize = 64;

/// The longest title of a target that a plugin gives, in characters.
const MAX_TITLE: usize = 120;

/// How much is read of the reason why a plugin does not find its targets, in bytes.
const MAX_CAUSE: usize = 64 << 10;

/// How much is kept of the reason why a library cannot be loaded, in characters.
const MAX_REASON: usize = 500;

/// What a plugin found: its targets with what was admitted of each.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) targets: Vec<(FoundTarget, Admitted)>,
    /// Why the targets are not known: the plugin failed before or while it looked for them.
    pub(crate) failure: Option<Cause>,
    /// What the isolation lacked; `None` when it never came to that.
    pub(crate) lacks: Option<Vec<String>>,
    /// Proposals that were refused, and the like.
    pub(crate) notes: Vec<String>,
    /// What the plugin wrote to its standard output and standard error.
    pub(crate) log: PluginLog,
}

/// A target, and what it is for people.
#[derive(Debug, Clone)]
pub(crate) struct FoundTarget {
    /// What the plugin is handed.
    pub(crate) target: Target,
    /// What it is called in reports: the admin's word, or the plugin's where the manifest declares that it names its
    /// targets; otherwise nothing.
    pub(crate) name: Option<String>,
    pub(crate) title: String,
}

/// What the conversation needs besides the broker.
pub(crate) struct Task<'a> {
    pub(crate) manifest: &'a Manifest,
    /// What all its facts may come to, in bytes.
    pub(crate) most_facts: usize,
    /// Whether its author is looking, who is shown the plugin's own words for what went wrong.
    pub(crate) author: bool,
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
    /// When the support bundle was made that is inspected, in seconds since 1970.
    pub(crate) recorded: Option<i64>,
    /// The only target names wanted; empty for all.
    pub(crate) wanted: &'a BTreeSet<String>,
    /// How to log in to any target that is found, as the admin says.
    pub(crate) login: Option<&'a Target>,
    /// The only facts that will be read, by their first names; empty for all.
    pub(crate) only: &'a BTreeSet<String>,
    /// The passwords of the configured targets, which the plugin is given.
    pub(crate) credentials: &'a Credentials,
}

/// Runs the plugin; `ready` is the runner and the library in sealed memory, or why there is none that may run.
pub(crate) fn gather(
    task: &Task<'_>,
    ready: Result<(Started, OwnedFd), Cause>,
    broker: &mut Broker,
) -> Gathered {
    let (mut started, library) = match ready {
        Ok(ready) => ready,
        Err(cause) => return Gathered::default().fail_all(task, cause),
    };
    let output = started.output.take();
    let mut gathered = converse(task, started, library, broker);
    // The runner is gone, so all that the plugin wrote has arrived.
    gathered.log = output.map(|output| output.finish(task.credentials)).unwrap_or_default();
    gathered
}

/// Leads the conversation to its end, and ends the runner.
fn converse(task: &Task<'_>, started: Started, library: OwnedFd, broker: &mut Broker) -> Gathered {
    let deadline = Instant::now() + task.time_limit;
    broker.ends_at(deadline);
    let mut gathered = Gathered::default();
    let begun = begin(task, started, library, deadline, &mut gathered.lacks);
    let mut conversation = match begun {
        Ok(conversation) => conversation,
        Err(cause) => return gathered.fail_all(task, cause),
    };
    let proposals = match conversation.discover(broker) {
        Ok(proposals) => proposals,
        Err(cause) => return gathered.fail_all(task, cause),
    };
    let targets = merge(proposals, task, broker, &mut gathered.notes);
    let wanted = |target: &FoundTarget| {
        task.wanted.is_empty() || target.target.name.as_ref().is_some_and(|name| task.wanted.contains(name))
    };
    let budget = Budget::new(task.most_facts);
    let mut failure: Option<Cause> = None;
    let mut left_out = 0_usize;
    for mut found in targets.into_iter().filter(wanted) {
        // A target has every declared fact, even if all are unknown, so that not even those may be too many.
        if !gathered.targets.is_empty() && budget.left() < least(task.manifest) {
            left_out += 1;
            continue;
        }
        found.target.options.clone_from(&task.options);
        found.target.recorded = task.recorded;
        found.target.only.clone_from(task.only);
        if let Some(login) = task.login {
            found.target.user.clone_from(&login.user);
            found.target.password.clone_from(&login.password);
            found.target.database.clone_from(&login.database);
        }
        let emitted = match &failure {
            Some(cause) => Err(cause.clone()),
            None => conversation.gather(&found.target, broker).inspect_err(|cause| {
                failure = Some(cause.clone());
            }),
        };
        let admitted = match emitted {
            Ok(emitted) => admitted(emitted, task, broker, &budget),
            Err(cause) => unknown(task, &cause, &budget),
        };
        gathered.targets.push((found, admitted));
    }
    if left_out > 0 {
        gathered
            .notes
            .push(format!("{left_out} targets were left out: it sent more than is taken in one scan"));
    }
    gathered
}

/// What is admitted of a target's facts. What cannot be read is this target's loss: the plugin is still at hand for the
/// next.
fn admitted(emitted: Vec<u8>, task: &Task<'_>, broker: &Broker, budget: &Budget) -> Admitted {
    // A large answer becomes a larger tree, of which there is never more than one, however many plugins there are. How
    // long a turn takes depends on the agent alone.
    let _turn = (emitted.len() > LARGE).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
    let declared = &task.manifest.contract.fields;
    let read = Fact::read_declared(&emitted, declared, &Budget::new(task.most_facts));
    let (sent, left_out) = match read {
        Ok(read) => read,
        Err(_) if task.author => return unknown(task, &what_is_wrong(&emitted), budget),
        Err(problem) => return unknown(task, &nonsense(problem), budget),
    };
    drop(emitted);
    let rules = Rules {
        budget,
        own_causes: task.manifest.texts.causes.is_some(),
        issued: &|cause| broker.has_issued(cause),
        names: task.author,
    };
    admit_within(&task.manifest.contract, sent, left_out, &rules)
}

/// Every fact of a target unknown for a reason of the agent's.
fn unknown(task: &Task<'_>, cause: &Cause, budget: &Budget) -> Admitted {
    let fields = &task.manifest.contract.fields;
    budget.charge(cost_of_unknown(fields, cause));
    Admitted { facts: all_unknown(fields, cause), notes: Vec::new() }
}

/// The least that a target takes of the budget.
fn least(manifest: &Manifest) -> usize {
    cost_of_unknown(&manifest.contract.fields, &Cause::new(CauseKind::TooLarge, ""))
}

impl Gathered {
    /// Nothing is known but what the admin configured, and that only by name.
    fn fail_all(mut self, task: &Task<'_>, cause: Cause) -> Self {
        let budget = Budget::new(task.most_facts);
        let failed = |found: &FoundTarget| (found.clone(), unknown(task, &cause, &budget));
        self.targets = task.configured.iter().map(failed).collect();
        self.failure = Some(cause);
        self
    }
}

/// Adds what the admin configured to what the plugin found. Where both mean the same (the same name or address), the
/// admin's word counts and the plugin's hints are kept.
fn merge(
    proposals: Proposals,
    task: &Task<'_>,
    broker: &mut Broker,
    notes: &mut Vec<String>,
) -> Vec<FoundTarget> {
    let mut targets: Vec<FoundTarget> = task.configured.clone();
    let mut left_out = proposals.more;
    let (mut undeclared, mut over_tcp) = (0_usize, 0_usize);
    for proposal in proposals.kept {
        if let Err(cause) = broker.accept_proposal(&proposal) {
            match cause.kind {
                _ if task.author => notes.push(cause.detail),
                CauseKind::NotPermitted => over_tcp += 1,
                _ => undeclared += 1,
            }
            continue;
        }
        let same = |known: &&mut FoundTarget| {
            known.target.name == proposal.name
                || (known.target.address.is_some() && known.target.address == proposal.address)
        };
        let full = targets.len() == MAX_TARGETS;
        match targets.iter_mut().find(same) {
            Some(known) => {
                let name = known.name.take().or_else(|| shown_name(&task.manifest.texts, &proposal));
                if known.title.is_empty() {
                    known.title = shown_title(task.manifest, &proposal, name.as_deref());
                }
                known.name = name;
                known.target.hints = proposal.hints;
                known.target.name = known.target.name.take().or(proposal.name);
                known.target.address = known.target.address.take().or(proposal.address);
            }
            None if full => left_out += 1,
            None => {
                let name = shown_name(&task.manifest.texts, &proposal);
                let title = shown_title(task.manifest, &proposal, name.as_deref());
                let target = Target {
                    name: proposal.name,
                    address: proposal.address,
                    hints: proposal.hints,
                    ..Target::default()
                };
                targets.push(FoundTarget { target, name, title });
            }
        }
    }
    if left_out > 0 {
        notes.push(format!("only {MAX_TARGETS} targets are inspected: {left_out} more were left out"));
    }
    if undeclared > 0 {
        let refused = targets_were(undeclared);
        notes.push(format!("{refused} refused: plugin.toml does not ask to connect to where they listen"));
    }
    if over_tcp > 0 {
        let found = targets_were(over_tcp);
        notes.push(format!(
            "{found} found on TCP addresses, which are only connected to when agent.toml names them: add a [[target]] \
             with its address, for example address = \"tcp:127.0.0.1:5432\""
        ));
    }
    targets
}

/// `1 target was`, `2 targets were`.
fn targets_were(number: usize) -> String {
    if number == 1 { "1 target was".to_owned() } else { format!("{number} targets were") }
}

/// What a target that the plugin found is called: its word where the manifest declares names and it is a plain one.
fn shown_name(texts: &Texts, proposal: &Proposal) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = |name: &&String| !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(plain);
    texts.target_names.as_ref()?;
    proposal.name.as_ref().filter(fits).cloned()
}

/// What it is for people: the plugin's words where the manifest declares them, else the plugin's title and the name.
fn shown_title(manifest: &Manifest, proposal: &Proposal, name: Option<&str>) -> String {
    if manifest.texts.target_titles.is_some() && !proposal.title.is_empty() {
        return bounded(&proposal.title, MAX_TITLE, false);
    }
    match name {
        Some(name) => format!("{} {name}", manifest.title),
        None => manifest.title.clone(),
    }
}

/// A runner that was started, and that nothing was said to yet.
#[derive(Debug)]
pub(crate) struct Started {
    channel: Channel,
    child: Child,
    /// Reads what it writes; taken by whoever wants it.
    output: Option<Collector>,
}

/// Starts the runner at `path`.
///
/// # Errors
/// It cannot be started.
pub(crate) fn start(path: &Path) -> Result<Started, Cause> {
    let (ours, theirs) = UnixStream::pair()
        .map_err(|error| Cause::new(CauseKind::PluginFailed, format!("no socket pair: {error}")))?;
    let no_pipe = |error| Cause::new(CauseKind::PluginFailed, format!("no pipe for its output: {error}"));
    let (output, written) = Collector::begin().map_err(no_pipe)?;
    let mut command = Command::new(path);
    command.env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::from(OwnedFd::from(theirs)));
    command.stdout(written.try_clone().map_err(no_pipe)?).stderr(written);
    let child = command.spawn().map_err(|error| {
        Cause::new(CauseKind::PluginFailed, format!("{} cannot be started: {error}", path.display()))
            .remedy("reinstall Goodstead: its own files are missing or damaged")
    })?;
    // The command held the other ends of the socket and of the pipe. It is gone after this line, so a runner that dies
    // closes the conversation and ends its output.
    Ok(Started { channel: Channel::new(ours), child, output: Some(output) })
}

/// A running plugin.
struct Conversation {
    started: Started,
    deadline: Instant,
    time_limit: Duration,
    /// Whether the manifest declares that the plugin words causes itself.
    own_causes: bool,
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
    let mut conversation = Conversation {
        started,
        deadline,
        time_limit: task.time_limit,
        own_causes: task.manifest.texts.causes.is_some(),
    };
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
            // The loader's words, which name what a library wants: nothing of the site.
            let reason = bounded(&reason, MAX_REASON, false);
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

/// Why these bytes are not facts, with the place in the plugin's own words: for its author.
fn what_is_wrong(emitted: &[u8]) -> Cause {
    match serde_json::from_slice(emitted).map(Fact::from_json) {
        Ok(Err(problem)) => nonsense(&problem),
        _ => nonsense("its facts are no JSON"),
    }
}

/// A function of the plugin did not return 0.
fn failed(function: &str, code: i32) -> Cause {
    let detail = match code {
        PANICKED => format!("the plugin panicked in {function}"),
        code => format!("the plugin failed: {function} returned {code}"),
    };
    Cause::new(CauseKind::PluginFailed, detail)
}

fn out_of_order() -> Cause {
    nonsense("a message out of order")
}

fn nonsense(detail: &str) -> Cause {
    Cause::new(CauseKind::PluginFailed, format!("the plugin answers nonsense: {detail}"))
}

impl Conversation {
    fn discover(&mut self, broker: &mut Broker) -> Result<Proposals, Cause> {
        self.send(Kind::Discover, b"{}", &[], None)?;
        let emitted = self.answer_until_done("discover", broker)?;
        if let Ok(proposals) = Proposals::read(&emitted, MAX_TARGETS) {
            return Ok(proposals);
        }
        match Fact::read_within(&emitted, &Budget::new(MAX_CAUSE)) {
            Ok(Fact::Unknown(cause)) if self.own_causes || broker.has_issued(&cause) => {
                Err(bounded_cause(&cause))
            }
            Ok(Fact::Unknown(cause)) => Err(bare_cause(cause.kind)),
            _ => Err(nonsense("its targets are no list of this protocol")),
        }
    }

    /// What the plugin sent of a target.
    fn gather(&mut self, target: &Target, broker: &mut Broker) -> Result<Vec<u8>, Cause> {
        let body = serde_json::to_vec(target).map_err(|_| nonsense("a target that is no JSON"))?;
        self.send(Kind::Gather, &body, &[], None)?;
        self.answer_until_done("gather", broker)
    }

    /// Answers what the plugin asks until this function of it returns, and returns what it emitted.
    fn answer_until_done(&mut self, function: &str, broker: &mut Broker) -> Result<Vec<u8>, Cause> {
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
                        (code, _) => Err(failed(function, code)),
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
fn end_group(leader: u32) -> bool {
    let pid = i32::try_from(leader).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::kill_process_group(pid, Signal::KILL) != Err(Errno::PERM))
}
