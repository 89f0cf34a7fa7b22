//! Bad input for the Linux plugin from a running kernel: a `/proc` that lacks files or holds nonsense, and thousands of
//! everything.
//!
//! Nothing panics, hangs or takes much memory, whatever is lost is said, and nothing that a host chose reaches a
//! terminal raw.

use std::fs;

use goodstead_linux::Linux;
use goodstead_plugin::fake::manifest;
use goodstead_protocol::manifest::Manifest;
use goodstead_tests::endured::{endured, outcome};
use goodstead_tests::host::Host;
use goodstead_tests::shapes::live::{processes, unit};
use goodstead_tests::shapes::{debian, running};
use goodstead_tests::tree::Tree;
use serde_json::Value as Json;

fn linux() -> Manifest {
    manifest(include_str!("../../plugins/linux/plugin.toml"))
}

/// The facts of a live host, which have to hold to the contract.
fn facts(host: &Host) -> Json {
    host.saved_facts::<Linux>(&linux(), &running::agent_sees(debian::DEBIAN_12_KERNEL))
}

/// The report that the shipped program makes of them.
fn judged(host: &Host) -> Json {
    let tree = Tree::new();
    let file = tree.scratch("facts.json");
    fs::write(&file, facts(host).to_string()).unwrap();
    let file = file.display().to_string();
    let of = |format: &str| {
        endured(
            tree.goodstead(&["check", "--facts", &file, "--format", format, "--fail-on", "never"]),
            format == "text",
        )
    };
    of("text");
    of("json").report()
}

#[test]
fn a_proc_that_lacks_any_file_costs_what_it_told() {
    let (host, _) = running::debian12_cloud();
    for path in host.paths().filter(|path| path.starts_with("/proc/") || path.starts_with("/sys/")) {
        facts(&host.clone().without(&path));
    }
    let hollow = host.clone().without("/proc").without("/sys").sysctl("kernel/osrelease=6.1.0");
    let report = judged(&hollow);
    assert_eq!(outcome(&report, "linux.ssh-permits-empty-passwords"), "pass", "files are judged");
    let verdicts = report["verdicts"].as_array().unwrap();
    let silent = verdicts.iter().filter(|it| it["verdict"] == "unknown" && it["cause"]["detail"] == "");
    assert_eq!(silent.count(), 0, "every loss is said");
    assert!(!verdicts.iter().any(|it| it["verdict"] == "fail"), "{report:#}");
}

#[test]
fn a_proc_of_nonsense_is_survived() {
    let (host, _) = running::debian12_cloud();
    let paths: Vec<String> =
        host.paths().filter(|path| path.starts_with("/proc/") || path.starts_with("/sys/")).collect();
    let nonsense: [&[u8]; 7] = [
        b"",
        b"\0\xff\xfe",
        b"\n\n\n \t:=/ ",
        b"-1 -9223372036854775808 99999999999999999999\n",
        b"cpu  9223372036854775807 9223372036854775807 1 1 1 1 1 1\nTcpExt: A\nTcpExt:\nfull avg300=NaN\nsome avg300=1e999\n",
        b"1 1 1 1 / / rw - ext4\n1 1 0:1 /\\777 /\\1 rw - \xff \xff ro\n",
        "Name:\t\u{1b}[7m\nMemTotal: 9223372036854775807 kB\nSUnreclaim: -4 kB\nflags : \u{1b}\n".as_bytes(),
    ];
    for bytes in nonsense {
        let spoilt = paths.iter().fold(host.clone(), |host, path| host.file(path, bytes));
        let spoilt = ["units", "clock", "kernel-errors", "kernel-notices", "own_name"]
            .iter()
            .fold(spoilt, |host, name| host.command(name, &String::from_utf8_lossy(bytes)));
        // So that it counts as live.
        judged(&spoilt.sysctl("kernel/osrelease=6.1.0"));
    }
}

#[test]
fn thousands_of_everything_are_cut_and_said() {
    let (host, _) = running::debian12_cloud();
    let evil = "\u{1b}[7mx\u{7}";
    let mut mounts = String::new();
    let mut units = Vec::new();
    let mut sockets = "  sl  local_address rem_address   st tx_queue rx_queue\n".to_owned();
    for number in 0..20_000_u32 {
        mounts += &format!(
            "{} 2 0:{number} / /srv/{evil}\\012\\040\\042{number} rw - ext4 /dev/x{number} rw\n",
            number + 100
        );
        units.push(unit(
            &format!("{evil}{number}.service"),
            "failed",
            "failed",
            "Result=exit-code\nExecMainStatus=1\n",
        ));
        sockets += &format!(
            "{number:4}: 0100007F:{:04X} 0200000A:1538 06 00000000:00000000 03:00000FFF 0 0 0 0\n",
            number % 65_536
        );
    }
    let names: Vec<String> = (0..20_000).map(|number| format!("{evil}{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let log: String = (0..30_000)
        .map(|number| {
            format!(
                "1760000000.{number:06} kernel: EXT4-fs error (device {evil}{number}): {}\n",
                "x".repeat(90)
            )
        })
        .collect();
    let host = processes(host.add("/proc/self/mountinfo", &mounts), &names)
        .command("units", &units.join("\n"))
        .command("kernel-errors", &log)
        .file("/proc/self/net/tcp", &sockets)
        .file("/proc/self/net/sockstat", "TCP: inuse 30000 orphan 0 tw 20000 alloc 30000 mem 3\n");
    let saved = facts(&host);
    let facts = &saved["targets"][0]["facts"];
    for (list, most) in [("mounts", 5000), ("units", 5000)] {
        let items = &facts[list]["$partial"];
        assert!(items.is_array() || items.is_object(), "{list} is partial and says so: {}", facts[list]);
        assert!(facts[list].to_string().matches("\"name\"").count() <= most + 1, "{list}");
    }
    assert!(facts["kernel_log"]["events"].get("$partial").is_some());
    let report = judged(&host);
    assert_eq!(outcome(&report, "linux.unit-failed"), "fail");
}
