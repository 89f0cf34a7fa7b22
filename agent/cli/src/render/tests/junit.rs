//! JUnit in the eyes of a parser that others wrote.

use goodstead_model::Verdict;

use super::reports;
use crate::render::junit::report;

#[test]
fn a_parser_reads_back_a_test_for_each_verdict() {
    for each in reports() {
        let written = report(&each);
        let read = junit_parser::from_reader(written.as_bytes())
            .unwrap_or_else(|error| panic!("{error}\n{written}"));
        let of = |verdict| each.verdicts.iter().filter(|one| one.verdict == verdict).count() as u64;
        assert_eq!(
            (read.tests, read.failures, read.errors),
            (each.verdicts.len() as u64, of(Verdict::Fail), 0)
        );
        assert_eq!(read.skipped, read.tests - of(Verdict::Fail) - of(Verdict::Pass));
        let cases: Vec<_> = read.suites.iter().flat_map(|suite| &suite.cases).collect();
        assert_eq!(cases.len(), each.verdicts.len());
        let (mut failed, mut skipped) = (0, 0);
        for case in cases {
            failed += u64::from(case.status.is_failure());
            skipped += u64::from(case.status.is_skipped());
        }
        assert_eq!((failed, skipped), (read.failures, read.skipped));
    }
}

#[test]
fn what_is_skipped_says_why() {
    let [sample, ..] = reports();
    let written = report(&sample);
    for part in
        ["waived until 2027-01-01, by ada", "could not be judged: ", "does not apply", "type=\"medium\""]
    {
        assert!(written.contains(part), "{part}: {written}");
    }
}
