//! What people write who know other languages, each with what conditions have for it.

use std::ops::Range;

use super::Problem;

/// Everything in a text that belongs to another language, in its order. Meant for texts that are not conditions: there
/// `or` could still be the name of a variable.
pub(super) fn all(source: &str) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(letter) = rest.chars().next() {
        let at = source.len() - rest.len();
        let length = token(rest, source.get(..at).unwrap_or_default(), at, &mut found);
        rest = rest.get(length.max(letter.len_utf8())..).unwrap_or_default();
    }
    found
}

/// Looks at what the text begins with; returns how many bytes of it that is.
fn token(rest: &str, before: &str, at: usize, found: &mut Vec<Problem>) -> usize {
    const OPERATORS: [(&str, Option<(&str, &str)>); 24] = [
        ("===", Some(("`===` is not an operator here", "write `==`"))),
        ("!==", Some(("`!==` is not an operator here", "write `!=`"))),
        ("==", None),
        ("!=", None),
        ("<>", Some(("`<>` is not an operator here", "write `!=`"))),
        ("<=", None),
        (">=", None),
        ("=<", Some(("`=<` is not an operator here", "write `<=`"))),
        ("=>", Some(("`=>` is not an operator here", "write `>=` to compare"))),
        ("=~", Some(("`=~` is not an operator here", "write `text.matches(\"pattern\")`"))),
        ("!~", Some(("`!~` is not an operator here", "write `!text.matches(\"pattern\")`"))),
        ("~", Some(("`~` is not an operator here", "write `text.matches(\"pattern\")`"))),
        ("=", Some(("`=` does not compare", "write `==`"))),
        ("&&", None),
        ("&", Some(("`&` is not an operator here", "write `&&`"))),
        ("||", None),
        ("|", Some(("`|` is not an operator here", "write `||`"))),
        ("**", Some(("`**` is not an operator here", "multiply with `*`"))),
        ("≠", Some(("`≠` is not an operator here", "write `!=`"))),
        ("≤", Some(("`≤` is not an operator here", "write `<=`"))),
        ("≥", Some(("`≥` is not an operator here", "write `>=`"))),
        ("∧", Some(("`∧` is not an operator here", "write `&&`"))),
        ("∨", Some(("`∨` is not an operator here", "write `||`"))),
        ("¬", Some(("`¬` is not an operator here", "write `!`"))),
    ];
    let Some(first) = rest.chars().next() else { return 0 };
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if matches!(first, '"' | '\'') {
        return text(rest, first, before.ends_with(['r', 'R']));
    }
    if matches!(first, '“' | '”' | '„' | '‘' | '’' | '«' | '»' | '`') {
        let message = format!("{first} does not begin or end a text");
        found.push(problem(message, "write \"…\" or '…'", at..at + first.len_utf8()));
        return first.len_utf8();
    }
    if first.is_alphabetic() || first == '_' {
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or(rest);
        // The name of a field may be any word, and so may what is called.
        let called = rest.get(length..).is_some_and(|after| after.starts_with('('));
        if !before.ends_with('.')
            && let Some(help) = operator_word(word).filter(|_| !called || word.eq_ignore_ascii_case("not"))
        {
            found.push(problem(format!("`{word}` is not an operator here"), help, at..at + length));
        }
        return length;
    }
    match OPERATORS.iter().find(|(operator, _)| rest.starts_with(operator)) {
        Some((operator, Some((message, help)))) => {
            found.push(problem((*message).to_owned(), help, at..at + operator.len()));
            operator.len()
        }
        Some((operator, None)) => operator.len(),
        None => first.len_utf8(),
    }
}

fn problem(message: String, help: &str, at: Range<usize>) -> Problem {
    Problem { at: Some(at), ..Problem::new("foreign-word", message).help(help) }
}

