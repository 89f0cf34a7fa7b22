//! Enrolment tokens: each makes one node of one customer, once, while it lasts.

use jiff::Timestamp;

use super::Store;
use crate::auth::{Hash, new_credential, new_node, new_token, normal_token};
use crate::store::Enrolled;
use crate::summary::cut;
use crate::{Error, Result};

impl Store {
    /// A new token for `customer` that can be used until `expires`. Only its hash is kept.
    ///
    /// # Errors
    /// When the database or the operating system fails.
    pub async fn issue_token(&self, customer: &str, expires: Timestamp) -> Result<String> {
        let token = new_token()?;
        sqlx::query("INSERT INTO tokens (hash, customer, expires) VALUES ($1, $2, $3)")
            .bind(hash(&token))
            .bind(cut(customer))
            .bind(expires.as_second())
            .execute(&self.pool)
            .await?;
        Ok(token)
    }

    /// Uses `token` up and makes a node called `host`. Of two that try at the same time one wins.
    ///
    /// # Errors
    /// [`Error::Token`] when it is unknown, used or expired; otherwise when the database or the operating system fails.
    pub async fn enroll(&self, token: &str, host: &str, now: Timestamp) -> Result<Enrolled> {
        let (node, credential) = (new_node()?, new_credential()?);
        let mut change = self.pool.begin().await?;
        let customer: Option<String> = sqlx::query_scalar(
            "UPDATE tokens SET used = $1 WHERE hash = $2 AND used IS NULL AND expires > $1 RETURNING customer",
        )
        .bind(now.as_second())
        .bind(hash(token))
        .fetch_optional(&mut *change)
        .await?;
        let customer = customer.ok_or(Error::Token)?;
        sqlx::query(
            "INSERT INTO nodes (id, credential, customer, host, enrolled) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&node)
        .bind(Hash::of(credential.as_bytes()).to_string())
        .bind(customer)
        .bind(cut(host))
        .bind(now.as_second())
        .execute(&mut *change)
        .await?;
        change.commit().await?;
        Ok(Enrolled { node, credential })
    }
}

fn hash(token: &str) -> String {
    Hash::of(normal_token(token).as_bytes()).to_string()
}
