//! `goodstead check`: inspect, judge, keep, show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use goodstead_engine::{Figures, Pack, Target as EngineTarget, assess};
use goodstead_model::{Agent, Origin, Report, SCHEMA, Target};
use goodstead_protocol::PROTOCOL;
use goodstead_protocol::diagnostic::{Diagnostic, Place, did_you_mean};
use goodstead_protocol::fact::Fact;
use indicatif::ProgressBar;
use jiff::Timestamp;

use super::{Exit, Installed, Outcome, configuration};
use crate::args::{Check, Format};
use crate::broker::{AccessEntry, Root};
use crate::config::Config;
use crate::installation::Installation;
use crate::packs::{self, Packs};
use crate::progress::Progress;
use crate::render::{access, diagnostics, output, text};
use crate::saved::SavedFacts;
use crate::scan::{Request, Scan, scan};
use crate::state::{KeptReport, State, StateError};

/// Runs the command.
pub(crate) fn run(args: &Check, installation: &Installation) -> Outcome {
    let began = Instant::now();
    let (config, mut sound) = configuration(installation);
    let installed = Installed::read(installation, &config)?;
    diagnostics::print(&installed.trust.diagnostics);
    sound &= installed.trust.sound();
    diagnostics::print(&installed.plugins.diagnostics);
    let names = installed.plugins.usable.iter().map(|plugin| plugin.manifest.name.as_str());
    diagnostics::print(&config.unknown_plugins(&installation.config_file(), names.clone()));
    let mut packs = packs::installed(installation, &installed.trust, &installed.known);
    sound &= packs.diagnostics.is_empty();
    diagnostics::print(&packs.diagnostics);
    let wanted = wanted(&args.targets, &config, names)?;
    let time = now();
    let progress = Progress::begin(installation, &installed.trust, &packs, &args.only, &time);
    keep_only(&mut packs.usable, &args.only)?;
    let loaded = milliseconds(began);

    let (origin, mut scan) = observe(args, installation, &config, &installed, &wanted, &time)?;
    scan.timings_ms.insert("load".into(), loaded);
    scan.warnings.extend(installed.trust.diagnostics.iter().map(ToString::to_string));
    scan.warnings.extend(installed.plugins.diagnostics.iter().map(ToString::to_string));
    scan.warnings.append(&mut packs.notes);
    if scan.targets.is_empty() {
        return Err(no_targets(args, &origin));
    }
    if let Some(file) = &args.save_facts {
        let saved = SavedFacts::new(&time, &origin, &scan);
        output::write(&saved.to_text(), Some(file))?;
    }

    let log = std::mem::take(&mut scan.log);
    if let Some(file) = &args.access_log {
        output::write(&access::log(&log), Some(file))?;
    }

    let mut state = State::open(&installation.state_file());
    let report =
        judge(&packs, scan, origin, &time, state.as_mut().ok(), (args.targets.is_empty(), progress), began)?;
    if let Err(error) = state
        .as_mut()
        .map_err(|error| error_text(error))
        .and_then(|state| keep(state, &report, &log).map_err(|error| error_text(&error)))
    {
        diagnostics::print(&[Diagnostic::warning("not-kept", format!("the report is not kept: {error}"))
            .at(Place::file(installation.state_file().display().to_string()))
            .help("name another folder with --state-dir")]);
    }
    output::write(&face(&report, args.format), args.output.as_deref())?;
    Ok(exit(args, &report, sound))
}

fn error_text(error: &StateError) -> String {
    error.to_string()
}

/// The access log in the wanted form.
pub(crate) fn log_face(log: &BTreeMap<String, Vec<AccessEntry>>, format: Format) -> String {
    match format {
        Format::Text => access::log(log),
        Format::Json => serde_json::to_string_pretty(log).unwrap_or_default() + "\n",
    }
}

/// The report in the wanted form.
pub(crate) fn face(report: &Report, format: Format) -> String {
    match format {
        Format::Text => text::report(report, text::width()),
        Format::Json => serde_json::to_string_pretty(report).unwrap_or_default() + "\n",
    }
}

fn exit(args: &Check, report: &Report, sound: bool) -> Exit {
    let Some(readiness) = &report.readiness else {
        diagnostics::print(&[Diagnostic::error(
            "nothing-judged",
            "nothing could be judged, so there is no result",
        )
        .help("the report says of each check why, and what would let it be judged")]);
        return Exit::Trouble;
    };
    if let Some(least) = args.min_coverage
        && readiness.coverage < f64::from(least)
    {
        let message = format!("the coverage of {:.1} % is under --min-coverage {least}", readiness.coverage);
        diagnostics::print(&[Diagnostic::error("coverage", message)]);
        return Exit::Trouble;
    }
    if !sound {
        return Exit::Trouble;
    }
    let fails = args
        .fail_on
        .threshold()
        .is_some_and(|least| report.findings().any(|finding| finding.impact >= least));
    if fails { Exit::Findings } else { Exit::Fine }
}

