//! Path globs, as manifests ask for files and plugins for many of them.
//!
//! `*` and `?` stay within a name, `**` as a whole name crosses folders, `[0-9]` is one of some characters and `[!a]`
//! one of all others but `/`, `{a,b}` one of several, `\` takes a character as it is. Nothing is compiled: most globs
//! are asked about a few paths, and what they begin with tells nearly all of these apart.

mod below;

pub use below::{Below, Segment};

use std::sync::OnceLock;

use fast_glob::{glob_match, validate};

/// The characters that are not simply themselves.
const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// One glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    /// How many bytes at its beginning are no pattern.
    fixed: usize,
}

impl Glob {
    /// A glob, of paths or of a single name.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(text: &str) -> Result<Glob, String> {
        // Elsewhere, a leading `!` means all that does not match.
        let text = if text.starts_with('!') { format!("\\{text}") } else { text.to_owned() };
        validate(&text).map_err(|error| error.to_string())?;
        let fixed = text.find(SPECIAL).unwrap_or(text.len());
        Ok(Glob { text, fixed })
    }

    /// Whether all of `path` matches.
    pub fn is_match(&self, path: &str) -> bool {
        if self.fixed == self.text.len() {
            return path == self.text;
        }
        let beginning = self.text.as_bytes().get(..self.fixed).unwrap_or_default();
        path.as_bytes().starts_with(beginning) && glob_match(&self.text, path)
    }

    /// The glob name by name: one sequence for each choice of `{…}` that crosses a slash or holds a `**`.
    ///
    /// # Errors
    /// It has more than 64 of them.
    pub fn ways(&self) -> Result<Vec<Vec<Segment>>, String> {
        below::ways(&self.text)
    }

    /// Whether its fixed beginning leaves open that something below `folder` matches; cheap, and right for nearly all.
    fn may_lead_below(&self, folder: &str) -> bool {
        let fixed = self.text.as_bytes().get(..self.fixed).unwrap_or_default();
        let folder = folder.as_bytes();
        let (shorter, longer) = if fixed.len() <= folder.len() { (fixed, folder) } else { (folder, fixed) };
        longer.starts_with(shorter) && longer.get(folder.len()).is_none_or(|next| *next == b'/')
    }
}

/// Some globs, of which one has to match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Globs(Vec<Listed>);

/// One of them, and its sequences once they were needed: most never are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    glob: Glob,
    ways: OnceLock<Vec<Vec<Segment>>>,
}

impl Globs {
    /// The globs of a list. What is not a glob matches nothing.
    pub fn new<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> Globs {
        let parsed = |text: T| Some(Listed { glob: Glob::new(text.as_ref()).ok()?, ways: OnceLock::new() });
        Globs(list.into_iter().filter_map(parsed).collect())
    }

    /// Whether all of `path` matches one of them.
    pub fn is_match(&self, path: &str) -> bool {
        self.0.iter().any(|listed| listed.glob.is_match(path))
    }

    /// What of the names in the directory `folder` can match, or have something below them that does. `folder` is an
    /// absolute path in its shortest form.
    pub fn below(&self, folder: &str) -> Below {
        let folder = folder.trim_end_matches('/');
        let mut below = Below::Nothing;
        for Listed { glob, ways } in &self.0 {
            if glob.may_lead_below(folder) {
                let ways = ways.get_or_init(|| glob.ways().unwrap_or_default());
                ways.iter().for_each(|way| below.add(below::of(way, folder)));
            }
        }
        below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the paths match.
    fn matching<'a>(glob: &str, paths: &[&'a str]) -> Vec<&'a str> {
        let glob = Glob::new(glob).unwrap();
        paths.iter().copied().filter(|path| glob.is_match(path)).collect()
    }

    #[test]
    fn a_star_stays_within_a_name_and_two_cross_folders() {
        let paths = ["/etc", "/etc/a", "/etc/.b", "/etc/a/b", "/etc/a/b/c.conf", "/usr/etc/a"];
        assert_eq!(matching("/etc/*", &paths), ["/etc/a", "/etc/.b"]);
        assert_eq!(matching("/etc/**", &paths), ["/etc/a", "/etc/.b", "/etc/a/b", "/etc/a/b/c.conf"]);
        assert_eq!(matching("/etc/**/*.conf", &paths), ["/etc/a/b/c.conf"]);
        assert_eq!(matching("/**/a", &paths), ["/etc/a", "/usr/etc/a"]);
        assert_eq!(matching("/etc/a", &paths), ["/etc/a"]);
        assert_eq!(matching("/etc/?", &paths), ["/etc/a"]);
    }

    #[test]
    fn sets_and_choices_are_within_a_name_unless_they_say_otherwise() {
        let paths = ["/proc/1/status", "/proc/12/status", "/proc/self/status", "/proc/1//status"];
        assert_eq!(matching("/proc/[0-9]*/status", &paths), ["/proc/1/status", "/proc/12/status"]);
        assert_eq!(matching("/proc/{1,self}/status", &paths), ["/proc/1/status", "/proc/self/status"]);
        assert_eq!(matching("/proc[!a]1/status", &paths), [""; 0], "a slash is none of all others");
        assert_eq!(matching("/{proc/1,b}/status", &paths), ["/proc/1/status"]);
    }

    #[test]
    fn what_is_special_elsewhere_is_itself() {
        assert_eq!(matching("!a", &["b", "!a", "a"]), ["!a"], "not the opposite");
        assert_eq!(matching(r"/\*", &["/a", "/*"]), ["/*"]);
        assert_eq!(matching("/$a^.|(b)+", &["/$a^.|(b)+", "/$a^x|(b)+"]), ["/$a^.|(b)+"]);
        assert_eq!(matching("/ä*", &["/äö", "/a"]), ["/äö"]);
    }

    #[test]
    fn what_is_no_glob_is_told_and_matches_nothing() {
        for bad in ["/a[", "/{a", "/a\\", &"/{a,b}".repeat(20)] {
            assert!(Glob::new(bad).is_err(), "{bad}");
            assert!(!Globs::new([bad]).is_match(bad));
        }
        assert!(Globs::new(["/a[", "/b"]).is_match("/b"));
    }
}
