//! Reading a TOML document into a type, with errors that point into the text and suggest the key that was meant.

mod every;

use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::visible::acts;

/// A TOML text and the name under which the user knows it.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file as the user would name it.
    pub file: String,
    /// Its text.
    pub source: Arc<str>,
}

impl Document {
    /// A document from a text that is already in memory.
    pub fn new(file: impl Into<String>, source: impl Into<Arc<str>>) -> Self {
        Document { file: file.into(), source: source.into() }
    }

    /// A document from bytes, refused when they are not UTF-8.
    pub fn from_bytes(file: impl Into<String>, bytes: Vec<u8>) -> Result<Self, Diagnostic> {
        let file = file.into();
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Document::new(file, text)),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                Err(Diagnostic::error("not-utf8", format!("this is not UTF-8 text (from byte {good} on)"))
                    .at(Place::file(file))
                    .help("save the file as UTF-8"))
            }
        }
    }

    /// A byte range of this document.
    pub fn place(&self, span: Range<usize>) -> Place {
        Place::span(self.file.clone(), &self.source, span)
    }

    /// Parses the document. Unknown keys are errors where `T` denies them, with the nearest known key as help.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Diagnostic> {
        self.parsed()?.read()
    }

    /// As [`Document::parse`], with everything that is wrong at once.
    ///
    /// # Errors
    /// All unknown keys and words, and the first mistake of another kind.
    pub fn parse_all<T: DeserializeOwned>(&self) -> Result<T, Vec<Diagnostic>> {
        match self.parsed().map_err(|error| vec![error])?.read_all() {
            (Some(value), found) if found.is_empty() => Ok(value),
            (_, found) => Err(found),
        }
    }

    /// Takes the TOML apart without reading it into a type yet, for whoever has to look before the type is known.
    pub fn parsed(&self) -> Result<Parsed<'_>, Diagnostic> {
        let table = DeTable::parse(&self.source).map_err(|error| self.diagnose(&error))?;
        self.all_is_seen(table.get_ref())?;
        Ok(Parsed { document: self, table })
    }

    /// Refuses characters that act without being seen, written as they are or as an escape: what a user reads of a file,
    /// in an editor or on a screen, is what it says.
    fn all_is_seen(&self, table: &DeTable<'_>) -> Result<(), Diagnostic> {
        let unseen = match unseen_in(&self.source) {
            Some((at, c)) => Some((at..at + c.len_utf8(), c)),
            // Without a backslash no string holds another character than those of the file.
            None if !self.source.contains('\\') => None,
            None => unseen_in_table(table),
        };
        let Some((span, c)) = unseen else { return Ok(()) };
        let message = format!("the character {} acts without being seen", c.escape_unicode());
        Err(Diagnostic::error("unseen-character", message)
            .at(self.place(span))
            .help("remove it: only new lines and tabs are allowed of those"))
    }

    /// As [`Document::parsed`], without the blocks `[[name]]`. Where nothing follows them, they are not even read.
    pub fn parsed_without(&self, name: &str) -> Result<Parsed<'_>, Diagnostic> {
        // What is cut off within a string does not parse, so that then, too, all of it is read.
        let before = self.before(name).and_then(|before| DeTable::parse(before).ok());
        if let Some(table) = before {
            self.all_is_seen(table.get_ref())?;
            return Ok(Parsed { document: self, table });
        }
        let mut parsed = self.parsed()?;
        parsed.table.get_mut().remove(name);
        Ok(parsed)
    }

    /// The text before the first line `[[name]]`, if no later line begins another table.
    fn before(&self, name: &str) -> Option<&str> {
        let (block, inside) = (format!("[[{name}]]"), format!("[{name}."));
        let is_block = |line: &str| line.trim_end() == block;
        let start = self
            .source
            .match_indices(&block)
            .map(|(at, _)| at)
            .find(|&at| at == 0 || self.source.as_bytes().get(at - 1) == Some(&b'\n'))?;
        let (before, after) = self.source.split_at_checked(start)?;
        let mut tables = after.lines().filter(|line| line.trim_start().starts_with('['));
        tables.all(|line| is_block(line) || line.starts_with(&inside)).then_some(before)
    }

    fn diagnose(&self, error: &toml::de::Error) -> Diagnostic {
        let message = error.message();
        let (code, help) = match unknown_name(message) {
            Some((wrong, known)) => {
                let help = did_you_mean(wrong, known.iter().copied())
                    .unwrap_or_else(|| format!("known here: {}", known.join(", ")));
                (
                    if message.starts_with("unknown field") { "unknown-key" } else { "unknown-word" },
                    Some(help),
                )
            }
            None => ("bad-toml", error.span().and_then(|span| self.quotes_in_text(span.start))),
        };
        // Serde speaks of fields and variants; users of TOML speak of keys and words.
        let message = message.replace("unknown field", "unknown key").replace("missing field", "missing key");
        let message =
            message.replace("unknown variant", "unknown word").replace("duplicate field", "duplicate key");
        let place = match error.span() {
            Some(span) => self.place(span),
            None => Place::file(self.file.clone()),
        };
        Diagnostic::error(code, message.lines().next().unwrap_or("cannot be read").to_owned())
            .at(place)
            .maybe_help(help)
    }
}

