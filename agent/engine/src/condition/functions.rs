//! The functions, over known values. The first unknown argument makes the result unknown, and a partial list has no
//! size and no joined text.

use std::borrow::Cow;
use std::cmp::Ordering;

use goodstead_protocol::fact::{Cause, Fact};

use super::eval::{cause_of, failed};
use super::node::Function;
use super::operate;

/// Calls `function`; `path` is where the first argument comes from, for the cause.
pub(super) fn call(function: Function, values: &[Cow<'_, Fact>], path: Option<&str>) -> Fact {
    if let Some(unknown) = values.iter().find(|value| matches!(***value, Fact::Unknown(_))) {
        return unknown.clone().into_owned();
    }
    let result = match (function, values) {
        (Function::Size, [of]) => size(of, path),
        (Function::Contains, [text, part]) => both_text(text, part, path, |text, part| text.contains(part)),
        (Function::StartsWith, [text, part]) => {
            both_text(text, part, path, |text, part| text.starts_with(part))
        }
        (Function::EndsWith, [text, part]) => both_text(text, part, path, |text, part| text.ends_with(part)),
        (Function::Int, [of]) => int(of, path),
        (Function::Double, [of]) => double(of, path),
        (Function::String, [of]) => plain(of).map(Fact::Text).ok_or_else(|| wrong(path)),
        (Function::Bytes, [of]) => number(of, path).map(|bytes| bytes_text(bytes).into()),
        (Function::Duration, [of]) => number(of, path).map(|seconds| duration_text(seconds).into()),
        (Function::Percent, [part, whole]) => percent(part, whole, path),
        (Function::Min, [one, two]) => extreme(one, two, path, Ordering::Less),
        (Function::Max, [one, two]) => extreme(one, two, path, Ordering::Greater),
        (Function::Join, [list, between]) => join(list, between, path),
        (Function::Shell, [word]) => shell(word, path),
        _ => Err(wrong(path)),
    };
    result.unwrap_or_else(Fact::from)
}

/// The cause for a value of a type that the function does not take (a scalar can be any).
fn wrong(path: Option<&str>) -> Cause {
    failed(match path {
        Some(path) => format!("`{path}` is of another type here than the condition needs"),
        None => "a value is of another type here than the condition needs".to_owned(),
    })
}

/// Applies `use_text` to a known text.
pub(super) fn on_text(
    value: &Fact,
    path: Option<&str>,
    use_text: impl FnOnce(&str) -> Result<Fact, Cause>,
) -> Fact {
    match value {
        Fact::Text(text) => use_text(text).unwrap_or_else(Fact::from),
        other => cause_of(other, || wrong(path)).into(),
    }
}

fn both_text(
    text: &Fact,
    part: &Fact,
    path: Option<&str>,
    holds: impl FnOnce(&str, &str) -> bool,
) -> Result<Fact, Cause> {
    match (text, part) {
        (Fact::Text(text), Fact::Text(part)) => Ok(holds(text, part).into()),
        _ => Err(wrong(path)),
    }
}

fn size(of: &Fact, path: Option<&str>) -> Result<Fact, Cause> {
    let (size, partial) = match of {
        Fact::Text(text) => (text.chars().count(), None),
        Fact::List(list) => (list.items.len(), list.partial.as_deref()),
        Fact::Map(map) => (map.items.len(), map.partial.as_deref()),
        _ => return Err(wrong(path)),
    };
    match partial {
        Some(cause) => Err(cause.clone()),
        None => Ok(Fact::Int(i64::try_from(size).unwrap_or(i64::MAX))),
    }
}

fn int(of: &Fact, path: Option<&str>) -> Result<Fact, Cause> {
    match of {
        Fact::Int(_) => Ok(of.clone()),
        // The bounds of 64 bits that a float can hold exactly.
        Fact::Float(value) if (-9.2e18..=9.2e18).contains(value) => Ok(Fact::Int(*value as i64)),
        Fact::Text(text) => text.trim().parse().map(Fact::Int).map_err(|_| no_number(path)),
        Fact::Float(_) => Err(failed("a number in the condition becomes too large here")),
        _ => Err(wrong(path)),
    }
}

fn double(of: &Fact, path: Option<&str>) -> Result<Fact, Cause> {
    match of {
        Fact::Int(value) => Ok(Fact::Float(*value as f64)),
        Fact::Float(_) => Ok(of.clone()),
        Fact::Text(text) => text.trim().parse().map(operate::finite).map_err(|_| no_number(path)),
        _ => Err(wrong(path)),
    }
}

fn no_number(path: Option<&str>) -> Cause {
    failed(match path {
        Some(path) => format!("`{path}` is no number"),
        None => "a text is no number".to_owned(),
    })
}

fn number(of: &Fact, path: Option<&str>) -> Result<f64, Cause> {
    match of {
        Fact::Int(value) => Ok(*value as f64),
        Fact::Float(value) => Ok(*value),
        _ => Err(wrong(path)),
    }
}

fn extreme(one: &Fact, two: &Fact, path: Option<&str>, wanted: Ordering) -> Result<Fact, Cause> {
    match (one, two) {
        (Fact::Int(_), Fact::Int(_)) | (Fact::Float(_), Fact::Float(_)) => {
            let order = operate::order(one, two)?;
            Ok(if order == wanted { one.clone() } else { two.clone() })
        }
        _ => Err(wrong(path)),
    }
}

fn percent(part: &Fact, whole: &Fact, path: Option<&str>) -> Result<Fact, Cause> {
    let (part, whole) = (number(part, path)?, number(whole, path)?);
    if whole == 0.0 {
        return Err(failed("a percentage of nothing has no value"));
    }
    Ok(format!("{:.0} %", 100.0 * part / whole).into())
}

fn join(list: &Fact, between: &Fact, path: Option<&str>) -> Result<Fact, Cause> {
    let (Fact::List(list), Fact::Text(between)) = (list, between) else { return Err(wrong(path)) };
    if let Some(cause) = &list.partial {
        return Err((**cause).clone());
    }
    let parts = list.items.iter().map(|item| match item {
        Fact::Text(text) => Ok(text.as_str()),
        other => Err(cause_of(other, || wrong(path))),
    });
    Ok(parts.collect::<Result<Vec<_>, _>>()?.join(between).into())
}

/// A plain value as text: numbers without grouping, switches as `true` and `false`.
pub(crate) fn plain(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Bool(value) => value.to_string(),
        Fact::Int(value) => value.to_string(),
        Fact::Float(value) => value.to_string(),
        Fact::Text(text) => text.clone(),
        Fact::List(_) | Fact::Map(_) | Fact::Unknown(_) => return None,
    })
}

