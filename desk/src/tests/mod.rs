//! The desk as agents and readers meet it: through its router and through its socket.

mod api;
mod client;
mod pages;
pub(crate) mod sample;
mod socket;
