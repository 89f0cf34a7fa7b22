//! What the desk keeps: tokens, nodes, reports.
//!
//! The statements are written for SQLite and PostgreSQL alike (`$1` placeholders, plain types, times as seconds since
//! 1970); what only SQLite needs stands in this file. Every change is one transaction that begins with a write, so
//! that it waits for its turn instead of failing half-way, and it is on disk before the caller hears of it.

mod board;
mod nodes;
mod reports;
mod schema;
mod tokens;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub use board::Row;
pub use nodes::Enrolled;
pub use reports::{Accepted, Kept};

use crate::{Error, Result};

/// How long a statement waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The desk's database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens the SQLite file, makes it (readable for its owner only) when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be used, or was written by a newer release.
    pub async fn open(file: &Path) -> Result<Store> {
        create(file)?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            // A receipt promises that the report is kept: the log is synced at every commit.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        schema::migrate(&pool).await?;
        Ok(Store { pool })
    }

    /// Closes the database cleanly; later calls fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Makes the file before SQLite does, which would let everybody read it. The log beside it inherits its mode.
fn create(file: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(Error::File { path: file.into(), source }),
    }
}
