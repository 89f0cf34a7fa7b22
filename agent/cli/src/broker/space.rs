//! Space and inodes of file systems: one that hangs is never waited for, and all together have the time of one request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::message::{Outcome, Statfs};
use rustix::io::Errno;

use super::Broker;
use super::hand::{Pace, late};
use super::log::Trace;
use super::permit::{Permit, Want};
use super::reply::{self, MAX_REPLY};
use super::resolve::Scope;
use super::root::Root;

/// How many file systems may hang before the rest of a request is not asked any more.
const MAX_HANGING: usize = 4;

/// An outcome, and where its path led.
type Asked = (Outcome<Statfs>, Option<String>);

impl Broker {
    /// One outcome a path, in order, and where paths led. What the time of the request does not suffice for is refused.
    pub(super) fn statfs(&mut self, paths: &[String]) -> (Vec<Outcome<Statfs>>, Trace) {
        let deadline = self.request_deadline();
        let done = Arc::<Mutex<Vec<Asked>>>::default();
        let mut hanging = 0;
        loop {
            let at = lock(&done).len();
            let Some(rest) = paths.get(at..).filter(|rest| !rest.is_empty()) else { break };
            if hanging == MAX_HANGING || (at > 0 && Instant::now() >= deadline) {
                let refused = |path: &String| {
                    Outcome::Refused(if hanging == MAX_HANGING {
                        Cause::new(CauseKind::TimedOut, "not asked, because other file systems do not answer")
                    } else {
                        late(path)
                    })
                };
                lock(&done).extend(rest.iter().map(|path| (refused(path), None)));
                break;
            }
            let (root, permit) = (Arc::clone(&self.root), Arc::clone(&self.permit));
            // Those of a thread that is left behind go nowhere.
            let found = Arc::<Mutex<Vec<Asked>>>::default();
            let (filled, wanted) = (Arc::clone(&found), rest.to_vec());
            let all = move |pulse: &_| {
                let pace = Pace { pulse, deadline };
                for path in &wanted {
                    let mut led = None;
                    let outcome = ask(path, &root, &permit, &mut led);
                    lock(&filled).push((outcome, led));
                    if pace.is_over() {
                        break;
                    }
                }
            };
            let what = || rest.get(lock(&found).len()).map_or_else(String::new, Clone::clone);
            let outcome = self.hand.work(what, deadline, all);
            lock(&done).append(&mut lock(&found));
            if let Err(cause) = outcome
                && lock(&done).len() < paths.len()
            {
                hanging += 1;
                lock(&done).push((Outcome::Refused(cause), None));
            }
        }
        let done = std::mem::take(&mut *lock(&done));
        let trace = paths.iter().zip(&done).filter_map(|(path, (_, led))| Some((path.clone(), led.clone()?)));
        let trace = trace.collect();
        (fitting(done.into_iter().map(|(outcome, _)| outcome)), trace)
    }
}

/// The outcomes, with reasons only as long as they fit into a reply.
fn fitting(outcomes: impl Iterator<Item = Outcome<Statfs>>) -> Vec<Outcome<Statfs>> {
    let mut weight = 0;
    let fitting = |outcome| match outcome {
        Outcome::Refused(cause) => {
            weight += reply::weight_of(&cause);
            let short = Cause { detail: String::new(), remedy: None, ..cause };
            Outcome::Refused(if weight > MAX_REPLY / 2 { short } else { cause })
        }
        outcome => outcome,
    };
    outcomes.map(fitting).collect()
}

fn ask(path: &str, root: &Root, permit: &Permit, led: &mut Option<String>) -> Outcome<Statfs> {
    let located = match root.locate(path, Scope { permit, want: Want::Statfs }, led) {
        Ok(located) => located,
        Err(cause) => return Outcome::Refused(cause),
    };
    match rustix::fs::fstatvfs(&located.descriptor) {
        Ok(stat) => Outcome::Ok(Statfs {
            size: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bfree.saturating_mul(stat.f_frsize),
            available: stat.f_bavail.saturating_mul(stat.f_frsize),
            inodes: stat.f_files,
            inodes_free: stat.f_ffree,
        }),
        Err(errno) => {
            let kind = match errno {
                Errno::ACCESS | Errno::PERM => CauseKind::NotPermitted,
                _ => CauseKind::NotAvailable,
            };
            Outcome::Refused(Cause::new(kind, format!("the space of {path} cannot be read: {errno}")))
        }
    }
}

/// What two threads can reach: the one that asks, and the one that waits for it.
fn lock(asked: &Mutex<Vec<Asked>>) -> std::sync::MutexGuard<'_, Vec<Asked>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}
