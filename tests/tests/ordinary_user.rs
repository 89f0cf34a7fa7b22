//! Without root and without configuration: everything that can be read is judged, and what may not be read is unknown,
//! named, with the way to grant it.

use std::os::unix::process::CommandExt;
use std::process::Command;

use goodstead_tests::is_root;
use goodstead_tests::runner::NOBODY;
use goodstead_tests::sample::check_of_sysctl;
use goodstead_tests::tree::{Run, Tree, verdict};

fn as_ordinary_user(tree: &Tree, arguments: &[&str]) -> Run {
    let mut command = tree.goodstead(arguments);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    Run::of(command.output().unwrap())
}

#[test]
fn what_may_not_be_read_is_unknown_named_and_can_be_granted() {
    let tree = Tree::new();
    // A kernel setting that only root may read.
    let check = check_of_sysctl("linux.jit-unhardened", "net/core/bpf_jit_harden");
    tree.local_check("mine", "jit.toml", &check);
    let run = as_ordinary_user(&tree, &["check", "linux", "--format", "json", "--fail-on", "never"]);
    assert_eq!(run.code, 0, "{run:?}");
    let report = run.report();
    let judgement = verdict(&report, "linux.jit-unhardened", "linux");
    assert_eq!(
        (&judgement["verdict"], &judgement["cause"]["kind"]),
        (&"unknown".into(), &"not-permitted".into())
    );
    assert!(judgement["cause"]["detail"].as_str().unwrap().contains("/proc/sys/net/core/bpf_jit_harden"));
    assert!(judgement["cause"]["remedy"].as_str().unwrap().contains("sudo goodstead check"), "{judgement:#}");
    let passed = report["verdicts"].as_array().unwrap().iter().filter(|it| it["verdict"] == "pass").count();
    assert!(passed >= 5, "everything else is judged: {report:#}");
    assert_eq!(report["plugins"]["linux"]["lacks"], serde_json::json!([]), "and locked in all the same");
}

/// As a service that was given few rights may be: root, but not to end the processes of others, as which plugins run.
#[test]
fn an_agent_that_may_not_end_its_runners_does_not_wait_for_them() {
    let tree = Tree::new();
    let scan = tree.goodstead(&["check", "linux", "--fail-on", "never"]);
    let mut command = Command::new("timeout");
    command.arg("120");
    if is_root() {
        command.args(["setpriv", "--bounding-set", "-kill"]);
    }
    command.arg(scan.get_program()).args(scan.get_args());
    command.envs(scan.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("Readiness"), "{run:?}");
}

#[test]
fn a_state_that_cannot_be_kept_does_not_keep_the_report_back() {
    let tree = Tree::new();
    std::fs::write(tree.scratch("state"), "this is no folder").unwrap();
    let run = as_ordinary_user(&tree, &["check", "linux", "--fail-on", "never"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("the report is not kept") && run.stderr.contains("--state-dir"), "{run:?}");
    assert!(run.stdout.contains("Readiness"), "{run:?}");
}
