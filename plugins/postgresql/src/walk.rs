//! The walk over the databases of an instance: one connection at a time, to one database after another, the largest
//! first, within the time of one session.
//!
//! A database that lets nobody in, is locked or goes away in the middle costs itself: the lists say that they are
//! partial, and why. What was left out is named.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, UnknownOr, facts};

use crate::databases::{Database, databases};
use crate::objects::{
    Available, Contents, Found, LISTS, MAX_ROWS, OVERVIEW_NAMES, Overview, QUESTIONS, extensions, overview,
    sequences,
};
use crate::row::{int, missing, switch};
use crate::session::{Login, Session, Startup};

/// How many databases are looked into at most.
const MOST: usize = 100;

/// How many of those that were left out are named.
const NAMED: usize = 5;

/// The oldest release whose catalogs the questions fit.
const OLDEST: i64 = 120_000;

/// The facts of the instance that come from here, besides [`LISTS`].
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
    OF_INSTANCE.into_iter().chain(LISTS).map(|name| (name.to_owned(), cause.clone().into()))
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
    let mut facts = once(&session).await;
    match databases(&session, version).await {
        Ok((databases, unread)) => {
            let mut view = View {
                version,
                user: login.user,
                available: None,
                lists: BTreeMap::new(),
                extensions: BTreeMap::new(),
            };
            let databases = view.all(site, session, login, databases).await;
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

async fn once(session: &Session) -> BTreeMap<String, Fact> {
    let rows = session.rows(ONCE).await;
    let row = rows.and_then(|rows| rows.into_iter().next().ok_or_else(missing));
    let fact = |name: &'static str, value: Result<Fact, Cause>| (name.to_owned(), value.or_unknown());
    let of = |name, read: &dyn Fn(&crate::session::Row) -> Option<Fact>| {
        fact(name, row.as_ref().map_err(Clone::clone).and_then(|row| read(row).ok_or_else(missing)))
    };
    let mut facts = BTreeMap::from([
        of("standby_seen", &|row| switch(row, "standby_seen").map(Fact::Bool)),
        of("statement_statistics_loaded", &|row| switch(row, "statement_statistics_loaded").map(Fact::Bool)),
        of("autovacuum_workers", &|row| {
            let hidden =
                || Cause::new(CauseKind::NotPermitted, "the role may not see what others' processes are");
            Some(
                int(row, "autovacuum_workers")
                    .ok_or_else(|| hidden().remedy("GRANT pg_monitor to it"))
                    .or_unknown(),
            )
        }),
    ]);
    match &row {
        Ok(row) => facts.extend(
            int(row, "shared_checksum_failures")
                .map(|failures| ("shared_checksum_failures".to_owned(), Fact::Int(failures))),
        ),
        Err(cause) => _ = facts.insert("shared_checksum_failures".to_owned(), cause.clone().into()),
    }
    facts
}

/// What was seen so far.
struct View<'a> {
    version: i64,
    user: &'a str,
    available: Available,
    lists: BTreeMap<&'static str, Found>,
    /// In how many databases each extension is.
    extensions: BTreeMap<String, i64>,
}

impl View<'_> {
    async fn all(
        &mut self,
        site: &mut dyn Site,
        session: Session,
        login: Login<'_>,
        mut databases: Vec<Database>,
    ) -> Vec<Database> {
        let deadline = session.deadline();
        // The session is already in one of them.
        databases.sort_by_key(|database| database.name != login.database);
        let mut session = Some(session);
        let mut looked_at = 0;
        let mut left_out: Vec<String> = Vec::new();
        let mut reason = None;
        for database in databases.iter_mut().filter(|database| database.inhabited) {
            if session.is_some() && database.name != login.database {
                close(session.take()).await;
            }
            let beyond = || {
                Cause::new(CauseKind::TooLarge, format!("only the {MOST} largest databases are looked into"))
            };
            let late =
                || Cause::new(CauseKind::TimedOut, "the time for one instance was over before this database");
            let cause = match (looked_at == MOST, deadline.elapsed().is_zero()) {
                (true, _) => beyond(),
                (_, false) => late(),
                _ => {
                    looked_at += 1;
                    let outcome = match session.take() {
                        Some(session) => Ok(session),
                        None => enter(site, Login { database: &database.name, ..login }, deadline).await,
                    };
                    match outcome {
                        Ok(session) => {
                            self.look(&session, database).await;
                            close(Some(session)).await;
                        }
                        Err(cause) => {
                            not_seen(database, &cause);
                            self.miss(LISTS, &cause, &database.sql);
                        }
                    }
                    continue;
                }
            };
            not_seen(database, &cause);
            left_out.push(database.sql.clone());
            reason.get_or_insert(cause);
        }
        close(session).await;
        if let Some(cause) = reason {
            let named = left_out.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = left_out.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let detail = format!("{}; not looked at: {named}{more}", cause.detail);
            for list in LISTS {
                self.lists
                    .entry(list)
                    .or_default()
                    .partial
                    .get_or_insert_with(|| Cause::new(cause.kind, &*detail));
            }
        }
        databases
    }

    /// Asks everything in one database. After one statement that took too long no other is tried.
    async fn look(&mut self, session: &Session, database: &mut Database) {
        bytes_as_they_are(session).await;
        let mut slow = None;
        let mut contents = Contents::ANYTHING;
        match overview(session).await {
            Ok(Overview { facts, contents: found }) => {
                contents = found;
                let known = facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?)));
                database.facts.extend(known);
            }
            Err(cause) => {
                not_seen(database, &cause);
                slow = Some(cause).filter(|cause| cause.kind == CauseKind::TimedOut);
            }
        }
        for question in QUESTIONS.iter().filter(|question| contents.have(question.about)) {
            let outcome = match &slow {
                Some(cause) => Err(cause.clone()),
                None => question.ask(session, self.version, &database.sql).await,
            };
            slow = slow.or(self.add(question.list, outcome, &database.sql));
        }
        let outcome = match &slow {
            Some(cause) => Err(cause.clone()),
            None if !contents.sequences => Ok(Found::default()),
            None => sequences(session, &database.sql, self.user).await,
        };
        slow = slow.or(self.add("sequences", outcome, &database.sql));
        let outcome = match &slow {
            Some(cause) => Err(cause.clone()),
            None => extensions(session, &database.sql, &mut self.available).await,
        };
        let outdated = outcome.map(|(names, outdated)| {
            for name in names {
                *self.extensions.entry(name).or_default() += 1;
            }
            outdated
        });
        self.add("outdated_extensions", outdated, &database.sql);
    }

    /// Adds what one question found; why it took too long, if it did.
    fn add(&mut self, list: &'static str, outcome: Result<Found, Cause>, database: &str) -> Option<Cause> {
        match outcome {
            Ok(found) => {
                let known = self.lists.entry(list).or_default();
                known.partial = known.partial.take().or(found.partial);
                known.items.extend(found.items);
                if known.items.len() > MAX_ROWS {
                    known.items.truncate(MAX_ROWS);
                    let cause = || Cause::new(CauseKind::TooLarge, format!("only {MAX_ROWS} are listed"));
                    known.partial.get_or_insert_with(cause);
                }
                None
            }
            Err(cause) => {
                self.miss([list], &cause, database);
                Some(cause).filter(|cause| cause.kind == CauseKind::TimedOut)
            }
        }
    }

    /// Notes why lists lack what is in a database.
    fn miss<const N: usize>(&mut self, lists: [&'static str; N], cause: &Cause, database: &str) {
        for list in lists {
            let named =
                || Cause { detail: format!("in the database {database}: {}", cause.detail), ..cause.clone() };
            self.lists.entry(list).or_default().partial.get_or_insert_with(named);
        }
    }

    fn facts(mut self, unread: Option<Cause>) -> BTreeMap<String, Fact> {
        let mut facts = BTreeMap::new();
        for list in LISTS {
            let Found { items, partial } = self.lists.remove(list).unwrap_or_default();
            let partial = partial.or(unread.clone());
            if list == "outdated_extensions" {
                facts.extend(self.extension_facts(partial.clone()));
            }
            facts.insert(list.to_owned(), Fact::List(Elements { items, partial: partial.map(Box::new) }));
        }
        facts
    }

    fn extension_facts(&self, partial: Option<Cause>) -> [(String, Fact); 2] {
        let created = match (self.extensions.contains_key("pg_stat_statements"), &partial) {
            (true, _) => true.into(),
            (false, None) => false.into(),
            (false, Some(cause)) => cause.clone().into(),
        };
        let item = |(name, databases): (&String, &i64)| facts! { "name" => name.as_str(), "databases" => *databases };
        let items = self.extensions.iter().map(item).take(MAX_ROWS).collect();
        [
            ("statement_statistics_created".to_owned(), created),
            ("extensions".to_owned(), Fact::List(Elements { items, partial: partial.map(Box::new) })),
        ]
    }
}

/// A session in another database of the same server.
async fn enter(
    site: &mut dyn Site,
    login: Login<'_>,
    deadline: tokio::time::Instant,
) -> Result<Session, Cause> {
    let connection = site.connect(login.address)?;
    Session::open(connection.descriptor, login, Startup::Bounded, deadline).await
}

/// A database whose encoding says nothing, or is one that cannot be converted, gives an error for a whole list because
/// of one name in it. So it is asked for the bytes as they are, and only the names that are no UTF-8 are lost.
async fn bytes_as_they_are(session: &Session) {
    // If it does not work, the lists say what they lack.
    let _ = session
        .rows(
            "SELECT set_config('client_encoding', current_setting('server_encoding'), false)
         WHERE current_setting('server_encoding') IN ('SQL_ASCII', 'MULE_INTERNAL')",
        )
        .await;
}

fn not_seen(database: &mut Database, cause: &Cause) {
    for name in OVERVIEW_NAMES {
        database.facts.insert(name.to_owned(), cause.clone().into());
    }
}

async fn close(session: Option<Session>) {
    if let Some(session) = session {
        session.close().await;
    }
}
