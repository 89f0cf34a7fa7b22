//! The shapes of files with a kernel under them, and what runs on them.

use serde_json::{Value as Json, json};

use crate::host::Host;
use crate::shapes::debian::{DEBIAN_12_KERNEL, debian12, ubuntu2404};
use crate::shapes::live::{Kernel, boot, interfaces, processes, services, unit};
use crate::shapes::redhat::{self, rhel9};
use crate::shapes::small::{micro_vm, router};

pub(super) const GIB: u64 = 1 << 30;
pub(super) const DAY: u64 = 86_400;

/// Services that every systemd host has.
pub(super) const USUAL: [&str; 6] = [
    "cron.service",
    "dbus.service",
    "ssh.service",
    "systemd-journald.service",
    "systemd-logind.service",
    "-.mount",
];

/// What the agent itself sees of a host with this kernel.
pub fn agent_sees(release: &str) -> Json {
    json!({ "architecture": "x86_64", "cpus": 4, "kernel": release, "os_name": "Linux", "memory_bytes": 8_589_934_592_u64 })
}

/// A cloud image of Debian 12, a week after its first boot.
pub fn debian12_cloud() -> (Host, &'static str) {
    let kernel = Kernel { release: DEBIAN_12_KERNEL, uptime: 7 * DAY, memory: 4096, name: "web1" };
    let host = boot(debian12(), kernel)
        .mount("/", "ext4", "/dev/vda1", "rw,discard,errors=remount-ro", (20 * GIB, 3 * GIB))
        .mount("/boot/efi", "vfat", "/dev/vda15", "rw", (127 << 20, 12 << 20))
        .file("/sys/fs/ext4/vda1/errors_count", "0\n")
        .file("/run/systemd/timesync/synchronized", "");
    let host = processes(
        host,
        &["systemd-journal", "systemd-timesyn", "systemd-resolve", "sshd", "cron", "unattended-upgr"],
    );
    (services(host, &USUAL), DEBIAN_12_KERNEL)
}

/// Ubuntu 24.04 on a virtual machine with a swap file and full snaps; its firewall hides the kernel's addresses.
pub fn ubuntu_server() -> (Host, &'static str) {
    let release = "6.8.0-85-generic";
    let kernel = Kernel { release, uptime: 40 * DAY, memory: 8192, name: "web1" };
    let host = boot(ubuntu2404(), kernel)
        .sysctl(
            "kernel/kptr_restrict=1\nkernel/sysrq=176\nkernel/perf_event_paranoid=4\nkernel/yama/ptrace_scope=1\n\
             net/ipv6/conf/all/use_tempaddr=2\nnet/ipv6/conf/default/use_tempaddr=2\nnet/ipv4/conf/default/rp_filter=2\n\
             net/ipv4/conf/all/rp_filter=2",
        )
        .mount("/", "ext4", "/dev/mapper/ubuntu--vg-ubuntu--lv", "rw", (60 * GIB, 40 * GIB))
        .mount("/boot", "ext4", "/dev/vda2", "rw", (2 * GIB, GIB / 5))
        .mount("/snap/core22/2133", "squashfs", "/dev/loop0", "ro", (73 << 20, 73 << 20))
        .file("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/swap.img\tfile\t4194300\t524000\t-2\n")
        .edit("/proc/meminfo", "SwapTotal: 0 kB\nSwapFree: 0 kB", "SwapTotal: 4194300 kB\nSwapFree: 3670300 kB")
        .file("/sys/fs/ext4/dm-0/errors_count", "0\n");
    // Three weeks after updates that asked for a restart would be told; two days are within any window.
    let host = host.file("/run/reboot-required", "").aged("/run/reboot-required", 2 * DAY);
    let host =
        processes(host, &["systemd-journal", "systemd-timesyn", "rsyslogd", "sshd", "snapd", "multipathd"]);
    (
        services(host, &[&USUAL[..], &["snapd.service", "multipathd.service", "rsyslog.service"]].concat()),
        release,
    )
}

