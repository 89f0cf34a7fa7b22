//! Observed values as a person reads them: bytes with their size, lists short, unknowns with their cause.

use goodstead_model::Evidence;
use goodstead_page::printable;
pub(crate) use goodstead_page::{acts, plain, printable_ascii};
use goodstead_protocol::contract::Unit;
use goodstead_protocol::fact::{CauseKind, Fact};

/// How many elements of a list are shown.
const SHOWN: usize = 6;

/// How many characters of a text are shown.
const SHOWN_TEXT: usize = 200;

/// What was observed, in lines: the values of one item together, what is said once each by itself.
pub(crate) fn observed(evidence: &[Evidence]) -> Vec<String> {
    let mut lines: Vec<(Option<&str>, String)> = Vec::new();
    for one in evidence {
        let value = value(&one.value, one.unit);
        // `linux.mounts["/data"].used_percent` is about the item `linux.mounts["/data"]`.
        let of_item = one.path.rfind("\"].").map(|end| one.path.split_at(end + 2));
        match (of_item, lines.last_mut()) {
            (Some((item, rest)), Some((Some(last), line))) if *last == item => {
                line.push_str(&format!(", {} = {value}", rest.trim_start_matches('.')));
            }
            (Some((item, rest)), _) => {
                lines.push((Some(item), format!("{item}: {} = {value}", rest.trim_start_matches('.'))));
            }
            (None, _) => lines.push((None, format!("{} = {value}", one.path))),
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

/// A value in one line.
pub(crate) fn value(fact: &Fact, unit: Option<Unit>) -> String {
    match fact {
        Fact::Bool(value) => value.to_string(),
        Fact::Int(value) => number(*value as f64, value.to_string(), unit),
        Fact::Float(value) => number(*value, value.to_string(), unit),
        Fact::Text(value) => quoted(value),
        Fact::List(list) => {
            let shown = list
                .items
                .iter()
                .take(SHOWN)
                .map(|item| self::value(item, unit))
                .collect::<Vec<_>>()
                .join(", ");
            let more = list.items.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let partial = if list.partial.is_some() { " (not all could be read)" } else { "" };
            format!("[{shown}{more}]{partial}")
        }
        Fact::Map(map) => {
            let shown: Vec<_> = map
                .items
                .iter()
                .take(SHOWN)
                .map(|(name, item)| format!("{}: {}", plain(name), self::value(item, None)))
                .collect();
            let more = map.items.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            format!("{{{}{more}}}", shown.join(", "))
        }
        // Looked for and not there: for people that is an answer.
        Fact::Unknown(cause) if cause.kind == CauseKind::Absent => "not there".to_owned(),
        Fact::Unknown(cause) => format!("unknown: {cause}"),
    }
}

fn number(value: f64, plain: String, unit: Option<Unit>) -> String {
    match unit {
        // -1 is what many settings call unlimited, or another setting's value.
        Some(Unit::Bytes) if value >= 0.0 => bytes(value, &plain),
        Some(Unit::Seconds) => format!("{plain} s"),
        Some(Unit::Percent) => format!("{plain} %"),
        Some(Unit::Bytes | Unit::Count) | None => plain,
    }
}

fn bytes(value: f64, plain: &str) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = value;
    let mut unit = None;
    for name in UNITS {
        if size.abs() < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = Some(name);
    }
    match unit {
        Some(unit) => format!("{size:.1} {unit}"),
        None => format!("{plain} B"),
    }
}

fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_TEXT).flat_map(printable).collect();
    if text.chars().count() > SHOWN_TEXT {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well() {
        assert_eq!(value(&Fact::Int(134_217_728), Some(Unit::Bytes)), "128.0 MiB");
        assert_eq!(value(&Fact::Int(512), Some(Unit::Bytes)), "512 B");
        assert_eq!(value(&Fact::Int(-1), Some(Unit::Bytes)), "-1");
        assert_eq!(value(&Fact::Int(300), Some(Unit::Seconds)), "300 s");
        assert_eq!(
            value(&Fact::from((0..8).map(Fact::Int).collect::<Vec<_>>()), None),
            "[0, 1, 2, 3, 4, 5, and 2 more]"
        );
    }

    #[test]
    fn the_values_of_one_item_are_one_line() {
        let seen =
            |path: &str, value: i64| Evidence { path: path.into(), value: Fact::Int(value), unit: None };
        let evidence = [
            seen("x.limit", 1),
            seen("x.files[\"/a\"].size", 2),
            seen("x.files[\"/a\"].mode", 3),
            seen("x.files[\"/b\"].size", 4),
            seen("x.sysctl[\"vm/swappiness\"]", 5),
        ];
        assert_eq!(
            observed(&evidence),
            [
                "x.limit = 1",
                "x.files[\"/a\"]: size = 2, mode = 3",
                "x.files[\"/b\"]: size = 4",
                "x.sysctl[\"vm/swappiness\"] = 5"
            ]
        );
    }

    #[test]
    fn what_a_site_wrote_cannot_move_the_cursor() {
        assert_eq!(value(&"a\u{1b}[2Jb\nc".into(), None), "\"a\\u{1b}[2Jb\\nc\"");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(
            plain("a\u{202e}b\u{9b}c\u{7f}d\u{2028}e\u{e0041}"),
            "a\\u{202e}b\\u{9b}c\\u{7f}d\\u{2028}e\\u{e0041}"
        );
        for text in ["naïve", "می\u{200c}خواهم", "日本", "👩\u{200d}💻"] {
            assert_eq!(plain(text), text);
        }
    }
}
