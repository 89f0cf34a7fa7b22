//! What a database holds that is worth a word: one question a list, each a short query of the catalogs and of the
//! statistics in memory.
//!
//! No question opens a table, an index or a sequence of the site's (but for the one about sequences' values, which says
//! so): sizes are the planner's page counts, as of the last vacuum or analyze, and no DDL statement waits for us. The
//! thresholds in the queries only keep the lists short; what is a finding is for the checks to say.

mod extensions;
mod indexes;
mod keys;
mod misplaced;
mod overview;
mod sequences;
mod tables;

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, UnknownOr};

use crate::row::{int, missing, switch, text};
use crate::session::{Row, Session, connect};

pub(crate) use extensions::{Available, extensions};
pub(crate) use overview::{Contents, NAMES as OVERVIEW_NAMES, Overview, overview};
pub(crate) use sequences::sequences;

/// The lists about which [`QUESTIONS`] and the questions of their own ask, with the names of their facts.
pub(crate) const LISTS: [&str; 10] = [
    "tables",
    "tables_without_primary_key",
    "invalid_indexes",
    "unused_indexes",
    "duplicate_indexes",
    "foreign_keys_without_index",
    "publications_without_identity",
    "stale_collations",
    "sequences",
    "outdated_extensions",
];

/// One list, and the query that fills it in one database.
///
/// The query gives `label` (what the element is called within its database, as SQL writes it), the columns named here,
/// the most important first. How many rows are wanted is added to it.
pub(crate) struct Question {
    pub(crate) list: &'static str,
    pub(crate) about: About,
    pub(crate) columns: &'static [(&'static str, Column)],
    /// The query for a server with this `server_version_num`.
    pub(crate) sql: fn(i64) -> String,
}

/// What has to be there for a question to have an answer: a database without it is not asked.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum About {
    Tables,
    Publications,
}

/// What a column holds; what the server leaves out is unknown, or absent if it may be.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    Text,
    Int,
    Switch,
    MaybeText,
    MaybeInt,
}

/// All questions that are one query.
pub(crate) const QUESTIONS: [Question; 8] = [
    tables::TABLES,
    keys::TABLES_WITHOUT_PRIMARY_KEY,
    indexes::INVALID,
    indexes::UNUSED,
    indexes::DUPLICATE,
    keys::FOREIGN_KEYS_WITHOUT_INDEX,
    misplaced::PUBLICATIONS_WITHOUT_IDENTITY,
    misplaced::STALE_COLLATIONS,
];

/// Elements that were found, and why there may be more.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) items: Vec<Fact>,
    pub(crate) partial: Option<Cause>,
}

impl Question {
    /// Asks in one database, which SQL calls `database`.
    ///
    /// # Errors
    /// Why nothing of the list is known there.
    pub(crate) async fn ask(&self, session: &Session, version: i64, database: &str) -> Result<Found, Cause> {
        let most = session.limits().rows;
        let rows = session.rows(&format!("{} LIMIT {}", (self.sql)(version), most + 1)).await?;
        Ok(found(rows, database, self.columns, most))
    }
}

/// Elements from rows; cut to so many, which is then said.
pub(crate) fn found(rows: Vec<Row>, database: &str, columns: &[(&str, Column)], most: usize) -> Found {
    let mut found = Found::default();
    if rows.len() > most {
        let detail = format!("only the first {most} of a list are read");
        found.partial = Some(Cause::new(CauseKind::TooLarge, detail));
    }
    for row in rows.iter().take(most) {
        match element(row, database, columns) {
            Some(item) => found.items.push(item),
            None => {
                let cause = || Cause::new(CauseKind::Partial, "a name in it is not UTF-8");
                found.partial.get_or_insert_with(cause);
            }
        }
    }
    found
}

/// `None` when the element has no name that can be read.
fn element(row: &Row, database: &str, columns: &[(&str, Column)]) -> Option<Fact> {
    let mut item = BTreeMap::from([
        ("name".to_owned(), Fact::from(format!("{database}.{}", text(row, "label")?))),
        ("database".to_owned(), Fact::from(database)),
        ("connect".to_owned(), connect(database).into()),
    ]);
    for (name, column) in columns {
        let fact = match column {
            Column::Text => text(row, name).map(Fact::from).ok_or_else(missing).or_unknown(),
            Column::Int => int(row, name).ok_or_else(missing).or_unknown(),
            Column::Switch => switch(row, name).ok_or_else(missing).or_unknown(),
            Column::MaybeText => match text(row, name) {
                Some(text) => text.into(),
                None => continue,
            },
            Column::MaybeInt => match int(row, name) {
                Some(number) => Fact::Int(number),
                None => continue,
            },
        };
        item.insert((*name).to_owned(), fact);
    }
    Some(item.into())
}

/// What a relation's extension made is its author's business. `$1` stands for the expression of its number.
fn not_of_an_extension(oid: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = {oid} \
         AND e.deptype = 'e')"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[(&str, &str)]) -> Row {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_element_is_named_after_its_database_and_says_what_is_missing() {
        let columns = [("bytes", Column::Int), ("unlogged", Column::Switch), ("age", Column::MaybeInt)];
        let found = found(
            vec![row(&[("label", "public.t"), ("bytes", "x"), ("unlogged", "t")]), row(&[("bytes", "1")])],
            "\"Shop\"",
            &columns,
            200,
        );
        assert_eq!(found.partial.unwrap().kind, CauseKind::Partial);
        let item = found.items[0].to_json();
        assert_eq!((&item["name"], &item["unlogged"]), (&"\"Shop\".public.t".into(), &true.into()));
        assert_eq!(item["bytes"]["$unknown"]["kind"], "not-available");
        assert!(item.get("age").is_none() && found.items.len() == 1);
    }

    #[test]
    fn a_list_is_cut_and_says_so() {
        let rows: Vec<_> = (0..=200).map(|_| row(&[("label", "public.t")])).collect();
        let found = found(rows, "shop", &[], 200);
        assert_eq!((found.items.len(), found.partial.unwrap().kind), (200, CauseKind::TooLarge));
    }

    #[test]
    fn questions_are_ordered_and_fill_the_lists() {
        let names: Vec<_> = QUESTIONS.iter().map(|question| question.list).collect();
        assert_eq!(names, LISTS[..names.len()]);
        for question in QUESTIONS {
            for version in [130_000, 140_000, 150_000, 160_000, 170_000, 180_000] {
                let sql = (question.sql)(version);
                let (_, order) = sql.rsplit_once("ORDER BY").unwrap();
                assert!(!order.contains(['\n', ';']) && !order.contains("LIMIT"), "{sql}");
                for opening in
                    ["pg_relation_size", "pg_total_relation_size", "pg_get_expr", "pg_partition_tree"]
                {
                    assert!(!sql.contains(opening), "{opening} opens what it is asked about");
                }
            }
        }
    }
}
