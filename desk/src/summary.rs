//! What the board needs of a report: a few values per deployment, worked out once, when the report comes.
//!
//! Pure. A report always has a summary of at least one deployment, so that no site falls off the board.

use std::collections::BTreeMap;

use goodstead_model::{Impact, Judgement, Report, Target};

/// Texts that the board shows are cut to this many characters; the report page has them whole.
const TEXT: usize = 200;

/// What the board shows of one deployment in one report.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The deployment; empty when the report has no target.
    pub deployment: String,
    /// Its targets' ids, separated by commas.
    pub targets: String,
    /// Its readiness; absent when nothing could be judged.
    pub readiness: Option<Score>,
    /// Its findings.
    pub findings: usize,
    /// Failed checks that the admin accepts for a while.
    pub waived: usize,
    /// The findings that are critical.
    pub critical: usize,
    /// Checks that could not be judged.
    pub not_judged: usize,
    /// The title and impact of the finding that costs most.
    pub worst: Option<(String, Impact)>,
}

/// Readiness of one deployment; all values from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// What is unknown taken as failed.
    pub low: f64,
    /// What is unknown taken as passed.
    pub high: f64,
    /// The one number, where the agent gives one.
    pub single: Option<f64>,
    /// The judged share of the applicable weight.
    pub coverage: f64,
}

/// The deployments of `report`, by name.
pub fn summarise(report: &Report) -> Vec<Summary> {
    let mut deployments: BTreeMap<&str, Vec<&Target>> = BTreeMap::new();
    for target in &report.targets {
        deployments.entry(&target.deployment).or_default().push(target);
    }
    if deployments.is_empty() {
        deployments.insert("", Vec::new());
    }
    let only = deployments.len() == 1;
    deployments.iter().map(|(name, targets)| deployment(report, name, targets, only)).collect()
}

fn deployment(report: &Report, name: &str, targets: &[&Target], only: bool) -> Summary {
    let belongs = |judgement: &&Judgement| only || targets.iter().any(|target| target.id == judgement.target);
    let findings: Vec<&Judgement> = report.findings().filter(belongs).collect();
    let cost = |a: &Judgement, b: &Judgement| a.points.total_cmp(&b.points).then(a.impact.cmp(&b.impact));
    // Of equals the first stays, so that the report's own order decides.
    let worst =
        findings.iter().copied().reduce(|worst, next| if cost(next, worst).is_gt() { next } else { worst });
    let ids: Vec<&str> = targets.iter().map(|target| target.id.as_str()).collect();
    Summary {
        deployment: cut(name),
        targets: cut(&ids.join(", ")),
        readiness: if only { of_report(report) } else { of_worst(targets) },
        findings: findings.len(),
        waived: report.waived().filter(belongs).count(),
        critical: findings.iter().filter(|finding| finding.impact == Impact::Critical).count(),
        not_judged: report.not_judged().filter(belongs).count(),
        worst: worst.map(|finding| (cut(&finding.title), finding.impact)),
    }
}

fn of_report(report: &Report) -> Option<Score> {
    report.readiness.as_ref().map(|readiness| Score {
        low: readiness.range.low,
        high: readiness.range.high,
        single: readiness.single,
        coverage: readiness.coverage,
    })
}

/// The score of the worst target, by its high end and then by its low end: a mean hides failure.
fn of_worst(targets: &[&Target]) -> Option<Score> {
    let scores = targets.iter().filter_map(|target| target.score.as_ref());
    let worst = scores
        .min_by(|a, b| a.range.high.total_cmp(&b.range.high).then(a.range.low.total_cmp(&b.range.low)))?;
    Some(Score { low: worst.range.low, high: worst.range.high, single: None, coverage: worst.coverage })
}

/// At most 200 characters and an ellipsis, none of them a control character, which not every database takes.
pub fn cut(text: &str) -> String {
    let mut characters = text.chars().filter(|character| !character.is_control());
    let mut kept: String = characters.by_ref().take(TEXT).collect();
    if characters.next().is_some() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::sample;

    #[test]
    fn one_deployment_has_the_reports_readiness() {
        let mut report = sample::report(1);
        let readiness = report.readiness.as_mut().unwrap();
        (readiness.range.low, readiness.range.high, readiness.single) = (10.0, 20.0, Some(20.0));
        let summaries = summarise(&report);
        assert_eq!(summaries.len(), 1);
        assert_eq!(summaries[0].readiness.unwrap().single, Some(20.0));
        assert_eq!(summaries[0].targets, "linux, postgresql:main");
    }

    #[test]
    fn of_several_each_has_its_worst_target_and_its_own_findings() {
        let mut report = sample::report(1);
        report.targets[0].deployment = "hosts".into();
        report.targets[1].deployment = "orders".into();
        let mut second = report.targets[1].clone();
        second.id = "postgresql:spare".into();
        second.score.as_mut().unwrap().range.high = 7.0;
        second.score.as_mut().unwrap().range.low = 5.0;
        report.targets.push(second);
        let summaries = summarise(&report);
        assert_eq!(
            summaries.iter().map(|summary| summary.deployment.as_str()).collect::<Vec<_>>(),
            ["hosts", "orders"]
        );
        assert_eq!(summaries[1].readiness.unwrap().high, 7.0);
        assert_eq!(
            summaries[0].findings,
            report.findings().filter(|finding| finding.target == "linux").count()
        );
        assert_eq!(summaries[1].critical, 1);
        assert_eq!(summaries[0].critical, 0);
    }

    #[test]
    fn what_is_waived_is_counted_apart() {
        let mut report = sample::report(1);
        sample::waive(&mut report);
        let summary = summarise(&report).remove(0);
        assert_eq!((summary.findings, summary.waived, summary.critical), (1, 1, 0));
        assert_eq!(summary.worst.unwrap().0, "The kernel swaps eagerly");
    }

    #[test]
    fn the_worst_finding_is_the_one_that_costs_most() {
        let mut report = sample::report(1);
        report.verdicts.reverse();
        let summary = summarise(&report).remove(0);
        assert_eq!(
            summary.worst,
            Some(("Committed data can be lost: fsync is off".into(), Impact::Critical))
        );
    }

    #[test]
    fn a_report_without_targets_stays_on_the_board() {
        let mut report = sample::report(1);
        report.targets.clear();
        report.verdicts.clear();
        report.readiness = None;
        let summaries = summarise(&report);
        assert_eq!((summaries.len(), summaries[0].readiness, &summaries[0].worst), (1, None, &None));
    }

    #[test]
    fn long_and_strange_texts_are_cut() {
        assert_eq!(cut("a\0b\nc"), "abc");
        assert_eq!(cut(&"ä".repeat(500)).chars().count(), TEXT + 1);
    }
}
