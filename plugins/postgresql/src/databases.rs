//! The databases of an instance: what the shared catalogs and counters say of each, asked once.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, UnknownOr};

use crate::rights::Role;
use crate::row::{int, missing, switch, text};
use crate::session::{Row, Session, connect};

/// `datconnlimit` of a database whose DROP was interrupted (15.4, 14.9, 13.12 and later).
const HALF_DROPPED: i64 = -2;

/// One database.
pub(crate) struct Database {
    /// Its name.
    pub(crate) name: String,
    /// Its name as SQL writes it.
    pub(crate) sql: String,
    /// Whether there is any sense in looking into it: a template's faults are nobody's, and not every one lets us in.
    pub(crate) inhabited: bool,
    /// Whether new databases are copied from it.
    pub(crate) template: bool,
    /// Its size in bytes, or why it is not known.
    pub(crate) size: Result<i64, Cause>,
    /// Its facts so far.
    pub(crate) facts: BTreeMap<String, Fact>,
}

/// The counters are asked for by their functions: the view of them has a row for the shared catalogs besides, and
/// none for a database that was never used.
fn query(version: i64) -> String {
    let collation = if version >= 150_000 {
        "datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
           AND datcollversion IS NOT NULL"
    } else {
        "NULL::boolean"
    };
    format!(
        "SELECT datname AS name, quote_ident(datname) AS sql, age(datfrozenxid) AS xid_age, mxid_age(datminmxid) AS mxid_age,
           datistemplate AS template, datallowconn AS accepts_connections, datconnlimit AS connection_limit,
           coalesce(pg_stat_get_db_numbackends(oid), 0) AS connections, {collation} AS collation_mismatch,
           pg_stat_get_db_checksum_failures(oid) AS checksum_failures,
           coalesce(pg_stat_get_db_temp_bytes(oid), 0) AS temp_bytes,
           floor(extract(epoch FROM now() - pg_stat_get_db_stat_reset_time(oid)))::bigint AS reset_seconds
         FROM pg_database ORDER BY datname"
    )
}

/// A statement of its own: it looks at every file of every database, so it is the first to run out of time.
const SIZES: &str = "SELECT datname AS name, CASE WHEN has_database_privilege(oid, 'CONNECT')
    OR pg_has_role('pg_read_all_stats', 'USAGE') THEN pg_database_size(oid) END AS size_bytes FROM pg_database";

/// A new database is a copy of template1; one that is larger by this many bytes holds something (our experience, not a
/// vendor's figure).
const GROWN: i64 = 1 << 20;

/// How much the instance holds, and whether anything is of its users; both are unknown where a size is.
pub(crate) const TOTALS: [&str; 2] = ["data_bytes", "has_user_data"];

/// The facts named in [`TOTALS`], out of the sizes of the databases, templates not among them.
pub(crate) fn totals(databases: &[Database], unread: Option<&Cause>) -> [(String, Fact); 2] {
    let [bytes, user_data] = TOTALS.map(str::to_owned);
    let sizes = match unread {
        Some(cause) => Err(cause.clone()),
        None => own_sizes(databases),
    };
    match sizes {
        Ok(sizes) => {
            let empty = databases.iter().find(|database| database.name == "template1");
            let empty = empty.ok_or_else(missing).and_then(|database| database.size.clone());
            let grown = empty.map(|empty| sizes.iter().any(|size| *size > empty.saturating_add(GROWN)));
            let sum = sizes.iter().copied().fold(0, i64::saturating_add);
            [(bytes, sum.into()), (user_data, grown.or_unknown())]
        }
        Err(cause) => [(bytes, cause.clone().into()), (user_data, cause.into())],
    }
}

fn own_sizes(databases: &[Database]) -> Result<Vec<i64>, Cause> {
    databases.iter().filter(|database| !database.template).map(|database| database.size.clone()).collect()
}

/// The databases, the largest first, and why some are missing.
///
/// # Errors
/// Why they are not known.
pub(crate) async fn databases(
    session: &Session,
    version: i64,
    role: Role<'_>,
) -> Result<(Vec<Database>, Option<Cause>), Cause> {
    let rows = session.rows(&query(version)).await?;
    let sizes = session.rows(SIZES).await.map(|rows| {
        let size = |row: &Row| Some((text(row, "name")?.to_owned(), int(row, "size_bytes")?));
        rows.iter().filter_map(size).collect::<BTreeMap<_, _>>()
    });
    let mut found: Vec<_> = rows.iter().filter_map(|row| database(row, sizes.as_ref(), role)).collect();
    let unread = found.len() < rows.len();
    found.sort_by_key(|database| Reverse(database.size.as_ref().ok().copied()));
    Ok((found, unread.then(|| Cause::new(CauseKind::Partial, "a name in it is not UTF-8"))))
}

