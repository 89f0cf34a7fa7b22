//! The desk: the vendor's side. It receives reports, keeps them as they came, ranks deployments and shows them.
//!
//! The way of a report is the way of the modules: `api` takes the bytes, [`intake`] makes a checked report
//! of them, [`summary`] what the board needs, [`store`] keeps both, `pages` shows them. What always holds:
//!
//! - Everything in a report is untrusted: it is checked once at the door and escaped wherever it is shown.
//! - The bytes are kept exactly as they were sent; whatever is shown is derived from them.
//! - Tokens, credentials and passwords are kept as hashes only.
//! - A receipt means that the bytes are committed and were read back by another connection (`store::writer`).
//! - Whoever sends or reads takes at most its share of memory, disk, connections and guesses ([`limits`]).
//! - A stranger learns the public text of an error ([`Error::public`]); the rest goes to the log.

#![forbid(unsafe_code)]

mod api;
pub mod auth;
mod clock;
mod connections;
mod desk;
mod error;
mod http;
pub mod intake;
pub mod limits;
mod pages;
pub mod serve;
pub mod store;
pub mod summary;
#[cfg(test)]
mod tests;

pub use clock::now;
pub use desk::Desk;
pub use error::Error;
pub use http::router;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
