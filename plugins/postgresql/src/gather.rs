//! The facts of one target: what the running server told, and what its files say, each unknown for its own reason.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Connection, Elements, Fact, Site, SiteExt, Target, UnknownOr};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::ahead;
use crate::certificate;
use crate::effective::{Effective, effective};
use crate::files::{self, Configuration, resolve};
use crate::hba;
use crate::instance;
use crate::limits::Limits;
use crate::process;
use crate::queries::{NAMES, Settings, Told, ask};
use crate::service::{Places, Service};
use crate::session::{Login, Row, Session, Startup};
use crate::start;
use crate::stopped;
use crate::walk;

/// The database that every server has; another one can be named in `agent.toml`.
const DATABASE: &str = "postgres";

/// What discovery wants to be handed back.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hints {
    /// The first configuration file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config_file: Option<String>,
    /// The data folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data_directory: Option<String>,
    /// The port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    /// Whether its socket may as well be another cluster's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) contested: bool,
}

/// Gathers.
///
/// # Errors
/// Never as a whole: each fact has its own cause.
pub(crate) fn gather(target: &Target, site: &mut dyn Site) -> Result<Fact, Cause> {
    // A target that the admin configured has no hints, and a malformed one is no reason to know nothing.
    let hints: Hints = serde_json::from_value(target.hints.clone()).unwrap_or_default();
    let (told, answered) = match reached(target, site, hints.contested) {
        Ok(connection) => (converse(site, target, connection), true),
        Err(cause) => (Err(cause), false),
    };
    let told = told.and_then(|told| same_server(told, &hints));

    let running = told.as_ref().ok().and_then(|told| told.settings.as_ref().ok());
    let config_file = hints.config_file.or(running.and_then(|settings| settings.config_file.clone()));
    let data_directory =
        hints.data_directory.or(running.and_then(|settings| settings.data_directory.clone()));
    let configuration = match &config_file {
        Some(path) => files::read(site, path, data_directory.as_deref()),
        None => Err(Cause::new(CauseKind::NotAvailable, "it is not known where the configuration files are")),
    };
    let configuration = seen_by_server(configuration, &told, config_file.as_deref());
    let places = Places { config_file: config_file.as_deref(), data_directory: data_directory.as_deref() };
    let service = match &told {
        Ok(_) => Service::up(),
        // Where no files are known there is nothing to hold a process against.
        Err(_) if config_file.is_none() => Service::unknown(answered),
        Err(_) => Service::look(site, places, answered),
    };
    let release = match &told {
        Ok(told) => told.release(),
        Err(_) => stopped::release(site, places.config_file, places.data_directory),
    };
    let effective = configuration.as_ref().map_err(Clone::clone).and_then(|configuration| {
        release.and_then(|release| effective(configuration, release)).ok_or_else(|| not_catalogued(release))
    });

    let mut facts =
        backups_and_clients(target, site, &told, configuration.as_ref().ok(), data_directory.as_deref());
    facts.insert("service".to_owned(), service.fact());
    facts.insert("basis".to_owned(), service.basis().or_unknown());
    // Of what runs, `pg_settings` is the origin.
    let origins =
        service.is_stopped().then(|| Cause::new(CauseKind::NotAvailable, "its files are not known"));
    let none = || Fact::Map(Elements { items: BTreeMap::new(), partial: None });
    facts.insert("settings_origin".to_owned(), origins.map_or_else(none, Fact::from));
    let files = Files::of(&told, configuration.as_ref().ok(), data_directory.clone());
    let (rules, child) = match told {
        Ok(told) => {
            let child = own_process(&told);
            facts.extend(told.facts);
            let settings =
                told.settings.map(|settings| instance_values(settings, configuration.as_ref().ok()));
            facts.insert("settings".to_owned(), settings.unwrap_or_else(Fact::from));
            facts.extend(ahead(&told.rows, configuration.as_ref(), effective.as_ref(), release));
            (told.rules, child)
        }
        Err(cause) => {
            facts.extend(NAMES.map(|name| (name.to_owned(), cause.clone().into())));
            facts.extend(instance::not_told(&cause));
            facts.extend(walk::unknown(&cause));
            if let Ok(configuration) = &configuration {
                // Nobody but its own administrators has the files of a server.
                facts.insert("managed".to_owned(), false.into());
                if service.is_stopped() {
                    let folder = data_directory.as_deref();
                    facts.extend(stopped::facts(site, configuration, effective.as_ref(), release, folder));
                    // Nothing runs that could differ from the files.
                    let none = || Fact::from(Vec::new());
                    facts.extend(["pending_restart", "changes"].map(|name| (name.to_owned(), none())));
                }
            }
            (Err(cause.clone()), Err(cause))
        }
    };
    let rules = hba::facts(site, files.hba.as_deref(), rules, release);
    facts.extend(rules.map(|(name, fact)| (name.to_owned(), fact)));
    facts.insert("tls".to_owned(), certificate::facts(site, files.certificate.as_deref(), now()));
    facts.insert("process".to_owned(), process::facts(site, child));
    let start = start::fact(
        site,
        configuration.as_ref(),
        effective.as_ref(),
        release,
        data_directory.as_deref(),
        service.live,
    );
    facts.insert("start_errors".to_owned(), start);
    match configuration {
        Ok(configuration) => {
            let more = effective.map(|effective| effective.errors);
            facts.extend(configuration.facts(more).map(|(name, fact)| (name.to_owned(), fact)));
        }
        Err(cause) => {
            let names = ["configured", "configured_at", "config_errors"];
            facts.extend(names.map(|name| (name.to_owned(), cause.clone().into())));
        }
    }
    Ok(facts.into())
}