/// A size in the largest binary unit that leaves at least 1: `4.0 GiB`, `512 B`.
fn bytes_text(bytes: f64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes.abs() < 1024.0 {
        return format!("{bytes:.0} B");
    }
    let mut value = bytes;
    let mut unit = "B";
    for next in UNITS {
        // 1023.96 KiB would be printed as 1024.0.
        if value.abs() < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// Seconds in the largest unit of which there are at least two: `90 seconds`, `5 hours`, `3 days`.
fn duration_text(seconds: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")];
    let unit = UNITS.into_iter().find(|(length, _)| seconds >= 2.0 * length);
    match unit {
        Some((length, name)) => format!("{:.0} {name}", (seconds / length).floor()),
        None if seconds == 1.0 => "1 second".to_owned(),
        None => format!("{seconds:.0} seconds"),
    }
}

fn shell(word: &Fact, path: Option<&str>) -> Result<Fact, Cause> {
    match word {
        Fact::Text(word) => Ok(shell_word(word).into()),
        _ => Err(wrong(path)),
    }
}

/// The text as one word for a POSIX shell: as it is where no shell sees anything in it, else in single quotes, within
/// which only the quote itself means anything (POSIX.1, Shell Command Language, 2.2.2). A backquote, which would end the
/// code in an advice and begin another of the site's making, is told by its number.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''").replace('`', r#"'"$(printf '\140')"'"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_it_is_quoted() {
        let words =
            ["ssh.service", "/var/lib/x-1", "", "a b", "it's", "~root", "$(id)", "`id`"].map(shell_word);
        assert_eq!(
            words,
            [
                "ssh.service",
                "/var/lib/x-1",
                "''",
                "'a b'",
                r"'it'\''s'",
                "'~root'",
                "'$(id)'",
                r#"''"$(printf '\140')"'id'"$(printf '\140')"''"#,
            ]
        );
    }

    #[test]
    fn durations_are_printed_in_the_largest_unit_that_says_enough() {
        let printed: Vec<_> =
            [0.0, 1.0, 119.0, 120.0, 7199.0, 7200.0, 172_799.0, 172_800.0, 4e7].map(duration_text).into();
        assert_eq!(
            printed,
            [
                "0 seconds",
                "1 second",
                "119 seconds",
                "2 minutes",
                "119 minutes",
                "2 hours",
                "47 hours",
                "2 days",
                "462 days"
            ]
        );
    }

    #[test]
    fn sizes_are_printed_in_the_unit_that_fits() {
        let printed: Vec<_> = [0.0, 1023.0, 1024.0, 4294967296.0, 1_048_575.0, 1.5e21].map(bytes_text).into();
        assert_eq!(printed, ["0 B", "1023 B", "1.0 KiB", "4.0 GiB", "1.0 MiB", "1301.0 EiB"]);
    }
}
