//! Enrolment tokens: each makes one node of one customer, once, while it lasts.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::Store;
use super::writer::Change;
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
        let issue = Issue { hash: hash(&token), customer: cut(customer), expires: expires.as_second() };
        self.writer.write(issue).await?;
        Ok(token)
    }

    /// Uses `token` up and makes a node called `host`. Of two that try at the same time one wins.
    ///
    /// # Errors
    /// [`Error::Token`] when it is unknown, used or expired; otherwise when the database or the operating system fails.
    pub async fn enroll(&self, token: &str, host: &str, now: Timestamp) -> Result<Enrolled> {
        let token = hash(token);
        // Whoever guesses does not keep the writer busy.
        let valid: Option<i64> = sqlx::query_scalar(
            "SELECT expires FROM tokens WHERE hash = $1 AND used IS NULL AND expires > $2",
        )
        .bind(&token)
        .bind(now.as_second())
        .fetch_optional(&self.readers)
        .await?;
        if valid.is_none() {
            return Err(Error::Token);
        }
        let (node, credential) = (new_node()?, new_credential()?);
        let enrolment = Enrolment {
            token,
            node: node.clone(),
            credential: Hash::of(credential.as_bytes()).to_string(),
            host: cut(host),
            now: now.as_second(),
        };
        self.writer.write(enrolment).await?;
        Ok(Enrolled { node, credential })
    }
}

/// A new token, by its hash.
struct Issue {
    hash: String,
    customer: String,
    expires: i64,
}

impl Change for Issue {
    type Done = ();

    async fn apply(&self, transaction: &mut SqliteConnection) -> Result<()> {
        sqlx::query("INSERT INTO tokens (hash, customer, expires) VALUES ($1, $2, $3)")
            .bind(&self.hash)
            .bind(&self.customer)
            .bind(self.expires)
            .execute(transaction)
            .await?;
        Ok(())
    }

    async fn is_kept(&self, (): &(), other: &mut SqliteConnection) -> Result<bool> {
        let found: Option<String> = sqlx::query_scalar("SELECT customer FROM tokens WHERE hash = $1")
            .bind(&self.hash)
            .fetch_optional(other)
            .await?;
        Ok(found.as_ref() == Some(&self.customer))
    }
}

/// A token that becomes a node; token and credential by their hashes.
struct Enrolment {
    token: String,
    node: String,
    credential: String,
    host: String,
    now: i64,
}

impl Change for Enrolment {
    type Done = ();

    async fn apply(&self, transaction: &mut SqliteConnection) -> Result<()> {
        let customer: Option<String> = sqlx::query_scalar(
            "UPDATE tokens SET used = $1 WHERE hash = $2 AND used IS NULL AND expires > $1 RETURNING customer",
        )
        .bind(self.now)
        .bind(&self.token)
        .fetch_optional(&mut *transaction)
        .await?;
        let customer = customer.ok_or(Error::Token)?;
        sqlx::query(
            "INSERT INTO nodes (id, credential, customer, host, enrolled) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&self.node)
        .bind(&self.credential)
        .bind(customer)
        .bind(&self.host)
        .bind(self.now)
        .execute(transaction)
        .await?;
        Ok(())
    }

    async fn is_kept(&self, (): &(), other: &mut SqliteConnection) -> Result<bool> {
        let found: Option<String> = sqlx::query_scalar("SELECT credential FROM nodes WHERE id = $1")
            .bind(&self.node)
            .fetch_optional(other)
            .await?;
        Ok(found.as_ref() == Some(&self.credential))
    }
}

fn hash(token: &str) -> String {
    Hash::of(normal_token(token).as_bytes()).to_string()
}
