//! Whether the journal outlives a restart, by journald.conf(5), its drop-ins and the folder on disk.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, FileKind, Files, Site, SiteExt, UnknownOr};

use crate::basics::plain::plain;
use crate::basics::record::record;
use crate::services::processes::Processes;

/// The folders of the main file and of the drop-ins, the strongest first.
const FOLDERS: [&str; 4] = ["/etc/systemd/", "/run/systemd/", "/usr/local/lib/systemd/", "/usr/lib/systemd/"];

/// Programs that keep or send away what the journal gets, by the names that the kernel keeps (15 characters).
const KEEPERS: [&str; 17] = [
    "rsyslogd",
    "syslog-ng",
    "syslogd",
    "fluent-bit",
    "fluentd",
    "td-agent",
    "vector",
    "filebeat",
    "journalbeat",
    "elastic-agent",
    "promtail",
    "alloy",
    "otelcol",
    "otelcol-contrib",
    "splunkd",
    "nxlog",
    "datadog-agent",
];

/// A setting and where it stands.
#[derive(Debug, Clone, PartialEq)]
struct Setting {
    value: String,
    file: String,
    line: i64,
}

/// The record `journal`.
pub(crate) fn journal(site: &mut dyn Site, processes: &Result<Processes, Cause>) -> Fact {
    let keepers = processes.as_ref().map(|processes| processes.anywhere(&KEEPERS)).map_err(Clone::clone);
    let settings = settings(site);
    let storage = settings.as_ref().map(|known| known.get("Storage").cloned()).map_err(Clone::clone);
    // The default of journald.conf(5).
    let word = storage
        .clone()
        .map(|storage| storage.map_or("auto".to_owned(), |storage| storage.value.to_lowercase()));
    let kept = word.clone().and_then(|word| kept(site, &word));
    let place = storage.ok().flatten();
    let max_use = match settings {
        Ok(known) => known.get("SystemMaxUse").and_then(|setting| bytes(&setting.value)).map(Fact::Int),
        Err(cause) => Some(cause.into()),
    };
    record([
        ("storage", Some(word.or_unknown())),
        ("storage_file", place.as_ref().map(|place| plain(&place.file).into())),
        ("storage_line", place.map(|place| Fact::Int(place.line))),
        ("kept", Some(kept.or_unknown())),
        ("max_use_bytes", max_use),
        ("keepers", Some(keepers.or_unknown())),
    ])
}

fn kept(site: &mut dyn Site, storage: &str) -> Result<bool, Cause> {
    match storage {
        "persistent" => Ok(true),
        "auto" => match site.stat("/var/log/journal") {
            Ok(stat) => Ok(stat.kind == FileKind::Folder),
            Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
            Err(cause) => Err(cause),
        },
        _ => Ok(false),
    }
}

/// Where the settings are.
pub(crate) fn globs() -> Vec<String> {
    let both = |folder: &&str| [format!("{folder}journald.conf"), format!("{folder}journald.conf.d/*.conf")];
    FOLDERS.iter().flat_map(both).collect()
}

/// The settings of the section `[Journal]` that decide.
fn settings(site: &mut dyn Site) -> Result<BTreeMap<String, Setting>, Cause> {
    let files = site.read_many(&globs().iter().map(String::as_str).collect::<Vec<_>>(), &[])?;
    let mut known = BTreeMap::new();
    for (path, text) in in_order(files)? {
        known.extend(parse(&text, &path));
    }
    Ok(known)
}

/// The files that count: of one name only the one in the strongest folder, the main file first, then by name.
fn in_order(files: Files) -> Result<Vec<(String, String)>, Cause> {
    if let Some(cause) = files.partial {
        return Err(cause);
    }
    let mut known: BTreeMap<(bool, String), (usize, String, Vec<u8>)> = BTreeMap::new();
    for file in files.files {
        let place = FOLDERS
            .iter()
            .enumerate()
            .find_map(|(rank, folder)| Some((rank, file.path.strip_prefix(folder)?)));
        let Some((rank, name)) = place else { continue };
        let key = (name.contains('/'), name.to_owned());
        if known.get(&key).is_none_or(|(best, ..)| rank < *best) {
            // A link to /dev/null masks what has its name.
            let content = match file.content {
                Err(cause) if cause.kind == CauseKind::NotRegular => Vec::new(),
                content => content?,
            };
            known.insert(key, (rank, file.path, content));
        }
    }
    let text =
        |(_, path, bytes): (usize, String, Vec<u8>)| (path, String::from_utf8_lossy(&bytes).into_owned());
    Ok(known.into_values().map(text).collect())
}

