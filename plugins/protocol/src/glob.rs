//! Path globs, as manifests ask for files and plugins for many of them.
//!
//! `*` and `?` stay within a name, `**` as a whole name crosses folders, `[0-9]` is one of some characters and `[!a]`
//! one of all others but `/`, `{a,b}` one of several, `\` takes a character as it is. Nothing is compiled: most globs
//! are asked about a few paths, and what they begin with tells nearly all of these apart.

use fast_glob::{glob_match, validate};

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
        let fixed = text.find(['*', '?', '[', ']', '{', '}', '\\']).unwrap_or(text.len());
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
}

/// Some globs, of which one has to match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Globs(Vec<Glob>);

impl Globs {
    /// The globs of a list. What is none matches nothing.
    pub fn new<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> Globs {
        Globs(list.into_iter().filter_map(|text| Glob::new(text.as_ref()).ok()).collect())
    }

    /// Whether all of `path` matches one of them.
    pub fn is_match(&self, path: &str) -> bool {
        self.0.iter().any(|glob| glob.is_match(path))
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
