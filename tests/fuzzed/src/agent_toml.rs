//! `agent.toml`, read from a file as the agent reads it.

use std::cell::RefCell;
use std::fs;
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::tellable;

/// The agent's own file: a program has no library that could be imported.
#[path = "../../../agent/cli/src/config.rs"]
#[allow(dead_code, unreachable_pub)]
mod config;

thread_local! {
    static FILE: RefCell<NamedTempFile> = RefCell::new(NamedTempFile::new().expect("a temporary file"));
}

/// Reads `data` as the configuration.
pub fn run(data: &[u8]) {
    FILE.with_borrow(|file| {
        fs::write(file.path(), data).expect("the temporary file is writable");
        match config::Config::load(file.path()) {
            Ok(config) => {
                for target in &config.targets {
                    assert!(target.importance.is_finite() && target.importance > 0.0);
                }
                tellable(&config.unknown_plugins(file.path(), ["linux", "postgresql"].into_iter()));
                let asked = Duration::from_secs(30);
                assert!(config.time_limit("postgresql", asked) <= asked);
            }
            Err(found) => {
                assert!(!found.is_empty(), "refused without a word");
                tellable(&found);
            }
        }
    });
}
