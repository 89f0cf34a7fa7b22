//! The one way to change the database: a transaction that is committed, and then seen by somebody else.
//!
//! SQLite ends a transaction by itself when the disk is full, a write fails or memory runs out. A connection pool that
//! counts transactions does not notice: it hands out the connection as if the transaction were still open, and what
//! later callers "commit" is a savepoint inside a transaction that nobody ends. Hence, here:
//!
//! - There is one writer, and nothing else in this crate can write: every other connection is `query_only`.
//! - A transaction is the statements `BEGIN IMMEDIATE` and `COMMIT` themselves; nobody counts. SQLite refuses the first
//!   inside of a transaction and the second outside of one, so neither can succeed in a state that was not expected.
//! - The connections are taken out while they are used, and put back only after a transaction whose end is certain.
//!   After an error, a panic or a cancelled task they are closed, which rolls back, and the next change opens new ones.
//! - A change counts only when a second connection, which sees nothing but what is committed, has found it.
//! - A change whose turn has come is carried out in a task of its own: a client that goes away cannot leave half of it.
//!   One whose turn has not come goes with its client, so that nothing piles up here.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{Error, Result};

/// One change of the database.
pub(super) trait Change: Send + Sync + 'static {
    /// What it leads to.
    type Done: Send + Sync + 'static;

    /// The statements. An error rolls all of them back.
    fn apply(&self, transaction: &mut SqliteConnection) -> impl Future<Output = Result<Self::Done>> + Send;

    /// Whether `other`, which sees only what is committed, finds what `done` promises.
    fn is_kept(
        &self,
        done: &Self::Done,
        other: &mut SqliteConnection,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// The writer. Clones share it; changes wait for their turn in the order in which they came.
#[derive(Clone)]
pub(super) struct Writer(Arc<Turns>);

struct Turns {
    options: SqliteConnectOptions,
    turn: Arc<Mutex<Turn>>,
}

#[derive(Default)]
struct Turn {
    connections: Option<Connections>,
    closed: bool,
}

struct Connections {
    writing: SqliteConnection,
    proving: SqliteConnection,
}

/// How a change ended, and with that whether the connections can be used again.
enum End<T> {
    Kept(T),
    /// Rolled back, because of what it was and not of the database.
    Refused(Error),
    /// Nobody knows what state the connection is in.
    Broken(Error),
}

impl Writer {
    /// A writer of the database that `options` leads to. Nothing is opened yet.
    pub(super) fn new(options: SqliteConnectOptions) -> Writer {
        Writer(Arc::new(Turns { options, turn: Arc::default() }))
    }

    /// Carries out `change`. When this returns `Ok` the change is committed, synced, and was read back.
    ///
    /// # Errors
    /// The change's own, [`Error::Database`], or [`Error::NotKept`]; nothing of the change is promised then.
    pub(super) async fn write<C: Change>(&self, change: C) -> Result<C::Done> {
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        let turns = Arc::clone(&self.0);
        tokio::spawn(async move { turns.write(turn, &change).await }).await?
    }

    /// Waits for the change that is being carried out and closes the connections; later changes fail.
    pub(super) async fn close(&self) {
        let mut turn = self.0.turn.lock().await;
        turn.closed = true;
        if let Some(connections) = turn.connections.take() {
            connections.close().await;
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Turns {
    async fn write<C: Change>(&self, mut turn: OwnedMutexGuard<Turn>, change: &C) -> Result<C::Done> {
        if turn.closed {
            return Err(sqlx::Error::PoolClosed.into());
        }
        let mut connections = match turn.connections.take() {
            Some(connections) => connections,
            None => self.connect().await?,
        };
        match connections.carry_out(change).await {
            End::Kept(done) => {
                turn.connections = Some(connections);
                Ok(done)
            }
            End::Refused(refusal) => {
                turn.connections = Some(connections);
                Err(refusal)
            }
            End::Broken(error) => {
                connections.close().await;
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Connections> {
        let writing = self.options.connect().await?;
        let proving = self.options.clone().pragma("query_only", "ON").connect().await?;
        Ok(Connections { writing, proving })
    }
}

impl Connections {
    async fn carry_out<C: Change>(&mut self, change: &C) -> End<C::Done> {
        if let Err(error) = run("BEGIN IMMEDIATE", &mut self.writing).await {
            return End::Broken(error);
        }
        let done = match change.apply(&mut self.writing).await {
            Ok(done) => done,
            Err(error) if error.is_of_the_database() => return End::Broken(error),
            Err(refusal) => {
                return match run("ROLLBACK", &mut self.writing).await {
                    Ok(()) => End::Refused(refusal),
                    Err(error) => End::Broken(error),
                };
            }
        };
        if let Err(error) = run("COMMIT", &mut self.writing).await {
            return End::Broken(error);
        }
        match change.is_kept(&done, &mut self.proving).await {
            Ok(true) => End::Kept(done),
            Ok(false) => End::Broken(Error::NotKept),
            Err(error) => End::Broken(error),
        }
    }

    /// Closing rolls back what is open. That it fails changes nothing: the connection is gone either way.
    async fn close(self) {
        let _ = self.writing.close().await;
        let _ = self.proving.close().await;
    }
}

async fn run(statement: &'static str, connection: &mut SqliteConnection) -> Result<()> {
    sqlx::query(statement).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::sync::Barrier;

    use super::*;
    use crate::store::{Store, options};

    /// Adds a token called after `name`, and misbehaves as it says.
    struct Token {
        name: &'static str,
        fault: Fault,
    }

    enum Fault {
        None,
        /// As SQLite does by itself on a full disk, without anybody hearing of it.
        RolledBack,
        /// Somebody's statement failed, and nobody looked.
        Swallowed,
        /// Begins one too many.
        Nested,
        /// The change is refused for a reason of its own.
        Refused,
        Panics,
        /// Waits there until the other side is there, and then for ever.
        Hangs(Arc<Barrier>),
        /// Waits there until the other side is there, twice, and goes on.
        Waits(Arc<Barrier>),
        /// What was committed is gone when it is looked for.
        Lost,
    }

    impl Change for Token {
        type Done = ();

        async fn apply(&self, transaction: &mut SqliteConnection) -> Result<()> {
            sqlx::query("INSERT INTO tokens (hash, customer, expires) VALUES ($1, 'x', 0)")
                .bind(self.name)
                .execute(&mut *transaction)
                .await?;
            match &self.fault {
                Fault::None | Fault::Lost => Ok(()),
                Fault::RolledBack => run("ROLLBACK", transaction).await,
                Fault::Swallowed => {
                    let _ = run("INSERT OR ROLLBACK INTO tokens SELECT * FROM tokens", transaction).await;
                    Ok(())
                }
                Fault::Nested => run("BEGIN", transaction).await,
                Fault::Refused => Err(Error::Token),
                Fault::Panics => panic!("on purpose"),
                Fault::Hangs(barrier) => {
                    barrier.wait().await;
                    std::future::pending().await
                }
                Fault::Waits(barrier) => {
                    barrier.wait().await;
                    barrier.wait().await;
                    Ok(())
                }
            }
        }

        async fn is_kept(&self, (): &(), other: &mut SqliteConnection) -> Result<bool> {
            let sought = if matches!(self.fault, Fault::Lost) { "another" } else { self.name };
            let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM tokens WHERE hash = $1")
                .bind(sought)
                .fetch_optional(other)
                .await?;
            Ok(found.is_some())
        }
    }

    async fn tokens(file: &Path) -> Vec<String> {
        let mut fresh = options(file).connect().await.unwrap();
        sqlx::query_scalar("SELECT hash FROM tokens ORDER BY hash").fetch_all(&mut fresh).await.unwrap()
    }

    #[tokio::test]
    async fn nothing_counts_that_was_not_committed_and_the_next_change_is_as_good_as_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.db");
        let writer = Store::open(&file).await.unwrap().writer;
        for (name, fault) in [
            ("a", Fault::RolledBack),
            ("b", Fault::Swallowed),
            ("c", Fault::Nested),
            ("d", Fault::Refused),
            ("e", Fault::Panics),
        ] {
            assert!(writer.write(Token { name, fault }).await.is_err(), "{name}");
            let next: &'static str = Box::leak(format!("{name} next").into_boxed_str());
            writer.write(Token { name: next, fault: Fault::None }).await.unwrap();
        }
        assert_eq!(tokens(&file).await, ["a next", "b next", "c next", "d next", "e next"]);
    }

    #[tokio::test]
    async fn what_cannot_be_read_back_is_not_promised() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Store::open(&folder.path().join("desk.db")).await.unwrap().writer;
        let error = writer.write(Token { name: "a", fault: Fault::Lost }).await.unwrap_err();
        assert!(matches!(error, Error::NotKept), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_that_is_given_up_half_way_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.db");
        let writer = Store::open(&file).await.unwrap().writer;
        let barrier = Arc::new(Barrier::new(2));
        let turn = Arc::clone(&writer.0.turn).lock_owned().await;
        let turns = Arc::clone(&writer.0);
        let fault = Fault::Hangs(Arc::clone(&barrier));
        let task = tokio::spawn(async move { turns.write(turn, &Token { name: "a", fault }).await });
        barrier.wait().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        writer.write(Token { name: "b", fault: Fault::None }).await.unwrap();
        assert_eq!(tokens(&file).await, ["b"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_stops_waiting_does_not_stop_the_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.db");
        let writer = Store::open(&file).await.unwrap().writer;
        let barrier = Arc::new(Barrier::new(2));
        let fault = Fault::Waits(Arc::clone(&barrier));
        let mine = writer.clone();
        let client = tokio::spawn(async move { mine.write(Token { name: "a", fault }).await });
        barrier.wait().await;
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        barrier.wait().await;
        // Turns are taken in order: when this one is done, so is the first.
        writer.write(Token { name: "b", fault: Fault::None }).await.unwrap();
        assert_eq!(tokens(&file).await, ["a", "b"]);
    }

    #[tokio::test]
    async fn only_the_writer_can_write() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("desk.db")).await.unwrap();
        let error = sqlx::query("DELETE FROM tokens").execute(&store.readers).await.unwrap_err();
        assert!(error.to_string().contains("readonly"), "{error}");
    }
}
