//! Who can become root without a password, as facts: the rules, and the accounts under them for whom that matters.

mod files;
mod lines;
mod rules;

use std::collections::BTreeSet;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, facts};

use rules::Rule;
pub(crate) use rules::Sudoers;

use crate::access::accounts::{Account, Accounts};
use crate::access::password::Password;

/// Accounts below this number belong to programs (`SYS_UID_MAX` and `UID_MIN` of login.defs(5), as all distributions
/// set them).
const FIRST_PERSON: u32 = 1000;

/// More accounts of one rule than this are not told.
const MAX_NAMES: usize = 50;

/// The list `sudo`.
pub(crate) fn facts(site: &mut dyn Site, sudoers: &Sudoers, accounts: &Accounts) -> Fact {
    let free = |rule: &Rule| rule.without_password && !rule.who.starts_with('!');
    let foreign = sudoers.rules.iter().any(|rule| free(rule) && !is_local(rule, accounts));
    let elsewhere = foreign && !only_local_accounts(site);
    let mut under: Vec<Vec<&Account>> = vec![Vec::new(); sudoers.rules.len()];
    for account in accounts.accounts.iter().filter(|account| account.uid != 0) {
        let groups = accounts.groups_of(account);
        // Of the rules that concern somebody the last one decides.
        let deciding = sudoers.rules.iter().rposition(|rule| concerns(rule, account, &groups));
        if let Some(accounts) = deciding.and_then(|at| under.get_mut(at)) {
            accounts.push(account);
        }
    }
    let rules = sudoers.rules.iter().zip(under);
    let items = rules.filter(|(rule, _)| free(rule)).map(|(rule, under)| {
        facts! {
            "rule" => format!("{}:{} {}", rule.file, rule.line, rule.who),
            "who" => rule.who.as_str(),
            "file" => rule.file.as_str(),
            "line" => rule.line,
            "with_password" => with_password(&under, elsewhere && !is_local(rule, accounts)),
            "services" => names(under.iter().filter(|account| account.uid < FIRST_PERSON && !account.can_log_in())),
        }
    });
    Fact::List(Elements { items: items.collect(), partial: sudoers.partial.clone().map(Box::new) })
}

fn concerns(rule: &Rule, account: &Account, groups: &BTreeSet<&str>) -> bool {
    let number = |text: &str, own: u32| text.parse() == Ok(own);
    match rule.who.as_str() {
        "ALL" => true,
        who => match (who.strip_prefix("%#"), who.strip_prefix('%'), who.strip_prefix('#')) {
            (Some(gid), ..) => number(gid, account.gid),
            (_, Some(group), _) => groups.contains(group),
            (.., Some(uid)) => number(uid, account.uid),
            _ => who == account.name,
        },
    }
}

/// Whether the rule names somebody of /etc/passwd or /etc/group.
fn is_local(rule: &Rule, accounts: &Accounts) -> bool {
    match rule.who.strip_prefix('%') {
        Some(group) => group.starts_with('#') || accounts.has_group(group),
        None => {
            rule.who == "ALL"
                || rule.who.starts_with('#')
                || accounts.accounts.iter().any(|account| account.name == rule.who)
        }
    }
}

/// Whether accounts come from files alone; otherwise whoever is not in them may be in a directory service.
fn only_local_accounts(site: &mut dyn Site) -> bool {
    let Ok(text) = site.read_text("/etc/nsswitch.conf") else { return true };
    text.lines()
        .filter_map(|line| line.strip_prefix("passwd:").or_else(|| line.strip_prefix("group:")))
        .flat_map(|sources| sources.split('#').next().unwrap_or_default().split_whitespace())
        .all(|source| {
            source.starts_with('[') || matches!(source, "files" | "compat" | "systemd" | "altfiles")
        })
}

/// Those with a password of their own; partial where that is not known of somebody.
fn with_password(under: &[&Account], elsewhere: bool) -> Fact {
    let unknown: Option<Cause> =
        under.iter().find_map(|account| account.password.clone().err()).or_else(|| {
            let detail = "the rule names somebody whom only a directory service knows";
            elsewhere.then(|| Cause::new(CauseKind::NotAvailable, detail))
        });
    let set = under.iter().filter(|account| matches!(account.password, Ok(Password::Set | Password::Empty)));
    match names(set) {
        Fact::List(list) => Fact::List(Elements { partial: list.partial.or(unknown.map(Box::new)), ..list }),
        other => other,
    }
}

