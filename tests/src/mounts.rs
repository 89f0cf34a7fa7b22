//! Mounts that nobody else on the machine meets, and folders that can be written to without a trace.

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, mount_remount, unmount,
};
use rustix::thread::UnshareFlags;

/// Runs `test` on a thread with mounts of its own; what it starts shares them. Needs root.
pub fn with_own_mounts(test: impl FnOnce() + Send + 'static) {
    let done = thread::spawn(move || {
        #[expect(deprecated, reason = "the file descriptors stay shared, which is what may be unsafe")]
        rustix::thread::unshare(UnshareFlags::NEWNS).expect("a mount namespace: run the tests as root");
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
        test();
    });
    if let Err(panic) = done.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Has everything that is written to these folders go to memory, for as long as the mounts last: all that lies there is
/// seen under its own path, and none of it changes. `scratch` is an empty folder.
pub fn write_to_memory(folders: &[&Path], scratch: &Path) {
    mount("none", scratch, "tmpfs", MountFlags::empty(), None).expect("a file system in memory");
    for (number, folder) in folders.iter().enumerate() {
        let (upper, work) = (scratch.join(format!("upper-{number}")), scratch.join(format!("work-{number}")));
        fs::create_dir(&upper).unwrap();
        fs::create_dir(&work).unwrap();
        let options =
            format!("lowerdir={},upperdir={},workdir={}", folder.display(), upper.display(), work.display());
        let options = CString::new(options).unwrap();
        mount("overlay", *folder, "overlay", MountFlags::empty(), options.as_c_str()).expect("an overlay");
    }
}

/// A small disk in memory, which can be made full and empty while it is used.
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one of so many bytes at an empty folder.
    pub fn mount(folder: &Path, bytes: u64) -> Disk {
        let options = CString::new(format!("size={bytes}")).unwrap();
        mount("none", folder, "tmpfs", MountFlags::empty(), options.as_c_str())
            .expect("a file system in memory");
        Disk { folder: folder.to_owned() }
    }

    /// Leaves this much room besides what is used.
    pub fn leave(&self, bytes: u64) {
        let space = rustix::fs::statvfs(&self.folder).unwrap();
        let used = (space.f_blocks - space.f_bfree) * space.f_frsize;
        // What is written meanwhile may make it more than that; then it is full, which is as good.
        let _ = mount_remount(&self.folder, MountFlags::empty(), format!("size={}", used + bytes));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(&self.folder, UnmountFlags::DETACH);
    }
}