/// Leaves only the checks that were asked for.
fn keep_only(packs: &mut [Pack], only: &[String]) -> Result<(), Diagnostic> {
    if only.is_empty() {
        return Ok(());
    }
    let ids = |pack: &Pack| -> Vec<String> {
        let goals = pack.goals().map(|goal| goal.head().id.clone());
        pack.checks.iter().map(|check| check.id.clone()).chain(goals).collect()
    };
    let known: BTreeSet<String> = packs.iter().flat_map(ids).collect();
    if let Some(unknown) = only.iter().find(|id| !known.contains(*id)) {
        return Err(Diagnostic::error("unknown-check", format!("there is no check `{unknown}`"))
            .help("goodstead checks list shows them all")
            .maybe_help(did_you_mean(unknown, known.iter().map(String::as_str))));
    }
    for pack in packs {
        pack.checks.retain(|check| only.contains(&check.id));
    }
    Ok(())
}

/// Which plugins to run, each with the wanted names.
fn wanted<'a>(
    targets: &[String],
    config: &Config,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<BTreeMap<String, BTreeSet<String>>, Diagnostic> {
    if targets.is_empty() {
        return Ok(known
            .filter(|name| !config.disabled(name))
            .map(|name| (name.to_owned(), BTreeSet::new()))
            .collect());
    }
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut whole = BTreeSet::new();
    for target in targets {
        let (plugin, name) =
            target.split_once(':').map_or((target.as_str(), None), |(plugin, name)| (plugin, Some(name)));
        if !known.clone().any(|known| known == plugin) {
            return Err(Diagnostic::error("unknown-plugin", format!("no plugin `{plugin}` is installed"))
                .help("goodstead plugins list shows them all")
                .maybe_help(did_you_mean(plugin, known)));
        }
        let names = wanted.entry(plugin.to_owned()).or_default();
        match name {
            Some(name) => _ = names.insert(name.to_owned()),
            None => _ = whole.insert(plugin.to_owned()),
        }
    }
    // `postgresql postgresql:main` means all of PostgreSQL.
    for plugin in whole {
        wanted.insert(plugin, BTreeSet::new());
    }
    Ok(wanted)
}

/// Gets the facts: from the host, a folder, or a file.
fn observe(
    args: &Check,
    installation: &Installation,
    config: &Config,
    installed: &Installed,
    wanted: &BTreeMap<String, BTreeSet<String>>,
    time: &str,
) -> Result<(Origin, Scan), Diagnostic> {
    if let Some(file) = &args.facts {
        let saved = SavedFacts::read(file)?;
        let scan = saved.into_scan(&installed.plugins.usable, &installed.host_contract, wanted);
        return Ok((Origin::Facts { path: file.display().to_string() }, scan));
    }
    let (origin, root) = match &args.root {
        Some(path) => (Origin::Root { path: path.display().to_string() }, open_root(path)?),
        None => (
            Origin::Live,
            Root::live()
                .map_err(|error| Diagnostic::error("no-root", format!("/ cannot be opened: {error}")))?,
        ),
    };
    let progress = progress(wanted);
    let request = Request {
        installation,
        config,
        plugins: &installed.plugins.usable,
        host_contract: &installed.host_contract,
        root: &root,
        wanted,
        time,
    };
    let scan = scan(&request);
    progress.finish_and_clear();
    Ok((origin, scan))
}

fn open_root(path: &Path) -> Result<Root, Diagnostic> {
    Root::folder(path).map_err(|error| {
        let place = Place::file(path.display().to_string());
        Diagnostic::error("no-root", format!("the root cannot be opened: {error}"))
            .at(place)
            .help("name a folder that holds a root file system")
    })
}

