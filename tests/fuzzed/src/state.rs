//! The agent's state: a database that was cut off, or rows that somebody else wrote.
//!
//! Opening and reading either works or says why; the spool loses nothing but what was delivered.

use std::fs;
use std::path::Path;

use goodstead_agent::doors;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// Reads `data` as the database itself.
pub fn file(data: &[u8]) {
    within(|path| {
        fs::write(path, data).expect("a file");
        private(path);
        if let Err(problem) = doors::state(path) {
            assert!(!problem.trim().is_empty());
        }
    });
}

/// Puts a row of `data` into every table of a sound database: as text, as bytes, and cut into pieces at `\x1e`.
pub fn rows(data: &[u8]) {
    within(|path| {
        assert_eq!(doors::state(path), Ok(Vec::new()), "a new state is whole");
        let database = Connection::open(path).expect("the database");
        let pieces: Vec<&[u8]> = data.split(|byte| *byte == 0x1e).collect();
        for table in texts(
            &database,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        ) {
            let columns = texts(&database, &format!("SELECT type FROM pragma_table_info('{table}')"));
            let values = columns.iter().enumerate().map(|(at, kind)| {
                let piece = pieces.get(at % pieces.len()).copied().unwrap_or_default();
                match (kind.as_str(), std::str::from_utf8(piece)) {
                    ("INTEGER", Ok(text)) if text.trim().parse::<i64>().is_ok() => {
                        Value::Integer(text.trim().parse().unwrap_or_default())
                    }
                    ("BLOB", _) => Value::Blob(piece.to_vec()),
                    (_, Ok(text)) => Value::Text(text.to_owned()),
                    (_, Err(_)) => Value::Blob(piece.to_vec()),
                }
            });
            let marks = vec!["?"; columns.len()].join(", ");
            // A row that the table refuses is none.
            let _ =
                database.execute(&format!("INSERT INTO {table} VALUES ({marks})"), params_from_iter(values));
        }
        drop(database);
        for problem in doors::state(path).expect("a sound database opens") {
            assert!(!problem.trim().is_empty());
            assert!(!problem.contains("were spooled"), "{problem}");
        }
    });
}

fn texts(database: &Connection, query: &str) -> Vec<String> {
    let mut statement = database.prepare(query).expect("a query");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a text")).collect()
}

fn within(run: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().expect("a folder");
    run(&folder.path().join("state.db"));
}

/// A file that others may write to is refused before it is read.
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
}
