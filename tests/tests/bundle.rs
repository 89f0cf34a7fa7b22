//! Support bundles: what a host recorded of itself is judged as of then, and nothing is made up.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use goodstead_tests::tree::Tree;
use serde_json::Value as Json;

const NAME: &str = "sosreport-web1-2026-11-30-abcdefg";

const UNITS: &str = "Id=web.service\nLoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0\nResult=success\n\
    NeedDaemonReload=no\n\nId=cron.service\nLoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0\n\
    Result=success\nNeedDaemonReload=no\n";

const SYSCTL: &str = "kernel.osrelease = 6.1.0-18-amd64\nkernel.panic = 10\nkernel.randomize_va_space = 2\n\
    net.ipv4.tcp_syncookies = 1\nvm.swappiness = 60\nfs.protected_hardlinks = 1\nfs.protected_symlinks = 1\n";

const SPACE: &str = "Filesystem     1K-blocks    Used Available Use% Mounted on\n\
    /dev/sda1       10000000 5000000   5000000  50% /\n";

const INODES: &str =
    "Filesystem     Inodes  IUsed  IFree IUse% Mounted on\n/dev/sda1       640000  9900  630100    2% /\n";

/// The files of a healthy host's `sos report`.
fn files() -> Vec<(&'static str, &'static str)> {
    vec![
        ("version.txt", "sosreport: 4.5.4\n"),
        (
            "usr/lib/os-release",
            "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
        ),
        ("etc/passwd", "root:x:0:0::/root:/bin/bash\nweb:x:1000:1000::/home/web:/bin/sh\n"),
        ("etc/group", "root:x:0:\nweb:x:1000:\n"),
        ("etc/fstab", "/dev/sda1 / ext4 defaults 0 1\n"),
        ("etc/sysctl.d/60-panic.conf", "kernel.panic = 10\n"),
        (
            "proc/96008/mountinfo",
            "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n23 22 0:21 / /proc rw - proc proc rw\n",
        ),
        ("proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"),
        ("proc/swaps", "Filename Type Size Used Priority\n"),
        ("sos_commands/kernel/sysctl_-a", SYSCTL),
        ("sos_commands/kernel/dmesg", "[    0.000000] Linux version 6.1.0\n"),
        ("sos_commands/filesys/df_-al_-x_autofs", SPACE),
        ("sos_commands/filesys/df_-ali_-x_autofs", INODES),
        ("sos_commands/systemd/systemctl_show_service_--all", UNITS),
        ("sos_commands/systemd/timedatectl", "System clock synchronized: yes\n"),
        ("sos_commands/process/ps_auxwwwm", "USER PID COMMAND\nroot 2 0.0 S [kthreadd]\n"),
        ("sos_commands/host/uptime", " 10:00:00 up 10 days,  3:04,  2 users,  load average: 0.00\n"),
    ]
}

