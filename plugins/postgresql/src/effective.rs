//! What a server of a release would run with by its files, built-in defaults included, and what it would refuse.
//!
//! The rows are those that `pg_settings` would show, so that everything which is drawn from a running server's rows is
//! drawn from the files by the same code. A setting whose value nobody can know from files has no row.

use std::collections::BTreeMap;

use crate::accept::{accept, default};
use crate::catalogue::{self, Change, RELEASES, Setting};
use crate::files::{Configuration, Written};
use crate::session::Row;

/// Settings that the server works out itself when it starts, unless a value is written.
const WORKED_OUT: [&str; 6] = [
    "commit_timestamp_buffers",
    "io_max_concurrency",
    "max_stack_depth",
    "subtransaction_buffers",
    "transaction_buffers",
    "wal_buffers",
];

/// Settings that are gone, with what the release notes of the release that lacks them say to do.
const REPLACED: [(&str, &str); 22] = [
    ("checkpoint_segments", "max_wal_size takes its place (a size: about 3 times as many segments of 16 MB)"),
    ("custom_variable_classes", "remove the line, it is not needed any more"),
    ("db_user_namespace", "there is no replacement"),
    ("force_parallel_mode", "it is called debug_parallel_query"),
    ("lc_collate", "it is a property of each database"),
    ("lc_ctype", "it is a property of each database"),
    ("max_fsm_pages", "remove the line, it is not needed any more"),
    ("max_fsm_relations", "remove the line, it is not needed any more"),
    ("min_parallel_relation_size", "it is called min_parallel_table_scan_size"),
    ("old_snapshot_threshold", "there is no replacement"),
    ("operator_precedence_warning", "remove the line, there is no replacement"),
    ("promote_trigger_file", "use pg_ctl promote or pg_promote()"),
    ("replacement_sort_tuples", "remove the line, there is no replacement"),
    ("sql_inheritance", "remove the line, there is no replacement"),
    ("standby_mode", "create the file standby.signal in the data folder instead"),
    ("stats_temp_directory", "remove the line, statistics are in shared memory"),
    ("trace_recovery_messages", "remove the line, there is no replacement"),
    ("trigger_file", "use pg_ctl promote or pg_promote()"),
    ("unix_socket_directory", "it is called unix_socket_directories"),
    ("vacuum_cleanup_index_scale_factor", "remove the line, there is no replacement"),
    ("vacuum_defer_cleanup_age", "use hot_standby_feedback or replication slots"),
    ("wal_keep_segments", "wal_keep_size takes its place (a size: segments times 16 MB)"),
];

/// What the server would make of the files.
#[derive(Debug, Default)]
pub(crate) struct Effective {
    /// As `pg_settings` would show them.
    pub(crate) rows: Vec<Row>,
    /// Lines with a name or a value that the server refuses at a reload and at a start: place and problem.
    pub(crate) errors: Vec<(String, String)>,
    /// What makes it end at its start although each line is good.
    pub(crate) at_start: Vec<(String, String)>,
    /// Settings without a row: the value is worked out by the server, or is one that it refuses.
    pub(crate) unsettled: Vec<&'static str>,
}

/// What a server of `release` makes of `configuration`. `None` if the catalogue does not describe that release.
pub(crate) fn effective(configuration: &Configuration, release: i64) -> Option<Effective> {
    if !RELEASES.contains(&release) {
        return None;
    }
    let mut found = Effective::default();
    let mut written = BTreeMap::new();
    for (name, line) in configuration.values() {
        match catalogue::find(name, release) {
            Some(setting) => _ = written.insert(setting.name, line),
            // Extensions have settings of their own.
            None if name.contains('.') => {}
            None => found.errors.push((line.place.clone(), unknown(name, release))),
        }
    }
    for setting in catalogue::all(release) {
        found.setting(&setting, written.get(setting.name).copied());
    }
    found.hide_archive_command();
    found.contradictions(&written, configuration, release);
    Some(found)
}

impl Effective {
    fn setting(&mut self, setting: &Setting, line: Option<&Written>) {
        let Some(line) = line else {
            if setting.change == Change::Never || WORKED_OUT.contains(&setting.name) {
                self.unsettled.push(setting.name);
            } else {
                self.rows.push(row(setting, default(setting), None));
            }
            return;
        };
        if setting.change == Change::Never {
            self.errors.push((line.place.clone(), format!("{} cannot be set", setting.name)));
            return self.unsettled.push(setting.name);
        }
        match accept(setting, &line.value) {
            // As it is written this too means that the server works it out.
            Ok(shown) if WORKED_OUT.contains(&setting.name) && shown == setting.default => {
                self.unsettled.push(setting.name);
            }
            Ok(shown) => self.rows.push(row(setting, shown, Some(&line.place))),
            Err(problem) => {
                self.errors.push((line.place.clone(), problem));
                self.unsettled.push(setting.name);
            }
        }
    }