/// How many bytes a text in quotes is.
fn text(rest: &str, quote: char, raw: bool) -> usize {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' if !raw => _ = letters.next(),
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// What to write in place of a word that is an operator elsewhere.
fn operator_word(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "and" => "write `&&`",
        "or" => "write `||`",
        "not" => "write `!`",
        "is" | "equals" | "eq" => "write `==`",
        "isnt" | "ne" => "write `!=`",
        "lt" => "write `<`",
        "gt" => "write `>`",
        "le" | "lte" => "write `<=`",
        "ge" | "gte" => "write `>=`",
        "like" | "ilike" | "rlike" | "regexp" | "matches" => "write `text.matches(\"pattern\")`",
        "contains" => "write `text.contains(\"part\")`",
        "startswith" => "write `text.startsWith(\"part\")`",
        "endswith" => "write `text.endsWith(\"part\")`",
        "mod" => "write `%`",
        "between" => "write two comparisons joined by `&&`",
        "if" | "then" | "else" => "write `condition ? value : other value`",
        _ => return None,
    })
}

/// What to write in place of a name that is a value elsewhere.
pub(super) fn value(name: &str) -> Option<&'static str> {
    Some(match name {
        "True" | "TRUE" | "yes" | "on" => "write `true`",
        "False" | "FALSE" | "no" | "off" => "write `false`",
        "None" | "Null" | "NULL" | "nil" | "undefined" => {
            "there is no null: what is not known is unknown; has() asks for optional facts"
        }
        _ => return None,
    })
}

/// What to write in place of a function or method of another language.
pub(super) fn function(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "len" | "length" | "count" | "strlen" | "cardinality" => "write `size(…)`",
        "any" | "some" => "write `list.exists(x, …)`",
        "every" | "forall" | "all_of" => "write `list.all(x, …)`",
        "match" | "regex" | "regexp" | "search" | "test" | "regex_match" | "re_match" => {
            "write `text.matches(\"pattern\")`"
        }
        "includes" | "include" | "has_key" | "in" | "find" => {
            "write `value in list`, `\"name\" in map` or `text.contains(\"part\")`"
        }
        "str" | "tostring" | "to_string" => "write `string(…)`",
        "float" | "number" | "tonumber" | "to_number" => "write `double(…)`",
        "integer" | "toint" | "to_int" => "write `int(…)`",
        "exists" | "defined" | "isset" | "is_null" | "isnull" => "write `has(fact)`, for optional facts",
        "not" => "write `!`",
        "version" | "semver" | "version_compare" => "write `version_in(text, \">=1.2\")`",
        _ => return None,
    })
}

/// What to write in place of a property of a list, a map or a text.
pub(super) fn property(name: &str, of: &str) -> Option<String> {
    matches!(name, "length" | "len" | "size" | "count").then(|| format!("write `size({of})`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str) -> String {
        let one = |problem: &Problem| {
            let at = source.get(problem.at.clone().unwrap()).unwrap();
            format!("{at}: {}", problem.help.as_deref().unwrap())
        };
        all(source).iter().map(one).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn words_of_other_languages_are_all_found() {
        assert_eq!(
            told("a = 1 and not b or c =~ 'x'"),
            "=: write `==` | and: write `&&` | not: write `!` | or: write `||` | \
             =~: write `text.matches(\"pattern\")`"
        );
        assert_eq!(told("not(a) & b|c"), "not: write `!` | &: write `&&` | |: write `||`");
        assert_eq!(
            told("a ≤ 1 AND b === “x”"),
            "≤: write `<=` | AND: write `&&` | ===: write `==` | “: write \"…\" or '…' | ”: write \"…\" or '…'"
        );
    }

    #[test]
    fn what_conditions_have_and_what_is_text_is_left_alone() {
        for source in [
            "a == 1 && b != 2 || !c && d <= 3 && e >= 4",
            "a == 'x = 1 and y' && b == \"it's or\"",
            "a.and == 1 && b.or.not",
            "a == 1 // and so on = fine",
            "a.matches('=~') && a.contains('&')",
            "a == r'\\' && b",
        ] {
            assert_eq!(told(source), "", "{source}");
        }
    }
}
