//! Whether the server accepts what is written for a setting, and how it would then show it in `pg_settings`.
//!
//! The rules are the server's: switches by unambiguous prefix, choices by word, numbers in C's notation with a unit of
//! the setting's kind (upper and lower case as in the manual), rounded to whole steps, within the setting's range.

use crate::catalogue::{Kind, Setting};

/// Units of memory, the largest first, in bytes.
const MEMORY: [(&str, f64); 5] =
    [("TB", 1_099_511_627_776.0), ("GB", 1_073_741_824.0), ("MB", 1_048_576.0), ("kB", 1024.0), ("B", 1.0)];

/// Units of time, the largest first, in microseconds.
const TIME: [(&str, f64); 6] =
    [("d", 86_400e6), ("h", 3_600e6), ("min", 60e6), ("s", 1e6), ("ms", 1e3), ("us", 1.0)];

/// Numbers that the server shows in octal: permissions of files.
const OCTAL: [&str; 2] = ["log_file_mode", "unix_socket_permissions"];

/// The value as the server shows it, or what is wrong with it.
///
/// # Errors
/// In words that complete "FILE:LINE: ".
pub(crate) fn accept(setting: &Setting, written: &str) -> Result<String, String> {
    let name = setting.name;
    match setting.kind {
        Kind::Text => Ok(written.to_owned()),
        Kind::Switch => match switch(written) {
            Some(on) => Ok(if on { "on" } else { "off" }.to_owned()),
            None => Err(format!("{name} is on or off, not{}", shown(written))),
        },
        Kind::Choice => setting.word(written).map(str::to_owned).ok_or_else(|| {
            let words: Vec<_> = setting.words().filter(|word| !word.is_empty()).collect();
            format!("{name} has no value{}; it is one of {}", shown(written), words.join(", "))
        }),
        Kind::Integer | Kind::Real => {
            let number = number(setting, written)?;
            if let Some((least, most)) =
                setting.range().filter(|(least, most)| number < *least || number > *most)
            {
                return Err(format!(
                    "{name} ={} is out of range ({})",
                    shown(written),
                    range(least, most, setting.unit)
                ));
            }
            if name == "vacuum_buffer_usage_limit" && number > 0.0 && number < 128.0 {
                return Err(format!("{name} ={} is neither 0 nor at least 128kB", shown(written)));
            }
            Ok(match setting.kind {
                Kind::Integer if OCTAL.contains(&name) => format!("{:04o}", number as i64),
                _ => number.to_string(),
            })
        }
    }
}

/// The built-in default as the server shows it.
pub(crate) fn default(setting: &Setting) -> String {
    match setting.default.parse::<i64>() {
        Ok(mode) if OCTAL.contains(&setting.name) => format!("{mode:04o}"),
        _ => setting.default.to_owned(),
    }
}

/// A switch in any of the server's spellings: unambiguous prefixes count, case does not, and blanks are not allowed.
pub(crate) fn switch(written: &str) -> Option<bool> {
    let value = written.to_ascii_lowercase();
    let begins = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    if value == "1" || begins("on", 2) || begins("true", 1) || begins("yes", 1) {
        Some(true)
    } else if value == "0" || begins("off", 2) || begins("false", 1) || begins("no", 1) {
        Some(false)
    } else {
        None
    }
}

/// A number in the setting's unit.
fn number(setting: &Setting, written: &str) -> Result<f64, String> {
    let Setting { name, kind, unit, .. } = *setting;
    let whole = kind == Kind::Integer;
    let no_number = || format!("{name} wants a number, not{}", shown(written));
    let (mut number, rest) = leading_number(written, whole).ok_or_else(no_number)?;
    let suffix = rest.trim_start_matches(BLANKS).trim_end_matches(BLANKS);
    if !suffix.is_empty() {
        if unit.is_empty() {
            return Err(format!("{name} is a plain number without a unit, not{}", shown(written)));
        }
        number = converted(number, suffix, unit)
            .ok_or_else(|| format!("{name} ={}: {}", shown(written), units(unit)))?;
    }
    if whole {
        number = number.round_ties_even();
        if number.abs() > f64::from(i32::MAX) + 1.0 {
            return Err(format!("{name} ={} is too large a number", shown(written)));
        }
    }
    // The least number is never shown as -0.
    Ok(number + 0.0)
}

const BLANKS: [char; 6] = [' ', '\t', '\n', '\r', '\u{b}', '\u{c}'];

/// The number that a text begins with, in C's notation, and what follows it. Whole numbers may be octal.
fn leading_number(text: &str, whole: bool) -> Option<(f64, &str)> {
    let text = text.trim_start_matches(BLANKS);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let digits = |text: &str, radix: u32| text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    let integer = |text: &str, radix: u32| i64::from_str_radix(text, radix).ok().map(|number| number as f64);
    if let Some(hexadecimal) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let length = digits(hexadecimal, 16);
        if length > 0 {
            let (number, rest) = hexadecimal.split_at_checked(length)?;
            return Some((sign * integer(number, 16)?, rest));
        }
    }
    let decimal = digits(unsigned, 10);
    let after = unsigned.get(decimal..)?;
    if whole && unsigned.starts_with('0') && decimal > 1 && !after.starts_with(['.', 'e', 'E']) {
        let length = digits(unsigned, 8);
        let (number, rest) = unsigned.split_at_checked(length)?;
        return Some((sign * integer(number, 8)?, rest));
    }
    let mut end = decimal;
    let mut any = decimal > 0;
    if after.starts_with('.') && (any || !whole) {
        let fraction = digits(after.get(1..)?, 10);
        any |= fraction > 0;
        end += 1 + fraction;
    }
    if !any {
        return None;
    }
    if let Some(exponent) = unsigned.get(end..)?.strip_prefix(['e', 'E']) {
        let signed = usize::from(exponent.starts_with(['+', '-']));
        let length = digits(exponent.get(signed..)?, 10);
        if length > 0 {
            end += 1 + signed + length;
        }
    }
    let (number, rest) = unsigned.split_at_checked(end)?;
    Some((sign * number.parse::<f64>().ok()?, rest))
}

