//! A page of text for a terminal: lines in a margin, labels, and Markdown that wraps beside them.
//!
//! What a site, a plugin or a check wrote goes through [`plain`], so that only our own styles reach a terminal; a style
//! never spans two lines, which pagers cut apart.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};
use goodstead_model::Range;

use super::markdown::blocks::{self, Content, Inline};
use super::value::plain;
use super::wrap;

/// Lines are no longer than this, however wide the terminal is: longer ones are hard to read.
const MAX_WIDTH: usize = 100;

/// The narrowest terminal that is laid out for; a narrower one breaks the lines itself.
const MIN_WIDTH: usize = 20;

/// Below this width there is no room for margins.
const NARROW: usize = 60;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();

/// The width of the terminal on standard output, 80 without one.
pub(crate) fn width() -> usize {
    let columns =
        rustix::termios::tcgetwinsize(std::io::stdout()).map(|size| usize::from(size.ws_col)).unwrap_or(0);
    if columns == 0 { 80 } else { columns.clamp(MIN_WIDTH, MAX_WIDTH) }
}

/// Text as it grows.
pub(super) struct Page {
    pub(super) text: String,
    pub(super) width: usize,
    /// How many elements of a list are shown.
    pub(super) shown: usize,
}

/// How many elements of a list are shown, unless all are.
const SHOWN: usize = 8;

impl Page {
    /// An empty page.
    pub(super) fn new(width: usize) -> Page {
        Page { text: String::new(), width: width.clamp(MIN_WIDTH, MAX_WIDTH), shown: SHOWN }
    }

    pub(super) fn narrow(&self) -> bool {
        self.width < NARROW
    }

    /// The margin that points stand in.
    pub(super) fn margin(&self) -> &'static str {
        if self.narrow() { "  " } else { "        " }
    }

    /// The first of these names, and how many more there are.
    pub(super) fn some<T: AsRef<str>>(&self, names: &[T]) -> String {
        let shown = names.iter().take(self.shown).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
        match names.len().saturating_sub(self.shown) {
            0 => shown,
            more => format!("{shown}, and {more} more"),
        }
    }

    /// How many cells a bar has here; none where there is no room.
    pub(super) fn cells(&self) -> usize {
        match self.width {
            ..NARROW => 0,
            NARROW..MAX_WIDTH => 10,
            _ => 20,
        }
    }

    /// A label and a text that wraps beneath itself.
    pub(super) fn labelled(&mut self, label: &str, text: &str) {
        let (first, next) = self.label(label);
        self.wrapped(&first, &next, text);
    }

    /// What stands before the first line of a labelled text, and before the others.
    fn label(&self, label: &str) -> (String, String) {
        let margin = self.margin();
        if self.narrow() {
            (format!("{margin}{DIM}{label}{DIM:#} "), margin.to_owned())
        } else {
            (format!("{margin}{DIM}{label:<7}{DIM:#}"), " ".repeat(margin.len() + 7))
        }
    }

    /// Markdown under a label: paragraphs and list items are wrapped, code stays as it is.
    pub(super) fn prose(&mut self, label: &str, markdown: &str) {
        let (first, next) = self.label(label);
        self.blocks(first, &next, markdown);
    }

    /// Markdown with this much room before it.
    pub(super) fn prose_at(&mut self, indent: &str, markdown: &str) {
        self.blocks(indent.to_owned(), indent, markdown);
    }

    /// Paragraphs stand apart from what is said before them; what belongs to a list or shows code stays together.
    fn blocks(&mut self, first: String, next: &str, markdown: &str) {
        let mut first = Some(first);
        let mut said = false;
        for block in blocks::read(markdown) {
            let (outer, inner) = block.indents(3);
            let begin = format!("{}{outer}", first.take().unwrap_or_else(|| next.to_owned()));
            let inner = format!("{next}{inner}");
            let is_text = matches!(block.content, Content::Text(_));
            if said && is_text && block.lists.is_empty() {
                put!(self, "");
            }
            said = is_text;
            match block.content {
                Content::Text(parts) => self.wrapped(&begin, &inner, &paragraph(&parts)),
                Content::Code(_, lines) => {
                    let mut begin = begin;
                    for line in lines {
                        self.text.push_str(&begin);
                        self.text.push_str("  ");
                        self.text.push_str(&plain(&line));
                        self.text.truncate(self.text.trim_end_matches(' ').len());
                        self.text.push('\n');
                        begin.clone_from(&inner);
                    }
                }
            }
        }
    }

    /// `text` is what a site, a plugin or a check wrote; of the beginnings we know that they are ours.
    pub(super) fn wrapped(&mut self, first: &str, next: &str, text: &str) {
        self.wrapped_styled(first, next, &plain(text));
    }

    /// The same in a style.
    pub(super) fn wrapped_in(&mut self, style: Style, first: &str, next: &str, text: &str) {
        for (number, line) in self.lines(first, next, &plain(text)).into_iter().enumerate() {
            put!(self, "{}{style}{line}{style:#}", if number == 0 { first } else { next });
        }
    }

    /// A text that holds styles of ours, and of others only what [`plain`] let through.
    pub(super) fn wrapped_styled(&mut self, first: &str, next: &str, text: &str) {
        // A report has tens of thousands of such lines, and formatting is slower than this.
        for (number, line) in self.lines(first, next, text).into_iter().enumerate() {
            self.text.push_str(if number == 0 { first } else { next });
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// The lines that fit beside these beginnings. A word that is wider stays whole.
    fn lines<'t>(&self, first: &str, next: &str, text: &'t str) -> Vec<Cow<'t, str>> {
        let least = if self.narrow() { 7 } else { 24 };
        let beside = |begin: &str| self.width.saturating_sub(wrap::width(begin)).max(least);
        wrap::lines(text, beside(first), beside(next))
    }
}

