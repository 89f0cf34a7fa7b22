//! The lines of one configuration file, taken apart as the server does (`guc-file.l`): `name = value # comment`, the
//! equals sign optional, values bare or in single quotes. Pure; following includes is [`files`](crate::files)' work.

use std::iter::Peekable;
use std::str::Chars;

/// One line that sets something, or includes a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: usize,
    /// In lower case: names do not distinguish it.
    pub(crate) name: String,
    /// Without quotes and escapes.
    pub(crate) value: String,
}

/// A file's lines in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    /// Those that the server understands.
    pub(crate) good: Vec<Line>,
    /// The numbers of those that it does not.
    pub(crate) bad: Vec<usize>,
}

/// Takes a file apart.
pub(crate) fn parse(text: &str) -> Lines {
    let mut lines = Lines::default();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        match parse_line(line) {
            Ok(Some((name, value))) => lines.good.push(Line { number, name, value }),
            Ok(None) => {}
            Err(Malformed) => lines.bad.push(number),
        }
    }
    lines
}

struct Malformed;

fn parse_line(line: &str) -> Result<Option<(String, String)>, Malformed> {
    let mut rest = line.chars().peekable();
    if at_end(&mut rest) {
        return Ok(None);
    }
    let name = take_while(&mut rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == '.' || !c.is_ascii());
    if name.chars().next().is_none_or(|first| first.is_ascii_digit() || first == '.') {
        return Err(Malformed);
    }
    skip_blanks(&mut rest);
    if rest.next_if_eq(&'=').is_some() {
        skip_blanks(&mut rest);
    }
    let value = if rest.next_if_eq(&'\'').is_some() { quoted(&mut rest)? } else { bare(&mut rest)? };
    if at_end(&mut rest) { Ok(Some((name.to_lowercase(), value))) } else { Err(Malformed) }
}

/// Skips blanks; whether nothing but a comment follows.
fn at_end(rest: &mut Peekable<Chars<'_>>) -> bool {
    skip_blanks(rest);
    matches!(rest.peek(), None | Some('#'))
}

fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| matches!(c, ' ' | '\t' | '\r')).is_some() {}
}

fn take_while(rest: &mut Peekable<Chars<'_>>, fits: impl Fn(char) -> bool) -> String {
    let mut taken = String::new();
    while let Some(c) = rest.next_if(|c| fits(*c)) {
        taken.push(c);
    }
    taken
}

fn bare(rest: &mut Peekable<Chars<'_>>) -> Result<String, Malformed> {
    let value = take_while(rest, |c| c.is_ascii_alphanumeric() || "_.:/+-".contains(c) || !c.is_ascii());
    if value.is_empty() { Err(Malformed) } else { Ok(value) }
}

/// The rest of a quoted value: `''` is a quote, a backslash escapes as in C.
fn quoted(rest: &mut Peekable<Chars<'_>>) -> Result<String, Malformed> {
    let mut value = String::new();
    loop {
        match rest.next().ok_or(Malformed)? {
            '\'' if rest.next_if_eq(&'\'').is_some() => value.push('\''),
            '\'' => return Ok(value),
            '\\' => value.push(escaped(rest)?),
            c => value.push(c),
        }
    }
}

fn escaped(rest: &mut Peekable<Chars<'_>>) -> Result<char, Malformed> {
    Ok(match rest.next().ok_or(Malformed)? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        first @ '0'..='7' => {
            let mut code = first.to_digit(8).unwrap_or_default();
            for _ in 0..2 {
                let Some(digit) = rest.peek().and_then(|c| c.to_digit(8)) else { break };
                code = code * 8 + digit;
                rest.next();
            }
            char::from(u8::try_from(code % 256).unwrap_or_default())
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Option<(String, String)> {
        let mut lines = parse(line);
        assert!(lines.bad.is_empty(), "{line}");
        lines.good.pop().map(|line| (line.name, line.value))
    }

    #[test]
    fn every_spelling_of_a_line_is_read() {
        for (line, name, value) in [
            ("fsync = off", "fsync", "off"),
            ("  Fsync off# slow", "fsync", "off"),
            ("shared_buffers='4 GB' # a comment with 'quotes'", "shared_buffers", "4 GB"),
            ("a = 'it''s'", "a", "it's"),
            (r"a = 'it\'s # here'", "a", "it's # here"),
            (r"a = '\101\n'", "a", "A\n"),
            ("a = ''", "a", ""),
            ("listen_addresses = '*'\r", "listen_addresses", "*"),
            ("auto_explain.log_min_duration = 250ms", "auto_explain.log_min_duration", "250ms"),
            ("include_dir 'conf.d'", "include_dir", "conf.d"),
        ] {
            assert_eq!(one(line), Some((name.to_owned(), value.to_owned())), "{line}");
        }
        assert_eq!(one("# fsync = off"), None);
        assert_eq!(one("   "), None);
    }

    #[test]
    fn lines_that_the_server_refuses_are_named() {
        let text = "fsync\nfsync =\n= on\n9lives = on\na = 'open\na = b c\na = 'b' c\na = b%\ngood = 1\n";
        let lines = parse(text);
        assert_eq!(lines.bad, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(lines.good.len(), 1);
    }
}
