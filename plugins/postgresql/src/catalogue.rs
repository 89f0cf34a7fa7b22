//! The settings of each release that Goodstead knows: type, unit, range, words and built-in default.
//!
//! `catalogue.txt` is made from real servers by `cargo xtask generate settings`. It has one line for each stretch of
//! releases in which a setting stays the same, sorted by name, with tabs between the fields: name, first and last
//! release, how it changes (`p` at a restart, `r` at a reload, `i` never, `a` it is another name for the next field),
//! type, unit, least, most, default, and the words of a choice (`word`, or `word=as the server shows it`).

const CATALOGUE: &str = include_str!("catalogue.txt");

/// The releases that the catalogue describes.
pub(crate) const RELEASES: std::ops::RangeInclusive<i64> = 13..=18;

/// What a setting is in one stretch of releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    /// As the server shows it: a few have capital letters.
    pub(crate) name: &'static str,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) change: Change,
    pub(crate) kind: Kind,
    /// What a number without a unit counts, as `pg_settings.unit` has it; empty for a plain number.
    pub(crate) unit: &'static str,
    least: &'static str,
    most: &'static str,
    /// The built-in default, as `pg_settings.boot_val` has it.
    pub(crate) default: &'static str,
    words: &'static str,
}

/// When a new value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Restart,
    Reload,
    /// It cannot be set.
    Never,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Switch,
    Integer,
    Real,
    Text,
    Choice,
}

impl Setting {
    /// `vartype` of `pg_settings`.
    pub(crate) fn vartype(&self) -> &'static str {
        match self.kind {
            Kind::Switch => "bool",
            Kind::Integer => "integer",
            Kind::Real => "real",
            Kind::Text => "string",
            Kind::Choice => "enum",
        }
    }

    /// The least and the greatest number, in the setting's unit.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        Some((self.least.parse().ok()?, self.most.parse().ok()?))
    }

    /// The words of a choice that the manual names.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'static str> {
        self.words.split(',').filter(|word| !word.contains('='))
    }

    /// A word of a choice as the server shows it; case does not matter.
    pub(crate) fn word(&self, written: &str) -> Option<&'static str> {
        self.words.split(',').find_map(|word| {
            let (accepted, shown) = word.split_once('=').unwrap_or((word, word));
            accepted.eq_ignore_ascii_case(written).then_some(shown)
        })
    }
}

/// The setting of this name in this release; other names that the server still accepts lead to it.
pub(crate) fn find(name: &str, release: i64) -> Option<Setting> {
    let line = lines_of(name).find(|line| line.first <= release && release <= line.last)?;
    match line.alias {
        Some(other) => find(other, release),
        None => line.setting,
    }
}

/// The setting of this name in the latest release that has it.
pub(crate) fn latest(name: &str) -> Option<Setting> {
    let last = lines_of(name).last()?.last;
    find(name, last)
}

/// The first and the last known release that has a setting of this name.
pub(crate) fn releases(name: &str) -> Option<(i64, i64)> {
    let first = lines_of(name).next()?.first;
    Some((first, lines_of(name).last()?.last))
}

/// All settings of a release.
pub(crate) fn all(release: i64) -> impl Iterator<Item = Setting> {
    let lines = CATALOGUE.lines().filter_map(Line::read);
    lines.filter(move |line| line.first <= release && release <= line.last).filter_map(|line| line.setting)
}

/// The name in this release that is most like `name`, if one is much like it.
pub(crate) fn similar(name: &str, release: i64) -> Option<&'static str> {
    let near = all(release).map(|setting| (distance(name, setting.name), setting.name));
    near.filter(|(distance, _)| *distance <= 2 && name.len() > 4).min().map(|(_, name)| name)
}

/// A line of the catalogue.
struct Line {
    first: i64,
    last: i64,
    alias: Option<&'static str>,
    setting: Option<Setting>,
}

