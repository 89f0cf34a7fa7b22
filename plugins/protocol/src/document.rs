//! Reading a TOML document into a type, with errors that point into the text and suggest the key that was meant.

use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use crate::diagnostic::{Diagnostic, Place, did_you_mean};

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

    /// Takes the TOML apart without reading it into a type yet, for whoever has to look before the type is known.
    pub fn parsed(&self) -> Result<Parsed<'_>, Diagnostic> {
        let table = DeTable::parse(&self.source).map_err(|error| self.diagnose(&error))?;
        Ok(Parsed { document: self, table })
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
            None => ("bad-toml", None),
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

    /// Leaves out what stands under a key of the outermost table.
    pub fn leave_out(&mut self, key: &str) {
        self.table.get_mut().remove(key);
    }

    /// Reads it into a type. Unknown keys are errors where `T` denies them, with the nearest known key as help.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Diagnostic> {
        T::deserialize(Deserializer::from(self.table)).map_err(|error| self.document.diagnose(&error))
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
        #[allow(dead_code)]
        title: String,
    }

    #[test]
    fn an_unknown_key_is_named_placed_and_corrected() {
        let error = Document::new("a.toml", "title = 'x'\ntitel = 'y'\n").parse::<Sample>().unwrap_err();
        insta::assert_snapshot!(error, @"a.toml:2:1: unknown key `titel`, expected `title` (did you mean `title`?)");
    }

    #[test]
    fn broken_toml_points_at_the_line() {
        let error = Document::new("a.toml", "title = 'x'\n= 3\n").parse::<Sample>().unwrap_err();
        assert_eq!(error.place.unwrap().line_column().unwrap().0, 2);
    }

    #[test]
    fn what_is_left_out_is_not_read_and_the_rest_keeps_its_place() {
        let document = Document::new("a.toml", "titel = 'y'\ntitle = 3\n");
        let mut parsed = document.parsed().unwrap();
        assert_eq!((parsed.text("titel"), parsed.text("title")), (Some(("y", 8..11)), None));
        parsed.leave_out("titel");
        let error = parsed.read::<Sample>().unwrap_err();
        assert_eq!(error.place.unwrap().line_column(), Some((2, 9)));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_by_name() {
        let error = Document::from_bytes("a.toml", vec![b'a', 0xff]).unwrap_err();
        insta::assert_snapshot!(error, @"a.toml: this is not UTF-8 text (from byte 1 on) (save the file as UTF-8)");
    }
}
