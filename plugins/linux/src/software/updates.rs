//! Whether this host installs updates on its own, and whether that works.
//!
//! That a setting says so is not enough: the program must be there, its timer must be able to start it, and where it
//! writes down its last success, that is told.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, FileKind, Site, SiteExt};

use crate::basics::clock::age;
use crate::software::apt_conf;

/// Real files have a few KiB.
const MAX_SIZE: usize = 256 << 10;

const TIMERS: &str = "/etc/systemd/system/timers.target.wants";

/// The settings of dnf-automatic, with DNF 5 in a folder of their own.
const DNF_FILES: [&str; 2] = ["/etc/dnf/automatic.conf", "/etc/dnf/dnf5-plugins/automatic.conf"];

/// The record `updates`.
///
/// # Errors
/// Why it cannot be told.
pub(crate) fn updates(site: &mut dyn Site, now: i64) -> Result<Fact, Cause> {
    // Where the whole system is replaced at once, no package is updated by itself.
    if exists(site, "/run/ostree-booted")? {
        return Ok(Fact::record());
    }
    // Others use apt with packages of another form.
    if exists(site, "/usr/bin/apt-get")? && exists(site, "/var/lib/dpkg/status")? {
        return apt(site, now);
    }
    if exists(site, "/usr/bin/dnf5")? || exists(site, "/usr/bin/dnf")? {
        return dnf(site);
    }
    Ok(Fact::record())
}

