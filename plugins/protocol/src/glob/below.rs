//! What a glob can still match below a directory, so that nobody opens a directory in which nothing can match.
//!
//! A glob is split at its slashes into segments. A choice `{…}` within a name stays as it is; one that crosses a slash or
//! holds a `**` is written out, each choice as a sequence of its own. Whether a path matches is always asked of the glob
//! itself: segments only decide where to look.

use std::collections::BTreeSet;

use super::{Glob, SPECIAL};

/// The most sequences of one glob.
const MAX_WAYS: usize = 64;

/// What is between two slashes of a glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A name as it is.
    Name(String),
    /// `**`: any number of names, none included.
    Any,
    /// Every name that matches.
    Pattern(Glob),
}

impl Segment {
    /// Whether this segment can be the name `name`.
    pub fn is_match(&self, name: &str) -> bool {
        match self {
            Segment::Name(wanted) => wanted == name,
            Segment::Any => true,
            Segment::Pattern(glob) => glob.text == "*" || glob.is_match(name),
        }
    }
}

/// What of the names in a directory can match, or have something below them that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Below {
    /// None.
    Nothing,
    /// At most these, which are known without listing the directory.
    Names(BTreeSet<String>),
    /// Only a list of the directory can tell.
    Patterns,
}

impl Below {
    /// Adds what another glob can match there.
    pub fn add(&mut self, other: Below) {
        match (&mut *self, other) {
            (_, Below::Nothing) | (Below::Patterns, _) => {}
            (Below::Names(names), Below::Names(more)) => names.extend(more),
            (_, other) => *self = other,
        }
    }

    /// Whether nothing can match.
    pub fn is_nothing(&self) -> bool {
        *self == Below::Nothing
    }
}

/// What `way` can match in `folder`, which has no slash at its end.
pub(super) fn of(way: &[Segment], folder: &str) -> Below {
    // The segments that may be the next to match, in order.
    let mut next = Vec::new();
    may_be_next(&mut next, way, 0);
    for name in folder.split('/').skip(1) {
        let mut after = Vec::new();
        for at in next {
            match way.get(at) {
                Some(Segment::Any) => may_be_next(&mut after, way, at),
                Some(segment) if segment.is_match(name) => may_be_next(&mut after, way, at + 1),
                _ => {}
            }
        }
        if after.is_empty() {
            return Below::Nothing;
        }
        next = after;
    }
    let mut below = Below::Nothing;
    for segment in next.into_iter().filter_map(|at| way.get(at)) {
        below.add(match segment {
            Segment::Name(name) => Below::Names(BTreeSet::from([name.clone()])),
            Segment::Any | Segment::Pattern(_) => Below::Patterns,
        });
    }
    below
}

/// Adds a segment, and those after it as long as each can be no name at all.
fn may_be_next(next: &mut Vec<usize>, way: &[Segment], mut at: usize) {
    while at < way.len() {
        if !next.contains(&at) {
            next.push(at);
        }
        if way.get(at) != Some(&Segment::Any) {
            break;
        }
        at += 1;
    }
}

/// The sequences of segments of a glob.
pub(super) fn ways(text: &str) -> Result<Vec<Vec<Segment>>, String> {
    let mut written_out = vec![text.to_owned()];
    while let Some((at, choice)) =
        written_out.iter().enumerate().find_map(|(at, text)| Some((at, crossing_choice(text)?)))
    {
        let text = written_out.swap_remove(at);
        let (before, after) = (text.get(..choice.open), text.get(choice.close + 1..));
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let branches = choice.branches.iter().filter_map(|(begin, end)| text.get(*begin..*end));
        written_out.extend(branches.map(|branch| format!("{before}{branch}{after}")));
        if written_out.len() > MAX_WAYS {
            return Err(format!("its choices across slashes make more than {MAX_WAYS} paths"));
        }
    }
    written_out.iter().map(|text| segments(text).into_iter().map(segment).collect()).collect()
}

fn segment(text: &str) -> Result<Segment, String> {
    match text {
        "**" => Ok(Segment::Any),
        name if !name.contains(SPECIAL) => Ok(Segment::Name(name.to_owned())),
        pattern => Glob::new(pattern).map(Segment::Pattern),
    }
}

/// A `{…}` and its branches, by their places in the text.
struct Choice {
    open: usize,
    close: usize,
    branches: Vec<(usize, usize)>,
}

/// The outermost choice that crosses a slash or holds a `**`, the first of them.
fn crossing_choice(text: &str) -> Option<Choice> {
    let mut open: Vec<Choice> = Vec::new();
    let (mut crosses, mut before) = (false, '/');
    let mut found = None;
    for (at, special) in specials(text) {
        match special {
            '{' => {
                crosses &= !open.is_empty();
                open.push(Choice { open: at, close: at, branches: vec![(at + 1, at + 1)] });
            }
            '/' => crosses |= !open.is_empty(),
            '*' => crosses |= !open.is_empty() && before == '*',
            ',' | '}' => {
                if let Some(choice) = open.last_mut() {
                    choice.branches.last_mut().into_iter().for_each(|branch| branch.1 = at);
                    choice.branches.push((at + 1, at + 1));
                }
                if special == '}'
                    && let Some(mut choice) = open.pop()
                {
                    choice.branches.pop();
                    choice.close = at;
                    if open.is_empty() && crosses {
                        found = Some(choice);
                    }
                }
            }
            _ => {}
        }
        if found.is_some() {
            break;
        }
        before = special;
    }
    found
}

