//! Text of the site's own in a form that a report can carry: short, on one line, nothing that a terminal would obey.

/// The longest name, path or line that is told.
pub(crate) const MAX_LENGTH: usize = 300;

/// `text` with control characters as blanks, cut at [`MAX_LENGTH`] characters.
pub(crate) fn plain(text: &str) -> String {
    text.trim()
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(MAX_LENGTH)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        assert_eq!(plain(" a\u{1b}[2Jb\nc "), "a [2Jb c");
        assert_eq!(plain(&"ä".repeat(1000)).chars().count(), MAX_LENGTH);
    }
}
