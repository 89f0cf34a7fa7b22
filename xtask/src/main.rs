//! `cargo xtask`: everything that the project does with itself, so that nobody has to remember commands.

#![forbid(unsafe_code)]

mod deb;
mod demo;
mod dist;
mod packages;
mod plugin;
mod servers;
mod sign;
mod soak;
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
    /// Lay the installable tree in target/stage, signed with a development key of this checkout
    Stage {
        /// Build with this profile
        #[arg(long, default_value = "dev")]
        profile: String,
    },
    /// Test, build and stage one plugin and its pack, and show what it finds on this host
    Plugin {
        /// Its folder below plugins/
        name: String,
    },
    /// Make the tarball and the Debian packages that are shipped, signed with a key of yours
    Dist {
        /// A minisign secret key; the password of an encrypted one is read from GOODSTEAD_KEY_PASSWORD or standard input
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where to put tree, tarball and packages [default: target/dist]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Build with this profile
        #[arg(long, default_value = "dist")]
        profile: String,
    },
    /// Sign the plugin or the pack in a folder, or an entitlement
    Sign {
        /// A minisign secret key, as for dist
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Holds a plugin.toml and the library, or a pack.toml and the checks; or an entitlement's file itself
        folder: PathBuf,
    },
    /// Write everything that is generated and committed; the tests compare
    Generate {
        /// Instead: what is made from real servers and changes only with a new release of theirs
        #[arg(value_enum)]
        what: Option<Generated>,
    },
    /// Fuzz every door through which foreign input comes, and tell what was found
    Soak {
        /// How long in all, shared among the targets
        #[arg(long, default_value_t = 60)]
        minutes: u64,
        /// Instead: make a PostgreSQL database of so many tables, look into it, and tell how long that took
        #[arg(long)]
        tables: Option<u32>,
        /// And so many databases
        #[arg(long, requires = "tables", default_value_t = 1)]
        databases: u32,
        /// Instead: kill agent, sender and desk so many times while their disks fill up and empty, and count what is lost
        #[arg(long, conflicts_with = "tables")]
        kills: Option<u64>,
        /// Repeat the kills of this seed, which each run prints
        #[arg(long, requires = "kills")]
        seed: Option<u64>,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Generated {
    /// The settings of every release of PostgreSQL
    Settings,
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
        Task::Plugin { name } => plugin::run(name),
        Task::Dist { key, out, profile } => {
            let made = dist::run(key, out.as_deref(), profile)?;
            made.iter().for_each(|file| println!("made {}", file.display()));
            Ok(())
        }
        Task::Sign { key, folder } => sign::sign(folder, &sign::read_key(key)?),
        Task::Generate { what: None } => test::generate(),
        Task::Generate { what: Some(Generated::Settings) } => servers::generate_settings(),
        Task::Soak { kills: Some(kills), seed, .. } => soak::kills(*kills, *seed),
        Task::Soak { tables: Some(tables), databases, .. } => soak::postgresql(*tables, *databases),
        Task::Soak { minutes, .. } => soak::run(*minutes),
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
    // What the cargo that runs this says of this very package would have build scripts (ring's) run anew, and all that
    // rests on them built again, each time that somebody goes from `cargo` to `cargo xtask` and back.
    for (name, _) in std::env::vars_os() {
        let said = name.to_string_lossy();
        if said.starts_with("CARGO_PKG_") || said.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end and insists that it succeeds.
fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    ensure!(status.success(), "{:?} ended with {status}", command.get_program());
    Ok(())
}
