//! From the bytes that came to a report that can be relied on.
//!
//! Pure. After this the id fits into an address, the time is a time, and every score lies where scores lie; the texts
//! are still whatever the site wrote.

use std::collections::BTreeSet;

use goodstead_model::{Range, Report, SCHEMA};
use jiff::Timestamp;
use serde::Deserialize;

use crate::auth::Hash;
use crate::{Error, Result};

/// The largest report that is taken, in bytes.
pub const LIMIT: usize = goodstead_model::MAX_SENT;

/// The most deployments that one report may name. Each is a row of the board; a host with more is not one host.
pub const DEPLOYMENTS: usize = 100;

/// A report that was checked, and what it was made from.
#[derive(Debug, Clone)]
pub struct Received {
    /// The report.
    pub report: Report,
    /// When its scan began, as it says itself.
    pub time: Timestamp,
    /// Over the bytes, as they came.
    pub hash: String,
}

/// Looks at the schema before anything else, which a newer one may have changed.
#[derive(Deserialize)]
struct Envelope {
    schema: u64,
}

/// Reads and checks `body`.
///
/// # Errors
/// [`Error::NewerReport`], or [`Error::NotAReport`] with what is wrong; it never quotes a value.
pub fn read(body: &[u8]) -> Result<Received> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| not_a_report(&error))?;
    if envelope.schema > u64::from(SCHEMA) {
        return Err(Error::NewerReport(envelope.schema));
    }
    let report: Report = serde_json::from_slice(body).map_err(|error| not_a_report(&error))?;
    let wrong = |what: &str| Error::NotAReport(what.to_owned());
    if !is_id(&report.id) {
        return Err(wrong("its id is not 32 lower-case hexadecimal digits"));
    }
    let deployments: BTreeSet<&str> =
        report.targets.iter().map(|target| target.deployment.as_str()).collect();
    if deployments.len() > DEPLOYMENTS {
        return Err(wrong(&format!("it names more than {DEPLOYMENTS} deployments")));
    }
    let time = report.time.parse().map_err(|_| wrong("its time is not RFC 3339"))?;
    if !scores_are_sound(&report) {
        return Err(wrong(
            "a score lies outside of 0 to 100, its low end is above its high end, or more was completed than attempted",
        ));
    }
    Ok(Received { report, time, hash: Hash::of(body).to_string() })
}

/// Whether `id` is what a report's or node's id looks like: 32 lower-case hexadecimal digits.
pub fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The place is told, the text that `serde_json` quotes is not: it may be a site's value.
fn not_a_report(error: &serde_json::Error) -> Error {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field is missing or has another type",
        _ => "it is not JSON",
    };
    Error::NotAReport(format!("{what} (line {}, column {})", error.line(), error.column()))
}

fn scores_are_sound(report: &Report) -> bool {
    let percent = |value: f64| (0.0..=100.0).contains(&value);
    let range = |range: &Range| percent(range.low) && percent(range.high) && range.low <= range.high;
    let readiness = report.readiness.iter().all(|readiness| {
        range(&readiness.range) && percent(readiness.coverage) && readiness.single.is_none_or(percent)
    });
    let mut capabilities = report.adoption.iter().flat_map(|adoption| &adoption.capabilities);
    let adoption = capabilities.all(|one| one.extent.is_none_or(|extent| percent(100.0 * extent)));
    let tasks = report.tasks.iter().all(|one| one.completions <= one.attempts);
    let mut scores = report.targets.iter().filter_map(|target| target.score.as_ref());
    readiness && adoption && tasks && scores.all(|score| range(&score.range) && percent(score.coverage))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::sample;

    fn wrong(change: impl FnOnce(&mut Report)) -> String {
        let mut report = sample::report(1);
        change(&mut report);
        read(&sample::bytes(&report)).unwrap_err().public()
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let report = sample::report(1);
        let received = read(&sample::bytes(&report)).unwrap();
        assert_eq!(received.report, report);
        assert_eq!(received.time.to_string(), report.time);
    }

    #[test]
    fn reports_of_every_schema_are_taken() {
        for text in [
            include_str!("../../agent/model/samples/report-1.json"),
            include_str!("../../agent/model/samples/report-2.json"),
            include_str!("../../agent/model/samples/report-3.json"),
        ] {
            read(text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn what_is_no_report_is_told_without_its_values() {
        let public = |body: &[u8]| read(body).unwrap_err().public();
        insta::assert_snapshot!(public(b"hunter2"), @"This is not a report: it is not JSON (line 1, column 1).");
        insta::assert_snapshot!(public(b"{\"schema\": \"hunter2\"}"), @"This is not a report: a field is missing or has another type (line 1, column 20).");
        insta::assert_snapshot!(public(b"{\"schema\": 1}"), @"This is not a report: a field is missing or has another type (line 1, column 13).");
    }

    #[test]
    fn a_newer_schema_is_told_apart_from_nonsense() {
        insta::assert_snapshot!(
            read(b"{\"schema\": 4, \"anything\": true}").unwrap_err().public(),
            @"The report has schema 4; this desk knows up to 3. The desk needs an upgrade."
        );
    }

    #[test]
    fn ids_times_and_scores_are_checked() {
        for id in ["", "../../etc/passwd", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef"] {
            assert!(wrong(|report| report.id = id.into()).contains("its id"), "{id}");
        }
        assert!(wrong(|report| report.time = "yesterday".into()).contains("its time"));
        let low_above_high = Range { low: 60.0, high: 50.0 };
        assert!(
            wrong(|report| report.readiness.as_mut().unwrap().range = low_above_high).contains("a score")
        );
        assert!(wrong(|report| report.readiness.as_mut().unwrap().coverage = 101.0).contains("a score"));
        assert!(wrong(|report| report.readiness.as_mut().unwrap().single = Some(-1.0)).contains("a score"));
        assert!(
            wrong(|report| report.targets[0].score.as_mut().unwrap().range.high = 1e9).contains("a score")
        );
        let crowd = |number: usize| {
            move |report: &mut Report| {
                let one = report.targets[0].clone();
                let named = |at| goodstead_model::Target { deployment: format!("d{at}"), ..one.clone() };
                report.targets = (0..number).map(named).collect();
            }
        };
        assert!(wrong(crowd(DEPLOYMENTS + 1)).contains("more than 100 deployments"));
        let mut report = sample::report(1);
        crowd(DEPLOYMENTS)(&mut report);
        read(&sample::bytes(&report)).unwrap();
        let too_far =
            |report: &mut Report| report.adoption.as_mut().unwrap().capabilities[0].extent = Some(1.1);
        assert!(wrong(too_far).contains("a score"));
        assert!(wrong(|report| report.tasks[0].completions = Some(15)).contains("completed than attempted"));
    }
}
