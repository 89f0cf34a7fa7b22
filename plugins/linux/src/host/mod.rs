//! The host's record: what the areas tell, gathered in the order in which it may be asked for, and put together.

pub(crate) mod foreseen;
pub(crate) mod recorded;
pub(crate) mod security;
pub(crate) mod upkeep;
pub(crate) mod workload;
