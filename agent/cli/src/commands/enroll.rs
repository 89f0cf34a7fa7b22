//! `goodstead enroll`: join a desk with its one-time token, or leave it.

use std::io::{self, BufRead, IsTerminal, Read};

use goodstead_protocol::diagnostic::{Diagnostic, Place};

use super::{Exit, Outcome, configuration, state, state_trouble};
use crate::args::Enroll;
use crate::config::Config;
use crate::deliver::Desk;
use crate::files::read_named;
use crate::installation::Installation;
use crate::render::{diagnostics, output};

/// The largest file of a token, which is a line.
const MAX_TOKEN: u64 = 4 << 10;

/// Runs the command.
pub(crate) fn run(args: &Enroll, installation: &Installation) -> Outcome {
    let (config, sound) = configuration(installation);
    if !sound {
        return Err(Diagnostic::error(
            "broken-configuration",
            "no desk is spoken to while the configuration is broken",
        ));
    }
    match &args.desk {
        Some(url) if !args.remove => enrol(url, args, &config, installation),
        _ => leave(args, &config, installation),
    }
}

fn enrol(url: &str, args: &Enroll, config: &Config, installation: &Installation) -> Outcome {
    let mut state = state(installation)?;
    let trouble = |error| state_trouble(installation, &error);
    if let Some(known) = state.enrolment().map_err(trouble)? {
        return Err(Diagnostic::error(
            "already-enrolled",
            format!("this node is enrolled with {}", known.desk),
        )
        .help("goodstead enroll --remove leaves it first"));
    }
    let desk = Desk::at(url, args.ca_file.as_deref().or(config.desk_ca_file.as_deref()))?;
    let token = token(args)?;
    // The token can be used once: it is spent only where the answer can be kept.
    state.try_enrolment().map_err(trouble)?;
    let enrolment = desk.enrol(&token, &host())?;
    state.set_enrolment(Some(&enrolment)).map_err(trouble)?;
    output::write(
        &format!(
            "enrolled with {} as node {}\nnothing has been sent; `goodstead report preview` shows what `goodstead report send` would send\n",
            enrolment.desk, enrolment.node
        ),
        None,
    )?;
    if args.ca_file.is_some() && config.desk_ca_file.is_none() {
        let note = format!(
            "for sending, name the authority in {}: [desk] ca_file = …",
            installation.config_file().display()
        );
        diagnostics::print(&[Diagnostic::warning("ca-file", note)]);
    }
    Ok(Exit::Fine)
}

fn leave(args: &Enroll, config: &Config, installation: &Installation) -> Outcome {
    let mut state = state(installation)?;
    let trouble = |error| state_trouble(installation, &error);
    let Some(enrolment) = state.enrolment().map_err(trouble)? else {
        return Err(Diagnostic::error("not-enrolled", "this node is not enrolled with any desk"));
    };
    let told = Desk::at(&enrolment.desk, args.ca_file.as_deref().or(config.desk_ca_file.as_deref()))
        .and_then(|desk| desk.leave(&enrolment));
    // The admin's word counts whether the desk hears it or not.
    state.set_enrolment(None).map_err(trouble)?;
    if let Err(mut problem) = told {
        problem.severity = goodstead_protocol::diagnostic::Severity::Warning;
        diagnostics::print(&[
            problem,
            Diagnostic::warning(
                "not-told",
                "the credential is forgotten here, but the desk does not know that this node left",
            ),
        ]);
    }
    output::write(&format!("left {}; the credential is forgotten\n", enrolment.desk), None)?;
    Ok(Exit::Fine)
}

/// The token from where it is given; from standard input it shows up in no process list and no history.
fn token(args: &Enroll) -> Result<String, Diagnostic> {
    let text = if let Some(token) = &args.token {
        token.clone()
    } else if let Some(file) = &args.token_file {
        let bytes = read_named(file, MAX_TOKEN).map_err(|error| {
            Diagnostic::error("unreadable", format!("the token cannot be read: {error}"))
                .at(Place::file(file.display().to_string()))
        })?;
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        if io::stdin().is_terminal() {
            anstream::eprint!("One-time token: ");
        }
        let mut line = String::new();
        let read = io::stdin().lock().take(MAX_TOKEN).read_line(&mut line);
        read.map_err(|error| Diagnostic::error("unreadable", format!("the token cannot be read: {error}")))?;
        line
    };
    let token = text.trim();
    if token.is_empty() {
        return Err(Diagnostic::error(
            "no-token",
            "enrolling needs the one-time token that the desk printed",
        )
        .help("goodstead-desk token --database FILE --customer NAME makes one"));
    }
    Ok(token.to_owned())
}

/// The name under which the desk lists this node.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
