//! See `goodstead_fuzzed::frames`.
#![no_main]

use goodstead_fuzzed::frames;

libfuzzer_sys::fuzz_target!(|data: &[u8]| frames::run(data));
