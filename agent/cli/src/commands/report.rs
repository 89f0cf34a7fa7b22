//! `goodstead report show|list|diff|preview|send`. Only `send` sends.

mod diff;
mod find;
mod list;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use goodstead_protocol::diagnostic::{Diagnostic, Severity};

pub(crate) use self::find::read;
use self::find::{find, kept};
use super::check::log_face;
use super::{Exit, Outcome, configuration, look, now, state, state_trouble};
use crate::args::{Format, Report as Args, Shown};
use crate::deliver::{Desk, Undelivered};
use crate::installation::Installation;
use crate::render::face::{self, Face};
use crate::render::{diagnostics, nagios, output};
use crate::state::{KeptReport, SetAside, State, StateError};

/// How long one `report send` goes on; what is left then is sent with the next.
const BUDGET: Duration = Duration::from_secs(10 * 60);

/// Runs the command.
pub(crate) fn run(args: &Args, installation: &Installation) -> Outcome {
    match args {
        Args::Show { report, shown, access: true } => {
            access(report.as_deref(), shown.face(None)?, installation)
        }
        Args::Show { report, shown, access: false } => show(report.as_deref(), shown, installation),
        Args::List { format } => list::run(*format, installation),
        Args::Diff { before, after, format } => diff::run(before.as_deref(), after, *format, installation),
        Args::Preview { id } => preview(&kept(&state(installation)?, id.as_deref(), installation)?),
        Args::Send { id, partial } => {
            let mut state = state(installation)?;
            let report = kept(&state, id.as_deref(), installation)?;
            if !report.is_full && !partial {
                return Err(not_whole(&report));
            }
            let trouble = |error| state_trouble(installation, &error);
            // One that was refused for good is sent again only when it is named.
            let refused = state.all_set_aside().map_err(trouble)?;
            match refused.iter().find(|refused| refused.report == report.id) {
                Some(refused) if id.is_none() => {
                    diagnostics::print(&[refusal(refused)]);
                    send(&mut state, installation)?;
                    Ok(Exit::Findings)
                }
                _ => {
                    state.spool(&report).map_err(trouble)?;
                    send(&mut state, installation)
                }
            }
        }
    }
}

fn show(named: Option<&str>, shown: &Shown, installation: &Installation) -> Outcome {
    let face = shown.face(None)?;
    let report = find(named, installation)?;
    output::write(&face::render(&report, face, &look(shown, None)), None)?;
    Ok(match face {
        Face::Nagios => Exit::Service(nagios::service(&report, None)),
        _ => Exit::Fine,
    })
}

/// What was looked at is kept beside the report, not in it.
fn access(named: Option<&str>, face: Face, installation: &Installation) -> Outcome {
    let format = match face {
        Face::Text => Format::Text,
        Face::Json => Format::Json,
        _ => {
            return Err(Diagnostic::error("no-such-face", "the access log is printed as text or json"));
        }
    };
    let state = state(installation)?;
    let report = kept(&state, named, installation)?;
    let log = state.access_log(&report.id).map_err(|error| state_trouble(installation, &error))?;
    let Some(log) = log else {
        let message = format!("the access log of report {} is not kept any more", report.id);
        return Err(Diagnostic::error("no-access-log", message)
            .help("keep one for longer with `goodstead check --access-log FILE`"));
    };
    output::write(&log_face(&log, format), None)?;
    Ok(Exit::Fine)
}

/// Why a report is not sent that was not asked for as what it is.
fn not_whole(report: &KeptReport) -> Diagnostic {
    let limit = report.parse().ok().and_then(|report| report.partial()).unwrap_or_default();
    let message =
        format!("the report {} is partial ({limit}) and does not say how this host stands", report.id);
    Diagnostic::error("partial", message)
        .help("goodstead report send sends the latest full one; --partial sends this one, marked as partial")
}

/// The bytes as they are: no colours, no line added. Only on a terminal, where a kept report that somebody changed could
/// act, they pass the place that all text passes.
fn preview(report: &KeptReport) -> Outcome {
    let mut out = io::stdout().lock();
    let shown = out.is_terminal().then(|| String::from_utf8_lossy(&report.body));
    let tamed = shown.as_ref().map(|text| output::tame(text));
    let bytes = tamed.as_ref().map_or(report.body.as_slice(), |text| text.as_bytes());
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Diagnostic::error("cannot-write", format!("the output cannot be written: {error}")))
        }
        _ => Ok(Exit::Fine),
    }
}

/// What there is to know of a report that was set aside.
fn refusal(refused: &SetAside) -> Diagnostic {
    let SetAside { report, desk, status, reason, .. } = refused;
    let short = report.get(..12).unwrap_or(report);
    Diagnostic::warning("refused", format!("the desk at {desk} refuses report {report} (HTTP {status}): {reason}"))
        .help(format!(
            "it is set aside and not sent again by itself; goodstead report show {short} shows it, goodstead report send {short} sends it once more"
        ))
}

/// Sends what is spooled, oldest first. What the desk refuses for good is set aside, and the rest goes on; what cannot
/// be delivered now stays there.
fn send(state: &mut State, installation: &Installation) -> Outcome {
    let begun = Instant::now();
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
    let mut refused = 0;
    for (number, (id, body)) in spooled.into_iter().enumerate() {
        if begun.elapsed() > BUDGET {
            let minutes = BUDGET.as_secs() / 60;
            let problem = format!("sending has taken more than {minutes} minutes and stops here");
            return stays(number, Diagnostic::error("sending-slow", problem));
        }
        match desk.deliver(&enrolment, &id, &body) {
            Ok(()) => {
                state.delivered(&id).map_err(trouble)?;
                output::write(&format!("delivered {id} to {}\n", enrolment.desk), None)?;
            }
            Err(Undelivered::Later(problem)) => return stays(number, problem),
            Err(Undelivered::Refused(why)) => {
                refused += 1;
                let desk = enrolment.desk.clone();
                let aside =
                    SetAside { report: id, time: now(), desk, status: why.status, reason: why.reason };
                let dropped = state.set_aside(&aside).map_err(trouble)?;
                diagnostics::print(&[refusal(&aside)]);
                for id in dropped {
                    let note =
                        format!("report {id} was set aside earlier, and there is no room for it any more");
                    diagnostics::print(&[Diagnostic::warning("dropped", note)]);
                }
            }
        }
    }
    Ok(if refused > 0 { Exit::Findings } else { Exit::Fine })
}
