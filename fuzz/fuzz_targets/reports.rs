//! See `goodstead_fuzzed::reports`.
#![no_main]

use goodstead_fuzzed::reports;

libfuzzer_sys::fuzz_target!(|data: &[u8]| reports::run(data));