    /// What the server would show for a setting.
    pub(crate) fn shown(&self, name: &str) -> Option<&str> {
        let row = self.rows.iter().find(|row| row.get("name").is_some_and(|it| it == name))?;
        row.get("setting").map(String::as_str)
    }

    /// While archiving is off the server shows no command, whatever is written.
    fn hide_archive_command(&mut self) {
        if self.shown("archive_mode") == Some("off")
            && let Some(row) =
                self.rows.iter_mut().find(|row| row.get("name").is_some_and(|it| it == "archive_command"))
        {
            row.insert("setting".to_owned(), "(disabled)".to_owned());
        }
    }

    /// Values that are good one by one, and with which the server does not start.
    fn contradictions(
        &mut self,
        written: &BTreeMap<&str, &Written>,
        configuration: &Configuration,
        release: i64,
    ) {
        let number = |name: &str| self.shown(name).and_then(|shown| shown.parse::<i64>().ok());
        let place = |names: &[&str]| {
            let line = names.iter().find_map(|name| written.get(name));
            line.map_or_else(|| configuration.first_file().to_owned(), |line| line.place.clone())
        };
        let mut found = Vec::new();
        let reserved = number("superuser_reserved_connections").map(|reserved| {
            reserved + if release >= 16 { number("reserved_connections").unwrap_or(0) } else { 0 }
        });
        if let (Some(most), Some(reserved)) = (number("max_connections"), reserved)
            && reserved >= most
        {
            let names: &[&str] =
                &["max_connections", "superuser_reserved_connections", "reserved_connections"];
            let both = if release >= 16 { " and reserved_connections together" } else { "" };
            let problem = format!(
                "max_connections = {most} is not above superuser_reserved_connections{both} ({reserved})"
            );
            found.push((place(names), problem));
        }
        if self.shown("wal_level") == Some("minimal") {
            let level = "wal_level = minimal does not go together with";
            if let Some(senders) = number("max_wal_senders").filter(|senders| *senders > 0) {
                let set = if written.contains_key("max_wal_senders") { "" } else { " (the default)" };
                found.push((
                    place(&["wal_level"]),
                    format!("{level} max_wal_senders = {senders}{set}: set it to 0"),
                ));
            }
            if self.shown("archive_mode").is_some_and(|mode| mode != "off") {
                found.push((place(&["wal_level"]), format!("{level} archive_mode: switch that off")));
            }
            if self.shown("summarize_wal") == Some("on") {
                found.push((place(&["wal_level"]), format!("{level} summarize_wal: switch that off")));
            }
        }
        self.at_start.extend(found);
    }
}

/// What is wrong with a name that this release does not know.
fn unknown(name: &str, release: i64) -> String {
    let mut problem = match catalogue::releases(name) {
        Some((_, last)) if last < release => {
            format!("release {release} has no {name}: it was removed in {}", last + 1)
        }
        Some((first, _)) => format!("release {release} has no {name}: it came with {first}"),
        None => {
            format!("release {release} has no setting {}", if plain(name) { name } else { "of this name" })
        }
    };
    let replaced = REPLACED.iter().find(|(gone, _)| *gone == name);
    match (replaced, catalogue::similar(name, release)) {
        (Some((_, instead)), _) => problem.push_str(&format!("; {instead}")),
        (None, Some(similar)) => problem.push_str(&format!("; did you mean {similar}?")),
        (None, None) => {}
    }
    problem
}

