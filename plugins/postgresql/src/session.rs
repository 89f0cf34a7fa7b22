//! One session with a server over the broker's connection: bounded in time, read only from its first statement, and
//! never a superuser's.
//!
//! Protection that only a direct session has is asked for in the startup packet. A connection pooler refuses it or does
//! not pass it on, which ends the session here: a SET through a pooler would stay behind for somebody else. What a
//! server writes in its error messages is not repeated, since it may hold anything; its SQLSTATE is.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

use goodstead_plugin::{Address, Cause, CauseKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::limits::Limits;
use crate::rights::Role;

/// How long the login may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_millis(200);

/// Nothing can be written, and no function of the database's owner can stand in for one of the server's.
const STARTUP: &str = "-c default_transaction_read_only=on -c search_path=pg_catalog";

/// What the server shall hold against this session by itself.
fn bounds(limits: Limits) -> [(&'static str, String); 3] {
    let statement = format!("{}s", limits.statement.as_secs());
    [("statement_timeout", statement), ("lock_timeout", "100ms".to_owned()), ("jit", "off".to_owned())]
}

/// What is asked for with the login.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Startup {
    /// Protection only, so that the settings are still the server's own.
    Protected,
    /// The server's own limits besides.
    Bounded,
}

/// Who logs in, and to what.
#[derive(Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) address: &'a Address,
    pub(crate) user: &'a str,
    pub(crate) password: Option<&'a str>,
    pub(crate) database: &'a str,
    /// Whether the role is that of the system user that connects, not one that the admin named.
    pub(crate) own: bool,
}

impl<'a> Login<'a> {
    /// The role, and whether `goodstead grant` can give it what it lacks.
    pub(crate) fn role(&self) -> Role<'a> {
        let own = self.own && self.password.is_none() && matches!(self.address, Address::Unix(_));
        Role { name: self.user, own }
    }
}

/// A row of an answer: its values by column; what is NULL, or no UTF-8, is not in it.
pub(crate) type Row = BTreeMap<String, String>;

/// An open session.
pub(crate) struct Session {
    client: Client,
    connection: JoinHandle<()>,
    limits: Limits,
    deadline: Instant,
}

impl Session {
    /// Logs in over a connected socket, for no longer than until `deadline`.
    pub(crate) async fn open(
        descriptor: OwnedFd,
        login: Login<'_>,
        startup: Startup,
        limits: Limits,
        deadline: Instant,
    ) -> Result<Session, Cause> {
        let unusable = |_| Cause::new(CauseKind::PluginFailed, "the broker's connection cannot be used");
        // Whatever the address is, the connection is one end of a Unix socket pair.
        let stream = std::os::unix::net::UnixStream::from(descriptor);
        stream.set_nonblocking(true).map_err(unusable)?;
        let stream = UnixStream::from_std(stream).map_err(unusable)?;
        Session::over(stream, login, startup, limits, deadline).await
    }

    async fn over<S>(
        stream: S,
        login: Login<'_>,
        startup: Startup,
        limits: Limits,
        deadline: Instant,
    ) -> Result<Session, Cause>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut config = Config::new();
        let options = match startup {
            Startup::Protected => STARTUP.to_owned(),
            Startup::Bounded => {
                let [one, two, three] = bounds(limits).map(|(name, value)| format!("-c {name}={value}"));
                format!("{STARTUP} {one} {two} {three}")
            }
        };
        config.user(login.user).dbname(login.database).application_name("goodstead").options(&options);
        config.ssl_mode(SslMode::Disable);
        if let Some(password) = login.password {
            config.password(password);
        }
        let (client, connection) =
            match timeout_at(deadline.min(Instant::now() + CONNECT), config.connect_raw(stream, NoTls)).await
            {
                Ok(outcome) => outcome.map_err(|error| refused(&error, login))?,
                Err(_) => return Err(too_slow("the login", CONNECT)),
            };
        let connection = tokio::spawn(async move {
            // Its errors come out of the statement that they end.
            let _ = connection.await;
        });
        Ok(Session { client, connection, limits, deadline })
    }

    /// When the conversation has to be over.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How much may be asked.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Has the server hold its limits against this session from here on, where the startup did not.
    pub(crate) async fn bound(&self) -> Result<(), Cause> {
        let set = bounds(self.limits).map(|(name, value)| format!("SET {name} = '{value}'"));
        self.rows(&set.join("; ")).await.map(|_| ())
    }

    /// The rows that one statement gives.
    pub(crate) async fn rows(&self, statement: &str) -> Result<Vec<Row>, Cause> {
        // The server itself ends it sooner.
        let limit = self.limits.statement;
        let deadline = self.deadline.min(Instant::now() + limit);
        let messages = match timeout_at(deadline, self.client.simple_query(statement)).await {
            Ok(outcome) => outcome.map_err(|error| failed(&error, limit))?,
            Err(_) if deadline == self.deadline => return Err(time_over()),
            Err(_) => return Err(too_slow("a statement", limit)),
        };
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let values = row.columns().iter().enumerate();
                let value = |index| row.try_get(index).ok().flatten().map(str::to_owned);
                Some(
                    values
                        .filter_map(|(index, column)| Some((column.name().to_owned(), value(index)?)))
                        .collect(),
                )
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    /// Says goodbye, so that the server's log shows no lost connection.
    pub(crate) async fn close(self) {
        drop(self.client);
        let _ = timeout(FAREWELL, self.connection).await;
    }
}

/// The SQL that makes the right role.
pub(crate) fn role_sql(user: &str) -> String {
    let user = identifier(user);
    format!("CREATE ROLE {user} LOGIN; GRANT pg_monitor TO {user};")
}

