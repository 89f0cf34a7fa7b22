//! Markdown as the blocks that the line-oriented faces can show: paragraphs, items of lists, and code.
//!
//! A report's texts are foreign. What is no text or code comes out as the text that it is: HTML as written, images as
//! their descriptions, headings and quotes as paragraphs, links with their address behind them.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// One block, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The lists that it stands in, from outside to inside: whether each is numbered.
    pub(crate) lists: Vec<bool>,
    /// `-` or `1.`, of the first block of an item.
    pub(crate) marker: Option<String>,
    pub(crate) content: Content,
}

impl Block {
    /// What stands before the block's first line and before its others, where an item of a numbered list is indented
    /// by `numbered` columns. Items of other lists are by 2.
    pub(crate) fn indents(&self, numbered: usize) -> (String, String) {
        let columns = |list: &bool| if *list { numbered } else { 2 };
        let inner = " ".repeat(self.lists.iter().map(columns).sum());
        match (&self.marker, self.lists.split_last()) {
            (Some(marker), Some((last, outer))) => {
                let outer = " ".repeat(outer.iter().map(columns).sum());
                (format!("{outer}{marker:<width$} ", width = columns(last).saturating_sub(1)), inner)
            }
            _ => (inner.clone(), inner),
        }
    }
}

/// What a block holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// A paragraph.
    Text(Vec<Inline>),
    /// Code by lines, and its language or nothing.
    Code(String, Vec<String>),
}

/// A part of a paragraph. It can hold anything but what ends a line in Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inline {
    Text(String),
    Code(String),
}

/// The most of a text that is read, in bytes: a check's file is no larger, so only a forged report is cut.
const MAX_TEXT: usize = 256 << 10;

/// Reads Markdown.
pub(crate) fn read(markdown: &str) -> Vec<Block> {
    let markdown = markdown.get(..markdown.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
    short_way(markdown).unwrap_or_else(|| long_way(markdown))
}

/// What most texts are, read without a parser: paragraphs of words and code, lists whose items have a line each, and
/// fenced code. `None` where there is more to it. Held against the parser by tests: a report can have thousands of texts.
fn short_way(markdown: &str) -> Option<Vec<Block>> {
    if markdown.bytes().any(|byte| !byte.is_ascii() || matches!(byte, b'\t' | b'\r' | b'\\')) {
        return None;
    }
    let mut blocks = Vec::new();
    let mut lines = markdown.trim_matches('\n').split('\n').peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let plain = |content| Block { lists: Vec::new(), marker: None, content };
        if let Some(language) = line.strip_prefix(FENCE) {
            blocks.push(plain(fenced(language, &mut lines)?));
        } else if let Some(first) = item(line) {
            let mut last = first;
            blocks.push(last.block()?);
            while let Some(next) = lines.next_if(|line| !line.is_empty() && !line.starts_with(FENCE)) {
                last = item(next).filter(|next| next.follows(&last))?;
                blocks.push(last.block()?);
            }
            while lines.next_if(|line| line.is_empty()).is_some() {}
            // An item may go on after a blank line, and a list may be one with blank lines.
            if lines.peek().is_some_and(|next| next.starts_with(' ') || item(next).is_some()) {
                return None;
            }
        } else {
            let mut paragraph = begins_plainly(line).then(|| line.to_owned())?;
            while let Some(next) = lines.next_if(|line| !line.is_empty() && !line.starts_with(FENCE)) {
                paragraph.push('\n');
                paragraph.push_str(Some(next).filter(|next| begins_plainly(next))?);
            }
            blocks.push(plain(Content::Text(words(&paragraph)?)));
        }
    }
    Some(blocks)
}

const FENCE: &str = "```";

/// Whether a line begins with what begins a line of a paragraph and nothing else.
fn begins_plainly(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '`' || c == '(')
}

/// The code up to the closing fence.
fn fenced<'a>(language: &str, lines: &mut impl Iterator<Item = &'a str>) -> Option<Content> {
    if !language.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let mut code = Vec::new();
    loop {
        match lines.next()? {
            FENCE => break,
            line if line.trim_start().starts_with(FENCE) => return None,
            line => code.push(line.to_owned()),
        }
    }
    // Blank lines at its end, and code that is none, have rules of their own.
    code.last().is_some_and(|line| !line.is_empty()).then(|| Content::Code(language.to_owned(), code))
}

