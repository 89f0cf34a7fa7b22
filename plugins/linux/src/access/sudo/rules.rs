//! The rules of sudoers(5) that concern every command: who may run all of them as root, and whether a password is asked.
//!
//! A rule that names commands, another user or another host's name is none of these and is passed over.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_plugin::{Cause, CauseKind, Site};

use super::files::{Line, Lines};
use super::lines::{is_alias, split_hosts, words};

/// How deep one alias of commands may name another.
const MAX_DEPTH: usize = 16;

/// More rules than this are not looked at.
const MAX_RULES: usize = 1000;

/// A word for whom a rule holds, and what it says about every command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// A user, `%group`, `#number`, `%#number` or `ALL`; with a `!` in front, those who are left out.
    pub(crate) who: String,
    /// Whether no password is asked for.
    pub(crate) without_password: bool,
    /// The file.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: i64,
}

/// The rules about every command, in their order: of those that concern somebody, the last decides.
#[derive(Debug, Default)]
pub(crate) struct Sudoers {
    /// The rules.
    pub(crate) rules: Vec<Rule>,
    /// Why there may be more.
    pub(crate) partial: Option<Cause>,
    aliases: BTreeMap<String, Vec<String>>,
    /// The aliases that stand for every command.
    all: BTreeSet<String>,
}

impl Sudoers {
    /// Reads /etc/sudoers and what it includes.
    ///
    /// # Errors
    /// Why /etc/sudoers could not be read.
    pub(crate) fn read(site: &mut dyn Site) -> Result<Sudoers, Cause> {
        let mut found = Sudoers::default();
        let Lines { lines, partial, .. } = Lines::read(site)?;
        found.partial = partial;
        // An alias may stand behind its use.
        let (aliases, rules): (Vec<Line>, Vec<Line>) =
            lines.into_iter().partition(|line| is_alias(&line.text));
        aliases.iter().for_each(|line| found.alias(&line.text));
        found.find_all();
        for line in rules {
            found.rule(&line);
        }
        Ok(found)
    }

    fn alias(&mut self, line: &str) {
        let definitions = line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
        for definition in definitions.split(':') {
            if let Some((name, members)) = definition.split_once('=') {
                let members = words(members).collect();
                self.aliases.insert(name.trim().to_owned(), members);
            }
        }
    }

    fn rule(&mut self, line: &Line) {
        if line.text.starts_with("Defaults") {
            return;
        }
        let Some((left, right)) = line.text.split_once('=') else { return };
        // The host is the last word before the sign, the users are the words before that.
        let Some((users, hosts)) = split_hosts(left) else { return };
        if !words(hosts).any(|host| host == "ALL") {
            return;
        }
        let Some(without_password) = self.every_command(right) else { return };
        let mut who = BTreeSet::new();
        let users: Vec<String> = words(users).collect();
        let mut seen = BTreeSet::new();
        for word in &users {
            self.expand(word, &mut seen, &mut who);
        }
        for who in who {
            if self.rules.len() == MAX_RULES {
                let detail = "sudoers has more rules than are looked at";
                self.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
                return;
            }
            self.rules.push(Rule { who, without_password, file: line.file.clone(), line: line.number });
        }
    }

