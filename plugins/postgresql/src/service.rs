//! Whether a cluster that belongs to this host runs, and whether it is meant to.
//!
//! A server that does not answer is not necessarily down: it may listen elsewhere, or nobody may see its process. So
//! "down" wants evidence: no process of this host was started with the cluster's configuration or data. What cannot be
//! seen is unknown. In a folder that is no running host (`--root`) nothing can run, and nothing is claimed.

use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt, UnknownOr, facts};

use crate::files::{folder_of, resolve};

/// Where systemd keeps what it starts at boot, and where it is only while it runs.
const WANTED: &str = "/etc/systemd/system/multi-user.target.wants";
const SYSTEMD: &str = "/run/systemd/system";

/// The unit with which Debian starts all clusters whose start.conf says `auto`.
const ALL_CLUSTERS: &str = "postgresql.service";

/// Where a cluster's files are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Places<'a> {
    pub(crate) config_file: Option<&'a str>,
    pub(crate) data_directory: Option<&'a str>,
}

/// What is known of the service.
#[derive(Debug)]
pub(crate) struct Service {
    /// Whether this is a running host, and not a folder with its files.
    pub(crate) live: bool,
    /// Whether the server runs.
    pub(crate) running: Result<bool, Cause>,
    /// Why it is meant to run; `None` if it is not.
    expected: Result<Option<String>, Cause>,
    /// The command that starts it, where the packages' places show it.
    start: Option<String>,
}

impl Service {
    /// Looks for a server that was not reached; `answered` says that somebody answered at its address.
    pub(crate) fn look(site: &mut dyn Site, places: Places<'_>, answered: bool) -> Service {
        if !is_live(site) {
            let only = || Cause::new(CauseKind::NotApplicableHere, "only a running host has running servers");
            return Service { live: false, running: Err(only()), expected: Err(only()), start: None };
        }
        let running = if answered { Ok(true) } else { has_process(site, places) };
        let left_pid = running == Ok(false) && has_pid_file(site, places);
        Service {
            live: true,
            running,
            expected: expected(site, places, left_pid),
            start: start_command(places),
        }
    }

    /// A server that answered.
    pub(crate) fn up() -> Service {
        Service { live: true, running: Ok(true), expected: Ok(None), start: None }
    }

    /// A server of which nothing but its address is known.
    pub(crate) fn unknown(answered: bool) -> Service {
        let unknown =
            || Cause::new(CauseKind::NotAvailable, "it is not known where the files of this server are");
        let running = if answered { Ok(true) } else { Err(unknown()) };
        Service { live: true, running, expected: Err(unknown()), start: None }
    }

    /// What the settings are drawn from.
    pub(crate) fn basis(&self) -> Result<&'static str, Cause> {
        match &self.running {
            _ if !self.live => Ok("files"),
            Ok(true) => Ok("running"),
            Ok(false) => Ok("files"),
            Err(cause) => Err(cause.clone()),
        }
    }

    /// Whether nothing runs, for certain: then the files are what there is to judge.
    pub(crate) fn is_stopped(&self) -> bool {
        !self.live || self.running == Ok(false)
    }

    /// The record `service`.
    pub(crate) fn fact(&self) -> Fact {
        let reason = self.expected.as_ref().map(|reason| reason.clone().unwrap_or_default());
        facts! {
            "running" => self.running.clone().or_unknown(),
            // A server that runs is where it should be.
            "expected" => match &self.running {
                Ok(true) => Ok(true),
                _ => self.expected.as_ref().map(Option::is_some).map_err(Clone::clone),
            }.or_unknown(),
            "reason" => reason.map_err(Clone::clone).or_unknown(),
            "start" => self.start.clone().unwrap_or_default(),
        }
    }
}

/// The space of a file system is asked for on a running host only.
fn is_live(site: &mut dyn Site) -> bool {
    !matches!(site.statfs(&["/"]), Err(cause) if cause.kind == CauseKind::NotApplicableHere)
}

