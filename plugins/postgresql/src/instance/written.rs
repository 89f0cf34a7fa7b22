//! Facts drawn from settings that are text: the text of most stays at the site, since commands and connection strings
//! hold credentials; what follows from it is told.

use goodstead_plugin::{Cause, CauseKind, Fact, UnknownOr, facts};

use super::{Facts, Server};
use crate::row::text;
use crate::session::Row;

mod command;

/// The facts of this module.
pub(super) const NAMES: [&str; 7] =
    ["listen", "archiving", "preloaded", "logging", "planner_off", "recovery", "data_directory"];

/// The planner's methods that are off unless somebody turns them on.
const OFF_BY_DEFAULT: [&str; 2] = ["enable_partitionwise_aggregate", "enable_partitionwise_join"];

/// What the rows of `pg_settings` say besides the settings themselves. A row that a role may not see is missing.
pub(crate) fn from_settings(rows: Result<&[Row], Cause>, server: &Server) -> Facts {
    let rows = match rows {
        Ok(rows) => rows,
        Err(cause) => return super::unknown_for(&NAMES, &cause),
    };
    let settings = Settings { rows, server };
    Facts::from([
        ("listen".to_owned(), settings.listen()),
        ("archiving".to_owned(), settings.archiving()),
        ("preloaded".to_owned(), settings.preloaded().or_unknown()),
        ("logging".to_owned(), settings.logging()),
        ("planner_off".to_owned(), settings.planner_off()),
        ("recovery".to_owned(), settings.recovery()),
        ("data_directory".to_owned(), settings.text("data_directory").or_unknown()),
    ])
}

struct Settings<'a> {
    rows: &'a [Row],
    server: &'a Server,
}

impl<'a> Settings<'a> {
    fn row(&self, name: &str) -> Option<&'a Row> {
        self.rows.iter().find(|row| text(row, "name") == Some(name))
    }

    /// A text; empty where this release has no such setting.
    fn text(&self, name: &str) -> Result<&'a str, Cause> {
        match self.row(name) {
            Some(row) => Ok(text(row, "setting").unwrap_or_default()),
            None if self.server.sees_stats => Ok(""),
            None => Err(super::sees_no_others(self.server)),
        }
    }

    fn listen(&self) -> Fact {
        let addresses = self.text("listen_addresses");
        facts! {
            "remote" => addresses.as_ref().map(|list| listens_remotely(list)).map_err(Clone::clone).or_unknown(),
            "addresses" => addresses.or_unknown(),
        }
    }

    /// While `archive_mode` is off the server shows `(disabled)` whatever is written: then it only says whether something
    /// is.
    fn archiving(&self) -> Fact {
        let (command, library) = (self.text("archive_command"), self.text("archive_library"));
        let off = self.text("archive_mode").map(|mode| mode == "off");
        let (Ok(command), Ok(library), Ok(off)) = (command, library, off) else {
            let hidden = super::sees_no_others(self.server);
            return facts! { "method" => hidden.clone(), "written" => hidden };
        };
        let command = if command == "(disabled)" { "" } else { command.trim() };
        let written = self.row("archive_command").is_some_and(|row| text(row, "source") != Some("default"));
        let method = match (command, library) {
            ("", "") => "none",
            (_, "") => "command",
            ("", _) => "library",
            _ => "command and library",
        };
        let mut archiving = Facts::from([
            ("method".to_owned(), method.into()),
            ("written".to_owned(), (written || !library.is_empty()).into()),
        ]);
        if off {
            return archiving.into();
        }
        if !command.is_empty() {
            archiving.insert("discards".to_owned(), command::discards(command).into());
        }
        archiving.into()
    }

    fn preloaded(&self) -> Result<Fact, Cause> {
        let list = self.text("shared_preload_libraries")?;
        let names = list.split(',').map(|name| name.trim().trim_matches('"')).filter(|name| !name.is_empty());
        Ok(names.map(Fact::from).collect::<Vec<_>>().into())
    }

    fn logging(&self) -> Fact {
        let prefix = self.text("log_line_prefix");
        let formats = self.text("log_destination");
        facts! {
            "process_id" => prefix.map(|prefix| prefix.contains("%p") || prefix.contains("%c")).or_unknown(),
            "structured" => formats.map(|list| list.contains("csvlog") || list.contains("jsonlog")).or_unknown(),
        }
    }

    /// Methods that the planner has by default and this server does not. A role's or database's own value is not the
    /// server's.
    fn planner_off(&self) -> Fact {
        let own = |row: &&Row| {
            !matches!(text(row, "source"), Some("client" | "user" | "database" | "database user" | "session"))
        };
        let off = self.rows.iter().filter(|row| text(row, "setting") == Some("off")).filter(own).filter_map(
            |row| {
                let name = text(row, "name")
                    .filter(|name| name.starts_with("enable_") && !OFF_BY_DEFAULT.contains(name))?;
                let mut item = Facts::from([("name".to_owned(), Fact::from(name))]);
                if let (Some(file), Some(line)) = (text(row, "sourcefile"), text(row, "sourceline")) {
                    item.insert("place".to_owned(), format!("{file}:{line}").into());
                }
                Some(Fact::from(item))
            },
        );
        off.collect::<Vec<_>>().into()
    }

    fn recovery(&self) -> Fact {
        let set = |name: &str| self.text(name).map(|value| !value.is_empty());
        let targets = [
            "recovery_target",
            "recovery_target_lsn",
            "recovery_target_name",
            "recovery_target_time",
            "recovery_target_xid",
        ];
        let target = targets.iter().try_fold(false, |any, name| Ok::<_, Cause>(any || set(name)?));
        facts! {
            "has_restore_command" => set("restore_command").or_unknown(),
            "has_primary" => set("primary_conninfo").or_unknown(),
            "to_a_point" => target.or_unknown(),
            "timeline" => self.timeline().or_unknown(),
        }
    }

    /// `latest`, `current`, or a number. Empty is the default, `latest`.
    fn timeline(&self) -> Result<Fact, Cause> {
        match self.text("recovery_target_timeline")? {
            "" => Ok("latest".into()),
            value if value.len() <= 20 => Ok(value.into()),
            _ => Err(Cause::new(CauseKind::NotAvailable, "the server's value is no timeline")),
        }
    }
}

