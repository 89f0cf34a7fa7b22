//! Whether reports can be kept right now: found out by keeping something, not by having run for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use sqlx::SqliteConnection;
use tokio::sync::Mutex;

use super::Store;
use super::writer::Change;
use crate::Result;
use crate::auth::new_node;

/// What is written at least, in bytes: a page of the database's file and something more.
const LEAST: usize = 8 * 1024;

/// What a report takes in the database besides its bytes, at most.
const BESIDES: usize = 128 * 1024;

/// What is known of the desk's health. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Health {
    last: Arc<Mutex<Option<Probed>>>,
    /// The size of the last report that could not be kept. A disk that has room for a small write may have none for a
    /// report, so the probe is of that size until it succeeds.
    failed: Arc<AtomicUsize>,
}

/// The outcome of a probe.
#[derive(Debug, Clone)]
struct Probed {
    /// When it began; whoever asked before that can use its answer.
    began: Instant,
    answer: Result<(), String>,
}

impl Health {
    /// Remembers that `bytes` could not be kept.
    pub(super) fn note_failure(&self, bytes: usize) {
        self.failed.fetch_max(bytes, Ordering::Relaxed);
    }
}

struct Probe {
    value: String,
    bytes: i64,
}

impl Change for Probe {
    type Done = ();

    async fn apply(&self, transaction: &mut SqliteConnection) -> Result<()> {
        sqlx::query(
            "INSERT INTO health (one, value, body) VALUES (1, $1, zeroblob($2))
             ON CONFLICT (one) DO UPDATE SET value = excluded.value, body = excluded.body",
        )
        .bind(&self.value)
        .bind(self.bytes)
        .execute(transaction)
        .await?;
        Ok(())
    }

    async fn is_kept(&self, (): &(), other: &mut SqliteConnection) -> Result<bool> {
        let found: Option<(String, i64)> =
            sqlx::query_as("SELECT value, LENGTH(body) FROM health WHERE one = 1")
                .fetch_optional(other)
                .await?;
        Ok(found == Some((self.value.clone(), self.bytes)))
    }
}

impl Store {
    /// Writes something and reads it back; `Err` says in public words why that failed. Those who ask while one probe
    /// runs share the next.
    ///
    /// # Errors
    /// When a report that came now could not be kept.
    pub async fn probe(&self) -> Result<(), String> {
        let asked = Instant::now();
        let mut last = self.health.last.lock().await;
        if let Some(probed) = last.as_ref().filter(|probed| probed.began >= asked) {
            return probed.answer.clone();
        }
        let began = Instant::now();
        let answer = self.write_and_read().await;
        *last = Some(Probed { began, answer: answer.clone() });
        answer
    }

    async fn write_and_read(&self) -> Result<(), String> {
        let failed = self.health.failed.load(Ordering::Relaxed);
        let bytes = if failed > 0 { failed + BESIDES } else { LEAST };
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let why = |error: crate::Error| {
            error.log();
            error.public()
        };
        let value = new_node().map_err(why)?;
        self.writer.write(Probe { value, bytes }).await.map_err(why)?;
        // Only what was proven is forgotten: a larger report may have failed meanwhile.
        let _ = self.health.failed.compare_exchange(failed, 0, Ordering::Relaxed, Ordering::Relaxed);
        Ok(())
    }
}
