//! Nodes: who may send, and who no longer may.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::Store;
use super::writer::Change;
use crate::auth::Hash;
use crate::{Error, Result};

/// What a node is told once, at its enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Its id: 32 hexadecimal digits.
    pub node: String,
    /// Its secret; the desk keeps only the hash.
    pub credential: String,
}

impl Store {
    /// Proves that `credential` is that of `node` and that the node was not removed; returns the node's customer.
    ///
    /// # Errors
    /// [`Error::Credential`], or when the database fails.
    pub async fn authenticate(&self, node: &str, credential: &str) -> Result<String> {
        let found: Option<(String, String)> =
            sqlx::query_as("SELECT credential, customer FROM nodes WHERE id = $1 AND removed IS NULL")
                .bind(node)
                .fetch_optional(&self.readers)
                .await?;
        let (kept, customer) = found.ok_or(Error::Credential)?;
        let kept: Option<Hash> = kept.parse().ok();
        if kept == Some(Hash::of(credential.as_bytes())) { Ok(customer) } else { Err(Error::Credential) }
    }

    /// Marks `node` as removed: it cannot send any more, and its reports stay.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_node(&self, node: &str, now: Timestamp) -> Result<()> {
        self.writer.write(Removal { node: node.to_owned(), now }).await
    }
}

struct Removal {
    node: String,
    now: Timestamp,
}

impl Change for Removal {
    type Done = ();

    async fn apply(&self, transaction: &mut SqliteConnection) -> Result<()> {
        sqlx::query("UPDATE nodes SET removed = $1 WHERE id = $2 AND removed IS NULL")
            .bind(self.now.as_second())
            .bind(&self.node)
            .execute(transaction)
            .await?;
        Ok(())
    }

    async fn is_kept(&self, (): &(), other: &mut SqliteConnection) -> Result<bool> {
        let active: Option<i64> =
            sqlx::query_scalar("SELECT enrolled FROM nodes WHERE id = $1 AND removed IS NULL")
                .bind(&self.node)
                .fetch_optional(other)
                .await?;
        Ok(active.is_none())
    }
}
