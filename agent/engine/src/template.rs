//! Texts with computed values: `Set it to {{ bytes(host.memory_bytes / 4) }}.`
//!
//! A sentence whose value is unknown is left out, so that an advice never holds a gap. A sentence ends with `.`, `!` or
//! `?` before a space, or with its line; what stands in backticks or in `{{ }}` is never split. List markers and
//! indentation belong to the line, which is left out when none of its sentences remains.
//!
//! An empty text counts as unknown unless the template itself writes `""`: "Seen: ." says nothing.
//!
//! In a fenced block of code a value may be a list: each element becomes a line, so that an advice names every object
//! that it is about. In the remedy of a check with `each`, a block that names `item` is written once for each failing
//! item; a line of it whose value is unknown for an item is left out for that one. Such a line, and every value that stands in code or holds some, is printed whole or not at all:
//! half a command may do something else.

use goodstead_protocol::fact::Fact;

use crate::condition::{Condition, Env, Problem, Scope, printed};

mod pieces;

use pieces::{Code, Piece, pieces};

/// The most characters of one computed value.
const MAX_VALUE: usize = 200;
/// The most lines that a list gives.
const MAX_LINES: usize = 20;
/// The most characters of a command: one with a few of the longest names that products allow.
const MAX_LINE: usize = 1000;

/// A text with computed values that fit the contracts.
#[derive(Debug, Clone, Default)]
pub struct Template {
    source: String,
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    /// Indentation and list marker.
    marker: String,
    sentences: Vec<Vec<Part>>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Value {
        condition: Condition,
        code: Option<Code>,
    },
    /// Code within a line, without the backquotes around it.
    Code(Vec<Part>),
    /// A fenced block that names the item: the lines of the fence itself, and those between them.
    PerItem {
        opening: Vec<Part>,
        body: Vec<Vec<Part>>,
        closing: Vec<Part>,
    },
}

impl Template {
    /// The text as it stands in the check.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Reads a template; the place of a problem is in bytes of `source`.
    pub(crate) fn parse(source: &str, env: &Env<'_>) -> Result<Template, Problem> {
        Template::parse_with(source, env, env)
    }

    /// Reads the template of a check that judges items: `in_fence` has the names that blocks of code may use.
    pub(crate) fn parse_with(source: &str, env: &Env<'_>, in_fence: &Env<'_>) -> Result<Template, Problem> {
        let env = Names { env, in_fence };
        let mut lines: Vec<Line> = Vec::new();
        for piece in pieces(source)? {
            match piece {
                Piece::Marker(marker) => lines.push(Line { marker, sentences: vec![Vec::new()] }),
                Piece::SentenceEnd => add(&mut lines, |line| line.sentences.push(Vec::new())),
                piece => push(&mut lines, part(piece, source, &env)?),
            }
        }
        for sentence in lines.iter_mut().flat_map(|line| &mut line.sentences) {
            if sentence.iter().any(names_item) {
                *sentence = vec![per_item(std::mem::take(sentence))];
            }
        }
        Ok(Template { source: source.to_owned(), lines })
    }

    /// The text for one site.
    pub(crate) fn render(&self, scope: &Scope<'_>) -> String {
        self.render_for(scope, &[])
    }

    /// The text for one site on which these items fail.
    pub(crate) fn render_for(&self, scope: &Scope<'_>, items: &[&Fact]) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let kept: Vec<String> =
                line.sentences.iter().filter_map(|parts| sentence(parts, scope, items)).collect();
            let empty = line.sentences.iter().all(Vec::is_empty);
            if kept.concat().is_empty() && !empty {
                continue;
            }
            // What was left out between two blank lines leaves only one.
            if empty && line.marker.trim().is_empty() && text.ends_with("\n\n") {
                continue;
            }
            text.push_str(&line.marker);
            text.push_str(kept.concat().trim_end());
            text.push('\n');
        }
        text.trim().to_owned()
    }
}

