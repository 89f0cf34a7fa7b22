//! How the host stands in the network, what its connections cost, and by which names it is known.

pub(crate) mod addresses;
pub(crate) mod bonds;
pub(crate) mod exposure;
pub(crate) mod names;
pub(crate) mod sockets;
