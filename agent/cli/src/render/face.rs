//! The faces of a report, and the one place that leads to them.
//!
//! A face is text, made of nothing but the report and how it is looked at. What a site wrote is never raw in it:
//! control characters, marks of direction and the like are shown or escaped, and nothing of it makes structure.

use clap::ValueEnum;
use goodstead_model::Report;

use super::{json, junit, markdown, nagios, openmetrics, sarif, text};

/// Which face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Face {
    /// For a person at a terminal
    Text,
    /// For a program: the whole report, stable
    Json,
    /// For tickets and wikis
    Markdown,
    /// SARIF 2.1.0, for what gathers the findings of many tools
    Sarif,
    /// JUnit's XML, for build servers
    Junit,
    /// For Prometheus, scraped or as a file of the node exporter
    Openmetrics,
    /// One line for Nagios, Icinga and their like, with their exit codes
    Nagios,
}

/// How a report is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// The columns of the text.
    pub(crate) width: usize,
    /// How much the text says.
    pub(crate) detail: Detail,
    /// Whether the text may hold more than ASCII of our own.
    pub(crate) unicode: bool,
    /// What keeps the report from counting in monitoring.
    pub(crate) trouble: Option<String>,
}

/// How much the text says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The headline and the findings' titles.
    Quiet,
    /// All that there is to do.
    #[default]
    Normal,
    /// Every verdict and every value as well.
    Verbose,
}

/// The report with this face.
pub(crate) fn render(report: &Report, face: Face, look: &Look) -> String {
    match face {
        Face::Text => text::report(report, look),
        Face::Json => json::pretty(report),
        Face::Markdown => markdown::report(report),
        Face::Sarif => sarif::report(report),
        Face::Junit => junit::report(report),
        Face::Openmetrics => openmetrics::report(report),
        Face::Nagios => nagios::line(report, look.trouble.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::render::fixture;
    use crate::render::value::acts;

    fn rendered(report: &Report, face: Face, detail: Detail, width: usize) -> String {
        render(report, face, &Look { width, detail, unicode: true, trouble: None })
    }

    const DETAILS: [Detail; 3] = [Detail::Quiet, Detail::Normal, Detail::Verbose];

    #[test]
    fn nothing_that_a_site_wrote_is_raw_in_any_face() {
        let report = fixture::hostile();
        for face in Face::value_variants() {
            for detail in DETAILS {
                let text = rendered(&report, *face, detail, 80);
                // The text is coloured by us; a style of the site's would still be there without ours.
                let ours = if *face == Face::Text { strip_str(&text).to_string() } else { text.clone() };
                let raw = ours.chars().find(|c| acts(*c) && *c != '\n');
                assert_eq!(raw, None, "{face:?}: {ours}");
                assert!(!text.contains("[2J\u{9b}") && !text.contains("\u{1b}[2J"), "{face:?}");
                assert!(
                    text.contains("[2J") || text.len() < 200,
                    "{face:?} shows that something is there: {text}"
                );
            }
        }
    }

    #[test]
    fn no_line_of_a_site_begins_a_line() {
        let report = fixture::hostile();
        for face in [Face::Text, Face::Openmetrics, Face::Nagios] {
            let text = rendered(&report, face, Detail::Verbose, 10_000);
            for begins in ["# x", "- y"] {
                assert!(!text.lines().any(|line| line.starts_with(begins)), "{face:?}: {text}");
            }
            assert!(text.lines().filter(|line| *line == "# EOF").count() <= 1, "{face:?}");
        }
    }

    #[test]
    fn the_terminal_may_be_narrow() {
        for report in [fixture::sample(), fixture::hostile()] {
            for width in [0, 1, 20, 40, 80, 200] {
                for detail in DETAILS {
                    rendered(&report, Face::Text, detail, width);
                }
            }
        }
    }
}
