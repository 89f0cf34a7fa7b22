//! The plugin as a whole, on a site that enforces its manifest.

use goodstead_plugin::fake::{FakeSite, gather, manifest};
use goodstead_plugin::{FileKind, Stat, Statfs};

use super::*;

fn target() -> Target {
    Target {
        name: None,
        address: None,
        hints: Default::default(),
        user: None,
        password: None,
        database: None,
    }
}

fn site() -> FakeSite {
    FakeSite::with_manifest(&manifest(include_str!("../plugin.toml")))
}

/// The facts of `site` as JSON; nothing may be dropped on the way.
fn facts_of(mut site: FakeSite) -> String {
    let contract = manifest(include_str!("../plugin.toml")).contract;
    let (facts, notes) = gather::<Linux>(&contract, &target(), &mut site);
    assert_eq!(notes, Vec::<String>::new());
    facts.to_json().to_string()
}

/// A small host of which everything is known.
fn host() -> FakeSite {
    let folder = Stat { kind: FileKind::Folder, size: 40, mode: 0o755, uid: 0, gid: 0, modified: 0 };
    let disk = Statfs { size: 100, free: 60, available: 60, inodes: 10, inodes_free: 9 };
    site()
        .file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n")
        .file("/proc/sys/kernel/osrelease", "6.1.0\n")
        .file("/proc/sys/kernel/random/boot_id", "0b7e\n")
        .file("/proc/sys/kernel/pid_max", "4194304\n")
        .file("/proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0\n")
        .file("/proc/uptime", "7.5 1.0\n")
        .file(
            "/proc/meminfo",
            "MemTotal: 8 kB\nMemAvailable: 4 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\nCommitLimit: 4 kB\nCommitted_AS: 1 kB\nHugetlb: 0 kB\n",
        )
        .file("/proc/swaps", "Filename Type Size Used Priority\n")
        .file("/proc/vmstat", "oom_kill 0\n")
        .file("/proc/self/net/netstat", "TcpExt: ListenOverflows\nTcpExt: 0\n")
        .file("/proc/self/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw\n")
        .file("/sys/fs/ext4/vda/errors_count", "0\n")
        .file("/usr/lib/sysctl.d/50-pid-max.conf", "kernel.pid_max = 4194304\n")
        .file("/proc/1/comm", "systemd\n")
        .command("units", 0, "Id=cron.service\nActiveState=active\nSubState=running\nNeedDaemonReload=no\n")
        .command("clock", 0, "NTPSynchronized=yes\n")
        .stat_of("/run/systemd/system", folder)
        .statfs_of("/", Ok(disk))
}

