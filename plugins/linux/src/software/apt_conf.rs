//! Values of apt's configuration, by the rules of apt.conf(5): nested and flat names, three kinds of comments, and the
//! last assignment decides.

/// How deep blocks may lie in each other.
const MAX_DEPTH: usize = 16;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The name in small letters, parts joined by `::`.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: String,
    /// The line of the value, from 1.
    pub(crate) line: i64,
}

/// The assignments of `text` in their order. What follows a fault is lost, as with apt, which refuses such a file.
pub(crate) fn parse(text: &str) -> Vec<Setting> {
    let mut found = Vec::new();
    // The names of the blocks around, and the words of the statement so far.
    let mut around: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for (token, line) in tokens(text) {
        match token {
            Token::Word(word) => words.push(word),
            Token::Open => around.push(words.drain(..).next().unwrap_or_default()),
            Token::Close => {
                around.pop();
                words.clear();
            }
            // Nothing that is meant lies so deep, and joining endless names takes endless time.
            Token::End if around.len() > MAX_DEPTH => words.clear(),
            Token::End => {
                let mut statement = words.drain(..);
                if let (Some(name), Some(value)) = (statement.next(), statement.next()) {
                    let parts = around.iter().map(String::as_str).chain([name.as_str()]);
                    let name = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("::");
                    found.push(Setting { name: name.to_ascii_lowercase(), value, line });
                }
            }
        }
    }
    found
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Open,
    Close,
    End,
}

/// The words and signs of `text`, without comments, each with its line.
fn tokens(text: &str) -> Vec<(Token, i64)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\n' => {
                line += 1;
                1
            }
            '#' => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => {
                let end = rest.find("*/").map_or(rest.len(), |at| at + 2);
                line += newlines(rest, end);
                end
            }
            '{' | '}' | ';' => {
                found.push((
                    match first {
                        '{' => Token::Open,
                        '}' => Token::Close,
                        _ => Token::End,
                    },
                    line,
                ));
                1
            }
            '"' => {
                let inner = rest.get(1..).unwrap_or_default();
                let end = inner.find('"').unwrap_or(inner.len());
                found.push((Token::Word(inner.get(..end).unwrap_or_default().to_owned()), line));
                line += newlines(inner, end);
                (end + 2).min(rest.len())
            }
            _ if first.is_whitespace() => first.len_utf8(),
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ';' | '"'))
                    .unwrap_or(rest.len());
                found.push((Token::Word(rest.get(..end).unwrap_or_default().to_owned()), line));
                end
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    found
}

fn newlines(text: &str, until: usize) -> i64 {
    let lines = text.get(..until).unwrap_or_default().matches('\n').count();
    i64::try_from(lines).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(text: &str) -> Vec<String> {
        parse(text).into_iter().map(|one| format!("{} = {} :{}", one.name, one.value, one.line)).collect()
    }

    #[test]
    fn flat_and_nested_names_mean_the_same() {
        assert_eq!(
            told("APT::Periodic::Unattended-Upgrade \"1\";"),
            ["apt::periodic::unattended-upgrade = 1 :1"]
        );
        assert_eq!(
            told("APT {\n  Periodic {\n    Unattended-Upgrade 1;\n  };\n};\nA \"b\";"),
            ["apt::periodic::unattended-upgrade = 1 :3", "a = b :6"]
        );
        assert_eq!(told("APT::Periodic { Enable \"0\"; };"), ["apt::periodic::enable = 0 :1"]);
    }

    #[test]
    fn comments_say_nothing() {
        let text = "// A \"1\";\n# A \"2\";\n/* A \"3\";\n A \"4\"; */ A \"5\"; // A \"6\";\n";
        assert_eq!(told(text), ["a = 5 :4"]);
        assert_eq!(told("A \"https://example.test/#x\";"), ["a = https://example.test/#x :1"]);
    }

    #[test]
    fn lists_are_kept_apart_from_their_name() {
        assert_eq!(told("Unattended-Upgrade::Allowed-Origins { \"x:y\"; };\nA:: \"1\";"), ["a:: = 1 :2"]);
    }

    #[test]
    fn endless_blocks_take_no_endless_time() {
        let deep = "a{".repeat(100_000) + &"b 1;".repeat(100_000);
        assert_eq!(parse(&deep), []);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(APT|::|[{};\"#/* \n]|\\PC){0,60}") {
            let _ = parse(&text);
        }
    }
}
