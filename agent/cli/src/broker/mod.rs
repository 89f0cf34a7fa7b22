//! The only door between a plugin and the site: it checks the manifest, refuses what is not in it, does the rest, and
//! keeps count.
//!
//! One broker serves one plugin for one scan. A plugin cannot tell whether it looks at the live host or at a folder:
//! paths are resolved beneath the root, and what only a live host has is refused with a cause.

mod carry;
mod command;
mod connect;
mod door;
mod hand;
mod log;
mod permit;
mod recorded;
mod reply;
mod resolve;
mod root;
mod several;
mod space;
mod walk;

use std::collections::{BTreeMap, HashSet};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use goodstead_model::Access;
use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::manifest::Manifest;
use goodstead_protocol::message::{Address, Granted, Part, Proposal, Reply, Request};

pub(crate) use connect::take_on;
use connect::{Accepted, Connections, Unfit};
use hand::{Hand, Pulse};
#[cfg(test)]
pub(crate) use log::FileEntry as AccessFile;
pub(crate) use log::{Counted, Entry as AccessEntry};
use log::{Log, Trace};
pub(crate) use permit::Permit;
pub(crate) use root::Root;

use crate::users::User;

/// The largest single file that is handed over.
const MAX_FILE: usize = 16 << 20;

/// The most bytes that are handed to one plugin in one scan.
const MAX_BYTES: u64 = 512 << 20;

/// The most requests that one plugin may make in one scan.
const MAX_REQUESTS: u64 = 100_000;

/// The longest that one request for files or file systems may take, however many are asked for in it.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// The most bytes of requests that one plugin may send in one scan.
const MAX_ASKED: u64 = 64 << 20;

/// How many causes are remembered that a plugin may pass on in their own words.
const MAX_ISSUED: usize = 2_000;

/// The requests of every plugin, by its name.
pub(crate) type AccessLog = BTreeMap<String, Vec<AccessEntry>>;

/// A reply with what travels beside it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) data: Vec<u8>,
    pub(crate) descriptor: Option<OwnedFd>,
}

/// What a granted request yields: the outcome, the bytes and the descriptor that go with it.
type Yield = (Granted, Vec<u8>, Option<OwnedFd>);

/// Answers one plugin.
pub(crate) struct Broker {
    root: Arc<Root>,
    permit: Arc<Permit>,
    hand: Hand,
    /// Who connects and runs commands, or why nobody does.
    actor: Result<User, Cause>,
    /// Addresses that may be connected to, and why.
    accepted: BTreeMap<Address, Accepted>,
    connections: Connections,
    /// The program that runs commands.
    runner: Option<PathBuf>,
    /// When the plugin's time is over: no answer takes longer.
    deadline: Option<Instant>,
    log: Log,
    /// How many bytes of requests came.
    asked: u64,
    /// The refusals of requests that the manifest names word by word: so that nothing is in them that the plugin chose.
    issued: HashSet<Cause>,
}

impl Broker {
    pub(crate) fn new(root: &Arc<Root>, manifest: &Manifest, actor: Result<User, Cause>) -> Self {
        let permit = Arc::new(Permit::of(manifest, root));
        Broker {
            connections: Connections::new(root, &permit),
            root: Arc::clone(root),
            permit,
            hand: Hand::new(),
            actor,
            accepted: BTreeMap::new(),
            runner: None,
            deadline: None,
            log: Log::new(),
            asked: 0,
            issued: HashSet::new(),
        }
    }

