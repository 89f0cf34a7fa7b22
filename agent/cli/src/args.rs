//! The command line, as clap reads it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::ArgValueCompleter;
use goodstead_model::Impact;
use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::message::Address;

use crate::complete;
use crate::render::face::{Detail, Face};

/// Agent, plugin protocol and report schema: three numbers that change on their own.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (protocol 1, report schema 3)");

#[derive(Debug, Parser)]
#[command(
    name = "goodstead",
    version = VERSION,
    about = "Checks how well prepared for success a deployment is, and explains every point",
    after_help = "Exit codes of `check`: 0 fine, 1 findings at or above --fail-on (waived ones do not \
                  count), 2 usage, broken input, output that \
                  cannot be written, nothing judged, or coverage under --min-coverage. With --format nagios: 0 ok, \
                  1 medium findings, 2 high or critical ones, 3 where it is 2 above.",
    subcommand_required = false,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Where agent.toml, entitlement.toml and your own checks are [root: /etc/goodstead, others: ~/.config/goodstead]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(env = "GOODSTEAD_CONFIG_DIR", hide_env_values = true)]
    pub(crate) config_dir: Option<PathBuf>,
    /// Where reports, waivers and the enrolment are kept [root: /var/lib/goodstead, others: ~/.local/state/goodstead]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(env = "GOODSTEAD_STATE_DIR", hide_env_values = true)]
    pub(crate) state_dir: Option<PathBuf>,
    /// When to use colours; `auto` means on a terminal, unless NO_COLOR or CLICOLOR_FORCE says otherwise
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    #[arg(env = "GOODSTEAD_COLOR", hide_env_values = true)]
    pub(crate) color: Colour,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal
    Auto,
    /// Also in pipes
    Always,
    /// Not at all
    Never,
}