/// Whether anybody but this host can connect over TCP.
fn listens_remotely(addresses: &str) -> bool {
    let loopback = |address: &str| {
        address.eq_ignore_ascii_case("localhost") || address == "::1" || address.starts_with("127.")
    };
    addresses.split(',').map(str::trim).any(|address| !address.is_empty() && !loopback(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server {
            number: 150_018,
            in_recovery: false,
            sees_stats: true,
            user: "goodstead".to_owned(),
            own: true,
            rows: 200,
        }
    }

    fn of(values: &[(&str, &str)]) -> serde_json::Value {
        let row = |(name, setting): &(&str, &str)| {
            let row = [("name", *name), ("setting", setting), ("source", "configuration file")];
            row.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Row>()
        };
        let rows: Vec<_> = values.iter().map(row).collect();
        Fact::from(from_settings(Ok(&rows), &server())).to_json()
    }

    #[test]
    fn who_can_connect_follows_from_the_addresses() {
        for (addresses, remote) in [
            ("", false),
            ("localhost", false),
            ("127.0.0.1, ::1", false),
            ("Localhost,127.0.1.1", false),
            ("*", true),
            ("0.0.0.0", true),
            ("localhost, 10.0.0.5", true),
            ("::", true),
        ] {
            assert_eq!(of(&[("listen_addresses", addresses)])["listen"]["remote"], remote, "{addresses}");
        }
    }

    #[test]
    fn a_command_that_is_disabled_is_written_and_no_method() {
        let off = of(&[("archive_mode", "off"), ("archive_command", "(disabled)")]);
        assert_eq!(off["archiving"], serde_json::json!({"method": "none", "written": true}));
        let on =
            of(&[("archive_mode", "on"), ("archive_command", "cp %p /archive/%f"), ("archive_library", "")]);
        assert_eq!(
            on["archiving"],
            serde_json::json!({"method": "command", "written": true, "discards": false})
        );
        assert!(!on.to_string().contains("/archive"));
    }

    #[test]
    fn a_method_that_is_off_by_default_is_no_news() {
        let off =
            of(&[("enable_seqscan", "off"), ("enable_partitionwise_join", "off"), ("enable_sort", "on")]);
        assert_eq!(off["planner_off"], serde_json::json!([{"name": "enable_seqscan"}]));
    }

    #[test]
    fn what_a_role_may_not_see_is_unknown() {
        let server = Server { sees_stats: false, ..server() };
        let facts = Fact::from(from_settings(Ok(&[]), &server)).to_json();
        assert_eq!(facts["preloaded"]["$unknown"]["kind"], "not-permitted");
        assert_eq!(facts["listen"]["remote"]["$unknown"]["kind"], "not-permitted");
    }
}
