//! The faces of a report, and the one place that leads to them.
//!
//! A face is text, made of nothing but the report and how it is looked at. What a site wrote is never raw in it:
//! control characters, marks of direction and the like are shown or escaped, and nothing of it makes structure.

use std::path::Path;

use clap::ValueEnum;
use goodstead_model::Report;

use super::{html, json, junit, markdown, nagios, openmetrics, sarif, text};

/// Which face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Face {
    /// For a person at a terminal
    Text,
    /// For a program: the whole report, stable
    Json,
    /// For a browser: one file, with nothing from elsewhere
    Html,
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

impl Face {
    /// The face that a file's name asks for.
    pub(crate) fn of_file(file: &Path) -> Option<Face> {
        let extension = file.extension()?.to_str()?.to_ascii_lowercase();
        let compound = file.file_stem().and_then(|stem| Path::new(stem).extension());
        Some(match extension.as_str() {
            "json" if compound.is_some_and(|inner| inner.eq_ignore_ascii_case("sarif")) => Face::Sarif,
            "json" => Face::Json,
            "html" | "htm" => Face::Html,
            "md" | "markdown" => Face::Markdown,
            "sarif" => Face::Sarif,
            "xml" => Face::Junit,
            "prom" => Face::Openmetrics,
            "txt" => Face::Text,
            _ => return None,
        })
    }
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
        Face::Html => html::report(report),
        Face::Markdown => markdown::report(report),
        Face::Sarif => sarif::report(report),
        Face::Junit => junit::report(report),
        Face::Openmetrics => openmetrics::report(report),
        Face::Nagios => nagios::line(report, look.trouble.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_asks_for_a_face() {
        let of = |name: &str| Face::of_file(Path::new(name));
        assert_eq!(of("a/r.html"), Some(Face::Html));
        assert_eq!(of("r.SARIF"), Some(Face::Sarif));
        assert_eq!(of("r.sarif.json"), Some(Face::Sarif));
        assert_eq!(of("r.2026.json"), Some(Face::Json));
        assert_eq!(of("junit.xml"), Some(Face::Junit));
        assert_eq!([of("report"), of("r.log"), of(".html"), of("/dev/stdout")], [None; 4]);
    }
}
