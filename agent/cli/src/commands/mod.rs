//! One module a command: what it does, in the order in which it does it. [`accepted`] and [`chosen`] are parts of
//! `check`; [`trial`], [`package`] and [`install`] are of `plugins`.

mod accepted;
pub(crate) mod check;
pub(crate) mod checks;
mod chosen;
pub(crate) mod enroll;
pub(crate) mod explain;
mod explain_goal;
pub(crate) mod grant;
mod install;
pub(crate) mod new;
mod new_plugin;
mod package;
pub(crate) mod plugins;
pub(crate) mod report;
pub(crate) mod status;
mod trial;
pub(crate) mod waive;
mod wanted;

use std::path::Path;
use std::process::ExitCode;
use std::thread;

use goodstead_engine::{Check, Goal, Pack, Plugins as KnownPlugins};
use goodstead_protocol::contract::Contract;
use goodstead_protocol::diagnostic::{Diagnostic, Place, did_you_mean};
use semver::Version;

use crate::args::Shown;
use crate::clock::now;
use crate::config::Config;
use crate::files::{self, FileError, Links};
use crate::host;
use crate::installation::Installation;
use crate::packs::Packs;
use crate::plugins::Plugins;
use crate::render::face::Look;
use crate::render::nagios::Service;
use crate::render::{diagnostics, page};
use crate::state::{State, StateError};
use crate::trust::{Copies, Memory, Trust};

/// The largest `agent.toml`: thousands of targets.
const MAX_CONFIG: u64 = 1 << 20;

/// How a command ends. The numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Nothing to complain about.
    Fine,
    /// Findings, a failed case, a report that could not be delivered.
    Findings,
    /// Usage, broken input, output that cannot be written, nothing judged.
    Trouble,
    /// As monitoring systems want it, who ask for their own face.
    Service(Service),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::Findings => 1,
            Exit::Trouble => 2,
            Exit::Service(service) => service as u8,
        })
    }
}

/// A command's outcome: how it ends, or what stopped it.
pub(crate) type Outcome = Result<Exit, Diagnostic>;

/// What is installed: the plugins, and their contracts as the engine wants them.
pub(crate) struct Installed {
    pub(crate) trust: Trust,
    pub(crate) plugins: Plugins,
    pub(crate) host_contract: Contract,
    pub(crate) known: KnownPlugins,
    /// Copies of libraries, as far as they were begun.
    pub(crate) copies: Copies,
}

impl Installed {
    /// Reads the trusted keys and every plugin's manifest.
    pub(crate) fn read(installation: &Installation, config: &Config) -> Result<Installed, Diagnostic> {
        Installed::read_as(installation, config, false)
    }

    /// As [`Installed::read`], and accepts versions that are older than those that were seen.
    fn read_accepting(installation: &Installation, config: &Config) -> Result<Installed, Diagnostic> {
        Installed::read_as(installation, config, true)
    }

    fn read_as(
        installation: &Installation,
        config: &Config,
        accept_older: bool,
    ) -> Result<Installed, Diagnostic> {
        // Read while the keys are.
        let mut trust = thread::scope(|scope| {
            let reading = scope.spawn(|| memory(installation).map_err(|error| error.to_string()));
            Trust::load(installation, &config.allow_unsigned, || {
                reading.join().unwrap_or_else(|_| Ok(Memory::default()))
            })
        });
        if accept_older {
            trust.accept_older();
        }
        let plugins = crate::plugins::find(&installation.plugins(), &trust)?;
        let host_contract = host::contract().map_err(|errors| {
            errors
                .into_iter()
                .next()
                .unwrap_or_else(|| Diagnostic::error("bad-host-contract", "the host's contract is broken"))
        })?;
        let mut known = KnownPlugins::default();
        known.add(Version::new(1, 0, 0), host_contract.clone());
        for plugin in &plugins.usable {
            known.add(plugin.manifest.version.clone(), plugin.manifest.contract.clone());
        }
        Ok(Installed { trust, plugins, host_contract, known, copies: Copies::default() })
    }
}

/// Reads `agent.toml`. A broken one is told, and answered with the defaults, which are the safe side of everything.
pub(crate) fn configuration(installation: &Installation) -> (Config, bool) {
    match read_configuration(&installation.config_file()) {
        Ok(config) => (config, true),
        Err(errors) => {
            diagnostics::print(&errors);
            diagnostics::print(&[Diagnostic::warning(
                "defaults",
                "using the defaults, as if there were no configuration",
            )]);
            (Config::default(), false)
        }
    }
}

/// The configuration in a file that nobody else can have written; without one, the defaults.
fn read_configuration(path: &Path) -> Result<Config, Vec<Diagnostic>> {
    let place = || Place::file(path.display().to_string());
    match files::read_sound(path, MAX_CONFIG, Links::Refused) {
        Ok(bytes) => Config::from_bytes(path, bytes),
        Err(FileError::Missing) => Ok(Config::default()),
        Err(FileError::Unsound(trouble)) => {
            let message = if trouble.is_wrong_type() {
                format!("the configuration cannot be read: {trouble}")
            } else {
                format!("the configuration is not used, because {trouble}")
            };
            let found = Diagnostic::error("configuration-open-to-others", message).at(place());
            Err(vec![found.help(trouble.remedy(path))])
        }
        Err(FileError::Io(error)) => {
            let found = Diagnostic::error("unreadable", format!("the configuration cannot be read: {error}"));
            Err(vec![found.at(place()).help("check the file's owner, mode and size")])
        }
    }
}

/// What earlier scans saw; nothing where no state is kept yet.
fn memory(installation: &Installation) -> Result<Memory, StateError> {
    let file = installation.state_file();
    if file.symlink_metadata().is_err() {
        return Ok(Memory::default());
    }
    State::open(&file)?.memory()
}

/// Opens the state, for commands that cannot do without.
pub(crate) fn state(installation: &Installation) -> Result<State, Diagnostic> {
    State::open(&installation.state_file()).map_err(|error| state_trouble(installation, &error))
}

/// A fault of the state database, as a diagnostic.
pub(crate) fn state_trouble(installation: &Installation, error: &StateError) -> Diagnostic {
    Diagnostic::error("state", format!("the state cannot be used: {error}"))
        .at(Place::file(installation.state_file().display().to_string()))
        .help("name another folder with --state-dir, or check its owner and the space on its file system")
}

/// What an id stands for.
enum Known<'a> {
    Check(&'a Check),
    Goal(Goal<'a>),
}

/// The installed check, capability, milestone or task with this id.
fn known<'a>(packs: &'a Packs, id: &str) -> Result<Known<'a>, Diagnostic> {
    let checks = || packs.usable.iter().flat_map(|pack| &pack.checks);
    let goals = || packs.usable.iter().flat_map(Pack::goals);
    let check = checks().find(|check| check.id == id).map(Known::Check);
    let found = check.or_else(|| goals().find(|goal| goal.head().id == id).map(Known::Goal));
    found.ok_or_else(|| {
        let ids = goals().map(|goal| goal.head().id.as_str());
        Diagnostic::error("unknown-check", format!("there is no check `{id}`"))
            .help("goodstead checks list shows them all")
            .maybe_help(did_you_mean(id, checks().map(|check| check.id.as_str()).chain(ids)))
    })
}

/// How the user wants to look at a report; `trouble` is what keeps it from counting in monitoring.
fn look(shown: &Shown, trouble: Option<String>) -> Look {
    Look { width: page::width(), detail: shown.detail(), unicode: page::unicode(), trouble }
}
