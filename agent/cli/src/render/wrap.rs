//! Breaking a text into lines.
//!
//! textwrap knows the width of every character and of our styles. Nearly all of a report is printable ASCII, where a
//! byte is a column: that goes a shorter way, which is held against textwrap's by a test and takes a tenth of the time.

use std::borrow::Cow;

use super::value::printable_ascii;

/// The lines of a text, the first with `first` columns, the others with `next`. A word that is wider stays whole.
pub(super) fn lines(text: &str, first: usize, next: usize) -> Vec<Cow<'_, str>> {
    if printable_ascii(text) {
        short_way(text, first, next).into_iter().map(Cow::Borrowed).collect()
    } else {
        long_way(text, first, next)
    }
}

/// How many columns a text takes that may hold styles of ours.
pub(super) fn width(text: &str) -> usize {
    if printable_ascii(text) { text.len() } else { textwrap::core::display_width(text) }
}

fn short_way(text: &str, first: usize, next: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text.trim_end_matches(' ');
    let mut width = first;
    while rest.len() > width {
        // A blank may stand right behind the last column.
        let fits = rest.get(..=width).and_then(|head| head.rfind(' ')).filter(|at| !is_blank(rest, *at));
        let later = || {
            let begin = rest.len() - rest.trim_start_matches(' ').len();
            rest.get(begin..).and_then(|words| words.find(' ')).map(|at| begin + at)
        };
        let Some((line, after)) = fits.or_else(later).and_then(|at| rest.split_at_checked(at)) else { break };
        lines.push(line.trim_end_matches(' '));
        rest = after.trim_start_matches(' ');
        width = next;
    }
    lines.push(rest);
    lines
}

/// Whether nothing but blanks stands before `at`.
fn is_blank(text: &str, at: usize) -> bool {
    text.get(..at).is_none_or(|before| before.trim_start_matches(' ').is_empty())
}

fn long_way(text: &str, first: usize, next: usize) -> Vec<Cow<'_, str>> {
    let width = first.max(next);
    let indents = [" ".repeat(width - first), " ".repeat(width - next)];
    let [initial, subsequent] = &indents;
    let options = textwrap::Options::new(width)
        .initial_indent(initial)
        .subsequent_indent(subsequent)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let begun = [initial].into_iter().chain(std::iter::repeat(subsequent));
    let lines = textwrap::wrap(text, options).into_iter().zip(begun);
    lines
        .map(|(line, begin)| line.strip_prefix(begin.as_str()).unwrap_or_default().to_owned().into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words and blanks of all lengths, from a generator that gives the same on every run.
    fn texts() -> Vec<String> {
        let mut state = 7_u64;
        let mut next = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut text = move || {
            let mut text = String::new();
            for _ in 0..next(30) {
                text.push_str(&"x".repeat(1 + next(12) as usize));
                text.push_str(&" ".repeat(if next(5) == 0 { next(4) as usize } else { 1 }));
            }
            text
        };
        (0..2_000).map(|_| text()).collect()
    }

    #[test]
    fn the_short_way_leads_where_the_long_one_does() {
        for text in texts() {
            for (first, next) in [(7, 7), (20, 12), (12, 20), (5, 80), (60, 62)] {
                let long = long_way(text.trim_end(), first, next);
                assert_eq!(lines(text.trim_end(), first, next), long, "{text:?} in {first}, {next}");
            }
        }
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(lines("日本 日本 日本", 9, 9), ["日本 日本", "日本"]);
    }
}