impl Colour {
    /// Makes it hold for all output of this process.
    pub(crate) fn set(self) {
        let choice = match self {
            Colour::Auto => return,
            Colour::Always => anstream::ColorChoice::Always,
            Colour::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Inspect this host, score it, and explain every point
    Check(Check),
    /// Explain checks, capabilities, milestones or tasks in full, and what they came to here
    Explain {
        /// Their ids, for example postgresql.fsync-off
        #[arg(required = true, value_name = "ID", add = ArgValueCompleter::new(complete::checks))]
        ids: Vec<String>,
    },
    /// What is installed, trusted, configured and allowed, and how the last scan went
    Status {
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Accept a finding until a day, with a reason; show or end what is accepted
    Waive(Waive),
    /// Begin something of your own: a check, a plugin
    #[command(subcommand)]
    New(New),
    /// The checks: list, lint, test
    #[command(subcommand)]
    Checks(Checks),
    /// The plugins: list, inspect, test
    #[command(subcommand)]
    Plugins(Plugins),
    /// Kept reports: show, preview what would be sent, send
    #[command(subcommand)]
    Report(Report),
    /// Join a support desk with the one-time token that it gave you, or leave it
    Enroll(Enroll),
    /// Print what lets the agent look into a product, and with --apply carry it out
    Grant(Grant),
    /// Print help for a command
    Help {
        /// The command, for example `report diff`
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Write completions for your shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a manual page for each command into a folder
    #[command(hide = true)]
    Manual {
        /// The folder
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// What to inspect: a plugin (`linux`) or one target of it (`postgresql:main`); everything by default
    #[arg(value_name = "TARGET", add = ArgValueCompleter::new(complete::plugins))]
    pub(crate) targets: Vec<String>,
    /// Inspect a folder that holds a root file system instead of the live host
    #[arg(long, value_name = "DIR", conflicts_with = "facts", value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,
    /// Inspect a support bundle of sos report or Troubleshoot instead of the live host: an archive (.tar, .tar.gz, .tar.xz,
    /// .tar.bz2) or the unpacked folder
    #[arg(long, value_name = "FILE|DIR", conflicts_with_all = ["facts", "root"], value_hint = ValueHint::AnyPath)]
    pub(crate) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shown: Shown,
    /// Write the report to a file instead of standard output, whole or not at all; without --format its extension decides
    /// (.json, .html, .md, .sarif, .xml, .prom, .txt)
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Judge only these checks: ids or patterns such as 'postgresql.*-index', repeated or separated by commas
    #[arg(long, value_name = "ID", value_delimiter = ',', add = ArgValueCompleter::new(complete::checks))]
    pub(crate) only: Vec<String>,
    /// Leave these checks out, likewise
    #[arg(long, value_name = "ID", value_delimiter = ',', add = ArgValueCompleter::new(complete::checks))]
    pub(crate) except: Vec<String>,
    /// Judge only checks of at least this impact
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) min_impact: Option<LeastImpact>,
    /// Exit with 1 on a finding of at least this impact
    #[arg(long, value_enum, default_value_t = FailOn::High, value_name = "LEVEL")]
    #[arg(env = "GOODSTEAD_FAIL_ON", hide_env_values = true)]
    pub(crate) fail_on: FailOn,
    /// Exit with 2 when less than this per cent of the applicable weight could be judged
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) min_coverage: Option<u8>,
    /// Save the observed facts to a file
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    pub(crate) save_facts: Option<PathBuf>,
    /// Write every request of every plugin, granted or refused, to a file
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    pub(crate) access_log: Option<PathBuf>,
    /// Write what the plugins wrote to their standard output and standard error to a file
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    pub(crate) plugin_log: Option<PathBuf>,
    /// Judge facts that were saved earlier, here or elsewhere, instead of inspecting
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,
}

impl Command {
    /// The face of a report that is asked for, of commands that show one.
    pub(crate) fn face(&self) -> Option<Face> {
        match self {
            Command::Check(Check { shown, output, .. }) => shown.face(output.as_deref()).ok(),
            Command::Report(Report::Show { shown, .. }) => shown.face(None).ok(),
            _ => None,
        }
    }
}

/// Whether a command line that cannot be understood asks for the face of monitoring.
pub(crate) fn wants_nagios(arguments: impl Iterator<Item = OsString>) -> bool {
    let arguments: Vec<_> = arguments.collect();
    let apart = arguments.windows(2).any(|pair| pair == ["--format", "nagios"]);
    let named = apart || arguments.iter().any(|argument| argument == "--format=nagios");
    named || std::env::var_os(FORMAT).is_some_and(|format| format == "nagios")
}

/// The variable that says how reports are printed where the command line does not.
const FORMAT: &str = "GOODSTEAD_FORMAT";

/// How a report is shown.
#[derive(Debug, Args)]
pub(crate) struct Shown {
    /// How to print the report [default: text] [env: GOODSTEAD_FORMAT=]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Face>,
    /// Print as text only the headline and what is wrong
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print as text every verdict and every value as well
    #[arg(long, short, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

impl Shown {
    /// How to print it: as the command line says, else as the name of the file says into which it goes, else as
    /// GOODSTEAD_FORMAT says.
    ///
    /// # Errors
    /// GOODSTEAD_FORMAT names no format.
    pub(crate) fn face(&self, output: Option<&Path>) -> Result<Face, Diagnostic> {
        if let Some(face) = self.format.or_else(|| output.and_then(Face::of_file)) {
            return Ok(face);
        }
        let Some(named) = std::env::var_os(FORMAT).filter(|it| !it.is_empty()) else { return Ok(Face::Text) };
        let named = named.to_string_lossy();
        Face::from_str(&named, false).map_err(|_| {
            let faces = Face::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            let names = faces.map(|face| face.get_name().to_owned()).collect::<Vec<_>>().join(", ");
            Diagnostic::error("bad-format", format!("GOODSTEAD_FORMAT is `{named}`, which is not a format"))
                .help(format!("one of: {names}"))
        })
    }

    /// How much the text says.
    pub(crate) fn detail(&self) -> Detail {
        match (self.quiet, self.verbose) {
            (true, _) => Detail::Quiet,
            (_, true) => Detail::Verbose,
            _ => Detail::Normal,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person at a terminal
    Text,
    /// For a program, stable
    Json,
}

/// The least impact of the checks that are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LeastImpact {
    Critical,
    High,
    Medium,
    Low,
}

impl LeastImpact {
    /// The same as reports have it.
    pub(crate) fn impact(self) -> Impact {
        match self {
            LeastImpact::Critical => Impact::Critical,
            LeastImpact::High => Impact::High,
            LeastImpact::Medium => Impact::Medium,
            LeastImpact::Low => Impact::Low,
        }
    }
}

/// How `checks lint` prints what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    /// For a person at a terminal
    Text,
    /// For a program: each problem with file, line and column
    Json,
    /// For code scanning services: SARIF 2.1.0
    Sarif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Critical,
    High,
    Medium,
    Low,
    Never,
}

impl FailOn {
    /// The least impact that counts as failure.
    pub(crate) fn threshold(self) -> Option<Impact> {
        match self {
            FailOn::Critical => Some(Impact::Critical),
            FailOn::High => Some(Impact::High),
            FailOn::Medium => Some(Impact::Medium),
            FailOn::Low => Some(Impact::Low),
            FailOn::Never => None,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Waive {
    /// The check, for example postgresql.fsync-off
    #[arg(required_unless_present = "list", value_name = "ID", add = ArgValueCompleter::new(complete::checks))]
    pub(crate) id: Option<String>,
    /// Only on this target, as reports name it (`postgresql:main`); on every target by default
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Why it is accepted, in one line
    #[arg(long, required_unless_present_any = ["list", "remove"])]
    pub(crate) reason: Option<String>,
    /// The last day on which it is accepted, in UTC: YYYY-MM-DD, at most five years from now
    #[arg(long, value_name = "DATE", required_unless_present_any = ["list", "remove"])]
    pub(crate) until: Option<String>,
    /// List what is accepted, and what has expired
    #[arg(long, conflicts_with_all = ["id", "target", "reason", "until", "remove"])]
    pub(crate) list: bool,
    /// How to print the list
    #[arg(long, value_enum, default_value_t = Format::Text, requires = "list")]
    pub(crate) format: Format,
    /// End it: what fails counts as a finding again
    #[arg(long, conflicts_with_all = ["reason", "until"])]
    pub(crate) remove: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum New {
    /// Write the file of a check that only needs its meaning filled in
    Check {
        /// What the problem is called: linux.my-problem, or my-problem with --pack
        name: String,
        /// The pack of yours to put it in, below `<config>/checks` [default: local-<plugin>]
        #[arg(long, conflicts_with = "dir")]
        pack: Option<String>,
        /// Another pack's folder to put it in, for example checks/linux of a checkout
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Write a plugin with a fact, and a pack with a check, that builds and runs as it stands
    Plugin(NewPlugin),
}

#[derive(Debug, Args)]
pub(crate) struct NewPlugin {
    /// The first word of its facts: lower case letters, digits and `_`
    pub(crate) name: String,
    /// What to write it in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub(crate) language: Language,
    /// Ask a running product over its socket, instead of reading a file
    #[arg(long)]
    pub(crate) socket: bool,
    /// Where to make its folder; a checkout of Goodstead takes it in as one of its own
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// For Rust outside of a checkout: the folder plugins/sdk of one [default: that of the checkout that staged this
    /// goodstead]
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// A crate on the SDK
    Rust,
    /// A file of C on the header alone
    C,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Checks {
    /// List the installed checks
    List {
        /// How to print the list
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Find mistakes in check packs without running them
    Lint {
        /// Folders of packs; the installed ones by default
        packs: Vec<PathBuf>,
        /// How to print what is wrong
        #[arg(long, value_enum, default_value_t = LintFormat::Text)]
        format: LintFormat,
    },
    /// Run the cases of check packs
    Test {
        /// Folders of packs; the installed ones by default
        packs: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Plugins {
    /// List the installed plugins
    List {
        /// How to print the list
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Show who signed a plugin, what it may read, reach and run, and which facts it emits; runs none of its code
    Inspect {
        /// An installed plugin's name, a folder that holds a plugin.toml, or that file
        #[arg(add = ArgValueCompleter::new(complete::plugins))]
        plugin: String,
    },
    /// Run a plugin that is being written: every fact, what was refused, and what its checks say; keeps nothing
    Test(Trial),
    /// Sign plugins and packs that you made with a minisign key of yours
    Sign(Sign),
    /// Put a signed plugin, with the signed packs of checks for it, or a pack alone into one file
    Pack(PackArchive),
    /// Verify such a file, show what its plugin asks for, and install it once you consent
    Install(Install),
    /// Remove what was installed from such a file
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The secret key, of `minisign -G`, with or without a password, which is read from GOODSTEAD_KEY_PASSWORD or from
    /// standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Folders that hold a plugin.toml and its library, or a pack.toml and its checks
    #[arg(required = true, value_name = "FOLDER")]
    pub(crate) folders: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PackArchive {
    /// The folder of the signed plugin, or of a signed pack
    pub(crate) folder: PathBuf,
    /// The folder of a signed pack to go with it (repeatable)
    #[arg(long = "pack", value_name = "DIR")]
    pub(crate) packs: Vec<PathBuf>,
    /// The file to write; its SHA-256 goes into FILE.sha256 [default: NAME-VERSION.tar]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// A file of `goodstead plugins pack`; with --allow-downgrade also the name of what is installed already
    pub(crate) file: PathBuf,
    /// Consent to what the plugin asks for, where nobody can be asked
    #[arg(long)]
    pub(crate) yes: bool,
    /// Accept a version older than the newest that was seen here
    #[arg(long)]
    pub(crate) allow_downgrade: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The plugin's name; that of a pack that was installed alone
    pub(crate) name: String,
    /// Remove it without being asked
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Trial {
    /// A folder that holds a plugin.toml, or that file, which need no signature here; or an installed plugin's name
    pub(crate) plugin: String,
    /// Its library, when that does not lie beside the manifest
    #[arg(long, value_name = "FILE")]
    pub(crate) library: Option<PathBuf>,
    /// The folder of a pack of checks for it (repeatable) [default: those in `checks` beside the manifest; of an
    /// installed plugin the installed ones]
    #[arg(long = "pack", value_name = "DIR")]
    pub(crate) packs: Vec<PathBuf>,
    /// Inspect a folder that holds a root file system instead of the live host
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// Print a kept report, or one in a file
    Show {
        /// The beginning of its id, `latest`, or a file; `latest`, the newest of a full scan, by default
        #[arg(value_name = "ID|FILE", add = ArgValueCompleter::new(complete::reports))]
        report: Option<String>,
        #[command(flatten)]
        shown: Shown,
        /// Print the access log instead, as text or json: every request of every plugin, granted or refused
        #[arg(long)]
        access: bool,
    },
    /// List the kept reports, the newest first
    List {
        /// How to print the list
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Say what is new, what is fixed and what changed from one report to another
    Diff {
        /// The earlier one: the beginning of its id, `latest`, or a file; the last but one of a full scan by default
        #[arg(value_name = "ID|FILE", add = ArgValueCompleter::new(complete::reports))]
        before: Option<String>,
        /// The later one, likewise
        #[arg(value_name = "ID|FILE", default_value = "latest", add = ArgValueCompleter::new(complete::reports))]
        after: String,
        /// How to print the difference
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Print the very bytes that `report send` would send, and send nothing
    Preview {
        /// The beginning of its id; the newest full one by default
        #[arg(add = ArgValueCompleter::new(complete::reports))]
        id: Option<String>,
    },
    /// Send a report to the desk, and whatever is still spooled; the only command that sends
    Send {
        /// The beginning of its id; the newest full one by default
        #[arg(add = ArgValueCompleter::new(complete::reports))]
        id: Option<String>,
        /// Send it although it is partial; the desk shows it as such, beside what it knows
        #[arg(long, requires = "id")]
        partial: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// The product's plugin, for example postgresql
    #[arg(add = ArgValueCompleter::new(complete::plugins))]
    pub(crate) product: String,
    /// The product's socket, for example unix:/run/postgresql/.s.PGSQL.5433; all of this host's servers by default
    #[arg(long)]
    pub(crate) address: Option<Address>,
    /// Carry it out, as root or as the product's owner
    #[arg(long)]
    pub(crate) apply: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Enroll {
    /// The desk's address, for example https://desk.example.com
    #[arg(required_unless_present = "remove", value_name = "URL")]
    pub(crate) desk: Option<String>,
    /// The one-time token; asked for on standard input when neither this nor --token-file is given
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) token: Option<String>,
    /// A file that holds the one-time token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Trust the certificate authority in this file besides the system's (default: [desk] ca_file of agent.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Leave the desk: tell it, and forget the credential
    #[arg(long, conflicts_with_all = ["desk", "token", "token_file"])]
    pub(crate) remove: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_tells_its_numbers() {
        Cli::command().debug_assert();
        let numbers =
            format!("(protocol {}, report schema {})", goodstead_protocol::PROTOCOL, goodstead_model::SCHEMA);
        assert!(VERSION.ends_with(&numbers), "{VERSION}");
    }
}