fn parse(text: &str, file: &str) -> Vec<(String, Setting)> {
    let mut inside = false;
    let mut found = Vec::new();
    for (line, content) in (1..).zip(text.lines().map(str::trim)) {
        if content.starts_with('[') {
            inside = content == "[Journal]";
        } else if let Some((name, value)) =
            content.split_once('=').filter(|_| inside && !content.starts_with(['#', ';']))
        {
            let setting = Setting { value: plain(value), file: file.to_owned(), line };
            found.push((name.trim().to_owned(), setting));
        }
    }
    found
}

/// A size of systemd: a whole number with a letter for a power of 1024.
fn bytes(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let power = match text.get(digits.len()..)?.trim() {
        "" | "B" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(1024_i64.pow(power))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::Stat;
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn told(site: FakeSite) -> String {
        let mut site = site.file("/proc/1/status", "Name:\tsystemd\n");
        let processes = Processes::read(&mut site);
        journal(&mut site, &processes).to_json().to_string()
    }

    fn folder() -> Stat {
        Stat { kind: FileKind::Folder, size: 0, mode: 0o755, uid: 0, gid: 0, modified: 0 }
    }

    #[test]
    fn by_default_the_folder_decides() {
        assert_eq!(told(FakeSite::new()), r#"{"keepers":[],"kept":false,"storage":"auto"}"#);
        let debian = FakeSite::new()
            .stat_of("/var/log/journal", folder())
            .file("/etc/systemd/journald.conf", "[Journal]\n#Storage=auto\n");
        assert_eq!(told(debian), r#"{"keepers":[],"kept":true,"storage":"auto"}"#);
    }

    #[test]
    fn drop_ins_decide_over_the_main_file_and_the_strongest_folder_over_its_name() {
        let site = FakeSite::new()
            .stat_of("/var/log/journal", folder())
            .file("/etc/systemd/journald.conf", "[Journal]\nStorage=persistent\nSystemMaxUse=2G\n")
            .file("/usr/lib/systemd/journald.conf.d/10.conf", "[Journal]\nStorage=none\n")
            .file(
                "/etc/systemd/journald.conf.d/10.conf",
                "[Other]\nStorage=none\n[Journal]\n; c\nStorage = volatile\n",
            )
            .file("/proc/8/status", "Name:\trsyslogd\n");
        insta::assert_snapshot!(told(site), @r#"{"keepers":[{"name":"rsyslogd"}],"kept":false,"max_use_bytes":2147483648,"storage":"volatile","storage_file":"/etc/systemd/journald.conf.d/10.conf","storage_line":5}"#);
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let site = FakeSite::new().refused_file(
            "/etc/systemd/journald.conf.d/a.conf",
            CauseKind::NotPermitted,
            "no",
        );
        assert!(told(site).contains(r#""kept":{"$unknown""#));
        let masked = FakeSite::new().refused_file(
            "/etc/systemd/journald.conf.d/a.conf",
            CauseKind::NotRegular,
            "whatever it says",
        );
        assert!(told(masked).contains(r#""kept":false"#));
    }

    #[test]
    fn sizes_are_bytes_and_nonsense_is_absent() {
        assert_eq!((bytes("2G"), bytes("512M"), bytes("7")), (Some(2 << 30), Some(512 << 20), Some(7)));
        for odd in ["", "G", "2X", "-", "99999999999999T", "ä", "10%"] {
            assert_eq!(bytes(odd), None, "{odd}");
        }
    }
}
