//! What would end the server at its next start although each line of its files is good: values that contradict each
//! other, and files that are missing or that others may read.
//!
//! A file that cannot be seen is no problem here. Nothing is opened: rights and existence are what counts.

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt};

use crate::effective::Effective;
use crate::files::{Configuration, folder_of, problems, resolve};

/// The first release that refuses to start while there is a recovery.conf.
const WITHOUT_RECOVERY_CONF: i64 = 12;

/// The fact `start_errors`.
pub(crate) fn fact(
    site: &mut dyn Site,
    configuration: Result<&Configuration, &Cause>,
    effective: Result<&Effective, &Cause>,
    release: Option<i64>,
    data_directory: Option<&str>,
    live: bool,
) -> Fact {
    let (configuration, effective) = match (configuration, effective) {
        (Ok(configuration), Ok(effective)) => (configuration, effective),
        (Err(cause), _) | (_, Err(cause)) => return cause.clone().into(),
    };
    // What a file that was not read says may resolve what the others say.
    if let Some(cause) = configuration.unsure() {
        return cause.clone().into();
    }
    let mut start =
        Start { site, configuration, effective, data_directory, live, found: effective.at_start.clone() };
    start.tls();
    if let Some(release) = release {
        start.libraries(release);
        start.recovery_conf(release);
    }
    Fact::List(Elements { items: problems(start.found), partial: None })
}

struct Start<'a> {
    site: &'a mut dyn Site,
    configuration: &'a Configuration,
    effective: &'a Effective,
    data_directory: Option<&'a str>,
    live: bool,
    found: Vec<(String, String)>,
}

