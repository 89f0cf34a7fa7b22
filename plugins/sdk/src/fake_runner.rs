//! The runner's side of the C ABI made of a closure, to see what a plugin does with replies that no agent would send.
//!
//! [`fake`](crate::fake) is the site that a plugin's own tests want; this one is below it, where replies are bytes.

use std::ffi::c_void;
use std::os::fd::{IntoRawFd, OwnedFd};

use crate::Plugin;
use crate::abi::{self, GoodsteadBytes, GoodsteadReply, GoodsteadSite};

/// One reply, with nothing promised of it.
#[derive(Debug, Default)]
pub struct Words {
    /// What should be JSON.
    pub json: Vec<u8>,
    /// What should be the bytes of files.
    pub data: Vec<u8>,
    /// What should be a connection.
    pub descriptor: Option<OwnedFd>,
}

/// What the plugin's function did.
#[derive(Debug)]
pub struct Told {
    /// What it returned.
    pub code: i32,
    /// What it emitted; it should be one thing.
    pub emitted: Vec<Vec<u8>>,
}

struct FakeRunner<F> {
    answer: F,
    /// Lent to the plugin until it asks again.
    reply: Words,
    emitted: Vec<Vec<u8>>,
}

/// What `goodstead_plugin_discover` of a library with this plugin does, when `answer` replies to its requests.
pub fn discover<P: Plugin>(answer: impl FnMut(&[u8]) -> Words) -> Told {
    // SAFETY: `call` hands over a whole site.
    call(answer, |site| unsafe { abi::discover::<P>(site) })
}

/// What `goodstead_plugin_gather` of a library with this plugin does.
pub fn gather<P: Plugin>(target: &[u8], answer: impl FnMut(&[u8]) -> Words) -> Told {
    // SAFETY: as in `discover`; the target outlives the call.
    call(answer, |site| unsafe { abi::gather::<P>(site, GoodsteadBytes::lend(target)) })
}

fn call<F: FnMut(&[u8]) -> Words>(answer: F, task: impl FnOnce(*const GoodsteadSite) -> i32) -> Told {
    let mut runner = FakeRunner { answer, reply: Words::default(), emitted: Vec::new() };
    let site = GoodsteadSite { context: (&raw mut runner).cast(), ask: ask::<F>, emit: emit::<F> };
    let code = task(&raw const site);
    Told { code, emitted: runner.emitted }
}

extern "C" fn ask<F: FnMut(&[u8]) -> Words>(context: *mut c_void, json: GoodsteadBytes) -> GoodsteadReply {
    // SAFETY: the plugin passes back the context of `call`, which points at its runner for the length of the task.
    let runner = unsafe { &mut *context.cast::<FakeRunner<F>>() };
    // SAFETY: the plugin lends the request for the length of this call.
    runner.reply = (runner.answer)(unsafe { json.as_slice() });
    GoodsteadReply {
        json: GoodsteadBytes::lend(&runner.reply.json),
        data: GoodsteadBytes::lend(&runner.reply.data),
        descriptor: runner.reply.descriptor.take().map_or(-1, IntoRawFd::into_raw_fd),
    }
}

extern "C" fn emit<F: FnMut(&[u8]) -> Words>(context: *mut c_void, json: GoodsteadBytes) {
    // SAFETY: as in `ask`.
    let runner = unsafe { &mut *context.cast::<FakeRunner<F>>() };
    // SAFETY: the plugin lends the text for the length of this call.
    runner.emitted.push(unsafe { json.as_slice() }.to_vec());
}
