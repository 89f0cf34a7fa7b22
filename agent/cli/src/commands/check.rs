//! `goodstead check`: inspect, judge, keep, show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use goodstead_engine::{Events, Figures, Given, Target as EngineTarget, Waivers, assess};
use goodstead_model::{Agent, Origin, Report, SCHEMA, Selection, Target};
use goodstead_protocol::PROTOCOL;
use goodstead_protocol::diagnostic::{Diagnostic, Place, Severity};
use goodstead_protocol::fact::Fact;
use indicatif::ProgressBar;
use jiff::Timestamp;

use super::accepted;
use super::chosen::{self, Chosen};
use super::wanted::{begin_copies, wanted};
use super::{Exit, Installed, Outcome, configuration, look, now};
use crate::args::{Check, Format, LeastImpact};
use crate::broker::{AccessLog, Root};
use crate::bundle::Bundle;
use crate::clock;
use crate::config::Config;
use crate::identity;
use crate::installation::Installation;
use crate::packs::{self, Packs};
use crate::plugin_log;
use crate::progress::Progress;
use crate::render::face::{self, Face};
use crate::render::{access, diagnostics, json, nagios, output};
use crate::saved::SavedFacts;
use crate::scan::{Request, Scan, ScannedTarget, scan, unsigned};
use crate::state::{Counted, HOST, Histories, KeptReport, Memory, State, StateError};

