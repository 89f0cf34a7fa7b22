//! Numbers and times in words, as every part of the page has them.

use goodstead_model::Range;

/// `1 finding`, `2 findings`.
pub(super) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// `44 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{share:.0}\u{a0}%")
}

/// Lost points with a minus that is read as one; nothing where nothing is lost.
pub(super) fn points(lost: f64) -> Option<String> {
    (lost > 0.0).then(|| format!("\u{2212}{lost:.1}"))
}

/// `2026-11-22 08:00:00 UTC` of RFC 3339 in UTC.
pub(super) fn time(time: &str) -> String {
    time.replace('T', " ").replace('Z', " UTC")
}

/// `Readiness lies between 50.2 and 59.4. `, or nothing where both are the same.
pub(super) fn between(range: Range) -> String {
    let (low, high) = (format!("{:.1}", range.low), format!("{:.1}", range.high));
    if low == high { String::new() } else { format!("Readiness lies between {low} and {high}. ") }
}

/// The day of a time.
pub(super) fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}
