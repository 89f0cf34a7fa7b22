//! Connecting to an accepted target as the acting user.
//!
//! Whom the other side sees is decided by the credentials of the thread that connects and writes. A thread of its own
//! takes on the acting user's, for good, connects, and carries the connection until it ends. The plugin is handed one
//! end of a socket pair, whatever kind of address it asked for (`carry.rs`).

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::message::Address;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::net::sockopt::Timeout;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Gid, Uid};

use super::carry::{self, Allowance, carry};
use super::permit::{Permit, Want};
use super::resolve::Scope;
use super::root::Root;
use crate::users::User;

/// How long a connection may take to be made.
pub(super) const DEADLINE: Duration = Duration::from_secs(3);

/// How many connections one plugin may have at a time: as many threads and twice as many descriptors of the agent.
const MAX_AT_ONCE: usize = 16;

/// How long the agent waits for connections to end when the plugin has ended: what it said last is still passed on.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Why an address may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// The admin wrote it into `agent.toml`.
    Configured,
    /// Discovery found it, and the manifest asks for it.
    Found,
}

/// The connections of one plugin.
#[derive(Debug)]
pub(super) struct Connections {
    root: Arc<Root>,
    permit: Arc<Permit>,
    places: Arc<Places>,
    allowance: Arc<Allowance>,
}

impl Drop for Connections {
    fn drop(&mut self) {
        drop(self.places.wait_for(0, LAST_WORDS));
    }
}

impl Connections {
    pub(super) fn new(root: &Arc<Root>, permit: &Arc<Permit>) -> Self {
        Connections {
            root: Arc::clone(root),
            permit: Arc::clone(permit),
            places: Arc::default(),
            allowance: Arc::new(Allowance::new(carry::MAX_CARRIED)),
        }
    }

    /// Connects as `actor`, within `limit`, and carries the connection for no longer than `until`; the plugin's end.
    ///
    /// # Errors
    /// Why not: nothing listens, no permission, too slow, too many connections.
    pub(super) fn open(
        &self,
        address: &Address,
        accepted: Accepted,
        actor: &User,
        limit: Duration,
        until: Option<Instant>,
    ) -> Result<OwnedFd, Cause> {
        let too_large = |detail| Cause::new(CauseKind::TooLarge, detail);
        if self.allowance.is_spent() {
            let mebibytes = carry::MAX_CARRIED >> 20;
            return Err(too_large(format!("a plugin's connections may carry {mebibytes} MiB a scan")));
        }
        let by = Instant::now() + limit;
        let place = Places::take(&self.places, limit).ok_or_else(|| {
            too_large(format!(
                "a plugin may have {MAX_AT_ONCE} connections at a time, and none of them ended"
            ))
        })?;
        let (sender, receiver) = channel();
        let way = Way {
            address: address.clone(),
            accepted,
            actor: actor.clone(),
            root: Arc::clone(&self.root),
            permit: Arc::clone(&self.permit),
        };
        let allowance = Arc::clone(&self.allowance);
        let connecting = move || {
            way.connect_and_carry(limit, &sender, &allowance, until);
            drop(place);
        };
        thread::Builder::new().name("connection".to_owned()).spawn(connecting).map_err(|error| {
            Cause::new(CauseKind::NotAvailable, format!("no thread can be started: {error}"))
        })?;
        // If nobody waits any more the connection is closed again.
        receiver
            .recv_timeout(by.saturating_duration_since(Instant::now()))
            .unwrap_or_else(|_| Err(explain(&io::ErrorKind::TimedOut.into(), address, actor)))
    }
}

/// How to get to an address.
struct Way {
    address: Address,
    accepted: Accepted,
    actor: User,
    root: Arc<Root>,
    permit: Arc<Permit>,
}

impl Way {
    fn connect_and_carry(
        &self,
        limit: Duration,
        plugin: &Sender<Result<OwnedFd, Cause>>,
        allowance: &Allowance,
        until: Option<Instant>,
    ) {
        let explained = |error: io::Error| explain(&error, &self.address, &self.actor);
        let connected = take_on(&self.actor).map_err(explained).and_then(|()| self.connect(limit));
        let both = connected.and_then(|product| Ok((product, UnixStream::pair().map_err(explained)?)));
        match both {
            Err(cause) => {
                let _ = plugin.send(Err(cause));
            }
            Ok((product, (ours, theirs))) => {
                if plugin.send(Ok(theirs.into())).is_ok() {
                    carry(ours.as_fd(), product.as_fd(), allowance, until);
                }
            }
        }
    }

