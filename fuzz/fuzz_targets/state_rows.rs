//! See `goodstead_fuzzed::state`.
#![no_main]

use goodstead_fuzzed::state;

libfuzzer_sys::fuzz_target!(|data: &[u8]| state::rows(data));