/// Whether a process was started with the cluster's configuration or data.
fn has_process(site: &mut dyn Site, places: Places<'_>) -> Result<bool, Cause> {
    Running::read(site)?.has(places)
}

/// The servers that run on this host, by the arguments that they were started with.
#[derive(Debug)]
pub(crate) struct Running(Vec<Result<Vec<u8>, Cause>>);

impl Running {
    /// Looks at the processes.
    ///
    /// # Errors
    /// Processes of others are hidden, or cannot all be read.
    pub(crate) fn read(site: &mut dyn Site) -> Result<Running, Cause> {
        let hidden = || Cause::new(CauseKind::NotPermitted, "the processes of others are hidden here");
        // Where /proc hides the processes of others, the first one is hidden too.
        site.read_text("/proc/1/status").map_err(|_| hidden())?;
        let processes = site.read_many(&["/proc/[0-9]*/status"], &[])?;
        if let Some(cause) = processes.partial {
            return Err(cause);
        }
        let mut lines = Vec::new();
        for process in processes.files {
            let Ok(status) = process.content else { continue };
            let status = String::from_utf8_lossy(&status);
            let name = status.lines().next().and_then(|line| line.strip_prefix("Name:")).map(str::trim);
            if !matches!(name, Some("postgres" | "postmaster")) {
                continue;
            }
            match site.read(&process.path.replace("status", "cmdline")) {
                Err(cause) if cause.kind == CauseKind::Absent => {}
                // The processes that a server starts are called after what they do.
                Ok(line) if line.starts_with(b"postgres:") => {}
                line => lines.push(line),
            }
        }
        Ok(Running(lines))
    }

    /// Whether one was started with the cluster's configuration or data.
    ///
    /// # Errors
    /// None shows that, and one does not show with what it was started.
    pub(crate) fn has(&self, places: Places<'_>) -> Result<bool, Cause> {
        let mut unsure = None;
        for line in &self.0 {
            match line.as_ref().map(|line| started_with(line, places)) {
                Ok(Some(true)) => return Ok(true),
                Ok(Some(false)) => {}
                Ok(None) => unsure = Some(unclear()),
                Err(cause) => unsure = Some(cause.clone()),
            }
        }
        unsure.map_or(Ok(false), Err)
    }

    /// How many there are.
    pub(crate) fn number(&self) -> usize {
        self.0.len()
    }
}

fn unclear() -> Cause {
    let detail = "a PostgreSQL server runs that does not show with which data it was started";
    Cause::new(CauseKind::NotAvailable, detail)
}

/// Whether a server's arguments name these places; `None` if they name none.
fn started_with(command_line: &[u8], places: Places<'_>) -> Option<bool> {
    let line = String::from_utf8_lossy(command_line);
    let arguments: Vec<&str> = line.split('\0').filter(|argument| !argument.is_empty()).collect();
    let [_, arguments @ ..] = arguments.as_slice() else { return Some(false) };
    // What initdb and administrators run serves nobody.
    if let Some(&("--boot" | "--single" | "--check" | "--describe-config")) = arguments.first() {
        return Some(false);
    }
    let mut named = None;
    let mut previous = "";
    for argument in arguments {
        let value = argument
            .strip_prefix("--config-file=")
            .or_else(|| argument.strip_prefix("--config_file="))
            .or_else(|| argument.strip_prefix("config_file="))
            .or_else(|| argument.strip_prefix("-cconfig_file="))
            .or_else(|| argument.strip_prefix("-D").filter(|rest| !rest.is_empty()))
            .or_else(|| (previous == "-D").then_some(*argument));
        if let Some(value) = value {
            named = Some(named.unwrap_or_default() || places.are(value));
        }
        previous = argument;
    }
    named
}

impl Places<'_> {
    /// Whether a path is the configuration file, its folder, or the data folder.
    fn are(&self, path: &str) -> bool {
        let path = resolve("/", path);
        let same = |known: Option<&str>| known.is_some_and(|known| resolve("/", known) == path);
        same(self.config_file) || same(self.config_file.map(folder_of)) || same(self.data_directory)
    }
}

