//! What runs: programs, the services of systemd, what they may use, and who keeps the clock right.

pub(crate) mod control_groups;
pub(crate) mod cron;
pub(crate) mod processes;
pub(crate) mod timekeeping;
pub(crate) mod units;
