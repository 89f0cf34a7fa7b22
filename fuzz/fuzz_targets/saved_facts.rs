//! See `goodstead_fuzzed::saved_facts`.
#![no_main]

use goodstead_fuzzed::saved_facts;

libfuzzer_sys::fuzz_target!(|data: &[u8]| saved_facts::run(data));