/// An item of a list.
#[derive(Clone, Copy)]
struct Item<'a> {
    /// Its number, if it has one.
    number: Option<u32>,
    text: &'a str,
}

fn item(line: &str) -> Option<Item<'_>> {
    if let Some(text) = line.strip_prefix("- ") {
        return Some(Item { number: None, text });
    }
    let (number, text) = line.split_once(". ")?;
    let digits = (1..=9).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    Some(Item { number: Some(digits.then(|| number.parse().ok())??), text })
}

impl Item<'_> {
    fn follows(&self, last: &Item<'_>) -> bool {
        self.number == last.number.map(|number| number + 1)
    }

    fn block(&self) -> Option<Block> {
        let content = begins_plainly(self.text).then(|| words(self.text))??;
        let marker = self.number.map_or_else(|| "-".to_owned(), |number| format!("{number}."));
        Some(Block {
            lists: vec![self.number.is_some()],
            marker: Some(marker),
            content: Content::Text(content),
        })
    }
}

/// The ASCII characters that can mean something in a paragraph, besides the backquote: a bit each.
const MEANT: u128 = {
    let mut meant = 0;
    let mut rest: &[u8] = b"*_[]<>&~!#|$^=+";
    while let [first, others @ ..] = rest {
        meant |= 1 << *first;
        rest = others;
    }
    meant
};

/// Words and code, where nothing else has a meaning.
fn words(paragraph: &str) -> Option<Vec<Inline>> {
    if paragraph.contains("``") || paragraph.split('\n').any(|line| line.ends_with(' ')) {
        return None;
    }
    let mut line = Vec::new();
    let mut parts = 0;
    for part in paragraph.split('`') {
        parts += 1;
        match parts % 2 {
            // Blanks at the ends of code have rules of their own.
            0 if part.is_empty() || part.trim().len() != part.len() => return None,
            0 => line.push(Inline::Code(part.replace('\n', " "))),
            _ if part.bytes().any(|byte| byte.is_ascii() && MEANT >> byte & 1 == 1) => return None,
            _ if part.is_empty() => {}
            _ => line.push(Inline::Text(part.replace('\n', " "))),
        }
    }
    // A single backquote is one.
    (parts % 2 == 1).then_some(line)
}

