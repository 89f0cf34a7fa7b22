//! How far the customer has come, for a person at a terminal: the adoption chain, milestones and tasks, in few lines.
//!
//! What was reached in full takes one line; what was not says what it is stuck on. What to do is below the table, for the
//! costliest few. What is not known is one line, and its causes are shown with those of the checks.

use goodstead_model::{Adoption, Capability, Milestone, Reached, Report, Stage, Task};

use super::page::{BOLD, DIM, GREEN, Page, YELLOW, grade, shortened};
use super::value::plain;
use super::words::{answer, counts, day};

/// The columns beside a title: the margin, two answers, an extent and the points.
const BESIDE: usize = 8 + 12 + 6 + 8;

/// For how many capabilities it is said what to do; a dozen would bury the findings.
const ADVISED: usize = 3;

impl Page {
    /// Adoption, milestones and tasks, as far as there are any; those of which nothing is known one by one only where
    /// `all` are wanted.
    pub(super) fn progress(&mut self, report: &Report, all: bool) {
        if let Some(adoption) = &report.adoption {
            self.adoption(adoption);
        }
        self.milestones(&report.milestones, all);
        self.tasks(&report.tasks, all);
    }

    fn adoption(&mut self, adoption: &Adoption) {
        let of = &adoption.entitlement;
        put!(self, "");
        let said = format!(
            "{BOLD}Adoption{BOLD:#} of what {} licensed for {} (until {})",
            plain(&of.customer),
            plain(&of.deployment),
            plain(&of.valid_until)
        );
        self.wrapped_styled("", "  ", &said);
        let titles = adoption.capabilities.iter().map(|one| one.title.chars().count()).max().unwrap_or(0);
        let width = titles.min(self.width.saturating_sub(BESIDE)).max(12);
        put!(self, "");
        if !self.narrow() {
            put!(self, "        {DIM}{:width$}  configured  used  extent{DIM:#}", "licensed");
        }
        for one in &adoption.capabilities {
            self.capability(one, width);
        }
        self.next_steps(&adoption.capabilities);
    }

    /// What to do for those that cost most, below the table, so that the table stays one.
    fn next_steps(&mut self, capabilities: &[Capability]) {
        let open =
            |one: &&Capability| one.stuck_on.is_none() && one.cause.is_none() && !one.remedy.is_empty();
        let (first, later): (Vec<_>, Vec<_>) =
            capabilities.iter().filter(open).enumerate().partition(|(place, _)| *place < ADVISED);
        for (_, one) in first {
            put!(self, "");
            self.wrapped(&format!("{}  ", points(one.points)), self.margin(), &one.title);
            self.advice(&one.remedy, &one.id);
        }
        if !later.is_empty() {
            put!(self, "");
            let ids: Vec<_> = later.iter().map(|(_, one)| one.id.as_str()).collect();
            self.labelled("Then", &format!("goodstead explain {}", ids.join(" ")));
        }
    }

    fn capability(&mut self, one: &Capability, width: usize) {
        let applies = one.stage != Stage::NotApplicable;
        let told = |known| if applies { answer(known) } else { "-" };
        let (extent, style) = match (one.stage, one.extent) {
            (Stage::NotApplicable, _) => ("-".to_owned(), DIM),
            (_, Some(extent)) => (format!("{:.0} %", 100.0 * extent), grade(100.0 * extent)),
            (_, None) => ("?".to_owned(), YELLOW),
        };
        let (lost, configured, used) = (points(one.points), told(one.configured), told(one.used));
        if self.narrow() {
            let said = format!("{}: configured {configured}, used {used}, extent {extent}", one.title);
            self.wrapped(&format!("{}  ", lost.trim_start()), self.margin(), &said);
        } else {
            let title = shortened(&plain(&one.title), width);
            put!(self, "{lost}  {title:width$}  {configured:<10}  {used:<4}  {style}{extent:>6}{style:#}");
        }
        if let Some(obstacle) = &one.stuck_on {
            let text = format!("{} on {}: {}", obstacle.id, obstacle.target, obstacle.title);
            self.labelled("Stuck", &text);
        }
    }

    fn milestones(&mut self, milestones: &[Milestone], all: bool) {
        if milestones.is_empty() {
            return;
        }
        let reached = milestones.iter().filter(|one| one.state == Reached::Reached).count();
        put!(self, "");
        let said = format!("{BOLD}Milestones{BOLD:#}: {reached} of {} reached", milestones.len());
        self.wrapped_styled("", "  ", &said);
        let (unknown, known): (Vec<_>, Vec<_>) =
            milestones.iter().partition(|one| !all && one.state == Reached::Unknown);
        for one in known {
            let state = match (one.state, one.first_seen.as_deref().map(day)) {
                (Reached::Unknown, _) => format!("{YELLOW}not known{YELLOW:#}"),
                (Reached::Reached, Some(day)) => format!("{GREEN}reached{GREEN:#}, seen {}", plain(day)),
                (state, _) => state.to_string(),
            };
            self.line(one.points, &one.title, &one.deployment, &state);
            if one.state == Reached::NotReached {
                self.advice(&one.remedy, &one.id);
            }
        }
        self.open(unknown.len(), unknown.iter().map(|one| one.points).sum());
    }

    /// How many are not known, and what they cost, in one line.
    fn open(&mut self, number: usize, lost: f64) {
        if number > 0 {
            let first = if self.narrow() { points(lost).trim_start().to_owned() } else { points(lost) };
            self.wrapped_styled(
                &format!("{first}  "),
                "          ",
                &format!("{YELLOW}{number} not known{YELLOW:#}"),
            );
        }
    }

    fn tasks(&mut self, tasks: &[Task], all: bool) {
        if tasks.is_empty() {
            return;
        }
        put!(self, "");
        put!(self, "{BOLD}Tasks{BOLD:#}");
        let (unknown, known): (Vec<_>, Vec<_>) = tasks.iter().partition(|one| !all && counts(one).is_none());
        for one in known {
            self.line(one.points, &one.title, &one.deployment, &counted(one));
            if one.completions < one.attempts {
                self.advice(&one.remedy, &one.id);
            }
        }
        self.open(unknown.len(), unknown.iter().map(|one| one.points).sum());
    }

    /// One milestone or task: what it costs, what it is, and how it stands.
    fn line(&mut self, lost: f64, title: &str, deployment: &str, state: &str) {
        let text = format!("{} {DIM}of {}{DIM:#}: {state}", plain(title), plain(deployment));
        let (first, next) = if self.narrow() {
            (points(lost).trim_start().to_owned() + "  ", "  ")
        } else {
            (points(lost) + "  ", "          ")
        };
        self.wrapped_styled(&first, next, &text);
    }

    /// What to do, and where more stands.
    fn advice(&mut self, remedy: &str, id: &str) {
        if !remedy.is_empty() {
            self.prose("Do", remedy);
            self.labelled("More", &format!("goodstead explain {id}"));
        }
    }
}

/// The lost points in the margin.
fn points(points: f64) -> String {
    if points > 0.0 { format!("{:>6.1}", -points) } else { " ".repeat(6) }
}

fn counted(task: &Task) -> String {
    counts(task).map_or_else(|| format!("{YELLOW}not known{YELLOW:#}"), |counts| plain(&counts).into_owned())
}
