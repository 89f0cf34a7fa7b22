//! Settings that a role or a database has of its own (`ALTER ROLE … SET`, `ALTER DATABASE … SET`).

use goodstead_plugin::{Fact, UnknownOr};

use super::{Facts, Topic, bounded, optional};
use crate::row::{missing, switch, text};
use crate::session::Row;
use crate::settings::from_file;

pub(super) const OVERRIDES: Topic = Topic {
    names: &["overrides"],
    monitor: false,
    query: |server| {
        Some(format!(
            "SELECT r.rolname AS role, d.datname AS database, coalesce(r.rolsuper, false) AS superuser,
               CASE WHEN s.setrole = 0 AND s.setdatabase = 0 THEN 'ALTER ROLE ALL'
                 WHEN s.setrole = 0 THEN format('ALTER DATABASE %I', d.datname)
                 WHEN s.setdatabase = 0 THEN format('ALTER ROLE %I', r.rolname)
                 ELSE format('ALTER ROLE %I IN DATABASE %I', r.rolname, d.datname) END AS alter,
               split_part(entry, '=', 1) AS name,
               (SELECT string_agg(quote_ident(part), '.') FROM unnest(string_to_array(split_part(entry, '=', 1), '.')) part)
                 AS name_sql, substr(entry, strpos(entry, '=') + 1) AS value
             FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
               LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS entry
             ORDER BY 1, 2, 5 LIMIT {}",
            server.rows + 1
        ))
    },
    facts: |rows, most| Facts::from([("overrides".to_owned(), bounded(rows, most, one))]),
};

/// Statements that take it back are quoted by the server, since names are the site's: before 14 also a setting's.
fn one(row: &Row) -> Option<Fact> {
    let name = text(row, "name")?;
    let place = match (text(row, "role"), text(row, "database")) {
        (Some(role), Some(database)) => format!("{name} of role {role} in database {database}"),
        (Some(role), None) => format!("{name} of role {role}"),
        (None, Some(database)) => format!("{name} of database {database}"),
        (None, None) => format!("{name} of all roles"),
    };
    let mut item = Facts::from([
        ("place".to_owned(), place.into()),
        ("name".to_owned(), name.into()),
        (
            "reset".to_owned(),
            text(row, "alter")
                .zip(text(row, "name_sql"))
                .map(|(alter, name)| format!("{alter} RESET {name};"))
                .ok_or_else(missing)
                .or_unknown(),
        ),
        ("superuser".to_owned(), switch(row, "superuser").ok_or_else(missing).or_unknown()),
    ]);
    for name in ["role", "database"] {
        optional(&mut item, row, name);
    }
    // What may hold a secret stays behind, as in the files.
    if let Some(value) = text(row, "value").and_then(|value| from_file(name, value)) {
        item.insert("value".to_owned(), value);
    }
    Some(item.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_role_s_own_setting_stays_behind() {
        let row = |name: &str, value: &str| {
            let values = [("role", "app"), ("superuser", "f"), ("name", name), ("value", value)];
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Row>()
        };
        let json = one(&row("myapp.token", "hunter2")).unwrap().to_json();
        assert_eq!((&json["place"], json.get("value")), (&"myapp.token of role app".into(), None));
        assert_eq!(one(&row("jit", "off")).unwrap().to_json()["value"], false);
    }
}
