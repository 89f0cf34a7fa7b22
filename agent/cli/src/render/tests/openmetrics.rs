//! OpenMetrics in the eyes of Prometheus' own parsers, of both its formats.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::reports;
use crate::render::fixture;
use crate::render::openmetrics::report;

/// `promtool`, as `cargo xtask test` lays it beside what is built.
fn promtool() -> Command {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout.join("target"), PathBuf::from);
    let program = target.join("tools/usr/bin/promtool");
    assert!(program.exists(), "{} is missing: run `cargo xtask test`", program.display());
    Command::new(program)
}

#[test]
fn the_parser_of_the_text_format_accepts_it_and_its_linter_has_nothing_to_say() {
    for each in reports() {
        let mut child = promtool()
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(report(&each).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && said.trim().is_empty(), "{said}\n{}", report(&each));
    }
}

/// That parser wants to know when each sample was taken, so that is added for it.
#[test]
fn the_parser_of_openmetrics_accepts_it_and_reads_the_labels_back() {
    for each in reports() {
        let folder = tempfile::tempdir().unwrap();
        let (input, database) = (folder.path().join("metrics"), folder.path().join("database"));
        let line = |line: &str| {
            if line.starts_with('#') { format!("{line}\n") } else { format!("{line} 1760000000\n") }
        };
        let timed: String = report(&each).lines().map(line).collect();
        fs::write(&input, &timed).unwrap();
        let read = promtool()
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&input, &database])
            .output()
            .unwrap();
        assert!(read.status.success(), "{}\n{timed}", String::from_utf8_lossy(&read.stderr));
        // Its reader wants the log of a running server beside the blocks.
        fs::create_dir(database.join("wal")).unwrap();
        let dumped = promtool().args(["tsdb", "dump"]).arg(&database).output().unwrap();
        let dumped = String::from_utf8(dumped.stdout).unwrap();
        let samples = timed.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(dumped.lines().count(), samples, "{dumped}");
    }
}

#[test]
fn names_and_values_are_a_contract() {
    let samples: Vec<_> =
        report(&fixture::sample()).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    insta::assert_snapshot!(samples.join("\n"), @r#"
    goodstead_agent_info{version="0.1.0"} 1
    goodstead_scan_timestamp_seconds 1795334400
    goodstead_scan_duration_seconds 0.0405
    goodstead_scan_partial 0
    goodstead_readiness_ratio{end="low"} 0.701
    goodstead_readiness_ratio{end="high"} 0.841
    goodstead_coverage_ratio 0.855
    goodstead_checks{verdict="fail"} 1
    goodstead_checks{verdict="waived"} 1
    goodstead_checks{verdict="unknown"} 1
    goodstead_checks{verdict="not-yet-judged"} 1
    goodstead_checks{verdict="pass"} 1
    goodstead_checks{verdict="not-applicable"} 1
    goodstead_target_readiness_ratio{target="linux",deployment="linux",end="low"} 0.701
    goodstead_target_readiness_ratio{target="linux",deployment="linux",end="high"} 0.896
    goodstead_target_area_ratio{target="linux",area="configuration",end="low"} 0.701
    goodstead_target_area_ratio{target="linux",area="configuration",end="high"} 0.896
    goodstead_target_coverage_ratio{target="linux"} 0.855
    goodstead_findings{target="linux",impact="critical"} 0
    goodstead_findings{target="linux",impact="high"} 0
    goodstead_findings{target="linux",impact="medium"} 1
    goodstead_findings{target="linux",impact="low"} 0
    goodstead_finding_points{check="linux.link-protection-off",target="linux",impact="medium",concern="performance",waived="false"} 8
    goodstead_finding_points{check="linux.swappiness-zero",target="linux",impact="medium",concern="performance",waived="true"} 2.4
    goodstead_capability_extent_ratio{capability="postgresql.point-in-time-recovery",deployment="orders"} 0
    goodstead_milestone_reached{milestone="postgresql.first-restore-proven",deployment="orders"} 1
    goodstead_task_attempts{task="postgresql.archive-wal",deployment="orders"} 14
    goodstead_task_completions{task="postgresql.archive-wal",deployment="orders"} 12
    "#);
}
