//! How far the customer has come, for a person at a terminal: the adoption chain, milestones and tasks, in few lines.
//!
//! What was reached in full takes one line; what was not says what it is stuck on, or what to do.

use std::fmt::Write;

use anstyle::Style;
use goodstead_model::{Adoption, Capability, Cause, Milestone, Reached, Report, Stage, Task};

use super::text::{BOLD, DIM, GREEN, Page, YELLOW, grade, shortened};

/// The columns beside a title: the margin, two answers, an extent and the points.
const BESIDE: usize = 8 + 12 + 6 + 8;

/// Writing to a `String` cannot fail.
macro_rules! put {
    ($page:expr, $($rest:tt)*) => { let _ = writeln!($page.text, $($rest)*); };
}

impl Page {
    /// Adoption, milestones and tasks, as far as there are any.
    pub(super) fn progress(&mut self, report: &Report) {
        if let Some(adoption) = &report.adoption {
            self.adoption(adoption);
        }
        self.milestones(&report.milestones);
        self.tasks(&report.tasks);
    }

    fn adoption(&mut self, adoption: &Adoption) {
        let of = &adoption.entitlement;
        put!(self, "");
        put!(
            self,
            "{BOLD}Adoption{BOLD:#} of what {} licensed for {} (until {})",
            of.customer,
            of.deployment,
            of.valid_until
        );
        let titles = adoption.capabilities.iter().map(|one| one.title.chars().count()).max().unwrap_or(0);
        let width = titles.min(self.width.saturating_sub(BESIDE)).max(12);
        put!(self, "");
        put!(self, "        {DIM}{:width$}  configured  used  extent{DIM:#}", "licensed");
        for one in &adoption.capabilities {
            self.capability(one, width);
        }
    }

    fn capability(&mut self, one: &Capability, width: usize) {
        let answer = |known: Option<bool>| match (one.stage, known) {
            (Stage::NotApplicable, _) => "-",
            (_, Some(true)) => "yes",
            (_, Some(false)) => "no",
            (_, None) => "?",
        };
        let (extent, style) = match (one.stage, one.extent) {
            (Stage::NotApplicable, _) => ("-".to_owned(), DIM),
            (_, Some(extent)) => (format!("{:.0} %", 100.0 * extent), grade(100.0 * extent)),
            (_, None) => ("?".to_owned(), YELLOW),
        };
        put!(
            self,
            "{}  {:width$}  {:<10}  {:<4}  {style}{:>6}{style:#}",
            points(one.points),
            shortened(&one.title, width),
            answer(one.configured),
            answer(one.used),
            extent
        );
        match &one.stuck_on {
            Some(obstacle) => {
                let text = format!("{} on {}: {}", obstacle.id, obstacle.target, obstacle.title);
                self.labelled("Stuck", &text);
            }
            None => self.advice(one.cause.as_ref(), &one.remedy, &one.id),
        }
    }

    fn milestones(&mut self, milestones: &[Milestone]) {
        if milestones.is_empty() {
            return;
        }
        let reached = milestones.iter().filter(|one| one.state == Reached::Reached).count();
        put!(self, "");
        put!(self, "{BOLD}Milestones{BOLD:#}: {reached} of {} reached", milestones.len());
        for one in milestones {
            let (state, style): (String, Style) = match one.state {
                Reached::Reached => {
                    let day = one.first_seen.as_deref().and_then(|time| time.get(..10)).unwrap_or_default();
                    (format!("reached, seen {day}"), GREEN)
                }
                Reached::NotReached => ("not reached".to_owned(), Style::new()),
                Reached::Unknown => ("not known".to_owned(), YELLOW),
            };
            let title = format!("{} {DIM}of {}{DIM:#}", one.title, one.deployment);
            self.wrapped(
                &format!("{}  ", points(one.points)),
                "          ",
                &format!("{title}: {style}{state}{style:#}"),
            );
            if one.state != Reached::Reached {
                self.advice(one.cause.as_ref(), &one.remedy, &one.id);
            }
        }
    }

    fn tasks(&mut self, tasks: &[Task]) {
        if tasks.is_empty() {
            return;
        }
        put!(self, "");
        put!(self, "{BOLD}Tasks{BOLD:#}");
        for one in tasks {
            let text = format!("{} {DIM}of {}{DIM:#}: {}", one.title, one.deployment, counts(one));
            self.wrapped(&format!("{}  ", points(one.points)), "          ", &text);
            if one.completions < one.attempts {
                self.advice(None, &one.remedy, &one.id);
            }
        }
    }

    /// Why it is not known, or what to do, and where more stands.
    fn advice(&mut self, cause: Option<&Cause>, remedy: &str, id: &str) {
        match cause {
            Some(cause) => {
                self.labelled("Why", &format!("not known: {cause}"));
                if let Some(remedy) = &cause.remedy {
                    self.prose("Do", remedy);
                }
            }
            None if remedy.is_empty() => {}
            None => {
                self.prose("Do", remedy);
                self.labelled("More", &format!("goodstead explain {id}"));
            }
        }
    }
}

/// The lost points in the margin.
fn points(points: f64) -> String {
    if points > 0.0 { format!("{:>6.1}", -points) } else { " ".repeat(6) }
}

fn counts(task: &Task) -> String {
    let window = format!("in the last {} days", task.window_days);
    let since = task.counted_since.as_deref().and_then(|time| time.get(..10));
    let since = since.map_or(String::new(), |day| format!(", counted since {day}"));
    match (task.attempts, task.completions, &task.cause) {
        (Some(0), _, _) => format!("none attempted {window}{since}"),
        (Some(attempts), Some(completions), _) => {
            let share = 100.0 * completions as f64 / attempts as f64;
            format!("{completions} of {attempts} completed {window} ({share:.0} %){since}")
        }
        (_, _, Some(cause)) => format!("not known yet: {cause}"),
        _ => "not known".to_owned(),
    }
}
