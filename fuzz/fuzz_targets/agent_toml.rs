//! See `goodstead_fuzzed::agent_toml`.
#![no_main]

use goodstead_fuzzed::agent_toml;

libfuzzer_sys::fuzz_target!(|data: &[u8]| agent_toml::run(data));