fn database(row: &Row, sizes: Result<&BTreeMap<String, i64>, &Cause>, role: Role<'_>) -> Option<Database> {
    let (name, sql) = (text(row, "name")?, text(row, "sql")?);
    let size = match sizes {
        Ok(sizes) => {
            sizes.get(name).copied().ok_or_else(|| role.not_monitor("may not know the size of this database"))
        }
        Err(cause) => Err(cause.clone()),
    };
    let limit = int(row, "connection_limit").ok_or_else(missing);
    let half_dropped = limit.as_ref().map(|limit| *limit == HALF_DROPPED).map_err(Clone::clone);
    let mut facts = BTreeMap::from([
        ("name".to_owned(), Fact::from(name)),
        ("sql".to_owned(), sql.into()),
        ("connect".to_owned(), connect(sql).into()),
        ("half_dropped".to_owned(), half_dropped.or_unknown()),
        ("size_bytes".to_owned(), size.clone().or_unknown()),
    ]);
    for column in ["xid_age", "mxid_age", "connections", "temp_bytes"] {
        facts.insert(column.to_owned(), int(row, column).ok_or_else(missing).or_unknown());
    }
    for column in ["template", "accepts_connections"] {
        facts.insert(column.to_owned(), switch(row, column).ok_or_else(missing).or_unknown());
    }
    let mut optional = |name: &str, fact: Option<Fact>| {
        if let Some(fact) = fact {
            facts.insert(name.to_owned(), fact);
        }
    };
    optional("connection_limit", limit.ok().filter(|limit| *limit >= 0).map(Fact::Int));
    optional("collation_mismatch", switch(row, "collation_mismatch").map(Fact::Bool));
    optional("checksum_failures", int(row, "checksum_failures").map(Fact::Int));
    optional("reset_seconds", int(row, "reset_seconds").map(Fact::Int));
    let inhabited = switch(row, "template") == Some(false)
        && switch(row, "accepts_connections") == Some(true)
        && int(row, "connection_limit") != Some(HALF_DROPPED);
    let template = switch(row, "template") == Some(true);
    Some(Database { name: name.to_owned(), sql: sql.to_owned(), inhabited, template, size, facts })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: Role<'_> = Role { name: "goodstead", own: true };

    fn row(values: &[(&str, &str)]) -> Row {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn collations_of_databases_are_recorded_since_15() {
        assert!(query(150_000).contains("datcollversion") && !query(140_000).contains("datcollversion"));
    }

    #[test]
    fn the_whole_is_known_when_every_part_is() {
        let sizes =
            |shop: i64| BTreeMap::from([("shop".to_owned(), shop), ("template1".to_owned(), 8_000_000)]);
        let both = |sizes: &BTreeMap<String, i64>| {
            let of = |name: &str, template: &str| {
                database(&row(&[("name", name), ("sql", name), ("template", template)]), Ok(sizes), ROLE)
                    .unwrap()
            };
            vec![of("shop", "f"), of("template1", "t")]
        };
        let told = |sizes| totals(&both(&sizes), None).map(|(_, fact)| fact);
        assert_eq!(told(sizes(8_500_000)), [8_500_000.into(), false.into()]);
        assert_eq!(told(sizes(9_500_000)), [9_500_000.into(), true.into()]);
        let no_size =
            |fact: &Fact| matches!(fact, Fact::Unknown(cause) if cause.kind == CauseKind::NotPermitted);
        assert!(told(BTreeMap::new()).iter().all(no_size));
        let unread = Cause::new(CauseKind::Partial, "a name in it is not UTF-8");
        assert!(
            totals(&both(&sizes(1)), Some(&unread)).iter().all(|(_, fact)| matches!(fact, Fact::Unknown(_)))
        );
    }

    #[test]
    fn what_is_no_limit_and_was_never_counted_is_absent() {
        let common = [("name", "shop"), ("sql", "shop"), ("template", "f"), ("accepts_connections", "t")];
        let shop = |more: &[(&str, &str)]| {
            database(&row(&[&common[..], more].concat()), Ok(&BTreeMap::new()), ROLE).unwrap()
        };
        let plain = shop(&[("connection_limit", "-1")]);
        assert!(plain.inhabited && !plain.facts.contains_key("connection_limit"));
        assert!(!plain.facts.contains_key("checksum_failures"));
        assert!(
            matches!(&plain.facts["size_bytes"], Fact::Unknown(cause) if cause.kind == CauseKind::NotPermitted)
        );
        assert_eq!(shop(&[("connection_limit", "0")]).facts["connection_limit"], Fact::Int(0));
        let half = shop(&[("connection_limit", "-2")]);
        assert_eq!((half.inhabited, &half.facts["half_dropped"]), (false, &Fact::Bool(true)));
    }
}
