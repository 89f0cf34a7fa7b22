//! Who may do what: one-time tokens enrol a node, a credential lets it send, a login lets a person read.
//!
//! Only hashes are kept of any of them, and they are compared in constant time.

mod guesses;
mod hosts;
mod login;
mod secret;

pub use hosts::Hosts;
pub use login::Logins;
pub use secret::{Hash, new_credential, new_node, new_token, normal_token};
