//! What the runner holds open: the channel, the library, and nothing behind the standard three.

use std::fs::OpenOptions;
use std::os::fd::RawFd;

/// Makes the standard three `/dev/null` and closes every other descriptor but those in `keep`.
pub(super) fn close_all_but(keep: &[RawFd]) -> Result<(), String> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|error| format!("/dev/null: {error}"))?;
    for outcome in [
        rustix::stdio::dup2_stdin(&null),
        rustix::stdio::dup2_stdout(&null),
        rustix::stdio::dup2_stderr(&null),
    ] {
        super::step("standard input and output", outcome)?;
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
