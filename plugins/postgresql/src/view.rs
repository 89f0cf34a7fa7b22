//! What was seen of the databases so far: the lists, and what each lacks.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, facts};

use crate::databases::Database;
use crate::objects::{
    Available, Contents, Found, LISTS, OVERVIEW_NAMES, Overview, QUESTIONS, extensions, overview, sequences,
};
use crate::session::Session;

/// What was seen so far.
pub(crate) struct View<'a> {
    version: i64,
    user: &'a str,
    /// The most elements of a list.
    rows: usize,
    available: Available,
    lists: BTreeMap<&'static str, Found>,
    /// In how many databases each extension is.
    extensions: BTreeMap<String, i64>,
}

impl<'a> View<'a> {
    /// Nothing yet, of a server with this `server_version_num`, by the role `user`, with lists of at most so many.
    pub(crate) fn new(version: i64, user: &'a str, rows: usize) -> Self {
        View { version, user, rows, available: None, lists: BTreeMap::new(), extensions: BTreeMap::new() }
    }

    /// Asks everything in one database. After one statement that took too long no other is tried.
    pub(crate) async fn look(&mut self, session: &Session, database: &mut Database) {
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
                let most = self.rows;
                if known.items.len() > most {
                    known.items.truncate(most);
                    let cause = || Cause::new(CauseKind::TooLarge, format!("only {most} are listed"));
                    known.partial.get_or_insert_with(cause);
                }
                None
            }
            Err(cause) => {
                self.miss(&[list], &in_database(&cause, database));
                Some(cause).filter(|cause| cause.kind == CauseKind::TimedOut)
            }
        }
    }

    /// Notes why lists may lack something; the first reason stays.
    pub(crate) fn miss(&mut self, lists: &[&'static str], cause: &Cause) {
        for list in lists {
            self.lists.entry(list).or_default().partial.get_or_insert_with(|| cause.clone());
        }
    }

    /// The lists as facts, and the extensions.
    pub(crate) fn facts(mut self, unread: Option<Cause>) -> BTreeMap<String, Fact> {
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
        let items = self.extensions.iter().map(item).take(self.rows).collect();
        [
            ("statement_statistics_created".to_owned(), created),
            ("extensions".to_owned(), Fact::List(Elements { items, partial: partial.map(Box::new) })),
        ]
    }
}

/// A database whose encoding says nothing, or is one that cannot be converted, gives an error for a whole list because
/// of one name in it. So it is asked for the bytes as they are, and only the names that are no UTF-8 are lost.
pub(crate) async fn bytes_as_they_are(session: &Session) {
    // If it does not work, the lists say what they lack.
    let _ = session
        .rows(
            "SELECT set_config('client_encoding', current_setting('server_encoding'), false)
         WHERE current_setting('server_encoding') IN ('SQL_ASCII', 'MULE_INTERNAL')",
        )
        .await;
}

/// Why the facts that only a session in the database knows are not known.
pub(crate) fn not_seen(database: &mut Database, cause: &Cause) {
    for name in OVERVIEW_NAMES {
        database.facts.insert(name.to_owned(), cause.clone().into());
    }
}

/// The same, said of one database.
pub(crate) fn in_database(cause: &Cause, database: &str) -> Cause {
    Cause { detail: format!("in the database {database}: {}", cause.detail), ..cause.clone() }
}
