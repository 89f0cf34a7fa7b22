//! Observed values as a person reads them: bytes with their size, lists short, unknowns with their cause.

use std::borrow::Cow;

use goodstead_protocol::contract::Unit;
use goodstead_protocol::fact::{CauseKind, Fact};

/// How many elements of a list are shown.
const SHOWN: usize = 6;

/// How many characters of a text are shown.
const SHOWN_TEXT: usize = 200;

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
        Some(Unit::Bytes) => bytes(value, &plain),
        Some(Unit::Seconds) => format!("{plain} s"),
        Some(Unit::Percent) => format!("{plain} %"),
        Some(Unit::Count) | None => plain,
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

/// A text of one line with nothing in it that a terminal or a reader acts on without showing it.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let clean = printable_ascii(text) || !text.contains(acts);
    if clean { Cow::Borrowed(text) } else { Cow::Owned(text.chars().flat_map(printable).collect()) }
}

/// Whether a text is nothing but printable ASCII, as nearly all of a report is: seen without looking at characters, and
/// without a way out of the loop, so that the machine looks at many bytes at once.
pub(crate) fn printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & (b' '..=b'~').contains(&byte))
}

/// Whether a character moves the cursor, ends the line, turns the reading direction or hides text, instead of standing
/// for itself: the controls (C0, DEL, C1), the marks of direction, the separators of lines, and the invisible
/// characters that no script needs. The joiners U+200C and U+200D are letters' company in some scripts and stay.
pub(crate) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Nothing that a site wrote may move the cursor, colour the screen, or read otherwise than it stands there.
fn printable(c: char) -> impl Iterator<Item = char> {
    let (escaped, plain) = if acts(c) { (Some(c.escape_default()), None) } else { (None, Some(c)) };
    escaped.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well() {
        assert_eq!(value(&Fact::Int(134_217_728), Some(Unit::Bytes)), "128.0 MiB");
        assert_eq!(value(&Fact::Int(512), Some(Unit::Bytes)), "512 B");
        assert_eq!(value(&Fact::Int(300), Some(Unit::Seconds)), "300 s");
        assert_eq!(
            value(&Fact::from((0..8).map(Fact::Int).collect::<Vec<_>>()), None),
            "[0, 1, 2, 3, 4, 5, and 2 more]"
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
