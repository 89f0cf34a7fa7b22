//! What is kept of what happened: the kernel's log, the journal, and log files.

pub(crate) mod journal;
pub(crate) mod kernel;
pub(crate) mod rotation;
pub(crate) mod trouble;
