//! A tool's catalogue of one cluster's backups, and where to look for it.

use goodstead_plugin::{Cause, CauseKind, File, Site, SiteExt};

use super::server::Cluster;
use super::{barman, pgbackrest, walg};

/// Lists that a job leaves for the agent, where the tool itself would need secrets or another host: the output of
/// `pgbackrest info --output=json` or of `wal-g backup-list --detail --json`.
const LEFT: &str = "/var/spool/goodstead/backups/*.json";

/// The default places of the tools' own catalogues.
const KEPT: [&str; 2] = ["/var/lib/pgbackrest/backup/*/backup.info", "/var/lib/barman/*/base/*/backup.info"];

/// What takes backups or the write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// pgBackRest.
    PgBackRest,
    /// Barman.
    Barman,
    /// WAL-G.
    WalG,
    /// Something else: a script, a copy, a library.
    Other,
}

impl Tool {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::PgBackRest => "pgBackRest",
            Tool::Barman => "Barman",
            Tool::WalG => "WAL-G",
            Tool::Other => "other",
        }
    }

    /// What takes the log by these settings; `None` if nothing does. The command may hold secrets and goes no further.
    pub(super) fn that_archives(
        mode: Option<&str>,
        command: Option<&str>,
        library: Option<&str>,
    ) -> Option<Tool> {
        if !matches!(mode, Some("on" | "always")) {
            return None;
        }
        let library = library.is_some_and(|library| !library.trim().is_empty());
        let command = command.unwrap_or_default().to_lowercase();
        match command.trim() {
            _ if library => Some(Tool::Other),
            "" | "(disabled)" => None,
            command if command.contains("pgbackrest") => Some(Tool::PgBackRest),
            command if command.contains("barman") => Some(Tool::Barman),
            command if command.contains("wal-g") => Some(Tool::WalG),
            _ => Some(Tool::Other),
        }
    }
}

/// The backups of one cluster.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Catalogue {
    pub(super) tool: Tool,
    /// Whose backups they are.
    pub(super) system_identifier: String,
    /// What the tool calls the cluster.
    pub(super) name: Option<String>,
    pub(super) backups: Vec<Backup>,
    /// Whether they are encrypted, where the catalogue says so.
    pub(super) encrypted: Option<bool>,
}

impl Catalogue {
    /// Its name in pgBackRest's files.
    pub(super) fn stanza(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.tool == Tool::PgBackRest)
    }
}

/// One backup. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Backup {
    pub(super) started: i64,
    /// When it ended, well or not.
    pub(super) stopped: i64,
    /// Whether it can be restored by itself, without an earlier one.
    pub(super) full: bool,
    pub(super) complete: bool,
    /// Whether pages in it had a wrong checksum; `None` where nobody looked.
    pub(super) damaged: Option<bool>,
}

/// The catalogue of this cluster's backups. `None` if there is none.
///
/// # Errors
/// Why it cannot be seen whether there is one.
pub(super) fn find(site: &mut dyn Site, cluster: &Cluster) -> Result<Option<Catalogue>, Cause> {
    let mut unseen = None;
    let mut found = Vec::new();
    // The command costs a process, and may reach out to a repository elsewhere: only where it is what archives.
    let archives_with = cluster.archives_with.as_ref().ok().copied().flatten();
    if matches!(archives_with, Some(Tool::PgBackRest | Tool::Other)) {
        let told =
            site.run("pgbackrest-info").map_err(not_told).and_then(|json| pgbackrest::from_json(&json));
        note(told, &mut found, &mut unseen);
    }
    let files = site.read_many(&[KEPT[0], KEPT[1], LEFT], &[]);
    match files {
        Ok(files) => {
            unseen = unseen.or(files.partial);
            for file in files.files {
                note(read(&file), &mut found, &mut unseen);
            }
        }
        Err(cause) => unseen = unseen.or(Some(cause)),
    }
    let Ok(own) = &cluster.system_identifier else {
        return if found.is_empty() && matches!(cluster.archives_with, Ok(None)) && unseen.is_none() {
            Ok(None)
        } else {
            Err(cluster.system_identifier.clone().err().or(unseen).unwrap_or_else(super::not_running))
        };
    };
    if let Some(catalogue) = barman::joined(found, own) {
        return Ok(Some(catalogue));
    }
    match &cluster.archives_with {
        Ok(None) => Ok(None),
        // What archives may well keep a catalogue that nobody knows here.
        Ok(Some(Tool::Other)) => unseen.map_or(Ok(None), Err),
        Ok(Some(tool)) => Err(hidden(*tool, unseen)),
        Err(cause) => Err(cause.clone()),
    }
}

fn read(file: &File) -> Result<Vec<Catalogue>, Cause> {
    let bytes = file.content.as_ref().map_err(Clone::clone)?;
    let text = String::from_utf8_lossy(bytes);
    if file.path.ends_with(".json") {
        return pgbackrest::from_json(bytes).or_else(|_| walg::from_json(bytes));
    }
    let folder = |from_end: usize| file.path.rsplit('/').nth(from_end).unwrap_or_default();
    if file.path.starts_with("/var/lib/pgbackrest/") {
        return pgbackrest::from_info(folder(1), &text);
    }
    // Barman has a folder for each backup, and one without an end is at work or was broken off.
    Ok(barman::from_info(folder(3), &text).into_iter().collect())
}

fn note(told: Result<Vec<Catalogue>, Cause>, found: &mut Vec<Catalogue>, unseen: &mut Option<Cause>) {
    match told {
        Ok(more) => found.extend(more),
        Err(cause) if cause.kind == CauseKind::Absent => {}
        Err(cause) => _ = unseen.get_or_insert(cause),
    }
}

/// The command's own end says less than what it means.
fn not_told(cause: Cause) -> Cause {
    if cause.kind != CauseKind::NotAvailable {
        return cause;
    }
    let detail =
        "`pgbackrest info` fails as the agent's user, which mostly may not read pgBackRest's configuration";
    Cause { detail: detail.to_owned(), ..cause }
}

/// Why the backups of the tool that archives are not seen, and what would show them.
fn hidden(tool: Tool, unseen: Option<Cause>) -> Cause {
    let left = |command: &str| {
        format!(
            "`install -d -o postgres /var/spool/goodstead/backups`, and have the job that takes backups leave its list \
             there: `{command} > /var/spool/goodstead/backups/list.json`"
        )
    };
    let (default, remedy) = match tool {
        Tool::WalG => (
            "WAL-G keeps its catalogue with the backups, for which it needs secrets",
            left("wal-g backup-list --detail --json"),
        ),
        Tool::Barman => (
            "no catalogue of Barman's on this host names this cluster: it may be on another host",
            "look at `barman list-backups` there".to_owned(),
        ),
        _ => (
            "no catalogue of pgBackRest's that can be seen here names this cluster",
            left("pgbackrest info --output=json"),
        ),
    };
    let cause = unseen.unwrap_or_else(|| Cause::new(CauseKind::NotAvailable, default));
    Cause { remedy: Some(remedy), ..cause }
}
