//! Small files of /proc and /sys, read in one request and looked up by path.
//!
//! A file that is not there is `Absent`, unless the broker could not look everywhere: then that is the cause.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, Files, Site, SiteExt};

/// What was found, by path; text whose bytes are not UTF-8 has them replaced.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    files: BTreeMap<String, Result<String, Cause>>,
    partial: Option<Cause>,
}

impl Readings {
    /// Reads what matches `globs`.
    ///
    /// # Errors
    /// Why nothing is known.
    pub(crate) fn read(site: &mut dyn Site, globs: &[&str]) -> Result<Readings, Cause> {
        let Files { files, partial } = site.read_many(globs, &[])?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let files = files.into_iter().map(|file| (file.path, file.content.map(text))).collect();
        Ok(Readings { files, partial })
    }

    /// The text of `path`.
    ///
    /// # Errors
    /// Why it is unknown, `Absent` where there is no such file.
    pub(crate) fn get(&self, path: &str) -> Result<&str, Cause> {
        match (self.files.get(path), &self.partial) {
            (Some(content), _) => content.as_deref().map_err(Clone::clone),
            (None, Some(cause)) => Err(cause.clone()),
            (None, None) => Err(Cause::new(CauseKind::Absent, format!("{path} does not exist"))),
        }
    }

    /// The whole number that `path` holds.
    ///
    /// # Errors
    /// Why it is unknown; a file that holds something else is `NotAvailable`.
    pub(crate) fn number(&self, path: &str) -> Result<i64, Cause> {
        let text = self.get(path)?.trim();
        text.parse().map_err(|_| odd(path))
    }

    /// What lies below `folder` (written with its last slash): the rest of each path, and its text or why it is unknown.
    pub(crate) fn below(&self, folder: &str) -> impl Iterator<Item = (&str, Result<&str, &Cause>)> {
        self.files
            .iter()
            .filter_map(move |(path, content)| Some((path.strip_prefix(folder)?, content.as_deref())))
    }

    /// Why there may be more files than were found.
    pub(crate) fn partial(&self) -> Option<&Cause> {
        self.partial.as_ref()
    }
}

/// The cause for a file whose content is not as documented.
pub(crate) fn odd(path: &str) -> Cause {
    Cause::new(CauseKind::NotAvailable, format!("{path} is not as the kernel's documentation describes it"))
}

/// Puts an optional fact into a record: left out where it was observed not to exist.
pub(crate) fn put<T: Into<Fact>>(record: &mut Fact, name: &str, value: Result<T, Cause>) {
    let fact = match value {
        Ok(value) => value.into(),
        Err(cause) if cause.kind == CauseKind::Absent => return,
        Err(cause) => cause.into(),
    };
    if let Fact::Map(map) = record {
        map.items.insert(name.to_owned(), fact);
    }
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::facts;
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    #[test]
    fn a_file_is_a_value_absent_or_unknown() {
        let mut site = FakeSite::new().file("/proc/a", " 7\n").file("/proc/b", b"\xff").refused_file(
            "/proc/c",
            CauseKind::NotPermitted,
            "no",
        );
        let readings = Readings::read(&mut site, &["/proc/*"]).unwrap();
        assert_eq!(readings.number("/proc/a"), Ok(7));
        let kind = |path: &str| readings.number(path).unwrap_err().kind;
        assert_eq!(kind("/proc/b"), CauseKind::NotAvailable);
        assert_eq!(kind("/proc/c"), CauseKind::NotPermitted);
        assert_eq!(kind("/proc/d"), CauseKind::Absent);
        let partial = Readings { partial: Some(Cause::new(CauseKind::TimedOut, "late")), ..readings };
        assert_eq!(partial.get("/proc/d").unwrap_err().kind, CauseKind::TimedOut);
        assert_eq!(partial.get("/proc/a"), Ok(" 7\n"));
    }

    #[test]
    fn only_what_is_absent_is_left_out() {
        let mut record = facts! { "a" => 1 };
        put(&mut record, "b", Ok(2));
        put::<i64>(&mut record, "c", Err(Cause::new(CauseKind::Absent, "")));
        put::<i64>(&mut record, "d", Err(Cause::new(CauseKind::NotPermitted, "no")));
        let json = record.to_json();
        assert_eq!((json["b"].as_i64(), json.get("c")), (Some(2), None));
        assert_eq!(json["d"]["$unknown"]["kind"], "not-permitted");
    }
}