/// A server takes its pid file away when it ends in order.
fn has_pid_file(site: &mut dyn Site, places: Places<'_>) -> bool {
    places.data_directory.is_some_and(|folder| site.stat(&resolve(folder, "postmaster.pid")).is_ok())
}

/// Why the cluster is meant to run.
fn expected(site: &mut dyn Site, places: Places<'_>, left_pid: bool) -> Result<Option<String>, Cause> {
    if left_pid {
        return Ok(Some("postmaster.pid is left in its data folder, so it did not end in order".to_owned()));
    }
    let units = wanted_units(site);
    if let Some(unit) = own_unit(places)
        && units.as_ref().is_ok_and(|units| units.contains(&unit))
    {
        return Ok(Some(format!("{unit} is enabled")));
    }
    let Some(folder) = places.config_file.map(folder_of) else { return units.map(|_| None) };
    let start = resolve(folder, "start.conf");
    let word = match site.read_text(&start) {
        Ok(text) => start_word(&text),
        Err(cause) if cause.kind == CauseKind::Absent => return units.map(|_| None),
        Err(cause) => return Err(cause),
    };
    if word.as_deref() != Some("auto") {
        return Ok(None);
    }
    // Where systemd starts things, `auto` only counts if the unit for all clusters is enabled.
    let systemd = site.stat(SYSTEMD).is_ok();
    if systemd && !units?.iter().any(|name| name == ALL_CLUSTERS) {
        return Ok(None);
    }
    Ok(Some(format!("{start} says auto")))
}

/// The PostgreSQL units that are started at boot.
fn wanted_units(site: &mut dyn Site) -> Result<Vec<String>, Cause> {
    match site.find(WANTED, "postgresql*.service") {
        Ok(entries) => Ok(entries.into_iter().map(|entry| entry.name).collect()),
        Err(cause) if cause.kind == CauseKind::Absent => Ok(Vec::new()),
        Err(cause) => Err(cause),
    }
}

/// The unit that starts this one cluster, by where its files are in the packages of Debian and of Red Hat's family.
fn own_unit(places: Places<'_>) -> Option<String> {
    let parts = |path: &'static str, of: Option<&str>| -> Option<Vec<String>> {
        Some(of?.strip_prefix(path)?.split('/').map(str::to_owned).collect())
    };
    if let Some([release, name, ..]) = parts("/etc/postgresql/", places.config_file).as_deref() {
        return Some(format!("postgresql@{release}-{name}.service"));
    }
    match parts("/var/lib/pgsql/", places.data_directory)?.as_slice() {
        [data] if data == "data" => Some(ALL_CLUSTERS.to_owned()),
        [release, data] if data == "data" => Some(format!("postgresql-{release}.service")),
        _ => None,
    }
}

/// Debian's own command works with and without systemd; names with anything odd in them are nobody's cluster there.
fn start_command(places: Places<'_>) -> Option<String> {
    let unit = own_unit(places)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    let cluster =
        unit.strip_prefix("postgresql@").and_then(|rest| rest.strip_suffix(".service")?.split_once('-'));
    unit.chars().all(plain).then(|| match cluster {
        Some((release, name)) => format!("pg_ctlcluster {release} {name} start"),
        None => format!("systemctl start {unit}"),
    })
}

