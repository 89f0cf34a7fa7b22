//! Extensions: which there are, and whose objects are older than their installed files.

use std::collections::BTreeMap;

use goodstead_plugin::Cause;

use super::Column::Text;
use super::{Found, found};
use crate::row::{missing, text};
use crate::session::{Row, Session};

/// The one extension that every database has, and that has never had another version.
const BUILT_IN: &str = "plpgsql";

/// The version that each installed extension's files would create, by name. Reading it means reading every control
/// file, so it is asked once a server, when the first extension is met, and not once a database.
pub(crate) type Available = Option<Result<BTreeMap<String, String>, Cause>>;

async fn ask(session: &Session) -> Result<BTreeMap<String, String>, Cause> {
    let rows = session.rows("SELECT name, default_version AS version FROM pg_available_extensions()").await?;
    Ok(versions(&rows))
}

fn versions(rows: &[Row]) -> BTreeMap<String, String> {
    let pair = |row: &Row| Some((text(row, "name")?.to_owned(), text(row, "version")?.to_owned()));
    rows.iter().filter_map(pair).collect()
}

/// The names of the extensions in a database, and those that an update would bring forward. A version that the files
/// have no way from is not among them: it may be newer than they are.
///
/// # Errors
/// Why the extensions are not known.
pub(crate) async fn extensions(
    session: &Session,
    database: &str,
    available: &mut Available,
) -> Result<(Vec<String>, Found), Cause> {
    let rows = session.rows("SELECT extname AS name, extversion AS version FROM pg_extension").await?;
    let created = versions(&rows);
    if created.keys().all(|name| name == BUILT_IN) {
        return Ok((created.into_keys().collect(), Found::default()));
    }
    if available.is_none() {
        *available = Some(ask(session).await);
    }
    let files = match available {
        Some(Ok(files)) => files,
        Some(Err(cause)) => {
            let partial = Some(cause.clone());
            return Ok((created.into_keys().collect(), Found { partial, ..Found::default() }));
        }
        None => return Err(missing()),
    };
    let differs = |(name, version): (&String, &String)| files.get(name).is_some_and(|files| files != version);
    let outdated = if created.iter().any(differs) {
        let rows = session.rows(&outdated(session.limits().rows)).await?;
        let columns = [("sql", Text), ("version", Text), ("available", Text)];
        found(rows, database, &columns, session.limits().rows)
    } else {
        Found::default()
    };
    Ok((created.into_keys().collect(), outdated))
}

fn outdated(most: usize) -> String {
    format!(
        "SELECT quote_ident(e.extname) AS label, quote_ident(e.extname) AS sql, e.extversion AS version,
           a.default_version AS available
         FROM pg_extension e JOIN pg_available_extensions() a ON a.name = e.extname
         WHERE e.extversion <> a.default_version
           AND EXISTS (SELECT 1 FROM pg_extension_update_paths(e.extname) p WHERE p.source = e.extversion
             AND p.target = a.default_version AND p.path IS NOT NULL)
         ORDER BY e.extname LIMIT {}",
        most + 1
    )
}
