//! Characters that act without being seen, made visible.
//!
//! A control character moves a terminal's cursor; a mark of direction makes a command read otherwise than it runs. Both
//! are shown as their numbers, `\u{202e}`. Letters of every script stay as they are: a page gives them their own
//! direction with `<bdi>`.

use std::borrow::Cow;
use std::fmt;

use askama::filters::{Escaper, Html};

/// Whether a character does something to the text around it instead of being seen: control characters, the marks that
/// change the direction of writing (Unicode's Bidi_Control), the separators of lines and paragraphs, and what is
/// invisible and needed by no script. The joiners U+200C and U+200D belong to the letters of some, and stay.
pub fn acts(c: char) -> bool {
    match c {
        '\u{20}'..='\u{7e}' => false,
        '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' => true,
        '\u{e0000}'..='\u{e007f}' => true,
        _ => c.is_control(),
    }
}

/// A character as it may be shown.
pub fn printable(c: char) -> impl Iterator<Item = char> {
    let escaped = match c {
        _ if !acts(c) => None,
        // `escape_default` leaves no mark of direction as it is either, and says \n for a new line.
        _ => Some(c.escape_default()),
    };
    let plain = escaped.is_none().then_some(c);
    escaped.into_iter().flatten().chain(plain)
}

/// A text of one line with nothing in it that a terminal or a page acts on.
pub fn plain(text: &str) -> Cow<'_, str> {
    let clean = printable_ascii(text) || !text.contains(acts);
    if clean { Cow::Borrowed(text) } else { Cow::Owned(text.chars().flat_map(printable).collect()) }
}

/// Whether a text is one line of nothing but printable ASCII, which needs no look at its characters.
pub fn printable_ascii(text: &str) -> bool {
    is_printable_ascii::<false>(text)
}

/// The same for a text of many lines: new lines and tabs stay what they are.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    let stays = |c: char| !acts(c) || c == '\n' || c == '\t';
    if is_printable_ascii::<true>(text) || text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    let shown = text.chars().flat_map(|c| {
        let (kept, shown) = if stays(c) { (Some(c), None) } else { (None, Some(printable(c))) };
        kept.into_iter().chain(shown.into_iter().flatten())
    });
    Cow::Owned(shown.collect())
}

/// Whether a text is of ASCII that can be seen, with new lines and tabs among it if it may have lines. Nearly every text
/// is, and without a way out in between the processor looks at many letters at once.
fn is_printable_ascii<const LINES: bool>(text: &str) -> bool {
    let fits = |byte| matches!(byte, b' '..=b'~') || LINES && matches!(byte, b'\n' | b'\t');
    text.bytes().fold(true, |so_far, byte| so_far & fits(byte))
}

/// How templates print text: no markup in it survives, and what acts is seen. `askama.toml` makes it the way for all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: fmt::Write>(&self, mut page: W, text: &str) -> fmt::Result {
        if is_printable_ascii::<false>(text) {
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

    #[test]
    fn every_mark_of_direction_acts_and_no_letter_does() {
        let marks =
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        assert!(marks.chars().all(acts));
        assert!(!plain(marks).chars().any(acts));
        for text in ["aä ש\u{a0}€漢", "می\u{200c}خواهم", "👩\u{200d}💻"] {
            assert_eq!(plain(text), text);
        }
    }
}
