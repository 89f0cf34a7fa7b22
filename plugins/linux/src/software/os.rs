//! The distribution, from os-release(5).

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt};

/// Where it may stand, in the order of os-release(5).
const PLACES: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// What os-release says of itself, by its names.
pub(crate) struct OsRelease(BTreeMap<String, String>);

impl OsRelease {
    /// Reads the first of the two files that exists. `None` where neither does: that is no Linux system's root.
    ///
    /// # Errors
    /// Why the file could not be read though it may be there.
    pub(crate) fn read(site: &mut dyn Site) -> Result<Option<OsRelease>, Cause> {
        for place in PLACES {
            match site.read_text(place) {
                Ok(text) => return Ok(Some(OsRelease(parse(&text)))),
                Err(cause) if cause.kind == CauseKind::Absent => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(None)
    }

    /// What people call it.
    pub(crate) fn title(&self) -> &str {
        // The default of os-release(5).
        self.get("PRETTY_NAME").unwrap_or("Linux")
    }

    /// One of its values; `None` also where it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The record `os`.
    pub(crate) fn facts(&self) -> Fact {
        let mut record = BTreeMap::from([("title".to_owned(), self.title().into())]);
        for (fact, name) in [("id", "ID"), ("version_id", "VERSION_ID")] {
            if let Some(value) = self.get(name) {
                record.insert(fact.to_owned(), value.into());
            }
        }
        record.into()
    }
}

/// Lines are shell assignments: a value may stand in either kind of quotes and hold escaped characters.
fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), unquote(value)))
        .collect()
}

fn unquote(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return if quote == '"' { unescape(inner) } else { inner.to_owned() };
        }
    }
    value.to_owned()
}

fn unescape(text: &str) -> String {
    let mut letters = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        plain.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
    }
    plain
}

/// What starts the services of a system that boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Init {
    /// systemd, which applies the sysctl.d files itself.
    Systemd,
    /// OpenRC, runit or dinit, whose scripts call sysctl(8).
    Other,
}

/// Where they are installed; systemd before the others, which a system that has it may keep beside it.
const INITS: [(&str, Init); 6] = [
    ("/usr/lib/systemd/systemd", Init::Systemd),
    ("/lib/systemd/systemd", Init::Systemd),
    ("/sbin/openrc", Init::Other),
    ("/usr/bin/openrc", Init::Other),
    ("/usr/bin/runit", Init::Other),
    ("/usr/bin/dinit", Init::Other),
];

/// The init system that is installed. `None` for the image of a container, which has none.
///
/// # Errors
/// Why it cannot be told.
pub(crate) fn init(site: &mut dyn Site) -> Result<Option<Init>, Cause> {
    for (path, init) in INITS {
        match site.stat(path) {
            Ok(_) => return Ok(Some(init)),
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(None)
}

/// Whether an init system is installed, so that this is a system that boots and not the image of a container.
///
/// # Errors
/// Why it cannot be told.
pub(crate) fn full_system(site: &mut dyn Site) -> Result<bool, Cause> {
    Ok(init(site)?.is_some())
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    #[test]
    fn quotes_comments_and_escapes_are_understood() {
        let known =
            parse("# c\nID=debian\nPRETTY_NAME=\"Example \\\"OS\\\" 1\"\nVERSION_ID='12'\nbroken\n=\n");
        assert_eq!(known["PRETTY_NAME"], "Example \"OS\" 1");
        assert_eq!((known["ID"].as_str(), known["VERSION_ID"].as_str()), ("debian", "12"));
    }

    #[test]
    fn the_second_place_is_looked_at_only_when_the_first_is_absent() {
        let mut site = FakeSite::new().file("/usr/lib/os-release", "PRETTY_NAME=Second");
        assert_eq!(OsRelease::read(&mut site).unwrap().unwrap().title(), "Second");
        let mut site = site.refused_file("/etc/os-release", CauseKind::NotPermitted, "no");
        assert_eq!(OsRelease::read(&mut site).err().unwrap().kind, CauseKind::NotPermitted);
    }

    #[test]
    fn an_empty_or_binary_file_still_has_a_title() {
        for content in [&b""[..], b"\0\xff\xfe", b"PRETTY_NAME=\"", b"PRETTY_NAME="] {
            let mut site = FakeSite::new().file("/etc/os-release", content);
            let os = OsRelease::read(&mut site).unwrap().unwrap();
            assert!(!os.title().is_empty());
        }
    }

    #[test]
    fn a_system_that_boots_has_an_init() {
        assert_eq!(full_system(&mut FakeSite::new().file("/usr/lib/systemd/systemd", "")), Ok(true));
        assert_eq!(full_system(&mut FakeSite::new().file("/bin/sh", "")), Ok(false));
        for (path, expected) in INITS {
            assert_eq!(init(&mut FakeSite::new().file(path, "")), Ok(Some(expected)), "{path}");
        }
    }
}
