//! The site as the runner hands it to the plugin: every question goes to the agent, every answer comes from it.
//!
//! What the plugin says is passed on unread; the agent judges it.

use std::ffi::c_void;
use std::os::fd::IntoRawFd;

use goodstead_plugin::abi::{GoodsteadBytes, GoodsteadReply, GoodsteadSite};
use goodstead_protocol::channel::{Channel, ChannelError, Frame};
use goodstead_protocol::message::Kind;

/// The conversation with the agent, and the last reply, which the plugin may still be reading.
pub(crate) struct AgentSite {
    channel: Channel,
    reply: Option<Frame>,
}

impl AgentSite {
    pub(crate) fn new(channel: Channel) -> Self {
        AgentSite { channel, reply: None }
    }

    pub(crate) fn receive(&mut self) -> Result<Frame, ChannelError> {
        self.channel.receive(None)
    }

    pub(crate) fn send(&mut self, kind: Kind, body: &[u8]) -> Result<(), ChannelError> {
        self.channel.send(kind, body, &[], None, None)
    }

    fn ask(&mut self, request: &[u8]) -> Result<GoodsteadReply, ChannelError> {
        self.send(Kind::Ask, request)?;
        let mut frame = self.receive()?;
        if frame.kind != Kind::Reply {
            return Err(ChannelError::Malformed("a message out of order"));
        }
        let descriptor = frame.descriptor.take().map_or(-1, IntoRawFd::into_raw_fd);
        let frame = self.reply.insert(frame);
        Ok(GoodsteadReply {
            json: GoodsteadBytes::lend(&frame.body),
            data: GoodsteadBytes::lend(&frame.data),
            descriptor,
        })
    }
}

/// The C face of `site`, good for as long as the borrow that it was made from.
pub(crate) fn lend(site: &mut AgentSite) -> GoodsteadSite {
    GoodsteadSite { context: std::ptr::from_mut(site).cast(), ask, emit }
}

extern "C" fn ask(context: *mut c_void, json: GoodsteadBytes) -> GoodsteadReply {
    const GONE: &[u8] = br#"{"refused":{"kind":"plugin-failed","detail":"the agent has gone"}}"#;
    // SAFETY: the plugin passes back the context of `lend`, which points at the site for the length of its call.
    let site = unsafe { &mut *context.cast::<AgentSite>() };
    // SAFETY: the plugin lends the request for the length of this call.
    let request = unsafe { json.as_slice() };
    site.ask(request).unwrap_or(GoodsteadReply {
        json: GoodsteadBytes::lend(GONE),
        data: GoodsteadBytes::lend(&[]),
        descriptor: -1,
    })
}

extern "C" fn emit(context: *mut c_void, json: GoodsteadBytes) {
    // SAFETY: as in `ask`.
    let site = unsafe { &mut *context.cast::<AgentSite>() };
    // SAFETY: the plugin lends the text for the length of this call.
    let text = unsafe { json.as_slice() };
    // If the agent has gone, or the text is over its limit, the agent sees a plugin that said nothing.
    let _ = site.send(Kind::Emit, text);
}
