//! `goodstead waive`: accept a finding until a day, with a name and a reason; list and end what is accepted.

use std::env;

use goodstead_engine::Accepted;
use goodstead_model::Waiver;
use goodstead_protocol::diagnostic::{Diagnostic, did_you_mean};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Exit, Installed, Known, Outcome, configuration, now, state, state_trouble};
use crate::args::{Format, Waive};
use crate::clock;
use crate::installation::Installation;
use crate::packs;
use crate::render::table::{self, plain};
use crate::render::words::day;
use crate::render::{diagnostics, json, output};
use crate::state::State;
use crate::users;

/// The longest time for which something is accepted, in years: whoever accepts it should still be there to ask.
const MAX_YEARS: i16 = 5;

/// The longest reason, in characters: it stands in every report.
const MAX_REASON: usize = 500;

/// Runs the command.
pub(crate) fn run(args: &Waive, installation: &Installation) -> Outcome {
    let state = state(installation)?;
    let Some(id) = args.id.as_deref() else {
        return list(&all(&state, installation)?, args.format);
    };
    if args.remove { remove(id, args, &state, installation) } else { add(id, args, &state, installation) }
}

/// All waivers of this state.
fn all(state: &State, installation: &Installation) -> Result<Vec<Accepted>, Diagnostic> {
    state.waivers().map_err(|error| state_trouble(installation, &error))
}

fn add(id: &str, args: &Waive, state: &State, installation: &Installation) -> Outcome {
    known_check(id, installation)?;
    let today = clock::present().to_zoned(TimeZone::UTC).date();
    let target = args.target.as_deref().map(|target| target_of(id, target)).transpose()?;
    let waiver = Waiver {
        who: who(),
        why: reason(args.reason.as_deref().unwrap_or_default())?,
        since: now(),
        until: until(args.until.as_deref().unwrap_or_default(), today)?.to_string(),
    };
    if let Some(target) = &target {
        diagnostics::print(&never_seen(target, state).into_iter().collect::<Vec<_>>());
    }
    let accepted = Accepted { check: id.to_owned(), target, waiver };
    let before = all(state, installation)?;
    let before = before.iter().find(|one| (&one.check, &one.target) == (&accepted.check, &accepted.target));
    state.waive(&accepted).map_err(|error| state_trouble(installation, &error))?;
    let Accepted { check, waiver, .. } = &accepted;
    let instead = before.map_or(String::new(), |before| format!(" (before: until {})", before.waiver.until));
    let text = format!(
        "{check} on {} is accepted by {} until the end of {} UTC{instead}: {}\n\
         Reports keep showing it, its points stay lost, and it does not decide the exit code.\n",
        place(&accepted),
        waiver.who,
        waiver.until,
        waiver.why
    );
    output::write(&text, None)?;
    Ok(Exit::Fine)
}

fn remove(id: &str, args: &Waive, state: &State, installation: &Installation) -> Outcome {
    let target = args.target.as_deref();
    if state.end_waiver(id, target).map_err(|error| state_trouble(installation, &error))? {
        let on = target.unwrap_or("every target");
        output::write(&format!("{id} on {on} is not accepted any more\n"), None)?;
        return Ok(Exit::Fine);
    }
    let all = all(state, installation)?;
    let on = target.map_or(String::new(), |target| format!(" on {target}"));
    let elsewhere = all.iter().find(|accepted| accepted.check == id).map(|accepted| match &accepted.target {
        Some(target) => format!("it is waived on {target}: add --target {target}"),
        None => "it is waived on every target: leave out --target".to_owned(),
    });
    Err(Diagnostic::error("not-waived", format!("`{id}` is not waived{on}"))
        .help("goodstead waive --list shows what is")
        .maybe_help(did_you_mean(id, all.iter().map(|accepted| accepted.check.as_str())))
        .maybe_help(elsewhere))
}

fn list(all: &[Accepted], format: Format) -> Outcome {
    let today = now();
    let expired = |accepted: &Accepted| accepted.waiver.expired(day(&today));
    let text = match format {
        Format::Json => {
            let list: Vec<_> = all
                .iter()
                .map(|accepted| {
                    json!({
                        "check": accepted.check, "target": accepted.target, "waiver": accepted.waiver,
                        "expired": expired(accepted),
                    })
                })
                .collect();
            json::pretty(&list)
        }
        Format::Text if all.is_empty() => "nothing is waived\n".to_owned(),
        Format::Text => {
            let mut table = plain(&["CHECK", "TARGET", "UNTIL", "BY", "REASON"]);
            for accepted in all {
                let Waiver { who, why, until, .. } = &accepted.waiver;
                let ended = if expired(accepted) { " expired" } else { "" };
                table.add_row([
                    &accepted.check,
                    place(accepted),
                    &format!("{until}{ended}"),
                    who.as_str(),
                    why.as_str(),
                ]);
            }
            table::text(&table)
        }
    };
    output::write(&text, None)?;
    Ok(Exit::Fine)
}

fn place(accepted: &Accepted) -> &str {
    accepted.target.as_deref().unwrap_or("every target")
}

