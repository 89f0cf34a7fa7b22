//! What the SSH server's configuration says for every connection: the first line of a setting decides, included files
//! stand where they are included, and what follows a `Match` holds for some connections only and is passed over.
//!
//! Defaults are not filled in: they differ between versions and distributions.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, facts};

use crate::access::sshd_words;

/// Where it lies, the administrator's before the distribution's.
const PLACES: [&str; 2] = ["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"];

const PROGRAMS: [&str; 2] = ["/usr/sbin/sshd", "/usr/bin/sshd"];

/// As deep as sshd includes files (servconf.c, `SERVCONF_MAX_DEPTH`).
const MAX_DEPTH: usize = 16;

/// More includes than this are not followed.
const MAX_INCLUDES: usize = 16;

/// Real files have a few KiB.
const MAX_SIZE: usize = 256 << 10;

/// More settings than this are not told: the manual knows about a hundred.
const MAX_SETTINGS: usize = 300;

/// Values are cut nowhere: longer ones are left out.
const MAX_LENGTH: usize = 1024;

/// More refused lines than this are not told.
const MAX_REFUSED: usize = 20;

struct Setting {
    value: String,
    file: String,
    line: i64,
}

#[derive(Default)]
struct Reader {
    settings: BTreeMap<String, Setting>,
    /// A file's second turn can add nothing: its settings are there.
    seen: BTreeSet<String>,
    includes: usize,
    refused: Vec<Fact>,
    partial: Option<Cause>,
}

/// The lists `sshd` and `sshd_refused`; empty where there is no server.
///
/// # Errors
/// Why they are not known.
pub(crate) fn sshd(site: &mut dyn Site) -> Result<[Fact; 2], Cause> {
    let mut installed = false;
    for program in PROGRAMS {
        installed |= match site.stat(program) {
            Ok(_) => true,
            Err(cause) if cause.kind == CauseKind::Absent => false,
            Err(cause) => return Err(cause),
        };
    }
    let mut reader = Reader::default();
    if installed {
        for place in PLACES {
            match site.read_text(place) {
                Ok(text) => {
                    reader.file(site, place, &text, 0);
                    break;
                }
                Err(cause) if cause.kind == CauseKind::Absent => {}
                Err(cause) => return Err(cause),
            }
        }
    }
    Ok(reader.facts())
}

impl Reader {
    fn file(&mut self, site: &mut dyn Site, path: &str, text: &str, depth: usize) {
        if depth > MAX_DEPTH || !self.seen.insert(path.to_owned()) {
            return;
        }
        if text.len() > MAX_SIZE {
            let detail = format!("{path} is larger than any configuration of an SSH server");
            self.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
            return;
        }
        // A Match in an included file ends with that file.
        let mut for_some = false;
        for (number, line) in (1..).zip(text.lines()) {
            let Some((keyword, value)) = split(line) else { continue };
            // The server reads every line when it starts, whomever it is for.
            let why = sshd_words::refused(&keyword, &value).filter(|_| self.refused.len() < MAX_REFUSED);
            self.refused.extend(why.map(|why| {
                let keyword = line.trim_start().get(..keyword.len()).unwrap_or_default();
                facts! { "place" => format!("{path}:{number}"), "keyword" => keyword, "why" => why }
            }));
            match keyword.as_str() {
                _ if for_some => {}
                "match" => for_some = true,
                "include" => value.split_whitespace().for_each(|glob| self.include(site, glob, depth)),
                _ if value.len() > MAX_LENGTH || keyword.len() > MAX_LENGTH => {}
                _ if self.settings.len() < MAX_SETTINGS => {
                    let setting = Setting { value, file: path.to_owned(), line: number };
                    self.settings.entry(keyword).or_insert(setting);
                }
                _ => {
                    let detail = "the SSH server's configuration has more settings than are looked at";
                    self.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
                }
            }
        }
    }