/// The names that are known in the text and in its blocks of code.
struct Names<'e, 'c> {
    env: &'e Env<'c>,
    in_fence: &'e Env<'c>,
}

/// What is printed for a piece of a sentence.
fn part(piece: Piece, source: &str, names: &Names<'_, '_>) -> Result<Part, Problem> {
    match piece {
        Piece::Text(text) => Ok(Part::Text(text)),
        Piece::Code(inner) => {
            let inner = inner.into_iter().map(|piece| part(piece, source, names));
            Ok(Part::Code(inner.collect::<Result<_, _>>()?))
        }
        Piece::Value { at, code } => {
            let inner = source.get(at.clone()).unwrap_or_default();
            let fenced = code == Some(Code::Fence);
            let compile = if fenced { Condition::compile_lines } else { Condition::compile_text };
            let env = if fenced { names.in_fence } else { names.env };
            let condition = compile(inner.trim(), env).map_err(|problem| {
                let start = at.start + inner.len() - inner.trim_start().len();
                let whole = start..start + inner.trim().len();
                problem.placed(&|at| Some(at.map_or(whole.clone(), |at| at.start + start..at.end + start)))
            })?;
            Ok(Part::Value { condition, code })
        }
        // They stand between sentences, never in one.
        Piece::Marker(_) | Piece::SentenceEnd => Ok(Part::Text(String::new())),
    }
}

fn add(lines: &mut Vec<Line>, change: impl FnOnce(&mut Line)) {
    if lines.is_empty() {
        lines.push(Line { marker: String::new(), sentences: vec![Vec::new()] });
    }
    if let Some(line) = lines.last_mut() {
        change(line);
    }
}

fn push(lines: &mut Vec<Line>, part: Part) {
    add(lines, |line| {
        if let Some(sentence) = line.sentences.last_mut() {
            sentence.push(part);
        }
    });
}

/// Whether the part is a value of a block of code that depends on the item.
fn names_item(part: &Part) -> bool {
    matches!(part, Part::Value { condition, code: Some(Code::Fence) } if condition.uses_item())
}

/// The parts of a fenced block, line by line.
fn per_item(parts: Vec<Part>) -> Part {
    let mut lines: Vec<Vec<Part>> = vec![Vec::new()];
    for part in parts {
        let Part::Text(text) = part else {
            if let Some(line) = lines.last_mut() {
                line.push(part);
            }
            continue;
        };
        for (number, piece) in text.split('\n').enumerate() {
            if number > 0 {
                lines.push(Vec::new());
            }
            if let Some(line) = lines.last_mut().filter(|_| !piece.is_empty()) {
                line.push(Part::Text(piece.to_owned()));
            }
        }
    }
    let closing = lines.pop().unwrap_or_default();
    let mut lines = lines.into_iter();
    Part::PerItem { opening: lines.next().unwrap_or_default(), body: lines.collect(), closing }
}

/// One sentence, or `None` when a value in it is unknown.
fn sentence(parts: &[Part], scope: &Scope<'_>, items: &[&Fact]) -> Option<String> {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Value { condition, code } => printed_value(condition, scope, *code),
            Part::Code(inner) => Some(code_span(&sentence(inner, scope, items)?)),
            Part::PerItem { opening, body, closing } => {
                let mut block = sentence(opening, scope, items)?;
                let mut written = false;
                for item in items.iter().take(MAX_LINES) {
                    let Some(text) = body_for(body, &Scope { item, ..*scope }) else { continue };
                    // What takes several lines, such as a file, is a paragraph of its own.
                    block.push_str(if written && body.len() > 2 { "\n\n" } else { "\n" });
                    block.push_str(&text);
                    written = true;
                }
                let closing = sentence(closing, scope, items)?;
                written.then(|| format!("{block}\n{closing}"))
            }
        })
        .collect()
}

/// The lines of a block for one item; `None` when nothing about the item could be written.
fn body_for(body: &[Vec<Part>], scope: &Scope<'_>) -> Option<String> {
    let mut kept = Vec::new();
    let mut about_it = false;
    for line in body {
        if let Some(text) = sentence(line, scope, &[]) {
            about_it |= line.iter().any(names_item);
            kept.push(text);
        }
    }
    about_it.then(|| kept.join("\n"))
}

