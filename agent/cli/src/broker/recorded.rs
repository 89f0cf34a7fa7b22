//! A support bundle in place of a host: what commands printed is read from its files, and what it does not hold is
//! unknown.

use std::sync::Arc;

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::manifest::Permissions;
use goodstead_protocol::message::{Granted, Outcome, Request};

use super::Broker;
use super::hand::{Pace, Pulse};
use super::permit::Permit;
use super::root::Root;

/// The most of an output that is handed over, as of a command.
const MAX_OUTPUT: usize = 4 << 20;

impl Broker {
    /// What the command printed when the bundle was made.
    pub(super) fn recorded_output(&mut self, command: &str) -> Result<Vec<u8>, Cause> {
        let files: Vec<String> =
            self.permit.outputs(command)?.iter().map(|file| format!("/{file}")).collect();
        let deadline = self.request_deadline();
        let (root, name) = (Arc::clone(&self.root), command.to_owned());
        let first = files.first().cloned().unwrap_or_default();
        let read = move |pulse: &Pulse| {
            let permit = Permit::new(&Permissions { read: files.clone(), ..Permissions::default() });
            let mut outputs = files
                .iter()
                .map(|file| root.read(file, &permit, MAX_OUTPUT, (Pace { pulse, deadline }, &mut None)));
            let missing = || {
                let detail =
                    format!("the support bundle does not hold what the command `{name}` would print");
                Cause::new(CauseKind::NotApplicableHere, detail)
            };
            outputs
                .find(|output| !output.as_ref().is_err_and(|it| it.kind == CauseKind::Absent))
                .unwrap_or_else(|| Err(missing()))
        };
        self.hand.work(|| first.clone(), deadline, read)?
    }
}

/// What a request for files has seen in a bundle: what is missing was not collected, unless the bundle holds it whole.
pub(super) fn as_recorded(
    request: &Request,
    seen: Result<(Granted, Vec<u8>), Cause>,
    root: &Root,
    permit: &Permit,
) -> Result<(Granted, Vec<u8>), Cause> {
    if root.bundle().is_none() {
        return seen;
    }
    let whole = match request {
        Request::Read { path }
        | Request::Stat { path }
        | Request::List { path }
        | Request::Find { path, .. } => permit.is_whole(path),
        Request::ReadMany { globs, .. } => permit.are_whole(globs),
        _ => false,
    };
    if whole {
        return seen;
    }
    let missing = |what: &str| {
        Cause::new(CauseKind::NotApplicableHere, format!("the support bundle does not contain {what}"))
    };
    match (request, seen) {
        (Request::List { path } | Request::Find { path, .. }, Ok(_)) => {
            Err(missing(&format!("all that was in {path}")))
        }
        (Request::ReadMany { .. }, Ok((Granted::ReadMany(mut list), data))) => {
            for file in &mut list.files {
                if let Outcome::Refused(cause) = &mut file.size
                    && cause.kind == CauseKind::Absent
                {
                    *cause = missing(&file.path);
                }
            }
            list.partial.get_or_insert_with(|| missing("all files of the host"));
            Ok((Granted::ReadMany(list), data))
        }
        (_, Err(cause)) if cause.kind == CauseKind::Absent => match request {
            Request::Read { path }
            | Request::Stat { path }
            | Request::List { path }
            | Request::Find { path, .. } => Err(missing(path)),
            _ => Err(cause),
        },
        (_, seen) => seen,
    }
}