#[test]
fn a_host_is_told_whole() {
    insta::assert_snapshot!(facts_of(host()).replace(",\"", "\n\""), @r#"
        {"boot_id":"0b7e"
        "btrfs":[]
        "clock":{"daemons":[]
        "set_by_hypervisor":false
        "synchronised":true}
        "counters":{"listen_overflows":0
        "oom_kills":0}
        "disk_watchers":[]
        "ext4":[{"device":"vda"
        "errors_count":0}]
        "fstab":[]
        "fstab_swaps":[]
        "journal":{"keepers":[]
        "kept":false
        "storage":"auto"}
        "kernel_log":{"covered_seconds":{"$unknown":{"detail":"`kernel-errors` is not installed"
        "kind":"absent"}}
        "events":{"$unknown":{"detail":"`kernel-errors` is not installed"
        "kind":"absent"}}}
        "large_logs":[]
        "live":true
        "logrotate":{"installed":false}
        "memory":{"available_bytes":4096
        "commit_limit_bytes":4096
        "committed_bytes":1024
        "hardware_corrupted_bytes":0
        "huge_bytes":0
        "swap_free_bytes":0
        "swap_total_bytes":0
        "total_bytes":8192}
        "memory_modules":[]
        "mounts":[{"available_bytes":60
        "class":"local"
        "fstype":"ext4"
        "inodes":10
        "inodes_free":9
        "inodes_used_percent":10.0
        "read_only":false
        "repeated":false
        "source":"/dev/vda"
        "target":"/"
        "total_bytes":100
        "used_bytes":40
        "used_percent":40.0}]
        "multipath":[]
        "os":{"id":"debian"
        "title":"Debian GNU/Linux 12 (bookworm)"
        "version_id":"12"}
        "own_kernel":true
        "physical_disks":[]
        "raid":[]
        "raid_configured":[]
        "swaps":[]
        "sysctl":{"kernel/osrelease":"6.1.0"
        "kernel/pid_max":4194304}
        "sysctl_conf_read":false
        "sysctl_files":[{"boot_value":"4194304"
        "file":"/usr/lib/sysctl.d/50-pid-max.conf"
        "glob":false
        "key":"kernel/pid_max"
        "line":1
        "may_fail":false
        "running":"4194304"
        "tool_value":"4194304"
        "value":"4194304"
        "winner":true}]
        "systemd":true
        "temporary_folders":[]
        "units":[{"active":"active"
        "kind":"service"
        "name":"cron.service"
        "reload_needed":false
        "sub":"running"}]
        "uptime_seconds":7}
        "#);
}

#[test]
fn of_a_folder_the_files_are_told_and_running_values_are_not() {
    let folder = site()
        .file("/usr/lib/os-release", "PRETTY_NAME=Example\n")
        .file("/etc/sysctl.d/a.conf", "kernel.panic = 10\n");
    let json = facts_of(folder);
    assert!(json.contains("\"live\":false"), "{json}");
    assert!(json.contains("\"boot_value\":\"10\""), "{json}");
    let cause = "the running value is only known on the live host";
    // own_kernel, systemd, boot_id, uptime_seconds, sysctl, mounts, swaps, ext4, eight of memory, two counters, one line;
    // units, three of clock, two of kernel_log, raid, multipath, disks and who watches them, memory_modules, btrfs, and
    // the programs that keep logs.
    assert_eq!(json.matches(cause).count(), 32, "{json}");
}

#[test]
fn without_os_release_there_is_no_target() {
    assert_eq!(Linux.discover(&mut site()), Ok(Vec::new()));
    let proposals = Linux.discover(&mut host()).unwrap();
    assert_eq!(proposals.len(), 1);
    assert_eq!(
        (proposals[0].name.as_deref(), proposals[0].title.as_str()),
        (None, "Debian GNU/Linux 12 (bookworm)")
    );
}

#[test]
fn nothing_readable_makes_everything_unknown_and_breaks_nothing() {
    let refused = site().refused_file("/proc/sys/kernel/osrelease", CauseKind::NotPermitted, "no");
    let json = facts_of(refused);
    assert!(
        json.contains("\"live\":{\"$unknown\":{\"detail\":\"no\",\"kind\":\"not-permitted\"}}"),
        "{json}"
    );
}

#[test]
fn hostile_content_never_breaks_it() {
    let big = vec![b'9'; 1 << 20];
    for content in [&b""[..], b"\0", b"\xff\xfe\n\xff", b"= : / ( ) - ", b"9999999999999999999999999", &big] {
        let mut hostile = site();
        for path in [
            "/etc/os-release",
            "/proc/sys/kernel/osrelease",
            "/proc/sys/kernel/random/boot_id",
            "/proc/sys/kernel/pid_max",
            "/proc/2/stat",
            "/proc/uptime",
            "/proc/meminfo",
            "/proc/swaps",
            "/proc/vmstat",
            "/proc/self/net/netstat",
            "/proc/self/mountinfo",
            "/sys/fs/ext4/vda/errors_count",
            "/etc/sysctl.conf",
            "/etc/sysctl.d/a.conf",
            "/proc/1/comm",
            "/proc/1/status",
            "/sys/block/md0/md/degraded",
            "/sys/block/dm-0/dm/uuid",
            "/sys/block/sda/device/model",
            "/etc/mdadm.conf",
            "/sys/devices/system/edac/mc/mc0/ce_count",
            "/sys/fs/btrfs/x/devinfo/1/error_stats",
            "/etc/fstab",
            "/etc/systemd/journald.conf",
            "/etc/logrotate.conf",
        ] {
            hostile = hostile.file(path, content);
        }
        for command in ["units", "clock", "kernel-errors", "kernel-notices"] {
            hostile = hostile.command(command, 0, content);
        }
        let folder =
            Stat { kind: FileKind::Folder, size: 0, mode: 0o777, uid: 0, gid: 0, modified: i64::MIN };
        hostile = hostile.stat_of("/run/systemd/system", folder);
        assert!(Linux.discover(&mut hostile).is_ok());
        let json = facts_of(hostile);
        assert!(json.len() < 4 << 20, "{} bytes from {} bytes", json.len(), content.len());
    }
}
