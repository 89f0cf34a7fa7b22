//! The value of a setting, normalised: switches are booleans, sizes bytes, durations seconds, choices text.
//!
//! The sentinels −1 and 0 mean something of their own ("no limit", "off") and are never multiplied. File modes, which
//! are written in octal with a leading 0, stay text. A duration is a whole number of seconds where it is one.

use goodstead_plugin::Fact;

use crate::accept::{accept, switch};
use crate::catalogue::{self, Kind, Setting};

/// Words in the names of settings whose text may hold a password or a key. Their values do not leave this plugin.
const CONFIDENTIAL: [&str; 7] = ["command", "conninfo", "key", "pass", "secret", "token", "credential"];

/// What a number without a unit of its own counts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    One,
    Bytes(f64),
    Seconds(f64),
}

impl Unit {
    /// `8kB`, `ms`, and so on, as the server and its files spell them.
    fn read(text: &str) -> Option<Unit> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (count, name) = text.split_at(digits);
        let count = if count.is_empty() { 1.0 } else { count.parse::<f64>().ok()? };
        Some(match name {
            "B" => Unit::Bytes(count),
            "kB" => Unit::Bytes(count * 1024.0),
            "MB" => Unit::Bytes(count * 1024.0 * 1024.0),
            "GB" => Unit::Bytes(count * 1024.0 * 1024.0 * 1024.0),
            "TB" => Unit::Bytes(count * 1024.0 * 1024.0 * 1024.0 * 1024.0),
            "us" => Unit::Seconds(count / 1e6),
            "ms" => Unit::Seconds(count / 1e3),
            "s" => Unit::Seconds(count),
            "min" => Unit::Seconds(count * 60.0),
            "h" => Unit::Seconds(count * 3_600.0),
            "d" => Unit::Seconds(count * 86_400.0),
            _ => return None,
        })
    }

    fn apply(self, number: f64) -> Fact {
        match self {
            _ if number <= 0.0 => plain(number),
            Unit::One => plain(number),
            Unit::Bytes(size) => plain((number * size).round()),
            Unit::Seconds(length) => plain(number * length),
        }
    }
}

/// A whole number where it is one. All settings lie well within the numbers that a float holds exactly.
fn plain(number: f64) -> Fact {
    if number.fract() == 0.0 && number.abs() < 9e15 { Fact::Int(number as i64) } else { Fact::Float(number) }
}

/// A row of `pg_settings`: `setting` as a `vartype`, counted in `unit`. `None` for text and for what cannot be read.
pub(crate) fn from_server(setting: &str, vartype: &str, unit: Option<&str>) -> Option<Fact> {
    let unit = unit.map_or(Some(Unit::One), Unit::read)?;
    match vartype {
        "bool" => switch(setting).map(Fact::Bool),
        "enum" => Some(setting.into()),
        "integer" if is_mode(setting) => Some(setting.into()),
        "integer" => Some(unit.apply(setting.parse::<i32>().ok()?.into())),
        "real" if unit == Unit::One => setting.parse().ok().filter(|n: &f64| n.is_finite()).map(Fact::Float),
        "real" => Some(unit.apply(setting.parse().ok()?)),
        _ => None,
    }
}

/// What a file says that `name` is. `None` when the value may hold a secret. A value that does not fit stays text: a
/// comparison with it is unknown, never true or false.
pub(crate) fn from_file(name: &str, value: &str) -> Option<Fact> {
    match catalogue::latest(name) {
        Some(setting) if setting.kind != Kind::Text => {
            let shown = accept(&setting, value).ok();
            let fact = shown.and_then(|shown| from_server(&shown, setting.vartype(), unit_of(&setting)));
            Some(fact.unwrap_or_else(|| value.into()))
        }
        _ if CONFIDENTIAL.iter().any(|word| name.contains(word)) => None,
        Some(_) => Some(value.into()),
        None => match (value.parse::<i32>(), value) {
            (Ok(number), _) => Some(Fact::Int(number.into())),
            (_, "on" | "true" | "yes") => Some(true.into()),
            (_, "off" | "false" | "no") => Some(false.into()),
            // The text of an extension's setting is anybody's guess.
            _ if name.contains('.') => None,
            _ => Some(value.into()),
        },
    }
}

/// The unit as `pg_settings` has it.
pub(crate) fn unit_of(setting: &Setting) -> Option<&'static str> {
    Some(setting.unit).filter(|unit| !unit.is_empty())
}

fn is_mode(value: &str) -> bool {
    value.len() > 1 && value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_s_values_become_bytes_seconds_and_switches() {
        let read = |setting, vartype, unit| {
            from_server(setting, vartype, unit).map(|fact| fact.to_json().to_string())
        };
        for (setting, vartype, unit, expected) in [
            ("on", "bool", None, "true"),
            ("16384", "integer", Some("8kB"), "134217728"),
            ("4096", "integer", Some("kB"), "4194304"),
            ("1024", "integer", Some("MB"), "1073741824"),
            ("-1", "integer", Some("MB"), "-1"),
            ("0", "integer", Some("ms"), "0"),
            ("2000", "integer", Some("ms"), "2"),
            ("1500", "integer", Some("ms"), "1.5"),
            ("2", "real", Some("ms"), "0.002"),
            ("1440", "integer", Some("min"), "86400"),
            ("0777", "integer", None, "\"0777\""),
            ("4", "real", None, "4.0"),
            ("-1", "real", Some("ms"), "-1"),
            ("replica", "enum", None, "\"replica\""),
        ] {
            assert_eq!(
                read(setting, vartype, unit).as_deref(),
                Some(expected),
                "{setting} {vartype} {unit:?}"
            );
        }
        assert_eq!(read("/var/lib/postgresql", "string", None), None);
        assert_eq!(read("5", "integer", Some("parsec")), None);
    }

    #[test]
    fn a_file_s_values_become_the_same() {
        let read = |name: &str, value: &str| from_file(name, value).map(|fact| fact.to_json().to_string());
        for (name, value, expected) in [
            ("fsync", "OFF", "false"),
            ("fsync", "f", "false"),
            ("fsync", "1", "true"),
            ("fsync", "perhaps", "\"perhaps\""),
            ("shared_buffers", "128MB", "134217728"),
            ("shared_buffers", "16384", "134217728"),
            ("shared_buffers", "1.5 GB", "1610612736"),
            ("work_mem", "0x1000", "4194304"),
            ("work_mem", "5min", "\"5min\""),
            ("checkpoint_timeout", "15min", "900"),
            ("checkpoint_timeout", "1h", "3600"),
            ("statement_timeout", "500us", "0"),
            ("statement_timeout", "250", "0.25"),
            ("log_rotation_age", "1d", "86400"),
            ("max_slot_wal_keep_size", "-1", "-1"),
            ("wal_level", "Replica", "\"replica\""),
            ("archive_mode", "true", "\"on\""),
            ("random_page_cost", "2", "2.0"),
            ("unix_socket_permissions", "0770", "\"0770\""),
            ("cluster_name", "15/main", "\"15/main\""),
            ("my_ext.limit", "12", "12"),
        ] {
            assert_eq!(read(name, value).as_deref(), Some(expected), "{name} = {value}");
        }
    }

    #[test]
    fn text_that_may_hold_a_secret_stays_behind() {
        for name in
            ["primary_conninfo", "archive_command", "ssl_passphrase_command", "my_ext.api", "x_password"]
        {
            assert_eq!(from_file(name, "host=db password=hunter2"), None, "{name}");
        }
        assert!(from_file("password_encryption", "scram-sha-256").is_some());
    }
}