/// RHEL 9 on a virtual machine: tuned has raised and lowered settings after boot, abrt reports crashes, kdump and chrony
/// run, the kernel measures no pressure, and logs are kept by rsyslog alone.
pub fn rhel9_server() -> (Host, &'static str) {
    let kernel =
        Kernel { release: redhat::KERNEL, uptime: 30 * DAY, memory: 16_384, name: "app1.example.test" };
    let host = boot(rhel9(), kernel)
        .sysctl(
            "kernel/kptr_restrict=1\nkernel/core_uses_pid=1\nkernel/core_pipe_limit=16\nfs/suid_dumpable=2\n\
             kernel/core_pattern=|/usr/libexec/abrt-hook-ccpp %s %c %p %u %g %t P %I %h\nnet/core/optmem_max=81920\n\
             vm/swappiness=30\nvm/dirty_ratio=30\nkernel/perf_event_paranoid=2\nnet/ipv4/conf/all/rp_filter=1\n\
             net/ipv4/conf/default/rp_filter=1\nkernel/unprivileged_bpf_disabled=2",
        )
        .mount("/", "xfs", "/dev/mapper/rhel-root", "rw,seclabel", (70 * GIB, 30 * GIB))
        .mount("/boot", "xfs", "/dev/vda2", "rw,seclabel", (GIB, GIB / 3))
        .mount("/boot/efi", "vfat", "/dev/vda1", "rw", (600 << 20, 7 << 20))
        .mount("/sys/fs/selinux", "selinuxfs", "selinuxfs", "rw", (0, 0))
        .file("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-1\tpartition\t8388604\t0\t-2\n")
        .without("/proc/pressure")
        .file("/sys/kernel/kexec_crash_loaded", "1\n")
        .file("/var/lib/chrony/drift", "-12.3 0.01\n")
        .aged("/var/lib/chrony/drift", 600);
    let host = processes(
        host,
        &["systemd-journal", "chronyd", "rsyslogd", "sshd", "tuned", "auditd", "NetworkManager"],
    );
    let units = [
        "crond.service",
        "dbus-broker.service",
        "sshd.service",
        "tuned.service",
        "auditd.service",
        "chronyd.service",
    ];
    (services(host, &units), redhat::KERNEL)
}