/// A value as it is printed; `None` when it is unknown, or empty where the template does not ask for that.
fn printed_value(condition: &Condition, scope: &Scope<'_>, code: Option<Code>) -> Option<String> {
    let text = value(&condition.evaluate(scope), code)?;
    let meant = || condition.source().contains("\"\"") || condition.source().contains("''");
    (!text.is_empty() || meant()).then_some(text)
}

/// Code within a line, with as many backquotes around it as tell it from those that it holds (CommonMark 0.31, 6.1).
fn code_span(code: &str) -> String {
    let longest = code.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    let space = if code.starts_with('`') || code.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{code}{space}{ticks}")
}

/// A value as it is printed: bounded, and without control characters.
fn value(fact: &Fact, code: Option<Code>) -> Option<String> {
    if let Fact::List(list) = fact {
        return lines(&list.items);
    }
    let text = printed(fact)?;
    if code == Some(Code::Fence) && ends_code(&text) {
        return None;
    }
    if code.is_some() || text.contains('`') {
        return (text.chars().count() <= MAX_LINE).then(|| text.chars().map(visible).collect());
    }
    Some(shortened(&text).chars().map(visible).collect())
}

/// A value of prose that is not too long. A list is cut between two elements, and says how many are missing.
fn shortened(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(MAX_VALUE) else { return text.to_owned() };
    let shown = text.get(..end).unwrap_or_default();
    let separator = if shown.contains("; ") { "; " } else { ", " };
    match shown.rfind(separator) {
        Some(cut) => {
            let more = text.get(cut..).unwrap_or_default().matches(separator).count();
            format!("{}{separator}and {more} more", text.get(..cut).unwrap_or_default())
        }
        None => shown.to_owned(),
    }
}

/// The elements that can be printed, one a line; `None` when there is none.
fn lines(items: &[Fact]) -> Option<String> {
    let fits = |line: &String| line.chars().count() <= MAX_LINE && !ends_code(line);
    let whole = items.iter().filter_map(printed).filter(fits);
    let lines: Vec<String> = whole.take(MAX_LINES).map(|line| line.chars().map(visible).collect()).collect();
    if lines.is_empty() { None } else { Some(lines.join("\n")) }
}

/// Whether a line of it could end the fenced block in which it stands.
fn ends_code(text: &str) -> bool {
    text.trim_start().starts_with("```")
}

