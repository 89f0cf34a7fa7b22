//! Healthy hosts in the shape of those that exist: what an installation leaves behind and a sensible administrator adds.
//!
//! A shape is files first ([`debian`], [`redhat`], [`small`]); [`live`] puts a running kernel under them, which makes
//! the hosts of [`running`] and [`containers`]. All figures are unremarkable on purpose: whatever a check finds here is
//! either defended in `tests/healthy.rs` or a false alarm.

pub mod containers;
pub mod debian;
pub mod live;
pub mod postgresql;
pub mod redhat;
pub mod running;
pub mod small;
