//! What can be read and written: devices, arrays, file systems, and what /etc/fstab promises.

pub(crate) mod block;
pub(crate) mod file_system;
pub(crate) mod fstab;
pub(crate) mod mdadm;
pub(crate) mod mountinfo;
pub(crate) mod mounts;
mod space;
pub(crate) mod temporary;
