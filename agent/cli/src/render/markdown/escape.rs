//! Texts, code and links as Markdown that shows them and nothing else.

use super::super::value::plain;

/// A text inside a line: nothing in it makes structure.
pub(super) fn text(text: &str) -> String {
    let shown = plain(text);
    let mut escaped = String::with_capacity(shown.len() + 8);
    // What Markdown, its tables, HTML, mathematics and mentions begin with; all of it is ASCII.
    const MEANT: &[u8] = b"\\`*_[]<>|~&#!$@";
    let mut rest = shown.as_ref();
    while let Some(at) = rest.bytes().position(|byte| MEANT.contains(&byte)) {
        let (before, after) = rest.split_at(at);
        escaped.push_str(before);
        escaped.push('\\');
        let (sign, behind) = after.split_at(1);
        escaped.push_str(sign);
        rest = behind;
    }
    escaped.push_str(rest);
    escaped
}

/// A text that begins a line: it does not begin a list or a rule either.
pub(super) fn line(begins: &str) -> String {
    let escaped = text(begins.trim_start());
    let digits = escaped.len() - escaped.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let at = if digits > 0 { digits } else { 0 };
    match escaped.get(at..).and_then(|rest| rest.chars().next()) {
        Some('-' | '+' | '=') if at == 0 => format!("\\{escaped}"),
        Some('.' | ')') if at > 0 => {
            format!("{}\\{}", escaped.get(..at).unwrap_or_default(), escaped.get(at..).unwrap_or_default())
        }
        _ => escaped,
    }
}

/// Code inside a line.
pub(super) fn code(code: &str) -> String {
    let code = plain(code);
    if code.trim().is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&code) + 1);
    // A blank is taken off both ends, so that backquotes can stand there.
    let pad = if code.starts_with(['`', ' ']) || code.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{code}{pad}{fence}")
}

/// The fence of a block of code.
pub(super) fn fence(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A link, or only what it would say, where its address is not one of the web.
pub(super) fn link(title: &str, url: &str) -> String {
    let web = ["https://", "http://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let whole = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '\\');
    if web && url.chars().all(whole) {
        format!("[{}](<{url}>)", text(title))
    } else {
        format!("{}: {}", text(title), code(url))
    }
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    use super::*;

    /// What a reader of Markdown with all its extensions makes of it, without the paragraph around it.
    fn events(markdown: &str) -> Vec<Event<'_>> {
        let paragraph = |event: &Event<'_>| {
            !matches!(event, Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph))
        };
        Parser::new_ext(markdown, extensions()).filter(paragraph).collect()
    }

    fn extensions() -> Options {
        Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_MATH
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_GFM
    }

    const HOSTILE: [&str; 12] = [
        "# a",
        "- a",
        "+ a",
        "1. a",
        "12) a",
        "===",
        "---",
        "> a",
        "<b>x</b> &amp; [l](http://x.test) ![p](http://x.test)",
        "`a` *b* _c_ ~~d~~ $e$ $$f$$ ^g^ ~h~",
        "| a | b |\n|---|---|\n| c | d |",
        "a\\`b\\\\",
    ];

    #[test]
    fn a_text_is_read_back_as_that_text() {
        for hostile in HOSTILE {
            let read: String = events(&line(hostile))
                .iter()
                .map(|event| match event {
                    Event::Text(text) => text.to_string(),
                    other => panic!("{hostile:?} makes {other:?}"),
                })
                .collect();
            assert_eq!(read, plain(hostile));
        }
    }

    #[test]
    fn a_text_stays_in_its_cell_of_a_table() {
        for hostile in HOSTILE {
            let table = format!("| a | b |\n|---|---|\n| {} | x |\n", text(hostile));
            let read = events(&table);
            let row = read.iter().rposition(|event| matches!(event, Event::Start(Tag::TableRow))).unwrap();
            let cells = read[row..].split(|event| matches!(event, Event::Start(Tag::TableCell))).skip(1);
            let said = |cell: &[Event<'_>]| -> String {
                cell.iter()
                    .filter_map(
                        |event| if let Event::Text(text) = event { Some(text.as_ref()) } else { None },
                    )
                    .collect()
            };
            assert_eq!(
                cells.map(said).collect::<Vec<_>>(),
                [plain(hostile).trim().to_owned(), "x".to_owned()],
                "{table}"
            );
        }
    }

    #[test]
    fn code_is_read_back_as_that_code() {
        for hostile in HOSTILE.into_iter().chain(["`", "``", " a ", "a`` `b", "```sql", " `x"]) {
            let written = code(hostile);
            assert_eq!(events(&written), [Event::Code(plain(hostile).into_owned().into())], "{written}");
        }
    }

    #[test]
    fn only_the_web_is_linked() {
        assert_eq!(link("a]b", "https://example.test/?a=(b)"), "[a\\]b](<https://example.test/?a=(b)>)");
        for url in ["javascript:alert(1)", "https://x.test/>\u{202e}", "https://x.test/a b", "//x.test", ""] {
            assert!(
                !events(&link("a", url)).iter().any(|event| matches!(event, Event::Start(Tag::Link { .. }))),
                "{url}"
            );
        }
    }
}
