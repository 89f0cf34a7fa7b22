//! The faces of what the command line has to say; [`face`] leads to those of a report.

/// Writes a line of a page of text; writing to a `String` cannot fail.
macro_rules! put {
    ($page:expr, $($rest:tt)*) => {{
        use std::fmt::Write as _;
        let _ = writeln!($page.text, $($rest)*);
    }};
}

pub(crate) mod access;
mod basis;
pub(crate) mod cases;
pub(crate) mod diagnostics;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod face;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod markdown;
pub(crate) mod nagios;
pub(crate) mod openmetrics;
pub(crate) mod output;
pub(crate) mod page;
pub(crate) mod problems;
mod progress;
pub(crate) mod sarif;
pub(crate) mod status;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub(crate) mod unjudged;
pub(crate) mod value;
pub(crate) mod words;
mod wrap;
