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
/// it exists, else the calling user, but never root or a product's owner unless named.
///
/// # Errors
/// Why nobody is left, and how to change that.
pub(crate) fn acting_user(plugin: &str, named: Option<&str>) -> Result<User, Cause> {
    if let Some(name) = named {
        let missing = || {
            let detail = format!(
                "agent.toml has the plugin `{plugin}` connect as `{name}`, but there is no such user"
            );
            Cause::new(CauseKind::NotPermitted, detail)
        };
        return by_name(name).ok_or_else(missing);
    }
    choose(plugin, by_name(SERVICE_USER), current())
}

fn choose(plugin: &str, service: Option<User>, caller: User) -> Result<User, Cause> {
    match service {
        // Only root can become somebody else.
        Some(service) if caller.uid == 0 || caller.uid == service.uid => Ok(service),
        _ if caller.uid == 0 || OWNERS.contains(&caller.name.as_str()) => {
            let detail =
                format!("the agent does not connect as `{}`, which has powers it does not need", caller.name);
            let remedy = format!(
                "create its own user with `useradd --system --no-create-home {SERVICE_USER}`, or name one in agent.toml: \
                 [plugins.{plugin}] connect_as = \"…\""
            );
            Err(Cause::new(CauseKind::NotPermitted, detail).remedy(remedy))
        }
        _ => Ok(caller),
    }
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
        assert_eq!(choose("p", service(), user("root", 0)).unwrap().name, "goodstead");
        assert_eq!(choose("p", service(), user("alice", 1000)).unwrap().name, "alice");
        assert_eq!(choose("p", None, user("alice", 1000)).unwrap().name, "alice");
        for caller in [user("root", 0), user("postgres", 113)] {
            let cause = choose("p", None, caller).unwrap_err();
            assert_eq!(cause.kind, CauseKind::NotPermitted);
            assert!(cause.remedy.unwrap().contains("useradd --system"), "the way out is named");
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
