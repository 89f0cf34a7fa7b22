//! Placeholders: what a check that was begun from a template still leaves unsaid.
//!
//! They are a warning: the check can be tried while it is being written, and nobody ships it by mistake.

use std::ops::Range;

use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::document::Document;

/// The word that stands where the author has something to say.
pub const PLACEHOLDER: &str = "TODO";

/// A warning at the first line that still holds the word, naming the others; comments may hold it.
pub(crate) fn left_over(document: &Document) -> Option<Diagnostic> {
    if !document.source.contains(PLACEHOLDER) {
        return None;
    }
    let mut places: Vec<(usize, Range<usize>)> = Vec::new();
    let mut start = 0;
    for (number, line) in document.source.split_inclusive('\n').enumerate() {
        if let Some(at) = word(line).filter(|_| !line.trim_start().starts_with('#')) {
            places.push((number + 1, start + at..start + at + PLACEHOLDER.len()));
        }
        start += line.len();
    }
    let ((_, first), others) = places.split_first()?;
    let others: Vec<_> = others.iter().map(|(line, _)| line.to_string()).collect();
    let message = match others.as_slice() {
        [] => format!("a `{PLACEHOLDER}` is left here"),
        [line] => format!("a `{PLACEHOLDER}` is left here, and one in line {line}"),
        lines => format!("a `{PLACEHOLDER}` is left here, and in the lines {}", lines.join(", ")),
    };
    let warning = Diagnostic::warning("placeholder", message).at(document.place(first.clone()));
    Some(warning.help("say what it asks for, or take the line away"))
}

/// Where the word stands in a line, in bytes; as a part of a longer word it means something else.
fn word(line: &str) -> Option<usize> {
    line.match_indices(PLACEHOLDER).map(|(at, _)| at).find(|at| {
        let before = line.get(..*at).unwrap_or_default();
        let after = line.get(at + PLACEHOLDER.len()..).unwrap_or_default();
        let letter = |c: char| c.is_alphanumeric() || c == '_';
        !before.ends_with(letter) && !after.starts_with(letter)
    })
}

#[cfg(test)]
mod tests {
    use crate::fixture::{CHECK, lines, loaded};

    #[test]
    fn what_is_left_to_say_is_named_and_the_check_can_be_tried() {
        let begun = CHECK.replace("The port is taken", "TODO: say it");
        let one = loaded(&[&begun]);
        insta::assert_snapshot!(lines(&one), @"demo/check-0.toml:2:10: a `TODO` is left here (say what it asks for, or take the line away)");
        assert_eq!(one.pack.unwrap().checks.len(), 1);
        let more = begun.replace("Another program", "TODO:").replace("\"taken\"", "\"TODO\"");
        insta::assert_snapshot!(lines(&loaded(&[&more])), @"demo/check-0.toml:2:10: a `TODO` is left here, and in the lines 9, 16 (say what it asks for, or take the line away)");
    }

    #[test]
    fn comments_and_longer_words_are_left_alone() {
        let fine = CHECK.replace("why =", "# TODO: nicer\nwhy =").replace("Another", "TODOS MY_TODO ÄTODO");
        assert_eq!(lines(&loaded(&[&fine])), "");
    }
}
