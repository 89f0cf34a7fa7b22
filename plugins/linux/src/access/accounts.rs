//! Local accounts, their groups, and whether a password is asked for.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt};

use crate::access::password::{Password, of_shadow};

/// More accounts than this are not told one by one.
const MAX_ACCOUNTS: usize = 2000;

/// Names and shells are at most this long; useradd(8) takes 32 characters for a name, the kernel 4096 for a path.
const MAX_LENGTH: usize = 4096;

/// Login programs that let nobody work.
const NO_LOGIN: [&str; 7] = ["nologin", "false", "true", "sync", "shutdown", "halt", "git-shell"];

/// One account.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Account {
    /// Its name.
    pub(crate) name: String,
    /// Its number.
    pub(crate) uid: u32,
    /// The number of its first group.
    pub(crate) gid: u32,
    shell: String,
    line: i64,
    hash_in_passwd: bool,
    /// Its password, or why that is not known.
    pub(crate) password: Result<Password, Cause>,
}

impl Account {
    /// Whether its login program lets anybody work.
    pub(crate) fn can_log_in(&self) -> bool {
        // An empty field stands for /bin/sh (passwd(5)).
        !NO_LOGIN.contains(&self.shell.rsplit('/').next().unwrap_or_default())
    }

    fn fact(&self) -> Fact {
        let password: Fact = match &self.password {
            Ok(password) => password.word().into(),
            Err(cause) => cause.clone().into(),
        };
        goodstead_plugin::facts! {
            "name" => self.name.as_str(),
            "uid" => i64::from(self.uid),
            "shell" => self.shell.as_str(),
            "login" => self.can_log_in(),
            "line" => self.line,
            "password" => password,
            "hash_in_passwd" => self.hash_in_passwd,
        }
    }
}

/// The groups of /etc/group: their names by number, and by the name of those who are listed in them.
#[derive(Debug, Default)]
struct Groups {
    by_number: BTreeMap<u32, Vec<String>>,
    by_member: BTreeMap<String, Vec<String>>,
}

impl Groups {
    fn parse(text: &str) -> Groups {
        let mut groups = Groups::default();
        for line in text.lines() {
            let mut fields = line.split(':');
            let (Some(name), Some(_), Some(gid)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            let Ok(gid) = gid.parse() else { continue };
            groups.by_number.entry(gid).or_default().push(name.to_owned());
            for member in fields.next().unwrap_or_default().split(',').filter(|member| !member.is_empty()) {
                groups.by_member.entry(member.to_owned()).or_default().push(name.to_owned());
            }
        }
        groups
    }
}

/// The local accounts and groups.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// In the order of /etc/passwd.
    pub(crate) accounts: Vec<Account>,
    groups: Groups,
    partial: Option<Cause>,
}

impl Accounts {
    /// Reads the three files.
    ///
    /// # Errors
    /// Why /etc/passwd or /etc/group could not be read. That shadow could not costs the passwords alone.
    pub(crate) fn read(site: &mut dyn Site) -> Result<Accounts, Cause> {
        let passwd = site.read_text("/etc/passwd")?;
        let groups = match site.read_text("/etc/group") {
            Ok(text) => Groups::parse(&text),
            Err(cause) if cause.kind == CauseKind::Absent => Groups::default(),
            Err(cause) => return Err(cause),
        };
        // Nobody should be advised to open this file: an ACL would also outlive its purpose.
        let shadow = site
            .read_text("/etc/shadow")
            .map(|text| of_shadow(&text))
            .map_err(|cause| cause.remedy("sudo goodstead check"));
        let mut found = Accounts { groups, ..Accounts::default() };
        found.add_all(&passwd, &shadow);
        Ok(found)
    }

    fn add_all(&mut self, passwd: &str, shadow: &Result<BTreeMap<String, Password>, Cause>) {
        let mut seen = BTreeSet::new();
        for (line, text) in (1..).zip(passwd.lines()) {
            let Some(account) = parse_account(line, text, shadow) else { continue };
            if self.accounts.len() == MAX_ACCOUNTS || text.len() > MAX_LENGTH {
                let detail = "there are more or longer lines in /etc/passwd than are looked at";
                self.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
            } else if seen.insert(account.name.clone()) {
                self.accounts.push(account);
            }
        }
    }

    /// The list `accounts`.
    pub(crate) fn facts(&self) -> Fact {
        let items = self.accounts.iter().map(Account::fact).collect();
        Fact::List(Elements { items, partial: self.partial.clone().map(Box::new) })
    }

    /// The account's name, or its number where it has none; number 0 is `root`, whatever others call themselves.
    pub(crate) fn user_name(&self, uid: u32) -> String {
        if uid == 0 {
            return "root".to_owned();
        }
        let known = self.accounts.iter().find(|account| account.uid == uid);
        known.map_or_else(|| uid.to_string(), |account| account.name.clone())
    }

    /// The group's name, or its number where it has none; number 0 is `root`.
    pub(crate) fn group_name(&self, gid: u32) -> String {
        if gid == 0 {
            return "root".to_owned();
        }
        let known = self.groups.by_number.get(&gid).and_then(|names| names.first());
        known.cloned().unwrap_or_else(|| gid.to_string())
    }

