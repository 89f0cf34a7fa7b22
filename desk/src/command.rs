//! What can be asked of `goodstead-desk`, and the password that is typed.

use std::io::{BufRead, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use goodstead_desk::intake;
use goodstead_desk::limits::Limits;
use goodstead_desk::store::{Daily, DailyLimits};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Receives the reports of Goodstead's agents, ranks deployments and shows what each needs.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Answer agents and show the board until Ctrl-C or SIGTERM
    Serve(ServeArgs),
    /// Print a token that enrols one host of one customer, once
    Token(TokenArgs),
    /// Set a user's password, which is read from standard input
    Login(LoginArgs),
    /// Write a manual page for each command into a folder
    #[command(hide = true)]
    Manual {
        /// The folder
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The SQLite file that holds everything; made when it is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) database: PathBuf,
    /// Where to listen; port 0 takes a free one. Beyond loopback only with TLS and a login file
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8740")]
    pub(crate) listen: SocketAddr,
    /// The certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Who may read the pages (written by `goodstead-desk login`)
    #[arg(long, value_name = "FILE")]
    pub(crate) login_file: Option<PathBuf>,
    /// Print an enrolment token for this customer at the start
    #[arg(long, value_name = "CUSTOMER", value_parser = customer)]
    pub(crate) token_for: Option<String>,
    #[command(flatten)]
    pub(crate) quotas: Quotas,
}

/// How much of each sender is kept. What is above a limit is refused for the rest of the day (UTC) and stays with the
/// agent, which sends it again.
#[derive(Debug, Args)]
#[command(next_help_heading = "Quotas")]
pub(crate) struct Quotas {
    /// Reports of one node that are kept in a day
    #[arg(long, value_name = "NUMBER", default_value_t = DailyLimits::default().node.reports)]
    node_reports_per_day: u64,
    /// MiB of one node's reports that are kept in a day
    #[arg(long, value_name = "MIB", default_value_t = DailyLimits::default().node.bytes / MIB)]
    node_mib_per_day: u64,
    /// Reports of one customer's nodes that are kept in a day
    #[arg(long, value_name = "NUMBER", default_value_t = DailyLimits::default().customer.reports)]
    customer_reports_per_day: u64,
    /// MiB of one customer's reports that are kept in a day
    #[arg(long, value_name = "MIB", default_value_t = DailyLimits::default().customer.bytes / MIB)]
    customer_mib_per_day: u64,
    /// Reports of one node that are received at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = Limits::default().node_requests, value_parser = at_least_one)]
    node_requests: usize,
    /// Reports of one customer's nodes that are received at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = Limits::default().customer_requests, value_parser = at_least_one)]
    customer_requests: usize,
    /// MiB of one customer's reports that are in memory at the same time; at least 8, the largest report
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().customer_bytes / MIB as usize, value_parser = at_least_one_report)]
    customer_mib: usize,
    /// MiB of all reports that are in memory at the same time; at least 8, the largest report
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().all_bytes / MIB as usize, value_parser = at_least_one_report)]
    all_mib: usize,
}

/// Bytes in a MiB.
const MIB: u64 = 1024 * 1024;

impl Quotas {
    pub(crate) fn limits(&self) -> Limits {
        let bytes = |mib: u64| mib.saturating_mul(MIB);
        let held = |mib: usize| mib.saturating_mul(MIB as usize);
        Limits {
            daily: DailyLimits {
                node: Daily { reports: self.node_reports_per_day, bytes: bytes(self.node_mib_per_day) },
                customer: Daily {
                    reports: self.customer_reports_per_day,
                    bytes: bytes(self.customer_mib_per_day),
                },
            },
            node_requests: self.node_requests,
            customer_requests: self.customer_requests,
            customer_bytes: held(self.customer_mib),
            all_bytes: held(self.all_mib),
            ..Limits::default()
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    at_least(text, 1)
}

/// With less, the largest report would never fit.
fn at_least_one_report(text: &str) -> Result<usize, String> {
    at_least(text, intake::LIMIT / MIB as usize)
}

fn at_least(text: &str, least: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(format!("not a whole number of {least} or more")),
    }
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// The desk's SQLite file; made when it is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) database: PathBuf,
    /// Whose host it enrols
    #[arg(long, value_name = "NAME", value_parser = customer)]
    pub(crate) customer: String,
    /// How long it can be used
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8760))]
    pub(crate) hours: u32,
}

#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The file to change; made when it is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) login_file: PathBuf,
    /// Whose password it is
    #[arg(long, value_name = "NAME")]
    pub(crate) user: String,
}

fn customer(name: &str) -> Result<String, &'static str> {
    if name.trim().is_empty() { Err("a customer needs a name") } else { Ok(name.trim().to_owned()) }
}

/// One line of standard input. A person who types it is asked, and does not see it.
pub(crate) fn read_password() -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    let shown = if stdin.is_terminal() {
        Some(tcgetattr(&stdin).context("cannot read the terminal's mode")?)
    } else {
        None
    };
    if let Some(shown) = &shown {
        eprint!("Password: ");
        let mut silent = shown.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &silent).context("cannot hide the password")?;
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if let Some(shown) = &shown {
        tcsetattr(&stdin, OptionalActions::Flush, shown).context("cannot restore the terminal")?;
        eprintln!();
    }
    read.context("cannot read the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
