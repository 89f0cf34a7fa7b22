//! The walk over the databases of an instance: one connection at a time, to one database after another, the largest
//! first, within the time of one session.
//!
//! A database that lets nobody in, is locked or goes away in the middle costs itself: the lists say that they are
//! partial, and why. What was left out is named.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, UnknownOr};
use tokio::time::Instant;

use crate::databases::{Database, TOTALS, databases, totals};
use crate::limits::Limits;
use crate::objects::LISTS;
use crate::rights::Role;
use crate::row::{int, missing, switch};
use crate::session::{Login, Session, Startup, time_over};
use crate::view::{View, bytes_as_they_are, in_database, not_seen};

/// How many of those that were left out are named.
const NAMED: usize = 5;

/// The oldest release whose catalogs the questions fit.
const OLDEST: i64 = 120_000;

/// The facts of the instance that come from here, besides [`TOTALS`] and [`LISTS`].
const OF_INSTANCE: [&str; 6] = [
    "databases",
    "extensions",
    "standby_seen",
    "autovacuum_workers",
    "statement_statistics_loaded",
    "statement_statistics_created",
];

/// All facts that come from here, for when there are none.
pub(crate) fn unknown(cause: &Cause) -> impl Iterator<Item = (String, Fact)> {
    OF_INSTANCE.into_iter().chain(TOTALS).chain(LISTS).map(|name| (name.to_owned(), cause.clone().into()))
}

/// What is asked once. Of others' processes a role without rights sees no kind, which must not count as none.
/// A base backup reads no rows.
const ONCE: &str = "SELECT
  EXISTS (SELECT 1 FROM pg_stat_replication WHERE application_name <> 'pg_basebackup')
    OR EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT temporary) AS standby_seen,
  CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker') END AS autovacuum_workers,
  current_setting('pg_stat_statements.max', true) IS NOT NULL AS statement_statistics_loaded,
  pg_stat_get_db_checksum_failures(0) AS shared_checksum_failures";

/// Looks into the databases, beginning with the session's own. The session is closed in any case.
pub(crate) async fn walk(
    site: &mut dyn Site,
    session: Session,
    login: Login<'_>,
    version: i64,
) -> BTreeMap<String, Fact> {
    if version < OLDEST {
        session.close().await;
        let detail = "releases before 12 are not looked into";
        return unknown(&Cause::new(CauseKind::NotApplicableHere, detail)).collect();
    }
    bytes_as_they_are(&session).await;
    let role = login.role();
    let mut facts = once(&session, role).await;
    match databases(&session, version, role).await {
        Ok((databases, unread)) => {
            facts.extend(totals(&databases, unread.as_ref()));
            let mut view = View::new(version, login.user, session.limits().rows);
            let databases = each(&mut view, site, session, login, databases).await;
            let items = databases.into_iter().map(|database| database.facts.into()).collect();
            let databases = Fact::List(Elements { items, partial: unread.clone().map(Box::new) });
            facts.insert("databases".to_owned(), databases);
            facts.extend(view.facts(unread));
        }
        Err(cause) => {
            session.close().await;
            for (name, fact) in unknown(&cause) {
                facts.entry(name).or_insert(fact);
            }
        }
    }
    facts
}

async fn once(session: &Session, role: Role<'_>) -> BTreeMap<String, Fact> {
    let rows = session.rows(ONCE).await;
    let row = match rows.and_then(|rows| rows.into_iter().next().ok_or_else(missing)) {
        Ok(row) => row,
        Err(cause) => {
            let names = [
                "standby_seen",
                "statement_statistics_loaded",
                "autovacuum_workers",
                "shared_checksum_failures",
            ];
            return names.map(|name| (name.to_owned(), cause.clone().into())).into();
        }
    };
    let mut facts = BTreeMap::new();
    for name in ["standby_seen", "statement_statistics_loaded"] {
        facts.insert(name.to_owned(), switch(&row, name).ok_or_else(missing).or_unknown());
    }
    let hidden = || role.not_monitor("may not see what others' processes are");
    let workers = int(&row, "autovacuum_workers").ok_or_else(hidden).or_unknown();
    facts.insert("autovacuum_workers".to_owned(), workers);
    if let Some(failures) = int(&row, "shared_checksum_failures") {
        facts.insert("shared_checksum_failures".to_owned(), failures.into());
    }
    facts
}

/// Looks into one after another.
async fn each(
    view: &mut View<'_>,
    site: &mut dyn Site,
    session: Session,
    login: Login<'_>,
    mut databases: Vec<Database>,
) -> Vec<Database> {
    let (deadline, limits) = (session.deadline(), session.limits());
    // The session is already in one of them.
    databases.sort_by_key(|database| database.name != login.database);
    let mut session = Some(session);
    let mut looked_at = 0;
    let mut left_out = LeftOut::default();
    for database in databases.iter_mut().filter(|database| database.inhabited) {
        if database.name != login.database {
            close(session.take()).await;
        }
        if let Some(cause) = out_of_bounds(looked_at, limits.databases, deadline) {
            not_seen(database, &cause);
            left_out.add(&database.sql, cause);
            continue;
        }
        looked_at += 1;
        let entered = match session.take() {
            Some(session) => Ok(session),
            None => enter(site, Login { database: &database.name, ..login }, limits, deadline).await,
        };
        match entered {
            Ok(session) => {
                view.look(&session, database).await;
                session.close().await;
            }
            // Not this one was slow: there was no time left for it.
            Err(_) if Instant::now() >= deadline => {
                not_seen(database, &time_over());
                left_out.add(&database.sql, time_over());
            }
            Err(cause) => {
                not_seen(database, &cause);
                view.miss(&LISTS, &in_database(&cause, &database.sql));
            }
        }
    }
    close(session).await;
    if let Some(cause) = left_out.cause() {
        view.miss(&LISTS, &cause);
    }
    databases
}

/// Why the next database is not looked into, if it is not.
fn out_of_bounds(looked_at: usize, most: usize, deadline: Instant) -> Option<Cause> {
    if looked_at == most {
        let detail = format!("only the {most} largest databases are looked into");
        return Some(Cause::new(CauseKind::TooLarge, detail));
    }
    (Instant::now() >= deadline).then(time_over)
}

/// The databases for which there was no room, and the first reason.
#[derive(Default)]
struct LeftOut {
    names: Vec<String>,
    reason: Option<Cause>,
}

impl LeftOut {
    fn add(&mut self, name: &str, cause: Cause) {
        self.names.push(name.to_owned());
        self.reason.get_or_insert(cause);
    }

    /// The reason, with the names of the first few.
    fn cause(self) -> Option<Cause> {
        let cause = self.reason?;
        let named = self.names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match self.names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(Cause::new(cause.kind, format!("{}; not looked at: {named}{more}", cause.detail)))
    }
}

/// A session in another database of the same server.
async fn enter(
    site: &mut dyn Site,
    login: Login<'_>,
    limits: Limits,
    deadline: Instant,
) -> Result<Session, Cause> {
    let connection = site.connect(login.address)?;
    Session::open(connection.descriptor, login, Startup::Bounded, limits, deadline).await
}

async fn close(session: Option<Session>) {
    if let Some(session) = session {
        session.close().await;
    }
}
