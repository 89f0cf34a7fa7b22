//! What every area reads and tells with; it knows no area.

pub(crate) mod clock;
pub(crate) mod plain;
pub(crate) mod ranges;
pub(crate) mod readings;
pub(crate) mod record;
pub(crate) mod sysfs;
