//! What the server itself knows of backups: who it is, what takes its write-ahead log, and when a base backup ended.
//!
//! A base backup leaves a history file in `pg_wal`, which the next one takes away again once it is archived. So while
//! the log is archived the newest one lies there, whatever tool took the backup; without archiving none does.

use goodstead_plugin::{Cause, CauseKind, Site, SiteExt};

use super::Tool;
use super::not_running;
use crate::files::Configuration;
use crate::instance::Server;
use crate::session::Session;

const CLUSTER: &str = "SELECT floor(extract(epoch FROM now()))::bigint AS now,
  has_function_privilege('pg_ls_waldir()', 'EXECUTE') AS may_list,
  current_setting('archive_mode') AS mode, current_setting('archive_command') AS command,
  current_setting('archive_library', true) AS library";

/// On a standby the files are copies of its primary's.
const HISTORY: &str = "SELECT floor(extract(epoch FROM now() - max(modification)))::bigint AS seconds
  FROM pg_ls_waldir() WHERE name LIKE '%.backup'";

/// The cluster, as far as backups need to know it.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// Its clock, in seconds since 1970.
    pub(crate) now: Result<i64, Cause>,
    /// What a catalogue knows it by: the same on a primary and its standbys.
    pub(crate) system_identifier: Result<String, Cause>,
    /// What takes the write-ahead log; `None` while nothing does.
    pub(crate) archives_with: Result<Option<Tool>, Cause>,
    /// Since the newest base backup of which the server has a trace.
    pub(crate) base_backup_seconds_ago: Result<Option<i64>, Cause>,
}

/// Asks a running server, which said before who it is.
///
/// # Errors
/// Why it does not say.
pub(crate) async fn ask(
    session: &Session,
    server: &Server,
    system_identifier: Option<String>,
) -> Result<Cluster, Cause> {
    let rows = session.rows(CLUSTER).await?;
    let row = rows.first().ok_or_else(not_running)?;
    let text = |name: &str| row.get(name).map(String::as_str);
    // A refusal would stand in the server's log on each scan.
    let history = if server.in_recovery {
        Err(Cause::new(CauseKind::NotApplicableHere, "only the primary knows"))
    } else if text("may_list") != Some("t") {
        Err(server.role().not_monitor("does not see the files of the write-ahead log"))
    } else {
        session
            .rows(HISTORY)
            .await
            .map(|rows| rows.first()?.get("seconds")?.parse().ok().map(|seconds: i64| seconds.max(0)))
    };
    Ok(Cluster {
        now: text("now").and_then(|now| now.parse().ok()).ok_or_else(not_running),
        system_identifier: system_identifier.ok_or_else(not_running),
        archives_with: Ok(Tool::that_archives(text("mode"), text("command"), text("library"))),
        base_backup_seconds_ago: history,
    })
}

impl Cluster {
    /// What the files say while no server answers, for this reason.
    pub(crate) fn from_files(
        site: &mut dyn Site,
        cause: &Cause,
        written: Option<&Configuration>,
        data_directory: Option<&str>,
    ) -> Cluster {
        let text = |name: &str| written.and_then(|written| written.text(name));
        let folder = data_directory.or_else(|| text("data_directory"));
        let system_identifier = match folder {
            Some(folder) => control_file(site, &format!("{folder}/global/pg_control")),
            None => Err(cause.clone()),
        };
        let archives_with = match written {
            Some(written) if written.is_whole() => Ok(Tool::that_archives(
                text("archive_mode"),
                text("archive_command"),
                text("archive_library"),
            )),
            _ => Err(cause.clone()),
        };
        Cluster {
            now: Err(cause.clone()),
            system_identifier,
            archives_with,
            base_backup_seconds_ago: Err(cause.clone()),
        }
    }
}

/// The system identifier is the first field of the control file (`ControlFileData` in pg_control.h), in the machine's
/// own order of bytes.
fn control_file(site: &mut dyn Site, path: &str) -> Result<String, Cause> {
    let bytes = site.read(path)?;
    let first = bytes.first_chunk::<8>();
    let short = || Cause::new(CauseKind::NotAvailable, format!("{path} is too short for a control file"));
    first.map(|bytes| u64::from_ne_bytes(*bytes).to_string()).ok_or_else(short)
}
