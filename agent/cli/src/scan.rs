//! One scan: all plugins side by side, each in a process of its own, and the facts that came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use goodstead_model::{Access, Cause, CauseKind, Signature};
use goodstead_protocol::contract::Contract;
use goodstead_protocol::fact::Fact;
use goodstead_protocol::intake::all_unknown;
use goodstead_protocol::message::{self, Confinement};
use serde::{Deserialize, Serialize};

use crate::broker::{AccessEntry, AccessLog, Broker, Root};
use crate::config::{Config, TargetConfig};
use crate::containers::{self, Container};
use crate::credential::{Credentials, MIN_PASSWORD};
use crate::files::{FileError, Links, read_sound};
use crate::host;
use crate::installation::Installation;
use crate::plugin_log::PluginLog;
use crate::plugins::Plugin;
use crate::runner::{self, FoundTarget, Task, gather};
use crate::trust::Copies;
use crate::users;

/// What the facts of all plugins may come to in one scan, in bytes; each has an equal share.
const MOST_FACTS: usize = 32 << 20;

/// The most that is one plugin's share: a host with five thousand mounted file systems.
const LARGEST_SHARE: usize = 16 << 20;

/// The least that is one plugin's share, however many there are and in however many containers they look: many times what
/// most hosts need. Sixty-four of these come to [`MOST_FACTS`].
const LEAST_SHARE: usize = 512 << 10;

/// How many plugins run at once: what is being read of their messages takes the agent's memory, not what they keep.
const AT_ONCE: usize = 3;

/// The largest password file.
const MAX_PASSWORD: u64 = 4 << 10;

/// The address space of a runner: room for the largest replies several times over.
const MAX_MEMORY: u64 = 1 << 30;

/// What to inspect, and with what.
pub(crate) struct Request<'a> {
    pub(crate) installation: &'a Installation,
    pub(crate) config: &'a Config,
    pub(crate) plugins: &'a [Plugin],
    /// Copies of their libraries, as far as they were begun.
    pub(crate) copies: &'a Copies,
    pub(crate) host_contract: &'a Contract,
    pub(crate) root: &'a Arc<Root>,
    /// The wanted plugins, each with the wanted target names; no name means all of its targets.
    pub(crate) wanted: &'a BTreeMap<String, BTreeSet<String>>,
    /// The facts that will be read of a plugin, by their first names; all where it has no entry or an empty one.
    pub(crate) only: &'a BTreeMap<String, BTreeSet<String>>,
    /// When the scan began, RFC 3339.
    pub(crate) time: &'a str,
    /// Whether the plugins' author is looking, who is shown what a report does not say.
    pub(crate) author: bool,
}

/// What a scan found.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) host: Fact,
    pub(crate) targets: Vec<ScannedTarget>,
    /// The plugins that ran, by name.
    pub(crate) plugins: BTreeMap<String, goodstead_model::Plugin>,
    pub(crate) access: BTreeMap<String, Access>,
    /// Every request of every plugin.
    pub(crate) log: AccessLog,
    /// What each plugin wrote, by its name.
    pub(crate) plugin_logs: BTreeMap<String, PluginLog>,
    pub(crate) warnings: Vec<String>,
    pub(crate) timings_ms: BTreeMap<String, f64>,
    /// Whether nothing runs where the facts come from.
    pub(crate) from_files: bool,
}

/// A target and its facts, held against the contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ScannedTarget {
    pub(crate) id: String,
    pub(crate) plugin: String,
    pub(crate) plugin_version: String,
    pub(crate) title: String,
    pub(crate) deployment: String,
    pub(crate) importance: f64,
    pub(crate) facts: Fact,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// The container on this host that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) container: Option<String>,
    /// Whether its name is the admin's word, in agent.toml.
    #[serde(skip)]
    pub(crate) named_by_admin: bool,
}

/// What one plugin contributed.
struct Contribution {
    targets: Vec<ScannedTarget>,
    /// Absent when it was not run.
    plugin: Option<goodstead_model::Plugin>,
    access: Access,
    log: Vec<AccessEntry>,
    plugin_log: PluginLog,
    warnings: Vec<String>,
    milliseconds: f64,
}