impl Line {
    fn read(line: &'static str) -> Option<Line> {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        let name = field();
        let (first, last) = (field().parse().ok()?, field().parse().ok()?);
        let change = match field() {
            "a" => return Some(Line { first, last, alias: Some(field()), setting: None }),
            "p" => Change::Restart,
            "r" => Change::Reload,
            _ => Change::Never,
        };
        let kind = match field() {
            "b" => Kind::Switch,
            "i" => Kind::Integer,
            "r" => Kind::Real,
            "e" => Kind::Choice,
            _ => Kind::Text,
        };
        let (unit, least, most, default, words) = (field(), field(), field(), field(), field());
        let setting = Setting { name, first, last, change, kind, unit, least, most, default, words };
        Some(Line { first, last, alias: None, setting: Some(setting) })
    }
}

/// The lines of one name, by binary search: the catalogue is sorted.
fn lines_of(name: &str) -> impl Iterator<Item = Line> {
    let wanted = name.to_ascii_lowercase();
    let (mut low, mut high) = (0, CATALOGUE.len());
    while low < high {
        let start = line_start(low + (high - low) / 2);
        let line = line_at(start);
        if key(line) < wanted {
            low = start + line.len() + 1;
        } else {
            high = start;
        }
    }
    let rest = CATALOGUE.get(low..).unwrap_or_default();
    rest.lines().take_while(move |line| key(line) == wanted).filter_map(Line::read)
}

/// Where the line begins in which the byte at `position` is.
fn line_start(position: usize) -> usize {
    let before = CATALOGUE.as_bytes().get(..position).unwrap_or_default();
    before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

fn line_at(start: usize) -> &'static str {
    CATALOGUE.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default()
}

fn key(line: &str) -> String {
    line.split('\t').next().unwrap_or_default().to_ascii_lowercase()
}

/// How many letters have to be put in, taken away or replaced to get from one name to the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, a) in one.bytes().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.bytes()) {
            let above = *cell;
            *cell = (diagonal + usize::from(!a.eq_ignore_ascii_case(&b))).min(above + 1).min(left + 1);
            (diagonal, left) = (above, *cell);
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_found_in_each_of_its_releases() {
        for release in RELEASES {
            let settings: Vec<_> = all(release).collect();
            assert!(settings.len() > 330, "{release}: {}", settings.len());
            for setting in settings {
                assert_eq!(find(&setting.name.to_uppercase(), release), Some(setting));
            }
        }
        assert_eq!(find("nothing", 15), None);
        assert_eq!(find("zzz", 15), None);
        assert_eq!(find("", 15), None);
        assert_eq!(find("wal_keep_segments", 13), None);
    }

    #[test]
    fn the_catalogue_is_sorted_and_its_releases_do_not_overlap() {
        let lines: Vec<_> = CATALOGUE.lines().collect();
        for pair in lines.windows(2) {
            let place = |line: &'static str| (key(line), Line::read(line).unwrap().first);
            assert!(place(pair[0]) < place(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn a_setting_has_its_release_s_default_range_and_words() {
        let buffers = find("shared_buffers", 14).unwrap();
        assert_eq!((buffers.default, buffers.unit, buffers.change), ("1024", "8kB", Change::Restart));
        assert_eq!(find("shared_buffers", 18).unwrap().default, "16384");
        assert_eq!(find("max_connections", 15).unwrap().range(), Some((1.0, 262_143.0)));
        let level = find("wal_level", 15).unwrap();
        assert_eq!(level.words().collect::<Vec<_>>(), ["minimal", "replica", "logical"]);
        assert_eq!((level.word("HOT_STANDBY"), level.word("more")), (Some("replica"), None));
        assert_eq!(find("wal_compression", 14).unwrap().kind, Kind::Switch);
        assert_eq!(find("wal_compression", 15).unwrap().kind, Kind::Choice);
        assert_eq!(find("sort_mem", 15).unwrap().name, "work_mem");
        assert_eq!(find("server_version", 15).unwrap().change, Change::Never);
    }

    #[test]
    fn a_name_that_is_nearly_right_is_recognised() {
        assert_eq!(similar("shared_bufers", 15), Some("shared_buffers"));
        assert_eq!(similar("max_conections", 15), Some("max_connections"));
        assert_eq!(similar("wal_keep_segments", 15), None);
        assert_eq!(similar("foo", 15), None);
    }
}
