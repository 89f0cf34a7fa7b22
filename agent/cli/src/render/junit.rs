//! The report as JUnit's XML, for build servers: a suite for each target, a test for each check.
//!
//! What failed is a failure; what is waived, could not be judged or does not apply is skipped, and says why.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use goodstead_model::{Judgement, Report, Verdict};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::value::{plain, value};
use super::words::because;

type Xml = Writer<Vec<u8>>;

/// The whole report.
pub(crate) fn report(report: &Report) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing to memory does not fail.
    let _ = document(&mut xml, report);
    String::from_utf8(xml.into_inner()).unwrap_or_default() + "\n"
}

fn document(xml: &mut Xml, report: &Report) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut suites: BTreeMap<&str, Vec<&Judgement>> = BTreeMap::new();
    for judgement in &report.verdicts {
        suites.entry(&judgement.target).or_default().push(judgement);
    }
    let all: Vec<_> = report.verdicts.iter().collect();
    let seconds = report.timings_ms.get("all").copied().unwrap_or_default() / 1000.0;
    let attributes =
        counts(&all).into_iter().chain([("name", "goodstead".to_owned()), ("time", format!("{seconds:.3}"))]);
    element(xml, "testsuites", attributes, |xml| {
        suites.iter().try_for_each(|(target, judgements)| {
            let host = report.host.clone().unwrap_or_else(|| "unknown".to_owned());
            let attributes = counts(judgements).into_iter().chain([
                ("name", (*target).to_owned()),
                ("timestamp", report.time.trim_end_matches('Z').to_owned()),
                ("hostname", host),
            ]);
            element(xml, "testsuite", attributes, |xml| {
                if let Some(limit) = report.partial() {
                    let property = [("name", "partial".to_owned()), ("value", limit)];
                    element(xml, "properties", [], |xml| element(xml, "property", property, |_| Ok(())))?;
                }
                judgements.iter().try_for_each(|one| test(xml, one))
            })
        })
    })
}

/// How many tests there are, and how many of them failed or were skipped.
fn counts(judgements: &[&Judgement]) -> [(&'static str, String); 4] {
    let of = |verdict| judgements.iter().filter(|one| one.verdict == verdict).count();
    let (failed, passed) = (of(Verdict::Fail), of(Verdict::Pass));
    [
        ("tests", judgements.len().to_string()),
        ("failures", failed.to_string()),
        ("errors", "0".to_owned()),
        ("skipped", (judgements.len() - failed - passed).to_string()),
    ]
}

fn test(xml: &mut Xml, judgement: &Judgement) -> io::Result<()> {
    let attributes = [("name", judgement.id.clone()), ("classname", judgement.target.clone())];
    let skipped = |xml: &mut Xml, why: String| element(xml, "skipped", [("message", why)], |_| Ok(()));
    element(xml, "testcase", attributes, |xml| match judgement.verdict {
        Verdict::Pass => Ok(()),
        Verdict::Fail => {
            let attributes = [("message", judgement.title.clone()), ("type", judgement.impact.to_string())];
            element(xml, "failure", attributes, |xml| {
                xml.write_event(Event::Text(BytesText::new(&lines(&details(judgement)))))
            })
        }
        Verdict::Waived => {
            let why = judgement.waiver.as_ref().map_or(String::new(), |waiver| {
                format!(" until {}, by {}: {}", waiver.until, waiver.who, waiver.why)
            });
            skipped(xml, format!("waived{why}"))
        }
        Verdict::Unknown => {
            let cause = judgement.cause.as_ref();
            let help = cause.and_then(|cause| cause.remedy.as_deref());
            let help = help.map_or(String::new(), |help| format!("; what to do: {help}"));
            skipped(xml, format!("could not be judged: {}{help}", because(cause)))
        }
        Verdict::NotYetJudged => skipped(xml, "needs an earlier scan, judged at the next one".to_owned()),
        Verdict::NotApplicable => skipped(xml, "does not apply".to_owned()),
    })
}

fn details(judgement: &Judgement) -> String {
    let mut text = format!("{:.1} points on {}\n", -judgement.points, plain(&judgement.target));
    if !judgement.items.is_empty() {
        text.push_str(&format!("where: {}\n", plain(&judgement.items.join(", "))));
    }
    for part in [&judgement.remedy, &judgement.why] {
        if !part.trim().is_empty() {
            text.push_str(&format!("\n{}\n", part.trim()));
        }
    }
    if !judgement.evidence.is_empty() {
        text.push('\n');
    }
    for evidence in &judgement.evidence {
        text.push_str(&format!(
            "seen: {} = {}\n",
            plain(&evidence.path),
            value(&evidence.value, evidence.unit)
        ));
    }
    for link in &judgement.links {
        text.push_str(&format!("\n{}: {}", plain(&link.title), plain(&link.url)));
    }
    text
}

/// Our own lines stay lines; all else that is invisible is shown.
fn lines(text: &str) -> String {
    text.lines().map(allowed).collect::<Vec<_>>().join("\n")
}

/// XML has no way at all to say some characters; the visible form of most of them is text.
fn allowed(text: &str) -> Cow<'_, str> {
    match plain(text) {
        text if !text.is_ascii() && text.contains(['\u{fffe}', '\u{ffff}']) => {
            text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}").into()
        }
        text => text,
    }
}

fn element(
    xml: &mut Xml,
    name: &str,
    attributes: impl IntoIterator<Item = (&'static str, String)>,
    inside: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    let mut element = xml.create_element(name);
    for (key, value) in attributes {
        element = element.with_attribute((key, allowed(&value).as_ref()));
    }
    element.write_inner_content(inside)?;
    Ok(())
}