/// Scans. Whatever goes wrong with a plugin is in the result.
pub(crate) fn scan(request: &Request<'_>) -> Scan {
    let wanted: Vec<&Plugin> =
        request.plugins.iter().filter(|plugin| request.wanted.contains_key(&plugin.manifest.name)).collect();
    let (mut visits, mut warnings) = (Vec::new(), Vec::new());
    for plugin in wanted {
        visits.push(Visit { plugin, container: None });
        if request.root.is_live() {
            let found = containers::find(&plugin.manifest);
            warnings.extend(found.warnings);
            let inside = found.containers.into_iter().map(Some);
            visits.extend(inside.map(|container| Visit { plugin, container }));
        }
    }
    let (host, contributions) = thread::scope(|scope| {
        let host = scope.spawn(|| {
            if request.root.is_live() {
                host::gather(request.host_contract, request.time)
            } else {
                host::elsewhere(request.host_contract)
            }
        });
        let contributions = side_by_side(&visits, |visit| run(visit, visits.len(), request));
        (host.join().unwrap_or_else(|_| host::elsewhere(request.host_contract)), contributions)
    });
    let mut scan = Scan {
        host,
        targets: Vec::new(),
        plugins: BTreeMap::new(),
        access: BTreeMap::new(),
        log: BTreeMap::new(),
        plugin_logs: BTreeMap::new(),
        warnings,
        timings_ms: BTreeMap::new(),
        from_files: !request.root.is_live(),
    };
    for (visit, contribution) in visits.iter().zip(contributions) {
        let (plugin, log_name) = (visit.plugin, visit.log_name());
        let name = plugin.manifest.name.clone();
        let contribution = contribution.unwrap_or_else(|| lost(visit));
        scan.targets.extend(contribution.targets);
        scan.warnings.extend(contribution.warnings);
        *scan.timings_ms.entry(format!("plugin.{name}")).or_default() += contribution.milliseconds;
        scan.plugins.extend(contribution.plugin.map(|plugin| (name.clone(), plugin)));
        scan.log.insert(log_name.clone(), contribution.log);
        scan.plugin_logs.insert(log_name, contribution.plugin_log);
        let access = scan.access.entry(name).or_default();
        access.granted += contribution.access.granted;
        access.refused += contribution.access.refused;
        access.bytes += contribution.access.bytes;
    }
    scan
}

/// One run of a plugin: on the host, or in a container on it.
#[derive(Debug)]
struct Visit<'a> {
    plugin: &'a Plugin,
    container: Option<Container>,
}

impl Visit<'_> {
    /// Under which name what it asked for and wrote is kept.
    fn log_name(&self) -> String {
        let name = &self.plugin.manifest.name;
        self.container.as_ref().map_or_else(|| name.clone(), |inside| format!("{name} in {}", inside.name))
    }
}