impl Document {
    /// Advice for a line whose text ends too early, because the quote around it is also within it.
    fn quotes_in_text(&self, at: usize) -> Option<String> {
        let (before, after) = self.source.split_at_checked(at.min(self.source.len()))?;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let end = at + after.find('\n').unwrap_or(after.len());
        let (key, value) = self.source.get(start..end)?.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let mut letters = value.char_indices().skip(1);
        let mut closed = None;
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' if quote == '"' => _ = letters.next(),
                _ if letter == quote => {
                    closed = Some(at + 1);
                    break;
                }
                _ => {}
            }
        }
        let rest = value.get(closed?..)?.trim_start();
        let goes_on = !rest.is_empty() && !rest.starts_with('#') && rest.contains(quote);
        goes_on.then(|| {
            format!(
                "the text ends at its second {quote}: write `{key} = \'\'\'…\'\'\'`, within which both kinds of quotes may be used"
            )
        })
    }
}

/// A document whose TOML is in order.
#[derive(Debug)]
pub struct Parsed<'d> {
    document: &'d Document,
    table: Spanned<DeTable<'d>>,
}

impl<'d> Parsed<'d> {
    /// The document.
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// The text under a key of the outermost table, and where it stands.
    pub fn text(&self, key: &str) -> Option<(&str, Range<usize>)> {
        let value = self.table.get_ref().get(key)?;
        Some((value.get_ref().as_str()?, value.span()))
    }

    /// The number of 32 bits under a key of the outermost table, and where it stands.
    pub fn number(&self, key: &str) -> Option<(u32, Range<usize>)> {
        let value = self.table.get_ref().get(key)?;
        let number = value.get_ref().as_integer()?;
        Some((u32::from_str_radix(number.as_str(), number.radix()).ok()?, value.span()))
    }

    /// Reads it into a type. Unknown keys are errors where `T` denies them, with the nearest known key as help.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Diagnostic> {
        T::deserialize(Deserializer::from(self.table)).map_err(|error| self.document.diagnose(&error))
    }

    /// As [`Parsed::read`], with everything that is wrong at once. Where there is a value beside diagnostics, something
    /// in it is made up in place of what is wrong: it may be looked at for more mistakes, and must not be used.
    pub fn read_all<T: DeserializeOwned>(self) -> (Option<T>, Vec<Diagnostic>) {
        match T::deserialize(Deserializer::from(self.table)) {
            Ok(value) => (Some(value), Vec::new()),
            Err(error) => self.document.every_mistake(error),
        }
    }
}

/// The first character in a text that acts without being seen, and where it begins. New lines of either kind and tabs
/// are part of TOML, and so is a mark of the encoding at the very beginning.
fn unseen_in(text: &str) -> Option<(usize, char)> {
    let fits = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    if text.bytes().fold(true, |so_far, byte| so_far & fits(byte)) {
        return None;
    }
    text.char_indices().find(|(at, c)| {
        let allowed = match c {
            '\n' | '\t' => true,
            '\r' => text.as_bytes().get(at + 1) == Some(&b'\n'),
            '\u{feff}' => *at == 0,
            _ => false,
        };
        acts(*c) && !allowed
    })
}

