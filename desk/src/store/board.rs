//! What the board is made from: each node with the deployments of its newest report.

use jiff::Timestamp;
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

/// A part of the board, and what is true of all of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BoardPage {
    /// At most [`BoardPage::ROWS`] deployments, worst first.
    pub rows: Vec<Row>,
    /// Which part, counted from 1.
    pub page: u32,
    /// How many deployments there are in all.
    pub deployments: i64,
    /// Of how many customers.
    pub customers: i64,
    /// Of how many of them nothing was heard for [`BoardPage::SILENT_HOURS`].
    pub silent: i64,
}

impl BoardPage {
    /// The most deployments on a page.
    pub const ROWS: u32 = 100;

    /// After this many hours without a report a node counts as silent.
    pub const SILENT_HOURS: i64 = 48;
}

impl Store {
    /// The deployments of every node, worst first: removed nodes last; before all others those of which nothing is
    /// known, for nobody can say that they are well; the rest by what they certainly lost (the high end), then by what
    /// they may have lost. A node that was removed before it ever reported is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn board(&self, page: u32, now: Timestamp) -> Result<BoardPage> {
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
             WHERE nodes.removed IS NULL OR nodes.newest IS NOT NULL
             ORDER BY CASE WHEN nodes.removed IS NULL THEN 0 ELSE 1 END,
                 CASE WHEN summaries.high IS NULL THEN 0 ELSE 1 END,
                 COALESCE(summaries.high, 0), COALESCE(summaries.low, 0),
                 nodes.customer, summaries.deployment, COALESCE(reports.host, nodes.host), nodes.id
             LIMIT $1 OFFSET $2",
        );
        let offset = i64::from(page.saturating_sub(1)) * i64::from(BoardPage::ROWS);
        let rows = rows.bind(i64::from(BoardPage::ROWS)).bind(offset).fetch_all(&self.readers).await?;
        let all = sqlx::query_as(
            "SELECT COUNT(*), COUNT(DISTINCT nodes.customer), COALESCE(SUM(CASE
                 WHEN nodes.removed IS NULL AND COALESCE(nodes.heard, nodes.enrolled) < $1 THEN 1 ELSE 0 END), 0)
             FROM nodes
             LEFT JOIN summaries ON summaries.report = nodes.newest
             WHERE nodes.removed IS NULL OR nodes.newest IS NOT NULL",
        );
        let silent_before = now.as_second() - BoardPage::SILENT_HOURS * 3600;
        let (deployments, customers, silent) = all.bind(silent_before).fetch_one(&self.readers).await?;
        Ok(BoardPage { rows, page, deployments, customers, silent })
    }
}
