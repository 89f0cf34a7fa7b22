//! What is asked once per server: who is connected, who replicates, what holds the vacuum horizon, the counters of
//! checkpoints and write-ahead log, roles, overrides, and what belongs to this one cluster.
//!
//! A topic is one statement and the facts that its answer becomes. Each topic fails alone: a statement that is refused,
//! or too slow, makes the facts of its topic unknown and no others. A topic that needs `pg_monitor` is not asked without
//! it, because the server would answer with NULLs that look like an idle server.

mod activity;
mod control;
mod counters;
mod horizon;
mod overrides;
mod replication;
mod roles;
mod statements;
mod written;

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact};

use crate::rights::Role;
use crate::row::text;
use crate::session::{Row, Session};

pub(crate) use written::from_settings;

/// What decides which statement is asked.
pub(crate) struct Server {
    /// `server_version_num`.
    pub(crate) number: i64,
    /// Whether it is a standby.
    pub(crate) in_recovery: bool,
    /// Whether the role sees the sessions of others (`pg_read_all_stats`, part of `pg_monitor`).
    pub(crate) sees_stats: bool,
    /// The role.
    pub(crate) user: String,
    /// Whether `goodstead grant` can give the role what it lacks.
    pub(crate) own: bool,
    /// The most elements of a list; there may be more, and then the list is partial.
    pub(crate) rows: usize,
}

impl Server {
    pub(crate) fn role(&self) -> Role<'_> {
        Role { name: &self.user, own: self.own }
    }
}

/// Facts by name.
type Facts = BTreeMap<String, Fact>;

/// One statement and what becomes of its answer.
struct Topic {
    /// The facts that are unknown when it is not answered; records among them as a whole.
    names: &'static [&'static str],
    /// Whether the answer is only worth something to a member of `pg_monitor`.
    monitor: bool,
    /// The statement for this server; `None` where there is nothing to ask.
    query: fn(&Server) -> Option<String>,
    /// The facts, with at most so many elements of a list; without rows also where nothing was asked.
    facts: fn(&[Row], usize) -> Facts,
}

const TOPICS: [Topic; 15] = [
    activity::CONNECTIONS,
    activity::IDLE,
    activity::SUPERUSERS,
    replication::REPLICAS,
    replication::SYNC,
    replication::STANDBY,
    horizon::PREPARED,
    horizon::HORIZON,
    counters::CHECKPOINTS,
    counters::WAL,
    counters::WAITING,
    overrides::OVERRIDES,
    control::CONTROL,
    control::TABLESPACES,
    replication::SUBSCRIPTIONS,
];

/// What was answered.
pub(crate) struct Asked {
    pub(crate) facts: Facts,
    pub(crate) rules: Result<Vec<Row>, Cause>,
    pub(crate) files: Result<Vec<Row>, Cause>,
    pub(crate) process: Option<i64>,
    pub(crate) system_identifier: Option<String>,
}

/// Asks every topic.
pub(crate) async fn ask(session: &Session, server: &Server) -> Asked {
    let mut facts = Facts::new();
    let (mut process, mut system_identifier) = (None, None);
    for topic in &TOPICS {
        let answer = match (topic.query)(server) {
            _ if topic.monitor && !server.sees_stats => Err(sees_no_others(server)),
            Some(query) => session.rows(&query).await,
            None => Ok(Vec::new()),
        };
        match answer {
            Ok(rows) => {
                process = process.or_else(|| activity::process(&rows));
                system_identifier = system_identifier.or_else(|| control::system_identifier(&rows));
                facts.extend((topic.facts)(&rows, server.rows));
            }
            Err(cause) => facts.extend(unknown_for(topic.names, &cause)),
        }
    }
    let roles::Seen { facts: roles, rules, files } = roles::ask(session, server).await;
    facts.extend(roles);
    facts.extend(statements::ask(session, server).await);
    Asked { facts, rules, files, process, system_identifier }
}

/// Every fact of this module, unknown for one reason.
pub(crate) fn unknown(cause: &Cause) -> Facts {
    let topics = TOPICS.iter().flat_map(|topic| unknown_for(topic.names, cause));
    let others = [&roles::NAMES[..], &statements::NAMES[..]];
    topics.chain(others.into_iter().flat_map(|names| unknown_for(names, cause))).collect()
}

/// Every fact that only a running server knows, unknown for one reason.
pub(crate) fn not_told(cause: &Cause) -> Facts {
    unknown(cause).into_iter().chain(unknown_for(&written::NAMES, cause)).collect()
}

fn unknown_for(names: &[&str], cause: &Cause) -> Facts {
    names.iter().map(|name| ((*name).to_owned(), cause.clone().into())).collect()
}

fn sees_no_others(server: &Server) -> Cause {
    server.role().not_monitor("does not see what other sessions do")
}

/// A list of what `element` makes of the rows: at most so many, and partial if there are more, or if it could make
/// nothing of one. Statements ask for one more than that.
fn bounded(rows: &[Row], most: usize, element: fn(&Row) -> Option<Fact>) -> Fact {
    let shown = rows.get(..most).unwrap_or(rows);
    let items: Vec<_> = shown.iter().filter_map(element).collect();
    let partial = if rows.len() > most {
        Some(Cause::new(CauseKind::TooLarge, format!("only the first {most} are told")))
    } else if items.len() < rows.len() {
        Some(Cause::new(CauseKind::Partial, "a name in it is not UTF-8"))
    } else {
        None
    };
    Fact::List(Elements { items, partial: partial.map(Box::new) })
}

/// The text of an optional column, as an item of a record where there is one.
fn optional(item: &mut Facts, row: &Row, name: &str) {
    if let Some(value) = text(row, name) {
        item.insert(name.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests;
