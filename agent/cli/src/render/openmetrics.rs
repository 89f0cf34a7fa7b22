//! The report as OpenMetrics, for Prometheus: scraped, or put where the node exporter's textfile collector looks.
//!
//! Gauges only and no times of samples, so that it is valid in Prometheus' older text format as well, which that collector
//! reads. The names are a contract. What is not known has no sample; a share is 0 to 1. Written by hand: the client
//! library (prometheus-client) is for counting inside a running program and keeps what it counts in hash maps, so that
//! the same report would come out in another order each time.

use std::collections::BTreeMap;
use std::fmt::Write;

use goodstead_model::{Impact, Judgement, Range, Reached, Report, Task, Verdict};

use super::value::plain;

/// The whole report.
pub(crate) fn report(report: &Report) -> String {
    let mut metrics = Metrics(String::new());
    whole(&mut metrics, report);
    targets(&mut metrics, report);
    findings(&mut metrics, report);
    progress(&mut metrics, report);
    metrics.0.push_str("# EOF\n");
    metrics.0
}

fn whole(metrics: &mut Metrics, report: &Report) {
    metrics.family("goodstead_agent_info", "", "The agent that made the report.", |family| {
        family.sample(&[("version", &report.agent.version)], 1.0);
    });
    metrics.family(
        "goodstead_scan_timestamp_seconds",
        "seconds",
        "When the scan began, since the epoch.",
        |family| {
            if let Ok(time) = report.time.parse::<jiff::Timestamp>() {
                family.sample(&[], time.as_second() as f64);
            }
        },
    );
    metrics.family("goodstead_scan_duration_seconds", "seconds", "How long the scan took.", |family| {
        if let Some(all) = report.timings_ms.get("all") {
            family.sample(&[], all / 1000.0);
        }
    });
    metrics.family(
        "goodstead_scan_partial",
        "",
        "Whether the scan was a part of the full one, and of what: 1 or 0.",
        |family| match report.partial() {
            Some(limit) => family.sample(&[("selection", &limit)], 1.0),
            None => family.sample(&[], 0.0),
        },
    );
    metrics.family(
        "goodstead_readiness_ratio",
        "ratio",
        "Readiness from all unknown failed to all unknown passed.",
        |family| {
            if let Some(readiness) = &report.readiness {
                family.range(&[], readiness.range);
            }
        },
    );
    metrics.family(
        "goodstead_coverage_ratio",
        "ratio",
        "The judged share of the applicable weight.",
        |family| {
            if let Some(readiness) = &report.readiness {
                family.sample(&[], readiness.coverage / 100.0);
            }
        },
    );
    metrics.family("goodstead_checks", "", "Checks by what came of them.", |family| {
        for verdict in [
            Verdict::Fail,
            Verdict::Waived,
            Verdict::Unknown,
            Verdict::NotYetJudged,
            Verdict::Pass,
            Verdict::NotApplicable,
        ] {
            let number = report.verdicts.iter().filter(|one| one.verdict == verdict).count();
            family.sample(&[("verdict", &verdict.to_string().replace(' ', "-"))], number as f64);
        }
    });
}

fn targets(metrics: &mut Metrics, report: &Report) {
    let scored = || report.targets.iter().filter_map(|target| Some((target, target.score.as_ref()?)));
    metrics.family("goodstead_target_readiness_ratio", "ratio", "Readiness of one target.", |family| {
        for (target, score) in scored() {
            family.range(&[("target", &target.id), ("deployment", &target.deployment)], score.range);
        }
    });
    metrics.family(
        "goodstead_target_area_ratio",
        "ratio",
        "One area of the readiness of one target.",
        |family| {
            for (target, score) in scored() {
                for area in &score.areas {
                    let name = area.area.to_string().to_lowercase();
                    family.range(&[("target", &target.id), ("area", &name)], area.range);
                }
            }
        },
    );
    metrics.family(
        "goodstead_target_coverage_ratio",
        "ratio",
        "The judged share of one target's weight.",
        |family| {
            for (target, score) in scored() {
                family.sample(&[("target", &target.id)], score.coverage / 100.0);
            }
        },
    );
    metrics.family(
        "goodstead_findings",
        "",
        "Findings that are not waived, by target and impact.",
        |family| {
            let mut found: BTreeMap<(&str, Impact), usize> = BTreeMap::new();
            for one in report.findings() {
                *found.entry((&one.target, one.impact)).or_default() += 1;
            }
            for target in &report.targets {
                for impact in Impact::WORST_FIRST {
                    let number = found.get(&(target.id.as_str(), impact)).copied().unwrap_or_default();
                    family.sample(&[("target", &target.id), ("impact", &impact.to_string())], number as f64);
                }
            }
        },
    );
}

