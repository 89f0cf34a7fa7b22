//! The plugin as a whole, on a site that enforces its manifest.

use goodstead_plugin::fake::{FakeSite, gather, manifest};
use goodstead_plugin::{FileKind, Stat, Statfs};

use super::*;

fn target() -> Target {
    Target::default()
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
    let etc = folder.clone();
    // Its age is 0 on every day of the test.
    let future = Stat { kind: FileKind::File, modified: i64::MAX, ..folder.clone() };
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
            "MemTotal: 8 kB\nMemAvailable: 4 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\nCommitLimit: 4 kB\nCommitted_AS: 1 kB\nHugetlb: 0 kB\nSUnreclaim: 8 kB\n",
        )
        .file("/proc/swaps", "Filename Type Size Used Priority\n")
        .file("/proc/vmstat", "oom_kill 0\nnr_slab_unreclaimable 2\nnr_dirty_threshold 9\nnr_dirty_background_threshold 5\n")
        .file("/proc/self/net/netstat", "TcpExt: ListenOverflows\nTcpExt: 0\n")
        .file("/proc/self/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw\n")
        .file("/sys/fs/ext4/vda/errors_count", "0\n")
        .file("/usr/lib/sysctl.d/50-pid-max.conf", "kernel.pid_max = 4194304\n")
        .file("/proc/cpuinfo", "flags : fpu hypervisor\n")
        .file("/proc/stat", "cpu  10 0 2 80 3 0 1 4 0 0\nprocs_blocked 0\n")
        .file("/proc/loadavg", "0.20 0.18 0.12 1/80 11206\n")
        .file("/proc/sys/kernel/threads-max", "31234\n")
        .file("/proc/sys/fs/file-nr", "1110\t0\t9223372036854775807\n")
        .file("/proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=1.50 total=1\n")
        .file("/proc/pressure/io", "some avg300=2.50\nfull avg300=1.25\n")
        .file("/proc/pressure/memory", "some avg60=0.00 avg300=0.00\nfull avg60=0.00 avg300=0.00\n")
        .file("/proc/self/net/route", "Iface\tDestination\tGateway\n")
        .file("/proc/self/net/sockstat", "TCP: inuse 1 orphan 0 tw 2 alloc 1 mem 3\n")
        .file("/proc/sys/net/ipv4/tcp_mem", "10\t20\t30\n")
        .file("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
        .file("/proc/self/net/fib_trie", "|-- 192.0.2.2\n/32 host LOCAL\n")
        .file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock\n")
        .file("/sys/devices/system/clocksource/clocksource0/available_clocksource", "kvm-clock tsc\n")
        .file("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
        .file("/sys/fs/cgroup/cgroup.controllers", "memory pids\n")
        .file("/sys/fs/cgroup/system.slice/cron.service/pids.max", "4684\n")
        .file("/sys/fs/cgroup/system.slice/cron.service/pids.current", "1\n")
        .file("/proc/1/status", "Name:\tsystemd\nFDSize:\t256\n")
        .file("/proc/20/status", "Name:\tjava\nFDSize:\t1024\n")
        .file("/proc/20/limits", "Max open files            1024                 524288               files\n")
        .stat_of("/proc/20/fd", Stat { size: 900, ..folder.clone() })
        .command("units", 0, "Id=cron.service\nActiveState=active\nSubState=running\nNeedDaemonReload=no\n")
        .command("clock", 0, "NTPSynchronized=yes\n")
        .stat_of("/run/systemd/system", folder)
        .stat_of("/etc", etc)
        .file("/usr/lib/systemd/systemd", "")
        .file("/usr/bin/apt-get", "")
        .stat_of("/var/lib/dpkg/status", future)
        .file("/usr/bin/unattended-upgrade", "")
        .file("/etc/apt/apt.conf.d/20auto-upgrades", "APT::Periodic::Unattended-Upgrade \"1\";\n")
        .file("/etc/passwd", "root:x:0:0::/root:/bin/bash\ndebian:x:1000:1000::/:/bin/bash\n")
        .file("/etc/group", "root:x:0:\n")
        .file("/etc/shadow", "root:*:1\ndebian:!:1\n")
        .file("/etc/sudoers", "debian ALL=(ALL) NOPASSWD: ALL\n")
        .file("/usr/sbin/sshd", "")
        .file("/etc/ssh/sshd_config", "PasswordAuthentication no\n")
        .file("/proc/sys/kernel/hostname", "db1\n")
        .file("/etc/hosts", "127.0.1.1 db1\n")
        .file("/etc/nsswitch.conf", "hosts: files dns\n")
        .file("/etc/resolv.conf", "nameserver 192.0.2.1\n")
        .file("/usr/sbin/update-ca-certificates", "")
        .file("/etc/ssl/certs/ca-certificates.crt", "x")
        .statfs_of("/", Ok(disk))
}

#[test]
fn a_host_is_told_whole() {
    // What is left of the distribution's support depends on the day of the test.
    let told = facts_of(host());
    let (before, after) = told.split_once("\"seconds_left\":").unwrap();
    let told =
        format!("{before}\"seconds_left\":0{}", after.trim_start_matches(|c: char| c.is_ascii_digit()));
    insta::assert_snapshot!(told.replace(",\"", "\n\""), @r##"
    {"accounts":[{"hash_in_passwd":false
    "line":1
    "login":true
    "name":"root"
    "password":"locked"
    "shell":"/bin/bash"
    "uid":0},{"hash_in_passwd":false
    "line":2
    "login":true
    "name":"debian"
    "password":"locked"
    "shell":"/bin/bash"
    "uid":1000}]
    "basis":"running"
    "bonds":[]
    "boot_id":"0b7e"
    "btrfs":[]
    "ca_bundle":{"file":"/etc/ssl/certs/ca-certificates.crt"
    "maintained":true
    "size_bytes":1}
    "certificates":[]
    "clock":{"daemons":[]
    "set_by_hypervisor":false
    "synchronised":true}
    "container_managers":[]
    "counters":{"listen_overflows":0
    "oom_kills":0}
    "crash":{"kernel_loaded":false
    "watchdog_active":false}
    "cron_ignored":[]
    "disk_watchers":[]
    "ext4":[{"device":"vda"
    "errors_count":0}]
    "fstab":[]
    "fstab_swaps":[]
    "full_system":true
    "huge_pages":[]
    "interfaces":[]
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
    "machine":"virtual"
    "memory":{"available_bytes":4096
    "commit_limit_bytes":4096
    "committed_bytes":1024
    "compressed_swap_cache":false
    "dirty_background_bytes":20480
    "dirty_limit_bytes":36864
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
    "names":{"host":"db1"
    "in_hosts":true
    "localhost_in_hosts":false
    "own_resolves":true
    "resolver_file":"present"
    "resolver_ignored":[]
    "servers":["192.0.2.1"]
    "sources":["files"
    "dns"]}
    "network":{"default_routes":0
    "exposed":false
    "router":false}
    "nologin":[]
    "open_files":{"used":1110}
    "open_files_of":[{"hard_limit":524288
    "name":"java"
    "open":900
    "pid":20
    "soft_limit":1024}]
    "os":{"id":"debian"
    "title":"Debian GNU/Linux 12 (bookworm)"
    "version_id":"12"}
    "own_kernel":true
    "package_sources":[]
    "packages":{"changed_seconds":0}
    "physical_disks":[]
    "portable":false
    "pressure":{"cpu_some_percent":1.5
    "io_full_percent":1.25
    "io_some_percent":2.5
    "memory_full_percent":0.0
    "memory_full_percent_of_minute":0.0
    "memory_some_percent":0.0
    "memory_some_percent_of_minute":0.0}
    "processor":{"clocksource":"kvm-clock"
    "clocksources":"kvm-clock tsc"
    "numa_nodes":1
    "stolen_ticks":4
    "ticks":100}
    "programs":[]
    "raid":[]
    "raid_configured":[]
    "reboot":{"live_patched":false
    "packages":[]
    "running_kernel":"6.1.0"}
    "sensitive_files":[{"group":"root"
    "kind":"password-file"
    "mode":"0644"
    "owner":"root"
    "path":"/etc/shadow"
    "read_by":"others"
    "written_by":"owner"},{"group":"root"
    "kind":"system"
    "mode":"0755"
    "owner":"root"
    "path":"/etc"
    "read_by":"others"
    "written_by":"owner"},{"group":"root"
    "kind":"system"
    "mode":"0644"
    "owner":"root"
    "path":"/etc/passwd"
    "read_by":"others"
    "written_by":"owner"},{"group":"root"
    "kind":"system"
    "mode":"0644"
    "owner":"root"
    "path":"/etc/group"
    "read_by":"others"
    "written_by":"owner"},{"group":"root"
    "kind":"system"
    "mode":"0644"
    "owner":"root"
    "path":"/etc/sudoers"
    "read_by":"others"
    "written_by":"owner"},{"group":"root"
    "kind":"system"
    "mode":"0644"
    "owner":"root"
    "path":"/etc/ssh/sshd_config"
    "read_by":"others"
    "written_by":"owner"}]
    "services":[{"tasks":1
    "tasks_limit":4684
    "unit":"cron.service"}]
    "sshd":[{"file":"/etc/ssh/sshd_config"
    "line":1
    "setting":"passwordauthentication"
    "value":"no"}]
    "sshd_refused":[]
    "sudo":[{"file":"/etc/sudoers"
    "line":1
    "rule":"/etc/sudoers:1 debian"
    "services":[]
    "who":"debian"
    "with_password":[]}]
    "support":{"ends":"2028-06-30T23:59:59Z"
    "level":"long-term"
    "paid_ends":"2033-06-30T23:59:59Z"
    "seconds_left":0
    "source":"Goodstead's table of 2026-04-15"}
    "swaps":[]
    "sysctl":{"fs/file-nr":"1110 0 9223372036854775807"
    "kernel/osrelease":"6.1.0"
    "kernel/pid_max":4194304
    "kernel/threads-max":31234
    "net/ipv4/ip_local_port_range":"32768 60999"
    "net/ipv4/tcp_mem":"10 20 30"}
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
    "sysctl_origin":{}
    "sysctl_set_at":{"kernel/pid_max":"/usr/lib/sysctl.d/50-pid-max.conf:1"}
    "systemd":true
    "tasks":{"blocked":0
    "limit":31234
    "total":80}
    "tcp":{"ephemeral_ports":28232
    "memory_bytes":12288
    "memory_limit_bytes":122880
    "sockets":3
    "time_wait":2}
    "tcp_connections":[]
    "temporary_folders":[]
    "transparent_huge_pages":{"enabled":"madvise"}
    "units":[{"active":"active"
    "kind":"service"
    "name":"cron.service"
    "reload_needed":false
    "sub":"running"}]
    "updates":{"enabled":true
    "file":"/etc/apt/apt.conf.d/20auto-upgrades"
    "interval_seconds":86400
    "line":1
    "mechanism":"unattended-upgrades"}
    "uptime_seconds":7}
    "##);
}

#[test]
fn of_a_folder_the_files_are_told_and_running_values_are_not() {
    let folder = site()
        .file("/usr/lib/os-release", "PRETTY_NAME=Example\n")
        .file("/usr/lib/systemd/systemd", "")
        .file("/etc/sysctl.d/a.conf", "kernel.panic = 10\n");
    let json = facts_of(folder);
    assert!(json.contains("\"live\":false"), "{json}");
    assert!(json.contains("\"boot_value\":\"10\""), "{json}");
    assert!(json.contains("\"basis\":\"files\"") && json.contains("\"own_kernel\":true"), "{json}");
    assert!(json.contains("as written in /etc/sysctl.d/a.conf:1, not running"), "{json}");
    let cause = "the running value is only known on the live host";
    // Whatever is unknown is unknown for this reason, or because this folder has no such file.
    let absent = json.matches("\"kind\":\"absent\"").count();
    assert_eq!(json.matches(cause).count() + absent, json.matches("$unknown").count(), "{json}");
    assert!(absent <= 5, "{json}");
    assert!(json.matches(cause).count() >= 50, "{json}");
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
            "/proc/sys/fs/file-nr",
            "/proc/sys/net/ipv4/ip_local_port_range",
            "/proc/sys/net/ipv4/conf/eth0/forwarding",
            "/proc/stat",
            "/proc/loadavg",
            "/proc/cpuinfo",
            "/proc/pressure/memory",
            "/proc/1/status",
            "/proc/1/limits",
            "/proc/1/cgroup",
            "/proc/self/net/sockstat",
            "/proc/self/net/sockstat6",
            "/proc/self/net/fib_trie",
            "/proc/self/net/if_inet6",
            "/proc/self/net/route",
            "/proc/self/net/tcp",
            "/sys/devices/virtual/dmi/id/sys_vendor",
            "/sys/devices/system/node/online",
            "/sys/kernel/mm/transparent_hugepage/enabled",
            "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
            "/sys/fs/cgroup/cgroup.controllers",
            "/sys/fs/cgroup/system.slice/a.service/memory.max",
            "/sys/fs/cgroup/system.slice/a.service/memory.stat",
            "/sys/block/md0/md/degraded",
            "/sys/block/dm-0/dm/uuid",
            "/sys/block/sda/device/model",
            "/etc/mdadm.conf",
            "/sys/devices/system/edac/mc/mc0/ce_count",
            "/sys/fs/btrfs/x/devinfo/1/error_stats",
            "/etc/fstab",
            "/etc/systemd/journald.conf",
            "/etc/logrotate.conf",
            "/usr/share/distro-info/debian.csv",
            "/run/reboot-required.pkgs",
            "/etc/apt/apt.conf.d/20a",
            "/usr/bin/apt-get",
            "/var/lib/dpkg/status",
            "/etc/passwd",
            "/etc/group",
            "/etc/shadow",
            "/etc/sudoers",
            "/etc/sudoers.d/a",
            "/usr/sbin/sshd",
            "/etc/ssh/sshd_config",
            "/etc/hosts",
            "/etc/nsswitch.conf",
            "/etc/resolv.conf",
            "/etc/ssl/a.pem",
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

#[test]
fn only_what_is_read_is_gathered_and_it_is_the_same() {
    let contract = manifest(include_str!("../plugin.toml")).contract;
    let facts = |only: &[&str]| {
        let target = Target { only: only.iter().map(|name| (*name).to_owned()).collect(), ..target() };
        let (facts, _) = gather::<Linux>(&contract, &target, &mut host());
        facts.to_json()
    };
    let whole = facts(&[]);
    let names: Vec<&str> = whole.as_object().unwrap().keys().map(String::as_str).collect();
    for name in ALONE {
        let some = facts(&[name]);
        assert_eq!(some[name], whole[name], "{name}");
        assert!(!some[name].to_string().contains("unknown"), "{name}: {}", some[name]);
    }
    let some = facts(&ALONE);
    for name in ["accounts", "certificates", "programs", "sysctl_files", "packages"] {
        assert!(names.contains(&name));
        assert!(some[name].to_string().contains("not-reported"), "{name}: {}", some[name]);
    }
    // Whatever a pack asks for comes, if need be with all the rest.
    for name in ["accounts", "programs", "sysctl_files"] {
        assert_eq!(facts(&[name])[name], whole[name], "{name}");
    }
}
