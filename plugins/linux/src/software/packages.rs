//! What the package database tells without being read: when it changed last, and whether a run was cut off.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt};

use crate::basics::clock::age;

/// dpkg notes each change of a run here and clears the folder when the run ends (dpkg(1), FILES).
const JOURNAL: &str = "/var/lib/dpkg/updates";

/// Files that change whenever a package does. rpm writes ahead to the second, and wrote the third before 2020.
const DATABASES: [&str; 5] = [
    "/var/lib/dpkg/status",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages",
    "/usr/lib/sysimage/rpm/Packages.db",
];

/// The states of a package of which a run left something undone (dpkg(1), package states). Those that wait for a trigger
/// are set up.
const UNFINISHED: [&str; 3] = [" half-installed", " unpacked", " half-configured"];

/// How many of them are told, and how much of a name.
const MAX_NAMES: usize = 50;
const MAX_NAME: usize = 100;

/// The record `packages`.
pub(crate) fn packages(site: &mut dyn Site, now: i64) -> Fact {
    let mut record = BTreeMap::new();
    for (name, then) in [("interrupted_seconds", interrupted(site)), ("changed_seconds", changed(site))] {
        let fact = match then {
            Ok(then) => then.map(|then| Fact::Int(age(now, then))),
            Err(cause) => Some(cause.into()),
        };
        record.extend(fact.map(|fact| (name.to_owned(), fact)));
    }
    match broken(site) {
        Ok(None) => {}
        Ok(Some(names)) => _ = record.insert("broken".to_owned(), names),
        Err(cause) => _ = record.insert("broken".to_owned(), cause.into()),
    }
    record.into()
}

/// Packages that are unpacked or half installed and not set up, in dpkg's order; nothing where there is no dpkg.
fn broken(site: &mut dyn Site) -> Result<Option<Fact>, Cause> {
    let status = match site.read("/var/lib/dpkg/status") {
        Ok(status) => status,
        Err(cause) if cause.kind == CauseKind::Absent => return Ok(None),
        Err(cause) => return Err(cause),
    };
    let mut names = Vec::new();
    let mut package = "";
    for line in status.split(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(b"Package: ") {
            package = std::str::from_utf8(name).unwrap_or_default();
        } else if let Some(state) = line.strip_prefix(b"Status: ")
            && UNFINISHED.iter().any(|unfinished| state.ends_with(unfinished.as_bytes()))
            && names.len() < MAX_NAMES
        {
            names.push(Fact::from(package.chars().take(MAX_NAME).collect::<String>()));
        }
    }
    Ok(Some(names.into()))
}

/// When the newest note of a run that did not end was written.
fn interrupted(site: &mut dyn Site) -> Result<Option<i64>, Cause> {
    let notes = match site.list(JOURNAL) {
        Ok(notes) => notes,
        Err(cause) if cause.kind == CauseKind::Absent => return Ok(None),
        Err(cause) => return Err(cause),
    };
    // Numbers are notes; tmp.i is one being written. The highest number is the newest.
    let newest = notes
        .into_iter()
        .map(|note| note.name)
        .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()));
    match newest.max_by_key(|name| (name.len(), name.clone())) {
        Some(name) => Ok(Some(site.stat(&format!("{JOURNAL}/{name}"))?.modified)),
        None => Ok(None),
    }
}

/// When the newest database changed.
fn changed(site: &mut dyn Site) -> Result<Option<i64>, Cause> {
    let mut newest = None;
    for path in DATABASES {
        match site.stat(path) {
            Ok(stat) => newest = newest.max(Some(stat.modified)),
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use goodstead_plugin::{FileKind, Stat};

    use super::*;

    fn changed_at(modified: i64) -> Stat {
        Stat { kind: FileKind::File, size: 1, mode: 0o644, uid: 0, gid: 0, modified }
    }

    fn told(mut site: FakeSite) -> String {
        packages(&mut site, 1000).to_json().to_string()
    }

    #[test]
    fn notes_of_a_run_that_did_not_end_have_an_age() {
        let site = FakeSite::new()
            .file("/var/lib/dpkg/updates/0009", "")
            .file("/var/lib/dpkg/updates/0010", "")
            .stat_of("/var/lib/dpkg/updates/0010", changed_at(400))
            .stat_of("/var/lib/dpkg/status", changed_at(900));
        assert!(told(site).contains(r#""changed_seconds":100,"interrupted_seconds":600"#));
    }

    #[test]
    fn an_empty_folder_and_the_note_being_written_are_nothing() {
        assert_eq!(told(FakeSite::new().file("/var/lib/dpkg/updates/tmp.i", "")), "{}");
        assert_eq!(told(FakeSite::new()), "{}");
    }

    #[test]
    fn packages_that_are_not_set_up_are_told() {
        let status = "Package: fine\nStatus: install ok installed\n\nPackage: half\nStatus: install ok half-configured\n\n\
            Package: gone\nStatus: deinstall ok config-files\nDescription: x\n Status: install ok unpacked\n\n\
            Package: raw\nStatus: install reinstreq unpacked\n\nPackage: waits\nStatus: install ok triggers-pending\n";
        let site = FakeSite::new().file("/var/lib/dpkg/status", status);
        assert!(told(site).contains(r#""broken":["half","raw"]"#));
    }

    #[test]
    fn what_may_not_be_looked_at_is_unknown() {
        let site = FakeSite::new().refused_file("/var/lib/dpkg/status", CauseKind::NotPermitted, "no");
        assert!(told(site).contains(r#""changed_seconds":{"$unknown""#));
    }
}