/// A name as SQL wants it, quoted where it must be.
pub(crate) fn identifier(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The psql command that goes to the database that SQL writes so. A name that psql would take for a whole address, which
/// may be that of somebody else's host, is said as one part of an address.
pub(crate) fn connect(sql: &str) -> String {
    let quoted = sql.strip_prefix('"').and_then(|sql| sql.strip_suffix('"'));
    let name = quoted.map_or_else(|| sql.to_owned(), |quoted| quoted.replace("\"\"", "\""));
    if name.contains('=') || name.starts_with("postgres://") || name.starts_with("postgresql://") {
        let value = name.replace('\\', r"\\").replace('\'', r"\'").replace('"', "\"\"");
        format!("\\connect -reuse-previous=on \"dbname='{value}'\"")
    } else {
        format!("\\connect {sql}")
    }
}

/// Why a login failed.
fn refused(error: &tokio_postgres::Error, login: Login<'_>) -> Cause {
    let Login { user, database, .. } = login;
    let Some(code) = error.code() else { return no_server(error, login) };
    match *code {
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION | SqlState::INVALID_PASSWORD => not_let_in(login),
        SqlState::INSUFFICIENT_PRIVILEGE => {
            let grant =
                format!("GRANT CONNECT ON DATABASE {} TO {};", identifier(database), identifier(user));
            let remedy = format!("as the server's owner, in psql: `{grant}`");
            let detail = format!("the role {user} may not connect to the database {database}");
            Cause::new(CauseKind::NotPermitted, detail).remedy(remedy)
        }
        SqlState::INVALID_CATALOG_NAME => {
            let detail = format!("the server has no database {database}");
            Cause::new(CauseKind::NotAvailable, detail).remedy("name another one as `database` in agent.toml")
        }
        SqlState::CANNOT_CONNECT_NOW => {
            Cause::new(CauseKind::NotAvailable, "the server is starting up, shutting down or recovering")
        }
        SqlState::TOO_MANY_CONNECTIONS => {
            Cause::new(CauseKind::NotAvailable, "the server has no connection left")
        }
        SqlState::PROTOCOL_VIOLATION => pooler(),
        _ => Cause::new(CauseKind::NotAvailable, format!("the server refused the login ({})", code.code())),
    }
}

/// What to do when something stands between this session and the server.
pub(crate) fn pooler() -> Cause {
    let detail = "what answers refuses a read-only session: it is a connection pooler, not the server itself";
    Cause::new(CauseKind::NotAvailable, detail)
        .remedy("give the server's own socket as `address` in agent.toml")
}

fn not_let_in(login: Login<'_>) -> Cause {
    let user = login.user;
    let name = identifier(user);
    let line = match login.address {
        Address::Unix(_) if login.password.is_none() => format!("local all {name} peer"),
        Address::Unix(_) => format!("local all {name} scram-sha-256"),
        Address::Tcp(_) => format!("host all {name} THIS_HOST/32 scram-sha-256"),
    };
    let by_hand = || {
        format!(
            "{}` If that is done, pg_hba.conf needs the line `{line}` above the others, and a reload: `SELECT pg_reload_conf();",
            role_sql(user)
        )
    };
    Cause::new(CauseKind::NotPermitted, format!("the server does not let the role {user} in"))
        .remedy(login.role().remedy(by_hand))
}

/// Why there is no answer in PostgreSQL's own words.
fn no_server(error: &tokio_postgres::Error, login: Login<'_>) -> Cause {
    // The client has no other sign for "a password is wanted and there is none", or one that proved wrong.
    match error.to_string().as_str() {
        "invalid configuration" | "authentication error" => not_let_in(login),
        _ if error.is_closed() => {
            Cause::new(CauseKind::NotAvailable, "the connection was closed during the login")
        }
        _ => Cause::new(CauseKind::NotAvailable, "what answers there is not PostgreSQL"),
    }
}

/// Why a statement failed.
fn failed(error: &tokio_postgres::Error, limit: Duration) -> Cause {
    match error.code() {
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            Cause::new(CauseKind::NotPermitted, "the role may not read this")
        }
        Some(code) if *code == SqlState::QUERY_CANCELED => too_slow("a statement", limit),
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
            Cause::new(CauseKind::NotAvailable, "another session holds a lock on what was asked for")
        }
        Some(code) => {
            Cause::new(CauseKind::NotAvailable, format!("the server refused the statement ({})", code.code()))
        }
        None => Cause::new(CauseKind::NotAvailable, "the server ended the session, or answered nonsense"),
    }
}

/// Why nothing more is asked of a server.
pub(crate) fn time_over() -> Cause {
    Cause::new(CauseKind::TimedOut, "the time for one instance was over before all databases were seen")
}

fn too_slow(what: &str, limit: Duration) -> Cause {
    Cause::new(CauseKind::TimedOut, format!("{what} took longer than {} s", limit.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_sql_needs_it() {
        assert_eq!(identifier("goodstead"), "goodstead");
        assert_eq!(identifier("Good stead"), "\"Good stead\"");
        assert_eq!(identifier("x\"; DROP ROLE y; --"), "\"x\"\"; DROP ROLE y; --\"");
        assert_eq!(identifier("9lives"), "\"9lives\"");
    }

    #[test]
    fn a_name_is_never_an_address() {
        assert_eq!(connect("shop"), r"\connect shop");
        assert_eq!(connect("\"My \"\"Shop\"\"\""), "\\connect \"My \"\"Shop\"\"\"");
        assert_eq!(
            connect("\"host=db.example.test 'x'\\ \"\"\""),
            r#"\connect -reuse-previous=on "dbname='host=db.example.test \'x\'\\ ""'""#
        );
        assert_eq!(
            connect("\"postgres://db.example.test\""),
            r#"\connect -reuse-previous=on "dbname='postgres://db.example.test'""#
        );
    }
}
