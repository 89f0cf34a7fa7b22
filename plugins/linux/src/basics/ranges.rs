//! Lists of numbers as the kernel writes them: `0-3,8`.

/// How many numbers a list names, or `None` for something else. Overlapping ranges are counted twice; the kernel writes none.
pub(crate) fn count(text: &str) -> Option<i64> {
    within(text, i64::MIN, i64::MAX)
}

/// How many of the numbers of a list lie from `low` to `high`. The empty list names none.
pub(crate) fn within(text: &str, low: i64, high: i64) -> Option<i64> {
    let mut sum = 0_i64;
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
        let (first, last) = (first.max(low), last.min(high));
        if first <= last {
            sum = sum.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_and_single_numbers_are_counted() {
        assert_eq!(count("0"), Some(1));
        assert_eq!(count("0-1,4"), Some(3));
        assert_eq!(count(""), Some(0));
        assert_eq!(within("8080,40000-40009,60990-61010", 32768, 60999), Some(20));
        assert_eq!(within("9-3", 0, 10), Some(0));
    }

    #[test]
    fn nonsense_is_none() {
        for text in ["x", "1-", "-", "1-2-3", "9999999999999999999", "0-9223372036854775807"] {
            assert_eq!(count(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in "[0-9,x-]{0,40}") {
            let _ = within(&text, 0, 65535);
        }
    }
}