/// The parts between the slashes that are not within a choice; the one before the leading slash is left out.
fn segments(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, special) in specials(text) {
        match special {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => {
                parts.push(text.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(begin..).unwrap_or_default());
    if text.starts_with('/') {
        parts.remove(0);
    }
    parts
}

/// The characters that can be special, with their places; those that are escaped or within `[…]` are not. Every other
/// character is passed over as `\0`, so that two stars that follow each other can be told from two that do not.
fn specials(text: &str) -> Vec<(usize, char)> {
    let mut found = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
                found.push((at, '\0'));
            }
            '[' => {
                chars.next_if(|(_, c)| matches!(c, '!' | '^'));
                let mut first = true;
                while let Some((_, c)) = chars.next() {
                    if c == ']' && !first {
                        break;
                    }
                    if c == '\\' {
                        chars.next();
                    }
                    first = false;
                }
                found.push((at, '\0'));
            }
            '{' | '}' | ',' | '/' | '*' => found.push((at, c)),
            _ => found.push((at, '\0')),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::Globs;
    use super::*;

    fn below(globs: &[&str], folder: &str) -> String {
        match Globs::new(globs).below(folder) {
            Below::Nothing => "nothing".to_owned(),
            Below::Patterns => "patterns".to_owned(),
            Below::Names(names) => names.into_iter().collect::<Vec<_>>().join(" "),
        }
    }

    #[test]
    fn names_are_known_without_a_list_and_patterns_are_not() {
        let globs = ["/etc/app/*.conf", "/etc/motd", "/srv/{a/x,b}/y", "/proc/[0-9]*/{status,limits}"];
        for (folder, expected) in [
            ("/", "etc proc srv"),
            ("/etc", "app motd"),
            ("/etc/app", "patterns"),
            ("/etc/apps", "nothing"),
            ("/etc/motd", "nothing"),
            ("/etc/app/a.conf", "nothing"),
            ("/var", "nothing"),
            ("/srv", "a b"),
            ("/srv/a", "x"),
            ("/srv/a/x", "y"),
            ("/srv/b", "y"),
            ("/srv/b/x", "nothing"),
            ("/proc/self", "nothing"),
            ("/proc/12", "patterns"),
        ] {
            assert_eq!(below(&globs, folder), expected, "{folder}");
        }
    }

    #[test]
    fn two_stars_lead_to_any_depth() {
        assert_eq!(below(&["/sys/**"], "/sys/a/b/c"), "patterns");
        assert_eq!(below(&["/sys/**/x"], "/sys/x"), "patterns");
        assert_eq!(below(&["/sys/**/x"], "/"), "sys");
        assert_eq!(below(&["/s{ys/**,rv}/x"], "/srv"), "x");
        assert_eq!(below(&["/s{ys/**,rv}/x"], "/sys/deep/down"), "patterns");
        assert_eq!(below(&["/a{b,c}d/x"], "/abd"), "x", "a choice within a name");
        assert_eq!(below(&["/a**/x"], "/ab/c"), "nothing", "two stars beside a letter are one");
    }

    #[test]
    fn what_is_escaped_or_in_brackets_splits_nothing() {
        assert_eq!(below(&[r"/a\{b/c"], "/a{b"), "c");
        assert_eq!(below(&["/a[{]b/c"], "/a{b"), "c");
        assert_eq!(below(&["/[]/]/c"], "/]"), "c", "a bracket that is closed by the second");
    }

    #[test]
    fn choices_do_not_multiply_without_end() {
        let many = "/{a/b,c/d,e/f,g/h}".repeat(4);
        assert!(Glob::new(&many).unwrap().ways().is_err());
        assert_eq!(below(&[many.as_str()], "/"), "nothing");
    }

    /// On whatever path matches, every directory leads to it: the walk does not miss it.
    #[test]
    fn every_directory_on_the_way_to_a_match_leads_there() {
        let globs = [
            "/a/**",
            "/a/*/c",
            "/**/c",
            "/{a/b,c}/d",
            "/a/{b,c/**}/d",
            "/?/[!x]/d",
            "/a/**/{b,c}/**/d",
            "/a*/{b,c}",
            "/a/**/**/c",
            "/{a,b/{c,d/a}}/b",
            r"/a/\b/c",
        ];
        let names = ["a", "b", "c", "d", "ab"];
        let mut paths = vec![String::new()];
        for _ in 0..5 {
            let longer = paths.iter().flat_map(|path| names.map(|name| format!("{path}/{name}")));
            let longer: Vec<String> = longer.collect();
            for path in &longer {
                for glob in globs.iter().filter(|glob| Glob::new(glob).unwrap().is_match(path)) {
                    let last = path.rfind('/').unwrap();
                    for (end, _) in path.match_indices('/') {
                        let (folder, rest) = path.split_at(end);
                        let next = rest.trim_start_matches('/').split('/').next().unwrap();
                        let leads = match Globs::new([glob]).below(folder) {
                            Below::Nothing => false,
                            Below::Patterns => true,
                            Below::Names(names) => names.contains(next),
                        };
                        assert!(
                            leads && end <= last,
                            "{glob} matches {path}, but `{folder}` does not lead there"
                        );
                    }
                }
            }
            paths = longer;
        }
    }
}
