//! What the runner holds open: the channel, the library, the pipe to which the plugin's log is written, and nothing else
//! behind the standard three.

use std::fs::OpenOptions;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::fs::FileType;

/// Makes the standard three `/dev/null` and closes every other descriptor but those in `keep`. With `keep_output`
/// standard output and standard error stay what they are, as long as that is a pipe.
pub(super) fn close_all_but(keep: &[RawFd], keep_output: bool) -> Result<(), String> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|error| format!("/dev/null: {error}"))?;
    super::step("standard input", rustix::stdio::dup2_stdin(&null))?;
    if !(keep_output && is_pipe(rustix::stdio::stdout())) {
        super::step("standard output", rustix::stdio::dup2_stdout(&null))?;
    }
    if !(keep_output && is_pipe(rustix::stdio::stderr())) {
        super::step("standard error", rustix::stdio::dup2_stderr(&null))?;
    }
    drop(null);
    for descriptor in open()? {
        if descriptor > 2 && !keep.contains(&descriptor) {
            // SAFETY: nothing in this process owns it: whatever it opened itself it was told to keep or has closed.
            // The one through which the list was read is closed already, and closing it again does nothing.
            unsafe { libc::close(descriptor) };
        }
    }
    Ok(())
}

/// Whether it is a pipe, through which nothing else can be reached.
fn is_pipe(descriptor: BorrowedFd<'_>) -> bool {
    let stat = rustix::fs::fstat(descriptor);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

/// The kernel's own list: unlike a call that closes ranges, every kernel has it.
fn open() -> Result<Vec<RawFd>, String> {
    let listed = std::fs::read_dir("/proc/self/fd").map_err(|error| format!("descriptors: {error}"))?;
    let mut descriptors = Vec::new();
    for entry in listed {
        let entry = entry.map_err(|error| format!("descriptors: {error}"))?;
        descriptors.extend(entry.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()));
    }
    Ok(descriptors)
}
