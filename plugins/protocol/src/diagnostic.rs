//! The one type in which everything that is wrong with an input is told: what, where, and what to do next.
//!
//! It is made in every crate and rendered in one file of the command line. It never holds a site's secret values.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The run goes on and its result stands, but somebody should know.
    Warning,
    /// The input cannot be used.
    Error,
}

/// Where in a file something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user would name it.
    pub file: String,
    /// The file's text and the byte range in it; `None` when the whole file is meant.
    pub at: Option<(Arc<str>, Range<usize>)>,
}

impl Place {
    /// The whole of `file`.
    pub fn file(file: impl Into<String>) -> Self {
        Place { file: file.into(), at: None }
    }

    /// A byte range of `file`, whose text is `source`. The range is clipped to the text and to character borders.
    pub fn span(file: impl Into<String>, source: &Arc<str>, span: Range<usize>) -> Self {
        let floor = |mut at: usize| {
            at = at.min(source.len());
            while !source.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        let end = floor(span.end).max(start);
        Place { file: file.into(), at: Some((source.clone(), start..end)) }
    }

    /// Line and column, both counted from 1; the column counts characters.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        let (source, span) = self.at.as_ref()?;
        let before = source.get(..span.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Some((line, column))
    }
}

/// Something wrong with an input, told so that the reader can act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A stable kebab-case word for machines and for searching, for example `unknown-key`.
    pub code: &'static str,
    /// One sentence without a full stop.
    pub message: String,
    /// Where, when there is a where.
    pub place: Option<Place>,
    /// What to do next.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Error, code, message: message.into(), place: None, help: None }
    }

    /// A warning without a place.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, message) }
    }

    /// The same with a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with advice, if there is any.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

/// One line, for logs and for tests; the command line renders the source as well.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}", place.file)?;
            if let Some((line, column)) = place.line_column() {
                write!(f, ":{line}:{column}")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}", self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// The candidate that `wrong` was most likely meant to be, if any is near enough to be worth a "did you mean".
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(wrong, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?" for [`nearest`].
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, candidates).map(|found| format!("did you mean `{found}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_and_never_splits_one() {
        let source: Arc<str> = "a = 1\nü = “x”\n".into();
        let at = source.find('x').unwrap();
        assert_eq!(Place::span("f", &source, at..at + 1).line_column(), Some((2, 6)));
        // A range that starts inside the two bytes of `ü` is moved to its start.
        assert_eq!(Place::span("f", &source, 7..99).line_column(), Some((2, 1)));
    }

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(nearest("titel", ["title", "since"]), Some("title"));
        assert_eq!(nearest("zzz", ["title", "since"]), None);
    }
}
