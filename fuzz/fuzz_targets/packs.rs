//! See `goodstead_fuzzed::packs`.
#![no_main]

use goodstead_fuzzed::packs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| packs::run(data));
