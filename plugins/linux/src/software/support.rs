//! Until when somebody ships security fixes for this distribution: the general and the free long-term support, and a
//! bought one only where this host shows that it has it.
//!
//! A release of which no date is known has no facts here, which is not the same as being supported.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt};

use crate::basics::clock::{end_of_day, rfc3339};
use crate::software::os::OsRelease;
use crate::software::support_table::{Dates, Paid, TABLE_DATE, built_in, of_csv};

/// The record `support`.
///
/// # Errors
/// Why nothing can be said: it depends on something bought that cannot be seen from here.
pub(crate) fn support(site: &mut dyn Site, os: &OsRelease, now: i64) -> Result<Fact, Cause> {
    let Some((dates, source)) = dates(site, os) else { return Ok(Fact::record()) };
    let mut ends = dates.long_term.unwrap_or(dates.standard);
    let mut level = if now <= dates.standard || dates.long_term.is_none() { "standard" } else { "long-term" };
    // What was bought is asked for only when it matters.
    if now > ends
        && let Some(bought) = extended(site, os, &dates, now)?
    {
        (ends, level) = bought;
    }
    let mut record = BTreeMap::new();
    let mut put = |name: &str, fact: Option<Fact>| record.extend(fact.map(|fact| (name.to_owned(), fact)));
    put("ends", rfc3339(ends).map(Fact::from));
    put("seconds_left", Some(Fact::Int(ends.saturating_sub(now))));
    put("level", Some(level.into()));
    if let Paid::Until(day) = dates.paid {
        put("paid_ends", rfc3339(day).map(Fact::from));
    }
    put("source", Some(source.into()));
    Ok(record.into())
}

/// The dates of this release and where they come from.
fn dates(site: &mut dyn Site, os: &OsRelease) -> Option<(Dates, String)> {
    let id = os.get("ID")?;
    let own = os.get("VERSION_ID").and_then(|version| built_in(table_id(os, id), version));
    if let ("debian" | "ubuntu", Some(version)) = (id, os.get("VERSION_ID")) {
        let path = format!("/usr/share/distro-info/{id}.csv");
        let newer = site.stat(&path).is_ok_and(|stat| stat.modified > TABLE_DATE);
        if own.is_none() || newer {
            let found = site.read_text(&path).ok().and_then(|text| of_csv(&text, version));
            if let Some(dates) = found {
                return Some((dates, path));
            }
        }
    }
    if let Some(dates) = own {
        let day = rfc3339(TABLE_DATE)?;
        return Some((dates, format!("Goodstead's table of {}", day.get(..10)?)));
    }
    let standard = end_of_day(os.get("SUPPORT_END")?)?;
    Some((Dates { standard, long_term: None, paid: Paid::None }, "SUPPORT_END of os-release".to_owned()))
}

/// Both call themselves `centos`.
fn table_id<'a>(os: &OsRelease, id: &'a str) -> &'a str {
    if id == "centos" && os.get("NAME").is_some_and(|name| name.contains("Stream")) {
        "centos-stream"
    } else {
        id
    }
}

/// The end of a bought support and its name, or `None` where this host has none.
fn extended(
    site: &mut dyn Site,
    os: &OsRelease,
    dates: &Dates,
    now: i64,
) -> Result<Option<(i64, &'static str)>, Cause> {
    let bought = match os.get("ID") {
        Some("debian") => debian_extended(site)?,
        Some("ubuntu") => ubuntu_extended(site)?,
        Some("rhel" | "centos") => enterprise_extended(site)?,
        Some("sles") => suse_extended(site)?,
        _ => false,
    };
    match dates.paid {
        _ if !bought => Ok(None),
        Paid::Until(day) if now <= day => Ok(Some((day, "extended"))),
        _ => {
            let detail = "the host receives a bought extension of support whose end is not written down here";
            Err(Cause::new(CauseKind::NotAvailable, detail)
                .remedy("ask its vendor how long the contract runs"))
        }
    }
}

/// Whether one of the lines that are no comments satisfies `says`.
fn any_line(text: &str, says: impl Fn(&str) -> bool) -> bool {
    text.lines().map(str::trim).any(|line| !line.starts_with(['#', ';']) && says(line))
}

/// Debian's Extended LTS is a package source.
fn debian_extended(site: &mut dyn Site) -> Result<bool, Cause> {
    let sources =
        ["/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"];
    any_file(site, &sources, |text| any_line(text, |line| line.contains("extended-lts")))
}

