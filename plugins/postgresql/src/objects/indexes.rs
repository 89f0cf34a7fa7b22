//! Indexes that serve nobody: invalid, unused, or there twice.

use super::Column::{Int, MaybeText, Switch, Text};
use super::{About, Question, not_of_an_extension};

/// `relpages` as bytes.
const BYTES: &str = "x.relpages::bigint * current_setting('block_size')::bigint AS bytes";

pub(super) const INVALID: Question = Question {
    list: "invalid_indexes",
    about: About::Tables,
    columns: &[
        ("sql", Text),
        ("table_sql", Text),
        ("bytes", Int),
        ("unique", Switch),
        ("leftover", Switch),
        ("being_built", Switch),
    ],
    sql: invalid,
};

/// Who may not see what others build sees rows without names: then it is not known whether this index is among them.
/// The index of a partitioned table is invalid until each partition has its own, which is no fault.
fn invalid(_: i64) -> String {
    format!(
        "SELECT format('%I.%I', n.nspname, x.relname) AS label, format('%I.%I', n.nspname, x.relname) AS sql,
           format('%I.%I', m.nspname, t.relname) AS table_sql, {BYTES}, i.indisunique AS unique,
           x.relname ~ '_cc(new|old)[0-9]*$' AS leftover,
           CASE WHEN EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.relid = i.indrelid
               AND p.datname = current_database()) THEN true
             WHEN EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.relid IS NULL
               AND p.datname = current_database()) THEN NULL
             ELSE false END AS being_built
         FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
         JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace m ON m.oid = t.relnamespace
         WHERE NOT (i.indisvalid AND i.indisready) AND x.relkind = 'i' AND x.relpersistence <> 't'
           AND t.relkind <> 't' AND x.oid >= 16384
         ORDER BY x.relpages DESC"
    )
}

pub(super) const UNUSED: Question = Question {
    list: "unused_indexes",
    about: About::Tables,
    columns: &[("sql", Text), ("table_sql", Text), ("bytes", Int), ("table_writes", Int)],
    sql: unused,
};

/// Left out is every index that does something without being scanned: it enforces a constraint or uniqueness, names
/// rows for replication, feeds statistics about an expression, serves a foreign key, or belongs to a partition.
fn unused(_: i64) -> String {
    format!(
        "SELECT format('%I.%I', n.nspname, x.relname) AS label, format('%I.%I', n.nspname, x.relname) AS sql,
           format('%I.%I', m.nspname, t.relname) AS table_sql, {BYTES},
           pg_stat_get_tuples_inserted(t.oid) + pg_stat_get_tuples_updated(t.oid) + pg_stat_get_tuples_deleted(t.oid)
             AS table_writes
         FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
         JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace m ON m.oid = t.relnamespace
         WHERE x.relkind = 'i' AND x.relpersistence <> 't' AND x.oid >= 16384 AND t.relkind IN ('r', 'm')
           AND x.relpages * current_setting('block_size')::bigint >= 10485760
           AND i.indisvalid AND NOT i.indisunique AND NOT i.indisprimary AND NOT i.indisexclusion
           AND NOT i.indisreplident AND NOT i.indisclustered AND i.indexprs IS NULL
           AND NOT EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhrelid = x.oid)
           AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = x.oid)
           AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = i.indrelid
             AND (i.indkey::int2[])[0] = ANY (c.conkey))
           AND {} AND pg_stat_get_numscans(x.oid) = 0
         ORDER BY x.relpages DESC",
        not_of_an_extension("x.oid")
    )
}

pub(super) const DUPLICATE: Question = Question {
    list: "duplicate_indexes",
    about: About::Tables,
    columns: &[
        ("sql", Text),
        ("twin_sql", Text),
        ("table_sql", Text),
        ("bytes", Int),
        ("constraint_sql", MaybeText),
    ],
    sql: duplicate,
};

/// The superfluous one of two that no query can tell apart. The one that stays does more or as much: it backs a
/// constraint, names rows for replication, is unique; among equals it is the older one. Expressions are compared as
/// they are stored, but for the places in the statement that made them. Below 1 MiB nobody cares.
fn duplicate(version: i64) -> String {
    let nulls = if version >= 150_000 { "i.indnullsnotdistinct" } else { "false" };
    format!(
        "WITH i AS MATERIALIZED (
           SELECT i.indexrelid, i.indrelid, x.relname, x.relnamespace, x.relpages, i.indisunique,
             {nulls} AS nulls, i.indimmediate, k.conname,
             (i.indisreplident OR i.indisclustered) AS kept,
             4 * (i.indisprimary::int) + 2 * (k.conname IS NOT NULL OR i.indisreplident OR i.indisclustered)::int
               + i.indisunique::int AS worth,
             (x.relam, i.indnkeyatts, i.indkey::text, i.indclass::text, i.indcollation::text, i.indoption::text,
              regexp_replace(coalesce(i.indexprs::text, ''), ':location -?[0-9]+', '', 'g'),
              regexp_replace(coalesce(i.indpred::text, ''), ':location -?[0-9]+', '', 'g'))::text AS form
           FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
           LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
           WHERE i.indisvalid AND i.indisready AND x.relkind = 'i' AND x.relpersistence <> 't' AND x.oid >= 16384
             AND NOT i.indisexclusion AND x.relname !~ '_cc(new|old)[0-9]*$'
             AND i.indrelid IN (SELECT j.indrelid FROM pg_index j JOIN pg_class y ON y.oid = j.indexrelid
               WHERE y.relpages * current_setting('block_size')::bigint >= 1048576)
             AND NOT EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhrelid = x.oid)
             AND {}),
         -- A window and no join: the planner knows nothing of how many twins there are.
         a AS (SELECT *, first_value(indexrelid) OVER w AS twin, first_value(indisunique) OVER w AS twin_unique,
             first_value(nulls) OVER w AS twin_nulls, first_value(indimmediate) OVER w AS twin_immediate
           FROM i WINDOW w AS (PARTITION BY indrelid, form ORDER BY worth DESC, indexrelid))
         SELECT format('%I.%I', n.nspname, a.relname) AS label, format('%I.%I', n.nspname, a.relname) AS sql,
           format('%I.%I', o.nspname, b.relname) AS twin_sql, format('%I.%I', m.nspname, t.relname) AS table_sql,
           a.relpages::bigint * current_setting('block_size')::bigint AS bytes,
           quote_ident(a.conname) AS constraint_sql
         FROM a JOIN pg_namespace n ON n.oid = a.relnamespace
         JOIN pg_class b ON b.oid = a.twin JOIN pg_namespace o ON o.oid = b.relnamespace
         JOIN pg_class t ON t.oid = a.indrelid JOIN pg_namespace m ON m.oid = t.relnamespace
         WHERE a.relpages * current_setting('block_size')::bigint >= 1048576
           AND a.twin <> a.indexrelid AND NOT a.kept AND t.relkind IN ('r', 'm')
           AND (NOT a.indisunique
             OR (a.twin_unique AND a.twin_nulls = a.nulls AND a.twin_immediate = a.indimmediate))
           AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = a.indexrelid AND c.contype = 'f')
         ORDER BY a.relpages DESC",
        not_of_an_extension("x.oid")
    )
}
