//! `agent.toml`, as the agent reads it once it has the bytes.

use std::path::Path;
use std::time::Duration;

use crate::tellable;

/// The agent's own file: a program has no library that could be imported.
#[path = "../../../agent/cli/src/config.rs"]
#[allow(dead_code, unreachable_pub)]
mod config;

/// Reads `data` as the configuration.
pub fn run(data: &[u8]) {
    let file = Path::new("agent.toml");
    match config::Config::from_bytes(file, data.to_vec()) {
        Ok(config) => {
            for target in &config.targets {
                assert!(target.importance.is_finite() && target.importance > 0.0);
            }
            tellable(&config.unknown_plugins(file, ["linux", "postgresql"].into_iter()));
            let asked = Duration::from_secs(30);
            assert!(config.time_limit("postgresql", asked) <= asked);
        }
        Err(found) => {
            assert!(!found.is_empty(), "refused without a word");
            tellable(&found);
        }
    }
}