/// A paragraph with its code in backquotes, as it was written.
fn paragraph(parts: &[Inline]) -> String {
    let mut text = String::with_capacity(256);
    for part in parts {
        match part {
            Inline::Text(words) => text.push_str(words),
            Inline::Code(code) => {
                text.push('`');
                text.push_str(code);
                text.push('`');
            }
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// A score as a bar of so many cells: what is sure, then what may be.
pub(super) fn bar(range: Range, cells: usize) -> String {
    // Casts saturate, and a report from elsewhere may hold any number.
    let filled = |score: f64| ((score / 100.0 * cells as f64).round() as usize).min(cells);
    let (low, high) = (filled(range.low), filled(range.high));
    let high = high.max(low);
    format!("{}{}{}", "█".repeat(low), "▒".repeat(high - low), "░".repeat(cells - high))
}

/// What we draw, in letters that every terminal has.
pub(super) fn ascii(text: &str) -> String {
    text.replace('█', "#").replace('▒', "+").replace('░', ".").replace('…', "...")
}

/// Whether the locale says that the terminal shows more than ASCII.
pub(crate) fn unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.ends_with("utf-8") || locale.ends_with("utf8")
    })
}

pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

pub(super) fn grade(score: f64) -> Style {
    match score {
        score if score >= 90.0 => GREEN,
        score if score >= 60.0 => YELLOW,
        _ => RED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_what_is_sure_and_what_may_be() {
        let told = |low, high| bar(Range { low, high }, 10);
        assert_eq!(told(0.0, 100.0), "▒▒▒▒▒▒▒▒▒▒");
        assert_eq!(told(20.0, 60.0), "██▒▒▒▒░░░░");
        assert_eq!(told(100.0, 100.0), "██████████");
        assert_eq!((told(f64::NAN, -5.0), told(1e300, 0.0)), ("░░░░░░░░░░".into(), "██████████".into()));
        assert_eq!(ascii(&told(20.0, 60.0)), "##++++....");
    }

    #[test]
    fn prose_keeps_its_lists_and_code_without_blanks_at_the_ends_of_lines() {
        let mut page = Page::new(60);
        page.prose("Do", "First read this text, which is longer than one line.\n\nThen:\n\n1. one `a\tb`\n   ```sh\n   x\n\n   y\n   ```\n   more\n2. two\n   - inner\n\nThat is all.");
        let text = anstream::adapter::strip_str(&page.text).to_string();
        assert!(!text.lines().any(|line| line.ends_with(' ')), "{text:?}");
        insta::assert_snapshot!(text, @r"
                Do     First read this text, which is longer than
                       one line.

                       Then:
                       1. one `a\tb`
                            x

                            y
                          more
                       2. two
                          - inner

                       That is all.
        ");
    }

    #[test]
    fn a_narrow_page_wraps_within_its_width() {
        let mut page = Page::new(20);
        page.labelled("Why", "with short words only it stays in its width");
        page.prose("Do", "1. and so do the items of lists");
        let text = anstream::adapter::strip_str(&page.text).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 20), "{text}");
    }
}
