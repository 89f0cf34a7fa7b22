//! The difference of two reports, for a person at a terminal.

use anstyle::Style;
use goodstead_model::{Change, ChangeKind, Diff, ProgressChange, RulesChange, Side};

use super::page::{BOLD, DIM, GREEN, Page, RED, YELLOW};
use super::value::plain;
use super::words::{moment, range};

/// The difference in at most `width` columns.
pub(crate) fn text(diff: &Diff, width: usize) -> String {
    let mut page = Page::new(width);
    page.sides(diff);
    page.other_rules(&diff.rules);
    for kind in KINDS {
        page.changes(kind, &diff.changes);
    }
    page.moved(&diff.progress);
    if diff.changes.is_empty() && diff.progress.is_empty() && diff.rules.is_empty() {
        put!(page, "\n{GREEN}Nothing is otherwise.{GREEN:#}");
    }
    page.text
}

/// In the order in which they are told.
const KINDS: [ChangeKind; 8] = [
    ChangeKind::Came,
    ChangeKind::WaiverEnded,
    ChangeKind::Mended,
    ChangeKind::Waived,
    ChangeKind::Changed,
    ChangeKind::NotJudged,
    ChangeKind::Cleared,
    ChangeKind::NotLookedAt,
];

fn heading(kind: ChangeKind) -> (&'static str, &'static str, Style) {
    match kind {
        ChangeKind::Came => ("Came", "+", RED),
        ChangeKind::WaiverEnded => ("Waived no more", "+", RED),
        ChangeKind::Mended => ("Went", "-", GREEN),
        ChangeKind::Waived => ("Waived now", "~", YELLOW),
        ChangeKind::Changed => ("Changed", "~", YELLOW),
        ChangeKind::NotJudged => ("Could not be judged any more", "?", YELLOW),
        ChangeKind::Cleared => ("Judged now, and in order", "-", GREEN),
        ChangeKind::NotLookedAt => ("Not looked at any more", "?", YELLOW),
    }
}

impl Page {
    fn sides(&mut self, diff: &Diff) {
        for (label, side) in [("From", &diff.before), ("To", &diff.after)] {
            let host = side.host.as_deref().map_or(String::new(), |host| format!(" of {host}"));
            let id = side.id.get(..12).unwrap_or(&side.id);
            self.wrapped(
                &format!("{BOLD}{label:<5}{BOLD:#} "),
                "      ",
                &format!("{id}{host}, {}", moment(&side.time)),
            );
        }
        if diff.before.host != diff.after.host {
            self.wrapped_in(YELLOW, "      ", "      ", "these are reports of different hosts");
        }
        put!(self, "");
        self.wrapped(&format!("{BOLD}Readiness{BOLD:#}  "), "  ", &score(diff));
        if let (Some(before), Some(after)) = (diff.before.coverage, diff.after.coverage) {
            self.wrapped(
                &format!("{BOLD}Coverage{BOLD:#}   "),
                "  ",
                &format!("{before:.0} % -> {after:.0} %"),
            );
        }
    }

    fn other_rules(&mut self, rules: &[RulesChange]) {
        for pack in rules {
            let version =
                |version: &Option<String>| version.clone().unwrap_or_else(|| "not there".to_owned());
            let text = if pack.before == pack.after {
                format!("{}: {} with other content", pack.name, version(&pack.after))
            } else {
                format!("{}: {} -> {}", pack.name, version(&pack.before), version(&pack.after))
            };
            self.wrapped(&format!("{YELLOW}Rules changed{YELLOW:#}  "), "  ", &text);
        }
    }

    fn changes(&mut self, kind: ChangeKind, changes: &[Change]) {
        let (heading, sign, style) = heading(kind);
        let mut of = changes.iter().filter(|change| change.kind == kind).peekable();
        if of.peek().is_some() {
            put!(self, "\n{BOLD}{heading}{BOLD:#}");
        }
        for change in of {
            let points = if change.points_after > 0.0 { -change.points_after } else { change.points_before };
            let points = if points == 0.0 { String::new() } else { format!("{points:+.1}") };
            let first = format!("{style}{sign}{style:#} {points:>6}  ");
            self.wrapped(&first, "          ", &change.title);
            self.wrapped_in(DIM, "          ", "          ", &format!("{} on {}", change.id, change.target));
            for (sign, items) in [("also", &change.items_came), ("not any more", &change.items_went)] {
                if !items.is_empty() && kind == ChangeKind::Changed {
                    self.wrapped("          ", "            ", &format!("{sign}: {}", items.join(", ")));
                }
            }
            if kind == ChangeKind::Changed && (change.points_before - change.points_after).abs() >= 0.05 {
                let said = format!("points: {:.1} -> {:.1}", -change.points_before, -change.points_after);
                self.wrapped("          ", "            ", &said);
            }
        }
    }

    fn moved(&mut self, progress: &[ProgressChange]) {
        if !progress.is_empty() {
            put!(self, "\n{BOLD}Capabilities and milestones{BOLD:#}");
        }
        for one in progress {
            let told = |state: &Option<String>| state.clone().unwrap_or_else(|| "not looked at".to_owned());
            let text = format!(
                "{} {DIM}of {}{DIM:#}: {} -> {}",
                plain(&one.title),
                plain(&one.deployment),
                told(&one.before),
                told(&one.after)
            );
            self.wrapped_styled("  ", "    ", &text);
        }
    }
}

/// From one score to the other. Where the rules changed the difference is no rise or fall of the site's.
fn score(diff: &Diff) -> String {
    let told = |side: &Side| side.readiness.map_or_else(|| "no number".to_owned(), range);
    let by = match (diff.before.readiness, diff.after.readiness) {
        _ if !diff.rules.is_empty() => ", by other rules".to_owned(),
        (Some(before), Some(after)) if (after.high - before.high).abs() >= 0.05 => {
            format!(", {:+.1}", after.high - before.high)
        }
        _ => String::new(),
    };
    format!("{} -> {}{by}", told(&diff.before), told(&diff.after))
}
