//! How much each node and each customer had kept today, and how much that may be.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::{Error, Result};

/// Seconds in a day; days are counted in UTC.
const DAY: i64 = 24 * 60 * 60;

/// How much may be kept of one sender in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daily {
    /// Reports.
    pub reports: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How much may be kept of each node and of each customer in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimits {
    /// Of one node.
    pub node: Daily,
    /// Of all nodes of one customer.
    pub customer: Daily,
}

/// A report every 17 seconds from one node, with a quarter of a megabyte each; and forty such nodes for one customer.
impl Default for DailyLimits {
    fn default() -> DailyLimits {
        const GIB: u64 = 1024 * 1024 * 1024;
        DailyLimits {
            node: Daily { reports: 5_000, bytes: GIB },
            customer: Daily { reports: 200_000, bytes: 40 * GIB },
        }
    }
}

/// Counts a report of `bytes` for a node and its customer.
///
/// # Errors
/// [`Error::TooMuch`] when that is more than the limits allow; the transaction is to be rolled back then.
pub(super) async fn count(
    transaction: &mut SqliteConnection,
    node: &str,
    bytes: usize,
    limits: &DailyLimits,
    now: Timestamp,
) -> Result<()> {
    let day = now.as_second().div_euclid(DAY);
    let customer: String = sqlx::query_scalar("SELECT customer FROM nodes WHERE id = $1")
        .bind(node)
        .fetch_one(&mut *transaction)
        .await?;
    let senders = [
        (format!("node {node}"), "This node", limits.node),
        (format!("customer {customer}"), "This customer", limits.customer),
    ];
    for (sender, who, limit) in senders {
        let (reports, sum): (i64, i64) = sqlx::query_as(
            "INSERT INTO usage (day, sender, reports, bytes) VALUES ($1, $2, 1, $3)
             ON CONFLICT (day, sender) DO UPDATE
             SET reports = usage.reports + 1, bytes = usage.bytes + excluded.bytes RETURNING reports, bytes",
        )
        .bind(day)
        .bind(sender)
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .fetch_one(&mut *transaction)
        .await?;
        let above = |sum: i64, limit: u64| u64::try_from(sum).is_ok_and(|sum| sum > limit);
        if above(reports, limit.reports) || above(sum, limit.bytes) {
            let rest = DAY - now.as_second().rem_euclid(DAY);
            let text = format!(
                "{who} has reached its limit for today ({} reports, {} MiB). The desk takes the next report after midnight UTC.",
                limit.reports,
                limit.bytes / 1024 / 1024
            );
            return Err(Error::TooMuch { text, retry: rest.unsigned_abs() });
        }
    }
    sqlx::query("DELETE FROM usage WHERE day < $1").bind(day - 1).execute(transaction).await?;
    Ok(())
}
