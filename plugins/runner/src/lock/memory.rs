//! Memory is written or run, never both.
//!
//! The system call filters refuse it of each call (`seccomp.rs`); here the kernel is asked to refuse it by itself, which
//! holds without filters as well.

use std::ffi::{c_int, c_ulong};
use std::io;

/// From Linux 6.3: memory that is not executable never becomes so.
const PR_SET_MDWE: c_int = 65;
const PR_MDWE_REFUSE_EXEC_GAIN: c_ulong = 1;

/// Asks for the present personality.
const WHICH: c_ulong = 0xffff_ffff;

/// Has the kernel refuse memory that is writable and executable, where it can, and not make executable what is only to
/// be read.
pub(super) fn never_both() -> Result<(), String> {
    // SAFETY: asks for a number.
    let personality = unsafe { libc::personality(WHICH) };
    // Where the question is refused, as by systemd's LockPersonality=, the flag is as starting a program leaves it: unset.
    let personality = personality.max(0);
    if personality & libc::READ_IMPLIES_EXEC != 0 {
        let without = (personality & !libc::READ_IMPLIES_EXEC) as c_ulong;
        // SAFETY: takes a number, and changes how memory is mapped from now on.
        if unsafe { libc::personality(without) } == -1 {
            return Err(format!("the personality: {}", io::Error::last_os_error()));
        }
    }
    let none: c_ulong = 0;
    // SAFETY: takes numbers. An older kernel does not know the call, and then the filters alone hold.
    let _ = unsafe { libc::prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, none, none, none) };
    Ok(())
}
