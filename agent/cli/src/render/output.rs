//! Getting the result out: to standard output or a file, whole or with an error that says so.
//!
//! Whatever the agent prints passes [`tame`], the last place before a terminal: nothing that a site, a plugin, a pack or
//! a file wrote acts there, even where a text was not escaped when it was laid out. In files the same holds, as they are
//! looked at in terminals, too.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::visible::acts;

use crate::files;

/// Writes `text`, which may hold colours, to `file` ([`files::replace`]) or to standard output. Colours reach terminals
/// only; a reader that has seen enough and closed the pipe is not an error.
///
/// # Errors
/// The disk is full, the file cannot be made, and the like.
pub(crate) fn write(text: &str, file: Option<&Path>) -> Result<(), Diagnostic> {
    let failed = |error: io::Error, what: &str| {
        Diagnostic::error("cannot-write", format!("the output cannot be written: {error}"))
            .at(Place::file(what))
    };
    match file {
        Some(path) => {
            let plain = anstream::adapter::strip_str(text).to_string();
            files::replace(path, tame(&plain).as_bytes())
                .map_err(|error| failed(error, &path.display().to_string()))
        }
        None => {
            let mut out = anstream::stdout().lock();
            match out.write_all(tame(text).as_bytes()).and_then(|()| out.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                outcome => outcome.map_err(|error| failed(error, "standard output")),
            }
        }
    }
}

/// A text in which nothing acts on a terminal but our own styles, new lines and tabs; the rest is shown as its number.
pub(crate) fn tame(text: &str) -> Cow<'_, str> {
    let seen = |byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    if text.bytes().fold(true, |so_far, byte| so_far & seen(byte)) {
        return Cow::Borrowed(text);
    }
    let mut tamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| acts(*c) && !matches!(c, '\n' | '\t')) {
        let (before, after) = rest.split_at(at);
        tamed.push_str(before);
        let style = style(after);
        match style {
            "" => tamed.extend(c.escape_default()),
            style => tamed.push_str(style),
        }
        rest = after.get(style.len().max(c.len_utf8())..).unwrap_or_default();
    }
    tamed.push_str(rest);
    Cow::Owned(tamed)
}

/// The style that a text begins with, if it is one of ours: bold, dim, underlined, or a colour of the letters that is
/// neither black nor chosen by number. Nothing of it can hide a text.
fn style(text: &str) -> &str {
    let Some(codes) = text.strip_prefix("\u{1b}[") else { return "" };
    let Some(end) = codes.find(|c: char| !c.is_ascii_digit() && c != ';') else { return "" };
    let (codes, after) = codes.split_at(end);
    let ours = |code: &str| {
        matches!(code, "" | "0" | "1" | "2" | "4") || matches!(code.parse::<u8>(), Ok(31..=37 | 91..=97))
    };
    if !after.starts_with('m') || !codes.split(';').all(ours) {
        return "";
    }
    text.get(..2 + end + 1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_our_styles_reach_a_terminal() {
        for text in ["plain\n\ttext", "\u{1b}[1mbold\u{1b}[0m \u{1b}[1;91mred\u{1b}[m ä ש", ""] {
            assert_eq!(tame(text), text);
        }
        for (text, shown) in [
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("\u{1b}[8mhidden", "\\u{1b}[8mhidden"),
            ("\u{1b}[30;40mblack", "\\u{1b}[30;40mblack"),
            ("\u{1b}[38;5;0m", "\\u{1b}[38;5;0m"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            (
                "a\rb\u{8}c\u{9b}2Jd\u{202e}e\u{200b}f\u{e0041}",
                "a\\rb\\u{8}c\\u{9b}2Jd\\u{202e}e\\u{200b}f\\u{e0041}",
            ),
            ("\u{1b}", "\\u{1b}"),
            ("\u{1b}[1", "\\u{1b}[1"),
            ("\u{1b}[1;\u{1b}[1mx", "\\u{1b}[1;\u{1b}[1mx"),
        ] {
            assert_eq!(tame(text), shown);
            assert_eq!(tame(shown), shown);
        }
    }

    #[test]
    fn in_a_file_there_are_no_styles_and_nothing_else_that_acts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out");
        write("\u{1b}[1mbold\u{1b}[0m \u{202e}\u{7} ä\n", Some(&file)).unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "bold \\u{202e} ä\n");
    }
}
