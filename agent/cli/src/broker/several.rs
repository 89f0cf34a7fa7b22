//! Many small looks in one round trip: each costs and yields what it would by itself.
//!
//! A file that hangs costs itself: what was seen before it is kept, and what comes after it is looked at by a new hand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use goodstead_protocol::channel::MAX_DATA;
use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::glob::Glob;
use goodstead_protocol::message::{FileEntry, FileList, Granted, Outcome, Request};

use super::hand::{Pace, Pulse, late};
use super::log::Trace;
use super::permit::Permit;
use super::recorded::as_recorded;
use super::reply::{self, MAX_REPLY};
use super::root::Root;
use super::walk::{self, SharedHaul};
use super::{Broker, MAX_FILE, door};

/// The most requests in one; a plugin that has more asks again.
const MAX_PARTS: usize = 256;

/// The most bytes in all; a single one may have as many.
const MAX_BYTES: usize = MAX_FILE;

/// What a look yields: the outcome, and the bytes that go with it.
type Seen = Result<(Granted, Vec<u8>), Cause>;

/// One look, when it began, how long it took, and where its paths led.
pub(super) struct Look {
    pub(super) began: Instant,
    pub(super) took: Duration,
    pub(super) seen: Seen,
    pub(super) trace: Trace,
}

/// How the looks of one job ended.
enum End {
    All,
    /// What was seen last does not fit into the reply.
    Full,
    /// The time of the request was over.
    Late,
}

/// Does what needs only a look at the site's files; what a walk found so far is in `haul`.
fn look(
    request: &Request,
    (root, permit): (&Root, &Permit),
    (haul, pace): (&SharedHaul, Pace<'_>),
    trace: &mut Trace,
) -> Seen {
    door::sound(request)?;
    let mut led = None;
    let seen = match request {
        Request::Read { path } => {
            root.read(path, permit, MAX_FILE, (pace, &mut led)).map(|bytes| (Granted::Read, bytes))
        }
        Request::List { path } => {
            root.list(path, permit, (pace, &mut led)).map(|entries| (Granted::List(entries), Vec::new()))
        }
        Request::Find { path, matching } => Glob::new(matching)
            .map_err(|why| {
                Cause::new(CauseKind::PluginFailed, format!("`{matching}` is not a usable glob: {why}"))
            })
            .and_then(|matching| root.find((path, &matching), permit, (pace, &mut led)))
            .map(|entries| (Granted::List(entries), Vec::new())),
        Request::Stat { path } => {
            root.stat(path, permit, &mut led).map(|stat| (Granted::Stat(stat), Vec::new()))
        }
        Request::ReadMany { globs, except } => {
            let (globs, except) = (globs.clone(), except.clone());
            let wish = walk::Wish { globs, except, limit: MAX_DATA as usize };
            walk::read_many(root, permit, &wish, haul, pace);
            let (list, data, led) = haul.take().into_list();
            *trace = led;
            Ok((Granted::ReadMany(list), data))
        }
        _ => {
            let detail = "only read, read_many, list, find and stat are done together";
            Err(Cause::new(CauseKind::PluginFailed, detail))
        }
    };
    let seen = as_recorded(request, seen, root, permit);
    trace.extend(led.map(|led| (super::log::named(request), led)));
    seen
}

/// What is looked at.
fn what(request: &Request) -> &str {
    match request {
        Request::Read { path }
        | Request::List { path }
        | Request::Find { path, .. }
        | Request::Stat { path } => path,
        _ => "the files",
    }
}

/// A look that the time of the request did not suffice for.
fn not_reached(request: &Request) -> Look {
    let seen = Err(late(what(request)));
    Look { began: Instant::now(), took: Duration::ZERO, seen, trace: Trace::new() }
}

/// What still fits into a reply.
struct Room {
    empty: bool,
    bytes: usize,
    /// How many bytes of JSON.
    weight: usize,
}

impl Room {
    /// Beside what is in it.
    fn beside(done: &[Look]) -> Room {
        let mut room = Room { empty: true, bytes: MAX_BYTES, weight: MAX_REPLY };
        for look in done {
            room.takes(&look.seen);
        }
        room
    }

    /// Whether there is room for one more; the first always has it.
    fn takes(&mut self, seen: &Seen) -> bool {
        let (bytes, weight) = match seen {
            Ok((Granted::List(entries), _)) => {
                (0, entries.iter().map(|entry| reply::weight(&entry.name)).sum())
            }
            Ok((Granted::ReadMany(list), bytes)) => (bytes.len(), weight_of_list(list)),
            Ok((_, bytes)) => (bytes.len(), reply::weight("")),
            Err(cause) => (0, reply::weight_of(cause)),
        };
        let fits = self.empty || bytes <= self.bytes && weight <= self.weight;
        *self = Room {
            empty: false,
            bytes: self.bytes.saturating_sub(bytes),
            weight: self.weight.saturating_sub(weight),
        };
        fits
    }
}

fn weight_of_list(list: &FileList) -> usize {
    let of_file = |file: &FileEntry| {
        reply::weight(&file.path)
            + match &file.size {
                Outcome::Ok(_) => 0,
                Outcome::Refused(cause) => reply::weight_of(cause),
            }
    };
    list.files.iter().map(of_file).sum()
}

impl Broker {
    /// Looks at one after another, as long as it fits into one reply; at the first in any case. What the time of the
    /// request does not suffice for is refused for that reason.
    pub(super) fn looks(&mut self, requests: &[Request]) -> Vec<Look> {
        let mut done: Vec<Look> = Vec::new();
        let requests = requests.get(..MAX_PARTS).unwrap_or(requests);
        let deadline = self.request_deadline();
        while let Some(rest) = requests.get(done.len()..).filter(|rest| !rest.is_empty()) {
            if !done.is_empty() && Instant::now() >= deadline {
                done.extend(rest.iter().map(not_reached));
                break;
            }
            let haul = SharedHaul::default();
            let filling = haul.clone();
            let seen = Arc::<Mutex<Vec<Look>>>::default();
            let (root, permit, filled) =
                (Arc::clone(&self.root), Arc::clone(&self.permit), Arc::clone(&seen));
            let (wanted, mut room) = (rest.to_vec(), Room::beside(&done));
            let all = move |pulse: &Pulse| {
                let pace = Pace { pulse, deadline };
                for request in &wanted {
                    let (began, mut trace) = (Instant::now(), Trace::new());
                    let seen = look(request, (&root, &permit), (&filling, pace), &mut trace);
                    let over = pace.is_over();
                    if !room.takes(&seen) {
                        return End::Full;
                    }
                    open(&filled).push(Look { began, took: began.elapsed(), seen, trace });
                    if over {
                        return End::Late;
                    }
                }
                End::All
            };
            let hangs = || rest.get(open(&seen).len()).map_or_else(String::new, |next| what(next).to_owned());
            let began = Instant::now();
            let outcome = self.hand.work(hangs, deadline, all);
            done.append(&mut open(&seen));
            match outcome {
                // When it is late, the next turn says so of the rest.
                Ok(End::All | End::Late) => {}
                Ok(End::Full) => break,
                Err(cause) => {
                    let (seen, trace) = match requests.get(done.len()) {
                        // What was read before it is kept.
                        Some(Request::ReadMany { .. }) => {
                            let mut found = haul.take();
                            found.hangs(&cause);
                            let (list, data, trace) = found.into_list();
                            (Ok((Granted::ReadMany(list), data)), trace)
                        }
                        _ => (Err(cause), Trace::new()),
                    };
                    done.push(Look { began, took: began.elapsed(), seen, trace });
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
