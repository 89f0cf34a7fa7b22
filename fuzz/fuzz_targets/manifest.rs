//! See `goodstead_fuzzed::manifest`.
#![no_main]

use goodstead_fuzzed::manifest;

libfuzzer_sys::fuzz_target!(|data: &[u8]| manifest::run(data));
