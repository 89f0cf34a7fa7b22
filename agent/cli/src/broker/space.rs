//! Space and inodes of file systems, with a deadline: one that hangs is never waited for.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::message::{Outcome, Statfs};
use rustix::io::Errno;

use super::permit::Permit;

/// How long one file system may take to answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// How many file systems may hang before the rest is not asked any more.
const MAX_HANGING: usize = 4;

/// One outcome a path, in order. Each file system may take `limit`.
pub(super) fn statfs(paths: &[String], permit: &Permit, limit: Duration) -> Vec<Outcome<Statfs>> {
    let mut outcomes: Vec<Outcome<Statfs>> = Vec::with_capacity(paths.len());
    let mut hanging = 0;
    while let Some(rest) = paths.get(outcomes.len()..).filter(|rest| !rest.is_empty()) {
        if hanging == MAX_HANGING {
            let cause =
                Cause::new(CauseKind::TimedOut, "not asked, because other file systems do not answer");
            outcomes.extend(rest.iter().map(|_| Outcome::Refused(cause.clone())));
            break;
        }
        let asked: Vec<_> = rest.iter().map(|path| (path.clone(), permit.may_statfs(path))).collect();
        let (sender, receiver) = channel();
        // A thread that hangs in the kernel cannot be ended; it is left behind and ends with the process.
        thread::spawn(move || {
            for (path, permitted) in asked {
                if sender.send(ask(&path, permitted)).is_err() {
                    break;
                }
            }
        });
        loop {
            match receiver.recv_timeout(limit) {
                Ok(outcome) => outcomes.push(outcome),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    hanging += 1;
                    let path = paths.get(outcomes.len()).map_or("it", String::as_str);
                    let detail = format!("{path} did not answer within {} s", limit.as_secs());
                    outcomes.push(Outcome::Refused(Cause::new(CauseKind::TimedOut, detail)));
                    break;
                }
            }
        }
    }
    outcomes
}

fn ask(path: &str, permitted: bool) -> Outcome<Statfs> {
    if !permitted {
        let detail = format!("plugin.toml does not ask for the space of {path}");
        return Outcome::Refused(Cause::new(CauseKind::NotDeclared, detail));
    }
    match rustix::fs::statvfs(path) {
        Ok(stat) => Outcome::Ok(Statfs {
            size: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bfree.saturating_mul(stat.f_frsize),
            available: stat.f_bavail.saturating_mul(stat.f_frsize),
            inodes: stat.f_files,
            inodes_free: stat.f_ffree,
        }),
        Err(errno) => {
            let kind = match errno {
                Errno::NOENT | Errno::NOTDIR => CauseKind::Absent,
                Errno::ACCESS | Errno::PERM => CauseKind::NotPermitted,
                _ => CauseKind::NotAvailable,
            };
            Outcome::Refused(Cause::new(kind, format!("the space of {path} cannot be read: {errno}")))
        }
    }
}
