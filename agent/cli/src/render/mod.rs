//! The faces of what the command line has to say.

pub(crate) mod access;
pub(crate) mod cases;
pub(crate) mod diagnostics;
pub(crate) mod output;
mod progress;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod trial;
pub(crate) mod value;
