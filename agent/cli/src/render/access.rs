//! The access log as lines that grep well: when, who, granted or refused, what, how much, how long.

use std::fmt::Write;

use super::value::plain;
use crate::broker::AccessLog;

/// Everything that every plugin asked for.
pub(crate) fn log(log: &AccessLog) -> String {
    let mut text = String::new();
    for (plugin, entries) in log {
        for entry in entries {
            let outcome = if entry.refused.is_some() { "refused" } else { "granted" };
            let _ = write!(
                text,
                "{:>10.3} ms  {plugin}  {outcome}  {:<9}  {}  {} B  {:.3} ms",
                entry.at_ms,
                entry.kind,
                plain(&entry.what),
                entry.bytes,
                entry.took_ms
            );
            put_reason(&mut text, entry.refused.as_deref());
            for file in &entry.files {
                let outcome = if file.refused.is_some() { "refused" } else { "granted" };
                let _ = write!(
                    text,
                    "{:>10.3} ms  {plugin}  {outcome}  {:<9}  {}  {} B",
                    entry.at_ms,
                    "- file",
                    plain(&file.path),
                    file.bytes
                );
                put_reason(&mut text, file.refused.as_deref());
            }
        }
    }
    text
}

fn put_reason(text: &mut String, refused: Option<&str>) {
    match refused {
        Some(reason) => {
            let _ = writeln!(text, "  ({})", plain(reason));
        }
        None => text.push('\n'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{AccessEntry, AccessFile};

    #[test]
    fn a_request_is_a_line_and_so_is_each_of_its_files() {
        let entry = |kind: &str, what: &str, refused: Option<&str>, files| AccessEntry {
            at_ms: 1.5,
            kind: kind.into(),
            what: what.into(),
            refused: refused.map(str::to_owned),
            bytes: 7,
            took_ms: 0.25,
            files,
        };
        let file = AccessFile { path: "/etc/a".into(), bytes: 7, refused: None };
        let entries = vec![
            entry("read_many", "/etc/*", None, vec![file]),
            entry("read", "/etc/shadow\nforged", Some("plugin.toml does not ask to read it"), vec![]),
        ];
        let log = log(&AccessLog::from([("demo".to_owned(), entries)]));
        let lines: Vec<_> = log.lines().map(str::trim_start).collect();
        assert_eq!(
            lines,
            [
                "1.500 ms  demo  granted  read_many  /etc/*  7 B  0.250 ms",
                "1.500 ms  demo  granted  - file     /etc/a  7 B",
                "1.500 ms  demo  refused  read       /etc/shadow\\nforged  7 B  0.250 ms  \
                 (plugin.toml does not ask to read it)",
            ]
        );
    }
}
