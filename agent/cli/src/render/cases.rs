//! Cases that do not hold, for whoever writes the check: where each stands, what it gives, and the values that it
//! came from.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use goodstead_engine::{CaseOutcome, Step};
use goodstead_protocol::fact::{CauseKind, Fact};

use super::value::value;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();

/// The most characters of one value: a whole list of mounts says less than its beginning.
const MAX_VALUE: usize = 400;

/// How many cases hold and how many do not. A file that did not load counts as one that does not.
pub(crate) fn sum(passed: usize, failed: usize, not_loaded: usize) -> String {
    let cases = if passed == 1 { "1 case".to_owned() } else { format!("{passed} cases") };
    let sum = format!("{cases} passed, {} failed", failed + not_loaded);
    if not_loaded == 0 { sum } else { format!("{sum} ({not_loaded} did not load)") }
}

/// One case that does not hold, in at most `width` columns.
pub(crate) fn failure(outcome: &CaseOutcome, width: usize) -> String {
    let mut text = String::new();
    let line = outcome.place.line_column().map_or(String::new(), |(line, _)| format!(":{line}"));
    let _ = writeln!(text, "{BOLD}{}{line}{BOLD:#}", outcome.place.file);
    put(&mut text, width, "  case      ", &format!("{}: {}", outcome.check, outcome.case));
    put(&mut text, width, "  expected  ", &outcome.expected);
    let because = outcome.cause.as_ref().map_or(String::new(), |cause| format!(", because {cause}"));
    let _ = write!(text, "{RED}");
    put(&mut text, width, "  got       ", &format!("{}{because}", outcome.got));
    let _ = write!(text, "{RED:#}");
    if outcome.expected == outcome.got
        && let Some(problem) = &outcome.problem
    {
        put(&mut text, width, "  but       ", &problem.message);
    }
    for step in &outcome.steps {
        put_step(&mut text, width, step);
    }
    text
}

fn put_step(text: &mut String, width: usize, step: &Step) {
    let Step { key, source, item, value, facts } = step;
    let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let of = item.as_ref().map_or(String::new(), |item| format!("of {item:?} "));
    put(text, width, &format!("  {DIM}{key:<8}{DIM:#}  "), &format!("{of}is {}", shown(value)));
    put(text, width, "            ", &source);
    for (path, value) in facts {
        put(text, width, "              ", &format!("{path} = {}", shown(value)));
    }
}

/// A value in a few lines at most.
fn shown(fact: &Fact) -> String {
    let text = match fact {
        Fact::Unknown(cause) if cause.kind == CauseKind::Absent => "absent".to_owned(),
        other => value(other, None),
    };
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// A label, and a text that wraps beneath itself.
fn put(text: &mut String, width: usize, label: &str, what: &str) {
    let indent = anstream::adapter::strip_str(label).to_string().chars().count();
    let options = textwrap::Options::new(width.saturating_sub(indent).max(24))
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    for (number, line) in textwrap::wrap(what, options).iter().enumerate() {
        let first = if number == 0 { label.to_owned() } else { " ".repeat(indent) };
        let _ = writeln!(text, "{first}{line}");
    }
}