impl Start<'_> {
    /// Where a setting is written; the first file where it is not.
    fn place(&self, names: &[&str]) -> String {
        let mut written = names.iter().filter_map(|name| self.configuration.place(name));
        written.next().unwrap_or(self.configuration.first_file()).to_owned()
    }

    /// A path of a setting; relative ones count from the data folder.
    fn path(&self, name: &str) -> Option<String> {
        let path = self.effective.shown(name).filter(|path| !path.is_empty())?;
        if path.starts_with('/') { Some(path.to_owned()) } else { Some(resolve(self.data_directory?, path)) }
    }

    /// Whether a file that is missing would be here if it existed. Copies of a host rarely hold all of its folders.
    fn belongs_here(&mut self, path: &str) -> bool {
        self.live || self.site.find(folder_of(path), "*").is_ok()
    }

    fn tls(&mut self) {
        if self.effective.shown("ssl") != Some("on") {
            return;
        }
        for name in ["ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file"] {
            let Some(path) = self.path(name) else { continue };
            match self.site.stat(&path) {
                Ok(stat) if name == "ssl_key_file" => {
                    // A key of root's may be read by a group that the server is in.
                    let (allowed, who) =
                        if stat.uid == 0 { (0o750, "root") } else { (0o700, "the server's user") };
                    if stat.mode & 0o777 & !allowed != 0 {
                        let most = if stat.uid == 0 { "0640" } else { "0600" };
                        let problem = format!(
                            "ssl is on and the key {path} has the rights {:04o}: a key of {who} may have {most} at most",
                            stat.mode & 0o7777
                        );
                        self.found.push((self.place(&[name, "ssl"]), problem));
                    }
                }
                Err(cause) if cause.kind == CauseKind::Absent && self.belongs_here(&path) => {
                    let problem = format!("ssl is on and {name} does not exist: {path}");
                    self.found.push((self.place(&[name, "ssl"]), problem));
                }
                _ => {}
            }
        }
    }

    /// Libraries that are loaded at the start, where Debian's packages put them.
    fn libraries(&mut self, release: i64) {
        let folder = format!("/usr/lib/postgresql/{release}/lib");
        let list = self.effective.shown("shared_preload_libraries").unwrap_or_default().to_owned();
        if list.trim().is_empty() || self.site.stat(&folder).is_err() {
            return;
        }
        for name in list.split(',').map(|name| name.trim().trim_matches('"')) {
            let name = name.strip_prefix("$libdir/").unwrap_or(name);
            let name = name.strip_suffix(".so").unwrap_or(name);
            if name.is_empty() || name.contains('/') {
                continue;
            }
            let missing = self.site.stat(&format!("{folder}/{name}.so"));
            if missing.is_err_and(|cause| cause.kind == CauseKind::Absent) {
                let problem =
                    format!("the library {name} of shared_preload_libraries is not installed in {folder}");
                self.found.push((self.place(&["shared_preload_libraries"]), problem));
            }
        }
    }

    fn recovery_conf(&mut self, release: i64) {
        let Some(folder) = self.data_directory.filter(|_| release >= WITHOUT_RECOVERY_CONF) else { return };
        let path = resolve(folder, "recovery.conf");
        if self.site.stat(&path).is_ok() {
            let problem = "a recovery.conf is not supported any more: move its settings to postgresql.conf, and create \
                           standby.signal or recovery.signal";
            self.found.push((path, problem.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::Stat;
    use goodstead_plugin::fake::{FakeSite, manifest};

    use super::*;
    use crate::effective::effective;
    use crate::files::read;

    const CONF: &str = "/etc/postgresql/15/main/postgresql.conf";
    const DATA: &str = "/var/lib/postgresql/15/main";
    const LIBRARIES: &str = "/usr/lib/postgresql/15/lib";

    fn site(conf: &str) -> FakeSite {
        FakeSite::with_manifest(&manifest(include_str!("../plugin.toml")))
            .file(CONF, format!("data_directory = '{DATA}'\n{conf}"))
            .file(&format!("{DATA}/PG_VERSION"), "15\n")
            .file(LIBRARIES, "")
            .file(&format!("{LIBRARIES}/pg_stat_statements.so"), "")
    }

    fn told(site: FakeSite) -> Vec<String> {
        told_of(site, true)
    }

    fn told_of(mut site: FakeSite, live: bool) -> Vec<String> {
        let configuration = read(&mut site, CONF, None).unwrap();
        let effective = effective(&configuration, 15).unwrap();
        let fact = fact(&mut site, Ok(&configuration), Ok(&effective), Some(15), Some(DATA), live).to_json();
        let line = |error: &serde_json::Value| {
            let text = |name: &str| error[name].as_str().unwrap().to_owned();
            format!("{}: {}", text("place").rsplit('/').next().unwrap(), text("problem"))
        };
        fact.as_array().expect("known").iter().map(line).collect()
    }

    fn key(mode: u32, uid: u32) -> Stat {
        let stat = FakeSite::new().file("/k", "").stat("/k").unwrap();
        Stat { mode, uid, ..stat }
    }

    #[test]
    fn a_key_that_others_may_read_ends_the_start() {
        let tls =
            "ssl = on\nssl_cert_file = '/etc/ssl/certs/db.pem'\nssl_key_file = '/etc/ssl/private/db.key'\n";
        for (mode, uid, good) in [
            (0o600, 109, true),
            (0o640, 109, false),
            (0o644, 109, false),
            (0o640, 0, true),
            (0o600, 0, true),
            (0o644, 0, false),
            (0o660, 0, false),
        ] {
            let site = site(tls).file("/etc/ssl/certs/db.pem", "").file("/etc/ssl/private/db.key", "");
            let found = told(site.stat_of("/etc/ssl/private/db.key", key(mode, uid)));
            assert_eq!(found.is_empty(), good, "{mode:o} {uid}: {found:?}");
        }
        let off = tls.replace("ssl = on", "ssl = off");
        assert_eq!(told(site(&off)), Vec::<String>::new());
        let missing = told(
            site(tls).file("/etc/ssl/private/db.key", "").stat_of("/etc/ssl/private/db.key", key(0o600, 0)),
        );
        assert_eq!(
            missing,
            ["postgresql.conf:3: ssl is on and ssl_cert_file does not exist: /etc/ssl/certs/db.pem"]
        );
    }

    #[test]
    fn what_a_copy_of_a_host_leaves_out_is_not_missing() {
        let tls =
            "ssl = on\nssl_cert_file = '/etc/ssl/certs/db.pem'\nssl_key_file = '/etc/ssl/private/db.key'\n";
        assert_eq!(told_of(site(tls), false), Vec::<String>::new());
        assert_eq!(told_of(site(tls), true).len(), 2);
        let with_folder = site(tls).file("/etc/ssl/certs/other.pem", "");
        assert_eq!(told_of(with_folder, false).len(), 1, "the folder of the certificates was copied");
    }

    #[test]
    fn a_library_that_is_not_installed_ends_the_start() {
        let found = told(site("shared_preload_libraries = 'pg_stat_statements, $libdir/pglogical'\n"));
        assert_eq!(
            found,
            [
                "postgresql.conf:2: the library pglogical of shared_preload_libraries is not installed in /usr/lib/postgresql/15/lib"
            ]
        );
        assert!(told(site("shared_preload_libraries = '/opt/x/mine, pg_stat_statements.so'\n")).is_empty());
        let elsewhere = FakeSite::new().file(CONF, "shared_preload_libraries = 'pglogical'\n");
        assert!(told(elsewhere).is_empty(), "where the libraries are is not known");
    }

    #[test]
    fn what_is_left_of_an_old_standby_and_what_does_not_go_together_end_the_start() {
        let found =
            told(site("wal_level = minimal\narchive_mode = on\n").file(&format!("{DATA}/recovery.conf"), ""));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("max_wal_senders") && found[0].contains("archive_mode"), "{found:?}");
        assert!(told(site("")).is_empty());
    }

    #[test]
    fn what_was_not_read_may_say_otherwise() {
        let auto = format!("{DATA}/postgresql.auto.conf");
        let mut site =
            site("wal_level = minimal\n").refused_file(&auto, CauseKind::NotPermitted, "no permission");
        let configuration = read(&mut site, CONF, None).unwrap();
        let effective = effective(&configuration, 15).unwrap();
        let fact = fact(&mut site, Ok(&configuration), Ok(&effective), Some(15), Some(DATA), true).to_json();
        assert_eq!(fact["$unknown"]["kind"], "not-permitted");
    }
}
