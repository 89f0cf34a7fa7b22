//! What is fuzzed: one function of bytes for each door through which foreign input comes.
//!
//! Each takes any bytes at all, returns, and panics only when something that must hold does not. The fuzzer (`fuzz/`,
//! `cargo xtask soak`) calls them on what it invents; the tests call them on the committed corpora and on mutations of
//! those ([`replay`]), with the stable toolchain.
//!
//! The plugins themselves are not imported here: their libraries export the same symbols, so that a program can hold
//! only one of them. Whoever calls [`plugin`] names the plugin.

#![forbid(unsafe_code)]

pub mod abi;
pub mod agent_toml;
pub mod desk_intake;
pub mod facts;
pub mod frames;
pub mod manifest;
pub mod packs;
pub mod plugin;
pub mod replay;
pub mod reports;
mod sample;
pub mod saved_facts;
pub mod state;

use goodstead_protocol::diagnostic::Diagnostic;

/// What is said of a broken input can be shown: it has words, and its place lies in the text.
fn tellable(found: &[Diagnostic]) {
    for diagnostic in found {
        assert!(!diagnostic.message.trim().is_empty(), "{diagnostic:?}");
        assert!(!diagnostic.to_string().is_empty());
        if let Some((text, span)) = diagnostic.place.as_ref().and_then(|place| place.at.as_ref()) {
            assert!(text.get(span.clone()).is_some(), "{span:?} does not lie in the text");
        }
    }
}
