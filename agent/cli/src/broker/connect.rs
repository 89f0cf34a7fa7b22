//! Connecting to an accepted target as the acting user.
//!
//! Whom the other side sees is decided by the credentials of the thread that connects. A thread of its own takes on the
//! acting user's, for good, connects, and ends.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::message::Address;
use rustix::process::{Gid, Uid};

use crate::users::User;

/// How long a connection may take to be made.
pub(super) const DEADLINE: Duration = Duration::from_secs(3);

/// Connects as `actor`, within `limit`.
///
/// # Errors
/// Why not: nothing listens, no permission, too slow.
pub(super) fn connect(address: &Address, actor: &User, limit: Duration) -> Result<OwnedFd, Cause> {
    let (sender, receiver) = channel();
    let (to, user) = (address.clone(), actor.clone());
    thread::spawn(move || {
        // If nobody waits any more the connection is closed again.
        let _ = sender.send(take_on(&user).and_then(|()| open(&to)));
    });
    let outcome = receiver.recv_timeout(limit).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    outcome.map_err(|error| explain(&error, address, actor))
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

fn open(address: &Address) -> io::Result<OwnedFd> {
    match address {
        Address::Unix(path) => Ok(UnixStream::connect(path)?.into()),
        Address::Tcp(to) => {
            let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
            for address in to.to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, DEADLINE) {
                    Ok(stream) => return Ok(stream.into()),
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
    }
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
