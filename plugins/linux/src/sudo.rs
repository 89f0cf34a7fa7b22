//! Who can become root without a password, as facts: the rules, and the accounts under them for whom that matters.

use std::collections::BTreeSet;

use goodstead_plugin::{Cause, Elements, Fact, facts};

use crate::accounts::{Account, Accounts, Password};
use crate::sudoers::{Rule, Sudoers};

/// Accounts below this number belong to programs (`SYS_UID_MAX` and `UID_MIN` of login.defs(5), as all distributions
/// set them).
const FIRST_PERSON: u32 = 1000;

/// More accounts of one rule than this are not told.
const MAX_NAMES: usize = 50;

/// The list `sudo`.
pub(crate) fn facts(sudoers: &Sudoers, accounts: &Accounts) -> Fact {
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
    let free = rules.filter(|(rule, _)| rule.without_password && !rule.who.starts_with('!'));
    let items = free.map(|(rule, under)| {
        facts! {
            "rule" => format!("{}:{} {}", rule.file, rule.line, rule.who),
            "who" => rule.who.as_str(),
            "file" => rule.file.as_str(),
            "line" => rule.line,
            "with_password" => with_password(&under),
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

/// Those with a password of their own; partial where that is not known of somebody.
fn with_password(under: &[&Account]) -> Fact {
    let unknown: Option<Cause> = under.iter().find_map(|account| account.password.clone().err());
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
    use goodstead_plugin::{CauseKind, SiteExt};

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
        let Fact::List(list) = facts(&Sudoers::read(&mut site).unwrap(), &accounts) else {
            panic!("no list")
        };
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
    fn without_shadow_it_is_open_who_has_a_password() {
        let mut site = host("anna ALL=(ALL) NOPASSWD:ALL\n");
        assert!(site.read("/etc/shadow").is_ok());
        site = site.refused_file("/etc/shadow", CauseKind::NotPermitted, "no");
        assert!(told(site)[0].contains("$partial"));
    }
}
