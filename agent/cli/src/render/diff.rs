//! The difference of two reports, for a person at a terminal.

use anstyle::Style;
use goodstead_model::{Change, ChangeKind, Diff, ProgressChange, RulesChange, Side, percent, shown};

use super::page::{BOLD, DIM, GREEN, Page, RED, YELLOW};
use super::value::plain;
use super::words::{count, moment, range};

/// The difference in at most `width` columns.
pub(crate) fn text(diff: &Diff, width: usize) -> String {
    let mut page = Page::new(width);
    page.sides(diff);
    page.other_rules(&diff.rules);
    for kind in KINDS {
        page.changes(kind, &diff.changes);
    }
    if diff.newly_passing > 0 {
        let said = format!("{BOLD}Newly passing{BOLD:#}  {}", count(diff.newly_passing, "check"));
        put!(page, "\n{said}");
    }
    page.moved(&diff.progress);
    let same = diff.changes.is_empty() && diff.newly_passing == 0 && diff.progress.is_empty();
    if same && diff.rules.is_empty() {
        put!(page, "\n{GREEN}Nothing changed.{GREEN:#}");
    }
    page.text
}

/// In the order in which they are shown.
const KINDS: [ChangeKind; 8] = [
    ChangeKind::New,
    ChangeKind::NewCheck,
    ChangeKind::WaiverEnded,
    ChangeKind::Fixed,
    ChangeKind::Waived,
    ChangeKind::Changed,
    ChangeKind::NotJudged,
    ChangeKind::NotLookedAt,
];

fn heading(kind: ChangeKind) -> (&'static str, &'static str, Style) {
    match kind {
        ChangeKind::New => ("New", "+", RED),
        ChangeKind::NewCheck => ("Found by new checks", "+", RED),
        ChangeKind::WaiverEnded => ("Waiver ended", "+", RED),
        ChangeKind::Fixed => ("Fixed", "-", GREEN),
        ChangeKind::Waived => ("Waived now", "~", YELLOW),
        ChangeKind::Changed => ("Changed", "~", YELLOW),
        ChangeKind::NotJudged => ("No longer judged", "?", YELLOW),
        ChangeKind::NotLookedAt => ("No longer inspected", "?", YELLOW),
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
            if let Some(limit) = &side.partial {
                self.wrapped_in(YELLOW, "      ", "      ", &format!("partial: {limit}"));
            }
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
                &format!("{} % -> {} %", percent(before), percent(after)),
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
    let reads = |side: &Side| match (side.single, side.readiness) {
        (Some(single), _) => shown(single),
        (None, Some(ends)) => range(ends),
        (None, None) => "no number".to_owned(),
    };
    let (before, after) = (reads(&diff.before), reads(&diff.after));
    let by = match (diff.before.single, diff.after.single) {
        _ if !diff.rules.is_empty() => ", by other rules".to_owned(),
        _ if diff.before.partial != diff.after.partial => {
            ", not comparable: not the same was inspected".to_owned()
        }
        // The difference of what is shown, so that it can be checked by eye.
        (Some(_), Some(_)) if before != after => match (before.parse::<f64>(), after.parse::<f64>()) {
            (Ok(before), Ok(after)) => format!(", {:+.1}", after - before),
            _ => String::new(),
        },
        (Some(_), None) | (None, Some(_)) => ", not comparable: a range and a number".to_owned(),
        _ => String::new(),
    };
    format!("{before} -> {after}{by}")
}

#[cfg(test)]
mod tests {
    use goodstead_model::{Report, Verdict};

    use super::*;
    use crate::render::fixture;

    /// The line on readiness, from a single number or a range to another.
    fn line(before: (f64, f64, Option<f64>), after: (f64, f64, Option<f64>)) -> String {
        let with = |(low, high, single): (f64, f64, Option<f64>)| -> Report {
            let mut report = fixture::sample();
            let readiness = report.readiness.as_mut().unwrap();
            (readiness.range.low, readiness.range.high, readiness.single) = (low, high, single);
            report
        };
        score(&Diff::between(&with(before), &with(after)))
    }

    #[test]
    fn only_two_numbers_have_a_difference() {
        let number = |single: f64| (single - 5.0, single, Some(single));
        assert_eq!(line(number(46.55), number(52.39)), "46.5 -> 52.3, +5.8");
        assert_eq!(line(number(46.5), number(46.5)), "46.5 -> 46.5");
        let range = (46.5, 100.0, None);
        assert_eq!(line(range, number(88.4)), "46.5..100.0 -> 88.4, not comparable: a range and a number");
        assert_eq!(line(range, (50.0, 90.0, None)), "46.5..100.0 -> 50.0..90.0");
    }

    #[test]
    fn a_part_is_not_compared_with_the_whole() {
        let (full, mut part) = (fixture::sample(), fixture::sample());
        part.selection.targets = vec!["linux".into()];
        let text = text(&Diff::between(&full, &part), 200);
        assert!(text.contains("partial: only linux") && text.contains("not comparable"), "{text}");
    }

    #[test]
    fn what_passes_has_no_title() {
        let (before, mut after) = (fixture::sample(), fixture::sample());
        after.verdicts.iter_mut().filter(|one| one.verdict == Verdict::Unknown).for_each(|one| {
            one.verdict = Verdict::Pass;
        });
        let text = text(&Diff::between(&before, &after), 100);
        assert!(text.contains("1 check") && !text.contains("Memory ran out"), "{text}");
    }
}