fn names<'a>(accounts: impl Iterator<Item = &'a &'a Account>) -> Fact {
    accounts.take(MAX_NAMES).map(|account| account.name.as_str().into()).collect::<Vec<Fact>>().into()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn host(sudoers: &str) -> FakeSite {
        FakeSite::new()
            .file("/etc/sudoers", sudoers)
            .file(
                "/etc/passwd",
                "root:x:0:0::/root:/bin/bash\nwww-data:x:33:33::/:/usr/sbin/nologin\n\
                 debian:x:1000:1000::/:/bin/bash\nanna:x:1001:100::/:/bin/bash\nben:x:1002:27::/:/bin/bash\n",
            )
            .file("/etc/group", "users:x:100:\nsudo:x:27:anna,debian\n")
            .file("/etc/shadow", "root:$y$a:1\nwww-data:*:1\ndebian:!:1\nanna:$y$b:1\nben:$y$c:1\n")
    }

    fn told(mut site: FakeSite) -> Vec<String> {
        let accounts = Accounts::read(&mut site).unwrap();
        let sudoers = Sudoers::read(&mut site).unwrap();
        let Fact::List(list) = facts(&mut site, &sudoers, &accounts) else { panic!("no list") };
        list.items
            .iter()
            .map(|item| {
                let json = item.to_json();
                format!("{} {} {}", json["rule"].as_str().unwrap(), json["with_password"], json["services"])
            })
            .collect()
    }

    #[test]
    fn the_first_user_of_a_cloud_image_has_no_password() {
        assert_eq!(told(host("debian ALL=(ALL) NOPASSWD:ALL\n")), ["/etc/sudoers:1 debian [] []"]);
    }

    #[test]
    fn groups_are_looked_into_by_member_and_by_first_group() {
        assert_eq!(
            told(host("%sudo ALL=(ALL) NOPASSWD:ALL\n")),
            [r#"/etc/sudoers:1 %sudo ["anna","ben"] []"#]
        );
        assert_eq!(told(host("%#100 ALL=(ALL) NOPASSWD:ALL\n")), [r#"/etc/sudoers:1 %#100 ["anna"] []"#]);
        assert_eq!(told(host("#1002 ALL=(ALL) NOPASSWD:ALL\n")), [r#"/etc/sudoers:1 #1002 ["ben"] []"#]);
    }

    #[test]
    fn a_later_rule_takes_it_back() {
        let text = "anna ALL=(ALL) NOPASSWD:ALL\n%sudo ALL=(ALL) ALL\n";
        assert_eq!(told(host(text)), ["/etc/sudoers:1 anna [] []"]);
    }

    #[test]
    fn a_service_is_told_though_it_has_no_password() {
        let text = "www-data ALL=(ALL) NOPASSWD: ALL\n";
        assert_eq!(told(host(text)), [r#"/etc/sudoers:1 www-data [] ["www-data"]"#]);
    }

    #[test]
    fn somebody_from_a_directory_service_leaves_it_open_and_a_removed_user_does_not() {
        let text = "%admins ALL=(ALL) NOPASSWD: ALL\n";
        assert_eq!(told(host(text)), ["/etc/sudoers:1 %admins [] []"]);
        let directory = host(text).file("/etc/nsswitch.conf", "passwd: files sss\ngroup: files [x=y] sss\n");
        assert!(told(directory)[0].contains("directory service"));
        let files = host(text).file("/etc/nsswitch.conf", "passwd: files systemd # sss\nhosts: files dns\n");
        assert_eq!(told(files), ["/etc/sudoers:1 %admins [] []"]);
    }

    #[test]
    fn without_shadow_it_is_open_who_has_a_password() {
        let mut site = host("anna ALL=(ALL) NOPASSWD:ALL\n");
        site = site.refused_file("/etc/shadow", CauseKind::NotPermitted, "no");
        assert!(told(site)[0].contains("$partial"));
    }
}