    /// Whether /etc/group has a group of this name.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        self.groups.by_number.values().flatten().any(|group| group == name)
    }

    /// The names of the groups that `account` is in.
    pub(crate) fn groups_of(&self, account: &Account) -> BTreeSet<&str> {
        let first = self.groups.by_number.get(&account.gid);
        let listed = self.groups.by_member.get(&account.name);
        first.into_iter().chain(listed).flatten().map(String::as_str).collect()
    }
}

fn parse_account(
    line: i64,
    text: &str,
    shadow: &Result<BTreeMap<String, Password>, Cause>,
) -> Option<Account> {
    let fields: Vec<&str> = text.split(':').collect();
    let [name, password, uid, gid, _, _, shell] = fields.as_slice() else { return None };
    // `+` and `-` bring in accounts of a directory service.
    if name.is_empty() || name.starts_with(['+', '-', '#']) {
        return None;
    }
    let found = match *password {
        "x" => match shadow {
            // Without a line no password fits.
            Ok(shadow) => Ok(shadow.get(*name).copied().unwrap_or(Password::Locked)),
            Err(cause) => Err(cause.clone()),
        },
        field => Ok(Password::of(field)),
    };
    Some(Account {
        name: (*name).to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        shell: (*shell).to_owned(),
        line,
        hash_in_passwd: *password != "x" && found == Ok(Password::Set),
        password: found,
    })
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
        +::::::\n\
        old:$1$aaaaaaaa$bbbbbbbbbbbbbbbbbbbbbb:1001:1001::/home/old:/bin/sh\n\
        open::1002:1002::/home/open:\n\
        root:x:7:7:again:/:/bin/sh\n\
        lost:x:1003:1003::/home/lost:/bin/sh\n";

    fn told(site: FakeSite) -> String {
        let mut site = site;
        let accounts = Accounts::read(&mut site).unwrap();
        accounts.accounts.iter().fold(String::new(), |text, one| {
            let password = one.password.as_ref().map_or("?", |password| password.word());
            text + &format!(
                "{} {} {} {password} {}\n",
                one.name,
                one.uid,
                one.can_log_in(),
                one.hash_in_passwd
            )
        })
    }

    #[test]
    fn only_the_class_of_a_password_is_told() {
        let shadow = "root:!*:1::::::\ndaemon:*:1::::::\nopen:x\n";
        let site = FakeSite::new().file("/etc/passwd", PASSWD).file("/etc/shadow", shadow);
        insta::assert_snapshot!(told(site), @"
        root 0 true locked false
        daemon 1 false locked false
        old 1001 true set true
        open 1002 true empty false
        lost 1003 true locked false
        ");
        let mut site = FakeSite::new().file("/etc/passwd", PASSWD).file("/etc/shadow", "root:$y$secret:1\n");
        let json = Accounts::read(&mut site).unwrap().facts().to_json().to_string();
        assert!(json.contains("\"set\"") && !json.contains("secret") && !json.contains("bbbb"), "{json}");
        assert_eq!(json.matches("\"hash_in_passwd\":true").count(), 1, "{json}");
    }

    #[test]
    fn an_unreadable_shadow_costs_the_passwords_alone() {
        let mut site = FakeSite::new().file("/etc/passwd", PASSWD).refused_file(
            "/etc/shadow",
            CauseKind::NotPermitted,
            "only root may read it",
        );
        let accounts = Accounts::read(&mut site).unwrap();
        assert_eq!(accounts.accounts.len(), 5);
        assert!(accounts.facts().to_json().to_string().contains("only root may read it"));
    }

    #[test]
    fn names_stand_for_numbers_and_root_is_number_0() {
        let site = FakeSite::new()
            .file("/etc/passwd", "toor:x:0:0::/:/bin/sh\nanna:x:1000:1000::/:/bin/sh\n")
            .file("/etc/group", "shadow:x:42:\n");
        let mut site = site;
        let accounts = Accounts::read(&mut site).unwrap();
        assert_eq!([0, 1000, 7].map(|uid| accounts.user_name(uid)), ["root", "anna", "7"]);
        assert_eq!([0, 42, 7].map(|gid| accounts.group_name(gid)), ["root", "shadow", "7"]);
    }

    #[test]
    fn a_flood_is_cut_and_said() {
        let flood: String = (0..=MAX_ACCOUNTS).map(|n| format!("u{n}:x:{n}:1:::/bin/sh\n")).collect();
        let mut site = FakeSite::new().file("/etc/passwd", flood);
        let accounts = Accounts::read(&mut site).unwrap();
        assert_eq!(accounts.accounts.len(), MAX_ACCOUNTS);
        assert_eq!(accounts.partial.unwrap().kind, CauseKind::TooLarge);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "([a-z:0\n!$]|\\PC){0,60}") {
            let mut site = FakeSite::new().file("/etc/passwd", &text).file("/etc/shadow", &text).file("/etc/group", &text);
            let _ = Accounts::read(&mut site).unwrap().facts();
        }
    }
}