/// Ubuntu Pro writes down what is switched on, and adds a package source for it.
fn ubuntu_extended(site: &mut dyn Site) -> Result<bool, Cause> {
    match site.read("/var/lib/ubuntu-advantage/status.json") {
        Ok(bytes) => Ok(esm_is_on(&bytes)),
        Err(cause) if cause.kind == CauseKind::Absent => {
            let sources = ["/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"];
            any_file(site, &sources, |text| any_line(text, |line| line.contains("esm.ubuntu.com")))
        }
        Err(cause) => Err(cause),
    }
}

fn esm_is_on(status: &[u8]) -> bool {
    let Ok(status) = serde_json::from_slice::<serde_json::Value>(status) else { return false };
    let services = status.get("services").and_then(serde_json::Value::as_array);
    services.is_some_and(|services| {
        services.iter().any(|service| {
            let is =
                |name: &str, value: &str| service.get(name).and_then(|found| found.as_str()) == Some(value);
            is("name", "esm-infra") && is("status", "enabled")
        })
    })
}

/// Red Hat's ELS, and what others sell for CentOS, are enabled repositories with that word in their name.
fn enterprise_extended(site: &mut dyn Site) -> Result<bool, Cause> {
    any_file(site, &["/etc/yum.repos.d/*.repo"], |text| {
        let mut els = false;
        let mut enabled = false;
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[') {
                if els && enabled {
                    return true;
                }
                els = name.split(['-', '_', '.', ']', '/']).any(|word| word.eq_ignore_ascii_case("els"));
                enabled = true;
            } else if let Some((key, value)) = line.split_once('=')
                && key.trim() == "enabled"
            {
                enabled = matches!(value.trim(), "1" | "true" | "yes");
            }
        }
        els && enabled
    })
}