/// The first such character in the keys and strings of a table, with the place of the key or string.
fn unseen_in_table(table: &DeTable<'_>) -> Option<(Range<usize>, char)> {
    table.iter().find_map(|(key, value)| {
        let in_key = unseen_in(key.get_ref()).map(|(_, c)| (key.span(), c));
        in_key.or_else(|| unseen_in_value(value))
    })
}

fn unseen_in_value(value: &Spanned<DeValue<'_>>) -> Option<(Range<usize>, char)> {
    match value.get_ref() {
        DeValue::String(text) => unseen_in(text).map(|(_, c)| (value.span(), c)),
        DeValue::Array(list) => list.iter().find_map(unseen_in_value),
        DeValue::Table(table) => unseen_in_table(table),
        _ => None,
    }
}

/// Takes serde's "unknown field `x`, expected one of `a`, `b`" apart.
fn unknown_name(message: &str) -> Option<(&str, Vec<&str>)> {
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    Some((wrong, quoted.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        title: String,
    }

    #[test]
    fn an_unknown_key_is_named_placed_and_corrected() {
        let error = Document::new("a.toml", "title = 'x'\ntitel = 'y'\n").parse::<Sample>().unwrap_err();
        insta::assert_snapshot!(error, @"a.toml:2:1: unknown key `titel`, expected `title` (did you mean `title`?)");
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        Low,
        High,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Many {
        title: String,
        impact: Word,
        #[serde(default)]
        inner: Vec<Many>,
    }

    #[test]
    fn all_wrong_keys_and_words_are_reported_at_once() {
        let text =
            "titel = 'a'\ntitle = 'b'\nimpact = 'hihg'\n[[inner]]\ntitle = 'c'\nimpact = 'lwo'\nother = 1\n";
        let told = |text: &str| {
            let errors = Document::new("a.toml", text).parse_all::<Many>().unwrap_err();
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(told(text), @"
        a.toml:1:1: unknown key `titel`, expected one of `title`, `impact`, `inner` (did you mean `title`?)
        a.toml:3:10: unknown word `hihg`, expected `low` or `high` (did you mean `high`?)
        a.toml:6:10: unknown word `lwo`, expected `low` or `high` (did you mean `low`?)
        a.toml:7:1: unknown key `other`, expected one of `title`, `impact`, `inner` (known here: title, impact, inner)
        ");
        // A key that is missing because it is misspelt is said once.
        insta::assert_snapshot!(told("titel = 'a'\nimpact = 'lwo'\n"), @"
        a.toml:1:1: unknown key `titel`, expected one of `title`, `impact`, `inner` (did you mean `title`?)
        a.toml:2:10: unknown word `lwo`, expected `low` or `high` (did you mean `low`?)
        ");
        insta::assert_snapshot!(told("impact = 'lwo'\n"), @"
        a.toml:1:1: missing key `title`
        a.toml:1:10: unknown word `lwo`, expected `low` or `high` (did you mean `low`?)
        ");
        let good = Document::new("a.toml", "title = 'a'\nimpact = 'low'\ninner = []\n").parse_all::<Many>();
        let good = good.unwrap();
        assert!(matches!((good.title.as_str(), good.impact, good.inner.len()), ("a", Word::Low, 0)));
        let high = Document::new("a.toml", "title = 'a'\nimpact = 'high'\n").parse_all::<Many>();
        assert!(matches!(high.unwrap().impact, Word::High));
    }

    #[test]
    fn a_text_that_its_own_quotes_end_is_explained() {
        let told = |text: &str| Document::new("a.toml", text).parse::<Sample>().unwrap_err().help;
        for text in
            ["title = \"a == \"b\"\"\n", "x = 1\ntitle = 'it's a == 'b''", "title = \"a \\\" b \"c\"\""]
        {
            assert!(told(text).is_some_and(|help| help.contains("title = \'\'\'…\'\'\'")), "{text}");
        }
        for text in ["title = \"a\" b", "title = \"a", "title = a\"b\"", "= 3", "title = \"a\" # \"b\"\n= 3"]
        {
            assert_eq!(told(text), None, "{text}");
        }
    }

    #[test]
    fn broken_toml_points_at_the_line() {
        let error = Document::new("a.toml", "title = 'x'\n= 3\n").parse::<Sample>().unwrap_err();
        assert_eq!(error.place.unwrap().line_column().unwrap().0, 2);
    }

    #[test]
    fn what_acts_without_being_seen_is_refused_wherever_it_is() {
        let refused = |text: &str| {
            let document = Document::new("a.toml", text);
            let error = document.parsed().unwrap_err();
            assert!(document.parsed_without("case").is_err(), "{text:?}");
            assert_eq!(error.code, "unseen-character", "{error}");
            assert!(!error.message.contains(acts), "{error:?}");
            error.place.unwrap().line_column().unwrap()
        };
        assert_eq!(refused("title = 'x'\n# \u{202e}a comment"), (2, 3));
        assert_eq!(refused("title = \"a\\u001b[2J\""), (1, 9));
        assert_eq!(refused("title = 'x'\n\"t\\u202e\" = 1"), (2, 1));
        assert_eq!(refused("a = [1, { b = [\"\\u0007\"] }]"), (1, 16));
        assert_eq!(refused("[[a]]\n[a.b]\nc = \"\\r\""), (3, 5));
        for text in
            ["title = \"\"\"\na\tb\r\nc\"\"\"\r\n", "title = \"\\n\\t\\\\ ä ש\"", "\u{feff}title = 'x'"]
        {
            assert!(Document::new("a.toml", text).parse::<Sample>().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn what_is_left_out_is_not_read_and_the_rest_keeps_its_place() {
        let told = |text: &str| match Document::new("a.toml", text).parsed_without("case") {
            Ok(parsed) => {
                parsed.read::<Sample>().map(|sample| sample.title).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        let fine = |title: &str| Ok(title.to_owned());
        assert_eq!(told("title = 'a'\n[[case]]\nname = 3\n[case.facts]\nx = 1\n[[case]]\n"), fine("a"));
        // Not even read: the block is no TOML.
        assert_eq!(told("title = 'a'\n[[case]]\n= 3\n"), fine("a"));
        // Within a string, as a word, and behind other blocks of the name.
        assert_eq!(told("title = \"\"\"\nb\n[[case]]\n\"\"\"\n"), fine("b\n[[case]]\n"));
        assert_eq!(told("title = 'a [[case]]'\n[[case]]\nb = 1\n"), fine("a [[case]]"));
        assert_eq!(told("title = \"\"\"\nb\n[[case]]\n\"\"\"\n[[case]]\nx = 1\n"), fine("b\n[[case]]\n"));
        // What follows them still counts, and stands where it stands.
        assert_eq!(told("[[case]]\n[[case]]\n[other]\n").unwrap_err().split(": ").next(), Some("a.toml:3:2"));
        assert_eq!(
            told("title = 'a'\n[[case]]\n  [other]\n").unwrap_err().split(": ").next(),
            Some("a.toml:3:4")
        );
        assert_eq!(told("titel = 'a'\n[[case]]\n").unwrap_err().split(": ").next(), Some("a.toml:1:1"));
    }

    #[test]
    fn a_text_is_found_with_its_place() {
        let document = Document::new("a.toml", "titel = 'y'\ntitle = 3\n");
        let parsed = document.parsed().unwrap();
        assert_eq!((parsed.text("titel"), parsed.text("title")), (Some(("y", 8..11)), None));
        assert_eq!((parsed.number("titel"), parsed.number("title")), (None, Some((3, 20..21))));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_by_name() {
        let error = Document::from_bytes("a.toml", vec![b'a', 0xff]).unwrap_err();
        insta::assert_snapshot!(error, @"a.toml: this is not UTF-8 text (from byte 1 on) (save the file as UTF-8)");
    }
}
