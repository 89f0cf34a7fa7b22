//! Jobs that look like taking backups of any kind: in the crontabs, and in services of the admin's own.
//!
//! What is found proves nothing; what it is for is to keep quiet where somebody has taken care. So it is generous: a
//! line or a file name that speaks of backups, dumps or snapshots counts. Users' crontabs are readable by root alone.

use std::collections::BTreeMap;

use goodstead_plugin::{CauseKind, Elements, Fact, Site, SiteExt};

/// Where jobs are: Debian's crontabs of users, then Red Hat's.
const FILES: [&str; 6] = [
    "/etc/crontab",
    "/etc/cron.*/*",
    "/etc/systemd/system/*.service",
    "/etc/systemd/system/*.d/*.conf",
    "/var/spool/cron/crontabs/*",
    "/var/spool/cron/*",
];

/// Debian's copies of its own package lists, and Barman's janitor, which takes no backup by itself.
const NOT_THESE: [&str; 2] = ["/etc/cron.daily/dpkg", "/etc/cron.d/barman"];

/// Where Debian's packages copy their own lists to.
const LISTS: &str = "/var/backups";

/// Programs, and words that scripts are named by. Lower case.
const WORDS: [&str; 11] = [
    "pg_dump",
    "pg_basebackup",
    "pgbackrest",
    "barman",
    "wal-g",
    "backup",
    "dump",
    "snapshot",
    "restic",
    "borg",
    "rsnapshot",
];

/// The most that are told.
const MAX: usize = 50;

/// The fact `backup_jobs`.
pub(super) fn fact(site: &mut dyn Site) -> Fact {
    let files = match site.read_many(&FILES, &NOT_THESE) {
        Ok(files) => files,
        Err(cause) => return cause.into(),
    };
    let mut partial = files.partial;
    let mut items = Vec::new();
    for file in files.files {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let text = match file.content {
            Ok(bytes) => format!("{name}\n{}", String::from_utf8_lossy(&bytes)),
            // A service that a package brought, under another name, or one that is masked: a link out of these folders.
            Err(cause) if cause.kind == CauseKind::NotDeclared => name.to_owned(),
            Err(cause) => {
                partial.get_or_insert(cause);
                continue;
            }
        };
        items.extend(job(&text).map(|word| {
            let facts = [("place", Fact::from(file.path.as_str())), ("word", word.into())];
            Fact::from(
                facts.map(|(name, fact)| (name.to_owned(), fact)).into_iter().collect::<BTreeMap<_, _>>(),
            )
        }));
    }
    items.truncate(MAX);
    Fact::List(Elements { items, partial: partial.map(Box::new) })
}

/// The first word by which a file speaks of backups, outside of comments.
fn job(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase().replace(LISTS, "");
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with(['#', ';']));
    lines.flat_map(|line| WORDS.into_iter().find(|word| line.contains(word))).next()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    #[test]
    fn jobs_are_known_by_their_words_and_comments_are_none() {
        for (line, word) in [
            ("15 2 * * * postgres pg_dump -Fc orders > /srv/orders.dump", Some("pg_dump")),
            ("0 3 * * * root /usr/local/bin/Nightly-Backup.sh", Some("backup")),
            ("ExecStart=/usr/bin/restic backup /srv", Some("backup")),
            ("cd /var/backups || exit 0", None),
            ("0 1 * * * postgres pg_dump orders > /var/backups/orders.sql", Some("pg_dump")),
            ("# pg_dump was here\n  ; backup", None),
            ("17 * * * * root run-parts /etc/cron.hourly", None),
            ("", None),
            ("\u{fffd}\u{0}\n\n", None),
        ] {
            assert_eq!(job(line), word, "{line}");
        }
    }

    #[test]
    fn names_count_and_links_out_of_the_folders_are_no_gap() {
        let site = FakeSite::new()
            .file("/etc/cron.daily/dpkg", "exec /usr/libexec/dpkg/dpkg-db-backup")
            .file("/etc/cron.daily/nightly-dump", "/usr/local/bin/copy-all")
            .refused_file(
                "/etc/systemd/system/dbus-org.example.service",
                CauseKind::NotDeclared,
                "leads out",
            );
        let told = |mut site: FakeSite| fact(&mut site).to_json();
        assert_eq!(told(site)[0]["place"], "/etc/cron.daily/nightly-dump");
        let hidden =
            FakeSite::new().refused_file("/var/spool/cron/crontabs/postgres", CauseKind::NotPermitted, "no");
        assert_eq!(told(hidden)["$cause"]["kind"], "not-permitted");
    }
}
