//! What the desk keeps: tokens, nodes, reports.
//!
//! The statements are written for SQLite and PostgreSQL alike (`$1` placeholders, plain types, times as seconds since
//! 1970); what only SQLite needs is in this file, in `writer` and in `health`. Every change goes through the one
//! [`writer`]: it is on disk, and was read back by another connection, before the caller hears of it.

mod board;
mod health;
mod nodes;
mod reports;
mod schema;
mod tokens;
mod usage;
mod writer;

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub use board::{BoardPage, Row};
pub use nodes::Enrolled;
pub use reports::{Accepted, Kept};
pub use usage::{Daily, DailyLimits};

use self::health::Health;
use self::writer::Writer;
use crate::{Error, Result};

/// How long a statement waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// To what size the log is cut when it begins anew, in bytes: after a large report it would stay that large.
const LOG_SIZE: &str = "16777216";

/// The desk's database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    /// These connections cannot write.
    readers: SqlitePool,
    writer: Writer,
    health: Health,
}

impl Store {
    /// Opens the SQLite file, makes it (readable for its owner only) when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be used, or was written by a newer release.
    pub async fn open(file: &Path) -> Result<Store> {
        create(file)?;
        sync(file)?;
        let options = options(file);
        let writer = Writer::new(options.clone());
        schema::migrate(&writer).await?;
        // One connection stays open whatever happens to the writer: reading needs nothing that a full disk lacks.
        let readers = SqlitePoolOptions::new().min_connections(1).max_connections(4);
        let readers = readers.connect_with(options.pragma("query_only", "ON")).await?;
        Ok(Store { readers, writer, health: Health::default() })
    }

    /// Closes the database cleanly; later calls fail.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// How a connection is made.
fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        // A receipt promises that the report is kept: the log is synced at every commit.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .pragma("journal_size_limit", LOG_SIZE)
        .foreign_keys(true)
}

/// Makes the file before SQLite does, which would let everybody read it. The log beside it inherits its mode.
fn create(file: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(Error::File { path: file.into(), source }),
    }
}

/// Brings to the disk what an earlier run wrote and was killed before it could sync: SQLite takes it for committed, and
/// a report in it would be acknowledged as a duplicate.
fn sync(file: &Path) -> Result<()> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for path in [file.to_owned(), PathBuf::from(log), folder.to_owned()] {
        match File::open(&path).and_then(|opened| opened.sync_all()) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(Error::File { path, source }),
            Ok(()) => {}
        }
    }
    Ok(())
}