/// Runs the command.
pub(crate) fn run(args: &Check, installation: &Installation) -> Outcome {
    let began = Instant::now();
    let face = args.shown.face(args.output.as_deref())?;
    let (config, mut sound) = configuration(installation);
    let copies = begin_copies(args, installation, &config);
    let installed = Installed { copies, ..Installed::read(installation, &config)? };
    diagnostics::print(&installed.trust.diagnostics);
    sound &= installed.trust.sound();
    diagnostics::print(&installed.plugins.diagnostics);
    let names = installed.plugins.usable.iter().map(|plugin| plugin.manifest.name.as_str());
    diagnostics::print(&config.unknown_plugins(&installation.config_file(), names.clone()));
    for plugin in &installed.plugins.usable {
        let errors = config.options(&plugin.manifest).errors;
        sound &= errors.is_empty();
        diagnostics::print(&errors);
    }
    let wanted = wanted(&args.targets, &config, names)?;
    let time = now();
    let read_packs = || -> Result<(Packs, Chosen), Diagnostic> {
        let plugins = wanted.keys().cloned().collect();
        let mut packs = packs::to_judge(installation, &installed.trust, &installed.known, plugins);
        let chosen = Chosen::of(args, &packs)?;
        chosen.retain(&mut packs);
        Ok((packs, chosen))
    };
    // A wrong name is told at once; otherwise the packs are read while the plugins look around.
    let early = if chosen::narrows(args) { Some(read_packs()?) } else { None };
    let early_packs = early.as_ref().map(|(packs, _)| packs);
    let state = State::open(&installation.state_file());
    let known = |origin: &Origin| {
        let key = origin_key(origin).zip(state.as_ref().ok());
        key.and_then(|(key, state)| state.identities(&key).ok()).unwrap_or_default()
    };
    let mut called = wanted.clone();
    let others_too = args.root.is_none() && identity::also_called(&mut called, &known(&Origin::Live));
    let gathered =
        with_context(&called, &config, &installed, installation, early_packs, args.save_facts.is_some());
    let loaded = milliseconds(began);
    let (packs, observed) = thread::scope(|scope| {
        let observing = scope.spawn(|| observe(args, installation, &config, &installed, &gathered, &time));
        let packs = early.map_or_else(read_packs, Ok);
        (packs, observing.join())
    });
    let (mut packs, chosen) = packs?;
    sound &= packs.diagnostics.iter().all(|found| found.severity == Severity::Warning);
    diagnostics::print(&packs.diagnostics);
    let lost = |_| Diagnostic::error("scan", "internal error while this host was inspected");
    let (origin, mut scan) = observed.map_err(lost)??;
    let progress = Progress::begin(installation, &installed, &packs, (args, chosen.ids()), &wanted, &time);
    scan.timings_ms.insert("load".into(), loaded);
    let unsigned: Vec<String> = unsigned(&scan).collect();
    scan.warnings.splice(0..0, unsigned);
    scan.warnings.extend(installed.trust.diagnostics.iter().map(ToString::to_string));
    scan.warnings.extend(installed.plugins.diagnostics.iter().map(ToString::to_string));
    scan.warnings.append(&mut packs.notes);
    let identities =
        identity::settle(&mut scan.targets, &identity::paths(&installed.plugins.usable), &known(&origin));
    if others_too {
        scan.targets.retain(|target| {
            let names = wanted.get(&target.plugin).filter(|names| !names.is_empty());
            names
                .is_none_or(|names| names.iter().any(|name| target.id == format!("{}:{name}", target.plugin)))
        });
    }
    if !scan.targets.iter().any(|target| wanted.contains_key(&target.plugin)) {
        return Err(no_targets(args, &origin));
    }
    if let Some(file) = &args.save_facts {
        let saved = SavedFacts::new(&time, &origin, &scan);
        output::write(&saved.to_text(), Some(file))?;
    }

    // What was gathered for checks of others to read is neither judged nor shown.
    let is_wanted = |target: &ScannedTarget| wanted.contains_key(&target.plugin);
    let (targets, context): (Vec<_>, Vec<_>) = scan.targets.into_iter().partition(is_wanted);
    scan.targets = targets;
    let log = std::mem::take(&mut scan.log);
    if let Some(file) = &args.access_log {
        output::write(&access::log(&log), Some(file))?;
    }
    let plugin_logs = std::mem::take(&mut scan.plugin_logs);
    if let Some(file) = &args.plugin_log {
        output::write(&plugin_log::text(&plugin_logs), Some(file))?;
    }

    let mut state = state;
    let memory = origin_key(&origin);
    let accepted = accepted::in_sight(state.as_ref().ok(), &chosen, &wanted, &time);
    let linux = context.into_iter().find(|target| target.plugin == CONTEXT).map(|target| target.facts);
    let earlier =
        Earlier { memory: memory.as_deref(), state: state.as_ref().ok(), accepted: &accepted, linux };
    let host = scan.host.clone();
    let selection = selection(args);
    let whole = selection.is_whole();
    let scanned = Scanned { origin, selection, time: &time };
    let Judged { mut report, targets, counted, events } =
        judge(&packs, scan, scanned, &earlier, progress, began)?;
    report.warnings.extend(chosen::not_applicable(args, &packs, &report, &targets, &host));
    let (no_counts, no_events) = (Counted::new(), Histories::new());
    let memory = memory.as_deref().map(|origin| {
        let milestones = &report.milestones;
        if !whole {
            // What a part of a scan saw is not the past of a full one. A milestone that it saw reached stays so.
            let (facts, counted, events) = (Vec::new(), &no_counts, &no_events);
            return Memory { origin, facts, milestones, counted, events, identities: &identities };
        }
        let facts = targets.iter().map(|target| (target.id.as_str(), &target.facts));
        let facts = facts.chain([(HOST, &host)]).collect();
        Memory { origin, facts, milestones, counted: &counted, events: &events, identities: &identities }
    });
    let trouble = trouble(args, &report, sound);
    let look = look(&args.shown, trouble.as_ref().map(|trouble| trouble.message.clone()));
    let (kept, shown) = thread::scope(|scope| {
        let keeping = scope.spawn(|| {
            let state = state.as_mut().map_err(|error| error.to_string())?;
            keep(state, &report, &log, memory.as_ref())
                .and_then(|()| state.remember(&installed.trust.learned(), &time))
                .map_err(|error| error.to_string())
        });
        let shown = face::render(&report, face, &look);
        (keeping.join().unwrap_or_else(|_| Err("the agent failed at it".to_owned())), shown)
    });
    if let Err(error) = kept {
        diagnostics::print(&[Diagnostic::warning("not-kept", format!("the report is not kept: {error}"))
            .at(Place::file(installation.state_file().display().to_string()))
            .help("name another folder with --state-dir")]);
    }
    output::write(&shown, args.output.as_deref())?;
    let exit = exit(args, face, &report, trouble);
    // The process ends here, and taking thousands of values apart one by one would be the last it does.
    std::mem::forget((installed, packs, targets, log, report));
    Ok(exit)
}