fn findings(metrics: &mut Metrics, report: &Report) {
    let failed = |one: &&Judgement| matches!(one.verdict, Verdict::Fail | Verdict::Waived);
    metrics.family(
        "goodstead_finding_points",
        "points",
        "Points of readiness, of 100, lost to a finding.",
        |family| {
            for one in report.verdicts.iter().filter(failed) {
                let waived = if one.verdict == Verdict::Waived { "true" } else { "false" };
                let labels = [
                    ("check", one.id.as_str()),
                    ("target", &one.target),
                    ("impact", &one.impact.to_string()),
                    ("concern", &one.concern.to_string()),
                    ("waived", waived),
                ];
                family.sample(&labels, one.points);
            }
        },
    );
}

fn progress(metrics: &mut Metrics, report: &Report) {
    metrics.family(
        "goodstead_capability_extent_ratio",
        "ratio",
        "How far a licensed capability is used.",
        |family| {
            if let Some(adoption) = &report.adoption {
                for one in &adoption.capabilities {
                    if let Some(extent) = one.extent {
                        let labels = [
                            ("capability", one.id.as_str()),
                            ("deployment", &adoption.entitlement.deployment),
                        ];
                        family.sample(&labels, extent);
                    }
                }
            }
        },
    );
    metrics.family("goodstead_milestone_reached", "", "Whether a milestone was reached: 1 or 0.", |family| {
        for one in report.milestones.iter().filter(|one| one.state != Reached::Unknown) {
            let reached = if one.state == Reached::Reached { 1.0 } else { 0.0 };
            family.sample(&[("milestone", &one.id), ("deployment", &one.deployment)], reached);
        }
    });
    let counts: [(_, _, Counted); 2] = [
        ("goodstead_task_attempts", "Attempts at a task in its window.", |task| task.attempts),
        ("goodstead_task_completions", "Completed attempts at a task in its window.", |task| {
            task.completions
        }),
    ];
    for (name, help, of) in counts {
        metrics.family(name, "", help, |family| {
            for one in &report.tasks {
                if let Some(number) = of(one) {
                    family.sample(&[("task", &one.id), ("deployment", &one.deployment)], number as f64);
                }
            }
        });
    }
}

/// A count of a task, where it is known.
type Counted = fn(&Task) -> Option<u64>;

struct Metrics(String);

impl Metrics {
    /// One family. Help and unit are ours; a family without a sample says that there could be one.
    fn family(&mut self, name: &'static str, unit: &str, help: &str, samples: impl FnOnce(&mut Family<'_>)) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        if !unit.is_empty() {
            let _ = writeln!(self.0, "# UNIT {name} {unit}");
        }
        samples(&mut Family { text: &mut self.0, name });
    }
}

struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{}{labels} {value}", self.name);
    }

    /// Both ends of a score, as shares.
    fn range(&mut self, labels: &[(&str, &str)], range: Range) {
        for (end, value) in [("low", range.low), ("high", range.high)] {
            // Scores have steps of 0.01; a division leaves more digits than they mean.
            self.sample(&[labels, &[("end", end)]].concat(), (value * 100.0).round() / 1e4);
        }
    }
}

/// A label's value: one line that a quote does not end.
fn escaped(value: &str) -> String {
    plain(value).replace('\\', "\\\\").replace('"', "\\\"")
}