/// A number of one unit in another of the same kind: `8kB` counts pages. A fraction is rounded to the next smaller unit.
fn converted(number: f64, from: &str, to: &str) -> Option<f64> {
    let digits = to.find(|c: char| !c.is_ascii_digit())?;
    let (count, base) = to.split_at_checked(digits)?;
    let count = if count.is_empty() { 1.0 } else { count.parse().ok()? };
    [&MEMORY[..], &TIME[..]].into_iter().find_map(|units| {
        let size = |name: &str| units.iter().find(|(unit, _)| *unit == name).map(|(_, size)| *size);
        let target = size(base)? * count;
        let factor = size(from)? / target;
        let smaller =
            units.iter().skip_while(|(unit, _)| *unit != from).nth(1).map(|(_, size)| size / target);
        let value = number * factor;
        Some(match smaller {
            Some(smaller) if smaller > 0.0 => (value / smaller).round_ties_even() * smaller,
            _ => value,
        })
    })
}

/// The range in words; some have no upper end but that of the type.
fn range(least: f64, most: f64, unit: &str) -> String {
    let unit = if unit.is_empty() { String::new() } else { format!(", in units of {unit}") };
    if most > 1e100 { format!("at least {least}{unit}") } else { format!("{least} to {most}{unit}") }
}

/// What may stand for a unit.
fn units(unit: &str) -> String {
    let memory = unit.ends_with('B');
    let names: Vec<_> =
        if memory { MEMORY.iter().rev() } else { TIME.iter().rev() }.map(|(name, _)| *name).collect();
    let kind = if memory { "size" } else { "time" };
    format!("the units of a {kind} are {} (upper and lower case matter)", names.join(", "))
}

/// A short value without anything odd in it, to be shown; of any other only that it is there.
fn shown(written: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-._ ".contains(c);
    if written.len() <= 24 && written.chars().all(plain) {
        format!(" {}", if written.is_empty() { "''" } else { written })
    } else {
        " what is written".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::find;

    fn of(name: &str, written: &str) -> Result<String, String> {
        accept(&find(name, 15).unwrap(), written)
    }

    #[test]
    fn what_the_server_accepts_is_shown_as_it_shows_it() {
        for (name, written, shown) in [
            ("fsync", "OFF", "off"),
            ("fsync", "of", "off"),
            ("fsync", "y", "on"),
            ("wal_level", "Archive", "replica"),
            ("archive_mode", "yes", "on"),
            ("shared_buffers", "128MB", "16384"),
            ("shared_buffers", "1.5 GB", "196608"),
            ("shared_buffers", "16384", "16384"),
            ("work_mem", "0x1000", "4096"),
            ("work_mem", "64MB ", "65536"),
            ("checkpoint_timeout", "1h", "3600"),
            ("checkpoint_timeout", "1.5min", "90"),
            ("deadlock_timeout", "1s", "1000"),
            ("max_slot_wal_keep_size", "-1", "-1"),
            ("max_connections", "1e2", "100"),
            ("max_connections", "0144", "100"),
            ("max_connections", "100.4", "100"),
            ("random_page_cost", "1.1", "1.1"),
            ("vacuum_cost_delay", "2", "2"),
            ("unix_socket_permissions", "0770", "0770"),
            ("log_rotation_age", "1d", "1440"),
        ] {
            assert_eq!(of(name, written).as_deref(), Ok(shown), "{name} = {written}");
        }
    }

    #[test]
    fn what_the_server_refuses_is_explained() {
        let problems: Vec<_> = [
            ("fsync", "perhaps"),
            ("fsync", " off"),
            ("wal_level", "full"),
            ("work_mem", "64mb"),
            ("work_mem", "64 M B"),
            ("work_mem", "5min"),
            ("checkpoint_timeout", "5m"),
            ("max_connections", "0"),
            ("max_connections", "100MB"),
            ("max_connections", "many"),
            ("max_connections", "08"),
            ("shared_buffers", "99999TB"),
            ("work_mem", "hunter2/$x"),
            ("random_page_cost", "-1"),
        ]
        .iter()
        .map(|(name, written)| of(name, written).unwrap_err())
        .collect();
        insta::assert_snapshot!(problems.join("\n"), @"
        fsync is on or off, not perhaps
        fsync is on or off, not  off
        wal_level has no value full; it is one of minimal, replica, logical
        work_mem = 64mb: the units of a size are B, kB, MB, GB, TB (upper and lower case matter)
        work_mem = 64 M B: the units of a size are B, kB, MB, GB, TB (upper and lower case matter)
        work_mem = 5min: the units of a size are B, kB, MB, GB, TB (upper and lower case matter)
        checkpoint_timeout = 5m: the units of a time are us, ms, s, min, h, d (upper and lower case matter)
        max_connections = 0 is out of range (1 to 262143)
        max_connections is a plain number without a unit, not 100MB
        max_connections wants a number, not many
        max_connections is a plain number without a unit, not 08
        shared_buffers = 99999TB is too large a number
        work_mem wants a number, not what is written
        random_page_cost = -1 is out of range (at least 0)
        ");
    }
}
