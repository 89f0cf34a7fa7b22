//! Markdown from a report as markup that is safe to show.
//!
//! A report's texts are untrusted. What acts without being seen is made visible, raw HTML comes out as the text that it is, images as their descriptions, headings as
//! bold lines (they would upset the page's own), and a link stays a link only when it leads to http or https.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

use crate::visible::lines;

/// `source` as HTML.
pub fn render(source: &str) -> String {
    let source = lines(source);
    let mut markup = String::with_capacity(source.len() * 2);
    let events = Parser::new_ext(&source, Options::empty());
    html::push_html(&mut markup, Safe { events, links: Vec::new(), next: None });
    markup
}

/// Whether `address` can stand in a link: http or https, whatever the case.
pub fn is_web(address: &str) -> bool {
    let starts =
        |scheme: &str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("https://") || starts("http://")
}

/// The events with nothing in them but what may be shown.
struct Safe<'a> {
    events: Parser<'a>,
    /// Which of the links that are open are shown as links.
    links: Vec<bool>,
    /// The second of two that one has become.
    next: Option<Event<'a>>,
}

impl<'a> Iterator for Safe<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if let Some(event) = self.next.take() {
            return Some(event);
        }
        loop {
            let event = self.events.next()?;
            return Some(match event {
                Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
                Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
                Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
                Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => continue,
                Event::Start(Tag::Heading { .. }) => {
                    self.next = Some(Event::Start(Tag::Strong));
                    Event::Start(Tag::Paragraph)
                }
                Event::End(TagEnd::Heading(_)) => {
                    self.next = Some(Event::End(TagEnd::Paragraph));
                    Event::End(TagEnd::Strong)
                }
                Event::Start(Tag::Link { ref dest_url, .. }) => {
                    let shown = is_web(dest_url);
                    self.links.push(shown);
                    if !shown {
                        continue;
                    }
                    event
                }
                Event::End(TagEnd::Link) if self.links.pop() != Some(true) => continue,
                other => other,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remedies_are_written_with_is_shown() {
        insta::assert_snapshot!(render("Set `fsync = on`, **now**:\n\n```sql\nSELECT 1 < 2;\n```\n\n1. one\n2. two\n"), @r#"
        <p>Set <code>fsync = on</code>, <strong>now</strong>:</p>
        <pre><code class="language-sql">SELECT 1 &lt; 2;
        </code></pre>
        <ol>
        <li>one</li>
        <li>two</li>
        </ol>
        "#);
    }

    #[test]
    fn raw_html_comes_out_as_text() {
        insta::assert_snapshot!(render("a <b onclick='x'>b</b>\n\n<script>alert(1)</script>\n\n<img src=x onerror=alert(1)>"), @r#"
        <p>a &lt;b onclick='x'&gt;b&lt;/b&gt;</p>
        <p>&lt;script&gt;alert(1)&lt;/script&gt;
        </p>
        <p>&lt;img src=x onerror=alert(1)&gt;</p>
        "#);
    }

    #[test]
    fn only_web_links_stay_links() {
        insta::assert_snapshot!(
            render("[a](javascript:alert(1)) [b](HTTPS://example.com/?a=\"b\") [c](data:text/html,x) [d](/local) <javascript:x> [e](JaVaScRiPt:x)"),
            @r#"<p>a <a href="HTTPS://example.com/?a=%22b%22">b</a> c d javascript:x e</p>"#
        );
    }

    #[test]
    fn nothing_is_fetched_and_headings_stay_below_the_pages_own() {
        insta::assert_snapshot!(render("# Loud\n\n![a picture](https://example.com/x.png)"), @"
        <p><strong>Loud</strong></p>
        <p>a picture</p>
        ");
    }

    #[test]
    fn what_acts_without_being_seen_is_seen() {
        insta::assert_snapshot!(render("`rm \u{202e}x`\r\n[a\u{1b}](https://example.test/\u{200f})\n"), @r#"
        <p><code>rm \u{202e}x</code>
        <a href="https://example.test/%5Cu%7B200f%7D">a\u{1b}</a></p>
        "#);
    }
}