/// The configuration as the running server reads it, where the files themselves cannot be read in full.
fn seen_by_server(
    read: Result<Configuration, Cause>,
    told: &Result<Told, Cause>,
    config_file: Option<&str>,
) -> Result<Configuration, Cause> {
    match (&read, told, config_file) {
        (Ok(configuration), _, _) if configuration.is_whole() => read,
        (_, Ok(Told { files: Ok(rows), .. }), Some(path)) => Ok(files::from_view(path, rows)),
        // A role that may see them is the way out, where there is nothing to read.
        (Err(_), Ok(Told { files: Err(hidden), .. }), Some(_)) if hidden.kind == CauseKind::NotPermitted => {
            Err(hidden.clone())
        }
        _ => read,
    }
}

/// What the files will change of a server that runs.
fn ahead(
    rows: &Result<Vec<Row>, Cause>,
    configuration: Result<&Configuration, &Cause>,
    effective: Result<&Effective, &Cause>,
    release: Option<i64>,
) -> [(String, Fact); 2] {
    let whole = configuration
        .map_err(Clone::clone)
        .and_then(|it| it.unsure().map_or(Ok(it), |cause| Err(cause.clone())));
    let known = whole.and_then(|configuration| Ok((configuration, effective.map_err(Clone::clone)?)));
    let (pending, changes) = match rows {
        Ok(rows) => (
            ahead::pending(rows, known.as_ref().ok().map(|(_, effective)| *effective)),
            known.map(|(configuration, effective)| {
                ahead::changes(rows, effective, configuration, release.unwrap_or_default())
            }),
        ),
        Err(cause) => (cause.clone().into(), Err(cause.clone())),
    };
    [("pending_restart".to_owned(), pending), ("changes".to_owned(), changes.unwrap_or_else(Fact::from))]
}

/// Why it is not known what a release makes of its files.
fn not_catalogued(release: Option<i64>) -> Cause {
    let detail = match release {
        Some(release) => format!("Goodstead does not know the settings of PostgreSQL {release}"),
        None => "it is not known of which release the files are".to_owned(),
    };
    Cause::new(CauseKind::NotAvailable, detail)
}

/// Where the rules and the certificate are; relative names count from the data folder.
#[derive(Default)]
struct Files {
    hba: Option<String>,
    certificate: Option<String>,
}

impl Files {
    /// What the running server says, else its files, else for the rules the place beside the data.
    fn of(
        told: &Result<Told, Cause>,
        written: Option<&Configuration>,
        data_directory: Option<String>,
    ) -> Files {
        let running = told.as_ref().ok().and_then(|told| told.settings.as_ref().ok());
        let text = |name: &str| written.and_then(|written| written.text(name)).map(str::to_owned);
        let folder = data_directory.or_else(|| text("data_directory"));
        let place = |file: String| match &folder {
            _ if file.starts_with('/') => Some(file),
            Some(folder) => Some(resolve(folder, &file)),
            None => None,
        };
        let hba = running.and_then(|settings| settings.hba_file.clone()).or_else(|| text("hba_file"));
        let certificate = match running {
            Some(settings) => settings.certificate_file.clone(),
            None => text("ssl").and_then(|_| text("ssl_cert_file")),
        };
        Files {
            hba: place(hba.unwrap_or_else(|| "pg_hba.conf".to_owned())),
            certificate: certificate.and_then(place),
        }
    }
}

