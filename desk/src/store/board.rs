//! What the board is made from: each node with the deployments of its newest report.

use sqlx::FromRow;

use super::Store;
use crate::Result;

/// One deployment of one node; a node that has sent nothing yet has one row without a deployment.
#[derive(Debug, Clone, Default, PartialEq, FromRow)]
pub struct Row {
    /// Who owns it.
    pub customer: String,
    /// The host's name: as the newest report says, else as it enrolled.
    pub host: String,
    /// When the node enrolled, in seconds since 1970.
    pub enrolled: i64,
    /// When the node was removed.
    pub removed: Option<i64>,
    /// When its last report came.
    pub heard: Option<i64>,
    /// Its newest full report.
    pub report: Option<String>,
    /// When that was observed.
    pub observed: Option<i64>,
    /// Its newest partial report, where that is newer than the full one.
    pub partial: Option<String>,
    /// What that one is limited to.
    pub partial_limit: Option<String>,
    /// When that was observed.
    pub partial_observed: Option<i64>,
    /// The deployment; empty when the report has no target.
    pub deployment: Option<String>,
    /// The deployment's targets, separated by commas.
    pub targets: Option<String>,
    /// Readiness when what is unknown fails, 0 to 100; like the next three absent when nothing could be judged.
    pub low: Option<f64>,
    /// Readiness when what is unknown passes.
    pub high: Option<f64>,
    /// The one number, where the agent gives one.
    pub single: Option<f64>,
    /// The judged share, 0 to 100.
    pub coverage: Option<f64>,
    /// Failed checks.
    pub findings: Option<i64>,
    /// Failed checks that the admin accepts for a while.
    pub waived: Option<i64>,
    /// Failed critical checks.
    pub critical: Option<i64>,
    /// Checks that could not be judged.
    pub not_judged: Option<i64>,
    /// The title of the finding that costs most.
    pub worst_title: Option<String>,
    /// Its impact: `critical`, `high`, `medium` or `low`.
    pub worst_impact: Option<String>,
}

impl Store {
    /// Every deployment of every node, in no order. A node that was removed before it ever reported is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn board(&self) -> Result<Vec<Row>> {
        let rows = sqlx::query_as(
            "SELECT nodes.customer, COALESCE(reports.host, nodes.host) AS host, nodes.enrolled, nodes.removed,
                 nodes.heard, reports.id AS report, reports.observed, part.id AS partial,
                 part.partial AS partial_limit, part.observed AS partial_observed, summaries.deployment, summaries.targets,
                 summaries.low, summaries.high, summaries.single, summaries.coverage, summaries.findings, summaries.waived,
                 summaries.critical, summaries.not_judged, summaries.worst_title, summaries.worst_impact
             FROM nodes
             LEFT JOIN reports ON reports.id = nodes.newest
             LEFT JOIN reports AS part ON part.id = nodes.partial
                 AND (reports.observed IS NULL OR part.observed >= reports.observed)
             LEFT JOIN summaries ON summaries.report = reports.id
             WHERE nodes.removed IS NULL OR nodes.newest IS NOT NULL",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}