/// SUSE's LTSS is an installed product.
fn suse_extended(site: &mut dyn Site) -> Result<bool, Cause> {
    match site.list("/etc/products.d") {
        Ok(entries) => Ok(entries.iter().any(|entry| entry.name.to_ascii_uppercase().contains("LTSS"))),
        Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Whether one of the files `says` so.
///
/// # Errors
/// None of those that could be read does, and others could not be.
fn any_file(site: &mut dyn Site, globs: &[&str], says: impl Fn(&str) -> bool) -> Result<bool, Cause> {
    let found = site.read_many(globs, &[])?;
    let mut unread = found.partial;
    for file in found.files {
        match file.content {
            Ok(bytes) if says(&String::from_utf8_lossy(&bytes)) => return Ok(true),
            Ok(_) => {}
            Err(cause) => unread = unread.or(Some(cause)),
        }
    }
    unread.map_or(Ok(false), Err)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::Stat;
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn at(day: &str) -> i64 {
        end_of_day(day).unwrap()
    }

    /// Level, end and source of `os` on `day`.
    fn told(site: FakeSite, os: &str, day: &str) -> String {
        let mut site = site.file("/etc/os-release", os);
        let os = OsRelease::read(&mut site).unwrap().unwrap();
        match support(&mut site, &os, at(day)) {
            Ok(fact) => {
                let json = fact.to_json();
                match json["ends"].as_str() {
                    Some(ends) => format!(
                        "{} {} {} {}",
                        json["level"].as_str().unwrap(),
                        &ends[..10],
                        json["seconds_left"].as_i64().unwrap() / 86400,
                        json["source"].as_str().unwrap()
                    ),
                    None => json.to_string(),
                }
            }
            Err(cause) => format!("unknown: {cause}"),
        }
    }

    const DEBIAN_12: &str = "ID=debian\nVERSION_ID=\"12\"\n";

    #[test]
    fn free_long_term_support_counts() {
        let of = |day| told(FakeSite::new(), DEBIAN_12, day);
        assert_eq!(of("2026-01-01"), "standard 2028-06-30 911 Goodstead's table of 2026-04-15");
        assert_eq!(of("2026-11-22"), "long-term 2028-06-30 586 Goodstead's table of 2026-04-15");
        assert_eq!(of("2028-07-02"), "long-term 2028-06-30 -2 Goodstead's table of 2026-04-15");
    }

    #[test]
    fn a_bought_extension_counts_where_the_host_shows_it() {
        let site = || {
            FakeSite::new().file(
                "/etc/apt/sources.list.d/elts.list",
                "deb http://deb.example.test/extended-lts bookworm main\n",
            )
        };
        assert!(told(site(), DEBIAN_12, "2029-01-01").starts_with("extended 2033-06-30"));
        let comment = FakeSite::new()
            .file("/etc/apt/sources.list", "# deb http://deb.example.test/extended-lts x main\n");
        assert!(told(comment, DEBIAN_12, "2029-01-01").starts_with("long-term 2028-06-30 -"));
        let ubuntu = "ID=ubuntu\nVERSION_ID=20.04\n";
        let pro = |status: &str| {
            let json = format!(
                "{{\"services\":[{{\"name\":\"esm-apps\"}},{{\"name\":\"esm-infra\",\"status\":\"{status}\"}}]}}"
            );
            FakeSite::new().file("/var/lib/ubuntu-advantage/status.json", json)
        };
        assert!(told(pro("enabled"), ubuntu, "2026-01-01").starts_with("extended 2030-04-23"));
        assert!(told(pro("disabled"), ubuntu, "2026-01-01").starts_with("standard 2025-05-29 -"));
        assert!(told(FakeSite::new(), ubuntu, "2026-01-01").starts_with("standard 2025-05-29 -"));
        let listed = FakeSite::new().file(
            "/etc/apt/sources.list.d/ubuntu-esm-infra.sources",
            "URIs: https://esm.ubuntu.com/infra/ubuntu\n",
        );
        assert!(told(listed, ubuntu, "2026-01-01").starts_with("extended"));
        let sles = FakeSite::new().file("/etc/products.d/SLES-LTSS.prod", "");
        assert!(told(sles, "ID=sles\nVERSION_ID=15.5\n", "2026-01-01").starts_with("extended 2027-12-31"));
    }

    #[test]
    fn what_was_bought_until_an_unknown_day_is_unknown() {
        let rhel = "ID=rhel\nVERSION_ID=7.9\n";
        let repository = |enabled| {
            let text = format!("[other]\nenabled = 1\n[rhel-7-server-els-rpms]\nenabled = {enabled}\n");
            FakeSite::new().file("/etc/yum.repos.d/redhat.repo", text)
        };
        assert!(told(repository(1), rhel, "2026-01-01").starts_with("unknown: "));
        assert!(told(repository(0), rhel, "2026-01-01").starts_with("standard 2024-06-30 -"));
        let refused =
            FakeSite::new().refused_file("/etc/yum.repos.d/redhat.repo", CauseKind::NotPermitted, "no");
        assert_eq!(told(refused, rhel, "2026-01-01"), "unknown: no");
    }

    #[test]
    fn the_hosts_table_is_used_when_it_is_newer_or_knows_more() {
        let csv = "version,eol,eol-lts\n12,2026-07-11,2029-01-01\n14,2030-08-01,2032-06-30\n";
        let path = "/usr/share/distro-info/debian.csv";
        let mode = |modified| Stat {
            kind: goodstead_plugin::FileKind::File,
            size: 1,
            mode: 0o644,
            uid: 0,
            gid: 0,
            modified,
        };
        let old = FakeSite::new().file(path, csv).stat_of(path, mode(TABLE_DATE));
        assert!(told(old, DEBIAN_12, "2026-11-22").contains("2028-06-30"));
        let new = FakeSite::new().file(path, csv).stat_of(path, mode(TABLE_DATE + 1));
        assert!(
            told(new, DEBIAN_12, "2026-11-22").ends_with("2029-01-01 771 /usr/share/distro-info/debian.csv")
        );
        let unheard = FakeSite::new().file(path, csv);
        assert!(told(unheard, "ID=debian\nVERSION_ID=14\n", "2026-11-22").contains("2032-06-30"));
    }

    #[test]
    fn others_speak_for_themselves_or_are_not_judged() {
        let fedora = "ID=fedora\nVERSION_ID=40\nSUPPORT_END=2025-05-13\n";
        assert_eq!(
            told(FakeSite::new(), fedora, "2025-05-12"),
            "standard 2025-05-13 1 SUPPORT_END of os-release"
        );
        for other in [
            "ID=arch\n",
            "ID=debian\n",
            "ID=exampleos\nID_LIKE=debian\nVERSION_ID=10\n",
            "ID=fedora\nSUPPORT_END=x\n",
        ] {
            assert_eq!(told(FakeSite::new(), other, "2026-11-22"), "{}", "{other}");
        }
        assert!(
            told(FakeSite::new(), "ID=centos\nNAME=\"CentOS Stream\"\nVERSION_ID=8\n", "2024-05-31")
                .contains(" 0 ")
        );
    }
}
