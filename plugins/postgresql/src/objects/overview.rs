//! One database in a few numbers.

use goodstead_plugin::{Cause, Fact, UnknownOr};

use super::About;
use crate::row::{int, missing, switch, text};
use crate::session::Session;

/// The facts of `databases[]` that only a session in the database knows.
pub(crate) const NAMES: [&str; 4] =
    ["user_tables", "counted_bytes", "public_schema_writers", "counters_seconds"];

/// How long the counters have been counting is known where they were reset by hand. Where not, it is at least since
/// the earliest of the times that they still hold.
///
/// A schema's rights that nobody ever changed are those that `acldefault` says, none for everybody.
const OVERVIEW: &str = "SELECT
  EXISTS (SELECT 1 FROM pg_class WHERE relkind IN ('r', 'm', 'p') AND oid >= 16384) AS tables,
  EXISTS (SELECT 1 FROM pg_class WHERE relkind = 'S') AS sequences,
  EXISTS (SELECT 1 FROM pg_publication) AS publications,
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
     FROM pg_class c WHERE c.relkind = 'r'))))::bigint AS counters_seconds
  FROM pg_database d WHERE d.datname = current_database()";

/// What is there at all.
#[derive(Clone, Copy)]
pub(crate) struct Contents {
    tables: bool,
    publications: bool,
    /// Whether there are sequences.
    pub(crate) sequences: bool,
}

impl Contents {
    /// What has to be expected where it is not known.
    pub(crate) const ANYTHING: Contents = Contents { tables: true, publications: true, sequences: true };

    /// Whether a question has anything to be about.
    pub(crate) fn have(self, about: About) -> bool {
        match about {
            About::Tables => self.tables,
            About::Publications => self.publications,
        }
    }
}

/// A database in a few numbers.
pub(crate) struct Overview {
    /// Its facts; what is absent is `None`.
    pub(crate) facts: [(&'static str, Option<Fact>); 4],
    /// What is there at all.
    pub(crate) contents: Contents,
}

/// Asks.
///
/// # Errors
/// Why nothing of it is known.
pub(crate) async fn overview(session: &Session) -> Result<Overview, Cause> {
    let rows = session.rows(OVERVIEW).await?;
    let row = rows.first().ok_or_else(missing)?;
    let facts = NAMES.map(|name| match text(row, name) {
        None if name == "counters_seconds" => (name, None),
        _ => (name, Some(int(row, name).ok_or_else(missing).or_unknown())),
    });
    let has = |column| switch(row, column) != Some(false);
    let contents =
        Contents { tables: has("tables"), publications: has("publications"), sequences: has("sequences") };
    Ok(Overview { facts, contents })
}
