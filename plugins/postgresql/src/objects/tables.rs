//! Tables that vacuum or analyze has left behind, and unlogged ones.

use super::Column::{Int, MaybeInt, Switch, Text};
use super::{About, Question};

pub(super) const TABLES: Question = Question {
    list: "tables",
    about: About::Tables,
    columns: &[
        ("sql", Text),
        ("bytes", Int),
        ("unlogged", Switch),
        ("live_rows", Int),
        ("dead_rows", Int),
        ("vacuum_threshold", Int),
        ("changed_rows", Int),
        ("analyze_threshold", Int),
        ("autovacuum_enabled", Switch),
        ("being_vacuumed", Switch),
        ("vacuumed_seconds_ago", MaybeInt),
        ("analyzed_seconds_ago", MaybeInt),
    ],
    sql,
};

/// The thresholds are the server's own arithmetic ("The Autovacuum Daemon" in the manual), with the table's own
/// parameters where it has some. Since 18 the first one has an upper limit. The floors, 1 MiB or 10,000 rows, and a
/// thousand dead or changed rows, are our experience: below them nobody notices.
fn sql(version: i64) -> String {
    let most = if version >= 180_000 {
        "nullif(coalesce(o.most, current_setting('autovacuum_vacuum_max_threshold')::float8), -1)"
    } else {
        "NULL::float8"
    };
    format!(
        "WITH t AS (
           SELECT c.oid, c.relnamespace, c.relname, c.relpersistence = 'u' AS unlogged,
             (c.relpages::bigint + coalesce(x.relpages, 0)) * current_setting('block_size')::bigint AS bytes,
             coalesce(pg_stat_get_live_tuples(c.oid), 0) AS live_rows,
             coalesce(pg_stat_get_dead_tuples(c.oid), 0) AS dead_rows,
             coalesce(pg_stat_get_mod_since_analyze(c.oid), 0) AS changed_rows,
             floor(least(coalesce(o.vacuum_base, current_setting('autovacuum_vacuum_threshold')::float8)
               + coalesce(o.vacuum_scale, current_setting('autovacuum_vacuum_scale_factor')::float8)
               * greatest(c.reltuples, 0), {most}))::bigint AS vacuum_threshold,
             floor(coalesce(o.analyze_base, current_setting('autovacuum_analyze_threshold')::float8)
               + coalesce(o.analyze_scale, current_setting('autovacuum_analyze_scale_factor')::float8)
               * greatest(c.reltuples, 0))::bigint AS analyze_threshold,
             coalesce(o.enabled, true) AS autovacuum_enabled,
             CASE WHEN c.oid IN (SELECT relid FROM pg_stat_progress_vacuum
               WHERE relid IS NOT NULL AND datname = current_database()) THEN true
               WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN false END AS being_vacuumed,
             floor(extract(epoch FROM now() - greatest(pg_stat_get_last_vacuum_time(c.oid),
               pg_stat_get_last_autovacuum_time(c.oid))))::bigint AS vacuumed_seconds_ago,
             floor(extract(epoch FROM now() - greatest(pg_stat_get_last_analyze_time(c.oid),
               pg_stat_get_last_autoanalyze_time(c.oid))))::bigint AS analyzed_seconds_ago
           FROM pg_class c LEFT JOIN pg_class x ON x.oid = c.reltoastrelid
           CROSS JOIN LATERAL (SELECT
             max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_threshold')::float8 AS vacuum_base,
             max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_scale_factor')::float8 AS vacuum_scale,
             max(option_value) FILTER (WHERE option_name = 'autovacuum_vacuum_max_threshold')::float8 AS most,
             max(option_value) FILTER (WHERE option_name = 'autovacuum_analyze_threshold')::float8 AS analyze_base,
             max(option_value) FILTER (WHERE option_name = 'autovacuum_analyze_scale_factor')::float8 AS analyze_scale,
             max(option_value) FILTER (WHERE option_name = 'autovacuum_enabled')::boolean AS enabled
             FROM pg_options_to_table(c.reloptions)) o
           WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.oid >= 16384)
         SELECT format('%I.%I', n.nspname, t.relname) AS label, format('%I.%I', n.nspname, t.relname) AS sql, t.*
         FROM t JOIN pg_namespace n ON n.oid = t.relnamespace
         WHERE (bytes >= 1048576 OR live_rows + dead_rows >= 10000)
           AND (unlogged OR (dead_rows >= 1000 AND dead_rows > vacuum_threshold)
             OR (changed_rows >= 1000 AND changed_rows > analyze_threshold))
         ORDER BY greatest(bytes, live_rows + dead_rows) DESC"
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_upper_limit_is_asked_for_where_it_exists() {
        assert!(super::sql(180_000).contains("current_setting('autovacuum_vacuum_max_threshold')"));
        assert!(!super::sql(170_000).contains("current_setting('autovacuum_vacuum_max_threshold')"));
    }
}