fn known_check(id: &str, installation: &Installation) -> Result<(), Diagnostic> {
    let (config, _) = configuration(installation);
    let installed = Installed::read(installation, &config)?;
    let packs = packs::installed(installation, &installed.trust, &installed.known);
    match super::known(&packs, id)? {
        Known::Check(_) => Ok(()),
        Known::Goal(goal) => {
            Err(Diagnostic::error("not-waivable", format!("`{id}` is a {}, and no check", goal.kind()))
                .help("only a check's finding is waived; goodstead explain says what there is to do"))
        }
    }
}

/// A target's name, if the check judges targets of that kind.
fn target_of(id: &str, target: &str) -> Result<String, Diagnostic> {
    let plugin = id.split('.').next().unwrap_or_default();
    let of = target.split(':').next().unwrap_or_default();
    if of == plugin && !target.contains(char::is_control) {
        return Ok(target.to_owned());
    }
    let message = format!("`{id}` is about targets of `{plugin}`, and `{}` is none", target.escape_debug());
    let help = format!("name one as reports do: {plugin}, {plugin}:main; without --target all are meant");
    Err(Diagnostic::error("wrong-target", message).help(help))
}

/// A warning when the newest report does not have the target. It may come back; then the waiver holds.
fn never_seen(target: &str, state: &State) -> Option<Diagnostic> {
    let report = state.report(None).ok()??.parse().ok()?;
    let seen = || report.targets.iter().map(|seen| seen.id.as_str());
    if seen().any(|seen| seen == target) {
        return None;
    }
    let all: Vec<&str> = seen().collect();
    let warning =
        Diagnostic::warning("unknown-target", format!("the newest report has no target `{target}`"))
            .help(format!("it has {}", all.join(", ")));
    Some(warning.maybe_help(did_you_mean(target, all.iter().copied())))
}

fn reason(text: &str) -> Result<String, Diagnostic> {
    let text = text.trim();
    let wrong = |message: &str| {
        Err(Diagnostic::error("bad-reason", message)
            .help("say why it is accepted, for whoever reads the report in half a year"))
    };
    match text {
        "" => wrong("the reason is empty"),
        _ if text.contains(char::is_control) => wrong("the reason is not one line of plain text"),
        _ if text.chars().count() > MAX_REASON => {
            wrong(&format!("the reason has more than {MAX_REASON} characters"))
        }
        _ => Ok(text.to_owned()),
    }
}

fn until(text: &str, today: Date) -> Result<Date, Diagnostic> {
    let wrong = |message: String| {
        Diagnostic::error("bad-date", message).help("--until names the last day, for example 2027-03-31")
    };
    // Other forms of a date are read by the parser and could be meant otherwise.
    let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text);
    let day = day.ok_or_else(|| wrong(format!("`{}` is not a date (YYYY-MM-DD)", text.escape_debug())))?;
    if day <= today {
        let what = if day == today { "is today" } else { "is in the past" };
        return Err(wrong(format!("{day} {what} (it is {today} in UTC), so nothing would be accepted")));
    }
    let last = today.saturating_add(jiff::Span::new().years(MAX_YEARS));
    if day > last {
        return Err(wrong(format!("{day} is more than {MAX_YEARS} years away; the last day is {last}")));
    }
    Ok(day)
}

/// The user who calls, also behind sudo.
fn who() -> String {
    let caller = users::current();
    let sudo = env::var("SUDO_USER").ok().filter(|name| caller.uid == 0 && users::by_name(name).is_some());
    sudo.unwrap_or(caller.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_lies_ahead_and_not_too_far() {
        let today: Date = "2026-11-22".parse().unwrap();
        let told = |text: &str| match until(text, today) {
            Ok(day) => day.to_string(),
            Err(problem) => problem.message,
        };
        assert_eq!(told("2026-11-23"), "2026-11-23");
        assert_eq!(told("2031-11-22"), "2031-11-22");
        insta::assert_snapshot!(told("2026-11-22"), @"2026-11-22 is today (it is 2026-11-22 in UTC), so nothing would be accepted");
        insta::assert_snapshot!(told("2026-11-21"), @"2026-11-21 is in the past (it is 2026-11-22 in UTC), so nothing would be accepted");
        insta::assert_snapshot!(told("2031-11-23"), @"2031-11-23 is more than 5 years away; the last day is 2031-11-22");
        for text in [
            "",
            "soon",
            "2027-02-30",
            "20270101",
            "2027-1-1",
            "2027-01-01T00:00:00",
            "01.01.2027",
            "+2027-01-01",
            "2027-01-01\n",
        ] {
            assert!(told(text).ends_with("is not a date (YYYY-MM-DD)"), "{text:?}: {}", told(text));
        }
    }

    #[test]
    fn a_reason_is_one_line_that_says_something() {
        assert_eq!(reason("  bulk load until May ").unwrap(), "bulk load until May");
        for text in ["", "  ", "a\nb", "\u{1b}[2J", &"x".repeat(MAX_REASON + 1)] {
            assert!(reason(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_target_is_one_of_the_checks_plugin() {
        assert_eq!(target_of("demo.a", "demo:x").unwrap(), "demo:x");
        for target in ["", "other", "demos", "demo:x\n"] {
            assert!(target_of("demo.a", target).is_err(), "{target:?}");
        }
    }
}
