//! `goodstead report show|preview|send`. Only `send` sends.

use std::io::{self, Write};

use goodstead_protocol::diagnostic::{Diagnostic, Severity};

use super::check::{face, log_face};
use super::{Exit, Outcome, configuration, state, state_trouble};
use crate::args::Report as Args;
use crate::deliver::Desk;
use crate::installation::Installation;
use crate::render::{diagnostics, output};
use crate::state::{KeptReport, State, StateError};

/// Runs the command.
pub(crate) fn run(args: &Args, installation: &Installation) -> Outcome {
    let state = state(installation)?;
    let trouble = |error: StateError| state_trouble(installation, &error);
    match args {
        Args::Show { id, format, access: true } => {
            let report = kept(&state, id.as_deref(), installation)?;
            let log = state.access_log(&report.id).map_err(trouble)?.unwrap_or_default();
            output::write(&log_face(&log, *format), None)?;
            Ok(Exit::Fine)
        }
        Args::Show { id, format, access: false } => {
            let report = kept(&state, id.as_deref(), installation)?.parse().map_err(trouble)?;
            output::write(&face(&report, *format), None)?;
            Ok(Exit::Fine)
        }
        Args::Preview { id } => preview(&kept(&state, id.as_deref(), installation)?),
        Args::Send { id } => {
            let report = kept(&state, id.as_deref(), installation)?;
            state.spool(&report).map_err(trouble)?;
            send(&state, installation)
        }
    }
}

fn kept(state: &State, id: Option<&str>, installation: &Installation) -> Result<KeptReport, Diagnostic> {
    let found = state.report(id).map_err(|error| state_trouble(installation, &error))?;
    found.ok_or_else(|| match id {
        Some(id) => Diagnostic::error("no-report", format!("no kept report's id begins with `{id}`"))
            .help("the newest hundred are kept; without an id the newest is meant"),
        None => Diagnostic::error("no-report", "no report is kept yet").help("goodstead check makes one"),
    })
}

/// The bytes as they are: no colours, no line added.
fn preview(report: &KeptReport) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(&report.body).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Diagnostic::error("cannot-write", format!("the output cannot be written: {error}")))
        }
        _ => Ok(Exit::Fine),
    }
}

/// Sends what is spooled, oldest first. What cannot be delivered stays there.
fn send(state: &State, installation: &Installation) -> Outcome {
    let trouble = |error: StateError| state_trouble(installation, &error);
    let spooled = state.spooled().map_err(trouble)?;
    let waiting = spooled.len();
    let stays = |sent: usize, mut problem: Diagnostic| {
        problem.severity = Severity::Warning;
        let left = waiting - sent;
        let note = format!(
            "{left} report{} stay{} spooled and will be sent with the next `goodstead report send`",
            if left == 1 { "" } else { "s" },
            if left == 1 { "s" } else { "" }
        );
        diagnostics::print(&[problem, Diagnostic::warning("spooled", note)]);
        Ok(Exit::Findings)
    };
    let Some(enrolment) = state.enrolment().map_err(trouble)? else {
        let problem = Diagnostic::error("not-enrolled", "this node is not enrolled with any desk");
        return stays(
            0,
            problem.help("goodstead enroll URL, with the one-time token that the desk gave you"),
        );
    };
    let (config, sound) = configuration(installation);
    if !sound {
        return stays(
            0,
            Diagnostic::error("broken-configuration", "nothing is sent while the configuration is broken"),
        );
    }
    let desk = match Desk::at(&enrolment.desk, config.desk_ca_file.as_deref()) {
        Ok(desk) => desk,
        Err(problem) => return stays(0, problem),
    };
    for (number, (id, body)) in spooled.into_iter().enumerate() {
        if let Err(problem) = desk.deliver(&enrolment, &body) {
            return stays(number, problem);
        }
        state.delivered(&id).map_err(trouble)?;
        output::write(&format!("delivered {id} to {}\n", enrolment.desk), None)?;
    }
    Ok(Exit::Fine)
}