    fn connect(&self, limit: Duration) -> Result<OwnedFd, Cause> {
        let explained = |error: io::Error| explain(&error, &self.address, &self.actor);
        match &self.address {
            Address::Unix(path) => {
                let place = self.place(path)?;
                connect_to(&place, limit).map_err(explained)
            }
            Address::Tcp(to) => connect_tcp(to).map_err(explained),
        }
    }

    /// Finds the socket, and refuses what the manifest does not ask for by where it is, not by what it is called.
    fn place(&self, path: &str) -> Result<OwnedFd, Cause> {
        let failed = |error: io::Error| explain(&error, &self.address, &self.actor);
        match self.accepted {
            // The admin's own path may lead anywhere.
            Accepted::Configured => {
                let flags = OFlags::PATH | OFlags::CLOEXEC;
                let place = rustix::fs::openat(CWD, path, flags, Mode::empty());
                let place = place.map_err(|errno| failed(errno.into()))?;
                owner_of_socket(&place, path).map(|_| place)
            }
            Accepted::Found => {
                found_socket(&self.root, &self.permit, path, Some(&self.actor)).map_err(|problem| {
                    match problem {
                        Unfit::Unseen(cause) if cause.kind == CauseKind::Absent => {
                            failed(io::ErrorKind::NotFound.into())
                        }
                        Unfit::Unseen(cause) if cause.kind == CauseKind::NotPermitted => {
                            failed(io::ErrorKind::PermissionDenied.into())
                        }
                        Unfit::Unseen(cause) | Unfit::Refused(cause) => cause,
                    }
                })
            }
        }
    }
}

/// Why a socket that discovery found is not connected to.
pub(super) enum Unfit {
    /// It is not there, or cannot be seen.
    Unseen(Cause),
    /// It is there, and is not what the manifest means.
    Refused(Cause),
}

/// The place of a socket that discovery found: it exists, the manifest asks to connect to where it is after all links, and
/// nobody can have put it there who has no business with it.
///
/// # Errors
/// It does not exist, cannot be seen, is located elsewhere, or is somebody's in a folder of everybody's.
pub(super) fn found_socket(
    root: &Root,
    permit: &Permit,
    path: &str,
    actor: Option<&User>,
) -> Result<OwnedFd, Unfit> {
    let scope = Scope { permit, want: Want::Connect };
    let located = root.locate(path, scope, &mut None).map_err(|cause| match cause.kind {
        CauseKind::NotDeclared => Unfit::Refused(cause),
        _ => Unfit::Unseen(cause),
    })?;
    let owner = owner_of_socket(&located.descriptor, path).map_err(Unfit::Refused)?;
    if !is_plausible(owner, actor)
        && let Some(folder) = folder_of_everybody(root, &located.resolved).map_err(Unfit::Unseen)?
    {
        let detail = format!(
            "{path} belongs to user {owner}, and everybody may write to {folder}: any user could have put it there"
        );
        let remedy =
            format!("if it is the product's, add to agent.toml: [[target]] with address = \"unix:{path}\"");
        return Err(Unfit::Refused(Cause::new(CauseKind::NotPermitted, detail).remedy(remedy)));
    }
    Ok(located.descriptor)
}

/// Whose the socket is, which must be one.
fn owner_of_socket(place: &OwnedFd, path: &str) -> Result<u32, Cause> {
    let not_available = |detail| Cause::new(CauseKind::NotAvailable, detail);
    let stat = rustix::fs::fstat(place)
        .map_err(|errno| not_available(format!("{path} cannot be looked at: {errno}")))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket => Ok(stat.st_uid),
        _ => Err(not_available(format!("{path} is not a socket"))),
    }
}

