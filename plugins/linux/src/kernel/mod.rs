//! The kernel: whose it is, its settings and the files that set them, what it has counted, and what it does when it
//! has panicked.

pub(crate) mod counters;
pub(crate) mod crash;
pub(crate) mod presence;
pub(crate) mod sysctl;
pub(crate) mod sysctl_files;
pub(crate) mod sysctl_line;
