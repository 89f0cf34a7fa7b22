//! The C runtime's standard output, which the plugin's log is written to: what is printed must not stay in its buffer,
//! because the agent ends the runner without letting it exit.

use std::ptr;

unsafe extern "C" {
    /// The stream of the C runtime; no crate declares it.
    static mut stdout: *mut libc::FILE;
}

/// Has each line be written as soon as it is whole, although it goes to a pipe.
pub(crate) fn by_lines() {
    // SAFETY: the C runtime has set the stream up before `main`, nothing was printed to it, and there is one thread.
    let _ = unsafe { libc::setvbuf(stdout, ptr::null_mut(), libc::_IOLBF, 0) };
}

/// Writes what is printed so far, whole lines or not.
pub(crate) fn flush() {
    // SAFETY: null stands for all streams.
    let _ = unsafe { libc::fflush(ptr::null_mut()) };
}
