//! Characters that act without being seen: which they are, and two ways to have none of them in a text.
//!
//! A control character moves a terminal's cursor; a mark of direction makes a command read otherwise than it runs.
//! [`plain`] shows them as their numbers, `\u{202e}`, where a text is printed. [`bounded`] replaces them where a text
//! comes from a plugin, and cuts it.

use std::borrow::Cow;

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
        // `escape_default` leaves no mark of direction as it is either, and writes \n for a new line.
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

/// Whether a text is one line of nothing but printable ASCII, which needs no look at its characters. Nearly every text
/// is, and without a way out in between the processor looks at many letters at once.
pub fn printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |so_far, byte| so_far & matches!(byte, b' '..=b'~'))
}

/// At most `most` characters of a text, each of which can be seen; new lines stay where `lines` allows them. What acts
/// becomes U+FFFD, and a text that was cut ends in `…`.
pub fn bounded(text: &str, most: usize, lines: bool) -> String {
    let seen = |c: char| if acts(c) && !(lines && c == '\n') { '\u{fffd}' } else { c };
    let mut letters = text.chars().map(seen);
    let mut kept: String = letters.by_ref().take(most).collect();
    if letters.next().is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_of_direction_acts_and_no_letter_does() {
        let marks =
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        assert!(marks.chars().all(acts));
        assert!(!plain(marks).chars().any(acts));
        for text in ["aä ש\u{a0}€漢", "می\u{200c}خواهم", "👩\u{200d}💻"] {
            assert_eq!(plain(text), text);
            assert_eq!(bounded(text, 20, false), text);
        }
    }

    #[test]
    fn a_bounded_text_has_no_more_characters_than_it_may_and_none_that_acts() {
        assert_eq!(bounded("a\u{1b}[2Jb\nc", 20, false), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(bounded("a\nb\rc", 20, true), "a\nb\u{fffd}c");
        assert_eq!(bounded("äöüß", 4, false), "äöüß");
        assert_eq!(bounded("äöüßx", 4, false), "äöü…");
        let once = bounded(&"x".repeat(900), 500, true);
        assert_eq!(bounded(&once, 500, true), once);
    }
}
