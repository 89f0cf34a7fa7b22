//! File systems that never answer: skipped with a cause, and never waited for longer than it takes to be sure.
//!
//! A real one: the kernel's side of FUSE with nobody on the other. It is mounted in a namespace of the test's own, so
//! that nothing else on the machine meets it.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use goodstead_tests::mounts::with_own_mounts;
use goodstead_tests::tree::Tree;
use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, mount};
use serde_json::Value as Json;

/// Far less than the sum of what a careless agent would wait for, far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(15);

/// Mounts a file system at `folder` that answers nothing until what is returned is dropped.
fn hanging(folder: &Path) -> OwnedFd {
    fs::create_dir_all(folder).unwrap();
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let device =
        rustix::fs::open("/dev/fuse", flags, Mode::empty()).expect("/dev/fuse: load the module fuse");
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    let options = std::ffi::CString::new(options).unwrap();
    mount("nobody", folder, "fuse", MountFlags::empty(), options.as_c_str()).unwrap();
    device
}

fn in_time(began: Instant) {
    assert!(began.elapsed() < PATIENCE, "it took {:?}", began.elapsed());
}

/// The evidence and causes of a check, as text.
fn judgement(report: &Json, id: &str) -> String {
    let found = report["verdicts"].as_array().unwrap().iter().find(|verdict| verdict["id"] == id);
    found.unwrap_or_else(|| panic!("{id} in {report}")).to_string()
}

#[test]
fn a_folder_that_hangs_costs_what_lies_in_it() {
    with_own_mounts(|| {
        let tree = Tree::new();
        let root = tree.scratch("root");
        fs::create_dir_all(root.join("etc/sysctl.d")).unwrap();
        fs::write(root.join("etc/os-release"), "ID=debian\nPRETTY_NAME=Example\n").unwrap();
        fs::write(root.join("etc/sysctl.d/10-early.conf"), "vm.swappiness = 10\n").unwrap();
        let _device = hanging(&root.join("run/sysctl.d"));
        let began = Instant::now();
        let facts = tree.scratch("facts.json");
        let arguments = ["linux", "--root", root.to_str().unwrap(), "--save-facts", facts.to_str().unwrap()];
        let (run, report) = tree.check(&arguments);
        in_time(began);
        assert!(run.code <= 1, "what lies elsewhere is judged: {run:?}");
        let conflict = judgement(&report, "linux.sysctl-files-conflict");
        assert!(conflict.contains("unknown") && conflict.contains("/run/sysctl.d"), "{conflict}");
        let saved = fs::read_to_string(&facts).unwrap();
        assert!(saved.contains("Example"), "what does not hang is known: {saved}");
    });
}

#[test]
fn mounts_that_hang_on_a_live_host_cost_only_themselves() {
    with_own_mounts(|| {
        let tree = Tree::new();
        let devices: Vec<OwnedFd> =
            (0..3).map(|number| hanging(&tree.scratch(&format!("hanging-{number}")))).collect();
        let facts = tree.scratch("facts.json");
        let began = Instant::now();
        let (run, report) = tree.check(&["linux", "--save-facts", facts.to_str().unwrap()]);
        in_time(began);
        assert!(run.code <= 1 && report["readiness"]["coverage"].as_f64().unwrap() > 50.0, "{run:?}");
        let saved: Json = serde_json::from_str(&fs::read_to_string(&facts).unwrap()).unwrap();
        assert!(saved["host"]["memory_bytes"].as_i64().unwrap() > 0, "{}", saved["host"]);
        let mounts = saved["targets"][0]["facts"]["mounts"].to_string();
        assert!(mounts.contains("hanging-0") && mounts.contains("not asked"), "{mounts}");
        drop(devices);
    });
}
