//! Characters that act without being seen, made visible on a page: as their numbers, `\u{202e}`. Which they are is
//! defined in the protocol crate. Letters of every script stay as they are: a page gives them their own direction with
//! `<bdi>`.

use std::borrow::Cow;
use std::fmt;

use askama::filters::{Escaper, Html};
use goodstead_protocol::visible::{acts, printable, printable_ascii};

/// A text of many lines with nothing in it that a page acts on: new lines and tabs stay what they are.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    let stays = |c: char| !acts(c) || c == '\n' || c == '\t';
    if ascii_lines(text) || text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    let shown = text.chars().flat_map(|c| {
        let (kept, shown) = if stays(c) { (Some(c), None) } else { (None, Some(printable(c))) };
        kept.into_iter().chain(shown.into_iter().flatten())
    });
    Cow::Owned(shown.collect())
}

/// Whether a text is of ASCII that can be seen, with new lines and tabs among it.
fn ascii_lines(text: &str) -> bool {
    let fits = |byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    text.bytes().fold(true, |so_far, byte| so_far & fits(byte))
}

/// How templates print text: no markup in it survives, and what acts is seen. `askama.toml` makes it the way for all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: fmt::Write>(&self, mut page: W, text: &str) -> fmt::Result {
        if printable_ascii(text) {
            return Html.write_escaped_str(page, text);
        }
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| acts(*c)) {
            let (before, after) = rest.split_at(at);
            Html.write_escaped_str(&mut page, before)?;
            self.write_escaped_char(&mut page, c)?;
            rest = after.get(c.len_utf8()..).unwrap_or_default();
        }
        Html.write_escaped_str(page, rest)
    }

    fn write_escaped_char<W: fmt::Write>(&self, mut page: W, c: char) -> fmt::Result {
        if acts(c) { write!(page, "{}", c.escape_default()) } else { Html.write_escaped_char(page, c) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut page = String::new();
        Visible.write_escaped_str(&mut page, text).unwrap();
        page
    }

    #[test]
    fn what_acts_is_seen_and_markup_is_text() {
        insta::assert_snapshot!(
            escaped("<script>a\u{1b}[2J</script>\u{202e}\"x'\u{9b}\n& ä ש \u{2066}\u{7f}"),
            @r"&#60;script&#62;a\u{1b}[2J&#60;/script&#62;\u{202e}&#34;x&#39;\u{9b}\n&#38; ä ש \u{2066}\u{7f}"
        );
        let mut page = String::new();
        Visible.write_escaped_char(&mut page, '\u{202e}').unwrap();
        Visible.write_escaped_char(&mut page, '<').unwrap();
        assert_eq!(page, r"\u{202e}&#60;");
    }

    #[test]
    fn text_of_many_lines_keeps_its_lines() {
        assert!(matches!(lines("a\n\tb ש"), Cow::Borrowed(_)));
        assert_eq!(lines("a\r\nb\rc\u{202e}\u{1b}"), "a\nb\\rc\\u{202e}\\u{1b}");
    }
}
