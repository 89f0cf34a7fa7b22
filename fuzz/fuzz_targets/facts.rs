//! See `goodstead_fuzzed::facts`.
#![no_main]

use goodstead_fuzzed::facts;

libfuzzer_sys::fuzz_target!(|data: &[u8]| facts::run(data));
