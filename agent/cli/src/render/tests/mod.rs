//! What holds of all faces; and each in the eyes of the readers that it is made for.

mod junit;
mod openmetrics;
mod sarif;

use anstream::adapter::strip_str;
use clap::ValueEnum;
use goodstead_model::Report;

use super::face::{Detail, Face, Look, render};
use super::fixture;
use super::value::acts;

fn look(detail: Detail, width: usize) -> Look {
    Look { width, detail, unicode: true, trouble: None }
}

/// The reports that every reader has to accept.
fn reports() -> [Report; 3] {
    let mut nothing = fixture::sample();
    nothing.readiness = None;
    nothing.verdicts.clear();
    nothing.targets.clear();
    [fixture::sample(), fixture::hostile(), nothing]
}

const DETAILS: [Detail; 3] = [Detail::Quiet, Detail::Normal, Detail::Verbose];

#[test]
fn nothing_that_a_site_wrote_is_raw_in_any_face() {
    let report = fixture::hostile();
    for face in Face::value_variants() {
        for detail in DETAILS {
            let text = render(&report, *face, &look(detail, 80));
            assert!(!text.contains("\u{1b}[2J"), "{face:?}");
            // Colours are ours; a site's would still be there without ours.
            let ours = if *face == Face::Text { strip_str(&text).to_string() } else { text };
            let raw = ours.chars().find(|c| acts(*c) && *c != '\n');
            assert_eq!(raw, None, "{face:?}: {ours}");
            assert!(ours.contains("[2J"), "{face:?} hides that something is there: {ours}");
        }
    }
}

#[test]
fn no_line_of_a_site_begins_a_line() {
    let report = fixture::hostile();
    for face in [Face::Openmetrics, Face::Nagios, Face::Markdown] {
        let text = render(&report, face, &look(Detail::Verbose, 10_000));
        for begins in ["# x", "| z", "GOODSTEAD OK"] {
            assert!(!text.lines().any(|line| line.starts_with(begins)), "{face:?}: {text}");
        }
    }
}

/// JSON carries the selection itself; all other faces say what it means.
#[test]
fn every_face_says_that_a_report_is_partial_and_of_what() {
    let mut report = fixture::sample();
    for face in Face::value_variants() {
        let text = render(&report, *face, &look(Detail::Quiet, 80));
        assert!(!text.contains("only linux"), "{face:?}: {text}");
    }
    report.selection.targets = vec!["linux".into()];
    for face in Face::value_variants() {
        for detail in DETAILS {
            let text = strip_str(&render(&report, *face, &look(detail, 80))).to_string();
            let marked = match face {
                Face::Json => text.contains("\"selection\": {\n    \"targets\": [\n      \"linux\""),
                _ => text.contains("partial") && text.contains("only linux"),
            };
            assert!(marked, "{face:?} {detail:?}: {text}");
        }
    }
}

#[test]
fn what_needs_an_earlier_scan_is_listed_as_such() {
    let report = fixture::sample();
    for face in [Face::Text, Face::Html, Face::Markdown, Face::Junit] {
        let text = strip_str(&render(&report, face, &look(Detail::Normal, 100))).to_string();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("linux.memory-pressure-high") && text.contains("an earlier scan"), "{text}");
    }
}

#[test]
fn an_event_says_when_it_was_last_seen_and_how_long_it_stays() {
    let report = fixture::sample();
    for face in [Face::Text, Face::Html, Face::Markdown] {
        let text = strip_str(&render(&report, face, &look(Detail::Normal, 100))).to_string();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("2026-11-22 02:00:00 UTC; it stays a finding for 24 hours"), "{text}");
    }
}

#[test]
fn the_terminal_may_be_of_any_width() {
    for report in reports() {
        for width in [0, 1, 20, 40, 80, 200, usize::MAX] {
            for detail in DETAILS {
                let text = render(&report, Face::Text, &look(detail, width));
                let text = strip_str(&text).to_string();
                assert!(!text.lines().any(|line| line.ends_with(' ')), "{width}: {text:?}");
            }
        }
    }
}

#[test]
fn a_terminal_without_unicode_gets_ascii() {
    let text = render(&fixture::sample(), Face::Text, &Look { unicode: false, ..look(Detail::Verbose, 80) });
    assert!(text.is_ascii(), "{text}");
}

#[test]
fn a_terminal_of_20_columns_is_laid_out_for() {
    for detail in DETAILS {
        let text = render(&fixture::sample(), Face::Text, &look(detail, 20));
        for line in strip_str(&text).to_string().lines() {
            let long = line.split(' ').any(|word| word.chars().count() > 12);
            assert!(line.chars().count() <= 20 || long, "{line:?}");
        }
    }
}

#[test]
fn every_face_says_what_then_do_then_why_then_seen_and_adoption_comes_later() {
    let mut report = fixture::sample();
    for finding in report.verdicts.iter_mut() {
        finding.remedy = "Set it now.".to_owned();
        finding.why = "Because pages stay.".to_owned();
    }
    let title = report.findings().next().unwrap().title.clone();
    let adopted = report.adoption.as_ref().unwrap().capabilities[0].title.clone();
    for face in [Face::Text, Face::Html, Face::Markdown, Face::Junit] {
        let text = render(&report, face, &look(Detail::Normal, 100));
        let text = strip_str(&text).to_string().replace("&quot;", "\"");
        let from = text.find(&title).unwrap();
        let after = |words: &str| {
            from + text[from..].find(words).unwrap_or_else(|| panic!("{face:?}: {words}: {text}"))
        };
        let places = [
            from,
            after("Set it now."),
            after("Because pages stay."),
            after("linux.memory.swap_total_bytes"),
        ];
        assert!(places.is_sorted(), "{face:?}: {places:?}: {text}");
        if face != Face::Junit {
            assert!(places[3] < after(&adopted), "{face:?}: {text}");
        }
    }
}
