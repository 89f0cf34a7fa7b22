//! What a session is asked, and the facts that the answers become. Short catalog queries only: nothing here reads a
//! table of the site's or waits for a lock longer than a tenth of a second.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, UnknownOr};

use crate::backup;
use crate::clients;
use crate::instance::{self, Server};
use crate::rights::Role;
use crate::row::{int, missing, switch, text};
use crate::session::{Login, Row, Session, pooler, role_sql};
use crate::settings::from_server;

/// Who this is, who we are there, and whether the protection asked for holds. Runs on any release.
const IDENTITY: &str = "SELECT current_setting('server_version_num') AS version_num,
  current_setting('default_transaction_read_only') AS read_only,
  inet_server_addr() IS NOT DISTINCT FROM inet_client_addr() AS local,
  pg_is_in_recovery() AS in_recovery,
  to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS started,
  to_char(pg_conf_load_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS config_loaded,
  floor(extract(epoch FROM now() - pg_postmaster_start_time()))::bigint AS uptime_seconds,
  EXISTS (SELECT 1 FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER') AND (rolsuper OR rolname IN
    ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files'))) AS powerful,
  EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pg_read_all_settings' AND pg_has_role(oid, 'USAGE')) AS sees_all,
  EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pg_read_all_stats' AND pg_has_role(oid, 'USAGE')) AS sees_stats";

/// Asked before this session sets anything, so that no value in it is ours but the two of the startup packet.
const SETTINGS: &str = "SELECT name, setting, vartype, unit, source, sourcefile, sourceline, pending_restart
  FROM pg_settings WHERE name NOT LIKE 'transaction\\_%' ORDER BY name";

const ARCHIVER: &str = "SELECT archived_count, failed_count,
  to_char(last_archived_time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS last_archived,
  to_char(last_failed_time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS last_failed
  FROM pg_stat_archiver";

fn slots_query(version_num: i64) -> String {
    let wal_status = if version_num >= 130_000 { "wal_status" } else { "NULL" };
    let synced = if version_num >= 170_000 { "synced" } else { "false" };
    let invalidation = match version_num {
        170_000.. => "invalidation_reason",
        160_000.. => "CASE WHEN wal_status = 'lost' THEN 'wal_removed' WHEN conflicting THEN 'conflict' END",
        130_000.. => "CASE WHEN wal_status = 'lost' THEN 'wal_removed' END",
        _ => "NULL",
    };
    format!(
        "SELECT slot_name AS name, slot_type AS type, active, temporary, {synced} AS synced, {wal_status} AS wal_status,
           {invalidation} AS invalidation,
           CASE WHEN restart_lsn IS NULL THEN 0 ELSE greatest(0, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()
             THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn))::bigint END AS retained_bytes
         FROM pg_replication_slots ORDER BY slot_name"
    )
}

/// The facts that only a running server knows.
pub(crate) const NAMES: [&str; 13] = [
    "version",
    "major",
    "minor",
    "local",
    "in_recovery",
    "started",
    "config_loaded",
    "uptime_seconds",
    "settings",
    "pending_restart",
    "changes",
    "slots",
    "archiver",
];

/// What a session told.
pub(crate) struct Told {
    /// The facts named in [`NAMES`], but for `settings`, `pending_restart` and `changes`.
    pub(crate) facts: BTreeMap<String, Fact>,
    /// The settings, or why not.
    pub(crate) settings: Result<Settings, Cause>,
    /// The same as `pg_settings` shows them.
    pub(crate) rows: Result<Vec<Row>, Cause>,
    /// The rules of pg_hba.conf as the server reads them, or why not.
    pub(crate) rules: Result<Vec<Row>, Cause>,
    /// The lines of the configuration files as the server reads them, or why not.
    pub(crate) files: Result<Vec<Row>, Cause>,
    /// A process of the server that lives as long as it.
    pub(crate) process: Option<i64>,
    /// Its version as a number, if the server's limits hold for this session from here on; else why they do not.
    pub(crate) bounded: Result<i64, Cause>,
    /// What backups need to know of it, or why they do not.
    pub(crate) cluster: Result<backup::Cluster, Cause>,
    /// Who is connected, by the names of the facts.
    pub(crate) clients: [(&'static str, Fact); 2],
}

impl Told {
    /// Its major release.
    pub(crate) fn release(&self) -> Option<i64> {
        match self.facts.get("major") {
            Some(Fact::Int(release)) => Some(*release),
            _ => None,
        }
    }
}

/// The running settings.
#[derive(Default)]
pub(crate) struct Settings {
    /// Those that are the instance's own, normalised.
    pub(crate) values: BTreeMap<String, Fact>,
    /// Those whose own value the session's role, database or startup packet hides.
    pub(crate) bent: Vec<String>,
    /// Why some are missing.
    pub(crate) partial: Option<Cause>,
    /// The first configuration file, if the role may know.
    pub(crate) config_file: Option<String>,
    /// The data folder, if the role may know.
    pub(crate) data_directory: Option<String>,
    /// The file of the rules who may log in, if the role may know.
    pub(crate) hba_file: Option<String>,
    /// The certificate that the server shows, relative to the data folder or not.
    pub(crate) certificate_file: Option<String>,
}

/// Asks everything that there is to ask.
///
/// # Errors
/// Why nothing is known: the session has powers that it does not need, is no direct one, or does not answer.
pub(crate) async fn ask(session: &Session, login: Login<'_>) -> Result<Told, Cause> {
    let rows = session.rows(IDENTITY).await?;
    let identity = rows.first().ok_or_else(pooler)?;
    if text(identity, "read_only") != Some("on") {
        return Err(pooler());
    }
    if switch(identity, "powerful") != Some(false) {
        return Err(too_powerful(login));
    }
    let number = int(identity, "version_num").ok_or_else(pooler)?;
    let mut facts = version(number);
    for name in ["local", "in_recovery"] {
        facts.insert(name.to_owned(), switch(identity, name).ok_or_else(missing).or_unknown());
    }
    for name in ["started", "config_loaded"] {
        facts.insert(name.to_owned(), text(identity, name).ok_or_else(missing).or_unknown());
    }
    facts.insert(
        "uptime_seconds".to_owned(),
        int(identity, "uptime_seconds").ok_or_else(missing).or_unknown(),
    );

    let rows = session.rows(SETTINGS).await;
    let server = Server {
        number,
        in_recovery: switch(identity, "in_recovery") == Some(true),
        sees_stats: switch(identity, "sees_stats") == Some(true),
        user: login.user.to_owned(),
        own: login.role().own,
        rows: session.limits().rows,
    };
    facts.extend(instance::from_settings(rows.as_ref().map(Vec::as_slice).map_err(Clone::clone), &server));
    let settings =
        rows.clone().map(|rows| settings(rows, switch(identity, "sees_all") == Some(true), login.role()));

    if let Err(cause) = session.bound().await {
        for name in ["slots", "archiver"] {
            facts.insert(name.to_owned(), cause.clone().into());
        }
        facts.extend(instance::unknown(&cause));
        return Ok(Told {
            facts,
            settings,
            rows,
            rules: Err(cause.clone()),
            files: Err(cause.clone()),
            process: None,
            cluster: Err(cause.clone()),
            clients: clients::unknown(&cause),
            bounded: Err(cause),
        });
    }
    let slots = session.rows(&slots_query(number)).await;
    facts.insert("slots".to_owned(), slots.map(|rows| list(&rows, slot)).or_unknown());
    let archiver = session.rows(ARCHIVER).await;
    facts.insert("archiver".to_owned(), archiver.map(|rows| archiver_facts(&rows)).or_unknown());
    let asked = instance::ask(session, &server).await;
    facts.extend(asked.facts);
    let cluster = backup::ask(session, &server, asked.system_identifier).await;
    let clients = clients::ask(session, login.role()).await;
    Ok(Told {
        facts,
        settings,
        rows,
        rules: asked.rules,
        files: asked.files,
        process: asked.process,
        cluster,
        clients,
        bounded: Ok(number),
    })
}

/// A member of a superuser's role counts as one: it can take that role at any time.
fn too_powerful(login: Login<'_>) -> Cause {
    let user = login.user;
    let remedy = if user == "goodstead" {
        "as the server's owner, in psql: `ALTER ROLE goodstead NOSUPERUSER;` and REVOKE from it the roles of superusers, \
         pg_execute_server_program, pg_write_server_files and pg_read_server_files"
            .to_owned()
    } else {
        let by_hand = || {
            format!(
                "{}` Then set `user = \"goodstead\"` for this target in agent.toml",
                role_sql("goodstead")
            )
        };
        login.role().remedy(by_hand)
    };
    let detail = format!(
        "a superuser session was offered (the role {user}) and declined: it has powers not needed here"
    );
    Cause::new(CauseKind::NotPermitted, detail).remedy(remedy)
}

fn version(number: i64) -> BTreeMap<String, Fact> {
    let (major, rest) = (number / 10_000, number % 10_000);
    let (text, minor) = match major {
        10.. => (format!("{major}.{rest}"), rest),
        _ => (format!("{major}.{}.{}", rest / 100, rest % 100), rest % 100),
    };
    let facts = [("version", text.into()), ("major", Fact::Int(major)), ("minor", Fact::Int(minor))];
    facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect()
}

/// The settings in rows as `pg_settings` has them.
pub(crate) fn settings(rows: Vec<Row>, sees_all: bool, role: Role<'_>) -> Settings {
    let mut found = Settings::default();
    if !sees_all {
        found.partial = Some(role.not_monitor("sees only the settings that every role may see"));
    }
    for row in rows {
        let (Some(name), Some(setting), Some(vartype)) =
            (text(&row, "name"), text(&row, "setting"), text(&row, "vartype"))
        else {
            continue;
        };
        match name {
            "config_file" => found.config_file = Some(setting.to_owned()),
            "data_directory" => found.data_directory = Some(setting.to_owned()),
            "hba_file" => found.hba_file = Some(setting.to_owned()),
            "ssl_cert_file" => found.certificate_file = Some(setting.to_owned()),
            _ => {}
        }
        let Some(fact) = from_server(setting, vartype, text(&row, "unit")) else { continue };
        if matches!(text(&row, "source"), Some("client" | "user" | "database" | "database user" | "session"))
        {
            found.bent.push(name.to_owned());
        } else {
            found.values.insert(name.to_owned(), fact);
        }
    }
    found
}

fn slot(row: &Row) -> Option<Fact> {
    let mut item = BTreeMap::from([("name".to_owned(), Fact::from(text(row, "name")?))]);
    item.insert("type".to_owned(), text(row, "type").ok_or_else(missing).or_unknown());
    for name in ["active", "temporary", "synced"] {
        item.insert(name.to_owned(), switch(row, name).ok_or_else(missing).or_unknown());
    }
    for name in ["wal_status", "invalidation"] {
        if let Some(value) = text(row, name) {
            item.insert(name.to_owned(), value.into());
        }
    }
    item.insert("retained_bytes".to_owned(), int(row, "retained_bytes").ok_or_else(missing).or_unknown());
    Some(item.into())
}

/// Times and counts; what never happened is absent.
fn archiver_facts(rows: &[Row]) -> Fact {
    let columns = rows.first().into_iter().flatten();
    let fact = |(name, value): (&String, &String)| match name.strip_suffix("_count") {
        Some(_) => (name.clone(), value.parse().map_err(|_| missing()).map(Fact::Int).or_unknown()),
        None => (name.clone(), Fact::from(value.as_str())),
    };
    columns.map(fact).collect::<BTreeMap<_, _>>().into()
}

/// A list of what `element` makes of the rows; partial if it could make nothing of one.
fn list(rows: &[Row], element: fn(&Row) -> Option<Fact>) -> Fact {
    let items: Vec<_> = rows.iter().filter_map(element).collect();
    let cause = || Box::new(Cause::new(CauseKind::Partial, "a name in it is not UTF-8"));
    let partial = (items.len() < rows.len()).then(cause);
    Fact::List(Elements { items, partial })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[(&str, &str)]) -> Row {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn versions_before_and_after_ten_are_told_apart() {
        for (number, text, major, minor) in
            [(150_018, "15.18", 15, 18), (90_624, "9.6.24", 9, 24), (180_000, "18.0", 18, 0)]
        {
            let facts = version(number);
            assert_eq!(facts["version"], text.into());
            assert_eq!((&facts["major"], &facts["minor"]), (&Fact::Int(major), &Fact::Int(minor)));
        }
    }

    #[test]
    fn values_of_a_role_or_database_are_not_the_server_s() {
        let setting = |source: &str| {
            let values = [("name", "jit"), ("setting", "on"), ("vartype", "bool"), ("source", source)];
            settings(vec![row(&values)], true, Role { name: "goodstead", own: true })
        };
        assert_eq!(setting("configuration file").values["jit"], true.into());
        for source in ["database", "user", "database user", "client", "session"] {
            let found = setting(source);
            assert!(found.values.is_empty() && found.bent == ["jit"], "{source}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_read_makes_the_list_partial() {
        let rows = [row(&[("name", "a"), ("active", "t")]), row(&[("active", "t")])];
        let Fact::List(found) = list(&rows, slot) else { panic!("no list") };
        assert_eq!((found.items.len(), found.partial.is_some()), (1, true));
    }

    #[test]
    fn slots_are_asked_for_what_their_release_has() {
        assert!(
            slots_query(120_000).contains("NULL AS wal_status")
                && slots_query(130_000).contains(" wal_status AS")
        );
        assert!(
            slots_query(160_000).contains("false AS synced")
                && slots_query(170_000).contains(" synced AS synced")
        );
    }
}