/// The first word that is not a comment.
fn start_word(text: &str) -> Option<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(str::to_lowercase).next()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::{FakeSite, manifest};

    use super::*;

    const CONF: &str = "/etc/postgresql/15/main/postgresql.conf";
    const DATA: &str = "/var/lib/postgresql/15/main";
    const PLACES: Places<'static> = Places { config_file: Some(CONF), data_directory: Some(DATA) };

    /// A host with systemd on which PostgreSQL is meant to start and a process is there.
    fn host(start: &str, command_line: &str) -> FakeSite {
        FakeSite::with_manifest(&manifest(include_str!("../plugin.toml")))
            .file("/etc/postgresql/15/main/start.conf", start)
            .file(SYSTEMD, "")
            .file(&format!("{WANTED}/postgresql.service"), "")
            .file("/proc/1/status", "Name:\tsystemd\n")
            .file("/proc/20/status", "Name:\tpostgres\nPPid:\t1\n")
            .file("/proc/20/cmdline", command_line.replace(' ', "\0"))
            .file("/proc/21/status", "Name:\tpostgres\nPPid:\t20\n")
            .file("/proc/21/cmdline", "postgres: 15/other: checkpointer \0")
    }

    fn told(mut site: FakeSite) -> serde_json::Value {
        Service::look(&mut site, PLACES, false).fact().to_json()
    }

    #[test]
    fn a_cluster_that_should_run_and_has_no_process_is_down() {
        let other = "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/other";
        let found = told(host("# why\nauto\n", other));
        assert_eq!(
            found,
            serde_json::json!({"running": false, "expected": true,
                "reason": "/etc/postgresql/15/main/start.conf says auto", "start": "pg_ctlcluster 15 main start"})
        );
    }

    #[test]
    fn a_process_with_its_configuration_or_data_is_its_server() {
        for line in [
            "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main -c config_file=/etc/postgresql/15/main/postgresql.conf",
            "postgres -D /etc/postgresql/15/main/",
            "postgres -D/var/lib/postgresql/15/main",
            "postgres --config-file=/etc/postgresql/15/main/postgresql.conf",
        ] {
            assert_eq!(told(host("auto\n", line))["running"], true, "{line}");
        }
        assert_eq!(
            told(host("auto\n", "postgres -p 5433"))["running"]["$unknown"]["kind"],
            "not-available",
            "its data folder is in its environment"
        );
        for line in [
            "/usr/bin/postgres --boot -F -c log_checkpoints=false",
            "postgres --single -D /var/lib/postgresql/15/main app",
        ] {
            assert_eq!(told(host("auto\n", line))["running"], false, "no server: {line}");
        }
    }

    #[test]
    fn what_is_started_by_hand_is_not_expected() {
        for start in ["manual", "disabled", "", "# auto"] {
            assert_eq!(told(host(start, "postgres -D /srv"))["expected"], false, "{start}");
        }
        let disabled = || {
            FakeSite::with_manifest(&manifest(include_str!("../plugin.toml")))
                .file("/etc/postgresql/15/main/start.conf", "auto")
                .file("/proc/1/status", "Name:\tsystemd\n")
        };
        assert_eq!(told(disabled())["expected"], true, "without systemd start.conf decides");
        assert_eq!(told(disabled().file(SYSTEMD, ""))["expected"], false, "nothing starts all clusters");
        let own = disabled().file(SYSTEMD, "").file(&format!("{WANTED}/postgresql@15-main.service"), "");
        assert_eq!(told(own)["reason"], "postgresql@15-main.service is enabled");
    }

    #[test]
    fn a_pid_file_without_its_process_is_a_crash() {
        let other = "postgres -D /var/lib/postgresql/15/other";
        let found = told(host("manual", other).file(&format!("{DATA}/postmaster.pid"), "20\n"));
        assert_eq!((&found["running"], &found["expected"]), (&false.into(), &true.into()));
    }

    #[test]
    fn hidden_processes_and_folders_are_unknown() {
        let hidden = host("auto", "sh").refused_file("/proc/1/status", CauseKind::NotPermitted, "hidden");
        assert_eq!(told(hidden)["running"]["$unknown"]["kind"], "not-permitted");
        let folder = told(host("auto", "sh").folder());
        assert_eq!(folder["running"]["$unknown"]["kind"], "not-applicable-here");
        assert_eq!(folder["expected"]["$unknown"]["kind"], "not-applicable-here");
    }
}
