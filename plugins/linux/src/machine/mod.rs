//! What the machine is made of, what it carries, and what it has counted of its own errors.

pub(crate) mod hardware;
pub(crate) mod huge_pages;
pub(crate) mod memory;
pub(crate) mod pressure;
pub(crate) mod processor;
