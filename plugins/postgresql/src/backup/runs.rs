//! When backups were attempted, and how each ended: Barman's catalogue keeps failed ones too, pgBackRest's log tells.
//!
//! pgBackRest's log is in local time, which is taken as UTC here: for counting a month, half a day does not matter.

use goodstead_plugin::{Cause, CauseKind, Site, SiteExt};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::catalogue::{Catalogue, Tool};

/// Something that was tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    /// When it began, in seconds since 1970.
    pub(super) at: i64,
    pub(super) succeeded: bool,
    /// Whose word this is.
    pub(super) told_by: &'static str,
}

/// The runs of the tool whose catalogue this is.
///
/// # Errors
/// Why only those are known that succeeded.
pub(super) fn of(site: &mut dyn Site, catalogue: &Catalogue) -> Result<Vec<Run>, Cause> {
    match (catalogue.tool, catalogue.stanza()) {
        (Tool::Barman, _) => {
            let run = |backup: &super::Backup| Run {
                at: backup.started,
                succeeded: backup.complete,
                told_by: "Barman's catalogue",
            };
            Ok(catalogue.backups.iter().map(run).collect())
        }
        (_, Some(stanza)) => in_log(site, stanza, "backup"),
        _ => Err(Cause::new(CauseKind::NotAvailable, "the tool keeps no record of attempts that failed")),
    }
}

/// The runs of a command of pgBackRest's in its log, and in the one that was put aside last.
///
/// # Errors
/// Why the log cannot be read; it being absent is no proof of anything.
pub(super) fn in_log(site: &mut dyn Site, stanza: &str, command: &str) -> Result<Vec<Run>, Cause> {
    let path = format!("/var/log/pgbackrest/{stanza}-{command}.log");
    let older = site.read_text(&format!("{path}.1"));
    let older = match older {
        Ok(text) => parse(&text, command),
        Err(cause) if cause.kind == CauseKind::Absent => Vec::new(),
        Err(cause) => return Err(cause),
    };
    let newer = site.read_text(&path)?;
    Ok([older, parse(&newer, command)].concat())
}

/// A run ends with its own last line. One that is followed by the next without it was broken off; the last one may
/// still be at work, and is not counted.
fn parse(text: &str, command: &str) -> Vec<Run> {
    let (begin, end) = (format!(" {command} command begin "), format!(" {command} command end: "));
    let mut runs: Vec<Run> = Vec::new();
    let mut open = None;
    for line in text.lines() {
        let told_by = "pgBackRest's log";
        if line.contains(&begin) {
            runs.extend(open.take().map(|at| Run { at, succeeded: false, told_by }));
            open = time(line);
        } else if let Some((_, outcome)) = line.split_once(&end) {
            let succeeded = outcome.starts_with("completed successfully");
            runs.extend(open.take().map(|at| Run { at, succeeded, told_by }));
        }
    }
    runs
}

fn time(line: &str) -> Option<i64> {
    let moment: DateTime = line.get(..19)?.parse().ok()?;
    Some(TimeZone::UTC.to_timestamp(moment).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As pgBackRest 2.45 writes it.
    const LOG: &str = "-------------------PROCESS START-------------------
2026-11-19 02:00:00.101 P00   INFO: backup command begin 2.45: --exec-id=1-a --stanza=main --type=full
2026-11-19 02:00:01.000 P00   INFO: new backup label = 20261119-020000F
2026-11-19 02:00:09.113 P00   INFO: backup command end: completed successfully (9012ms)
2026-11-20 02:00:00.101 P00   INFO: backup command begin 2.45: --exec-id=2-b --stanza=main
2026-11-20 02:00:01.202 P00  ERROR: [056]: unable to find primary cluster - cannot proceed
2026-11-20 02:00:01.202 P00   INFO: backup command end: aborted with exception [056]
2026-11-21 02:00:00.101 P00   INFO: backup command begin 2.45: --exec-id=3-c --stanza=main
-------------------PROCESS START-------------------
2026-11-22 02:00:00.101 P00   INFO: backup command begin 2.45: --exec-id=4-d --stanza=main
";

    #[test]
    fn runs_that_succeeded_failed_were_broken_off_and_are_at_work_are_told_apart() {
        let runs: Vec<_> = parse(LOG, "backup").iter().map(|run| (run.at, run.succeeded)).collect();
        let day = 86_400;
        assert_eq!(
            runs,
            [(1_795_053_600, true), (1_795_053_600 + day, false), (1_795_053_600 + 2 * day, false)]
        );
        assert_eq!(parse(LOG, "restore"), []);
    }

    #[test]
    fn a_log_of_anything_is_read_without_a_complaint() {
        for end in (0..LOG.len()).filter(|end| LOG.is_char_boundary(*end)) {
            assert!(parse(&LOG[end..], "backup").len() <= 3);
            let damaged = format!("{}\u{fffd}{}", &LOG[..end], &LOG[end..]);
            assert!(parse(&damaged, "backup").len() <= 4);
        }
        assert_eq!(parse(" backup command begin \n backup command end: \n\u{0}", "backup"), []);
    }
}