/// The access log in the wanted form.
pub(crate) fn log_face(log: &AccessLog, format: Format) -> String {
    match format {
        Format::Text => access::log(log),
        Format::Json => json::pretty(log),
    }
}

/// What keeps the report from being the whole answer.
fn trouble(args: &Check, report: &Report, sound: bool) -> Option<Diagnostic> {
    // Whoever names a check that does not concern this host has an answer, and it is in the report.
    let asked_for_nothing_here = chosen::narrows(args) && report.not_judged().next().is_none();
    let Some(readiness) = &report.readiness else {
        if asked_for_nothing_here && sound {
            return None;
        }
        let found = Diagnostic::error("nothing-judged", "nothing could be judged, so there is no result");
        return Some(found.help("the report says of each check why, and what would let it be judged"));
    };
    if let Some(least) = args.min_coverage
        && readiness.coverage < f64::from(least)
    {
        let message = format!("the coverage of {:.1} % is under --min-coverage {least}", readiness.coverage);
        return Some(Diagnostic::error("coverage", message));
    }
    let message = "the configuration, a plugin or a pack is broken; the errors are above";
    (!sound).then(|| Diagnostic::error("broken", message))
}

fn exit(args: &Check, face: Face, report: &Report, trouble: Option<Diagnostic>) -> Exit {
    if face == Face::Nagios {
        return Exit::Service(nagios::service(report, trouble.map(|it| it.message).as_deref()));
    }
    if let Some(trouble) = trouble {
        // What is broken was told when it was found.
        if trouble.code != "broken" {
            diagnostics::print(&[trouble]);
        }
        return Exit::Trouble;
    }
    let fails = args
        .fail_on
        .threshold()
        .is_some_and(|least| report.findings().any(|finding| finding.impact >= least));
    if fails { Exit::Findings } else { Exit::Fine }
}

