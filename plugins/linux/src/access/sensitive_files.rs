//! Owner, group and mode of the files and folders that decide who controls the host. None of them is opened.

use goodstead_plugin::{
    Cause, CauseKind, Elements, Fact, FileKind, Foreseen, Request, Site, SiteExt, Stat, facts,
};

use crate::access::accounts::Accounts;

/// What is looked at, by kind: see `sensitive_files[].kind` in the contract.
pub(crate) const WATCHED: [(&str, &[&str]); 4] = [
    (
        "host-key",
        &["/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key"],
    ),
    ("password-file", &["/etc/shadow", "/etc/gshadow", "/etc/shadow-", "/etc/gshadow-"]),
    (
        "system",
        &[
            "/",
            "/etc",
            "/root",
            "/root/.ssh/authorized_keys",
            "/etc/passwd",
            "/etc/group",
            "/etc/sudoers",
            "/etc/sudoers.d",
            "/etc/crontab",
            "/etc/cron.d",
            "/etc/cron.hourly",
            "/etc/cron.daily",
            "/etc/cron.weekly",
            "/etc/cron.monthly",
            "/etc/ssh/sshd_config",
            "/etc/ld.so.preload",
            "/etc/ld.so.conf",
            "/etc/profile",
            "/etc/profile.d",
            "/etc/pam.d",
            "/etc/systemd/system",
        ],
    ),
    ("path-folder", &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"]),
];

/// Folders in each file of which root acts upon, and whose files are looked at one by one.
pub(crate) const FOLDERS: [&str; 9] = [
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/cron.monthly",
    "/etc/cron.weekly",
    "/etc/pam.d",
    "/etc/profile.d",
    "/etc/sudoers.d",
    "/etc/systemd/system",
];

/// More files than this of one folder are not looked at.
const MAX_FILES: usize = 200;

/// The list `sensitive_files`.
///
/// # Errors
/// Why nothing can be said of owners: /etc itself belongs to an ordinary user, so whoever unpacked this tree owns all.
pub(crate) fn sensitive_files(
    site: &mut dyn Site,
    accounts: Result<&Accounts, &Cause>,
) -> Result<Fact, Cause> {
    if site.stat("/etc")?.uid != 0 {
        let detail =
            "/etc does not belong to root: owners and modes are those of whoever unpacked these files";
        return Err(Cause::new(CauseKind::NotApplicableHere, detail));
    }
    let accounts = accounts.map_err(Clone::clone)?;
    let mut items = Vec::new();
    let mut partial = None;
    for (kind, paths) in WATCHED {
        for path in paths {
            match site.stat(path) {
                Ok(stat) => items.push(fact(path, kind, &stat, accounts)),
                Err(cause) if cause.kind == CauseKind::Absent => {}
                // Where this user may not go, nobody else but the owner and the group may.
                Err(cause) if cause.kind == CauseKind::NotPermitted && path.starts_with("/root/") => {}
                Err(cause) => _ = partial.get_or_insert(Box::new(cause)),
            }
        }
    }
    let files = within(site);
    let ask = |path: &String| Request::Stat { path: path.clone() };
    let site: &mut dyn Site = &mut Foreseen::ask(site, files.iter().map(ask));
    for path in files {
        // What went away in between, or leads elsewhere, is not a file of that folder.
        if let Ok(stat) = site.stat(&path)
            && stat.kind == FileKind::File
        {
            items.push(fact(&path, "system", &stat, accounts));
        }
    }
    Ok(Fact::List(Elements { items, partial }))
}

/// The files of [`FOLDERS`], all asked for in two round trips. A folder that cannot be listed is closed to others, too.
fn within(site: &mut dyn Site) -> Vec<String> {
    let mut found = Vec::new();
    let list = |folder: &&str| Request::List { path: (*folder).to_owned() };
    let mut listed = Foreseen::ask(site, FOLDERS.iter().map(list));
    for folder in FOLDERS {
        let entries = listed.list(folder).unwrap_or_default().into_iter();
        let files = entries.filter(|entry| entry.kind == FileKind::File).take(MAX_FILES);
        found.extend(files.map(|entry| format!("{folder}/{}", entry.name)));
    }
    found
}

fn fact(path: &str, kind: &str, stat: &Stat, accounts: &Accounts) -> Fact {
    facts! {
        "path" => path,
        "kind" => kind,
        "owner" => accounts.user_name(stat.uid),
        "group" => accounts.group_name(stat.gid),
        "mode" => format!("{:04o}", stat.mode),
        "read_by" => widest(stat.mode >> 2),
        // The sticky bit is no help: it keeps others from replacing a file, not from adding one.
        "written_by" => widest(stat.mode >> 1),
    }
}

/// Who has the right in the lowest bit of each class of `mode`. Root has it without any bit.
fn widest(mode: u32) -> &'static str {
    match (mode & 0o001, mode & 0o010) {
        (1, _) => "others",
        (_, 0o010) => "group",
        _ => "owner",
    }
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn of(kind: FileKind, mode: u32, uid: u32, gid: u32) -> Stat {
        Stat { kind, size: 1, mode, uid, gid, modified: 0 }
    }

    fn host() -> FakeSite {
        FakeSite::new()
            .file("/etc/passwd", "root:x:0:0::/:/bin/sh\n")
            .file("/etc/group", "root:x:0:\nshadow:x:42:\n")
            .stat_of("/etc", of(FileKind::Folder, 0o755, 0, 0))
    }

    fn told(mut site: FakeSite) -> String {
        let accounts = Accounts::read(&mut site);
        let Fact::List(list) = sensitive_files(&mut site, accounts.as_ref()).unwrap() else {
            panic!("no list")
        };
        list.items.iter().fold(String::new(), |text, item| {
            let json = item.to_json();
            let of = |name: &str| json[name].as_str().unwrap_or("?").to_owned();
            text + &format!(
                "{} {} {}:{} {} r {} w {}\n",
                of("kind"),
                of("path"),
                of("owner"),
                of("group"),
                of("mode"),
                of("read_by"),
                of("written_by")
            )
        })
    }

    #[test]
    fn the_widest_class_that_may_do_something_is_told() {
        let site = host()
            .stat_of("/etc/shadow", of(FileKind::File, 0o640, 0, 42))
            .stat_of("/etc/gshadow", of(FileKind::File, 0, 0, 0))
            .stat_of("/etc/ssh/ssh_host_rsa_key", of(FileKind::File, 0o644, 0, 0))
            .stat_of("/etc/cron.d", of(FileKind::Folder, 0o777, 0, 7))
            .stat_of("/usr/local/bin", of(FileKind::Folder, 0o1777, 0, 0))
            .stat_of("/usr/bin", of(FileKind::Folder, 0o2775, 0, 50));
        insta::assert_snapshot!(told(site), @"
        host-key /etc/ssh/ssh_host_rsa_key root:root 0644 r others w owner
        password-file /etc/shadow root:shadow 0640 r group w owner
        password-file /etc/gshadow root:root 0000 r owner w owner
        system /etc root:root 0755 r others w owner
        system /etc/passwd root:root 0644 r others w owner
        system /etc/group root:root 0644 r others w owner
        system /etc/cron.d root:7 0777 r others w others
        path-folder /usr/local/bin root:root 1777 r others w others
        path-folder /usr/bin root:50 2775 r others w group
        ");
    }

    #[test]
    fn an_unpacked_tree_has_the_owner_of_whoever_unpacked_it() {
        let mut site = host().stat_of("/etc", of(FileKind::Folder, 0o755, 1000, 1000));
        let accounts = Accounts::read(&mut site);
        assert_eq!(
            sensitive_files(&mut site, accounts.as_ref()).unwrap_err().kind,
            CauseKind::NotApplicableHere
        );
    }
}