/// The bundle with some files other than a healthy host has them.
fn written(folder: &Path, changed: &[(&'static str, &str)]) -> PathBuf {
    let bundle = folder.join(NAME);
    let plain = files();
    for (path, text) in plain.iter().map(|(path, text)| (*path, *text)).chain(changed.iter().copied()) {
        let file = bundle.join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }
    let _ = symlink("96008", bundle.join("proc/self"));
    let _ = symlink("../usr/lib/os-release", bundle.join("etc/os-release"));
    bundle
}

fn archived(folder: &Path) -> PathBuf {
    let file = folder.join("bundle.tar.xz");
    let arguments = ["--create", "--xz", "--owner=0", "--group=0", "--mtime=2026-11-30T10:00:00Z", "--file"];
    let made = Command::new("tar").args(arguments).arg(&file).arg("-C").arg(folder).arg(NAME).status();
    assert!(made.expect("tar").success());
    file
}

fn of(report: &Json, verdict: &str) -> Vec<String> {
    let all = report["verdicts"].as_array().expect("verdicts").iter();
    all.filter(|one| one["verdict"] == verdict)
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect()
}

fn checked(tree: &Tree, option: &str, path: &Path) -> Json {
    let (run, report) = tree.check(&["linux", option, &path.display().to_string()]);
    assert!(!run.stderr.contains("panicked"), "{run:?}");
    report
}

#[test]
fn a_healthy_bundle_is_silent_and_says_when_it_was_made() {
    let tree = Tree::new();
    let folder = tree.scratch("healthy");
    let bundle = written(&folder, &[]);
    let archive = archived(&folder);
    for (option, path) in [("--bundle", &archive), ("--bundle", &bundle), ("--root", &bundle)] {
        let report = checked(&tree, option, path);
        assert_eq!(of(&report, "fail"), Vec::<String>::new(), "{option} {}", path.display());
        assert_eq!(report["origin"]["kind"], "bundle");
        for judged in ["linux.filesystem-nearly-full", "linux.unit-failed", "linux.address-randomisation-off"]
        {
            assert!(of(&report, "pass").iter().any(|id| id == judged), "{judged}: {report:#}");
        }
    }
    assert_eq!(checked(&tree, "--bundle", &archive)["origin"]["made"], "2026-11-30T10:00:00Z");
    let text = tree.run(&["check", "linux", "--bundle", &archive.display().to_string()]);
    assert!(text.stdout.contains("From a bundle made at 2026-11-30 10:00:00 UTC"), "{text:?}");
    let left = fs::read_dir(std::env::temp_dir()).expect("a folder").flatten();
    let mine = left.filter(|it| it.file_name().to_string_lossy().starts_with("goodstead-bundle-"));
    assert_eq!(mine.count(), 0, "temporary folders are removed");
}

#[test]
fn planted_faults_are_found_and_advice_is_for_the_host() {
    let tree = Tree::new();
    let full = SPACE.replace(" 5000000   5000000  50%", " 9990000     10000 100%");
    let failed = UNITS.replacen("active\nSubState=running", "failed\nSubState=failed", 1);
    let failed = failed.replacen("Result=success", "Result=exit-code", 1);
    let off = SYSCTL
        .replace("randomize_va_space = 2", "randomize_va_space = 0")
        .replace("panic = 10", "panic = 20");
    let changed = [
        ("sos_commands/filesys/df_-al_-x_autofs", full.as_str()),
        ("sos_commands/systemd/systemctl_show_service_--all", failed.as_str()),
        ("sos_commands/kernel/sysctl_-a", off.as_str()),
        ("etc/passwd", "root:x:0:0::/root:/bin/bash\nmallory:x:0:0::/home/mallory:/bin/sh\n"),
    ];
    let folder = tree.scratch("faulty");
    written(&folder, &changed);
    let report = checked(&tree, "--bundle", &archived(&folder));
    let found = of(&report, "fail");
    for id in [
        "linux.filesystem-nearly-full",
        "linux.unit-failed",
        "linux.address-randomisation-off",
        "linux.second-root-account",
        "linux.sysctl-running-differs-from-files",
    ] {
        assert!(found.iter().any(|one| one == id), "{id}: {found:?}");
    }
    for one in report["verdicts"].as_array().expect("verdicts").iter().filter(|one| one["verdict"] == "fail")
    {
        let remedy = one["remedy"].as_str().expect("a remedy");
        assert!(remedy.starts_with("On the host that these files belong to"), "{remedy}");
    }
}

#[test]
fn what_a_bundle_does_not_contain_is_never_judged() {
    let tree = Tree::new();
    let folder = tree.scratch("sparse");
    let bundle = folder.join(NAME);
    fs::create_dir_all(bundle.join("sos_commands/kernel")).expect("a folder");
    fs::write(bundle.join("etc-is-missing"), "").expect("a file");
    let (run, report) = tree.check(&["linux", "--bundle", &bundle.display().to_string()]);
    assert!(!run.stderr.contains("panicked"), "{run:?}");
    assert_eq!((of(&report, "fail"), of(&report, "pass")), (Vec::new(), Vec::new()), "{report:#}");
}
