//! Points in whole hundredths that add up exactly.

use std::collections::BTreeMap;

use super::Item;

/// 0 to 100 as whole hundredths.
pub(super) fn hundredths(score: f64) -> i64 {
    (score.clamp(0.0, 100.0) * 100.0).round() as i64
}

/// Whole hundredths as points. The nearest float, so that two equal amounts are equal floats.
pub(super) fn points(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

/// Distributes `total` hundredths by the sizes of `losses`: rounded down, and what remains goes to the largest
/// remainders, and among equal ones to the first item.
pub(super) fn distribute(losses: &BTreeMap<Item, f64>, total: i64) -> BTreeMap<Item, i64> {
    let sum: f64 = losses.values().sum();
    if sum <= 0.0 {
        return losses.keys().map(|item| (item.clone(), 0)).collect();
    }
    let mut remainders = Vec::new();
    let mut shares = BTreeMap::new();
    let mut left = total;
    for (item, loss) in losses {
        let exact = loss / sum * total as f64;
        let whole = exact.floor() as i64;
        left -= whole;
        remainders.push((exact - exact.floor(), item));
        shares.insert(item.clone(), whole);
    }
    remainders.sort_by(|one, two| two.0.total_cmp(&one.0).then(one.1.cmp(two.1)));
    // At most one each: the remainders add up to what is left. Rounding of `exact` can leave one too many or too few.
    for (_, item) in remainders.iter().cycle() {
        if left == 0 {
            break;
        }
        if let Some(share) = shares.get_mut(*item) {
            let step = if left > 0 { 1 } else { -1 };
            if *share + step >= 0 {
                *share += step;
                left -= step;
            }
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str) -> Item {
        Item::Check { target: "t".to_owned(), id: id.to_owned() }
    }

    #[test]
    fn what_remains_goes_to_the_largest_remainders() {
        let losses = BTreeMap::from([(item("a"), 1.0), (item("b"), 1.0), (item("c"), 1.0)]);
        let shares: Vec<i64> = distribute(&losses, 100).into_values().collect();
        assert_eq!(shares, [34, 33, 33]);
        let losses = BTreeMap::from([(item("a"), 1.0), (item("b"), 2.0)]);
        assert_eq!(distribute(&losses, 100).into_values().collect::<Vec<_>>(), [33, 67]);
    }

    #[test]
    fn nothing_is_distributed_to_nobody() {
        assert!(distribute(&BTreeMap::new(), 0).is_empty());
        assert_eq!(distribute(&BTreeMap::from([(item("a"), 0.0)]), 0).into_values().collect::<Vec<_>>(), [0]);
    }
}