/// Whether a name has nothing odd in it.
fn plain(name: &str) -> bool {
    name.len() <= 63 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn row(setting: &Setting, shown: String, place: Option<&String>) -> Row {
    let mut row = Row::from([
        ("name".to_owned(), setting.name.to_owned()),
        ("setting".to_owned(), shown),
        ("vartype".to_owned(), setting.vartype().to_owned()),
        ("source".to_owned(), if place.is_some() { "configuration file" } else { "default" }.to_owned()),
    ]);
    if !setting.unit.is_empty() {
        row.insert("unit".to_owned(), setting.unit.to_owned());
    }
    if let Some((file, line)) = place.and_then(|place| place.rsplit_once(':')) {
        row.insert("sourcefile".to_owned(), file.to_owned());
        row.insert("sourceline".to_owned(), line.to_owned());
    }
    row
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;
    use crate::files::read;

    const CONF: &str = "/etc/postgresql/15/main/postgresql.conf";

    fn of(text: &str, release: i64) -> Effective {
        let mut site = FakeSite::new().file(CONF, text);
        effective(&read(&mut site, CONF, None).unwrap(), release).unwrap()
    }

    fn errors(text: &str, release: i64) -> Vec<String> {
        let found = of(text, release);
        let problems = found.errors.into_iter().chain(found.at_start);
        problems.map(|(place, problem)| format!("{}: {problem}", place.rsplit('/').next().unwrap())).collect()
    }

    #[test]
    fn what_is_not_written_has_the_release_s_default() {
        assert_eq!(of("", 14).shown("shared_buffers"), Some("1024"));
        assert_eq!(of("", 15).shown("shared_buffers"), Some("16384"));
        let written = of("FSYNC = off\nsort_mem = 8MB\nunix_socket_permissions = 0700\n", 15);
        assert_eq!(written.shown("fsync"), Some("off"));
        assert_eq!(written.shown("work_mem"), Some("8192"));
        assert_eq!(written.shown("unix_socket_permissions"), Some("0700"));
        assert_eq!(of("", 15).shown("unix_socket_permissions"), Some("0777"));
        assert_eq!(of("", 15).shown("wal_buffers"), None, "the server works it out");
        assert_eq!(of("wal_buffers = 16MB", 15).shown("wal_buffers"), Some("2048"));
        assert_eq!(of("archive_command = 'cp %p /a/%f'", 15).shown("archive_command"), Some("(disabled)"));
    }

    #[test]
    fn names_and_values_that_a_release_refuses_are_explained() {
        let text = "shared_bufers = 1GB\nwal_keep_segments = 64\noperator_precedence_warning = off\n\
                    io_method = worker\nnonsense = 1\nmy.own = 1\nserver_version = 15\nwork_mem = 64mb\n";
        insta::assert_snapshot!(errors(text, 15).join("\n"), @"
        postgresql.conf:4: release 15 has no io_method: it came with 18
        postgresql.conf:5: release 15 has no setting nonsense
        postgresql.conf:3: release 15 has no operator_precedence_warning: it was removed in 14; remove the line, there is no replacement
        postgresql.conf:1: release 15 has no setting shared_bufers; did you mean shared_buffers?
        postgresql.conf:2: release 15 has no setting wal_keep_segments; wal_keep_size takes its place (a size: segments times 16 MB)
        postgresql.conf:7: server_version cannot be set
        postgresql.conf:8: work_mem = 64mb: the units of a size are B, kB, MB, GB, TB (upper and lower case matter)
        ");
    }

    #[test]
    fn good_lines_that_do_not_go_together_are_found() {
        for (text, release, count) in [
            ("max_connections = 5\nsuperuser_reserved_connections = 6\n", 15, 1),
            ("max_connections = 3\n", 15, 1),
            ("max_connections = 4\n", 15, 0),
            ("max_connections = 4\nreserved_connections = 1\n", 16, 1),
            ("wal_level = minimal\n", 15, 1),
            ("wal_level = minimal\nmax_wal_senders = 0\n", 15, 0),
            ("wal_level = minimal\nmax_wal_senders = 0\narchive_mode = on\n", 15, 1),
            ("wal_level = minimal\nmax_wal_senders = 0\nsummarize_wal = on\n", 17, 1),
        ] {
            let found = errors(text, release);
            assert_eq!(found.len(), count, "{text}: {found:?}");
        }
        insta::assert_snapshot!(errors("wal_level = minimal\nmax_connections = 3\n", 16).join("\n"), @"
        postgresql.conf:2: max_connections = 3 is not above superuser_reserved_connections and reserved_connections together (3)
        postgresql.conf:1: wal_level = minimal does not go together with max_wal_senders = 10 (the default): set it to 0
        ");
    }

    #[test]
    fn a_release_that_is_not_known_is_not_judged() {
        let mut site = FakeSite::new().file(CONF, "fsync = off\n");
        let configuration = read(&mut site, CONF, None).unwrap();
        assert!(effective(&configuration, 12).is_none() && effective(&configuration, 19).is_none());
    }
}