/// Gets the facts: from the host, a folder, or a file.
fn observe(
    args: &Check,
    installation: &Installation,
    config: &Config,
    installed: &Installed,
    gathered: &Gathered,
    time: &str,
) -> Result<(Origin, Scan), Diagnostic> {
    let wanted = &gathered.plugins;
    if let Some(file) = &args.facts {
        let saved = SavedFacts::read(file)?;
        let usable = &installed.plugins.usable;
        let contract_of = |name: &str| {
            usable.iter().find(|plugin| plugin.manifest.name == name).map(|plugin| &plugin.manifest.contract)
        };
        let scan = saved.into_scan(contract_of, &installed.host_contract, wanted);
        return Ok((Origin::Facts { path: file.display().to_string() }, scan));
    }
    let manifests = installed.plugins.usable.iter().map(|plugin| &plugin.manifest);
    let bundle = match (&args.bundle, &args.root) {
        (Some(path), _) => Some((path, Bundle::open(path, manifests)?)),
        (None, Some(path)) => Bundle::unpacked(path).map(|bundle| (path, bundle)),
        (None, None) => None,
    };
    let (origin, root) = match (&bundle, &args.root) {
        (Some((path, bundle)), _) => {
            let made = clock::written(bundle.recorded.made);
            (Origin::Bundle { path: path.display().to_string(), made }, open_root(&bundle.folder)?)
        }
        (None, Some(path)) => (Origin::Root { path: path.display().to_string() }, open_root(path)?),
        (None, None) => (
            Origin::Live,
            Root::live()
                .map_err(|error| Diagnostic::error("no-root", format!("/ cannot be opened: {error}")))?,
        ),
    };
    let notes = bundle.as_ref().map(|(_, bundle)| bundle.notes.clone()).unwrap_or_default();
    // The folder of an archive stays until the scan is over.
    let mut _kept = None;
    let root = match bundle {
        Some((_, bundle)) => {
            let Bundle { recorded, private, .. } = bundle;
            _kept = private;
            root.recorded(recorded)
        }
        None => root,
    };
    let progress = progress(wanted);
    let request = Request {
        installation,
        config,
        plugins: &installed.plugins.usable,
        copies: &installed.copies,
        host_contract: &installed.host_contract,
        root: &Arc::new(root),
        wanted: &gathered.plugins,
        only: &BTreeMap::from([(CONTEXT.to_owned(), gathered.only.clone())]),
        time,
        author: false,
    };
    let mut scan = scan(&request);
    progress.finish_and_clear();
    scan.warnings.extend(notes);
    Ok((origin, scan))
}

pub(super) fn open_root(path: &Path) -> Result<Root, Diagnostic> {
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
        .help("name the folder with the root file system of a host: it has etc/os-release or usr/lib/os-release"),
        Origin::Bundle { path, .. } => {
            Diagnostic::error("no-targets", "nothing in the support bundle can be inspected")
                .at(Place::file(path.clone()))
                .help("it has to hold files of a host: etc, proc, or what commands printed")
        }
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

/// What the command line leaves out of the scan, for the report.
fn selection(args: &Check) -> Selection {
    Selection {
        targets: args.targets.clone(),
        only: args.only.clone(),
        except: args.except.clone(),
        min_impact: args.min_impact.map(LeastImpact::impact),
    }
}

/// Of what, how much of it and when a scan was.
struct Scanned<'a> {
    origin: Origin,
    selection: Selection,
    /// RFC 3339 in UTC.
    time: &'a str,
}

/// The plugin whose facts checks of every other may read.
const CONTEXT: &str = "linux";

/// What has to be gathered.
struct Gathered {
    /// The plugins, each with the wanted target names; no name means all of its targets.
    plugins: BTreeMap<String, BTreeSet<String>>,
    /// Of [`CONTEXT`], where it is gathered for others: the facts that they read; empty for all.
    only: BTreeSet<String>,
}

/// What has to be gathered: the wanted plugins, and [`CONTEXT`] where a wanted check reads its facts. So a check comes to
/// the same verdict however little was asked for. Of the latter only what is read, unless the facts are to be saved.
fn with_context(
    wanted: &BTreeMap<String, BTreeSet<String>>,
    config: &Config,
    installed: &Installed,
    installation: &Installation,
    early: Option<&Packs>,
    save: bool,
) -> Gathered {
    let mut gathered = Gathered { plugins: wanted.clone(), only: BTreeSet::new() };
    let usable = installed.plugins.usable.iter().any(|plugin| plugin.manifest.name == CONTEXT);
    if usable && !wanted.contains_key(CONTEXT) && !config.disabled(CONTEXT) {
        let read = early.map_or_else(
            || packs::read_of(installation, wanted, CONTEXT),
            |packs| {
                let read: BTreeSet<_> = packs.usable.iter().flat_map(|pack| pack.reads(CONTEXT)).collect();
                (!read.is_empty()).then_some(read)
            },
        );
        if let Some(read) = read {
            gathered.plugins.insert(CONTEXT.to_owned(), BTreeSet::new());
            gathered.only = if save { BTreeSet::new() } else { read };
        }
    }
    gathered
}

