//! The lines of one configuration file, split into tokens by the server's own rules: `name = value # comment`, the equals
//! sign optional. Pure; following includes is [`files`](crate::files)' work.
//!
//! The server takes the longest token that fits at each place, and a line must be exactly: a name, perhaps an equals
//! sign, one value. So a value without quotes is a word that begins with a letter and holds letters, digits and `-._:/`,
//! or it is one number, whole with a unit or with a decimal point and no unit. `1e5`, `5-6`, `1.5.2` and `/bin/true` are
//! several tokens or none, which is an error.

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
    for (index, line) in text.split('\n').enumerate() {
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
    let mut rest = line;
    let Some(name) = next(&mut rest)? else { return Ok(None) };
    let name = match name {
        Token::Word(name) | Token::Qualified(name) => name.to_ascii_lowercase(),
        _ => return Err(Malformed),
    };
    let mut value = next(&mut rest)?;
    if value == Some(Token::Equals) {
        value = next(&mut rest)?;
    }
    let value = match value {
        Some(Token::Word(text) | Token::Unquoted(text) | Token::Number(text)) => text.to_owned(),
        Some(Token::Quoted(text)) => unescaped(text),
        _ => return Err(Malformed),
    };
    match next(&mut rest)? {
        None => Ok(Some((name, value))),
        Some(_) => Err(Malformed),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    /// Letters, digits and underscores.
    Word(&'a str),
    /// Two words with a point between them: an extension's setting, and not a value.
    Qualified(&'a str),
    /// Any other word of letters, digits and `-._:/`: a value, and not a name.
    Unquoted(&'a str),
    Number(&'a str),
    /// What is between the quotes.
    Quoted(&'a str),
    Equals,
}

/// The next token; `None` at the end of the line or before a comment.
fn next<'a>(rest: &mut &'a str) -> Result<Option<Token<'a>>, Malformed> {
    *rest = rest.trim_start_matches([' ', '\t', '\r']);
    let first = match rest.chars().next() {
        None | Some('#') => return Ok(None),
        Some(first) => first,
    };
    if first == '=' {
        take(rest, 1);
        return Ok(Some(Token::Equals));
    }
    if first == '\'' {
        let length = quoted(rest).ok_or(Malformed)?;
        let whole = take(rest, length);
        return Ok(Some(Token::Quoted(whole.get(1..length - 1).unwrap_or_default())));
    }
    if letter(first) {
        let length = span(rest, |c| letter_or_digit(c) || "-._:/".contains(c));
        let whole = take(rest, length);
        return Ok(Some(match whole.split_once('.') {
            _ if whole.chars().all(letter_or_digit) => Token::Word(whole),
            Some((before, after)) if word(before) && word(after) => Token::Qualified(whole),
            _ => Token::Unquoted(whole),
        }));
    }
    match whole_number(rest).max(with_point(rest)) {
        0 => Err(Malformed),
        length => Ok(Some(Token::Number(take(rest, length)))),
    }
}

fn take<'a>(rest: &mut &'a str, length: usize) -> &'a str {
    let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
    *rest = after;
    token
}

/// How many bytes of `text` hold only such characters.
fn span(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

/// Every byte of a character that is not ASCII counts as a letter.
fn letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn letter_or_digit(c: char) -> bool {
    letter(c) || c.is_ascii_digit()
}

fn word(text: &str) -> bool {
    text.starts_with(letter) && text.chars().all(letter_or_digit)
}

/// The length of a number without a point: a sign, decimal or hexadecimal digits, letters of a unit.
fn whole_number(text: &str) -> usize {
    let sign = usize::from(text.starts_with(['+', '-']));
    let after_sign = text.get(sign..).unwrap_or_default();
    let with_letters = |start: usize, digits: usize| {
        let letters = after_sign.get(start + digits..).unwrap_or_default();
        sign + start + digits + span(letters, |c| c.is_ascii_alphabetic())
    };
    if let Some(hexadecimal) = after_sign.strip_prefix("0x") {
        let digits = span(hexadecimal, |c| c.is_ascii_hexdigit());
        if digits > 0 {
            return with_letters(2, digits);
        }
    }
    match span(after_sign, |c| c.is_ascii_digit()) {
        0 => 0,
        digits => with_letters(0, digits),
    }
}

/// The length of a number with a point, around which digits may be missing, and perhaps an exponent.
fn with_point(text: &str) -> usize {
    let digits = |from: usize| span(text.get(from..).unwrap_or_default(), |c| c.is_ascii_digit());
    let sign = usize::from(text.starts_with(['+', '-']));
    let point = sign + digits(sign);
    if text.as_bytes().get(point) != Some(&b'.') {
        return 0;
    }
    let end = point + 1 + digits(point + 1);
    if !matches!(text.as_bytes().get(end), Some(b'e' | b'E')) {
        return end;
    }
    let sign = usize::from(matches!(text.as_bytes().get(end + 1), Some(b'+' | b'-')));
    match digits(end + 1 + sign) {
        0 => end,
        exponent => end + 1 + sign + exponent,
    }
}

/// The length of a quoted value with its quotes: two quotes are one, a backslash takes the next character along.
fn quoted(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((index, c)) = characters.next() {
        match c {
            '\\' => _ = characters.next()?,
            '\'' if characters.peek().is_some_and(|(_, next)| *next == '\'') => _ = characters.next(),
            '\'' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// The text of a quoted value; a backslash escapes as in C.
fn unescaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                rest.next();
                value.push('\'');
            }
            '\\' => match rest.next() {
                Some('b') => value.push('\u{8}'),
                Some('f') => value.push('\u{c}'),
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(first @ '0'..='7') => {
                    let mut code = first.to_digit(8).unwrap_or_default();
                    for _ in 0..2 {
                        let Some(digit) = rest.peek().and_then(|c| c.to_digit(8)) else { break };
                        code = code * 8 + digit;
                        rest.next();
                    }
                    value.push(char::from(u8::try_from(code % 256).unwrap_or_default()));
                }
                Some(other) => value.push(other),
                None => {}
            },
            c => value.push(c),
        }
    }
    value
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
            ("shared_buffers=4GB", "shared_buffers", "4GB"),
            ("a = 'it''s'", "a", "it's"),
            (r"a = 'it\'s # here'", "a", "it's # here"),
            (r"a = '\101\n'", "a", "A\n"),
            ("a = ''", "a", ""),
            ("a = 0x1Fkb", "a", "0x1Fkb"),
            ("a = -.5e-3", "a", "-.5e-3"),
            ("a = .", "a", "."),
            ("a = on-off/x:y.z.", "a", "on-off/x:y.z."),
            ("listen_addresses = '*'\r", "listen_addresses", "*"),
            ("auto_explain.log_min_duration = 250ms", "auto_explain.log_min_duration", "250ms"),
            ("include_dir 'conf.d'", "include_dir", "conf.d"),
            ("é = ü", "é", "ü"),
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

    #[test]
    fn a_value_without_quotes_is_one_word_or_one_number() {
        for line in [
            "log_directory = /var/log/pg",
            "archive_command = /bin/true",
            "default_text_search_config = pg_catalog.english",
            "cluster_name = 1.5.2",
            "a = 5-6",
            "a = 1e5",
            "a = -a",
            "random_page_cost = 1e1",
            "work_mem = -",
            "a = 1.5GB",
            "x. = 1",
            "x.y.z = 1",
            "x-y = 1",
            "a == 1",
            "{ \"a\": 1 }",
        ] {
            assert_eq!(parse(line).bad, [1], "{line}");
        }
    }
}
