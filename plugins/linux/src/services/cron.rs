//! Files of cron that it does not run: names with a dot, and what cron refuses for its owner, its rights or its end.
//!
//! Only Debian's cron and its run-parts have these rules for names and ends: letters, digits, hyphens and underscores
//! (cron(8) and run-parts(8) of Debian 12), and a newline after the last line (crontab(5)). Owner and rights matter to
//! cronie as well. A name that says that a file was put aside is no mistake.

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, FileKind, Site, SiteExt, facts};

const TABLES: &str = "/etc/cron.d";

/// Folders whose programs run-parts runs.
const PROGRAMS: [&str; 4] = ["/etc/cron.daily", "/etc/cron.hourly", "/etc/cron.monthly", "/etc/cron.weekly"];

/// Endings of what somebody means to be run. Whatever else stands behind a dot (`.bak`, `.disabled`, `.dpkg-old`) was
/// most likely put aside.
const MEANT: [&str; 9] = ["bash", "cron", "crontab", "php", "pl", "py", "rb", "sh", "job"];

/// Debian's programs.
const DEBIANS: [&str; 2] = ["/usr/sbin/cron", "/var/lib/dpkg/status"];

/// More files of one folder are not looked at.
const MAX_FILES: usize = 200;

/// The list `cron_ignored`.
///
/// # Errors
/// Why it is not known.
pub(crate) fn cron_ignored(site: &mut dyn Site) -> Result<Fact, Cause> {
    let mut is_debians = true;
    for path in DEBIANS {
        match site.stat(path) {
            Ok(_) => {}
            Err(cause) if cause.kind == CauseKind::Absent => is_debians = false,
            Err(cause) => return Err(cause),
        }
    }
    if !is_debians {
        return Ok(Vec::new().into());
    }
    // With -l, cron also takes names with dots in them.
    let takes_dots = match site.read_text("/etc/default/cron") {
        Ok(text) => {
            text.lines().any(|line| line.trim_start().starts_with("EXTRA_OPTS") && line.contains("-l"))
        }
        Err(cause) if cause.kind == CauseKind::Absent => false,
        Err(cause) => return Err(cause),
    };
    let mut found = Vec::new();
    for file in files(site, TABLES)? {
        let path = format!("{TABLES}/{file}");
        if !is_plain(&file) {
            if !takes_dots && is_meant(&file) {
                found.push((path, "name"));
            }
            continue;
        }
        // Where a file may not be read, nothing is said of its end.
        let ends = site.read(&path).map(|bytes| bytes.is_empty() || bytes.ends_with(b"\n"));
        let Ok(stat) = site.stat(&path) else { continue };
        // Files that everybody may change are told by their rights (sensitive_files).
        if stat.uid == 0 && stat.mode & 0o022 == 0o020 && stat.gid == 0 {
            found.push((path, "rights"));
        } else if ends == Ok(false) {
            found.push((path, "end"));
        }
    }
    for folder in PROGRAMS {
        let meant = files(site, folder)?.into_iter().filter(|file| !is_plain(file) && is_meant(file));
        found.extend(meant.map(|file| (format!("{folder}/{file}"), "name")));
    }
    let items = found.into_iter().map(|(path, why)| facts! { "path" => path, "why" => why });
    Ok(Fact::List(Elements { items: items.collect(), partial: None }))
}

fn files(site: &mut dyn Site, folder: &str) -> Result<Vec<String>, Cause> {
    match site.list(folder) {
        Ok(entries) => {
            let files = entries.into_iter().filter(|entry| entry.kind == FileKind::File);
            Ok(files.map(|entry| entry.name).take(MAX_FILES).collect())
        }
        Err(cause) if cause.kind == CauseKind::Absent => Ok(Vec::new()),
        Err(cause) => Err(cause),
    }
}

/// Whether cron and run-parts take a file of this name.
fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Whether somebody most likely means it to be run.
fn is_meant(name: &str) -> bool {
    let Some((stem, ending)) = name.split_once('.') else { return false };
    !stem.is_empty() && is_plain(stem) && MEANT.contains(&ending)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::Stat;
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn debian() -> FakeSite {
        FakeSite::new()
            .file("/usr/sbin/cron", "")
            .file("/var/lib/dpkg/status", "")
            .file("/etc/cron.d/e2scrub_all", "30 3 * * 0 root e2scrub_all\n")
            .file("/etc/cron.d/.placeholder", "")
            .file("/etc/cron.daily/logrotate", "")
    }

    fn told(mut site: FakeSite) -> String {
        cron_ignored(&mut site).unwrap().to_json().to_string()
    }

    #[test]
    fn what_cron_does_not_run_although_it_is_meant_to_is_told() {
        assert_eq!(told(debian()), "[]");
        let site = debian()
            .file("/etc/cron.d/backup.sh", "0 2 * * * root /opt/backup\n")
            .file("/etc/cron.d/nonl", "0 2 * * * root /opt/backup")
            .file("/etc/cron.daily/rotate.sh", "");
        assert_eq!(
            told(site),
            r#"[{"path":"/etc/cron.d/backup.sh","why":"name"},{"path":"/etc/cron.d/nonl","why":"end"},{"path":"/etc/cron.daily/rotate.sh","why":"name"}]"#
        );
        let shared = Stat { kind: FileKind::File, size: 1, mode: 0o664, uid: 0, gid: 0, modified: 0 };
        let site = debian().stat_of("/etc/cron.d/e2scrub_all", shared);
        assert!(told(site).contains("rights"));
    }

    #[test]
    fn what_was_put_aside_is_meant_to_be() {
        for name in [
            "backup.bak",
            "backup.disabled",
            "php.dpkg-old",
            ".sh",
            "backup.sh.old",
            "a~",
            "0hourly.rpmsave",
            "README.txt",
        ] {
            assert_eq!(told(debian().file(&format!("/etc/cron.d/{name}"), "x\n")), "[]", "{name}");
        }
    }

    #[test]
    fn other_crons_have_other_rules() {
        let cronie = FakeSite::new().file("/usr/sbin/crond", "").file("/etc/cron.d/backup.sh", "x");
        assert_eq!(told(cronie), "[]");
        let lsb = debian().file("/etc/default/cron", "EXTRA_OPTS=\"-l\"\n").file("/etc/cron.d/a.cron", "x\n");
        assert_eq!(told(lsb), "[]");
        let hidden = debian().refused_file("/etc/cron.d/own", CauseKind::NotPermitted, "no permission");
        assert_eq!(told(hidden), "[]", "nothing is said of the end of what may not be read");
    }
}
