//! When support ends: the plugin's own table, and `distro-info-data` of the host.

use crate::basics::clock::end_of_day;

/// The plugin's table.
const TABLE: &str = include_str!("support.txt");

/// The day that [`TABLE`] states, in seconds since 1970 (2026-04-15).
pub(crate) const TABLE_DATE: i64 = 1_776_211_200;

/// What is called the support that a vendor sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paid {
    /// None.
    None,
    /// There is, until an unverified day.
    Unverified,
    /// Until then.
    Until(i64),
}

/// The last seconds of a release's kinds of support, since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dates {
    /// General support.
    pub(crate) standard: i64,
    /// Free support by a smaller team, where there is any.
    pub(crate) long_term: Option<i64>,
    /// Support for money.
    pub(crate) paid: Paid,
}

/// The dates of a release by the plugin's own table.
pub(crate) fn built_in(id: &str, version: &str) -> Option<Dates> {
    TABLE.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut columns = line.split_whitespace();
        let right =
            columns.next() == Some(id) && columns.next().is_some_and(|found| covers(id, found, version));
        if !right {
            return None;
        }
        Some(Dates {
            standard: end_of_day(columns.next()?)?,
            long_term: columns.next().and_then(end_of_day),
            paid: match columns.next()? {
                "-" => Paid::None,
                "?" => Paid::Unverified,
                day => Paid::Until(end_of_day(day)?),
            },
        })
    })
}

/// Whether the table's version stands for that of os-release: these two name minor releases, which have the dates of
/// the major one.
fn covers(id: &str, row: &str, version: &str) -> bool {
    let version =
        if matches!(id, "rhel" | "centos") { version.split('.').next().unwrap_or(version) } else { version };
    row == version
}

/// The dates of a release by a file of `distro-info-data`, whose first line names the columns.
pub(crate) fn of_csv(text: &str, version: &str) -> Option<Dates> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split(',').collect();
    lines.find_map(|line| {
        let values: Vec<&str> = line.split(',').collect();
        let of = |name: &str| {
            let at = names.iter().position(|column| *column == name)?;
            values.get(at).copied()
        };
        // Ubuntu writes "22.04 LTS".
        if of("version")?.split_whitespace().next() != Some(version) {
            return None;
        }
        let day = |name: &str| of(name).and_then(end_of_day);
        Some(Dates {
            standard: day("eol")?,
            long_term: day("eol-lts"),
            paid: day("eol-elts").or_else(|| day("eol-esm")).map_or(Paid::None, Paid::Until),
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::basics::clock::rfc3339;

    #[test]
    fn every_row_of_the_table_is_whole_and_in_order() {
        let mut rows = 0;
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<_> = line.split_whitespace().collect();
            assert_eq!(words.len(), 6, "{line}");
            let dates = built_in(words[0], words[1]).unwrap_or_else(|| panic!("{line}"));
            assert!(dates.long_term.is_none_or(|day| day > dates.standard), "{line}");
            if let Paid::Until(day) = dates.paid {
                assert!(day > dates.long_term.unwrap_or(dates.standard), "{line}");
            }
            rows += 1;
        }
        assert_eq!(rows, 25);
        assert!(TABLE.contains(&format!("State of {}", &rfc3339(TABLE_DATE).unwrap()[..10])));
    }

    #[test]
    fn minor_releases_have_the_dates_of_their_major_one_only_where_that_is_so() {
        assert_eq!(built_in("rhel", "9.4"), built_in("rhel", "9"));
        assert!(built_in("rhel", "9.4").is_some());
        assert_eq!(built_in("sles", "15"), None);
        assert_eq!(built_in("debian", "14"), None);
        assert_eq!(built_in("debian", ""), None);
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let debian = "version,codename,series,created,release,eol,eol-lts,eol-elts\n\
            12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-06-30,2033-06-30\n\
            ,Sid,sid,1993-08-16\n";
        assert_eq!(of_csv(debian, "12"), built_in("debian", "12"));
        let ubuntu = "version,codename,series,created,release,eol,eol-server,eol-esm\n\
            24.10,Oracular Oriole,oracular,2024-04-25,2024-10-10,2025-07-10\n\
            22.04 LTS,Jammy Jellyfish,jammy,2021-10-14,2022-04-21,2027-06-01,2027-06-01,2032-04-21\n";
        assert_eq!(of_csv(ubuntu, "22.04"), built_in("ubuntu", "22.04"));
        let interim =
            Dates { standard: end_of_day("2025-07-10").unwrap(), long_term: None, paid: Paid::None };
        assert_eq!(of_csv(ubuntu, "24.10"), Some(interim));
        assert_eq!(of_csv(debian, "sid"), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(version|eol|[,\n\\PC]){0,40}", version in "\\PC{0,6}") {
            let _ = of_csv(&text, &version);
            let _ = built_in(&version, &text);
        }
    }
}
