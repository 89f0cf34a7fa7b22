//! `goodstead`: the one program that a customer knows. It is a library so that what comes from outside can be tested in
//! it ([`doors`]); the program calls [`main`].
//!
//! Reads as the way of the data: the plugins' facts come in through [`scan`] (each plugin in a process of its own,
//! [`runner`], behind the [`broker`]), the engine judges them, [`render`] shows the report, [`state`] keeps it and
//! [`deliver`] sends it. Standard output carries the result, standard error everything else.

#![forbid(unsafe_code)]

mod archive;
mod args;
mod begun;
mod broker;
mod bundle;
mod clock;
mod commands;
mod complete;
mod config;
mod containers;
mod credential;
mod deliver;
pub mod doors;
mod entitlement;
mod files;
mod host;
mod identity;
mod installation;
mod packs;
mod plugin_log;
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
use goodstead_protocol::diagnostic::{Diagnostic, Place, did_you_mean};
use installation::Installation;
use render::face::Face;

/// The program: reads the command line, does what it says, and returns how it ended.
pub fn main() -> ExitCode {
    complete::answer();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    cli.color.set();
    let Some(command) = &cli.command else { return overview().into() };
    let outcome = run(&cli, command).unwrap_or_else(|problem| {
        render::diagnostics::print(std::slice::from_ref(&problem));
        if command.face() == Some(Face::Nagios) { unknown(&problem.message) } else { Exit::Trouble }
    });
    outcome.into()
}

/// What a command line without a command is answered with; a usage error all the same, so that a job that lost its
/// arguments does not pass.
fn overview() -> Exit {
    const OVERVIEW: &str = "\
Goodstead checks how well prepared for success a deployment is, and explains every point.

  goodstead check               check this host and the products on it
  goodstead check postgresql    check one product
  goodstead explain ID          explain one check, and what it came to here
  goodstead report show         print the newest report again; also list, diff, send
  goodstead waive ID            accept a finding until a day
  goodstead status              show what is installed, configured and allowed
  goodstead help                list every command; goodstead help COMMAND explains one";
    anstream::eprintln!("{OVERVIEW}");
    if args::wants_nagios(std::env::args_os()) { unknown("the command line is wrong") } else { Exit::Trouble }
}

/// Prints help for a command, as `--help` does.
fn help(names: &[String]) -> Outcome {
    let mut command = Cli::command();
    command.build();
    for name in names {
        let known: Vec<_> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
        command = command.find_subcommand(name).cloned().ok_or_else(|| {
            Diagnostic::error("unknown-command", format!("there is no command `{}`", names.join(" ")))
                .help("goodstead help lists them all")
                .maybe_help(did_you_mean(name, known.iter().map(String::as_str)))
        })?;
    }
    render::output::write(&command.render_long_help().ansi().to_string(), None)?;
    Ok(Exit::Fine)
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

fn run(cli: &Cli, command: &Command) -> Outcome {
    if let Command::Completions { shell } = command {
        render::output::write(&complete::script(&shell.to_string())?, None)?;
        return Ok(Exit::Fine);
    }
    if let Command::Help { command } = command {
        return help(command);
    }
    if let Command::Manual { folder } = command {
        clap_mangen::generate_to(Cli::command(), folder).map_err(|error| {
            Diagnostic::error("cannot-write", format!("the manual cannot be written: {error}"))
                .at(Place::file(folder.display().to_string()))
        })?;
        return Ok(Exit::Fine);
    }
    let installation = Installation::find(cli.config_dir.as_deref(), cli.state_dir.as_deref())?;
    match command {
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
        Command::Completions { .. } | Command::Help { .. } | Command::Manual { .. } => Ok(Exit::Fine),
    }
}
