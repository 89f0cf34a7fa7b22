//! What time it is. A clock that is set to a date which cannot be written shows the nearest one that can.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// The present moment.
pub(crate) fn present() -> Timestamp {
    at(SystemTime::now())
}

/// The present second, RFC 3339 in UTC.
pub(crate) fn now() -> String {
    Timestamp::from_second(present().as_second()).unwrap_or_default().to_string()
}

/// A time in seconds since 1970, RFC 3339 in UTC; the nearest one that can be written.
pub(crate) fn written(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let time = UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds));
    let time = time.map_or(Timestamp::MAX, at);
    Timestamp::from_second(time.as_second()).unwrap_or_default().to_string()
}

fn at(time: SystemTime) -> Timestamp {
    // Before the year 0 a date has a sign, which RFC 3339 does not know.
    let nearest = if time < UNIX_EPOCH { Timestamp::UNIX_EPOCH } else { Timestamp::MAX };
    Timestamp::try_from(time).ok().filter(|time| *time >= Timestamp::UNIX_EPOCH).unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_date_can_be_written() {
        let after = |seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap();
        let before = |seconds| UNIX_EPOCH.checked_sub(Duration::from_secs(seconds)).unwrap();
        for (time, written) in [
            (after(1_800_000_000), "2027-01-15T08:00:00Z"),
            (after(253_402_300_799), "9999-12-30T22:00:00.999999999Z"),
            (after(1 << 55), "9999-12-30T22:00:00.999999999Z"),
            (before(1), "1970-01-01T00:00:00Z"),
            (before(1 << 55), "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(at(time).to_string(), written);
            assert!(at(time).to_string().parse::<Timestamp>().is_ok());
        }
    }
}
