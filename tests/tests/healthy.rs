//! No false alarms: healthy systems made by the test are looked at by the shipped program, and every finding on them
//! is listed here with a sentence in its defence.
//!
//! A finding that is not listed fails the test, and a listed one that no longer appears does as well. The same holds
//! for what could not be judged on live hosts.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use goodstead_linux::Linux;
use goodstead_plugin::fake::manifest;
use goodstead_tests::host::{Host, now};
use goodstead_tests::shapes::{containers, debian, redhat, running, small};
use goodstead_tests::tree::Tree;
use serde_json::Value as Json;

const NO_RESTART: (&str, &str) = (
    "linux.hangs-after-panic",
    "a kernel that panicked waits for a person: kernel.panic is 0, and neither kdump nor a watchdog is set up",
);

const NO_PRESSURE: [(&str, &str); 2] = [
    ("linux.memory-pressure-high", "the kernel measures no pressure, and the cause says how it would: psi=1"),
    (
        "linux.dirty-page-backlog-too-large",
        "a large threshold alone is no fault, and pressure is not measured: psi=1",
    ),
];

/// Checks by id, each with why it is right to speak.
type Defended<'a> = &'a [(&'a str, &'a str)];

/// From this day on support of the releases used here nears its end, and then that is no false alarm: 2028-01-01.
const SUPPORT_ENDS: u64 = 1_830_297_600;

/// The ids of the verdicts of a kind, without what only the calendar decides.
fn ids(report: &Json, verdict: &str) -> BTreeSet<String> {
    let verdicts = report["verdicts"].as_array().expect("verdicts");
    verdicts
        .iter()
        .filter(|it| it["verdict"] == verdict)
        .map(|it| it["id"].as_str().expect("an id").to_owned())
        .filter(|id| now() < SUPPORT_ENDS || !id.contains("end-of-life"))
        .collect()
}

/// What is found and not listed, or listed and not found, in words.
fn differences(name: &str, report: &Json, verdict: &str, listed: Defended) -> Vec<String> {
    let found = ids(report, verdict);
    let listed: BTreeSet<String> = listed.iter().map(|(id, _)| (*id).to_owned()).collect();
    let details = |id: &String| {
        let judgement = report["verdicts"].as_array().unwrap().iter().find(|it| it["id"] == id.as_str());
        let judgement = judgement.cloned().unwrap_or_default();
        format!("{} {}", judgement["evidence"], judgement["cause"])
    };
    let more = found.difference(&listed).map(|id| format!("{name}: {verdict} {id}: {}", details(id)));
    let less = listed.difference(&found).map(|id| format!("{name}: listed as {verdict} and is not: {id}"));
    more.chain(less).collect()
}

/// What is unknown although files could tell: the rest is left to the live host, and says so.
fn not_from_files(name: &str, report: &Json) -> Vec<String> {
    let verdicts = report["verdicts"].as_array().expect("verdicts").iter();
    let odd =
        verdicts.filter(|it| it["verdict"] == "unknown" && it["cause"]["kind"] != "not-applicable-here");
    odd.map(|it| format!("{name}: {} {}", it["id"], it["cause"])).collect()
}

fn none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn files_of_healthy_systems_are_no_findings() {
    let tree = Tree::new();
    let mut problems = Vec::new();
    let shapes: [(&str, Host, Defended); 9] = [
        ("debian12", debian::debian12(), &[]),
        ("debian13", debian::debian13(), &[]),
        ("ubuntu2404", debian::ubuntu2404(), &[]),
        ("rhel9", redhat::rhel9(), &[]),
        ("router", small::router(), &[]),
        ("kubernetes", small::kubernetes_node(), &[]),
        ("container", small::container_image(), &[]),
        ("alpine", small::alpine_image(), &[]),
        ("microvm", small::micro_vm(), &[]),
    ];
    for (name, host, findings) in shapes {
        let root = tree.scratch(name);
        host.write(&root);
        let (run, report) = tree.check(&["linux", "--root", &root.display().to_string()]);
        assert!(!run.stderr.contains("panicked"), "{name}: {run:?}");
        problems.extend(differences(name, &report, "fail", findings));
        problems.extend(not_from_files(name, &report));
        assert!(ids(&report, "pass").len() >= 5, "{name}: {report:#}");
    }
    none(problems);
}

