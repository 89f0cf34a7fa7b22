//! The plugin as a whole, on a site that enforces its manifest.

use goodstead_plugin::fake::{FakeSite, gather, manifest};
use goodstead_plugin::{Stat, Statfs};

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
    let folder =
        Stat { kind: goodstead_plugin::FileKind::Folder, size: 40, mode: 0o755, uid: 0, gid: 0, modified: 0 };
    let etc = folder.clone();
    // Its age is 0 on every day of the test.
    let future = Stat { kind: goodstead_plugin::FileKind::File, modified: i64::MAX, ..folder.clone() };
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
    "boot_id":"0b7e"
    "ca_bundle":{"file":"/etc/ssl/certs/ca-certificates.crt"
    "maintained":true
    "size_bytes":1}
    "certificates":[]
    "counters":{"listen_overflows":0
    "oom_kills":0}
    "ext4":[{"device":"vda"
    "errors_count":0}]
    "full_system":true
    "live":true
    "memory":{"available_bytes":4096
    "commit_limit_bytes":4096
    "committed_bytes":1024
    "huge_bytes":0
    "swap_free_bytes":0
    "swap_total_bytes":0
    "total_bytes":8192}
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
    "names":{"host":"db1"
    "in_hosts":true
    "own_resolves":true
    "resolver_file":"present"
    "servers":["192.0.2.1"]
    "sources":["files"
    "dns"]}
    "os":{"id":"debian"
    "title":"Debian GNU/Linux 12 (bookworm)"
    "version_id":"12"}
    "own_kernel":true
    "packages":{"changed_seconds":0}
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
    "sshd":[{"file":"/etc/ssh/sshd_config"
    "line":1
    "setting":"passwordauthentication"
    "value":"no"}]
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
        .file("/etc/sysctl.d/a.conf", "kernel.panic = 10\n");
    let json = facts_of(folder);
    assert!(json.contains("\"live\":false"), "{json}");
    assert!(json.contains("\"boot_value\":\"10\""), "{json}");
    let cause = "the running value is only known on the live host";
    // own_kernel, systemd, boot_id, uptime_seconds, sysctl, mounts, swaps, ext4, seven of memory, two counters, one line,
    // six of reboot.
    assert_eq!(json.matches(cause).count(), 24, "{json}");
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
        assert!(Linux.discover(&mut hostile).is_ok());
        let json = facts_of(hostile);
        assert!(json.len() < 4 << 20, "{} bytes from {} bytes", json.len(), content.len());
    }
}
