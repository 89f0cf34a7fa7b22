//! What time it is, and times as the contract has them.
//!
//! Only [`now`] asks the clock; whatever depends on time takes it as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use goodstead_plugin::{Cause, CauseKind};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A clock before this stands wrong: nothing that is judged by it was built yet (2026-04-01).
const EARLIEST: i64 = 1_775_001_600;

/// Seconds since 1970.
///
/// # Errors
/// The clock stands before this plugin was made, so nothing can be said about age.
pub(crate) fn now() -> Result<i64, Cause> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    sane(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn sane(seconds: i64) -> Result<i64, Cause> {
    if seconds >= EARLIEST {
        return Ok(seconds);
    }
    let detail = "the clock stands before this plugin was made, so no age can be told";
    Err(Cause::new(CauseKind::NotAvailable, detail).remedy("set the clock: timedatectl set-ntp true"))
}

/// `seconds` since 1970 as RFC 3339 in UTC; `None` outside the years 0 to 9999.
pub(crate) fn rfc3339(seconds: i64) -> Option<String> {
    let time = Timestamp::from_second(seconds).ok()?;
    (time.to_zoned(TimeZone::UTC).year() >= 0).then(|| time.to_string())
}

/// The last second of a day such as `2028-06-30`, in UTC.
pub(crate) fn end_of_day(day: &str) -> Option<i64> {
    let day: Date = day.trim().parse().ok()?;
    Some(TimeZone::UTC.to_timestamp(day.at(23, 59, 59, 0)).ok()?.as_second())
}

/// How long ago `then` was; 0 for what lies in the future, as after a clock was set back.
pub(crate) fn age(now: i64, then: i64) -> i64 {
    now.saturating_sub(then).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_form_of_the_contract() {
        assert_eq!(rfc3339(EARLIEST).as_deref(), Some("2026-04-01T00:00:00Z"));
        assert_eq!(end_of_day("2028-06-30").and_then(rfc3339).as_deref(), Some("2028-06-30T23:59:59Z"));
        for nonsense in ["", "2028", "2028-13-01", "soon", "9999-99-99"] {
            assert_eq!(end_of_day(nonsense), None, "{nonsense}");
        }
        for extreme in [i64::MIN, i64::MAX] {
            assert_eq!(rfc3339(extreme), None);
            assert!(age(extreme, i64::MIN) >= 0);
        }
    }

    #[test]
    fn a_clock_in_the_past_is_not_believed() {
        assert!(sane(0).is_err());
        assert!(sane(EARLIEST).is_ok());
        assert!(now().is_ok());
    }
}
