//! A server in trouble, whose every source is told, on a site that enforces the manifest. No machine of ours has systemd
//! as process 1, RAID, multipath or memory that counts errors: these answers are recorded from manuals and sources.

use goodstead_plugin::fake::{FakeSite, manifest};
use goodstead_plugin::{FileKind, Stat};

use super::*;
use crate::{clock, memory};

fn stat(kind: FileKind, mode: u32) -> Stat {
    Stat { kind, size: 1 << 30, mode, uid: 0, gid: 0, modified: 0 }
}

fn server() -> FakeSite {
    FakeSite::with_manifest(&manifest(include_str!("../../../plugin.toml")))
        .command("units", 0, "Id=web.service\nActiveState=failed\nSubState=failed\nNeedDaemonReload=yes\n")
        .command("clock", 1, "")
        .command("kernel-errors", 0, "1700000000.1 kernel: I/O error, dev sda, sector 1\n")
        .command("kernel-notices", 0, "1700000000.0 kernel: Linux version 6.1.0\n")
        .file("/proc/1/status", "Name:\tsystemd\n")
        .file("/proc/7/status", "Name:\tchronyd\nNSpid:\t7\n")
        .stat_of(
            "/var/lib/chrony/chrony.drift",
            Stat { modified: clock::now().unwrap(), ..stat(FileKind::File, 0o644) },
        )
        .file("/proc/8/status", "Name:\tsmartd\n")
        .file("/sys/block/sda/removable", "0\n")
        .file("/sys/block/sda/device/vendor", "ATA     \n")
        .file("/sys/block/sda/device/model", "Example SSD\n")
        .file("/sys/block/sdb/device/state", "offline\n")
        .file("/sys/block/md0/md/degraded", "1\n")
        .file("/sys/block/md0/md/array_state", "clean\n")
        .file("/sys/block/dm-0/dm/uuid", "mpath-3600\n")
        .file("/sys/block/dm-0/slaves/sdb", "")
        .file("/etc/mdadm/mdadm.conf", "ARRAY /dev/md/0\nARRAY /dev/md/1\n")
        .file("/dev/md/0", "")
        .file("/sys/devices/system/edac/mc/mc0/ce_count", "1\n")
        .file("/sys/devices/system/edac/mc/mc0/dimm0/dimm_ce_count", "1\n")
        .file("/sys/fs/btrfs/5c1e/devinfo/1/error_stats", "read_errs 1\n")
        .file("/etc/fstab", "/dev/sda1 / ext4 defaults\n/swap none swap sw\n")
        .file("/proc/self/mountinfo", "27 1 8:1 / / ro - ext4 /dev/sda1 ro\n")
        .file("/proc/swaps", "Filename Type Size Used Priority\n")
        .file("/usr/lib/systemd/journald.conf", "[Journal]\nStorage=volatile\n")
        .file("/etc/logrotate.conf", "/var/log/other {\n}\n")
        .stat_of("/var/lib/logrotate/status", stat(FileKind::File, 0o644))
        .file("/var/log/app/app.log", "")
        .stat_of("/var/log/app/app.log", stat(FileKind::File, 0o644))
        .stat_of("/tmp", stat(FileKind::Folder, 0o777))
}

fn told(site: &mut FakeSite, systemd: Result<bool, Cause>) -> String {
    let mounts = Mounts::read(site);
    let swaps = memory::swaps(site);
    let processes = Processes::read(site);
    let known = Known {
        running: true,
        systemd: &systemd,
        uptime_seconds: Some(60),
        mounts: &mounts,
        swaps: &swaps,
        processes: &processes,
        now: &clock::now(),
    };
    facts(site, &known).into_iter().map(|(name, fact)| format!("{name} {}\n", fact.to_json())).collect()
}

/// Ages depend on when the test runs.
fn without_ages(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("seconds") {
        let end = after.find(':').map_or(0, |colon| colon + 1);
        let (name, value) = after.split_at(end);
        plain += &format!("{before}seconds{name}…");
        rest = value.trim_start_matches(|letter: char| letter.is_ascii_digit());
    }
    plain + rest
}

#[test]
fn a_server_in_trouble_is_told_whole_and_every_source_is_declared() {
    insta::assert_snapshot!(without_ages(&told(&mut server(), Ok(true))), @r#"
        btrfs [{"errors":1,"name":"5c1e device 1"}]
        clock {"daemons":[{"name":"chronyd"}],"set_by_hypervisor":false,"synchronised":true}
        container_managers []
        cron_ignored []
        disk_watchers [{"name":"smartd"}]
        fstab [{"fstype":"ext4","line":1,"mounted":true,"read_only":true,"read_only_wanted":false,"required":true,"source":"/dev/sda1","target":"/"}]
        fstab_swaps [{"active":false,"line":2,"required":true,"source":"/swap"}]
        journal {"keepers":[],"kept":false,"storage":"volatile","storage_file":"/usr/lib/systemd/journald.conf","storage_line":2}
        kernel_log {"covered_seconds":…,"events":[{"count":1,"disk_present":true,"first_seconds_ago":…,"kind":"io-error","last_seconds_ago":…,"name":"io-error sda","sample":"I/O error, dev sda, sector 1","subject":"sda"}]}
        large_logs [{"has_rule":false,"path":"/var/log/app/app.log","size_bytes":1073741824,"written_seconds_ago":…}]
        logrotate {"installed":true,"last_run_seconds":…}
        memory_modules [{"corrected":1,"name":"mc0"},{"corrected":1,"name":"mc0/dimm0"}]
        multipath [{"devices":"sdb","name":"dm-0","paths":1,"paths_dead":"sdb","paths_running":0}]
        physical_disks [{"model":"Example SSD","name":"sda"}]
        raid [{"missing":1,"name":"md0","state":"clean"}]
        raid_configured [{"device":"/dev/md/0","file":"/etc/mdadm/mdadm.conf","line":1,"running":true},{"device":"/dev/md/1","file":"/etc/mdadm/mdadm.conf","line":2,"running":false}]
        temporary_folders [{"mode":"0777","path":"/tmp","sticky":false,"writable_by_all":true}]
        units [{"active":"failed","kind":"service","name":"web.service","reload_needed":true,"sub":"failed"}]
        "#);
}

#[test]
fn without_systemd_its_commands_are_not_run() {
    let text = told(&mut server(), Ok(false));
    assert_eq!(text.matches("process 1 is not systemd").count(), 2, "{text}");
    assert!(!text.contains("web.service") && !text.contains("io-error"), "{text}");
}

#[test]
fn after_a_command_that_did_not_come_back_no_other_is_run() {
    struct Late(FakeSite, Vec<String>);
    impl Site for Late {
        fn ask(&mut self, request: goodstead_plugin::Request) -> Result<goodstead_plugin::Answer, Cause> {
            match request {
                goodstead_plugin::Request::Run { command } => {
                    self.1.push(command);
                    Err(Cause::new(CauseKind::TimedOut, "took longer than 10 s"))
                }
                other => self.0.ask(other),
            }
        }
    }
    let mut site = Late(server(), Vec::new());
    let unknown = Err(Cause::new(CauseKind::Absent, "none"));
    let (mounts, swaps) = (Mounts::read(&mut site), unknown);
    let processes = Processes::read(&mut site);
    let known = Known {
        running: true,
        systemd: &Ok(true),
        uptime_seconds: None,
        mounts: &mounts,
        swaps: &swaps,
        processes: &processes,
        now: &clock::now(),
    };
    let told = facts(&mut site, &known);
    assert_eq!(site.1, ["units"]);
    assert!(told["kernel_log"].to_json().to_string().contains("timed-out"));
}
