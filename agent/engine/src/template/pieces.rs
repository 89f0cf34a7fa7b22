//! Taking a template apart: lines with their markers, sentences, code, and the places of values.

use crate::condition::Problem;

/// The code in which a value stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Code {
    Span,
    Fence,
}

/// What a template is made of.
pub(super) enum Piece {
    /// A line begins, with this indentation and list marker.
    Marker(String),
    Text(String),
    /// The bytes between `{{` and `}}`, and the code in which they stand.
    Value {
        at: std::ops::Range<usize>,
        code: Option<Code>,
    },
    /// A code span that holds values: what is between its backquotes.
    Code(Vec<Piece>),
    SentenceEnd,
}

/// Takes a template apart.
pub(super) fn pieces(source: &str) -> Result<Vec<Piece>, Problem> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut text = String::new();
    let mut new_line = true;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        if new_line {
            let marker = marker(rest);
            found.push(Piece::Marker(marker.to_owned()));
            at += marker.len();
            new_line = false;
            continue;
        }
        let flush = |text: &mut String, found: &mut Vec<Piece>| {
            if !text.is_empty() {
                found.push(Piece::Text(std::mem::take(text)));
            }
        };
        if rest.starts_with("{{") {
            let Some(length) = value_length(rest) else {
                let mut problem = Problem::new("bad-template", "`{{` is not closed").help("write `{{ … }}`");
                problem.at = Some(at..at + 2);
                return Err(problem);
            };
            flush(&mut text, &mut found);
            found.push(Piece::Value { at: at + 2..at + length - 2, code: None });
            at += length;
        } else if rest.starts_with("}}") {
            let mut problem = Problem::new("bad-template", "`}}` closes nothing").help("write `{{ … }}`");
            problem.at = Some(at..at + 2);
            return Err(problem);
        } else if let Some(length) = code_length(rest) {
            // Code is one piece with its sentence; values in it are found piece by piece.
            let end = at + length;
            let ticks = rest.len() - rest.trim_start_matches('`').len();
            if rest.starts_with("```") {
                flush(&mut text, &mut found);
                code_pieces(source, at..end, Code::Fence, &mut found);
            } else if rest.get(..length).is_some_and(|code| code.contains("{{")) {
                flush(&mut text, &mut found);
                let mut inner = Vec::new();
                code_pieces(source, at + ticks..end - ticks, Code::Span, &mut inner);
                found.push(Piece::Code(inner));
            } else {
                text.push_str(rest.get(..length).unwrap_or_default());
            }
            at = end;
        } else if rest.starts_with('\n') {
            flush(&mut text, &mut found);
            new_line = true;
            at += 1;
        } else {
            let Some(letter) = rest.chars().next() else { break };
            text.push(letter);
            at += letter.len_utf8();
            if matches!(letter, '.' | '!' | '?')
                && rest.get(1..).is_some_and(|rest| rest.starts_with(' '))
                && !abbreviation(&text)
            {
                text.push(' ');
                at += 1;
                flush(&mut text, &mut found);
                found.push(Piece::SentenceEnd);
            }
        }
    }
    if !text.is_empty() {
        found.push(Piece::Text(text));
    }
    Ok(found)
}

/// The text and the values of a range of `source` that is code.
fn code_pieces(source: &str, range: std::ops::Range<usize>, kind: Code, found: &mut Vec<Piece>) {
    let mut at = range.start;
    while let Some(code) = source.get(at..range.end).filter(|code| !code.is_empty()) {
        let next = code.find("{{").and_then(|start| Some((start, value_length(code.get(start..)?)?)));
        let (text, value) = match next {
            Some((start, length)) => (code.get(..start), Some((at + start, length))),
            None => (Some(code), None),
        };
        found.extend(text.filter(|text| !text.is_empty()).map(|text| Piece::Text(text.to_owned())));
        let Some((start, length)) = value else { return };
        found.push(Piece::Value { at: start + 2..start + length - 2, code: Some(kind) });
        at = start + length;
    }
}

/// Indentation, quotes and list markers at the start of a line.
fn marker(line: &str) -> &str {
    let rest = line.trim_start_matches([' ', '\t', '>', '#']);
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = if digits.len() < rest.len() {
        digits.strip_prefix(". ").or(digits.strip_prefix(") "))
    } else {
        None
    };
    let rest = numbered
        .or_else(|| ["- ", "* ", "+ "].iter().find_map(|sign| rest.strip_prefix(sign)))
        .unwrap_or(rest);
    line.get(..line.len() - rest.len()).unwrap_or_default()
}

/// The length in bytes of the `{{ … }}` at the start of `text`, with its braces. Braces in quotes do not close it.
fn value_length(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut before = '\0';
    for (at, letter) in text.char_indices().skip(2) {
        match quote {
            Some(open) if letter == open && before != '\\' => quote = None,
            Some(_) => {}
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            None if letter == '}' && before == '}' => return Some(at + 1),
            None => {}
        }
        before = letter;
    }
    None
}

/// The length in bytes of a code span or fence at the start of `text`; `None` when there is none, or it is not closed.
fn code_length(text: &str) -> Option<usize> {
    let ticks = text.len() - text.trim_start_matches('`').len();
    if ticks == 0 {
        return None;
    }
    let mut at = ticks;
    loop {
        let rest = text.get(at..)?;
        at += rest.find('`')?;
        let rest = text.get(at..)?;
        let run = rest.len() - rest.trim_start_matches('`').len();
        at += run;
        if run == ticks {
            return Some(at);
        }
    }
}

fn abbreviation(text: &str) -> bool {
    ["e.g.", "i.e.", "etc.", "vs.", "cf."].iter().any(|short| text.ends_with(short))
}
