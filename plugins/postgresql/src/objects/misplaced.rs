//! What no longer fits together: tables published without a name for their rows, indexes sorted by an older collation.

use super::Column::{Int, Switch, Text};
use super::{About, Question};

pub(super) const PUBLICATIONS_WITHOUT_IDENTITY: Question = Question {
    list: "publications_without_identity",
    about: About::Publications,
    columns: &[
        ("sql", Text),
        ("publication_sql", Text),
        ("all_tables", Switch),
        ("rows_changed", Int),
        ("identity", Text),
        ("subscribed", Switch),
    ],
    sql: publications,
};

/// The tables are found as the server finds them, without the view that opens each of them: those named, those of a
/// schema (since 15), or all; of a partitioned table its partitions, whose identity counts.
fn publications(version: i64) -> String {
    let schemas = if version >= 150_000 {
        "UNION SELECT s.pnpubid, c.oid FROM pg_publication_namespace s JOIN pg_class c ON c.relnamespace = s.pnnspid
           WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'"
    } else {
        ""
    };
    format!(
        "WITH RECURSIVE named AS (
           SELECT r.prpubid AS pub, r.prrelid AS rel FROM pg_publication_rel r
           {schemas}
           UNION SELECT a.oid, c.oid FROM pg_publication a CROSS JOIN pg_class c
           WHERE a.puballtables AND c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384),
         leaf AS (SELECT pub, rel FROM named
           UNION SELECT l.pub, h.inhrelid FROM leaf l JOIN pg_inherits h ON h.inhparent = l.rel
           JOIN pg_class c ON c.oid = h.inhrelid AND c.relispartition)
         SELECT format('%I.%I (%I)', n.nspname, c.relname, p.pubname) AS label, format('%I.%I', n.nspname, c.relname) AS sql,
           quote_ident(p.pubname) AS publication_sql, p.puballtables AS all_tables,
           coalesce(pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid), 0) AS rows_changed,
           CASE c.relreplident WHEN 'd' THEN 'default' WHEN 'n' THEN 'nothing' ELSE 'index' END AS identity,
           EXISTS (SELECT 1 FROM pg_replication_slots s WHERE s.slot_type = 'logical'
             AND s.database = current_database()) AS subscribed
         FROM leaf l JOIN pg_publication p ON p.oid = l.pub JOIN pg_class c ON c.oid = l.rel
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND (p.pubupdate OR p.pubdelete) AND c.oid >= 16384
           AND CASE c.relreplident WHEN 'f' THEN false WHEN 'n' THEN true
             WHEN 'd' THEN NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid)
             ELSE NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid) END
         ORDER BY rows_changed DESC"
    )
}

pub(super) const STALE_COLLATIONS: Question = Question {
    list: "stale_collations",
    about: About::Tables,
    columns: &[("sql", Text), ("recorded", Text), ("actual", Text), ("indexes", Int)],
    sql: collations,
};

/// Only collations by which an index is sorted. An operating system brings hundreds that nobody uses, and all of them
/// change with it. The database's own collation is not among them: it is told with the database, since 15.
fn collations(_: i64) -> String {
    "WITH used AS (SELECT u.coll, count(*) AS indexes
           FROM pg_index i CROSS JOIN LATERAL unnest(i.indcollation::oid[]) AS u(coll)
           WHERE i.indexrelid >= 16384 AND u.coll <> 0 GROUP BY u.coll)
         SELECT format('%I.%I', n.nspname, c.collname) AS label, format('%I.%I', n.nspname, c.collname) AS sql,
           c.collversion AS recorded, pg_collation_actual_version(c.oid) AS actual, u.indexes
         FROM used u JOIN pg_collation c ON c.oid = u.coll JOIN pg_namespace n ON n.oid = c.collnamespace
         WHERE c.collversion IS NOT NULL AND pg_collation_actual_version(c.oid) <> c.collversion
         ORDER BY u.indexes DESC"
    .to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn schemas_are_published_since_15() {
        assert!(super::publications(150_000).contains("pg_publication_namespace"));
        assert!(!super::publications(140_000).contains("pg_publication_namespace"));
    }
}
