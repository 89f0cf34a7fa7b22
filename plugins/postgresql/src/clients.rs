//! Who uses the server, counted: applications, superusers' programs, monitoring, and subscriptions to other servers.
//!
//! A moment's picture: what is not connected now is not seen. Sessions of the agent's own role are never counted.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, UnknownOr, facts};

use crate::rights::Role;
use crate::session::{Row, Session};

/// A superuser's session is an application's unless it is a tool that administrators and backups use. Who may see
/// statistics, and has little else to do, is monitoring.
const CLIENTS: &str = "SELECT count(*) FILTER (WHERE kind IS NULL) AS hidden,
  count(*) FILTER (WHERE client AND NOT rolsuper AND NOT monitor) AS applications,
  count(*) FILTER (WHERE client AND rolsuper AND application_name !~* '^(psql|pg_|pgbackrest|barman|wal-g|pgadmin|patroni|repmgr|vacuumdb|reindexdb|clusterdb)') AS superusers,
  count(*) FILTER (WHERE client AND NOT rolsuper AND monitor) AS monitoring
  FROM (SELECT a.backend_type AS kind, a.backend_type = 'client backend' AS client, r.rolsuper, a.application_name,
      pg_has_role(r.oid, 'pg_monitor', 'MEMBER') OR pg_has_role(r.oid, 'pg_read_all_stats', 'MEMBER') AS monitor
    FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
    WHERE r.rolname <> session_user) AS sessions";

const SUBSCRIPTIONS: &str = "SELECT (SELECT count(*) FROM pg_subscription WHERE subenabled) AS enabled,
  (SELECT count(DISTINCT subid) FROM pg_stat_subscription WHERE pid IS NOT NULL) AS running";

/// Why nothing is known of them.
pub(crate) fn unknown(cause: &Cause) -> [(&'static str, Fact); 2] {
    ["clients", "subscriptions"].map(|name| (name, cause.clone().into()))
}

/// Asks for all of them.
pub(crate) async fn ask(session: &Session, role: Role<'_>) -> [(&'static str, Fact); 2] {
    let clients = session.rows(CLIENTS).await.and_then(|rows| clients(rows.first(), role));
    let subscriptions = session.rows(SUBSCRIPTIONS).await.map(|rows| {
        let row = rows.first();
        facts! { "enabled" => count(row, "enabled"), "running" => count(row, "running") }
    });
    [("clients", clients.or_unknown()), ("subscriptions", subscriptions.or_unknown())]
}

fn clients(row: Option<&Row>, role: Role<'_>) -> Result<Fact, Cause> {
    if count(row, "hidden") != Fact::Int(0) {
        return Err(role.not_monitor("does not see what others' sessions are"));
    }
    let names = ["applications", "superusers", "monitoring"];
    let mut facts: BTreeMap<_, _> = names.map(|name| (name.to_owned(), count(row, name))).into();
    let share = match (count(row, "applications"), count(row, "superusers")) {
        (Fact::Int(0), Fact::Int(0)) => {
            Fact::unknown(CauseKind::NotAvailable, "no application is connected now")
        }
        (Fact::Int(ordinary), Fact::Int(all_powerful)) => {
            Fact::Float(ordinary as f64 / (ordinary as f64 + all_powerful as f64))
        }
        (unknown, _) => unknown,
    };
    facts.insert("ordinary_share".to_owned(), share);
    Ok(facts.into())
}

fn count(row: Option<&Row>, column: &str) -> Fact {
    let count = row.and_then(|row| row.get(column)?.parse().ok().map(Fact::Int));
    count.ok_or_else(|| Cause::new(CauseKind::NotAvailable, "the server did not say")).or_unknown()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: Role<'_> = Role { name: "goodstead", own: true };

    #[test]
    fn sessions_that_are_hidden_are_not_taken_for_none() {
        let row = |hidden: &str| {
            let values =
                [("hidden", hidden), ("applications", "2"), ("superusers", "0"), ("monitoring", "1")];
            Row::from(values.map(|(name, value)| (name.to_owned(), value.to_owned())))
        };
        let seen = clients(Some(&row("0")), ROLE).unwrap().to_json();
        assert_eq!(
            seen,
            serde_json::json!({"applications": 2, "superusers": 0, "monitoring": 1, "ordinary_share": 1.0})
        );
        for hidden in [Some(row("3")), Some(row("")), None] {
            assert_eq!(clients(hidden.as_ref(), ROLE).unwrap_err().kind, CauseKind::NotPermitted);
        }
    }
}
