//! The program `goodstead`; all of it is in the library, but for one word to the C library's allocator, which is the
//! agent's only `unsafe`.

#![deny(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    give_back_large_allocations();
    goodstead_agent::main()
}

/// From this size on, in bytes, an allocation is a mapping of its own, which is given back when it is freed: the value
/// that glibc begins with.
#[cfg(target_env = "gnu")]
const OWN_MAPPING: libc::c_int = 128 << 10;

/// Keeps glibc from raising its limit for mappings of their own to the largest allocation that was freed so far
/// (mallopt(3), `M_MMAP_THRESHOLD`): each thread would then keep the room of the largest message it has read, and the
/// agent would take half as much again when several plugins flood it at once.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
fn give_back_large_allocations() {
    // SAFETY: mallopt takes two numbers and changes nothing but the allocator's own settings; no other thread exists.
    // It refuses values that it does not like, which leaves everything as it was.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_MAPPING) };
}

/// Other C libraries give large allocations back by themselves.
#[cfg(not(target_env = "gnu"))]
fn give_back_large_allocations() {}
