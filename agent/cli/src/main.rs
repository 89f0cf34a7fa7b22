//! `goodstead`: the one program that a customer knows.
//!
//! Reads as the way of the data: the plugins' facts come in through [`scan`] (each plugin in a process of its own,
//! [`runner`], behind the [`broker`]), the engine judges them, [`render`] shows the report, [`state`] keeps it and
//! [`deliver`] sends it. Standard output carries the result, standard error everything else.

#![forbid(unsafe_code)]

mod archive;
mod args;
mod begun;
mod broker;
mod commands;
mod config;
mod credential;
mod deliver;
mod entitlement;
mod files;
mod host;
mod installation;
mod packs;
mod plugins;
mod progress;
mod render;
mod runner;
mod saved;
mod scan;
mod state;
mod status;
mod trust;
mod users;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use commands::{Exit, Outcome};
use goodstead_protocol::diagnostic::{Diagnostic, Place};
use installation::Installation;
use render::face::Face;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let outcome = run(&cli).unwrap_or_else(|problem| {
        render::diagnostics::print(std::slice::from_ref(&problem));
        if cli.command.face() == Some(Face::Nagios) { unknown(&problem.message) } else { Exit::Trouble }
    });
    outcome.into()
}

/// Reports what is wrong with the command line, or prints what was asked of it.
fn usage(error: &clap::Error) -> Exit {
    let wrong = error.use_stderr();
    let text = error.render().ansi().to_string();
    let text = render::output::tame(&text);
    let printed = if wrong {
        anstream::stderr().write_all(text.as_bytes())
    } else {
        anstream::stdout().write_all(text.as_bytes())
    };
    match printed {
        // Whoever closed the pipe has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Trouble,
        _ if !wrong => Exit::Fine,
        _ if args::wants_nagios(std::env::args_os()) => unknown("the command line is wrong"),
        _ => Exit::Trouble,
    }
}

/// Monitoring reads standard output, whatever came of it.
fn unknown(why: &str) -> Exit {
    // Standard output may be what failed.
    let _ = render::output::write(&render::nagios::failed(why), None);
    Exit::Service(render::nagios::Service::Unknown)
}

fn run(cli: &Cli) -> Outcome {
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "goodstead", &mut script);
        render::output::write(&String::from_utf8_lossy(&script), None)?;
        return Ok(Exit::Fine);
    }
    if let Command::Manual { folder } = &cli.command {
        clap_mangen::generate_to(Cli::command(), folder).map_err(|error| {
            Diagnostic::error("cannot-write", format!("the manual cannot be written: {error}"))
                .at(Place::file(folder.display().to_string()))
        })?;
        return Ok(Exit::Fine);
    }
    let installation = Installation::find(cli.config_dir.as_deref(), cli.state_dir.as_deref())?;
    match &cli.command {
        Command::Check(args) => commands::check::run(args, &installation),
        Command::Explain { ids } => commands::explain::run(ids, &installation),
        Command::Status { format } => commands::status::run(*format, &installation),
        Command::Waive(args) => commands::waive::run(args, &installation),
        Command::New(args) => commands::new::run(args, &installation),
        Command::Checks(args) => commands::checks::run(args, &installation),
        Command::Plugins(args) => commands::plugins::run(args, &installation),
        Command::Report(args) => commands::report::run(args, &installation),
        Command::Enroll(args) => commands::enroll::run(args, &installation),
        Command::Grant(args) => commands::grant::run(args, &installation),
        Command::Completions { .. } | Command::Manual { .. } => Ok(Exit::Fine),
    }
}
