//! The report as Nagios, Icinga and their like read it: one line with performance data, and their exit codes.

use std::fmt::Write;

use goodstead_model::{Impact, Report, Verdict};

use super::value::plain;
use super::words::{count, headline, partial};

/// How a service stands. The numbers are that protocol's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    /// No findings, or trifles.
    Ok = 0,
    /// Findings of medium impact.
    Warning = 1,
    /// Findings of high or critical impact.
    Critical = 2,
    /// Nothing judged, or not what was asked for.
    Unknown = 3,
}

impl Service {
    fn word(self) -> &'static str {
        match self {
            Service::Ok => "OK",
            Service::Warning => "WARNING",
            Service::Critical => "CRITICAL",
            Service::Unknown => "UNKNOWN",
        }
    }
}

/// How the service stands by what a report found; `trouble` is what keeps the report from counting.
pub(crate) fn service(report: &Report, trouble: Option<&str>) -> Service {
    if trouble.is_some() || report.readiness.is_none() {
        return Service::Unknown;
    }
    match report.findings().map(|finding| finding.impact).max() {
        Some(Impact::Critical | Impact::High) => Service::Critical,
        Some(Impact::Medium) => Service::Warning,
        Some(Impact::Low) | None => Service::Ok,
    }
}

/// The line.
pub(crate) fn line(report: &Report, trouble: Option<&str>) -> String {
    let mut line = match trouble {
        Some(trouble) => format!("{}; ", words(trouble)),
        None => String::new(),
    };
    if let Some(partial) = partial(report) {
        let _ = write!(line, "{}; ", words(&partial));
    }
    let _ = write!(line, "readiness {}", headline(report.readiness.as_ref()));
    let of = |impact| report.findings().filter(|finding| finding.impact == impact).count();
    let found = report.findings().count();
    if report.readiness.is_some() {
        let _ = write!(line, ", {}", count(found, "finding"));
    }
    if found > 0 {
        let parts =
            Impact::WORST_FIRST.iter().map(|impact| (of(*impact), impact)).filter(|(number, _)| *number > 0);
        let parts: Vec<_> = parts.map(|(number, impact)| format!("{number} {impact}")).collect();
        let _ = write!(line, " ({})", parts.join(", "));
    }
    if let Some(worst) = report.findings().next() {
        let _ = write!(line, ": {} ({} on {})", words(&worst.title), words(&worst.id), words(&worst.target));
    }
    format!("{}{}\n", head(service(report, trouble), &line), figures(report))
}

/// The line of a run that came to no report.
pub(crate) fn failed(why: &str) -> String {
    format!("{}\n", head(Service::Unknown, &words(why)))
}

fn head(service: Service, line: &str) -> String {
    format!("GOODSTEAD {} - {line}", service.word())
}

/// A text that neither ends the line nor begins the figures.
fn words(text: &str) -> String {
    plain(text).replace('|', "/")
}

/// The performance data: names of ours only, so that nothing needs quotes.
fn figures(report: &Report) -> String {
    let mut text = String::new();
    if let Some(readiness) = &report.readiness {
        let range = readiness.range;
        let _ = write!(
            text,
            " | readiness_low={};;;0;100 readiness_high={};;;0;100 coverage={:.1}%;;;0;100",
            range.low, range.high, readiness.coverage
        );
        for impact in Impact::WORST_FIRST {
            let of = report.findings().filter(|finding| finding.impact == impact).count();
            let _ = write!(text, " {impact}={of};;;0");
        }
        let of = |verdict| report.verdicts.iter().filter(|one| one.verdict == verdict).count();
        let _ = write!(text, " waived={};;;0 unknown={};;;0", of(Verdict::Waived), of(Verdict::Unknown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture;

    #[test]
    fn one_line_says_how_it_stands_and_what_costs_most() {
        let mut report = fixture::sample();
        insta::assert_snapshot!(line(&report, None), @"GOODSTEAD WARNING - readiness at most 84.1; 1 check not judged, so it may be as low as 70.1, 1 finding (1 medium): Links in shared folders are not protected (linux.link-protection-off on linux) | readiness_low=70.1;;;0;100 readiness_high=84.1;;;0;100 coverage=85.5%;;;0;100 critical=0;;;0 high=0;;;0 medium=1;;;0 low=0;;;0 waived=1;;;0 unknown=1;;;0");
        report.verdicts[0].title = "a | b\nc \u{1b}[2J".to_owned();
        let told = line(&report, Some("the configuration is broken"));
        assert!(told.starts_with("GOODSTEAD UNKNOWN - the configuration is broken; readiness"), "{told}");
        assert_eq!((told.matches('|').count(), told.matches('\n').count()), (1, 1), "{told}");
        assert!(!told.contains('\u{1b}'));
    }

    #[test]
    fn the_impact_decides() {
        let mut report = fixture::sample();
        for (impact, expected) in [
            (Impact::Low, Service::Ok),
            (Impact::Medium, Service::Warning),
            (Impact::High, Service::Critical),
            (Impact::Critical, Service::Critical),
        ] {
            report.verdicts[0].impact = impact;
            assert_eq!(service(&report, None), expected);
            assert_eq!(service(&report, Some("x")), Service::Unknown);
        }
        report.readiness = None;
        assert_eq!(service(&report, None), Service::Unknown);
    }
}