/// The first number of an ordinary user's account: UID_MIN in /etc/login.defs as all larger distributions ship it.
const FIRST_ORDINARY_USER: u32 = 1000;

/// Whether a product may be expected to run as `owner`: a system account, or whoever runs the agent or is connected as.
fn is_plausible(owner: u32, actor: Option<&User>) -> bool {
    owner < FIRST_ORDINARY_USER
        || owner == rustix::process::getuid().as_raw()
        || actor.is_some_and(|actor| actor.uid == owner)
}

/// The first folder on the way to a resolved path that everybody may write to.
fn folder_of_everybody<'a>(root: &Root, resolved: &'a str) -> Result<Option<&'a str>, Cause> {
    for (end, _) in resolved.match_indices('/') {
        let folder = resolved.get(..end).filter(|folder| !folder.is_empty()).unwrap_or("/");
        // Relative to the root; the root itself is the directory that is open.
        let beneath = if end == 0 { "." } else { folder.trim_start_matches('/') };
        let stat = rustix::fs::statat(root.descriptor(), beneath, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| root.explain(errno, folder))?;
        if Mode::from_raw_mode(stat.st_mode).contains(Mode::WOTH) {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

/// Connects to the very socket that was looked at: its path may lead to another one by now.
fn connect_to(place: &OwnedFd, limit: Duration) -> io::Result<OwnedFd> {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // A product whose queue is full would be waited for without an end.
    rustix::net::sockopt::set_socket_timeout(
        &socket,
        Timeout::Send,
        Some(limit.max(Duration::from_millis(1))),
    )?;
    let address = SocketAddrUnix::new(format!("/proc/self/fd/{}", place.as_raw_fd()))?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) => Ok(socket),
        Err(rustix::io::Errno::AGAIN) => Err(io::ErrorKind::TimedOut.into()),
        Err(errno) => Err(errno.into()),
    }
}

fn connect_tcp(to: &str) -> io::Result<OwnedFd> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in to.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, DEADLINE) {
            Ok(stream) => {
                // What a plugin sends is passed on as it comes.
                stream.set_nodelay(true)?;
                return Ok(stream.into());
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Gives this thread, and no other, the credentials of `user`.
pub(crate) fn take_on(user: &User) -> io::Result<()> {
    if rustix::process::geteuid().as_raw() == user.uid {
        return Ok(());
    }
    let groups: Vec<Gid> = user.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    rustix::thread::set_thread_groups(&groups)?;
    let gid = Gid::from_raw(user.gid);
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    let uid = Uid::from_raw(user.uid);
    rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

fn explain(error: &io::Error, address: &Address, actor: &User) -> Cause {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            Cause::new(CauseKind::NotAvailable, format!("nothing listens at {address}"))
        }
        io::ErrorKind::PermissionDenied => {
            let detail = format!("`{}` may not connect to {address}", actor.name);
            Cause::new(CauseKind::NotPermitted, detail).remedy(format!(
                "let `{}` reach the socket, or name another user in agent.toml (connect_as)",
                actor.name
            ))
        }
        io::ErrorKind::TimedOut => Cause::new(
            CauseKind::TimedOut,
            format!("{address} did not answer within {} s", DEADLINE.as_secs()),
        ),
        _ => Cause::new(CauseKind::NotAvailable, format!("connecting to {address} failed: {error}")),
    }
}

/// How many connections there are.
#[derive(Debug, Default)]
struct Places {
    taken: Mutex<usize>,
    freed: Condvar,
}

/// One connection among them, for as long as the value lives.
#[derive(Debug)]
struct Place(Arc<Places>);

impl Places {
    /// Takes a place, and waits for `limit` until there is one.
    fn take(places: &Arc<Places>, limit: Duration) -> Option<Place> {
        let mut taken = places.wait_for(MAX_AT_ONCE - 1, limit);
        if *taken == MAX_AT_ONCE {
            return None;
        }
        *taken += 1;
        Some(Place(Arc::clone(places)))
    }

    /// Waits for `limit` until at most so many are taken.
    fn wait_for(&self, most: usize, limit: Duration) -> std::sync::MutexGuard<'_, usize> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_timeout_while(taken, limit, |taken| *taken > most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_all();
    }
}
