//! What a running server will be after its next reload or restart, by its files: settings whose value there is another
//! one than what runs, and marks of a pending restart that mean nothing any more.

use std::collections::BTreeMap;

use goodstead_plugin::{Fact, facts};

use crate::catalogue::{self, Change};
use crate::effective::Effective;
use crate::files::Configuration;
use crate::row::text;
use crate::session::Row;
use crate::settings::from_server;

/// The fact `changes`. Only switches, numbers and choices are compared: the server may show a text in another way than
/// it is written. What was given on the command line, or belongs to a role or database, does not come from the files.
pub(crate) fn changes(
    running: &[Row],
    effective: &Effective,
    configuration: &Configuration,
    release: i64,
) -> Fact {
    let changes = effective.rows.iter().filter_map(|written| {
        let name = text(written, "name")?;
        let runs = running.iter().find(|row| text(row, "name") == Some(name))?;
        let from_file = matches!(text(runs, "source"), Some("default" | "configuration file"));
        // A default that nobody wrote is the build's or the host's, where it is another one than ours.
        let concerned =
            configuration.place(name).is_some() || text(runs, "source") == Some("configuration file");
        if !from_file || !concerned || text(runs, "setting") == text(written, "setting") {
            return None;
        }
        let value = |row: &Row| from_server(text(row, "setting")?, text(row, "vartype")?, text(row, "unit"));
        let (before, after) = (value(runs)?, value(written)?);
        if before == after {
            return None;
        }
        let setting = catalogue::find(name, release)?;
        let mut item = BTreeMap::from([
            ("name".to_owned(), Fact::from(name)),
            ("running".to_owned(), before),
            ("written".to_owned(), after),
            ("at".to_owned(), if setting.change == Change::Restart { "restart" } else { "reload" }.into()),
        ]);
        let place = configuration.place(name).unwrap_or("nowhere: the built-in default comes back");
        item.insert("place".to_owned(), place.into());
        Some(Fact::from(item))
    });
    changes.collect::<Vec<_>>().into()
}

/// The settings whose new value waits for a restart. The server keeps its mark when a line that was added is taken away
/// again: where the files say what runs, nothing waits.
pub(crate) fn pending(running: &[Row], effective: Option<&Effective>) -> Fact {
    let waiting = running.iter().filter(|row| text(row, "pending_restart") == Some("t"));
    let waiting = waiting.filter_map(|row| {
        let name = text(row, "name")?;
        if effective
            .and_then(|effective| effective.shown(name))
            .is_some_and(|written| text(row, "setting") == Some(written))
        {
            return None;
        }
        let mut item = facts! { "name" => name };
        if let (Fact::Map(fields), Some(file), Some(line)) =
            (&mut item, text(row, "sourcefile"), text(row, "sourceline"))
        {
            fields.items.insert("place".to_owned(), format!("{file}:{line}").into());
        }
        Some(item)
    });
    waiting.collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::effective::effective;
    use crate::files::read;

    const CONF: &str = "/etc/postgresql/15/main/postgresql.conf";

    fn running(name: &str, setting: &str, source: &str) -> Row {
        let found = catalogue::find(name, 15).unwrap();
        let mut row =
            Row::from([("name".to_owned(), name.to_owned()), ("setting".to_owned(), setting.to_owned())]);
        row.insert("vartype".to_owned(), found.vartype().to_owned());
        row.insert("source".to_owned(), source.to_owned());
        row.insert("pending_restart".to_owned(), "t".to_owned());
        if !found.unit.is_empty() {
            row.insert("unit".to_owned(), found.unit.to_owned());
        }
        row
    }

    fn both(conf: &str, rows: &[Row]) -> (Json, Json) {
        let mut site = FakeSite::new().file(CONF, conf);
        let configuration = read(&mut site, CONF, None).unwrap();
        let effective = effective(&configuration, 15).unwrap();
        (changes(rows, &effective, &configuration, 15).to_json(), pending(rows, Some(&effective)).to_json())
    }

    #[test]
    fn an_edit_that_was_not_reloaded_is_a_change() {
        let rows =
            [running("fsync", "on", "default"), running("max_connections", "100", "configuration file")];
        let (found, _) = both("fsync = off\nmax_connections = 0x64\n", &rows);
        assert_eq!(
            found,
            json!([{"name": "fsync", "running": true, "written": false, "at": "reload", "place": format!("{CONF}:1")}])
        );
        let (found, _) = both("", &rows);
        assert_eq!(found, json!([]), "it runs with the default already");
        let (found, _) = both("max_connections = 50\n", &rows);
        assert_eq!((&found[0]["at"], &found[0]["written"]), (&json!("restart"), &json!(50)));
    }

    #[test]
    fn what_does_not_come_from_the_files_is_no_change() {
        for source in ["command line", "user", "database", "override", "environment variable"] {
            assert_eq!(both("fsync = off\n", &[running("fsync", "on", source)]).0, json!([]), "{source}");
        }
        let buffers = running("shared_buffers", "99", "default");
        assert_eq!(both("", &[buffers]).0, json!([]), "another build's default");
    }

    #[test]
    fn a_mark_that_means_nothing_any_more_is_not_told() {
        let rows = [running("max_locks_per_transaction", "64", "default")];
        assert_eq!(both("", &rows).1, json!([]));
        assert_eq!(
            both("max_locks_per_transaction = 128\n", &rows).1,
            json!([{"name": "max_locks_per_transaction"}])
        );
        assert_eq!(
            pending(&rows, None).to_json(),
            json!([{"name": "max_locks_per_transaction"}]),
            "files unknown"
        );
    }
}
