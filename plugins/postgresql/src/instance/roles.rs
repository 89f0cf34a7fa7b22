//! Roles, and what only some roles may see: password hashes and the rules of pg_hba.conf.
//!
//! Rights are asked for first, so that the server's log shows no refusal of ours. A hash never leaves the server: it
//! counts them.

use goodstead_plugin::{Cause, CauseKind, UnknownOr, facts};

use super::{Facts, Server};
use crate::row::{int, missing, switch};
use crate::session::{Row, Session, identifier};

pub(super) const NAMES: [&str; 2] = ["roles", "managed"];

/// The roles that managed services make; whoever has them has no superuser and no files.
const ROLES: &str = "SELECT count(*) FILTER (WHERE rolsuper AND rolcanlogin) AS superusers,
    bool_or(rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'alloydbsuperuser')) AS managed,
    has_column_privilege('pg_authid', 'rolpassword', 'SELECT') AS sees_passwords,
    has_table_privilege('pg_hba_file_rules', 'SELECT')
      AND has_function_privilege('pg_hba_file_rules()', 'EXECUTE') AS sees_rules,
    has_table_privilege('pg_file_settings', 'SELECT')
      AND has_function_privilege('pg_show_all_file_settings()', 'EXECUTE') AS sees_files
  FROM pg_roles";

const MD5: &str = "SELECT count(*) AS md5 FROM pg_authid WHERE rolcanlogin AND rolpassword LIKE 'md5%'";

/// What the server makes of the lines of its files, in the order in which it reads them.
const FILES: &str =
    "SELECT sourcefile, sourceline, name, setting, error FROM pg_file_settings ORDER BY seqno";

/// What only some roles may see.
pub(super) struct Seen {
    pub(super) facts: Facts,
    /// The rules of pg_hba.conf as the server reads them.
    pub(super) rules: Result<Vec<Row>, Cause>,
    /// The lines of its configuration files as the server reads them.
    pub(super) files: Result<Vec<Row>, Cause>,
}

/// The facts, and the server's files where the role may see them.
pub(super) async fn ask(session: &Session, server: &Server) -> Seen {
    let rows = match session.rows(ROLES).await {
        Ok(rows) => rows,
        Err(cause) => {
            let facts = super::unknown_for(&NAMES, &cause);
            return Seen { facts, rules: Err(cause.clone()), files: Err(cause) };
        }
    };
    let row = rows.first();
    let may = |name: &str| row.and_then(|row| switch(row, name)) == Some(true);
    let md5 = if may("sees_passwords") {
        let rows = session.rows(MD5).await;
        rows.and_then(|rows| rows.first().and_then(|row| int(row, "md5")).ok_or_else(missing))
    } else {
        let remedy = "as the server's owner, in psql: \
                      `SELECT rolname FROM pg_authid WHERE rolcanlogin AND rolpassword LIKE 'md5%';`";
        Err(Cause::new(CauseKind::NotPermitted, "how passwords are kept is seen by superusers only")
            .remedy(remedy))
    };
    let rules =
        if may("sees_rules") { session.rows(&rules(server.number)).await } else { Err(hidden_rules(server)) };
    let files = if may("sees_files") { session.rows(FILES).await } else { Err(hidden_files(server)) };
    let roles = facts! {
        "superusers" => row.and_then(|row| int(row, "superusers")).ok_or_else(missing).or_unknown(),
        "md5_passwords" => md5.or_unknown(),
    };
    let managed = row.and_then(|row| switch(row, "managed")).ok_or_else(missing).or_unknown();
    let facts = Facts::from([("roles".to_owned(), roles), ("managed".to_owned(), managed)]);
    Seen { facts, rules, files }
}

/// Before 16 there is one file, whose name the view does not repeat. A rule for TLS while TLS is off has an error, which
/// no release translates, and does no harm.
fn rules(number: i64) -> String {
    let file = if number >= 160_000 { "file_name" } else { "NULL" };
    format!(
        "SELECT {file} AS file, line_number AS line, type, array_to_json(database) AS databases,
           array_to_json(user_name) AS users, address, netmask, auth_method AS method,
           array_to_json(options) AS options, error IS NOT NULL AS broken, error,
           error LIKE '%cannot match because%' AS idle
         FROM pg_hba_file_rules ORDER BY {}",
        if number >= 160_000 { "rule_number, file_name, line_number" } else { "line_number" }
    )
}

fn hidden_files(server: &Server) -> Cause {
    let by_hand = || {
        let user = identifier(&server.user);
        format!(
            "GRANT SELECT ON pg_file_settings TO {user}; GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO {user};"
        )
    };
    let detail = "neither the configuration files nor the server's view of them may be read";
    Cause::new(CauseKind::NotPermitted, detail).remedy(server.role().remedy(by_hand))
}

fn hidden_rules(server: &Server) -> Cause {
    let by_hand = || {
        let user = identifier(&server.user);
        format!(
            "GRANT SELECT ON pg_hba_file_rules TO {user}; GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO {user};"
        )
    };
    Cause::new(
        CauseKind::NotPermitted,
        "neither the file pg_hba.conf nor the server's view of it may be read",
    )
    .remedy(server.role().remedy(by_hand))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_asked_for_as_the_release_has_them() {
        assert!(rules(150_000).contains("NULL AS file") && !rules(150_000).contains("rule_number"));
        assert!(rules(160_000).contains("file_name AS file") && rules(160_000).contains("rule_number"));
    }
}