/// The configuration files of this machine's packages that nobody has changed, if it is a Debian 12: their text, not
/// ours. Others than Debian's packages are left out.
fn packaged(root: &Path) -> usize {
    let os = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !os.contains("VERSION_CODENAME=bookworm") {
        return 0;
    }
    let query = ["--show", "--showformat=${Maintainer}\t${Conffiles}\n\n"];
    let listed = Command::new("dpkg-query").args(query).output().expect("Debian has dpkg-query").stdout;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let of_debian =
        listed.split("\n\n").filter(|package| package.contains("@lists.") || package.contains("debian.org"));
    let lines = of_debian.flat_map(str::lines).filter_map(|line| line.trim().split_once(' '));
    let wanted = [
        "/etc/apt/",
        "/etc/cron",
        "/etc/logrotate",
        "/etc/pam.d/",
        "/etc/ssh",
        "/etc/sysctl",
        "/etc/systemd/",
    ];
    let mut copied = 0;
    for (path, sum) in lines.filter(|(path, _)| wanted.iter().any(|start| path.starts_with(start))) {
        let now = Command::new("md5sum").arg(path).output().expect("Debian has md5sum").stdout;
        if String::from_utf8_lossy(&now).split(' ').next() != Some(sum) {
            continue;
        }
        let place = root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(path, place).unwrap();
        copied += 1;
    }
    copied
}

#[test]
fn the_files_that_packages_of_debian_12_install_are_no_findings() {
    let tree = Tree::new();
    let root = tree.scratch("root");
    debian::debian12().write(&root);
    let copied = packaged(&root);
    let (_, report) = tree.check(&["linux", "--root", &root.display().to_string()]);
    none(differences("packaged", &report, "fail", &[]));
    none(not_from_files("packaged", &report));
    eprintln!("{copied} files of packages");
}

#[test]
fn healthy_hosts_are_no_findings() {
    let tree = Tree::new();
    let manifest = manifest(include_str!("../../plugins/linux/plugin.toml"));
    let shapes: [(&str, (Host, &str), Defended, Defended); 10] = [
        ("debian12 cloud", running::debian12_cloud(), &[NO_RESTART], &[]),
        ("ubuntu", running::ubuntu_server(), &[NO_RESTART], &[]),
        ("rhel9", running::rhel9_server(), &[], &[NO_PRESSURE[0], NO_PRESSURE[1]]),
        ("metal database", running::metal_database(), &[], &[]),
        ("router", running::live_router(), &[], &[]),
        ("kubernetes", containers::live_kubernetes_node(), &[], &[]),
        ("container", containers::container(), &[], &[]),
        ("docker", containers::docker_host(), &[NO_RESTART], &[]),
        ("laptop", running::laptop(), &[], &[]),
        ("microvm", running::live_micro_vm(), &[], &[]),
    ];
    let mut problems = Vec::new();
    for (name, (host, release), findings, unknown) in shapes {
        let file = tree.scratch("facts.json");
        let saved = host.saved_facts::<Linux>(&manifest, &running::agent_sees(release));
        std::fs::write(&file, saved.to_string()).unwrap();
        let (run, report) = tree.check(&["--facts", &file.display().to_string()]);
        assert!(!run.stderr.contains("panicked"), "{name}: {run:?}");
        problems.extend(differences(name, &report, "fail", findings));
        problems.extend(differences(name, &report, "unknown", unknown));
        assert!(ids(&report, "pass").len() >= 5, "{name}: {report:#}");
    }
    none(problems);
}
