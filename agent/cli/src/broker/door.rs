//! What a request may be made of, before anything is done for it: so that nothing that is kept of it, or said about it, is
//! larger than a path.

use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::message::{Address, Request};

/// The longest path, as in the kernel, and the longest glob.
const MAX_PATH: usize = 4096;

/// The most globs of one request, and the most to be left alone.
const MAX_GLOBS: usize = 4096;

/// The most paths of one request.
const MAX_PATHS: usize = 8192;

/// How many bytes all texts of one request may have.
const MAX_TEXT: usize = 1 << 20;

/// How much is shown of a text that is too long.
const SHOWN: usize = 100;

/// Refuses a request that is larger than any that can be granted.
pub(super) fn sound(request: &Request) -> Result<(), Cause> {
    match request {
        Request::Read { path } | Request::List { path } | Request::Stat { path } => text("path", path),
        Request::Find { path, matching } => text("path", path).and_then(|()| text("glob", matching)),
        Request::ReadMany { globs, except } => {
            texts("glob", globs, MAX_GLOBS).and_then(|()| texts("glob", except, MAX_GLOBS))
        }
        Request::Statfs { paths } => texts("path", paths, MAX_PATHS),
        Request::Connect { address: Address::Unix(address) | Address::Tcp(address) } => {
            text("address", address)
        }
        Request::Run { command } => text("name", command),
        // Each of them is looked at by itself.
        Request::Several { .. } => Ok(()),
    }
}

/// Refuses a text that is longer than any path, or that no path can be.
pub(super) fn text(what: &str, text: &str) -> Result<(), Cause> {
    if text.len() > MAX_PATH {
        let start: String = text.chars().take(SHOWN).collect();
        let detail = format!("a {what} of {} bytes, more than {MAX_PATH}: {start}…", text.len());
        return Err(Cause::new(CauseKind::TooLarge, detail));
    }
    if text.contains('\0') {
        return Err(Cause::new(CauseKind::PluginFailed, format!("a {what} with a NUL byte in it")));
    }
    Ok(())
}

fn texts(what: &str, list: &[String], most: usize) -> Result<(), Cause> {
    let size: usize = list.iter().map(String::len).sum();
    if list.len() > most || size > MAX_TEXT {
        let detail = format!("a request of {} {what}s and {size} bytes is too large", list.len());
        return Err(Cause::new(CauseKind::TooLarge, detail));
    }
    list.iter().try_for_each(|one| text(what, one))
}