/// A server elsewhere has its processes elsewhere.
fn own_process(told: &Told) -> Result<i64, Cause> {
    if told.facts.get("local") != Some(&Fact::Bool(true)) {
        return Err(Cause::new(CauseKind::NotApplicableHere, "the server runs on another host"));
    }
    let detail = "the server does not name its processes to this role";
    told.process.ok_or_else(|| Cause::new(CauseKind::NotPermitted, detail))
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The facts about backups and about who is connected. Without a server its files say what they can.
fn backups_and_clients(
    target: &Target,
    site: &mut dyn Site,
    told: &Result<Told, Cause>,
    written: Option<&Configuration>,
    data_directory: Option<&str>,
) -> BTreeMap<String, Fact> {
    let (cluster, clients) = match told {
        Ok(told) => (told.cluster.clone(), told.clients.clone()),
        Err(cause) => (Err(cause.clone()), crate::clients::unknown(cause)),
    };
    let cluster = cluster
        .unwrap_or_else(|cause| crate::backup::Cluster::from_files(site, &cause, written, data_directory));
    let backups = crate::backup::facts(site, &cluster, target.name.as_deref());
    backups.into_iter().chain(clients).map(|(name, fact)| (name.to_owned(), fact)).collect()
}

/// A connection to the target's address.
fn reached(target: &Target, site: &mut dyn Site, contested: bool) -> Result<Connection, Cause> {
    let Some(address) = &target.address else {
        if contested {
            let detail =
                "the files of several clusters name its socket, and the processes do not show whose it is";
            return Err(Cause::new(CauseKind::NotAvailable, detail)
                .remedy("give each cluster a port of its own, or let the agent see the processes"));
        }
        let detail = "no socket of this cluster was found: only a running server knows";
        return Err(Cause::new(CauseKind::NotAvailable, detail).remedy("start the server"));
    };
    site.connect(address)
}

/// The whole conversation, on a runtime of this thread: the process may have no other.
fn converse(site: &mut dyn Site, target: &Target, connection: Connection) -> Result<Told, Cause> {
    let Connection { descriptor, user } = connection;
    let missing = || Cause::new(CauseKind::PluginFailed, "a connection without an address");
    let address = target.address.as_ref().ok_or_else(missing)?;
    let login = Login {
        address,
        user: target.user.as_deref().unwrap_or(&user),
        password: target.password.as_deref(),
        database: target.database.as_deref().unwrap_or(DATABASE),
        own: target.user.is_none(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|_| Cause::new(CauseKind::PluginFailed, "no runtime for the session"))?;
    runtime.block_on(async {
        let limits = Limits::of(target);
        let deadline = Instant::now() + limits.instance;
        let session = Session::open(descriptor, login, Startup::Protected, limits, deadline).await?;
        match ask(&session, login).await {
            Ok(mut told) => {
                match &told.bounded {
                    Ok(version) => told.facts.extend(walk::walk(site, session, login, *version).await),
                    Err(cause) => {
                        session.close().await;
                        told.facts.extend(walk::unknown(cause));
                    }
                }
                Ok(told)
            }
            Err(cause) => {
                session.close().await;
                Err(cause)
            }
        }
    })
}

/// Two clusters may claim one port; the server that answers says whose it is, if it may.
fn same_server(told: Told, hints: &Hints) -> Result<Told, Cause> {
    let answering = told.settings.as_ref().ok().and_then(|settings| settings.config_file.as_deref());
    match (answering, hints.config_file.as_deref()) {
        (Some(answering), Some(own)) if answering != own => {
            let detail =
                format!("the server that answers on its port is another one, configured by {answering}");
            Err(Cause::new(CauseKind::NotAvailable, detail))
        }
        _ => Ok(told),
    }
}

/// The settings of the instance. Where the session's own value hides one, the files have it, or nobody.
fn instance_values(settings: Settings, configuration: Option<&Configuration>) -> Fact {
    let Settings { values: mut items, bent, partial, .. } = settings;
    for name in bent {
        let hidden = || {
            Fact::unknown(CauseKind::NotApplicableHere, "a value of the role, database or session hides it")
        };
        let written = configuration.and_then(|configuration| configuration.certain(&name));
        items.insert(name, written.unwrap_or_else(hidden));
    }
    Fact::Map(Elements { items, partial: partial.map(Box::new) })
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    const CONF: &str = "/etc/postgresql/15/main/postgresql.conf";

    fn jit(site: FakeSite) -> Fact {
        let mut site = site.file(CONF, "data_directory = '/data'\njit = off\n");
        let configuration = files::read(&mut site, CONF, None).unwrap();
        let settings = Settings { bent: vec!["jit".to_owned()], ..Settings::default() };
        let Fact::Map(mut map) = instance_values(settings, Some(&configuration)) else { panic!("no map") };
        map.items.remove("jit").unwrap()
    }

    #[test]
    fn a_hidden_value_is_the_files_unless_they_are_not_all_known() {
        assert_eq!(jit(FakeSite::new()), false.into());
        let auto = "/data/postgresql.auto.conf";
        let unsure = FakeSite::new().refused_file(auto, CauseKind::NotPermitted, "no permission");
        assert!(matches!(jit(unsure), Fact::Unknown(cause) if cause.kind == CauseKind::NotApplicableHere));
    }
}