    /// Whether the commands of a rule are all of them as root, and then whether without a password.
    fn every_command(&self, right: &str) -> Option<bool> {
        // What follows a colon between commands is for other hosts.
        let mut runs_as_root = true;
        let mut without_password = false;
        let mut found = None;
        for command in words(right) {
            let mut rest = command.trim();
            if let Some(inner) = rest.strip_prefix('(') {
                let (runas, after) = inner.split_once(')')?;
                let users = runas.split(':').next().unwrap_or_default();
                // `(:group)` runs as oneself.
                runs_as_root = words(users).any(|user| matches!(user.as_str(), "ALL" | "root" | "#0"))
                    || runas.trim().is_empty();
                rest = after.trim();
            }
            while let Some((tag, after)) = rest.split_once(':') {
                let tag = tag.trim();
                if tag.is_empty() || !tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
                    break;
                }
                match tag {
                    "NOPASSWD" => without_password = true,
                    "PASSWD" => without_password = false,
                    _ => {}
                }
                rest = after.trim();
            }
            if runs_as_root && (rest == "ALL" || self.all.contains(rest)) {
                found = Some(without_password);
            }
        }
        found
    }

    /// Fills [`Sudoers::all`]: an alias stands for every command when one of its members does.
    fn find_all(&mut self) {
        for _ in 0..MAX_DEPTH {
            let before = self.all.len();
            for (name, members) in &self.aliases {
                if members.iter().any(|member| member == "ALL" || self.all.contains(member)) {
                    self.all.insert(name.clone());
                }
            }
            if self.all.len() == before {
                break;
            }
        }
    }

    /// Adds whom `word` stands for; each alias is looked through once.
    fn expand<'a>(&'a self, word: &'a str, seen: &mut BTreeSet<&'a str>, into: &mut BTreeSet<String>) {
        let mut waiting = vec![word];
        while let Some(word) = waiting.pop() {
            match self.aliases.get(word) {
                Some(members) if seen.insert(word) => waiting.extend(members.iter().map(String::as_str)),
                Some(_) => {}
                None => _ = into.insert(word.to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::super::files::{MAX_LINES, MAX_SIZE};
    use super::*;

    fn told(site: FakeSite) -> Vec<String> {
        let mut site = site;
        let found = Sudoers::read(&mut site).unwrap();
        let asked = |rule: &Rule| if rule.without_password { "free" } else { "asked" };
        found
            .rules
            .iter()
            .map(|rule| format!("{} {} {}:{}", rule.who, asked(rule), rule.file, rule.line))
            .collect()
    }

    fn of(text: &str) -> Vec<String> {
        told(FakeSite::new().file("/etc/sudoers", text))
            .into_iter()
            .map(|rule| rule.replace(" /etc/sudoers", ""))
            .collect()
    }

    #[test]
    fn rules_about_every_command_are_found() {
        assert_eq!(
            of("root ALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n"),
            ["root asked:1", "%sudo asked:2"]
        );
        assert_eq!(of("debian ALL=(ALL) NOPASSWD:ALL\n"), ["debian free:1"]);
        assert_eq!(of("a, b ALL = NOPASSWD: SETENV: ALL # all\n"), ["a free:1", "b free:1"]);
        assert_eq!(of("a ALL=(ALL) NOPASSWD: \\\n  ALL\nb ALL=(root) ALL\n"), ["a free:1", "b asked:3"]);
        assert_eq!(of("a ALL=(ALL) NOPASSWD: /bin/ls, PASSWD: ALL\n"), ["a asked:1"]);
        assert_eq!(
            of("a ALL=(ALL) NOPASSWD: /bin/ls, ALL\n#1000 ALL=NOPASSWD:ALL\n"),
            ["a free:1", "#1000 free:2"]
        );
        assert_eq!(of("a ALL=(root, backup) NOPASSWD: ALL\n"), ["a free:1"]);
    }

    #[test]
    fn rules_about_something_else_are_passed_over() {
        for text in [
            "Defaults !authenticate\nDefaults:a !requiretty\n",
            "# a ALL=(ALL) NOPASSWD: ALL\n",
            "a ALL=(ALL) NOPASSWD: /usr/bin/systemctl restart app\n",
            "a ALL=(postgres) NOPASSWD: ALL\n",
            "a otherhost=(ALL) NOPASSWD: ALL\n",
            "a ALL=(:video) NOPASSWD: ALL\n",
            "nonsense\n=\n= ALL\nALL=\n",
        ] {
            assert_eq!(of(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn aliases_are_looked_through() {
        let text = "ADMINS ALL=(ALL) NOPASSWD: EVERYTHING\nUser_Alias ADMINS = a, %ops : OTHERS = c\n\
            Cmnd_Alias EVERYTHING = /bin/ls, ALL\nCmnd_Alias LOOP = LOOP\nb ALL=NOPASSWD: LOOP\n";
        assert_eq!(of(text), ["%ops free:1", "a free:1"]);
    }

    #[test]
    fn files_are_included_in_their_place_and_backups_are_not() {
        let site = FakeSite::new()
            .file(
                "/etc/sudoers",
                "a ALL=ALL\n@includedir /etc/sudoers.d\n#include sudoers.local\nz ALL=ALL\n",
            )
            .file("/etc/sudoers.d/90-cloud-init-users", "# made at boot\ndebian ALL=(ALL) NOPASSWD:ALL\n")
            .file("/etc/sudoers.d/old.bak", "b ALL=NOPASSWD: ALL\n")
            .file("/etc/sudoers.d/old~", "b ALL=NOPASSWD: ALL\n")
            .file("/etc/sudoers.local", "#includedir /etc/sudoers.d\n@include /etc/sudoers\nc ALL=ALL\n");
        assert_eq!(
            told(site),
            [
                "a asked /etc/sudoers:1",
                "debian free /etc/sudoers.d/90-cloud-init-users:2",
                "c asked /etc/sudoers.local:3",
                "z asked /etc/sudoers:4"
            ]
        );
    }

    #[test]
    fn what_could_not_be_read_leaves_it_open() {
        let mut site = FakeSite::new()
            .file("/etc/sudoers", "@includedir /etc/sudoers.d\n@includedir /opt/sudoers\n")
            .refused_file("/etc/sudoers.d/a", CauseKind::NotPermitted, "only root may read it");
        assert_eq!(Sudoers::read(&mut site).unwrap().partial.unwrap().kind, CauseKind::NotPermitted);
        let mut refused = FakeSite::new().refused_file("/etc/sudoers", CauseKind::NotPermitted, "no");
        assert!(Sudoers::read(&mut refused).is_err());
    }

    #[test]
    fn a_flood_is_cut_and_said_and_takes_no_time() {
        let began = std::time::Instant::now();
        let wide: String = (0..2000)
            .map(|n| format!("User_Alias A{n} = A{}, A{}, b\nCmnd_Alias C{n} = C{}\n", n + 1, n + 2, n + 1))
            .collect();
        let rules = "A0 ALL=NOPASSWD: C0, C1\n".repeat(MAX_LINES);
        for text in [
            wide + &rules,
            "a ALL=ALL\n".repeat(MAX_LINES),
            "@includedir /etc/sudoers.d\n".repeat(200),
            " ".repeat(MAX_SIZE + 1),
        ] {
            let mut site = FakeSite::new().file("/etc/sudoers", text).file("/etc/sudoers.d/a", "a ALL=ALL\n");
            let found = Sudoers::read(&mut site).unwrap();
            assert!(found.rules.len() <= MAX_RULES);
            assert_eq!(found.partial.unwrap().kind, CauseKind::TooLarge);
        }
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "([a-z %#=(),:!\\\\\n]|ALL|NOPASSWD:|User_Alias |@include |\\PC){0,60}") {
            let mut site = FakeSite::new().file("/etc/sudoers", &text).file("/etc/sudoers.d/a", &text);
            let _ = Sudoers::read(&mut site).unwrap();
        }
    }
}
