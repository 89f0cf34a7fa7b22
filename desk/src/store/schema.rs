//! The tables, and how an older file becomes a current one.
//!
//! The schema has a number of its own in the table `desk_schema`. Step N of [`STEPS`] makes schema N of schema N - 1;
//! steps are only ever added.

use sqlx::SqliteConnection;

use super::writer::{Change, Writer};
use crate::{Error, Result};

const STEPS: &[&[&str]] = &[
    &[
        "CREATE TABLE tokens (
        hash TEXT PRIMARY KEY,
        customer TEXT NOT NULL,
        expires BIGINT NOT NULL,
        used BIGINT
    )",
        "CREATE TABLE nodes (
        id TEXT PRIMARY KEY,
        credential TEXT NOT NULL,
        customer TEXT NOT NULL,
        host TEXT NOT NULL,
        enrolled BIGINT NOT NULL,
        removed BIGINT,
        heard BIGINT,
        newest TEXT
    )",
        "CREATE TABLE reports (
        id TEXT PRIMARY KEY,
        node TEXT NOT NULL REFERENCES nodes (id),
        hash TEXT NOT NULL,
        observed BIGINT NOT NULL,
        received BIGINT NOT NULL,
        host TEXT,
        body BYTEA NOT NULL
    )",
        "CREATE TABLE summaries (
        report TEXT NOT NULL REFERENCES reports (id),
        deployment TEXT NOT NULL,
        targets TEXT NOT NULL,
        low DOUBLE PRECISION,
        high DOUBLE PRECISION,
        single DOUBLE PRECISION,
        coverage DOUBLE PRECISION,
        findings BIGINT NOT NULL,
        critical BIGINT NOT NULL,
        not_judged BIGINT NOT NULL,
        worst_title TEXT,
        worst_impact TEXT,
        PRIMARY KEY (report, deployment)
    )",
    ],
    &["ALTER TABLE summaries ADD COLUMN waived BIGINT NOT NULL DEFAULT 0"],
    // What a partial report is limited to, and the newest partial one of each node: beside `newest`, never instead.
    &["ALTER TABLE reports ADD COLUMN partial TEXT", "ALTER TABLE nodes ADD COLUMN partial TEXT"],
    &[
        // What the desk writes to find out whether it can.
        "CREATE TABLE health (
        one BIGINT PRIMARY KEY CHECK (one = 1),
        value TEXT NOT NULL,
        body BYTEA NOT NULL
    )",
        // What each sender (`node ID`, `customer NAME`) had kept on a day, counted in days since 1970.
        "CREATE TABLE usage (
        day BIGINT NOT NULL,
        sender TEXT NOT NULL,
        reports BIGINT NOT NULL,
        bytes BIGINT NOT NULL,
        PRIMARY KEY (day, sender)
    )",
    ],
];

/// Brings the database to the newest schema in one transaction. Two processes may open a new file at the same time: the
/// second waits for the first and then finds it done.
pub(super) async fn migrate(writer: &Writer) -> Result<()> {
    writer.write(Migration).await
}

struct Migration;

impl Migration {
    fn known() -> i64 {
        i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
    }
}

impl Change for Migration {
    type Done = ();

    async fn apply(&self, change: &mut SqliteConnection) -> Result<()> {
        let known = Migration::known();
        sqlx::query("CREATE TABLE IF NOT EXISTS desk_schema (version BIGINT NOT NULL)")
            .execute(&mut *change)
            .await?;
        let found: Option<i64> =
            sqlx::query_scalar("SELECT version FROM desk_schema").fetch_optional(&mut *change).await?;
        let found = found.unwrap_or(0);
        if found > known {
            return Err(Error::NewerDatabase { found, known });
        }
        // A current database is not written to: it opens on a full disk, too.
        if found == known {
            return Ok(());
        }
        for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            for statement in *step {
                sqlx::query(*statement).execute(&mut *change).await?;
            }
        }
        sqlx::query("DELETE FROM desk_schema").execute(&mut *change).await?;
        sqlx::query("INSERT INTO desk_schema (version) VALUES ($1)").bind(known).execute(change).await?;
        Ok(())
    }

    async fn is_kept(&self, (): &(), other: &mut SqliteConnection) -> Result<bool> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT version FROM desk_schema").fetch_optional(other).await?;
        Ok(found == Some(Migration::known()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use sqlx::{ConnectOptions, SqliteConnection};

    use crate::Error;
    use crate::store::{Store, options};

    async fn connect(file: &Path) -> SqliteConnection {
        options(file).connect().await.unwrap()
    }

    #[tokio::test]
    async fn a_newer_database_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.db");
        Store::open(&file).await.unwrap().close().await;
        sqlx::query("UPDATE desk_schema SET version = 99").execute(&mut connect(&file).await).await.unwrap();
        for _ in 0..2 {
            let error = Store::open(&file).await.unwrap_err();
            assert!(matches!(error, Error::NewerDatabase { found: 99, .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn an_older_database_keeps_its_reports_and_gets_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.db");
        Store::open(&file).await.unwrap().close().await;
        let mut older = connect(&file).await;
        for statement in [
            "INSERT INTO nodes (id, credential, customer, host, enrolled, newest) VALUES ('n', 'c', 'x', 'h', 1, 'r')",
            "INSERT INTO reports (id, node, hash, observed, received, body) VALUES ('r', 'n', 'h', 1, 1, 'b')",
            "INSERT INTO summaries (report, deployment, targets, findings, critical, not_judged) VALUES ('r', 'd', 't', 3, 0, 0)",
            "ALTER TABLE summaries DROP COLUMN waived",
            "ALTER TABLE reports DROP COLUMN partial",
            "ALTER TABLE nodes DROP COLUMN partial",
            "DROP TABLE health",
            "DROP TABLE usage",
            "UPDATE desk_schema SET version = 1",
        ] {
            sqlx::query(statement).execute(&mut older).await.unwrap();
        }
        drop(older);
        let rows = Store::open(&file).await.unwrap().board(1, jiff::Timestamp::now()).await.unwrap().rows;
        assert_eq!((rows.len(), rows[0].findings, rows[0].waived), (1, Some(3), Some(0)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_new_file_can_be_opened_by_many_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.db");
        let open = |_| {
            let file = file.clone();
            tokio::spawn(async move { Store::open(&file).await })
        };
        let opening: Vec<_> = (0..8).map(open).collect();
        for store in opening {
            store.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn the_file_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.db");
        let first = Store::open(&file).await.unwrap();
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&first.readers).await.unwrap();
        assert_eq!(mode, "wal");
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        }
    }
}