fn visible(letter: char) -> char {
    if letter.is_control() { '\u{fffd}' } else { letter }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::condition::Type;
    use crate::fixture::{demo, facts};
    use crate::judge::NO_ITEM;

    /// Rendered where the port is 80 and the version is not known.
    fn render(source: &str) -> String {
        let demo = demo();
        let template = Template::parse(source, &Env::of_check(&demo, None, None)).unwrap();
        let own =
            facts(json!({"port": 80, "size_bytes": 2048, "names": ["a", "b"], "settings": {"x": "a\nb"}}));
        template.render(&Scope {
            own: &own,
            host: &NO_ITEM,
            linux: &NO_ITEM,
            previous: &NO_ITEM,
            item: &NO_ITEM,
        })
    }

    #[test]
    fn values_are_printed_in_their_place() {
        assert_eq!(render("Use {{ demo.port + 1 }}, of {{bytes(demo.size_bytes)}}."), "Use 81, of 2.0 KiB.");
        assert_eq!(render("{{ demo.size_bytes }}"), "2048");
        assert_eq!(render("{{ join(demo.names, ' }} ') }}"), "a }} b");
        assert_eq!(render("{{ demo.settings['x'] }}"), "a\u{fffd}b");
    }

    #[test]
    fn a_backquote_of_the_site_does_not_end_the_code_in_which_it_stands() {
        let render = |source: &str, name: &str| {
            let demo = demo();
            let template = Template::parse(source, &Env::of_check(&demo, None, None)).unwrap();
            let own = facts(json!({ "names": [name], "settings": { "x": name } }));
            let (host, linux) = (&NO_ITEM, &NO_ITEM);
            template.render(&Scope { own: &own, host, linux, previous: &NO_ITEM, item: &NO_ITEM })
        };
        let span = "Run `drop {{ demo.settings['x'] }}; --`. Done.";
        assert_eq!(render(span, "a"), "Run `drop a; --`. Done.");
        assert_eq!(render(span, "a`b"), "Run ``drop a`b; --``. Done.");
        assert_eq!(render(span, "a``b"), "Run ```drop a``b; --```. Done.");
        assert_eq!(render("`{{ demo.settings['x'] }}`", "`"), "`` ` ``");
        assert_eq!(render("``a`b {{ demo.settings['x'] }}``", "c"), "``a`b c``");
        let fence = "```\n{{ demo.names }}\n{{ demo.settings['x'] }}\n```";
        assert_eq!(render(fence, "a```"), "```\na```\na```\n```");
        assert_eq!(render(fence, " ```"), "", "what would end the block is left out, and the block with it");
    }

    #[test]
    fn a_sentence_whose_value_is_unknown_is_left_out() {
        assert_eq!(render("Stop. It is {{ demo.version }}. Go on!"), "Stop. Go on!");
        assert_eq!(render("Is it {{ demo.version }}? Yes, i.e. {{ demo.port }}."), "Yes, i.e. 80.");
        assert_eq!(render("See e.g. {{ demo.version }}. Done."), "Done.");
        assert_eq!(render("{{ demo.version }}"), "");
        assert_eq!(render("One.\n\n{{ demo.version }}\n\n{{ demo.version }}\n\nTwo."), "One.\n\nTwo.");
        assert_eq!(render("Set 1.5 of {{ demo.port }}."), "Set 1.5 of 80.");
    }

    #[test]
    fn list_markers_go_with_their_lines() {
        let source = "Do:\n\n1. Stop it.\n2. Use {{ demo.version }}.\n3. Start. Use {{ demo.version }}.\n- {{ demo.version }}\n\nEnd";
        assert_eq!(render(source), "Do:\n\n1. Stop it.\n3. Start.\n\nEnd");
    }

    #[test]
    fn code_is_never_split() {
        assert_eq!(
            render("Run `a. {{ demo.port }}. b` now. Then `{{ demo.version }}. x` too."),
            "Run `a. 80. b` now."
        );
        assert_eq!(
            render("Before.\n```\nport = {{ demo.port }}. x\ny\n```\nAfter."),
            "Before.\n```\nport = 80. x\ny\n```\nAfter."
        );
        assert_eq!(render("Before.\n```\na\nv = {{ demo.version }}\n```\nAfter."), "Before.\nAfter.");
        assert_eq!(render("A ` alone. {{ demo.version }}. End."), "A ` alone. End.");
    }

    #[test]
    fn prose_is_cut_and_a_command_is_not() {
        let long = |length: usize, before: &str, after: &str| {
            let text = "x".repeat(length);
            render(&format!("First. {before}{{{{ '{text}' }}}}{after}"))
        };
        assert_eq!(long(300, "It is ", ".").len(), "First. It is .".len() + MAX_VALUE);
        assert_eq!(long(300, "Run `", "`.").len(), "First. Run ``.".len() + 300);
        assert_eq!(long(MAX_LINE + 1, "Run `", "`."), "First.");
        let paths: Vec<_> = (0..40).map(|number| format!("/etc/ssl/{number}.pem (CN=x, y)")).collect();
        let listed = render(&format!("Files: {{{{ '{}' }}}}.", paths.join("; ")));
        let shown = listed.matches(".pem (CN=x, y)").count();
        assert!(listed.ends_with(&format!("(CN=x, y); and {} more.", 40 - shown)), "{listed}");
        let both = |length| render(&format!("First. Run {{{{ '`{}`' }}}}.", "x".repeat(length)));
        assert_eq!((both(300).len(), both(MAX_LINE).as_str()), ("First. Run ``.".len() + 300, "First."));
    }

    #[test]
    fn a_list_in_a_fence_is_a_line_each() {
        let fence = |value: &str| render(&format!("Run:\n```\n{{{{ {value} }}}}\n```\nEnd."));
        assert_eq!(fence("demo.names.map(x, 'drop ' + x)"), "Run:\n```\ndrop a\ndrop b\n```\nEnd.");
        assert_eq!(fence("demo.names.filter(x, x == 'c')"), "Run:\nEnd.");
        let long = "x".repeat(MAX_LINE);
        let twice = format!("demo.names.map(x, x == 'a' ? 'short' : '{long}' + x)");
        assert_eq!(fence(&twice), "Run:\n```\nshort\n```\nEnd.", "half a command is none");
    }

    #[test]
    fn a_block_that_names_the_item_is_written_for_each_that_fails() {
        let demo = demo();
        let env = Env::of_check(&demo, None, None);
        let text = Type::Text;
        let own = facts(json!({ "port": 80, "names": ["a b", "c"] }));
        let items = [
            Fact::from("a b"),
            Fact::unknown(goodstead_protocol::fact::CauseKind::Absent, ""),
            Fact::from("c"),
        ];
        let items: Vec<&Fact> = items.iter().collect();
        let render = |source: &str| {
            let template = Template::parse_with(source, &env, &env.with_item(text.clone())).unwrap();
            let nothing = &NO_ITEM;
            let scope = Scope { own: &own, host: nothing, linux: nothing, previous: nothing, item: nothing };
            template.render_for(&scope, &items)
        };
        assert_eq!(
            render(
                "1. Look:\n   ```sh\n   status {{ shell(item) }}\n   log {{ shell(item) }} {{ demo.port }}\n   ```\nEnd."
            ),
            "1. Look:\n   ```sh\n   status 'a b'\n   log 'a b' 80\n   status c\n   log c 80\n   ```\nEnd."
        );
        assert_eq!(
            render("```\n# {{ item }}\n[Service]\nPort={{ demo.version }}\nX=1\n```"),
            "```\n# a b\n[Service]\nX=1\n\n# c\n[Service]\nX=1\n```"
        );
        assert_eq!(render("Before.\n```\n{{ item + demo.version }}\n```\nAfter."), "Before.\nAfter.");
        let outside = Template::parse_with("Of {{ item }}.", &env, &env.with_item(text.clone()));
        assert_eq!(outside.unwrap_err().code, "undeclared-fact");
    }

    #[test]
    fn an_empty_value_leaves_no_gap_unless_it_is_meant() {
        assert_eq!(
            render("Seen: {{ join(demo.names.filter(n, n == 'z'), ', ') }}. Then go on."),
            "Then go on."
        );
        assert_eq!(render("Stop{{ demo.port == 80 ? \"\" : \" it\" }}. Go."), "Stop. Go.");
    }

    #[test]
    fn broken_templates_are_placed() {
        let demo = demo();
        let refused = |source: &str| {
            let problem = Template::parse(source, &Env::of_check(&demo, None, None)).unwrap_err();
            (problem.code, source[problem.at.unwrap()].to_owned())
        };
        assert_eq!(refused("a {{ demo.port"), ("bad-template", "{{".to_owned()));
        assert_eq!(refused("a }} b"), ("bad-template", "}}".to_owned()));
        assert_eq!(refused("ä {{ demo.port + demo.prot }}"), ("undeclared-fact", "demo.prot".to_owned()));
        assert_eq!(refused("a {{ demo.names }}"), ("ill-typed", "demo.names".to_owned()));
        assert_eq!(refused("a `{{ demo.prot }}`"), ("undeclared-fact", "demo.prot".to_owned()));
        assert_eq!(refused("a {{ }}"), ("condition-syntax", "".to_owned()));
    }
}
