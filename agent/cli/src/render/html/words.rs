//! Numbers in words, as every part of the page has them.

use goodstead_model::Range;

/// `44 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{}\u{a0}%", goodstead_model::percent(share))
}

/// Lost points with a minus that is read as one; nothing where nothing is lost.
pub(super) fn points(lost: f64) -> Option<String> {
    (lost > 0.0).then(|| format!("\u{2212}{lost:.1}"))
}

/// `Readiness is between 50.2 and 59.4. `, or nothing where both are the same.
pub(super) fn between(range: Range) -> String {
    match range.shown() {
        (_, None) => String::new(),
        (low, Some(high)) => format!("Readiness is between {low} and {high}. "),
    }
}
