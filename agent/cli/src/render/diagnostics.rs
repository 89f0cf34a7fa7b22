//! Diagnostics as a person sees them: the message, the line it is about, and what to do next. The one place that
//! renders them.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use goodstead_protocol::diagnostic::{Diagnostic, Severity};

use super::output::tame;
use super::value::{acts, plain};

const HELP: anstyle::Style = anstyle::AnsiColor::Cyan.on_default().bold();

/// Prints diagnostics to standard error.
pub(crate) fn print(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        anstream::eprintln!("{}", tame(&render(diagnostic)));
    }
}

fn render(diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    // A place without a line is told in the message: an empty snippet would only look broken.
    let message = match &diagnostic.place {
        Some(place) if place.at.is_none() => format!("{}: {}", place.file, diagnostic.message),
        _ => diagnostic.message.clone(),
    };
    let message = lines(&message);
    let help = diagnostic.help.as_deref().map(lines);
    let title = level.primary_title(message.as_str()).id(diagnostic.code);
    let located = diagnostic.place.as_ref().and_then(|place| Some((place, place.at.as_ref()?)));
    let group = match located {
        Some((place, (source, span))) => {
            let annotation = AnnotationKind::Primary.span(span.clone());
            let (source, path) = (seen(source), plain(&place.file));
            let snippet = Snippet::source(source).path(path).annotation(annotation);
            let group = title.element(snippet);
            match help.as_deref() {
                Some(help) => group.element(Level::HELP.message(help)),
                None => group,
            }
        }
        None => Group::with_title(title),
    };
    let text = Renderer::styled().render(&[group]);
    match (&help, located) {
        (Some(help), None) => format!("{text}\n{HELP}help{HELP:#}: {help}"),
        _ => text,
    }
}

/// A text whose lines stay lines, with nothing else in it that a terminal acts on: it may quote an input.
fn lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// The text of a file with a mark in place of each character that acts, as long as that: places stay where they are.
fn seen(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    for c in source.chars() {
        match c {
            // Ends lines in some files.
            '\r' => text.push(' '),
            _ if acts(c) && !matches!(c, '\n' | '\t') => text.extend(std::iter::repeat_n('?', c.len_utf8())),
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use goodstead_protocol::diagnostic::Place;

    use super::*;

    fn plain(diagnostic: &Diagnostic) -> String {
        anstream::adapter::strip_str(&render(diagnostic)).to_string()
    }

    #[test]
    fn the_line_the_place_and_the_help_are_shown() {
        let source: Arc<str> = "title = 'x'\ntitel = 'y'\n".into();
        let diagnostic = Diagnostic::error("unknown-key", "unknown key `titel`")
            .at(Place::span("checks/a.toml", &source, 12..17))
            .help("did you mean `title`?");
        insta::assert_snapshot!(plain(&diagnostic), @"
        error[unknown-key]: unknown key `titel`
         --> checks/a.toml:2:1
          |
        2 | titel = 'y'
          | ^^^^^
          |
          = help: did you mean `title`?
        ");
    }

    #[test]
    fn neither_a_file_s_name_nor_its_text_acts() {
        let source: Arc<str> = "a = '\u{1b}[2J\u{202e}'\r\nb = 1\n".into();
        let at = source.find("b =").unwrap();
        for span in [5..8, at..at + 1] {
            let diagnostic = Diagnostic::error("bad", "it is bad: \u{7}")
                .at(Place::span("checks/\u{1b}[2Ja.toml", &source, span))
                .help("\u{9b}2J");
            let shown = plain(&diagnostic);
            assert!(!shown.contains(|c| acts(c) && c != '\n'), "{shown:?}");
            assert!(shown.contains("checks/\\u{1b}[2Ja.toml"), "{shown}");
        }
    }

    #[test]
    fn without_a_line_the_file_stands_in_the_message() {
        let diagnostic =
            Diagnostic::warning("unreadable", "it cannot be read").at(Place::file("/etc/x")).help("look");
        insta::assert_snapshot!(plain(&diagnostic), @"
        warning[unreadable]: /etc/x: it cannot be read
        help: look
        ");
    }
}
