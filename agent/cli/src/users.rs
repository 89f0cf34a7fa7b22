//! The system's users, and which of them the agent acts as towards a product.
//!
//! Local accounts only, from `/etc/passwd` and `/etc/group`: the service user is a local account, and a look-up in a
//! directory service could hang a scan.

use std::fs;

use goodstead_protocol::fact::{Cause, CauseKind};

/// The agent's own system user, made by the packages or by the admin.
pub(crate) const SERVICE_USER: &str = "goodstead";

/// The number of the user and group that own nothing, on every distribution.
pub(crate) const NOBODY: u32 = 65534;

/// A local account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The groups it belongs to besides its own.
    pub(crate) groups: Vec<u32>,
}

/// The account with this name.
pub(crate) fn by_name(name: &str) -> Option<User> {
    find(|user| user.name == name)
}

/// The account that this process runs as; without an entry, its number is its name.
pub(crate) fn current() -> User {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    find(|user| user.uid == uid).unwrap_or(User { name: uid.to_string(), uid, gid, groups: Vec::new() })
}

/// Whether a group is the one that a distribution makes for a user alone: its name is the user's, and nobody else is in it.
pub(crate) fn is_private_group(uid: u32, gid: u32) -> bool {
    let Some(user) = find(|user| user.uid == uid && user.gid == gid) else { return false };
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let mut of_gid =
        groups.lines().filter(|line| line.split(':').nth(2) == Some(&gid.to_string())).peekable();
    of_gid.peek().is_some() && of_gid.all(|line| is_of_one(line, &user.name))
}

/// Whether a line of `/etc/group` is the group of this user and nobody else.
fn is_of_one(line: &str, user: &str) -> bool {
    let mut fields = line.split(':');
    let same_name = fields.next() == Some(user);
    let members = fields.nth(2).unwrap_or_default();
    same_name && members.split(',').all(|member| member.is_empty() || member == user)
}

fn find(wanted: impl Fn(&User) -> bool) -> Option<User> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut user = passwd.lines().filter_map(account).find(wanted)?;
    let group = fs::read_to_string("/etc/group").unwrap_or_default();
    user.groups = group.lines().filter_map(|line| membership(line, &user.name)).collect();
    Some(user)
}

fn account(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { name, uid, gid, groups: Vec::new() })
}

fn membership(line: &str, name: &str) -> Option<u32> {
    let mut fields = line.split(':');
    let gid = fields.nth(2)?.parse().ok()?;
    fields.next()?.split(',').any(|member| member == name).then_some(gid)
}

/// The user as whom the broker connects for a plugin: the one that `agent.toml` names for it, else `goodstead` where
/// it exists, else the calling user, but never root or a product's owner unless named. `grants` says whether
/// `goodstead grant` can let a user into the plugin's product.
///
/// # Errors
/// Why nobody is left, and the one command that changes it.
pub(crate) fn acting_user(plugin: &str, grants: bool, named: Option<&str>) -> Result<User, Cause> {
    if let Some(name) = named {
        let missing = || {
            let detail = format!(
                "agent.toml sets connect_as = \"{name}\" for the plugin `{plugin}`, but there is no such user"
            );
            let cause = Cause::new(CauseKind::NotPermitted, detail);
            if grants && is_plain(name) {
                cause.remedy(grant_command(plugin, current().uid == 0))
            } else {
                cause
            }
        };
        return by_name(name).ok_or_else(missing);
    }
    let (service, caller) = (by_name(SERVICE_USER), current());
    let remedy = |caller: &User| {
        if grants { grant_command(plugin, caller.uid == 0) } else { creation(caller.uid == 0) }
    };
    choose(service, caller, remedy)
}

fn choose(service: Option<User>, caller: User, remedy: impl FnOnce(&User) -> String) -> Result<User, Cause> {
    match service {
        // Only root can become somebody else.
        Some(service) if caller.uid == 0 || caller.uid == service.uid => Ok(service),
        None if caller.uid == 0 => {
            let detail = format!(
                "there is no system user `{SERVICE_USER}` yet, and neither connections nor commands are made as `{}`",
                caller.name
            );
            Err(Cause::new(CauseKind::NotPermitted, detail).remedy(remedy(&caller)))
        }
        _ if OWNERS.contains(&caller.name.as_str()) => {
            let detail = format!(
                "neither connections nor commands are made as `{}`, who has all power over a product",
                caller.name
            );
            Err(Cause::new(CauseKind::NotPermitted, detail).remedy(remedy(&caller)))
        }
        _ => Ok(caller),
    }
}

