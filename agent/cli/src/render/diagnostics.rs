//! Diagnostics as a person sees them: the message, the line it is about, and what to do next. The one place that
//! renders them.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use goodstead_protocol::diagnostic::{Diagnostic, Severity};

use super::value::plain;

const HELP: anstyle::Style = anstyle::AnsiColor::Cyan.on_default().bold();

/// Prints diagnostics to standard error.
pub(crate) fn print(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        anstream::eprintln!("{}", render(diagnostic));
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
            let snippet = Snippet::source(source.as_ref()).path(place.file.as_str()).annotation(annotation);
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
    fn without_a_line_the_file_stands_in_the_message() {
        let diagnostic =
            Diagnostic::warning("unreadable", "it cannot be read").at(Place::file("/etc/x")).help("look");
        insta::assert_snapshot!(plain(&diagnostic), @"
        warning[unreadable]: /etc/x: it cannot be read
        help: look
        ");
    }
}
