//! The C ABI: what a plugin's library exports, and what it is handed. `goodstead_plugin.h` is generated from this file.
//!
//! Buffers are borrowed for the length of the call that they belong to, on both sides; nothing crosses that has to be
//! freed by the other. A plugin calls the site only on the thread that called it, and only until it returns.

use std::ffi::c_void;
use std::os::fd::{FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use goodstead_protocol::fact::{Cause, CauseKind, Fact};
use goodstead_protocol::message::{Reply, Request};

use crate::{Answer, Plugin, Site};

/// The protocol that this header belongs to. `goodstead_plugin_protocol` returns it.
pub const GOODSTEAD_PROTOCOL: u32 = 1;

/// Returned by `goodstead_plugin_discover` and `goodstead_plugin_gather` after a panic of Rust. A plugin returns 0 for
/// success and any other number for a failure: the agent reports the number.
pub const GOODSTEAD_PANICKED: i32 = -1000;

/// A text or bytes that belong to somebody else. `data` may be null when `length` is 0.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct GoodsteadBytes {
    /// The first byte.
    pub data: *const u8,
    /// How many bytes.
    pub length: usize,
}

impl GoodsteadBytes {
    /// Lends `bytes`.
    pub fn lend(bytes: &[u8]) -> Self {
        GoodsteadBytes { data: bytes.as_ptr(), length: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    /// `data` must point at `length` readable bytes that stay for the life of the borrow, or `length` must be 0.
    pub unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.length == 0 || self.data.is_null() {
            return &[];
        }
        // SAFETY: the caller promises `length` readable bytes at `data`.
        unsafe { slice::from_raw_parts(self.data, self.length) }
    }
}

/// What the agent replied to a request. Valid until the next request, or until the plugin returns.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct GoodsteadReply {
    /// JSON: `{"ok": …}` or `{"refused": {"kind": …, "detail": …}}`.
    pub json: GoodsteadBytes,
    /// The bytes of files, as the request has it.
    pub data: GoodsteadBytes,
    /// A connection that now belongs to the plugin, or -1: one end of a Unix stream socket pair, whatever kind of address
    /// was asked for. The agent carries bytes between its other end and the product, and nothing but bytes.
    pub descriptor: i32,
}

/// The site, as the plugin is handed it.
#[repr(C)]
#[derive(Debug)]
pub struct GoodsteadSite {
    /// The runner's own; to be passed back unchanged.
    pub context: *mut c_void,
    /// Asks the agent: `json` is a request such as `{"ask": "read", "path": "/etc/os-release"}`.
    pub ask: extern "C" fn(context: *mut c_void, json: GoodsteadBytes) -> GoodsteadReply,
    /// Hands over the result, once: a list of targets, or a record of facts.
    pub emit: extern "C" fn(context: *mut c_void, json: GoodsteadBytes),
}

/// The site behind the ABI.
struct AbiSite<'a> {
    raw: &'a GoodsteadSite,
}

impl Site for AbiSite<'_> {
    fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
        let failed = |detail: &str| Cause::new(CauseKind::PluginFailed, detail);
        let json =
            serde_json::to_vec(&request).map_err(|_| failed("the request cannot be written as JSON"))?;
        let reply = (self.raw.ask)(self.raw.context, GoodsteadBytes::lend(&json));
        // SAFETY: a descriptor that is not negative was received for this plugin and belongs to nobody else.
        let descriptor = (reply.descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(reply.descriptor) });
        // SAFETY: the runner keeps both buffers until the next request, and they are copied before that.
        let (json, data) = unsafe { (reply.json.as_slice(), reply.data.as_slice()) };
        match serde_json::from_slice(json) {
            Ok(Reply::Ok(granted)) => Ok(Answer { granted, data: data.to_vec(), descriptor }),
            Ok(Reply::Refused(cause)) => Err(cause),
            Err(_) => Err(failed("the agent's reply is no reply of this protocol")),
        }
    }
}

/// Runs [`Plugin::discover`]; for [`export!`](crate::export).
///
/// # Safety
/// `site` must be what the runner handed to the library's own function of that name.
pub unsafe fn discover<P: Plugin>(site: *const GoodsteadSite) -> i32 {
    // SAFETY: passed on from the caller.
    unsafe {
        run(site, |site| {
            let proposals = P::default().discover(site);
            match proposals {
                Ok(proposals) => serde_json::to_vec(&proposals),
                Err(cause) => serde_json::to_vec(&Fact::from(cause)),
            }
        })
    }
}

/// Runs [`Plugin::gather`]; for [`export!`](crate::export).
///
/// # Safety
/// `site` and `target` must be what the runner handed to the library's own function of that name.
pub unsafe fn gather<P: Plugin>(site: *const GoodsteadSite, target: GoodsteadBytes) -> i32 {
    // SAFETY: the runner lends the target for the length of this call.
    let target = unsafe { target.as_slice() };
    // SAFETY: passed on from the caller.
    unsafe {
        run(site, |site| {
            let facts = match serde_json::from_slice(target) {
                Ok(target) => P::default().gather(&target, site),
                Err(_) => Err(Cause::new(CauseKind::PluginFailed, "the target is none of this protocol")),
            };
            serde_json::to_vec(&facts.unwrap_or_else(Fact::from))
        })
    }
}

/// Calls `task` with the site and emits what it returns. A panic ends here: it must not cross the ABI.
///
/// # Safety
/// `site` must point at the runner's site.
unsafe fn run(
    site: *const GoodsteadSite,
    task: impl FnOnce(&mut dyn Site) -> serde_json::Result<Vec<u8>>,
) -> i32 {
    // SAFETY: the caller promises it; null is the one lie that can be told apart.
    let Some(raw) = (unsafe { site.as_ref() }) else { return 2 };
    let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| task(&mut AbiSite { raw }))) else {
        return GOODSTEAD_PANICKED;
    };
    let json = outcome.unwrap_or_else(|_| {
        br#"{"$unknown":{"kind":"plugin-failed","detail":"what it found cannot be written as JSON"}}"#
            .to_vec()
    });
    (raw.emit)(raw.context, GoodsteadBytes::lend(&json));
    0
}

/// Exports a [`Plugin`] from a library of crate type `cdylib`.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        /// The protocol that this plugin speaks.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        pub extern "C" fn goodstead_plugin_protocol() -> u32 {
            $crate::abi::GOODSTEAD_PROTOCOL
        }

        /// Finds the plugin's targets on this host.
        ///
        /// # Safety
        /// Called by the runner, with its own site.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn goodstead_plugin_discover(site: *const $crate::abi::GoodsteadSite) -> i32 {
            // SAFETY: the runner's arguments are passed on.
            unsafe { $crate::abi::discover::<$plugin>(site) }
        }

        /// Gathers the facts of one target.
        ///
        /// # Safety
        /// Called by the runner, with its own site and a target that it lends.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn goodstead_plugin_gather(
            site: *const $crate::abi::GoodsteadSite,
            target: $crate::abi::GoodsteadBytes,
        ) -> i32 {
            // SAFETY: the runner's arguments are passed on.
            unsafe { $crate::abi::gather::<$plugin>(site, target) }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_and_the_protocol_carry_the_same_numbers() {
        assert_eq!(GOODSTEAD_PROTOCOL, goodstead_protocol::PROTOCOL);
        assert_eq!(GOODSTEAD_PANICKED, goodstead_protocol::message::PANICKED);
    }
}