/// Runs plugins, [`AT_ONCE`] at a time; what each contributed, in their order. None for one whose conversation panicked.
fn side_by_side(
    visits: &[Visit<'_>],
    run: impl Fn(&Visit<'_>) -> Contribution + Sync,
) -> Vec<Option<Contribution>> {
    let next = AtomicUsize::new(0);
    // Few threads lead many conversations: each thread keeps memory of its own that it has used once.
    let lead = || {
        let mut ended = Vec::new();
        while let Some((index, visit)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            visits.get(index).map(|visit| (index, visit))
        } {
            ended.push((index, catch_unwind(AssertUnwindSafe(|| run(visit))).ok()));
        }
        ended
    };
    let mut ended: Vec<(usize, Option<Contribution>)> = thread::scope(|scope| {
        let threads: Vec<_> = visits.iter().take(AT_ONCE).map(|_| scope.spawn(lead)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    ended.sort_unstable_by_key(|(index, _)| *index);
    ended.into_iter().map(|(_, contribution)| contribution).collect()
}

/// The conversation panicked: a fault of ours, told like one of the plugin's.
fn lost(visit: &Visit<'_>) -> Contribution {
    let plugin = visit.plugin;
    let cause = Cause::new(CauseKind::PluginFailed, "the agent failed while it led the conversation");
    Contribution {
        targets: vec![placeholder(visit, &cause)],
        plugin: None,
        access: Access::default(),
        log: Vec::new(),
        plugin_log: PluginLog::default(),
        warnings: vec![format!("{}: {cause}", plugin.manifest.name)],
        milliseconds: 0.0,
    }
}

/// One of so many visits.
fn run(visit: &Visit<'_>, visits: usize, request: &Request<'_>) -> Contribution {
    let began = Instant::now();
    let Visit { plugin, container } = visit;
    let root = container.as_ref().map_or(request.root, |container| &container.root);
    let name = &plugin.manifest.name;
    let grants = plugin.manifest.grant.is_some();
    let actor = users::acting_user(name, grants, request.config.connect_as(name));
    let mut broker = Broker::new(root, &plugin.manifest, actor);
    broker.runs_with(request.installation.runner());
    let mut warnings = Vec::new();
    let configured = match container {
        Some(_) => Vec::new(),
        None => configured(plugin, request, &mut broker, &mut warnings),
    };
    let login =
        container.as_ref().and_then(|inside| login(&inside.name, name, request.config, &mut warnings));
    let passwords: Vec<_> = configured
        .iter()
        .map(|found| &found.target)
        .chain(&login)
        .filter_map(|target| target.password.clone())
        .collect();
    let credentials = Credentials::new(passwords.iter().map(String::as_str));
    // A log is searched line by line, so each line of a password is one.
    let in_log = Credentials::new(passwords.iter().flat_map(|it| it.lines().chain([it.as_str()])));
    // The runner starts while the library is copied and verified.
    let start = || runner::start(&request.installation.runner());
    let started = plugin.vouched().then(start);
    let sealed = plugin.sealed(request.copies).map_err(|refused| refused.cause());
    let signature = sealed.as_ref().ok().map(|(_, signature)| signature.clone());
    let none = BTreeSet::new();
    let confinement = confinement(time_limit(plugin, request), request.config.require_full_isolation);
    let task = Task {
        manifest: &plugin.manifest,
        most_facts: (MOST_FACTS / visits.max(1)).clamp(LEAST_SHARE, LARGEST_SHARE),
        author: request.author,
        library_path: &plugin.library,
        time_limit: time_limit(plugin, request),
        confinement: &confinement,
        configured,
        options: request.config.options(&plugin.manifest).values,
        recorded: request.root.bundle().map(|bundle| bundle.made),
        // In a container a target has the container's name, which the plugin does not know.
        wanted: request.wanted.get(name).filter(|_| container.is_none()).unwrap_or(&none),
        login: login.as_ref(),
        only: request.only.get(name).unwrap_or(&none),
        credentials: &in_log,
    };
    let ready = sealed.and_then(|(library, _)| Ok((started.unwrap_or_else(start)?, library)));
    let gathered = gather(&task, ready, &mut broker);
    warnings.extend(gathered.notes.into_iter().map(|note| format!("{name}: {note}")));
    let mut targets = Vec::new();
    if let Some(cause) = &gathered.failure {
        warnings.push(format!("{name}: {cause}"));
        if gathered.targets.is_empty() {
            targets.push(placeholder(visit, cause));
        }
    }
    let mut taken = BTreeSet::new();
    let several = gathered.targets.len() > 1;
    for (found, admitted) in gathered.targets {
        let (own_name, title) = match container {
            None => (found.name.clone(), found.title),
            Some(inside) => {
                let own = found.name.as_deref().filter(|_| several);
                let own_name =
                    own.map_or_else(|| inside.name.clone(), |own| format!("{}-{own}", inside.name));
                (Some(own_name), format!("{} in the container {}", found.title, inside.name))
            }
        };
        let settings = match container {
            None => settings_of(&found.target, name, request.config),
            Some(_) => named_settings(own_name.as_deref(), name, request.config),
        };
        let id = unique(target_id(name, own_name.as_deref()), &mut taken);
        if container.is_some() && !is_wanted(own_name.as_deref(), request.wanted.get(name)) {
            continue;
        }
        targets.push(ScannedTarget {
            deployment: settings
                .and_then(|settings| settings.deployment.clone())
                .unwrap_or_else(|| id.clone()),
            importance: settings.map_or(1.0, |settings| settings.importance),
            named_by_admin: settings.is_some_and(|settings| settings.name.is_some()),
            id,
            plugin: name.clone(),
            plugin_version: plugin.manifest.version.to_string(),
            title: if title.is_empty() { plugin.manifest.title.clone() } else { title },
            container: container.as_ref().map(|inside| inside.name.clone()),
            facts: admitted.facts,
            notes: admitted.notes,
        });
    }
    let milliseconds = (began.elapsed().as_secs_f64() * 1e5).round() / 1e2;
    let version = plugin.manifest.version.to_string();
    let plugin =
        signature.map(|signature| goodstead_model::Plugin { version, signature, lacks: gathered.lacks });
    let mut contribution = Contribution {
        targets,
        plugin,
        access: broker.access().clone(),
        log: broker.into_log(),
        plugin_log: gathered.log,
        warnings,
        milliseconds,
    };
    contribution.clean(&credentials);
    contribution
}

impl Contribution {
    /// Drops whatever has a password in it that the plugin was handed.
    fn clean(&mut self, credentials: &Credentials) {
        if credentials.is_empty() {
            return;
        }
        for target in &mut self.targets {
            credentials.clean_fact(&mut target.facts);
            // What the admin wrote is the admin's: only the plugin's words are searched, and these can be no id.
            if credentials.are_in(&target.id) {
                target.id = format!("{}:…", target.plugin);
            }
            credentials.clean_text(&mut target.title);
            credentials.clean_text(&mut target.deployment);
            target.notes.iter_mut().for_each(|note| credentials.clean_text(note));
        }
        self.warnings.iter_mut().for_each(|warning| credentials.clean_text(warning));
        for entry in &mut self.log {
            credentials.clean_text(&mut entry.what);
            entry.refused.iter_mut().for_each(|why| credentials.clean_text(why));
            for file in &mut entry.files {
                credentials.clean_text(&mut file.path);
                file.refused.iter_mut().for_each(|why| credentials.clean_text(why));
            }
        }
    }
}

/// What a report says of the plugins that ran and that nobody signed.
pub(crate) fn unsigned(scan: &Scan) -> impl Iterator<Item = String> {
    let unsigned = scan.plugins.iter().filter(|(_, plugin)| plugin.signature == Signature::Unsigned);
    unsigned.map(|(name, _)| format!("the plugin {name} is not signed, which agent.toml allows"))
}

/// How long the plugin may take.
fn time_limit(plugin: &Plugin, request: &Request<'_>) -> Duration {
    request.config.time_limit(&plugin.manifest.name, plugin.manifest.time_limit)
}

/// How a runner locks itself in. As root it becomes the service user, or nobody: a plugin needs no identity at all.
fn confinement(time_limit: Duration, require_full: bool) -> Confinement {
    let user = users::by_name(users::SERVICE_USER)
        .map_or((users::NOBODY, users::NOBODY), |user| (user.uid, user.gid));
    let root = users::current().uid == 0;
    Confinement {
        user: root.then_some(user.0),
        group: root.then_some(user.1),
        memory_bytes: MAX_MEMORY,
        // A second more than the agent waits, so that it is the agent who says why.
        cpu_seconds: time_limit.as_secs() + 1,
        require_full,
        keep_output: true,
        ..Confinement::default()
    }
}

/// What stands for the targets of a plugin that could not even look for them: so that its checks count as not judged
/// instead of vanishing.
fn placeholder(visit: &Visit<'_>, cause: &Cause) -> ScannedTarget {
    let plugin = visit.plugin;
    let name = &plugin.manifest.name;
    let container = visit.container.as_ref().map(|inside| inside.name.clone());
    let id = target_id(name, container.as_deref());
    let title = plugin.manifest.title.clone();
    ScannedTarget {
        deployment: id.clone(),
        id,
        plugin: name.clone(),
        plugin_version: plugin.manifest.version.to_string(),
        title: container
            .as_ref()
            .map_or(title.clone(), |inside| format!("{title} in the container {inside}")),
        importance: 1.0,
        facts: all_unknown(&plugin.manifest.contract.fields, cause),
        notes: Vec::new(),
        container,
        named_by_admin: false,
    }
}

/// Whether a target of this name was asked for.
fn is_wanted(name: Option<&str>, wanted: Option<&BTreeSet<String>>) -> bool {
    wanted.is_none_or(|wanted| wanted.is_empty() || name.is_some_and(|name| wanted.contains(name)))
}

/// How to log in to what is in the container of this name, as the admin says.
fn login(
    container: &str,
    plugin: &str,
    config: &Config,
    warnings: &mut Vec<String>,
) -> Option<message::Target> {
    let target = named_settings(Some(container), plugin, config)?;
    let password = target.password_file.as_ref().and_then(|file| read_password(file, warnings));
    Some(message::Target {
        user: target.user.clone(),
        password,
        database: target.database.clone(),
        ..message::Target::default()
    })
}

/// The table without an address that has this name.
fn named_settings<'a>(name: Option<&str>, plugin: &str, config: &'a Config) -> Option<&'a TargetConfig> {
    let known = config.targets.iter().filter(|known| known.plugin == plugin && known.address.is_none());
    known.into_iter().find(|known| known.name.is_some() && known.name.as_deref() == name)
}

/// The usable password in a file.
fn read_password(file: &Path, warnings: &mut Vec<String>) -> Option<String> {
    match password(file) {
        Ok(password) => usable(&password, file, warnings),
        Err(why) => {
            warnings.push(format!("the password file {} is not used: {why}", file.display()));
            None
        }
    }
}

/// The password in a file that nobody else can have written.
fn password(file: &Path) -> Result<String, FileError> {
    let bytes = read_sound(file, MAX_PASSWORD, Links::Refused)?;
    let text =
        String::from_utf8(bytes).map_err(|_| FileError::Io(io::Error::other("it is not UTF-8 text")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The targets that the admin configured for the plugin. Live only: a folder has no addresses.
fn configured(
    plugin: &Plugin,
    request: &Request<'_>,
    broker: &mut Broker,
    warnings: &mut Vec<String>,
) -> Vec<FoundTarget> {
    if !request.root.is_live() {
        return Vec::new();
    }
    let mine = request.config.targets.iter().filter(|target| target.plugin == plugin.manifest.name);
    // A table that only says more about a target that discovery finds is no target of its own.
    mine.filter(|target| target.address.is_some())
        .map(|target| {
            if let Some(address) = &target.address {
                broker.accept_configured(address);
            }
            let password = target.password_file.as_ref().and_then(|file| read_password(file, warnings));
            let title = match (&target.name, &target.address) {
                (Some(name), _) => format!("{} {name}", plugin.manifest.title),
                (None, Some(address)) => format!("{} at {address}", plugin.manifest.title),
                (None, None) => String::new(),
            };
            let target = message::Target {
                name: target.name.clone(),
                address: target.address.clone(),
                user: target.user.clone(),
                password,
                database: target.database.clone(),
                ..message::Target::default()
            };
            FoundTarget { name: target.name.clone(), target, title }
        })
        .collect()
}

/// A password that can be told from other text, and so kept out of a report. An empty one is none.
fn usable(password: &str, file: &Path, warnings: &mut Vec<String>) -> Option<String> {
    if !password.is_empty() && password.chars().count() < MIN_PASSWORD {
        warnings.push(format!(
            "the password in {} was not used: one of fewer than {MIN_PASSWORD} characters could not be kept out of \
             reports; set a longer one",
            file.display()
        ));
        return None;
    }
    Some(password.to_owned())
}

/// What the admin says of this target.
fn settings_of<'a>(target: &message::Target, plugin: &str, config: &'a Config) -> Option<&'a TargetConfig> {
    config.targets.iter().find(|known| {
        let same_address = known.address.is_some() && known.address == target.address;
        known.plugin == plugin && (same_address || (known.address.is_none() && known.name == target.name))
    })
}

/// `linux`, or `postgresql:main`.
fn target_id(plugin: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{plugin}:{}", printable(name)),
        None => plugin.to_owned(),
    }
}

pub(crate) fn unique(id: String, taken: &mut BTreeSet<String>) -> String {
    let mut unique = id.clone();
    let mut number = 2;
    while !taken.insert(unique.clone()) {
        unique = format!("{id}-{number}");
        number += 1;
    }
    unique
}

/// What a plugin calls things, fit for a line of output.
fn printable(text: &str) -> String {
    text.chars().take(120).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_printable() {
        let mut taken = BTreeSet::new();
        assert_eq!(unique(target_id("p", Some("a\nb")), &mut taken), "p:a\u{fffd}b");
        assert_eq!(unique(target_id("p", Some("a\nb")), &mut taken), "p:a\u{fffd}b-2");
        assert_eq!(unique(target_id("p", None), &mut taken), "p");
    }
}
