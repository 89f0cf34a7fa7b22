//! Sequences that come near their end, or their column's.
//!
//! What a sequence has reached stands in the sequence itself, so this is the one question that opens something of the
//! site's: for a moment, a hundred at a time, never one that somebody else holds for a change of its definition, and
//! never one that counts in 64 bits to their end.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_plugin::{Cause, CauseKind, Fact};

use super::Found;
use crate::row::{int, switch, text};
use crate::session::{Row, Session, connect, identifier};

/// How many sequences are asked for at once, and how many of one database at most.
const AT_ONCE: usize = 100;
const MOST: usize = 2_000;

/// From how many per cent on a sequence is told at all.
const WORTH_TELLING: i128 = 50;

/// The end is the sequence's or its column's, whichever comes first. One that starts anew at its own end needs no
/// attention, unless its column is narrower; one that counts down is rare and left out.
fn definitions() -> String {
    format!(
        "WITH s AS (
           SELECT q.seqrelid, q.seqmin, q.seqmax, q.seqcycle, c.relname, n.nspname, t.relname AS table_name,
             m.nspname AS table_schema, a.attname, CASE a.atttypid WHEN 'int2'::regtype THEN 32767
               WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END AS widest
           FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = q.seqrelid
             AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
           LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
           LEFT JOIN pg_class t ON t.oid = d.refobjid LEFT JOIN pg_namespace m ON m.oid = t.relnamespace
           WHERE q.seqincrement > 0 AND c.relpersistence <> 't')
         SELECT seqrelid::bigint AS oid, format('%I.%I', nspname, relname) AS sql, quote_ident(nspname) AS schema_sql,
           quote_ident(table_schema) || '.' || quote_ident(table_name) AS table_sql, quote_ident(attname) AS column_sql,
           has_sequence_privilege(seqrelid, 'SELECT, USAGE') AS readable, seqmin AS first, least(seqmax, widest) AS last
         FROM s WHERE least(seqmax, widest) < 9223372036854775807 AND NOT (seqcycle AND seqmax <= widest)
         ORDER BY least(seqmax, widest), seqrelid LIMIT {}",
        MOST + 1
    )
}

/// What sequences have reached; NULL where none was taken yet. A lock that this would have to wait for is left alone.
fn values(numbers: &[String]) -> String {
    format!(
        "SELECT q.oid::bigint AS oid, pg_sequence_last_value(q.oid::regclass) AS last_value
         FROM unnest('{{{}}}'::oid[]) AS q(oid)
         WHERE NOT EXISTS (SELECT 1 FROM pg_locks l WHERE l.locktype = 'relation' AND l.relation = q.oid
           AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))",
        numbers.join(",")
    )
}

/// The sequences of one database, which SQL calls `database`, for the role `user`.
///
/// # Errors
/// Why nothing is known of them.
pub(crate) async fn sequences(session: &Session, database: &str, user: &str) -> Result<Found, Cause> {
    let defined = session.rows(&definitions()).await?;
    let mut found = Found::default();
    if defined.len() > MOST {
        let detail = format!("only the first {MOST} sequences of a database are asked");
        found.partial = Some(Cause::new(CauseKind::TooLarge, detail));
    }
    let (readable, hidden): (Vec<&Row>, Vec<&Row>) =
        defined.iter().take(MOST).partition(|row| switch(row, "readable") == Some(true));
    if !hidden.is_empty() {
        found.partial = Some(not_readable(&hidden, database, user));
    }
    for group in readable.chunks(AT_ONCE) {
        let numbers: Vec<String> =
            group.iter().filter_map(|row| int(row, "oid")).map(|oid| oid.to_string()).collect();
        match session.rows(&values(&numbers)).await {
            Ok(rows) => {
                let reached: BTreeMap<_, _> =
                    rows.iter().map(|row| (int(row, "oid"), int(row, "last_value"))).collect();
                for row in group {
                    match reached.get(&int(row, "oid")) {
                        Some(value) => {
                            found.items.extend(value.and_then(|value| near_end(row, value, database)))
                        }
                        None => _ = found.partial.get_or_insert_with(locked),
                    }
                }
            }
            Err(cause) => _ = found.partial.get_or_insert(cause),
        }
    }
    Ok(found)
}

fn locked() -> Cause {
    Cause::new(CauseKind::NotAvailable, "a sequence is locked by another session, or gone")
}

/// The sequence, if it has come far.
fn near_end(row: &Row, value: i64, database: &str) -> Option<Fact> {
    let (first, last) = (i128::from(int(row, "first")?), i128::from(int(row, "last")?));
    let used = (i128::from(value) - first) * 100;
    let percent = used.checked_div(last - first).filter(|percent| *percent >= WORTH_TELLING)?;
    let sql = text(row, "sql")?;
    let mut item = BTreeMap::from([
        ("name".to_owned(), Fact::from(format!("{database}.{sql}"))),
        ("database".to_owned(), database.into()),
        ("connect".to_owned(), connect(database).into()),
        ("sql".to_owned(), sql.into()),
        ("last_value".to_owned(), value.into()),
        ("end".to_owned(), int(row, "last")?.into()),
        ("used_percent".to_owned(), i64::try_from(percent).ok()?.into()),
    ]);
    if let (Some(table), Some(column)) = (text(row, "table_sql"), text(row, "column_sql")) {
        item.insert("table_sql".to_owned(), table.into());
        item.insert("column_sql".to_owned(), column.into());
    }
    Some(item.into())
}

/// What the role would need, by schema: the right to read a sequence is none to read a table.
fn not_readable(hidden: &[&Row], database: &str, user: &str) -> Cause {
    let schemas: BTreeSet<_> = hidden.iter().filter_map(|row| text(row, "schema_sql")).collect();
    let user = identifier(user);
    let grant = |schema: &&str| format!("GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {user};");
    let grants: Vec<_> = schemas.iter().take(5).map(grant).collect();
    let number = hidden.len();
    let detail = format!(
        "in the database {database} the role {user} may not read what {number} sequences have reached"
    );
    Cause::new(CauseKind::NotPermitted, detail).remedy(format!(
        "as the server's owner, in psql after `{}`: `{}`",
        connect(database),
        grants.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(first: &str, last: &str) -> Row {
        let values = [("sql", "public.s"), ("first", first), ("last", last)];
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_way_to_the_end_is_measured_from_the_start() {
        let percent = |first, last, value| {
            near_end(&row(first, last), value, "shop")
                .map(|fact| fact.to_json()["used_percent"].as_i64().unwrap())
        };
        assert_eq!(percent("1", "2147483647", 1_932_735_283), Some(90));
        assert_eq!(percent("1", "2147483647", 1_000_000), None);
        assert_eq!(percent("-2147483648", "2147483647", 0), Some(50));
        assert_eq!(percent("1", "2147483647", 4_294_967_296), Some(200), "past its column's end");
        assert_eq!(percent("7", "7", 7), None);
        assert_eq!(percent("-9223372036854775808", "9223372036854775806", i64::MAX), Some(100));
    }

    #[test]
    fn what_may_not_be_read_is_told_with_the_grant() {
        let mut row = row("1", "2");
        row.insert("schema_sql".into(), "\"My schema\"".into());
        let cause = not_readable(&[&row], "shop", "Good stead");
        let remedy = cause.remedy.unwrap();
        assert!(
            remedy.contains("`GRANT SELECT ON ALL SEQUENCES IN SCHEMA \"My schema\" TO \"Good stead\";`"),
            "{remedy}"
        );
    }
}
