//! Nodes: who may send, and who no longer may.

use jiff::Timestamp;

use super::Store;
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
    /// Proves that `credential` is that of `node` and that the node was not removed.
    ///
    /// # Errors
    /// [`Error::Credential`], or when the database fails.
    pub async fn authenticate(&self, node: &str, credential: &str) -> Result<()> {
        let kept: Option<String> =
            sqlx::query_scalar("SELECT credential FROM nodes WHERE id = $1 AND removed IS NULL")
                .bind(node)
                .fetch_optional(&self.pool)
                .await?;
        let kept: Option<Hash> = kept.and_then(|kept| kept.parse().ok());
        if kept == Some(Hash::of(credential.as_bytes())) { Ok(()) } else { Err(Error::Credential) }
    }

    /// Marks `node` as removed: it cannot send any more, and its reports stay.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_node(&self, node: &str, now: Timestamp) -> Result<()> {
        sqlx::query("UPDATE nodes SET removed = $1 WHERE id = $2 AND removed IS NULL")
            .bind(now.as_second())
            .bind(node)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