/// The command that lets the agent look into a plugin's product. Only root acts as the agent's own user afterwards.
pub(crate) fn grant_command(plugin: &str, is_root: bool) -> String {
    let grant = format!("sudo goodstead grant {plugin} --apply");
    if is_root { grant } else { format!("{grant} && sudo goodstead check") }
}

/// The command that creates the agent's own user with all that it needs on any host.
fn creation(is_root: bool) -> String {
    let create = format!("sudo {}", create(SERVICE_USER).join(" "));
    if is_root { create } else { format!("{create} && sudo goodstead check") }
}

/// The command that creates a system user for the agent, in the group that reads the system's journal where there is
/// one: what it needs, in one step.
pub(crate) fn create(user: &str) -> Vec<String> {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let has = |name: &str| groups.lines().any(|line| line.split(':').next() == Some(name));
    let mut command = vec!["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin"];
    // useradd refuses to make a group that is there already.
    if has(user) {
        command.extend(["--gid", user]);
    } else {
        command.push("--user-group");
    }
    if has(JOURNAL) {
        command.extend(["--groups", JOURNAL]);
    }
    command.push(user);
    command.into_iter().map(str::to_owned).collect()
}

/// Whose members read the whole journal (systemd-journald.service(8)).
const JOURNAL: &str = "systemd-journal";

/// Whether a user's name can stand in commands, statements and files as it is.
pub(crate) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= 32 && !name.starts_with('-') && name.chars().all(plain)
}

/// System users that own products and therefore have all power over them.
const OWNERS: [&str; 5] = ["postgres", "mysql", "redis", "mongodb", "rabbitmq"];

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, uid: u32) -> User {
        User { name: name.into(), uid, gid: uid, groups: vec![] }
    }

    #[test]
    fn nobody_connects_as_root_or_as_the_owner() {
        let service = || Some(user("goodstead", 999));
        let choose =
            |service, caller| choose(service, caller, |caller| grant_command("demo", caller.uid == 0));
        assert_eq!(choose(service(), user("root", 0)).unwrap().name, "goodstead");
        assert_eq!(choose(service(), user("alice", 1000)).unwrap().name, "alice");
        assert_eq!(choose(None, user("alice", 1000)).unwrap().name, "alice");
        for (caller, remedy) in [
            (user("root", 0), "sudo goodstead grant demo --apply"),
            (user("postgres", 113), "sudo goodstead grant demo --apply && sudo goodstead check"),
        ] {
            let cause = choose(None, caller).unwrap_err();
            assert_eq!((cause.kind, cause.remedy.as_deref()), (CauseKind::NotPermitted, Some(remedy)));
        }
    }

    #[test]
    fn the_user_is_created_in_one_command_that_ends_with_its_name() {
        let command = create("goodstead-test");
        assert!(command.starts_with(&["useradd".to_owned(), "--system".to_owned()]), "{command:?}");
        assert_eq!(command.last().map(String::as_str), Some("goodstead-test"));
        let journal = fs::read_to_string("/etc/group").unwrap().contains("\nsystemd-journal:");
        assert_eq!(command.iter().any(|word| word == "systemd-journal"), journal, "{command:?}");
        for odd in ["", "-r", "a b", "a;b", "Ann", "a$(b)"] {
            assert!(!is_plain(odd), "{odd}");
        }
    }

    #[test]
    fn accounts_and_memberships_are_read() {
        assert_eq!(
            account("postgres:x:113:120:x:/var/lib/postgresql:/bin/bash").unwrap(),
            User { gid: 120, ..user("postgres", 113) }
        );
        assert_eq!(account("broken"), None);
        assert_eq!(membership("ssl-cert:x:119:postgres,goodstead", "goodstead"), Some(119));
        assert_eq!(membership("ssl-cert:x:119:postgres", "goodstead"), None);
        assert!(is_of_one("ada:x:1000:", "ada") && is_of_one("ada:x:1000:ada", "ada"));
        assert!(!is_of_one("ada:x:1000:ada,bob", "ada") && !is_of_one("users:x:100:", "ada"));
    }
}
