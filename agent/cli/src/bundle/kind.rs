//! Which program made a bundle, and when.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::seconds;

/// Names that show a kind; they are always unpacked.
pub(super) const MARKERS: [&str; 5] = [
    "version.txt",
    "version.yaml",
    "sos_commands/date/*",
    "sos_commands/kernel/*",
    "host-collectors/system/*",
];

/// A file that shows a kind is not longer than this.
const MAX_MARKER: u64 = 64 << 10;

/// How far the time of the files may be from the day in the name: one that was copied has the time of the copy.
const MAX_APART: i64 = 2 * 86_400;

/// The program that made a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `sos report`, <https://sosreport.readthedocs.io>.
    Sos,
    /// `support-bundle` of Troubleshoot, <https://troubleshoot.sh>.
    Troubleshoot,
}

impl Kind {
    /// Its name in manifests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Sos => "sos",
            Kind::Troubleshoot => "troubleshoot",
        }
    }

    /// Whether the archive keeps the owners and modes that files have on the host. Troubleshoot writes its own.
    pub(super) fn keeps_owners(self) -> bool {
        self == Kind::Sos
    }

    /// What the program itself writes, so that its time is that of the bundle.
    pub(super) fn markers(self) -> &'static [&'static str] {
        match self {
            Kind::Sos => &["version.txt", "sos_commands"],
            Kind::Troubleshoot => &["version.yaml", "host-collectors", "cluster-resources"],
        }
    }

    fn of(folder: &Path) -> Option<Kind> {
        let text = |name: &str| {
            let file = folder.join(name);
            let small = fs::symlink_metadata(&file).is_ok_and(|it| it.is_file() && it.len() <= MAX_MARKER);
            if small { fs::read_to_string(file).ok() } else { None }
        };
        let holds = |name: &str| fs::symlink_metadata(folder.join(name)).is_ok_and(|it| it.is_dir());
        if holds("sos_commands") {
            return Some(Kind::Sos);
        }
        let collected = holds("host-collectors") || holds("cluster-resources") || holds("cluster-info");
        let made = text("version.yaml").is_some_and(|text| text.contains("SupportBundle"));
        (collected && made).then_some(Kind::Troubleshoot)
    }
}

/// The bundle in `folder`, or in the only folder in it, as archives have it.
pub(super) fn recognise(folder: &Path) -> Option<(PathBuf, Kind)> {
    if let Some(kind) = Kind::of(folder) {
        return Some((folder.to_path_buf(), kind));
    }
    let mut inner =
        fs::read_dir(folder).ok()?.flatten().filter(|it| it.file_type().is_ok_and(|it| it.is_dir()));
    let (only, more) = (inner.next()?.path(), inner.next());
    if more.is_some() {
        return None;
    }
    Some((only.clone(), Kind::of(&only)?))
}

/// When the bundle in `folder` was made: the newest time of what the program wrote itself, unless the day in the
/// folder's name says that this is the time of a copy.
pub(super) fn made(folder: &Path, kind: Kind) -> i64 {
    let time = |name: &&str| fs::symlink_metadata(folder.join(name)).ok()?.modified().ok().map(seconds);
    let files = kind.markers().iter().filter_map(time).max();
    let named = folder.file_name().and_then(|name| day_in(name.to_str()?));
    match (files, named) {
        (Some(files), Some(named)) if (files - named).abs() > MAX_APART => named,
        (Some(files), _) => files,
        (None, named) => named.unwrap_or_default(),
    }
}

/// Noon of the first `2026-12-01` in a name.
fn day_in(name: &str) -> Option<i64> {
    let at = |start: usize| name.get(start..start + 10)?.parse::<Date>().ok();
    let day = (0..name.len().saturating_sub(9)).find_map(at)?;
    Some(TimeZone::UTC.to_timestamp(day.at(12, 0, 0, 0)).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_in_a_name_is_found() {
        let noon = 1_780_315_200;
        assert_eq!(day_in("sosreport-web1-2026-06-01-abcdefg"), Some(noon));
        assert_eq!(day_in("support-bundle-2026-06-01T10_11_12"), Some(noon));
        for other in ["", "é", "sosreport", "2026-13-01", "ü2026-99-99ü"] {
            assert_eq!(day_in(other), None, "{other}");
        }
    }
}