fn long_way(markdown: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    for event in Parser::new_ext(markdown, Options::empty()) {
        reader.event(event);
    }
    reader.flush();
    reader.blocks
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    /// The open lists, each with the number of its next item.
    lists: Vec<Option<u64>>,
    marker: Option<String>,
    line: Vec<Inline>,
    code: Option<(String, String)>,
    /// Where the open links lead.
    links: Vec<String>,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Text(text) => match &mut self.code {
                Some((_, code)) => code.push_str(&text),
                None => self.text(&text),
            },
            Event::Code(code) => self.line.push(Inline::Code(code.into_string())),
            Event::Html(text) | Event::InlineHtml(text) => self.text(text.replace('\n', " ").trim_end()),
            Event::SoftBreak | Event::HardBreak => self.text(" "),
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                self.marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}.");
                        *number = number.saturating_add(1);
                        Some(marker)
                    }
                    _ => Some("-".to_owned()),
                };
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::Link { dest_url, .. } => self.links.push(dest_url.into_string()),
            Tag::Paragraph | Tag::Heading { .. } | Tag::BlockQuote(_) | Tag::HtmlBlock => self.flush(),
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::Item => {
                self.flush();
                self.marker = None;
            }
            TagEnd::CodeBlock => {
                if let Some((language, code)) = self.code.take() {
                    let lines = code.trim_end_matches('\n').split('\n').map(str::to_owned).collect();
                    self.push(Content::Code(language, lines));
                }
            }
            TagEnd::Link => {
                let address = self.links.pop().unwrap_or_default();
                // An address that stands for itself is said once.
                if !matches!(self.line.last(), Some(Inline::Text(text)) if text.ends_with(&address)) {
                    self.text(&format!(" ({address})"));
                }
            }
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::BlockQuote(_) | TagEnd::HtmlBlock => {
                self.flush()
            }
            _ => {}
        }
    }

    fn text(&mut self, more: &str) {
        match self.line.last_mut() {
            Some(Inline::Text(text)) => text.push_str(more),
            _ => self.line.push(Inline::Text(more.to_owned())),
        }
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        let empty = |part: &Inline| matches!(part, Inline::Text(text) if text.trim().is_empty());
        if !line.iter().all(empty) {
            self.push(Content::Text(line));
        }
    }

    fn push(&mut self, content: Content) {
        self.blocks.push(Block {
            lists: self.lists.iter().map(Option::is_some).collect(),
            marker: self.marker.take(),
            content,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// One line a block, with what tells it from others.
    fn told(markdown: &str) -> String {
        let mut text = String::new();
        for Block { lists, marker, content } in read(markdown) {
            let depth = lists.len();
            let marker = marker.unwrap_or_default();
            let _ = match content {
                Content::Text(line) => writeln!(text, "{depth} {marker} {line:?}"),
                Content::Code(language, lines) => writeln!(text, "{depth} {marker} {language} {lines:?}"),
            };
        }
        text
    }

    #[test]
    fn what_remedies_are_written_with_is_read() {
        insta::assert_snapshot!(told("Set `a`,\n**now**:\n\n```sql\nSELECT 1;\n\nSELECT 2;\n```\n1. one\n   - inner\n\n   more\n2. two"), @r#"
        0  [Text("Set "), Code("a"), Text(", now:")]
        0  sql ["SELECT 1;", "", "SELECT 2;"]
        1 1. [Text("one")]
        2 - [Text("inner")]
        1  [Text("more")]
        1 2. [Text("two")]
        "#);
    }

    #[test]
    fn what_is_no_text_comes_out_as_text() {
        insta::assert_snapshot!(told("# Loud\n> said\n\n<script>x</script>\n\na <b>b</b> ![pic](http://x.test/p.png) [l](javascript:y) <http://x.test>"), @r#"
        0  [Text("Loud")]
        0  [Text("said")]
        0  [Text("<script>x</script>")]
        0  [Text("a <b>b</b> pic l (javascript:y) http://x.test")]
        "#);
    }

    #[test]
    fn the_short_way_leads_where_the_parser_does() {
        let mut short = 0;
        let checks = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checks");
        let mut texts: Vec<String> = ["linux", "postgresql"]
            .iter()
            .flat_map(|pack| std::fs::read_dir(checks.join(pack)).unwrap())
            .filter_map(|file| {
                std::fs::read_to_string(file.unwrap().path()).ok()?.parse::<toml::Table>().ok()
            })
            .flat_map(|check| ["why", "remedy"].map(|key| check.get(key)?.as_str().map(str::to_owned)))
            .flatten()
            .collect();
        let odd = [
            "a\n\n\nb",
            "a\n-",
            "a\n---",
            "a `b\nc` d",
            "a ` b",
            "`a` `b`",
            "` a`",
            "a\n    b",
            "1. a",
            "a \nb",
            "(a) b",
            "a\n\n",
            "\n a",
            "a `b\n\nc` d",
            "a:\n- b",
            "`a``b`",
            "http://x.test",
            "1. a\n2. b\n\nc:\n\n```sql\nd = '*' < 1;\n\n  e\n```\nf",
            "1. a\n2. b\n\n   c",
            "1. a\n\n2. b",
            "1. a\nb",
            "- a\n- `b_c`\n```\nd\n```",
            "- a\n1. b",
            "3. a\n4. b\n6. c",
            "007. a\n8. b",
            "1. ```\na\n```",
            "```\n```",
            "```\na\n\n```",
            "```\na",
            "a\n```b\nc\n```",
            "- a\n\n- b",
            "- a \nb",
            "-  a",
            "`a <b> & *c*`: d",
        ];
        texts.extend(odd.map(str::to_owned));
        for text in &texts {
            if let Some(found) = short_way(text) {
                short += 1;
                assert_eq!(found, long_way(text), "{text:?}");
            }
        }
        assert!(short > texts.len() / 4, "{short} of {}", texts.len());
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_leads_there_whatever_is_written(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    "a", "b c", "`", "``", "```", "```sql", "\n", "\n\n", " ", "  ", "    ", "- ", "1. ", "2. ", "3.", "-",
                    "=", "_", "*", "<b>", "(", ")", ":", "#", "&amp;", "\\", "x.test", "+ ", "> ", "!", "[l](u)", "\t",
                ]),
                0..24,
            )
        ) {
            let text = parts.concat();
            if let Some(found) = short_way(&text) {
                proptest::prop_assert_eq!(found, long_way(&text), "{:?}", text);
            }
        }
    }

    #[test]
    fn nothing_at_all_is_no_block() {
        assert_eq!(read(" \n\n"), []);
    }
}
