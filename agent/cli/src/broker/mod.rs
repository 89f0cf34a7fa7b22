//! The only door between a plugin and the site: it checks the manifest, refuses what is not in it, does the rest, and
//! keeps count.
//!
//! One broker serves one plugin for one scan. A plugin cannot tell whether it looks at the live host or at a folder:
//! paths are resolved beneath the root, and what only a live host has is refused with a cause.

mod command;
mod connect;
mod permit;
mod root;
mod space;
mod walk;

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use goodstead_model::Access;
use goodstead_protocol::channel::MAX_DATA;
use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::manifest::Manifest;
use goodstead_protocol::message::{Address, Granted, Proposal, Reply, Request};

pub(crate) use permit::Permit;
pub(crate) use root::Root;

use crate::users::User;

/// The largest single file that is handed over.
const MAX_FILE: usize = 16 << 20;

/// The most bytes that are handed to one plugin in one scan.
const MAX_BYTES: u64 = 512 << 20;

/// The most requests that one plugin may make in one scan.
const MAX_REQUESTS: u64 = 100_000;

/// A reply with what travels beside it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) data: Vec<u8>,
    pub(crate) descriptor: Option<OwnedFd>,
}

impl Answer {
    fn new(granted: Granted, data: Vec<u8>) -> Self {
        Answer { reply: Reply::Ok(granted), data, descriptor: None }
    }
}

/// Answers one plugin.
pub(crate) struct Broker<'a> {
    root: &'a Root,
    permit: Permit,
    /// Who connects and runs commands, or why nobody does.
    actor: Result<User, Cause>,
    /// Addresses that the admin configured or discovery found and the manifest allows.
    accepted: BTreeSet<Address>,
    access: Access,
}

impl<'a> Broker<'a> {
    pub(crate) fn new(root: &'a Root, manifest: &Manifest, actor: Result<User, Cause>) -> Self {
        let permit = Permit::new(&manifest.permissions);
        Broker { root, permit, actor, accepted: BTreeSet::new(), access: Access::default() }
    }

    /// What was asked so far.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Accepts an address that the admin wrote into `agent.toml`.
    pub(crate) fn accept_configured(&mut self, address: &Address) {
        self.accepted.insert(address.clone());
    }

    /// Judges a target that the plugin found: its socket must match a `connect` glob of the manifest, and a TCP address
    /// is only ever accepted from the admin. Proposals count as requests.
    pub(crate) fn accept_proposal(&mut self, proposal: &Proposal) -> Result<(), Cause> {
        let verdict = match &proposal.address {
            None => Ok(()),
            Some(address) if self.accepted.contains(address) => Ok(()),
            Some(Address::Unix(path)) if self.permit.may_connect(path) => Ok(()),
            Some(address @ Address::Unix(_)) => Err(Cause::new(
                CauseKind::NotDeclared,
                format!("plugin.toml does not ask to connect to {address}"),
            )),
            Some(address @ Address::Tcp(_)) => {
                let detail = format!(
                    "{address} was found, but TCP addresses are only connected to when agent.toml names them"
                );
                let remedy = format!("add to agent.toml: [[target]] with address = \"{address}\"");
                Err(Cause::new(CauseKind::NotPermitted, detail).remedy(remedy))
            }
        };
        match &verdict {
            Ok(()) => {
                self.access.granted += 1;
                self.accepted.extend(proposal.address.clone());
            }
            Err(_) => self.access.refused += 1,
        }
        verdict
    }

    /// Answers the request in `body`.
    pub(crate) fn answer(&mut self, body: &[u8]) -> Answer {
        let outcome = match serde_json::from_slice(body) {
            _ if self.access.granted + self.access.refused >= MAX_REQUESTS => Err(Cause::new(
                CauseKind::TooLarge,
                format!("a plugin may make {MAX_REQUESTS} requests a scan"),
            )),
            _ if self.access.bytes >= MAX_BYTES => Err(Cause::new(
                CauseKind::TooLarge,
                format!("a plugin may read {} MiB a scan", MAX_BYTES >> 20),
            )),
            Ok(request) => self.grant(&request),
            Err(_) => Err(Cause::new(CauseKind::PluginFailed, "the request is none of this protocol")),
        };
        match outcome {
            Ok(answer) => {
                self.access.granted += 1;
                self.access.bytes += answer.data.len() as u64;
                answer
            }
            Err(cause) => {
                self.access.refused += 1;
                Answer { reply: Reply::Refused(cause), data: Vec::new(), descriptor: None }
            }
        }
    }

    fn grant(&self, request: &Request) -> Result<Answer, Cause> {
        match request {
            Request::Read { path } => {
                Ok(Answer::new(Granted::Read, self.root.read(path, &self.permit, MAX_FILE)?))
            }
            Request::ReadMany { globs, except } => {
                let (list, data) = walk::read_many(self.root, &self.permit, globs, except, MAX_DATA as usize);
                Ok(Answer::new(Granted::ReadMany(list), data))
            }
            Request::List { path } => {
                Ok(Answer::new(Granted::List(self.root.list(path, &self.permit)?), Vec::new()))
            }
            Request::Stat { path } => {
                Ok(Answer::new(Granted::Stat(self.root.stat(path, &self.permit)?), Vec::new()))
            }
            Request::Statfs { paths } => {
                self.live("the space of a file system")?;
                Ok(Answer::new(Granted::Statfs(space::statfs(paths, &self.permit)), Vec::new()))
            }
            Request::Connect { address } => {
                self.live("a running product")?;
                if !self.accepted.contains(address) {
                    let detail = format!("{address} is no accepted target");
                    return Err(Cause::new(CauseKind::NotDeclared, detail));
                }
                let actor = self.actor.as_ref().map_err(Clone::clone)?;
                let descriptor = connect::connect(address, actor)?;
                let granted = Granted::Connect { user: actor.name.clone() };
                Ok(Answer { reply: Reply::Ok(granted), data: Vec::new(), descriptor: Some(descriptor) })
            }
            Request::Run { command } => {
                self.live("the output of a command")?;
                let declared = self.permit.command(command)?;
                let actor = self.actor.as_ref().map_err(Clone::clone)?;
                let (code, output) = command::run(declared, actor)?;
                Ok(Answer::new(Granted::Run { code }, output))
            }
        }
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
