//! A line of pg_hba.conf, taken apart as the server does: fields between blanks, lists with commas, quotes that take
//! keywords their meaning, comments. Pure; what a token names, [`files`](super::files) reads.

/// One word of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// Whether it begins with a quote: then it is a name and no keyword, and `@` is no file.
    pub(super) quoted: bool,
}

/// The lines with their numbers, from 1. One that ends in a backslash goes on in the next (from 14 on; earlier
/// releases would refuse it).
pub(super) fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let (number, mut whole) = open.take().unwrap_or((index + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(part) => {
                whole.push_str(part);
                open = Some((number, whole));
            }
            None => {
                whole.push_str(line);
                lines.push((number, whole));
            }
        }
    }
    lines.extend(open);
    lines
}

/// The fields of a line, each a list of tokens; none for a comment.
pub(super) fn fields(line: &str) -> Vec<Vec<Token>> {
    let mut rest = line;
    let mut fields = Vec::new();
    let mut field = Vec::new();
    while let Some((token, comma, after)) = next(rest) {
        field.push(token);
        rest = after;
        if !comma {
            fields.push(std::mem::take(&mut field));
        }
    }
    if !field.is_empty() {
        fields.push(field);
    }
    fields
}

/// The next token, whether a comma ends it, and what follows.
fn next(line: &str) -> Option<(Token, bool, &str)> {
    let line = line.trim_start_matches([' ', '\t', '\r', ',']);
    let (mut text, mut quoted) = (String::new(), false);
    let (mut inside, mut was_quote) = (false, false);
    for (index, c) in line.char_indices() {
        let after = line.get(index + c.len_utf8()..).unwrap_or_default();
        match c {
            ' ' | '\t' | '\r' if !inside => return Some((Token { text, quoted }, false, after)),
            '#' if !inside => {
                return (quoted || !text.is_empty()).then_some((Token { text, quoted }, false, ""));
            }
            ',' if !inside => return Some((Token { text, quoted }, true, after)),
            '"' => {
                // Two quotes within quotes are one.
                if was_quote {
                    text.push('"');
                }
                was_quote = inside && !was_quote;
                inside = !inside;
                quoted |= inside && text.is_empty();
            }
            c => {
                was_quote = false;
                text.push(c);
            }
        }
    }
    (quoted || !text.is_empty()).then_some((Token { text, quoted }, false, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<String> {
        let token =
            |token: &Token| if token.quoted { format!("<{}>", token.text) } else { token.text.clone() };
        fields(line).iter().map(|field| field.iter().map(token).collect::<Vec<_>>().join("+")).collect()
    }

    #[test]
    fn fields_lists_quotes_and_comments_are_told_apart() {
        for (line, expected) in [
            ("local all all peer", vec!["local", "all", "all", "peer"]),
            (
                "  host\tall, app ,x  app 10.0.0.0/8 md5 # why",
                vec!["host", "all+app", "x", "app", "10.0.0.0/8", "md5"],
            ),
            ("host a,b +staff,@admins all cert", vec!["host", "a+b", "+staff+@admins", "all", "cert"]),
            ("local \"all\" \"it's #1\" trust", vec!["local", "<all>", "<it's #1>", "trust"]),
            ("local \"a\"\"b\" x trust", vec!["local", "<a\"b>", "x", "trust"]),
            ("local \"\" x trust", vec!["local", "<>", "x", "trust"]),
            ("# local all all trust", vec![]),
            ("   ", vec![]),
            (
                "host all all all ldap ldapserver=x \"ldapprefix=a, b\"#c",
                vec!["host", "all", "all", "all", "ldap", "ldapserver=x", "<ldapprefix=a, b>"],
            ),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }

    #[test]
    fn a_line_goes_on_after_a_backslash_and_keeps_its_first_number() {
        let found = lines("local all \\\n all peer\n\nhost \\");
        assert_eq!(
            found,
            [(1, "local all  all peer".to_owned()), (3, String::new()), (4, "host ".to_owned())]
        );
    }
}
