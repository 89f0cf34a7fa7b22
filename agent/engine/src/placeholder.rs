//! Placeholders: what a check that was begun from a template still leaves unsaid.
//!
//! They are warnings: the check can be tried while it is being written, and nobody ships it by mistake.

use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::document::Document;

/// The word that stands where the author has something to say.
pub const PLACEHOLDER: &str = "TODO";

/// One warning for each line that still holds the word; comments may.
pub(crate) fn left_over(document: &Document) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in document.source.split_inclusive('\n') {
        if let Some(at) = word(line).filter(|_| !line.trim_start().starts_with('#')) {
            let at = start + at;
            let message = format!("a `{PLACEHOLDER}` is left here");
            found.push(
                Diagnostic::warning("placeholder", message)
                    .at(document.place(at..at + PLACEHOLDER.len()))
                    .help("say it, or take the line away"),
            );
        }
        start += line.len();
    }
    found
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
        let begun = CHECK.replace("The port is taken", "TODO: say it").replace("Another program", "TODO:");
        let loaded = loaded(&[&begun]);
        insta::assert_snapshot!(lines(&loaded), @"
        demo/check-0.toml:2:10: a `TODO` is left here (say it, or take the line away)
        demo/check-0.toml:9:8: a `TODO` is left here (say it, or take the line away)
        ");
        assert_eq!(loaded.pack.unwrap().checks.len(), 1);
    }

    #[test]
    fn comments_and_longer_words_are_left_alone() {
        let fine = CHECK.replace("why =", "# TODO: nicer\nwhy =").replace("Another", "TODOS MY_TODO ÄTODO");
        assert_eq!(lines(&loaded(&[&fine])), "");
    }
}
