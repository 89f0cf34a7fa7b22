//! Shell patterns, as far as logrotate's rules use them: `*`, `?`, and sets in brackets; none of them crosses a slash.

/// Whether `pattern` names `path`. Takes time in proportion to the product of their lengths.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Where the last star stands, and up to where it has eaten.
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = path.get(at) {
        let step = match pattern.get(of) {
            Some('*') => {
                star = Some((of + 1, at));
                of += 1;
                continue;
            }
            Some('?') if *letter != '/' => Some(1),
            Some('[') if *letter != '/' => set(pattern.get(of..).unwrap_or_default(), *letter),
            Some(plain) if plain == letter => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(step), _) => (at, of) = (at + 1, of + step),
            (None, Some((after, eaten))) if path.get(eaten).is_some_and(|letter| *letter != '/') => {
                star = Some((after, eaten + 1));
                (at, of) = (eaten + 1, after);
            }
            _ => return false,
        }
    }
    pattern.iter().skip(of).all(|letter| *letter == '*')
}

/// The length of the set at the start of `pattern` if `letter` is in it.
fn set(pattern: &[char], letter: char) -> Option<usize> {
    let end = pattern.iter().skip(2).position(|end| *end == ']')? + 2;
    let inner = pattern.get(1..end)?;
    let (negated, inner) = match inner {
        ['!' | '^', rest @ ..] => (true, rest),
        _ => (false, inner),
    };
    let range =
        inner.windows(3).any(|three| matches!(three, [from, '-', to] if (*from..=*to).contains(&letter)));
    (negated != (range || inner.contains(&letter))).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, path, expected) in [
            ("/var/log/syslog", "/var/log/syslog", true),
            ("/var/log/*.log", "/var/log/a.log", true),
            ("/var/log/*.log", "/var/log/web/a.log", false),
            ("/var/log/*/*.log", "/var/log/web/a.log", true),
            ("/var/log/*log", "/var/log/logloglog", true),
            ("/var/log/a?c", "/var/log/abc", true),
            ("/var/log/a?c", "/var/log/a/c", false),
            ("/var/log/[ab]*", "/var/log/bc", true),
            ("/var/log/[!ab]*", "/var/log/bc", false),
            ("/var/log/x[0-9]", "/var/log/x7", true),
            ("/var/log/x[0-9", "/var/log/x7", false),
            ("/var/log/*", "/var/log/", true),
            ("", "", true),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    proptest! {
        #[test]
        fn it_ends_on_anything(pattern in "[ab*?\\[\\]!/-]{0,40}", path in "[ab/]{0,40}") {
            let _ = matches(&pattern, &path);
        }

        #[test]
        fn a_plain_path_names_itself(path in "[a-z/.]{0,40}") {
            prop_assert!(matches(&path, &path));
        }
    }
}
