//! What time it is. A clock that is set to a date which cannot be written shows the nearest one that can.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// The present moment, from 1970 to the end of the year 9999.
pub fn now() -> Timestamp {
    at(SystemTime::now())
}

fn at(time: SystemTime) -> Timestamp {
    let nearest = if time < UNIX_EPOCH { Timestamp::UNIX_EPOCH } else { Timestamp::MAX };
    Timestamp::try_from(time).ok().filter(|time| *time >= Timestamp::UNIX_EPOCH).unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_date_of_a_clock_is_a_time() {
        let after = |seconds| at(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
        assert_eq!(after(1_800_000_000), "2027-01-15T08:00:00Z");
        assert_eq!(after(253_402_300_799), "9999-12-30T22:00:00.999999999Z");
        assert_eq!(after(1 << 55), "9999-12-30T22:00:00.999999999Z");
        assert_eq!(at(UNIX_EPOCH - Duration::from_secs(1)), Timestamp::UNIX_EPOCH);
    }
}
