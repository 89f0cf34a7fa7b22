//! The lines and words of sudoers(5), without their meaning.

/// Whether a line defines aliases.
pub(crate) fn is_alias(line: &str) -> bool {
    ["User_Alias", "Cmnd_Alias", "Cmd_Alias", "Host_Alias", "Runas_Alias"]
        .iter()
        .any(|kind| line.strip_prefix(kind).is_some_and(|rest| rest.starts_with(char::is_whitespace)))
}

/// The words of a list, without the blanks around its commas and without quotes. A comma in parentheses separates users
/// of one command and no commands.
pub(crate) fn words(list: &str) -> impl Iterator<Item = String> {
    let mut depth = 0_u32;
    let parts = list.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(|word| word.trim().trim_matches('"').to_owned()).filter(|word| !word.is_empty())
}

/// Users and hosts of the left side: `a, b  ALL`. Blanks separate them where no comma stands beside.
pub(crate) fn split_hosts(left: &str) -> Option<(&str, &str)> {
    let left = left.trim();
    let mut cut = None;
    for (at, _) in left.match_indices(char::is_whitespace) {
        let (before, after) = left.split_at_checked(at)?;
        if !before.trim_end().ends_with(',') && !after.trim_start().starts_with(',') {
            cut = Some((before, after));
        }
        // The first such blank ends the users.
        if cut.is_some() {
            break;
        }
    }
    cut
}

/// The lines with continuations joined; the number is that of the first.
pub(crate) fn logical(text: &str) -> Vec<(i64, String)> {
    let mut found: Vec<(i64, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(text.lines()) {
        let continues = line.ends_with('\\');
        let line = line.strip_suffix('\\').unwrap_or(line);
        match found.last_mut() {
            Some((_, last)) if open => {
                last.push(' ');
                last.push_str(line);
            }
            _ => found.push((number, line.to_owned())),
        }
        open = continues;
    }
    found
}

/// The path of `@includedir PATH` or, in the older form, `#includedir PATH`.
pub(crate) fn directive(line: &str, name: &str) -> Option<String> {
    let rest = line.trim_start().strip_prefix(['@', '#'])?.strip_prefix(name)?;
    let path = rest.starts_with(char::is_whitespace).then(|| rest.trim().trim_matches('"'))?;
    (!path.is_empty()).then(|| path.to_owned())
}

/// What stands before a comment. `#` with a number is a user.
pub(crate) fn without_comment(line: &str) -> &str {
    let comment = line.match_indices('#').find(|(at, _)| {
        let after = line.get(at + 1..).unwrap_or_default();
        !after.starts_with(|c: char| c.is_ascii_digit())
    });
    comment.map_or(line, |(at, _)| line.get(..at).unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_comments_cut() {
        assert_eq!(logical("a \\\n b\nc\\"), [(1, "a   b".to_owned()), (3, "c".to_owned())]);
        assert_eq!(without_comment("a ALL=ALL # all"), "a ALL=ALL ");
        assert_eq!(without_comment("#1000 ALL=ALL"), "#1000 ALL=ALL");
    }

    #[test]
    fn only_includes_are_directives() {
        assert_eq!(directive("#includedir /etc/sudoers.d", "includedir").as_deref(), Some("/etc/sudoers.d"));
        assert_eq!(directive("@include \"local\"", "include").as_deref(), Some("local"));
        for line in ["# include this", "#includedir /etc/sudoers.d", "@include", "include x"] {
            assert_eq!(directive(line, "include"), None, "{line}");
        }
    }

    #[test]
    fn users_end_where_no_comma_stands() {
        assert_eq!(split_hosts("a, b ,c  ALL "), Some(("a, b ,c", "  ALL")));
        assert_eq!(split_hosts("ALL"), None);
        assert_eq!(words("a, (b, c) d ,, \"e\"").collect::<Vec<_>>(), ["a", "(b, c) d", "e"]);
    }
}
