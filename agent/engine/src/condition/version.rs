//! Product versions: dotted numbers, compared part by part.
//!
//! Missing parts count as 0 and whatever follows the numbers is ignored, so `16beta1` is 16 and `6.1.0-21-amd64` is
//! 6.1.0. Product versions are not semver; semver is for plugins and packs.

use std::cmp::Ordering;

/// The numbers at the start of a version, or `None` when there are none (or one that fits no 64 bits).
fn numbers(text: &str) -> Option<Vec<u64>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        match digits.parse() {
            Ok(number) => found.push(number),
            Err(_) if digits.is_empty() && !found.is_empty() => return Some(found),
            Err(_) => return None,
        }
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => return Some(found),
        }
    }
}

fn compare(left: &[u64], right: &[u64]) -> Ordering {
    let part = |parts: &[u64], at: usize| parts.get(at).copied().unwrap_or(0);
    let longest = left.len().max(right.len());
    (0..longest)
        .map(|at| part(left, at).cmp(&part(right, at)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Bounds that all hold: `>=13, <16.4`.
#[derive(Debug, Clone)]
pub(super) struct Range(Vec<(Bound, Vec<u64>)>);

#[derive(Debug, Clone, Copy)]
enum Bound {
    Below,
    UpTo,
    Exactly,
    From,
    Above,
}

impl Range {
    /// Reads bounds joined by commas.
    ///
    /// # Errors
    /// In our words: the part that is no bound.
    pub(super) fn parse(text: &str) -> Result<Range, String> {
        text.split(',').map(bound).collect::<Result<_, _>>().map(Range)
    }

    /// Whether a version lies in the range; `None` when it does not start with a number.
    pub(super) fn holds(&self, version: &str) -> Option<bool> {
        let version = numbers(version)?;
        Some(self.0.iter().all(|(bound, limit)| {
            let order = compare(&version, limit);
            match bound {
                Bound::Below => order.is_lt(),
                Bound::UpTo => order.is_le(),
                Bound::Exactly => order.is_eq(),
                Bound::From => order.is_ge(),
                Bound::Above => order.is_gt(),
            }
        }))
    }
}

fn bound(text: &str) -> Result<(Bound, Vec<u64>), String> {
    let text = text.trim();
    // The longer signs first: `>=` starts with `>`.
    let signs = [
        (">=", Bound::From),
        ("<=", Bound::UpTo),
        (">", Bound::Above),
        ("<", Bound::Below),
        ("=", Bound::Exactly),
    ];
    let found = signs.iter().find_map(|(sign, bound)| Some((*bound, text.strip_prefix(sign)?.trim())));
    let only_numbers =
        |text: &&str| text.chars().all(|c| c.is_ascii_digit() || c == '.') && !text.ends_with('.');
    found
        .and_then(|(bound, text)| Some((bound, Some(text).filter(only_numbers).and_then(numbers)?)))
        .ok_or_else(|| format!("`{text}` is no bound on a version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(version: &str, range: &str) -> Option<bool> {
        Range::parse(range).unwrap().holds(version)
    }

    #[test]
    fn parts_are_compared_as_numbers_and_missing_ones_are_0() {
        assert_eq!(holds("13.10", ">13.9"), Some(true));
        assert_eq!(holds("13", ">=13.0.0, <=13"), Some(true));
        assert_eq!(holds("16", "=16.0"), Some(true));
        assert_eq!(holds("12.22", ">=13"), Some(false));
        assert_eq!(holds("15.3", ">=13, <15.3"), Some(false));
    }

    #[test]
    fn what_follows_the_numbers_is_ignored() {
        assert_eq!(holds("16beta1", "=16"), Some(true));
        assert_eq!(holds("6.1.0-21-amd64", ">=6.1, <6.2"), Some(true));
        assert_eq!(holds("15.3 (Debian 15.3-1)", "=15.3"), Some(true));
        assert_eq!(holds("9.", "=9"), Some(true));
    }

    #[test]
    fn what_is_no_version_is_not_judged() {
        assert_eq!(holds("devel", ">=1"), None);
        assert_eq!(holds("", ">=1"), None);
        assert_eq!(holds("99999999999999999999", ">=1"), None);
    }

    #[test]
    fn what_is_no_bound_is_refused() {
        for wrong in ["13", "^13", ">=", ">=13,", ">=x", ">=13.x", "!=3"] {
            assert!(Range::parse(wrong).is_err(), "{wrong}");
        }
    }
}
