//! See `goodstead_fuzzed::desk_intake`.
#![no_main]

use goodstead_fuzzed::desk_intake;

libfuzzer_sys::fuzz_target!(|data: &[u8]| desk_intake::run(data));