    fn include(&mut self, site: &mut dyn Site, glob: &str, depth: usize) {
        self.includes += 1;
        if self.includes > MAX_INCLUDES {
            let detail = "the SSH server's configuration includes more files than are looked at";
            self.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
            return;
        }
        let glob = glob.trim_matches('"');
        let glob = if glob.starts_with('/') { glob.to_owned() } else { format!("/etc/ssh/{glob}") };
        let covered = ["/etc/ssh/sshd_config.d/", "/usr/etc/ssh/sshd_config.d/"].iter().any(|folder| {
            glob.strip_prefix(folder).is_some_and(|name| name.ends_with(".conf") && !name.contains('/'))
        });
        if !covered {
            let detail = format!("the SSH server includes {glob}, which plugin.toml does not ask to read");
            self.partial.get_or_insert(Cause::new(CauseKind::NotDeclared, detail));
            return;
        }
        match site.read_many(&[&glob], &[]) {
            Ok(found) => {
                self.partial = self.partial.take().or(found.partial);
                for file in found.files {
                    match file.content {
                        Ok(bytes) => self.file(site, &file.path, &String::from_utf8_lossy(&bytes), depth + 1),
                        Err(cause) => _ = self.partial.get_or_insert(cause),
                    }
                }
            }
            Err(cause) => _ = self.partial.get_or_insert(cause),
        }
    }

    fn facts(self) -> [Fact; 2] {
        let partial = self.partial;
        let refused = Elements { items: self.refused, partial: partial.clone().map(Box::new) };
        let items = self.settings.into_iter().map(|(keyword, setting)| {
            // A file that could not be read may decide instead.
            let value = partial.clone().map_or_else(|| setting.value.into(), Fact::from);
            facts! { "setting" => keyword, "value" => value, "file" => setting.file, "line" => setting.line }
        });
        let settings = Elements { items: items.collect(), partial: partial.clone().map(Box::new) };
        [settings, refused].map(Fact::List)
    }
}

