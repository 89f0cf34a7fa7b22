//! One database in a few numbers.

use goodstead_plugin::{Cause, Fact, UnknownOr};

use crate::row::{int, missing, text};
use crate::session::Session;

/// The facts of `databases[]` that only a session in the database knows.
pub(crate) const NAMES: [&str; 4] = ["user_tables", "counted_bytes", "public_schema_writers", "counters_seconds"];

/// How long the counters have been counting is known where they were reset by hand. Where not, it is at least since
/// the earliest of the times that they still hold.
///
/// A schema's rights that nobody ever changed are those that `acldefault` says, none for everybody.
const OVERVIEW: &str = "SELECT
  (SELECT count(*) FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384
     AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid
       AND e.deptype = 'e')) AS user_tables,
  (SELECT sum(greatest(relpages, 0)::bigint) * current_setting('block_size')::bigint FROM pg_class) AS counted_bytes,
  CASE WHEN EXISTS (SELECT 1 FROM pg_namespace n
      CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
      WHERE n.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE')
    THEN (SELECT count(*) FROM pg_roles r WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user
      AND has_database_privilege(r.oid, d.oid, 'CONNECT')) ELSE 0 END AS public_schema_writers,
  floor(extract(epoch FROM now() - coalesce(pg_stat_get_db_stat_reset_time(d.oid),
    (SELECT min(least(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid),
       pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)))
     FROM pg_class c WHERE c.relkind IN ('r', 't', 'm')))))::bigint AS counters_seconds
  FROM pg_database d WHERE d.datname = current_database()";

/// Asks; what is absent is `None`.
///
/// # Errors
/// Why nothing of it is known.
pub(crate) async fn overview(session: &Session) -> Result<[(&'static str, Option<Fact>); 4], Cause> {
    let rows = session.rows(OVERVIEW).await?;
    let row = rows.first().ok_or_else(missing)?;
    Ok(NAMES.map(|name| match text(row, name) {
        None if name == "counters_seconds" => (name, None),
        _ => (name, Some(int(row, name).ok_or_else(missing).or_unknown())),
    }))
}
