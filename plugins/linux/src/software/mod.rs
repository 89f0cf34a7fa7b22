//! The age of the software: the distribution and its end of support, packages, updates, and restarts that are due.

pub(crate) mod apt_conf;
pub(crate) mod apt_sources;
pub(crate) mod os;
pub(crate) mod packages;
pub(crate) mod reboot;
pub(crate) mod support;
pub(crate) mod support_table;
pub(crate) mod updates;