/// What is known from before this scan, and from beside it.
struct Earlier<'a> {
    /// The name under which things are remembered; nothing is without one.
    memory: Option<&'a str>,
    state: Option<&'a State>,
    accepted: &'a Waivers,
    /// Facts that were gathered for checks of others to read.
    linux: Option<Fact>,
}

impl Earlier<'_> {
    /// The previous facts of a target.
    fn facts(&self, target: &str) -> Option<Fact> {
        self.state?.previous_facts(target, self.memory?).ok().flatten()
    }

    /// What full scans before that at `time` saw of events.
    fn events(&self, time: &str) -> Events {
        let kept = self.memory.zip(self.state).and_then(|(memory, state)| state.events(memory).ok());
        let at = time.parse().map(Timestamp::as_second).unwrap_or_default();
        Events { at, histories: kept.unwrap_or_default() }
    }
}

/// A report, what it was made of, and what the next full scan needs to know of it.
struct Judged {
    report: Report,
    targets: Vec<EngineTarget>,
    /// What the tasks that add up counted.
    counted: Counted,
    /// What was seen of events.
    events: Histories,
}

/// Makes the report.
fn judge(
    packs: &Packs,
    mut scan: Scan,
    Scanned { origin, selection, time }: Scanned<'_>,
    earlier: &Earlier<'_>,
    mut progress: Progress<'_>,
    began: Instant,
) -> Result<Judged, Diagnostic> {
    let judging = Instant::now();
    let targets: Vec<EngineTarget> = scan
        .targets
        .iter_mut()
        .map(|target| EngineTarget {
            id: target.id.clone(),
            plugin: target.plugin.clone(),
            facts: std::mem::replace(&mut target.facts, Fact::record()),
            previous: earlier.facts(&target.id),
            container: target.container.clone(),
            importance: target.importance,
            deployment: target.deployment.clone(),
        })
        .collect();
    let figures = Figures::shipped()?;
    let given = progress.given(&packs.usable, &targets, earlier.memory, earlier.state, time);
    let given = Given {
        events: earlier.events(time),
        linux: earlier.linux.clone(),
        from_files: scan.from_files,
        ..given
    };
    scan.warnings.extend(progress.warnings());
    let mut assessment = assess(&packs.usable, &targets, &scan.host, earlier.accepted, &figures, &given);
    scan.warnings.extend(accepted::idle(&assessment, &origin));
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
            container: target.container,
            importance: target.importance,
            notes: target.notes,
        })
        .collect();
    let mut timings_ms = scan.timings_ms;
    timings_ms.insert("judge".into(), milliseconds(judging));
    timings_ms.insert("all".into(), milliseconds(began));
    let report = Report {
        schema: SCHEMA,
        id: random_id()?,
        time: time.to_owned(),
        agent: Agent { version: env!("CARGO_PKG_VERSION").to_owned(), protocol: PROTOCOL },
        origin,
        selection,
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
        warnings: scan.warnings,
        timings_ms,
    };
    Ok(Judged { report, targets, counted: assessment.counted, events: assessment.histories })
}

/// Under which name the facts are remembered; saved facts are no scan and are not.
pub(super) fn origin_key(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Live => Some("live".to_owned()),
        Origin::Root { path } => Some(fs::canonicalize(path).ok()?.display().to_string()),
        Origin::Bundle { .. } | Origin::Facts { .. } => None,
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
    log: &AccessLog,
    memory: Option<&Memory<'_>>,
) -> Result<(), StateError> {
    let kept = KeptReport {
        id: report.id.clone(),
        time: report.time.clone(),
        body: json::compact(report).into_bytes(),
        is_full: report.partial().is_none(),
    };
    state.keep_report(&kept, log, memory)
}

fn random_id() -> Result<String, Diagnostic> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Diagnostic::error("no-random", format!("the system gives no random numbers: {error}"))
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e5).round() / 1e2
}
