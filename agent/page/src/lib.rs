//! What the pages of agent and desk have in common: how text that a site, a plugin or a check wrote comes onto a page,
//! and the colours.
//!
//! Text comes onto a page in two ways only. A template prints it through [`Visible`], or it is Markdown and goes through
//! [`markdown::render`]. Either way no markup of its own survives, and what would act without being seen is seen.

#![forbid(unsafe_code)]

pub mod markdown;
mod visible;

pub use goodstead_protocol::visible::{acts, plain, printable, printable_ascii};
pub use visible::Visible;

/// The colours, light and dark, as CSS variables. On every ground of either, text in any of them has a contrast of 4.5
/// to 1 or more (WCAG 2.2, 1.4.3), which the browser's test holds them to.
pub const COLOURS: &str = include_str!("colours.css");