/// Keyword and value in small letters: `Keyword value` or `Keyword=value`, the value perhaps in quotes.
fn split(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let at = line.find(|c: char| c.is_whitespace() || c == '=')?;
    let (keyword, rest) = line.split_at_checked(at)?;
    let rest = rest.trim_start();
    let value = rest.strip_prefix('=').unwrap_or(rest);
    // Since OpenSSH 8.5 a comment may follow on the line.
    let value = value.split_once(" #").map_or(value, |(value, _)| value).trim().trim_matches('"');
    Some((keyword.to_ascii_lowercase(), value.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::*;

    fn told(site: FakeSite) -> String {
        let mut site = site.file("/usr/sbin/sshd", "");
        let [Fact::List(list), _] = sshd(&mut site).unwrap() else { panic!("no list") };
        let mut text = list.partial.map_or(String::new(), |cause| format!("partial: {cause}\n"));
        for item in list.items {
            let json = item.to_json();
            let value = json["value"].as_str().unwrap_or("?");
            text += &format!(
                "{} {value} {}:{}\n",
                json["setting"].as_str().unwrap(),
                json["file"].as_str().unwrap(),
                json["line"]
            );
        }
        text
    }

    #[test]
    fn the_first_line_decides_and_included_files_stand_in_their_place() {
        let site = FakeSite::new()
            .file(
                "/etc/ssh/sshd_config",
                "# a comment\nPort 22\nInclude /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\nPermitRootLogin no\n\
                 passwordauthentication=yes\n",
            )
            .file("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication no # keys\n")
            .file("/etc/ssh/sshd_config.d/60.conf", "PasswordAuthentication \"yes\"\n");
        insta::assert_snapshot!(told(site), @"
        passwordauthentication no /etc/ssh/sshd_config.d/50-cloud-init.conf:1
        permitrootlogin yes /etc/ssh/sshd_config:4
        port 22 /etc/ssh/sshd_config:2
        ");
    }

    #[test]
    fn what_follows_a_match_is_not_for_everybody() {
        let site = FakeSite::new()
            .file(
                "/etc/ssh/sshd_config",
                "Include sshd_config.d/*.conf\nX11Forwarding no\nMatch Address 192.0.2.0/24\nPermitRootLogin yes\n",
            )
            .file("/etc/ssh/sshd_config.d/a.conf", "Match User backup\nPermitEmptyPasswords yes\n");
        insta::assert_snapshot!(told(site), @"x11forwarding no /etc/ssh/sshd_config:2");
    }

    #[test]
    fn a_line_that_the_server_refuses_is_told_with_its_place_also_behind_a_match() {
        let mut site = FakeSite::new().file("/usr/sbin/sshd", "").file(
            "/etc/ssh/sshd_config",
            "PermitRootLogins no\nX11Forwarding no\nMatch User backup\n  PasswordAuthentication off\n",
        );
        let [_, refused] = sshd(&mut site).unwrap();
        insta::assert_snapshot!(refused.to_json(), @r#"[{"keyword":"PermitRootLogins","place":"/etc/ssh/sshd_config:1","why":"unknown keyword, probably meant to be `permitrootlogin`"},{"keyword":"PasswordAuthentication","place":"/etc/ssh/sshd_config:4","why":"the value must be yes or no"}]"#);
        let many = "PermitRootLogins no\n".repeat(MAX_REFUSED + 5);
        let mut many = FakeSite::new().file("/usr/sbin/sshd", "").file("/etc/ssh/sshd_config", many);
        assert_eq!(sshd(&mut many).unwrap()[1].to_json().as_array().unwrap().len(), MAX_REFUSED);
    }

    #[test]
    fn a_file_that_cannot_be_read_leaves_everything_open() {
        let site = FakeSite::new()
            .file("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\n")
            .refused_file("/etc/ssh/sshd_config.d/a.conf", CauseKind::NotPermitted, "only root may read it");
        insta::assert_snapshot!(told(site), @"
        partial: only root may read it
        permitrootlogin ? /etc/ssh/sshd_config:2
        ");
        let large = FakeSite::new().file("/etc/ssh/sshd_config", "\n".repeat(MAX_SIZE + 1));
        assert!(told(large).starts_with("partial: /etc/ssh/sshd_config is larger"));
        let elsewhere = FakeSite::new().file("/etc/ssh/sshd_config", "Include /opt/ssh/*\n");
        assert!(told(elsewhere).starts_with("partial: the SSH server includes /opt/ssh/*"));
    }

    #[test]
    fn without_a_server_its_configuration_means_nothing() {
        let mut site = FakeSite::new().file("/etc/ssh/sshd_config", "PermitRootLogin yes\n");
        assert_eq!(sshd(&mut site).unwrap(), [Vec::new().into(), Vec::new().into()]);
        let mut vendor =
            FakeSite::new().file("/usr/sbin/sshd", "").file("/usr/etc/ssh/sshd_config", "Port 1\n");
        assert!(sshd(&mut vendor).unwrap()[0].to_json().to_string().contains("/usr/etc"));
    }

    #[test]
    fn files_that_include_themselves_end() {
        let site = FakeSite::new()
            .file("/etc/ssh/sshd_config", "Include sshd_config.d/*.conf\n")
            .file("/etc/ssh/sshd_config.d/a.conf", "Include sshd_config.d/*.conf\nPort 1\n")
            .file("/etc/ssh/sshd_config.d/b.conf", "Include sshd_config.d/*.conf\n".repeat(MAX_INCLUDES - 2));
        insta::assert_snapshot!(told(site), @"port 1 /etc/ssh/sshd_config.d/a.conf:2");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "([a-zA-Z =\"#\n]|Match |Include |\\PC){0,60}") {
            let mut site = FakeSite::new()
                .file("/usr/sbin/sshd", "")
                .file("/etc/ssh/sshd_config", &text)
                .file("/etc/ssh/sshd_config.d/a.conf", &text);
            let _ = sshd(&mut site).unwrap();
        }
    }
}
