//! The access log as lines that grep well: when, who, granted or refused, what, how much, how long.

use std::fmt::Write;

use super::value::plain;
use crate::broker::{AccessEntry, AccessLog, Counted};

/// Everything that every plugin asked for.
pub(crate) fn log(log: &AccessLog) -> String {
    let mut text = String::new();
    for (plugin, entries) in log {
        for entry in entries {
            if let Some(counted) = &entry.counted {
                put_counted(&mut text, plugin, entry, *counted);
                continue;
            }
            let outcome = if entry.refused.is_some() { "refused" } else { "granted" };
            let _ = write!(
                text,
                "{:>10.3} ms  {plugin}  {outcome}  {:<9}  {}{}  {} B  {:.3} ms",
                entry.at_ms,
                plain(&entry.kind),
                plain(&entry.what),
                led(entry.resolved.as_deref()),
                entry.bytes,
                entry.took_ms
            );
            put_reason(&mut text, entry.refused.as_deref());
            for file in &entry.files {
                let outcome = if file.refused.is_some() { "refused" } else { "granted" };
                let _ = write!(
                    text,
                    "{:>10.3} ms  {plugin}  {outcome}  {:<9}  {}{}  {} B",
                    entry.at_ms,
                    "- file",
                    plain(&file.path),
                    led(file.resolved.as_deref()),
                    file.bytes
                );
                put_reason(&mut text, file.refused.as_deref());
            }
        }
    }
    text
}

/// Where a path led, if it led to another.
fn led(resolved: Option<&str>) -> String {
    resolved.map_or_else(String::new, |resolved| format!(" -> {}", plain(resolved)))
}

/// What was not written down one by one: how much of what, and where.
fn put_counted(text: &mut String, plugin: &str, entry: &AccessEntry, counted: Counted) {
    let Counted { granted, refused } = counted;
    let _ = writeln!(
        text,
        "{:>10.3} ms  {plugin}  counted  {:<9}  {} more in {}: {granted} granted, {refused} refused  {} B  {:.3} ms",
        entry.at_ms,
        plain(&entry.kind),
        granted + refused,
        plain(&entry.what),
        entry.bytes,
        entry.took_ms
    );
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
    use crate::broker::AccessFile;

    #[test]
    fn a_request_is_a_line_and_so_is_each_of_its_files() {
        let entry = |kind: &str, what: &str, refused: Option<&str>, files| AccessEntry {
            at_ms: 1.5,
            kind: kind.into(),
            what: what.into(),
            resolved: None,
            refused: refused.map(str::to_owned),
            bytes: 7,
            took_ms: 0.25,
            files,
            counted: None,
        };
        let file =
            AccessFile { path: "/etc/a".into(), resolved: Some("/srv/a".into()), bytes: 7, refused: None };
        let counted = Some(Counted { granted: 3, refused: 40 });
        let entries = vec![
            entry("read_many", "/etc/*", None, vec![file]),
            entry("read", "/etc/shadow\nforged", Some("plugin.toml does not ask to read it"), vec![]),
            AccessEntry { counted, ..entry("stat", "/etc", None, vec![]) },
        ];
        let log = log(&AccessLog::from([("demo".to_owned(), entries)]));
        let lines: Vec<_> = log.lines().map(str::trim_start).collect();
        assert_eq!(
            lines,
            [
                "1.500 ms  demo  granted  read_many  /etc/*  7 B  0.250 ms",
                "1.500 ms  demo  granted  - file     /etc/a -> /srv/a  7 B",
                "1.500 ms  demo  refused  read       /etc/shadow\\nforged  7 B  0.250 ms  \
                 (plugin.toml does not ask to read it)",
                "1.500 ms  demo  counted  stat       43 more in /etc: 3 granted, 40 refused  7 B  0.250 ms",
            ]
        );
    }
}
