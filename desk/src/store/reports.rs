//! Reports: the bytes as they came, and what the board needs of them.

use axum::body::Bytes;
use jiff::Timestamp;
use sqlx::{FromRow, SqliteConnection};

use super::writer::Change;
use super::{DailyLimits, Store, usage};
use crate::intake::Received;
use crate::summary::{Summary, cut, summarise};
use crate::{Error, Result};

/// What became of a report that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is new, and kept.
    New,
    /// It was here already, byte for byte.
    Duplicate,
}

/// A report as it is kept, with what the desk knows about it.
#[derive(Debug, Clone, FromRow)]
pub struct Kept {
    /// The bytes, exactly as they came.
    pub body: Vec<u8>,
    /// SHA-256 of the bytes, in hexadecimal.
    pub hash: String,
    /// Who owns the deployment.
    pub customer: String,
    /// The node's host name, as it enrolled.
    pub host: String,
    /// When it came, in seconds since 1970.
    pub received: i64,
    /// When the node was removed, if it was.
    pub removed: Option<i64>,
}

/// A full report becomes what the node is known by, unless it is older than what is.
const NEWEST_FULL: &str = "UPDATE nodes SET heard = $1, newest = CASE
         WHEN newest IS NULL OR (SELECT observed FROM reports WHERE id = nodes.newest) <= $2
         THEN $3 ELSE newest END
     WHERE id = $4";

/// A partial one is only shown beside that.
const NEWEST_PARTIAL: &str = "UPDATE nodes SET heard = $1, partial = CASE
         WHEN partial IS NULL OR (SELECT observed FROM reports WHERE id = nodes.partial) <= $2
         THEN $3 ELSE partial END
     WHERE id = $4";

impl Store {
    /// Keeps what `node` sent: `body`, which was read as `received`. When this returns `Ok` these very bytes are on disk
    /// and were read back, also those of a duplicate.
    ///
    /// A partial report never replaces what the node's full one says; it is kept and shown beside it.
    ///
    /// A report counts as observed when its scan began, but never later than it came: a clock that runs ahead must
    /// not make a report the newest for ever.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the id is taken by another content or another node; [`Error::TooMuch`] when `limits` are
    /// reached; otherwise when the database fails.
    pub async fn accept(
        &self,
        node: &str,
        received: Received,
        body: Bytes,
        limits: DailyLimits,
        now: Timestamp,
    ) -> Result<Accepted> {
        let bytes = body.len();
        // The report itself, which takes many times the memory of its bytes, ends here: changes wait for their turn.
        let acceptance = Acceptance {
            node: node.to_owned(),
            id: received.report.id.clone(),
            hash: received.hash,
            observed: received.time.min(now).as_second(),
            host: received.report.host.as_deref().map(cut),
            summaries: summarise(&received.report),
            partial: received.report.partial().map(|limit| cut(&limit)),
            body,
            limits,
            now,
        };
        drop(received.report);
        let accepted = self.writer.write(acceptance).await;
        if accepted.as_ref().is_err_and(Error::is_of_the_database) {
            self.health.note_failure(bytes);
        }
        accepted
    }

    /// The report called `id`.
    ///
    /// # Errors
    /// [`Error::NotFound`], or when the database fails.
    pub async fn report(&self, id: &str) -> Result<Kept> {
        let kept = sqlx::query_as(
            "SELECT reports.body, reports.hash, nodes.customer, nodes.host, reports.received, nodes.removed
             FROM reports JOIN nodes ON nodes.id = reports.node WHERE reports.id = $1",
        );
        kept.bind(id).fetch_optional(&self.readers).await?.ok_or(Error::NotFound)
    }
}

/// A report on its way into the database.
struct Acceptance {
    node: String,
    id: String,
    hash: String,
    observed: i64,
    host: Option<String>,
    summaries: Vec<Summary>,
    /// What a partial report is limited to.
    partial: Option<String>,
    body: Bytes,
    limits: DailyLimits,
    now: Timestamp,
}

impl Change for Acceptance {
    type Done = Accepted;

    async fn apply(&self, change: &mut SqliteConnection) -> Result<Accepted> {
        let now = self.now.as_second();
        let added = sqlx::query(
            "INSERT INTO reports (id, node, hash, observed, received, host, body, partial)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&self.id)
        .bind(&self.node)
        .bind(&self.hash)
        .bind(self.observed)
        .bind(now)
        .bind(&self.host)
        .bind(self.body.as_ref())
        .bind(&self.partial)
        .execute(&mut *change)
        .await?;
        if added.rows_affected() == 0 {
            let known: Option<(String, String)> =
                sqlx::query_as("SELECT node, hash FROM reports WHERE id = $1")
                    .bind(&self.id)
                    .fetch_optional(&mut *change)
                    .await?;
            let same = known.is_some_and(|(sender, hash)| sender == self.node && hash == self.hash);
            return if same { Ok(Accepted::Duplicate) } else { Err(Error::Conflict(self.id.clone())) };
        }
        usage::count(change, &self.node, self.body.len(), &self.limits, self.now).await?;
        for summary in &self.summaries {
            insert_summary(change, &self.id, summary).await?;
        }
        sqlx::query(if self.partial.is_some() { NEWEST_PARTIAL } else { NEWEST_FULL })
            .bind(now)
            .bind(self.observed)
            .bind(&self.id)
            .bind(&self.node)
            .execute(change)
            .await?;
        Ok(Accepted::New)
    }

    async fn is_kept(&self, _: &Accepted, other: &mut SqliteConnection) -> Result<bool> {
        let found: Option<(String, Vec<u8>)> = sqlx::query_as("SELECT node, body FROM reports WHERE id = $1")
            .bind(&self.id)
            .fetch_optional(other)
            .await?;
        Ok(found.is_some_and(|(node, body)| node == self.node && body == self.body))
    }
}

async fn insert_summary(change: &mut SqliteConnection, report: &str, summary: &Summary) -> Result<()> {
    let score = summary.readiness;
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let worst = summary.worst.as_ref();
    let (title, impact) = worst.map(|(title, impact)| (title, impact.to_string())).unzip();
    // Two names that differ only after the cut would be one row: the first stays.
    sqlx::query(
        "INSERT INTO summaries (report, deployment, targets, low, high, single, coverage, findings, critical,
             not_judged, worst_title, worst_impact, waived)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (report, deployment) DO NOTHING",
    )
    .bind(report)
    .bind(&summary.deployment)
    .bind(&summary.targets)
    .bind(score.map(|score| score.low))
    .bind(score.map(|score| score.high))
    .bind(score.and_then(|score| score.single))
    .bind(score.map(|score| score.coverage))
    .bind(count(summary.findings))
    .bind(count(summary.critical))
    .bind(count(summary.not_judged))
    .bind(title)
    .bind(impact)
    .bind(count(summary.waived))
    .execute(change)
    .await?;
    Ok(())
}
