//! `cargo xtask`: everything that the project does with itself, so that nobody has to remember commands.

#![forbid(unsafe_code)]

mod demo;
mod packages;
mod stage;
mod test;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

/// The project's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Walk the whole way once: build, start a desk, enrol, check this host, deliver, show both ends
    Demo {
        /// End after the delivery instead of keeping the desk until Ctrl-C
        #[arg(long)]
        exit: bool,
    },
    /// Install what the tests use, then run every test
    Test {
        /// Passed on to `cargo test`, for example a test's name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Lay the installable tree in target/stage
    Stage {
        /// Build with this profile
        #[arg(long, default_value = "dev")]
        profile: String,
    },
    /// Write everything that is generated and committed; the tests compare
    Generate,
}

fn main() -> ExitCode {
    match run(&Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    match task {
        Task::Demo { exit } => demo::run(*exit),
        Task::Test { rest } => test::run(rest),
        Task::Stage { profile } => {
            stage::stage(profile).map(|folder| println!("staged in {}", folder.display()))
        }
        Task::Generate => test::generate(),
    }
}

/// The checkout's folder.
fn checkout() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Where cargo builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout().join("target"), PathBuf::from)
}

/// The cargo that runs this.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(checkout());
    command
}

/// Runs a command to its end and insists that it succeeds.
fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    ensure!(status.success(), "{:?} ended with {status}", command.get_program());
    Ok(())
}