    /// Takes no longer over any answer than until `deadline`: a plugin must not hold up the scan by what it asks.
    pub(crate) fn ends_at(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Has commands run by the runner at `path`; without one none is run.
    pub(crate) fn runs_with(&mut self, path: PathBuf) {
        self.runner = Some(path);
    }

    /// How much was asked so far.
    pub(crate) fn access(&self) -> &Access {
        self.log.summary()
    }

    /// Every request, once the scan is over.
    pub(crate) fn into_log(self) -> Vec<AccessEntry> {
        self.log.into_entries()
    }

    /// Accepts an address that the admin wrote into `agent.toml`.
    pub(crate) fn accept_configured(&mut self, address: &Address) {
        self.accepted.insert(address.clone(), Accepted::Configured);
    }

    /// Judges a target that the plugin found: its socket must match a `connect` glob of the manifest, a TCP address must
    /// be one of its `connect_tcp`, which are all of the loopback. Any other is only ever accepted from the admin.
    /// Proposals count as requests.
    pub(crate) fn accept_proposal(&mut self, proposal: &Proposal) -> Result<(), Cause> {
        let verdict = match &proposal.address {
            None => Ok(()),
            Some(Address::Unix(text) | Address::Tcp(text)) if door::text("address", text).is_err() => {
                door::text("address", text)
            }
            Some(address) if self.accepted.contains_key(address) => Ok(()),
            Some(Address::Unix(path)) if self.permit.may_connect(path) => self.leads_where_it_may(path),
            Some(address @ Address::Unix(_)) => Err(Cause::new(
                CauseKind::NotDeclared,
                format!("plugin.toml does not ask to connect to {address}"),
            )),
            Some(Address::Tcp(to)) if self.permit.may_connect_tcp(to) => Ok(()),
            Some(address @ Address::Tcp(_)) => {
                let detail = format!(
                    "{address} was found, but TCP addresses are only connected to when plugin.toml declares them on \
                     the loopback or agent.toml names them"
                );
                let remedy = format!("add to agent.toml: [[target]] with address = \"{address}\"");
                Err(Cause::new(CauseKind::NotPermitted, detail).remedy(remedy))
            }
        };
        self.log.proposal(proposal, verdict.as_ref().copied());
        if let (Ok(()), Some(address)) = (&verdict, &proposal.address) {
            self.accepted.entry(address.clone()).or_insert(Accepted::Found);
        }
        verdict
    }

    /// Refuses a socket that is not there, or is not where the manifest asks to connect. Connecting looks again, at what
    /// it connects to.
    fn leads_where_it_may(&mut self, path: &str) -> Result<(), Cause> {
        let (root, permit, wanted) = (Arc::clone(&self.root), Arc::clone(&self.permit), path.to_owned());
        let actor = self.actor.clone().ok();
        let deadline = self.request_deadline();
        let look = move |_: &Pulse| connect::found_socket(&root, &permit, &wanted, actor.as_ref()).map(drop);
        match self.hand.work(|| path.to_owned(), deadline, look)? {
            // Whether the acting user sees it is known when it connects.
            Err(Unfit::Unseen(cause)) if cause.kind == CauseKind::NotPermitted => Ok(()),
            Err(Unfit::Unseen(cause) | Unfit::Refused(cause)) => Err(cause),
            Ok(()) => Ok(()),
        }
    }

    /// Whether a cause is, word by word, one that the plugin was given as the answer to a request in the manifest's
    /// words.
    pub(crate) fn has_issued(&self, cause: &Cause) -> bool {
        self.issued.contains(cause)
    }

    /// Remembers why a request was refused, if the manifest names it word by word.
    fn issue(&mut self, request: &Request, cause: &Cause) {
        let declared = match request {
            Request::Read { path } | Request::List { path } | Request::Stat { path } => {
                self.permit.declares(path)
            }
            Request::Run { command } => self.permit.command(command).is_ok(),
            Request::Connect { address } => self.accepted.contains_key(address),
            _ => false,
        };
        if declared && self.issued.len() < MAX_ISSUED {
            self.issued.insert(cause.clone());
        }
    }

    /// Answers the request in `body`.
    pub(crate) fn answer(&mut self, body: &[u8]) -> Answer {
        let began = Instant::now();
        self.asked = self.asked.saturating_add(body.len() as u64);
        let refused = |cause| Answer { reply: Reply::Refused(cause), data: Vec::new(), descriptor: None };
        let request = match Request::read(body) {
            Ok(request) => request,
            Err(cause) => {
                self.log.nonsense(body.len(), (began, began.elapsed()), &cause);
                return refused(cause);
            }
        };
        if let Err(cause) = door::sound(&request) {
            self.log.request(&request, (began, began.elapsed()), Err(&cause), &Trace::new());
            return refused(cause);
        }
        if let Request::Several { requests } = &request
            && !requests.is_empty()
            && self.within_limits().is_ok()
        {
            return self.several(requests);
        }
        let mut trace = Trace::new();
        let outcome = self.within_limits().and_then(|()| self.grant(&request, &mut trace));
        let noted = outcome.as_ref().map(|(granted, data, _)| (granted, data.len() as u64));
        self.log.request(&request, (began, began.elapsed()), noted, &trace);
        match outcome {
            Ok((granted, data, descriptor)) => Answer { reply: Reply::Ok(granted), data, descriptor },
            Err(cause) => {
                self.issue(&request, &cause);
                refused(cause)
            }
        }
    }

    /// Refuses a plugin that asks too often or has been handed too much.
    fn within_limits(&self) -> Result<(), Cause> {
        let asked = self.access();
        if asked.granted + asked.refused >= MAX_REQUESTS {
            return Err(Cause::new(
                CauseKind::TooLarge,
                format!("a plugin may make {MAX_REQUESTS} requests a scan"),
            ));
        }
        if self.asked > MAX_ASKED {
            return Err(Cause::new(
                CauseKind::TooLarge,
                format!("the requests of a plugin may have {} MiB a scan", MAX_ASKED >> 20),
            ));
        }
        if asked.bytes >= MAX_BYTES {
            return Err(Cause::new(
                CauseKind::TooLarge,
                format!("a plugin may read {} MiB a scan", MAX_BYTES >> 20),
            ));
        }
        Ok(())
    }

    fn grant(&mut self, request: &Request, trace: &mut Trace) -> Result<Yield, Cause> {
        let plain = |granted, data| Ok((granted, data, None));
        match request {
            Request::Read { .. }
            | Request::ReadMany { .. }
            | Request::List { .. }
            | Request::Find { .. }
            | Request::Stat { .. } => {
                let gone = || Cause::new(CauseKind::NotAvailable, "the agent failed at it");
                let look = self.looks(std::slice::from_ref(request)).pop().ok_or_else(gone)?;
                *trace = look.trace;
                let (granted, data) = look.seen?;
                plain(granted, data)
            }
            Request::Statfs { paths } => {
                self.live("the space of a file system")?;
                let (outcomes, led) = self.statfs(paths);
                *trace = led;
                plain(Granted::Statfs(outcomes), Vec::new())
            }
            Request::Connect { address } => {
                self.live("a running product")?;
                let not_accepted = || {
                    let detail = "the address is not one of an accepted target";
                    Cause::new(CauseKind::NotDeclared, detail)
                };
                let accepted = *self.accepted.get(address).ok_or_else(not_accepted)?;
                let actor = self.actor.as_ref().map_err(Clone::clone)?;
                let limit = self.at_most(connect::DEADLINE);
                let descriptor = self.connections.open(address, accepted, actor, limit, self.deadline)?;
                Ok((Granted::Connect { user: actor.name.clone() }, Vec::new(), Some(descriptor)))
            }
            // Otherwise they are answered above.
            Request::Several { .. } => {
                Err(Cause::new(CauseKind::PluginFailed, "several requests, and none is in it"))
            }
            Request::Run { command } => {
                if self.root.bundle().is_some() {
                    return plain(Granted::Run { code: Some(0) }, self.recorded_output(command)?);
                }
                self.live("the output of a command")?;
                if self.root.is_contained() {
                    let detail = "commands are run on the host, and never in a container";
                    return Err(Cause::new(CauseKind::NotApplicableHere, detail));
                }
                let declared = self.permit.command(command)?;
                let actor = self.actor.as_ref().map_err(Clone::clone)?;
                let limit = self.at_most(command::DEADLINE);
                let (code, output) = command::run(self.runner.as_deref(), declared, actor, limit)?;
                plain(Granted::Run { code }, output)
            }
        }
    }

    /// Answers several requests in one reply; each counts and is written down by itself.
    fn several(&mut self, requests: &[Request]) -> Answer {
        let (mut parts, mut data) = (Vec::new(), Vec::new());
        for (request, look) in requests.iter().zip(self.looks(requests)) {
            let seen = self.within_limits().and(look.seen);
            let noted = seen.as_ref().map(|(granted, bytes)| (granted, bytes.len() as u64));
            self.log.request(request, (look.began, look.took), noted, &look.trace);
            parts.push(match seen {
                Ok((granted, mut bytes)) => {
                    let part = Part { reply: Reply::Ok(granted), bytes: bytes.len() as u64 };
                    // The first bytes are not copied: a single file may be as large as a reply.
                    if data.is_empty() {
                        data = bytes
                    } else {
                        data.append(&mut bytes)
                    }
                    part
                }
                Err(cause) => {
                    self.issue(request, &cause);
                    Part { reply: Reply::Refused(cause), bytes: 0 }
                }
            });
        }
        Answer { reply: Reply::Ok(Granted::Several(parts)), data, descriptor: None }
    }

    /// A limit of time, or what is left of the plugin's.
    fn at_most(&self, limit: Duration) -> Duration {
        self.deadline.map_or(limit, |deadline| limit.min(deadline.saturating_duration_since(Instant::now())))
    }

    /// When a request for files or file systems that begins now is over. It gets half of what is left of the plugin's time
    /// at most: however slow they are, the plugin keeps time for what else it does.
    fn request_deadline(&self) -> Instant {
        let now = Instant::now();
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now) / 2);
        now + left.map_or(REQUEST_LIMIT, |left| left.min(REQUEST_LIMIT))
    }

    fn live(&self, what: &str) -> Result<(), Cause> {
        if self.root.is_live() {
            return Ok(());
        }
        Err(Cause::new(CauseKind::NotApplicableHere, format!("{what} is only known on the live host")))
    }
}

#[cfg(test)]
mod tests;
