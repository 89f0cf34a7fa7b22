//! See `goodstead_fuzzed::abi`.
#![no_main]

use goodstead_fuzzed::abi;

libfuzzer_sys::fuzz_target!(|data: &[u8]| abi::run(data));
