//! Many small looks in one round trip: each costs and yields what it would by itself.
//!
//! A file that hangs costs itself: what was seen before it is kept, and what comes after it is looked at by a new hand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use goodstead_protocol::channel::MAX_DATA;
use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::message::{Granted, Request};

use super::hand::Pulse;
use super::permit::Permit;
use super::root::Root;
use super::walk::{self, SharedHaul};
use super::{Broker, MAX_FILE};

/// The most requests in one; a plugin that has more asks again.
const MAX_PARTS: usize = 256;

/// The most bytes in all; a single one may have as many.
const MAX_BYTES: usize = MAX_FILE;

/// The most names in all of the folders; the names of a single one may be more.
const MAX_NAMES: usize = 10_000;

/// What a look yields: the outcome, and the bytes that go with it.
type Seen = Result<(Granted, Vec<u8>), Cause>;

/// One look, when it began, and how long it took.
pub(super) struct Look {
    pub(super) began: Instant,
    pub(super) took: Duration,
    pub(super) seen: Seen,
}

/// Does what needs only a look at the site's files; what a walk found so far lies in `haul`.
fn look(
    request: &Request,
    root: &Root,
    permit: &Permit,
    looking: (&SharedHaul, Option<Instant>, &Pulse),
) -> Seen {
    let (haul, deadline, pulse) = looking;
    match request {
        Request::Read { path } => {
            root.read(path, permit, MAX_FILE, pulse).map(|bytes| (Granted::Read, bytes))
        }
        Request::List { path } => root.list(path, permit).map(|entries| (Granted::List(entries), Vec::new())),
        Request::Stat { path } => root.stat(path, permit).map(|stat| (Granted::Stat(stat), Vec::new())),
        Request::ReadMany { globs, except } => {
            let (globs, except) = (globs.clone(), except.clone());
            let wish = walk::Wish { globs, except, limit: MAX_DATA as usize, deadline };
            walk::read_many(root, permit, &wish, haul, pulse);
            let (list, data) = haul.take().into_list();
            Ok((Granted::ReadMany(list), data))
        }
        _ => {
            Err(Cause::new(CauseKind::PluginFailed, "only read, read_many, list and stat are done together"))
        }
    }
}

/// What is looked at.
fn what(request: &Request) -> &str {
    match request {
        Request::Read { path } | Request::List { path } | Request::Stat { path } => path,
        _ => "the files",
    }
}

fn timed(look: impl FnOnce() -> Seen) -> Look {
    let began = Instant::now();
    let seen = look();
    Look { began, took: began.elapsed(), seen }
}

/// What still fits into a reply.
struct Room {
    empty: bool,
    bytes: usize,
    names: usize,
}

impl Room {
    /// Beside what is in it.
    fn beside(done: &[Look]) -> Room {
        let mut room = Room { empty: true, bytes: MAX_BYTES, names: MAX_NAMES };
        for look in done {
            room.takes(&look.seen);
        }
        room
    }

    /// Whether there is room for one more; the first always has it.
    fn takes(&mut self, seen: &Seen) -> bool {
        let (bytes, names) = match seen {
            Ok((Granted::List(entries), _)) => (0, entries.len()),
            Ok((Granted::ReadMany(list), bytes)) => (bytes.len(), list.files.len()),
            Ok((_, bytes)) => (bytes.len(), 0),
            Err(_) => (0, 0),
        };
        let fits = self.empty || bytes <= self.bytes && names <= self.names;
        *self = Room {
            empty: false,
            bytes: self.bytes.saturating_sub(bytes),
            names: self.names.saturating_sub(names),
        };
        fits
    }
}

impl Broker {
    /// Looks at one after another, as long as it fits into one reply and into the plugin's time; at the first in any
    /// case.
    pub(super) fn looks(&mut self, requests: &[Request]) -> Vec<Look> {
        let mut done: Vec<Look> = Vec::new();
        let requests = requests.get(..MAX_PARTS).unwrap_or(requests);
        while let Some(rest) = requests.get(done.len()..).filter(|rest| !rest.is_empty()) {
            if !done.is_empty() && self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
            let (haul, deadline) = (SharedHaul::default(), self.deadline);
            let filling = haul.clone();
            let seen = Arc::<Mutex<Vec<Look>>>::default();
            let (root, permit, filled) =
                (Arc::clone(&self.root), Arc::clone(&self.permit), Arc::clone(&seen));
            let (wanted, mut room) = (rest.to_vec(), Room::beside(&done));
            let all = move |pulse: &Pulse| {
                wanted.iter().all(|request| {
                    let look = timed(|| look(request, &root, &permit, (&filling, deadline, pulse)));
                    pulse.beat();
                    let fits = room.takes(&look.seen);
                    if fits {
                        open(&filled).push(look);
                    }
                    fits
                })
            };
            let hangs = || rest.get(open(&seen).len()).map_or_else(String::new, |next| what(next).to_owned());
            let began = Instant::now();
            let outcome = self.hand.work(hangs, self.deadline, all);
            done.append(&mut open(&seen));
            match outcome {
                Ok(true) => {}
                Ok(false) => break,
                Err(cause) => {
                    let seen = match requests.get(done.len()) {
                        // What was read before it is kept.
                        Some(Request::ReadMany { .. }) => {
                            let mut found = haul.take();
                            found.hangs(&cause);
                            let (list, data) = found.into_list();
                            Ok((Granted::ReadMany(list), data))
                        }
                        _ => Err(cause),
                    };
                    done.push(Look { began, took: began.elapsed(), seen });
                }
            }
        }
        done
    }
}

/// What two threads can reach: the one that looks, and the one that waits for it.
fn open(looks: &Mutex<Vec<Look>>) -> MutexGuard<'_, Vec<Look>> {
    looks.lock().unwrap_or_else(PoisonError::into_inner)
}