fn no_targets(args: &Check, origin: &Origin) -> Diagnostic {
    match origin {
        Origin::Root { path } => Diagnostic::error(
            "no-root",
            "this does not look like a root file system: nothing in it can be inspected",
        )
        .at(Place::file(path.clone()))
        .help("name the folder that holds etc, usr and var"),
        Origin::Facts { path } => Diagnostic::error(
            "no-targets",
            "none of the saved targets was asked for, or their plugins are not installed",
        )
        .at(Place::file(path.clone())),
        Origin::Live if !args.targets.is_empty() => Diagnostic::error(
            "no-targets",
            format!("nothing called {} was found on this host", args.targets.join(" or ")),
        )
        .help("goodstead check, without a name, shows what is found; agent.toml can name what is not"),
        Origin::Live => Diagnostic::error("no-targets", "no plugin found anything to inspect on this host")
            .help("goodstead plugins list shows which products are known; agent.toml can name targets"),
    }
}

/// A sign of life on a terminal.
fn progress(wanted: &BTreeMap<String, BTreeSet<String>>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let names: Vec<_> = wanted.keys().map(String::as_str).collect();
    let bar = ProgressBar::new_spinner().with_message(format!("inspecting {}", names.join(", ")));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Makes the report.
fn judge(
    packs: &Packs,
    scan: Scan,
    origin: Origin,
    time: &str,
    mut state: Option<&mut State>,
    (whole, mut progress): (bool, Progress<'_>),
    began: Instant,
) -> Result<Report, Diagnostic> {
    let judging = Instant::now();
    let memory = origin_key(&origin);
    let targets: Vec<EngineTarget> = scan
        .targets
        .iter()
        .map(|target| EngineTarget {
            id: target.id.clone(),
            plugin: target.plugin.clone(),
            facts: target.facts.clone(),
            previous: memory
                .as_ref()
                .and_then(|memory| state.as_ref()?.previous_facts(&target.id, memory).ok().flatten()),
            importance: target.importance,
            deployment: target.deployment.clone(),
        })
        .collect();
    let figures = Figures::shipped()?;
    let given = progress.given(&packs.usable, &targets, whole, memory.clone(), state.as_deref(), time);
    let mut assessment = assess(&packs.usable, &targets, &scan.host, &figures, &given);
    let mut warnings = scan.warnings;
    warnings.extend(progress.end(&assessment, state.as_deref_mut(), time));
    if let (Some(memory), Some(state)) = (&memory, state) {
        for target in &scan.targets {
            if let Err(error) = state.remember_facts(&target.id, memory, time, &target.facts) {
                warnings.push(format!(
                    "the facts of {} are not remembered for the next scan: {error}",
                    target.id
                ));
            }
        }
    }
    let report_targets = scan
        .targets
        .into_iter()
        .map(|target| Target {
            score: assessment.targets.remove(&target.id),
            id: target.id,
            plugin: target.plugin,
            plugin_version: target.plugin_version,
            title: target.title,
            deployment: target.deployment,
            importance: target.importance,
            notes: target.notes,
        })
        .collect();
    let mut timings_ms = scan.timings_ms;
    timings_ms.insert("judge".into(), milliseconds(judging));
    timings_ms.insert("all".into(), milliseconds(began));
    Ok(Report {
        schema: SCHEMA,
        id: random_id()?,
        time: time.to_owned(),
        agent: Agent { version: env!("CARGO_PKG_VERSION").to_owned(), protocol: PROTOCOL },
        origin,
        host: host_name(&scan.host),
        readiness: assessment.readiness,
        targets: report_targets,
        packs: packs.entries(),
        verdicts: assessment.judgements,
        adoption: assessment.adoption,
        milestones: assessment.milestones,
        tasks: assessment.tasks,
        plugins: scan.plugins,
        access: scan.access,
        warnings,
        timings_ms,
    })
}

/// Under which name the facts are remembered; saved facts are no scan and are not.
fn origin_key(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Live => Some("live".to_owned()),
        Origin::Root { path } => Some(fs::canonicalize(path).ok()?.display().to_string()),
        Origin::Facts { .. } => None,
    }
}

fn host_name(host: &Fact) -> Option<String> {
    let Fact::Map(host) = host else { return None };
    match host.items.get("name") {
        Some(Fact::Text(name)) => Some(name.clone()),
        _ => None,
    }
}

fn keep(
    state: &mut State,
    report: &Report,
    log: &BTreeMap<String, Vec<AccessEntry>>,
) -> Result<(), StateError> {
    let body = serde_json::to_vec(report).map_err(|_| StateError::BadReport(report.id.clone()))?;
    state.keep_report(&KeptReport { id: report.id.clone(), time: report.time.clone(), body }, log)
}

fn random_id() -> Result<String, Diagnostic> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Diagnostic::error("no-random", format!("the system gives no random numbers: {error}"))
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The present second, RFC 3339 in UTC.
fn now() -> String {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default().to_string()
}

fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e5).round() / 1e2
}