fn exists(site: &mut dyn Site, path: &str) -> Result<bool, Cause> {
    match site.stat(path) {
        Ok(_) => Ok(true),
        Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// What decides, and where it stands.
struct Decision {
    obstacle: Option<&'static str>,
    place: Option<(String, i64)>,
}

fn record(mechanism: &str, decision: Decision) -> BTreeMap<String, Fact> {
    let mut record = BTreeMap::from([
        ("mechanism".to_owned(), mechanism.into()),
        ("enabled".to_owned(), decision.obstacle.is_none().into()),
    ]);
    record.extend(decision.obstacle.map(|obstacle| ("obstacle".to_owned(), obstacle.into())));
    if let Some((file, line)) = decision.place {
        record.insert("file".to_owned(), file.into());
        record.insert("line".to_owned(), Fact::Int(line));
    }
    record
}

fn apt(site: &mut dyn Site, now: i64) -> Result<Fact, Cause> {
    let (enable, upgrade) = apt_settings(site)?;
    let interval = upgrade.as_ref().map_or(0, |(setting, _)| seconds(&setting.value));
    let off = enable.as_ref().is_some_and(|(setting, _)| seconds(&setting.value) == 0);
    let masked = match site.stat("/etc/systemd/system/apt-daily-upgrade.timer") {
        Ok(stat) => stat.kind == FileKind::Other,
        // A link to /dev/null masks the unit; that the manifest does not ask for the device says so as well.
        Err(cause) => cause.kind == CauseKind::NotDeclared,
    };
    let obstacle = if !exists(site, "/usr/bin/unattended-upgrade")? {
        Some("the package unattended-upgrades is not installed")
    } else if off {
        Some("APT::Periodic::Enable is 0")
    } else if interval == 0 {
        Some("APT::Periodic::Unattended-Upgrade is not set, or 0")
    } else if masked {
        Some("the timer apt-daily-upgrade.timer is masked")
    } else {
        None
    };
    let place = if off { enable } else { upgrade }.map(|(setting, file)| (file, setting.line));
    let mut record = record("unattended-upgrades", Decision { obstacle, place });
    if interval > 0 {
        record.insert("interval_seconds".to_owned(), Fact::Int(interval));
    }
    match site.stat("/var/lib/apt/periodic/unattended-upgrades-stamp") {
        Ok(stat) => _ = record.insert("success_seconds".to_owned(), Fact::Int(age(now, stat.modified))),
        Err(cause) if cause.kind == CauseKind::Absent => {}
        Err(cause) => _ = record.insert("success_seconds".to_owned(), cause.into()),
    }
    Ok(record.into())
}

/// Where APT is set up.
pub(crate) const APT_CONF: [&str; 2] = ["/etc/apt/apt.conf.d/*", "/etc/apt/apt.conf"];

type Found = Option<(apt_conf::Setting, String)>;

/// The last words on the two settings that decide, each with its file.
fn apt_settings(site: &mut dyn Site) -> Result<(Found, Found), Cause> {
    let mut found = site.read_many(&APT_CONF, &[])?;
    if let Some(cause) = found.partial {
        return Err(cause);
    }
    // apt reads the folder first, and then the single file.
    found.files.sort_by_key(|file| file.path == "/etc/apt/apt.conf");
    let (mut enable, mut upgrade) = (None, None);
    for file in found.files.into_iter().filter(|file| apt_reads(&file.path)) {
        let text = file.content?;
        if text.len() > MAX_SIZE {
            let detail = format!("{} is larger than any configuration of apt", file.path);
            return Err(Cause::new(CauseKind::TooLarge, detail));
        }
        for setting in apt_conf::parse(&String::from_utf8_lossy(&text)) {
            match setting.name.as_str() {
                "apt::periodic::enable" => enable = Some((setting, file.path.clone())),
                "apt::periodic::unattended-upgrade" => upgrade = Some((setting, file.path.clone())),
                _ => {}
            }
        }
    }
    Ok((enable, upgrade))
}

/// Whether apt reads a file of this name: letters, digits, `-`, `_`, and no ending but `.conf` (apt.conf(5)).
fn apt_reads(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.strip_suffix(".conf").unwrap_or(name);
    !stem.is_empty() && stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// An interval of apt's timers in seconds: days, or a number with d, h, m or s; 0 is never, `always` counts as daily.
fn seconds(value: &str) -> i64 {
    const DAY: i64 = 86_400;
    let value = value.trim();
    let (number, unit) = match value.char_indices().last() {
        Some((_, last)) if last.is_ascii_digit() => (value, DAY),
        Some((at, last)) => {
            let unit = match last {
                'd' => DAY,
                'h' => 3600,
                'm' => 60,
                _ => 1,
            };
            (value.get(..at).unwrap_or_default(), unit)
        }
        None => return 0,
    };
    if value == "always" {
        return DAY;
    }
    number.parse::<i64>().unwrap_or(0).max(0).saturating_mul(unit)
}

fn dnf(site: &mut dyn Site) -> Result<Fact, Cause> {
    let timers = match site.list(TIMERS) {
        Ok(entries) => entries.into_iter().map(|entry| entry.name).collect(),
        Err(cause) if cause.kind == CauseKind::Absent => Vec::new(),
        Err(cause) => return Err(cause),
    };
    let is_on = |wanted: &[&str]| timers.iter().any(|timer| wanted.contains(&timer.as_str()));
    let mut setting = None;
    for file in DNF_FILES {
        match site.read_text(file) {
            Ok(text) => {
                let found = apply_updates(&text).map(|(applies, line)| (applies, file.to_owned(), line));
                setting = found.or(setting);
            }
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
    }
    let applies = setting.as_ref().is_some_and(|(applies, ..)| *applies);
    let place = setting.map(|(_, file, line)| (file, line));
    let obstacle = if is_on(&["dnf-automatic-install.timer"]) {
        None
    } else if !is_on(&["dnf-automatic.timer", "dnf5-automatic.timer"]) {
        Some("no timer of dnf-automatic that installs is enabled")
    } else if !applies {
        Some("apply_updates is not yes")
    } else {
        None
    };
    Ok(record("dnf-automatic", Decision { obstacle, place }).into())
}

/// The last word on `apply_updates`, and its line.
fn apply_updates(text: &str) -> Option<(bool, i64)> {
    let lines = (1..).zip(text.lines()).filter_map(|(number, line)| {
        let (key, value) = line.split_once('=')?;
        let on = matches!(value.trim().to_ascii_lowercase().as_str(), "yes" | "true" | "1" | "on");
        (key.trim() == "apply_updates").then_some((on, number))
    });
    lines.last()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::Stat;
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn told(mut site: FakeSite) -> String {
        updates(&mut site, 1000).map_or_else(|cause| cause.to_string(), |fact| fact.to_json().to_string())
    }

    fn apt_host() -> FakeSite {
        FakeSite::new().file("/usr/bin/apt-get", "").file("/var/lib/dpkg/status", "")
    }

    fn debian() -> FakeSite {
        apt_host().file("/usr/bin/unattended-upgrade", "")
    }

    const ON: &str = "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n";

    #[test]
    fn unattended_upgrades_needs_the_setting_the_program_and_the_timer() {
        let on = debian().file("/etc/apt/apt.conf.d/20auto-upgrades", ON);
        assert_eq!(
            told(on),
            r#"{"enabled":true,"file":"/etc/apt/apt.conf.d/20auto-upgrades","interval_seconds":86400,"line":2,"mechanism":"unattended-upgrades"}"#
        );
        let removed = apt_host().file("/etc/apt/apt.conf.d/20auto-upgrades", ON);
        assert!(told(removed).contains("is not installed"));
        assert!(told(debian()).contains("not set, or 0"));
        let device = Stat { kind: FileKind::Other, size: 0, mode: 0o666, uid: 0, gid: 0, modified: 0 };
        let masked = debian()
            .file("/etc/apt/apt.conf.d/20auto-upgrades", ON)
            .stat_of("/etc/systemd/system/apt-daily-upgrade.timer", device);
        assert!(told(masked).contains("is masked"));
    }

    #[test]
    fn the_last_file_decides_and_backups_are_not_read() {
        let site = debian()
            .file("/etc/apt/apt.conf.d/20auto-upgrades", ON)
            .file("/etc/apt/apt.conf.d/99-off", "// ours\nAPT::Periodic { Enable \"0\"; };")
            .file("/etc/apt/apt.conf.d/99x.dpkg-old", "APT::Periodic::Enable \"1\";");
        let off = told(site);
        assert!(
            off.contains("APT::Periodic::Enable is 0")
                && off.contains("99-off\",\"interval_seconds\":86400,\"line\":2"),
            "{off}"
        );
        let single = debian()
            .file("/etc/apt/apt.conf.d/20auto-upgrades", ON)
            .file("/etc/apt/apt.conf", "APT::Periodic::Unattended-Upgrade \"0\";");
        assert!(told(single).contains("\"file\":\"/etc/apt/apt.conf\""));
    }

    #[test]
    fn the_last_success_has_an_age() {
        let site = debian()
            .file("/etc/apt/apt.conf.d/20auto-upgrades", ON)
            .file("/var/lib/apt/periodic/unattended-upgrades-stamp", "");
        assert!(told(site).contains("\"success_seconds\":1000"));
    }

    #[test]
    fn dnf_automatic_needs_a_timer_and_the_word_to_install() {
        let host = || FakeSite::new().file("/usr/bin/dnf", "");
        let on = "[commands]\n# apply_updates = yes\napply_updates = yes\n";
        let timer = format!("{TIMERS}/dnf-automatic.timer");
        assert!(told(host().file("/etc/dnf/automatic.conf", on)).contains("no timer"));
        let both = told(host().file("/etc/dnf/automatic.conf", on).file(&timer, ""));
        assert!(both.contains("\"enabled\":true") && both.contains("\"line\":3"), "{both}");
        assert!(
            told(host().file("/etc/dnf/automatic.conf", "apply_updates = no").file(&timer, ""))
                .contains("not yes")
        );
        assert!(
            told(host().file(&format!("{TIMERS}/dnf-automatic-install.timer"), ""))
                .contains("\"enabled\":true")
        );
    }

    #[test]
    fn other_package_managers_are_not_judged() {
        assert_eq!(told(FakeSite::new()), "{}");
        assert_eq!(told(FakeSite::new().file("/usr/bin/apt-get", "")), "{}");
        assert_eq!(told(FakeSite::new().file("/usr/bin/dnf", "").file("/run/ostree-booted", "")), "{}");
    }

    #[test]
    fn intervals_are_read_as_apt_writes_them() {
        let read: Vec<_> =
            ["0", "1", "7", "12h", "30m", "always", "", "soon", "-1", "99999999999999999d", "é"]
                .map(seconds)
                .into();
        assert_eq!(read, [0, 86400, 604_800, 43_200, 1800, 86400, 0, 0, 0, i64::MAX, 0]);
    }

    #[test]
    fn a_file_that_cannot_be_read_leaves_it_open() {
        let large = debian().file("/etc/apt/apt.conf.d/20auto-upgrades", "{".repeat(MAX_SIZE + 1));
        assert!(told(large).contains("larger than any"));
        let site =
            debian().refused_file("/etc/apt/apt.conf.d/20auto-upgrades", CauseKind::NotPermitted, "no");
        assert_eq!(told(site), "no");
    }
}
