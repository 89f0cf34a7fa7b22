//! See `goodstead_fuzzed::plugin::files`.
#![no_main]

use goodstead_fuzzed::plugin;
use goodstead_postgresql::PostgreSql;

libfuzzer_sys::fuzz_target!(|data: &[u8]| plugin::files::<PostgreSql>("postgresql", data));
