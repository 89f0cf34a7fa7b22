//! What the agent and a plugin say to each other: the manifest, the fact contract, and the messages.
//!
//! Types and pure functions only. The one module with I/O is [`channel`], behind a feature of that name, because
//! both ends of the socket need the very same framing and nothing else of each other.

#![forbid(unsafe_code)]

pub mod budget;
#[cfg(feature = "channel")]
pub mod channel;
pub mod contract;
pub mod diagnostic;
pub mod document;
pub mod fact;
pub mod glob;
pub mod intake;
pub mod manifest;
pub mod message;
pub mod proposals;
pub mod visible;

/// The protocol number of this build: an integer of its own, independent of any release.
///
/// It changes only when an old plugin could misunderstand a new agent or the other way round.
pub const PROTOCOL: u32 = 1;
