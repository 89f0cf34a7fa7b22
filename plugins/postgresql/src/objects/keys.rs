//! Foreign keys that make the parent's deletes slow, and tables whose rows have no name.

use super::Column::{Int, Switch, Text};
use super::{About, Question, not_of_an_extension};

pub(super) const FOREIGN_KEYS_WITHOUT_INDEX: Question = Question {
    list: "foreign_keys_without_index",
    about: About::Tables,
    columns: &[
        ("sql", Text),
        ("columns", Text),
        ("parent_sql", Text),
        ("bytes", Int),
        ("parent_deletes", Int),
        ("partitioned", Switch),
    ],
    sql: foreign_keys,
};

/// An index serves when its first columns are the key's, in any order, and it covers every row that has the key set: a
/// predicate that is no more than "is not null" does. Partitions are told as the table that they belong to.
fn foreign_keys(version: i64) -> String {
    let enforced = if version >= 180_000 { "AND c.conenforced AND NOT c.conperiod" } else { "" };
    format!(
        "WITH f AS (
           SELECT coalesce(pg_partition_root(c.conrelid)::oid, c.conrelid) AS child,
             coalesce(pg_partition_root(c.confrelid)::oid, c.confrelid) AS parent,
             (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
              FROM unnest(c.conkey) WITH ORDINALITY k(attnum, place)
              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) AS columns,
             r.oid, r.relpages, coalesce(pg_stat_get_tuples_deleted(c.confrelid), 0) AS deletes
           FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
           WHERE c.contype = 'f' AND r.relkind = 'r' {enforced}
             AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indisvalid
               AND (i.indpred IS NULL OR (i.indpred::text LIKE '{{NULLTEST %' AND i.indpred::text LIKE '%:nulltesttype 1 %'))
               AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey
               AND c.conkey @> (i.indkey::int2[])[0:cardinality(c.conkey) - 1])),
         whole AS (SELECT child, parent, columns, sum(relpages) AS pages, max(deletes) AS deletes
           FROM (SELECT child, parent, columns, oid, max(relpages) AS relpages, sum(deletes) AS deletes FROM f
             GROUP BY child, parent, columns, oid) a GROUP BY child, parent, columns)
         SELECT format('%I.%I(%s)', n.nspname, r.relname, w.columns) AS label, format('%I.%I', n.nspname, r.relname) AS sql,
           w.columns, format('%I.%I', m.nspname, p.relname) AS parent_sql,
           (w.pages * current_setting('block_size')::bigint)::bigint AS bytes, w.deletes::bigint AS parent_deletes,
           r.relkind = 'p' AS partitioned
         FROM whole w JOIN pg_class r ON r.oid = w.child JOIN pg_namespace n ON n.oid = r.relnamespace
         JOIN pg_class p ON p.oid = w.parent JOIN pg_namespace m ON m.oid = p.relnamespace
         WHERE w.pages * current_setting('block_size')::bigint >= 10485760 AND {}
         ORDER BY w.pages DESC",
        not_of_an_extension("r.oid")
    )
}

pub(super) const TABLES_WITHOUT_PRIMARY_KEY: Question = Question {
    list: "tables_without_primary_key",
    about: About::Tables,
    columns: &[
        ("sql", Text),
        ("bytes", Int),
        ("live_rows", Int),
        ("rows_changed", Int),
        ("has_unique_index", Switch),
    ],
    sql: without_primary_key,
};

/// Only tables that hold something, and whose rows survive.
fn without_primary_key(_: i64) -> String {
    format!(
        "SELECT format('%I.%I', n.nspname, c.relname) AS label, format('%I.%I', n.nspname, c.relname) AS sql,
           c.relpages::bigint * current_setting('block_size')::bigint AS bytes,
           coalesce(pg_stat_get_live_tuples(c.oid), 0) AS live_rows,
           coalesce(pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid), 0) AS rows_changed,
           EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
             AND i.indpred IS NULL) AS has_unique_index
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relispartition AND c.oid >= 16384
           AND greatest(pg_stat_get_live_tuples(c.oid), c.reltuples) >= 1000
           AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AND {}
         ORDER BY c.relpages DESC, live_rows DESC",
        not_of_an_extension("c.oid")
    )
}
