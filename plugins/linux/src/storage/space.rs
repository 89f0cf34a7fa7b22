//! How full a file system is, as df(1) counts.

use goodstead_plugin::{Cause, Fact, Statfs};

/// The facts of one answer of statfs(2). Numbers beyond 63 bits are cut there.
pub(super) fn space(size: Result<Statfs, Cause>) -> Vec<(&'static str, Fact)> {
    const NUMBERS: [&str; 7] = [
        "total_bytes",
        "used_bytes",
        "available_bytes",
        "inodes",
        "inodes_free",
        "used_percent",
        "inodes_used_percent",
    ];
    match size {
        Ok(size) => {
            let used = size.size.saturating_sub(size.free);
            let inodes_used = size.inodes.saturating_sub(size.inodes_free);
            let number = |value: u64| Fact::Int(i64::try_from(value).unwrap_or(i64::MAX));
            let mut facts = vec![
                ("total_bytes", number(size.size)),
                ("used_bytes", number(used)),
                ("available_bytes", number(size.available)),
                ("inodes", number(size.inodes)),
                ("inodes_free", number(size.inodes_free)),
            ];
            // As df does: what is reserved for root is neither used nor available.
            facts.extend(percent(used, size.available).map(|percent| ("used_percent", percent)));
            facts.extend(
                percent(inodes_used, size.inodes_free).map(|percent| ("inodes_used_percent", percent)),
            );
            facts
        }
        Err(cause) => NUMBERS.iter().map(|name| (*name, cause.clone().into())).collect(),
    }
}

/// `used` of `used + free` in per cent with one digit; `None` where both are 0.
fn percent(used: u64, free: u64) -> Option<Fact> {
    let whole = u128::from(used) + u128::from(free);
    let tenths = (u128::from(used) * 1000).checked_div(whole)?;
    u32::try_from(tenths).ok().map(|tenths| Fact::Float(f64::from(tenths) / 10.0))
}