/// A database server of metal with Debian 12: mirrored disks, counted memory errors of which few occurred, huge pages in
/// use, little swappiness, 256 GiB, an ample journal and large logs that are rotated.
pub fn metal_database() -> (Host, &'static str) {
    let release = "6.1.0-43-amd64";
    let kernel = Kernel { release, uptime: 90 * DAY, memory: 262_144, name: "db1" };
    let files = debian12()
        .without("/usr/lib/modules")
        .without("/boot")
        .folders(&["/usr/lib/modules/6.1.0-43-amd64"])
        .empty(&["/boot/vmlinuz-6.1.0-43-amd64"])
        .file("/etc/hostname", "db1\n")
        .file("/etc/hosts", "127.0.0.1 localhost\n10.0.0.15 db1.example.test db1\n")
        .file("/etc/resolv.conf", "nameserver 10.0.0.2\nnameserver 10.0.0.3\n")
        .file(
            "/etc/sysctl.d/60-postgresql.conf",
            "vm.swappiness = 1\nvm.overcommit_memory = 2\nvm.overcommit_ratio = 80\nvm.nr_hugepages = 33000\n\
             vm.dirty_background_bytes = 268435456\nvm.dirty_bytes = 1073741824\nkernel.panic = 10\nvm.zone_reclaim_mode = 0\n",
        )
        .file("/etc/mdadm/mdadm.conf", "HOMEHOST <system>\nMAILADDR root\nARRAY /dev/md/0 metadata=1.2 UUID=a:b:c:d name=db1:0\nARRAY /dev/md/1 metadata=1.2 UUID=a:b:c:e name=db1:1\n")
        .file("/etc/fstab", "UUID=aa / ext4 errors=remount-ro 0 1\nUUID=bb /srv/data xfs noatime 0 2\n/dev/md1 /var/lib/postgresql xfs defaults 0 2\nUUID=cc none swap sw 0 0\nbackup1.example.test:/b /mnt/backup nfs noauto,ro 0 0\n");
    let gib = 1024 * 1024;
    let host = boot(files, kernel)
        .sysctl(
            "vm/swappiness=1\nvm/overcommit_memory=2\nvm/overcommit_ratio=80\nvm/nr_hugepages=33000\nvm/dirty_ratio=0\n\
             vm/dirty_background_ratio=0\nvm/dirty_background_bytes=268435456\nvm/dirty_bytes=1073741824\n\
             kernel/panic=10\nkernel/numa_balancing=1\nkernel/hung_task_warnings=10\nfs/file-nr=41000\t0\t9223372036854775807",
        )
        .file(
            "/proc/meminfo",
            format!(
                "MemTotal: {} kB\nMemAvailable: {} kB\nSwapTotal: {} kB\nSwapFree: {} kB\nCommitLimit: {} kB\n\
                 Committed_AS: {} kB\nHardwareCorrupted: 0 kB\nHugePages_Total: 33000\nHugepagesize: 2048 kB\n\
                 Hugetlb: {} kB\nSUnreclaim: 40000 kB\n",
                256 * gib, 120 * gib, 8 * gib, 8 * gib, 160 * gib, 60 * gib, 33_000 * 2048
            ),
        )
        .file(
            "/proc/vmstat",
            "nr_slab_unreclaimable 10000\nnr_dirty_threshold 262144\nnr_dirty_background_threshold 65536\npswpin 900\npswpout 2000\noom_kill 0\n",
        )
        .file("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme tsc nonstop_tsc lahf_lm\n")
        .file("/sys/devices/virtual/dmi/id/sys_vendor", "Example Servers\n")
        .file("/sys/devices/virtual/dmi/id/product_name", "S2 Rack\n")
        .file("/sys/devices/virtual/dmi/id/chassis_type", "23\n")
        .file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
        .file("/sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm\n")
        .file("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n")
        .file("/sys/devices/system/cpu/cpufreq/policy0/scaling_driver", "intel_pstate\n")
        .file("/sys/devices/system/node/online", "0-1\n")
        .file("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "33000\n")
        .file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "400\n")
        .file("/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "350\n")
        .file("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/sda3\tpartition\t8388604\t0\t-2\n")
        .file("/proc/self/net/fib_trie", "Local:\n     |-- 10.0.0.15\n        /32 host LOCAL\n")
        .mount("/", "ext4", "/dev/md0", "rw,errors=remount-ro", (100 * GIB, 20 * GIB))
        .mount("/srv/data", "xfs", "/dev/nvme0n1p1", "rw,noatime", (4000 * GIB, 3900 * GIB))
        .mount("/var/lib/postgresql", "xfs", "/dev/md1", "rw,noatime", (2000 * GIB, 1500 * GIB))
        .file("/sys/fs/ext4/md0/errors_count", "0\n")
        .file("/var/log/postgresql/postgresql-15-main.log", vec![b'x'; 10])
        .file("/etc/logrotate.d/postgresql-common", "/var/log/postgresql/*.log {\n  weekly\n  rotate 10\n}\n");
    let host = [("md0", "raid1", "clean"), ("md1", "raid10", "active"), ("md127", "container", "inactive")]
        .iter()
        .fold(host, |host, (name, level, state)| {
            let folder = format!("/sys/block/{name}/md/");
            let host = host.file(&format!("{folder}level"), format!("{level}\n"));
            let host = host.file(&format!("{folder}array_state"), format!("{state}\n"));
            let host = host.file(&format!("/sys/block/{name}/removable"), "0\n");
            if *level == "container" {
                return host;
            }
            host.file(&format!("{folder}degraded"), "0\n")
                .file(&format!("{folder}sync_action"), if *name == "md0" { "check\n" } else { "idle\n" })
                .file(&format!("{folder}raid_disks"), "2\n")
        })
        .file("/dev/md/0", "")
        .file("/dev/md/1", "");
    let host = ["mc0", "mc1"].iter().fold(host, |host, name| {
        let folder = format!("/sys/devices/system/edac/mc/{name}/");
        host.file(&format!("{folder}ce_count"), "3\n")
            .file(&format!("{folder}ue_count"), "0\n")
            .file(&format!("{folder}dimm0/dimm_label"), "CPU_SrcID#0_MC#0_Chan#0_DIMM#0\n")
            .file(&format!("{folder}dimm0/dimm_ce_count"), "3\n")
            .file(&format!("{folder}dimm0/dimm_ue_count"), "0\n")
    });
    let host = ["sda", "sdb"].iter().fold(host, |host, name| {
        host.file(&format!("/sys/block/{name}/removable"), "0\n")
            .file(&format!("/sys/block/{name}/device/vendor"), "ATA     \n")
            .file(&format!("/sys/block/{name}/device/model"), "EXAMPLE SSD 960 \n")
    });
    let host = processes(
        host,
        &["systemd-journal", "chronyd", "smartd", "postgres", "mdadm", "sshd", "node_exporter"],
    )
    .file("/proc/6/status", "Name:\tpostgres\nFDSize:\t2048\nNSpid:\t6\nTHP_enabled:\t1\n")
    .file(
        "/proc/6/limits",
        "Max open files            1024                 524288               files     \n",
    )
    .file("/proc/6/cgroup", "0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n");
    let host = (0..900).fold(host, |host, number| host.file(&format!("/proc/6/fd/{number}"), ""));
    let usual =
        [&USUAL[..], &["postgresql@15-main.service", "smartmontools.service", "mdmonitor.service"]].concat();
    (services(host, &usual), release)
}

/// A router: global addresses, forwarding, a busy table of connections, many interfaces, no updates of its own.
pub fn live_router() -> (Host, &'static str) {
    let kernel = Kernel { release: DEBIAN_12_KERNEL, uptime: 200 * DAY, memory: 4096, name: "edge1" };
    let host = boot(router(), kernel);
    let host = interfaces(host, &["wan0", "lan0", "lan0.100", "wg0"]);
    let host = ["all", "default", "lo", "eth0", "wan0", "lan0", "lan0.100", "wg0"].iter().fold(host, |host, name| {
        host.sysctl(&format!(
            "net/ipv4/conf/{name}/accept_redirects=0\nnet/ipv4/conf/{name}/send_redirects=0\n\
             net/ipv4/conf/{name}/rp_filter=2\nnet/ipv4/conf/{name}/forwarding=1\nnet/ipv4/conf/{name}/accept_source_route=0"
        ))
    });
    let host = host
        .sysctl(
            "net/ipv4/ip_forward=1\nnet/ipv6/conf/all/forwarding=1\nkernel/panic=10\nnet/core/netdev_max_backlog=5000\n\
             net/netfilter/nf_conntrack_max=524288\nnet/netfilter/nf_conntrack_count=310000\n\
             net/netfilter/nf_conntrack_buckets=131072",
        )
        .file(
            "/proc/self/net/fib_trie",
            "Local:\n     |-- 10.0.0.1\n        /32 host LOCAL\n     |-- 203.0.114.7\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n",
        )
        .mount("/", "ext4", "/dev/vda1", "rw,errors=remount-ro", (8 * GIB, 2 * GIB))
        .mount("/boot/efi", "vfat", "/dev/vda15", "rw", (127 << 20, 12 << 20))
        .file("/sys/fs/ext4/vda1/errors_count", "0\n");
    let host =
        processes(host, &["systemd-journal", "chronyd", "sshd", "zebra", "bgpd", "unbound", "rsyslogd"]);
    (
        services(host, &[&USUAL[..], &["frr.service", "nftables.service", "chrony.service"]].concat()),
        DEBIAN_12_KERNEL,
    )
}

/// A laptop that slept, with a battery, compressed swap, an encrypted disk, and a powersave governor.
pub fn laptop() -> (Host, &'static str) {
    let (host, release) = ubuntu_server();
    let host = host
        .file("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme tsc lahf_lm\n")
        .file("/sys/devices/virtual/dmi/id/sys_vendor", "Example Notebooks\n")
        .file("/sys/devices/virtual/dmi/id/product_name", "N14\n")
        .file("/sys/devices/virtual/dmi/id/chassis_type", "10\n")
        .file("/sys/class/power_supply/BAT0/status", "Discharging\n")
        .file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
        .file("/sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm\n")
        .file("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n")
        .file("/sys/devices/system/cpu/cpufreq/policy0/scaling_driver", "acpi-cpufreq\n")
        .file("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/swap.img\tfile\t4194300\t524000\t-2\n/dev/zram0\tpartition\t4194300\t4000000\t100\n")
        .sysctl("vm/swappiness=180\nkernel/hung_task_warnings=4")
        .file("/sys/block/nvme0n1/removable", "0\n")
        .file("/sys/block/nvme0n1/device/model", "EXAMPLE NVME 1TB\n");
    let host = services(
        processes(
            host,
            &["systemd-journal", "systemd-timesyn", "rsyslogd", "NetworkManager", "upowerd", "udisksd"],
        ),
        &USUAL,
    );
    let waiting = unit(
        "NetworkManager-wait-online.service",
        "failed",
        "failed",
        "Result=exit-code\nExecMainStatus=1\n",
    );
    let told = [unit("ssh.service", "active", "running", ""), waiting].join("\n");
    (host.command("units", &told), release)
}

/// A micro virtual machine: an own kernel without systemd, a file system made of an image of a container.
pub fn live_micro_vm() -> (Host, &'static str) {
    let release = "6.1.155";
    let kernel = Kernel { release, uptime: 900, memory: 512, name: "vm" };
    let host = boot(micro_vm(), kernel)
        .without("/run/systemd")
        .without("/sys/fs/cgroup")
        .without("/sys/devices/virtual/dmi")
        .sysctl("kernel/pid_max=32768\nkernel/panic=1\nfs/protected_symlinks=0\nfs/file-max=48000\nfs/file-nr=300\t0\t48000\nnet/core/somaxconn=4096")
        .mount("/", "ext4", "/dev/vda", "rw", (2 * GIB, GIB))
        .file("/sys/fs/ext4/vda/errors_count", "0\n")
        .file("/proc/1/status", "Name:\tinit\nFDSize:\t64\nNSpid:\t1\nTHP_enabled:\t1\n")
        .file("/proc/40/status", "Name:\tapp\nFDSize:\t64\nNSpid:\t40\nTHP_enabled:\t1\n");
    (host, release)
}
