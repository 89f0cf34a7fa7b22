//! A running kernel: what `/proc` and `/sys` say of a quiet virtual machine, to be changed where a shape differs.

use crate::host::Host;

/// What differs from machine to machine.
#[derive(Debug, Clone, Copy)]
pub struct Kernel<'a> {
    /// Its release.
    pub release: &'a str,
    /// Seconds since boot.
    pub uptime: u64,
    /// Memory in MiB.
    pub memory: u64,
    /// The host's name.
    pub name: &'a str,
}

/// Settings as kernels from 5.14 to 6.12 have them, except those that a shape's own files set.
const SYSCTL: &str = "kernel/ostype=Linux
kernel/panic=0
kernel/panic_on_oops=0
kernel/pid_max=4194304
kernel/randomize_va_space=2
kernel/kptr_restrict=0
kernel/dmesg_restrict=1
kernel/perf_event_paranoid=3
kernel/unprivileged_bpf_disabled=2
kernel/yama/ptrace_scope=0
kernel/sysrq=438
kernel/core_pattern=core
kernel/core_uses_pid=0
kernel/core_pipe_limit=0
kernel/printk=4 4 1 7
kernel/hung_task_warnings=10
kernel/hung_task_timeout_secs=120
kernel/random/boot_id=0b7e2f7c-1111-4222-8333-944445555666
kernel/random/entropy_avail=256
kernel/numa_balancing=0
kernel/keys/root_maxkeys=1000000
kernel/keys/root_maxbytes=25000000
kernel/shmmax=18446744073692774399
fs/file-max=9223372036854775807
fs/file-nr=1120\t0\t9223372036854775807
fs/nr_open=1073741816
fs/protected_fifos=1
fs/protected_hardlinks=1
fs/protected_regular=2
fs/protected_symlinks=1
fs/suid_dumpable=0
fs/inotify/max_user_instances=128
vm/swappiness=60
vm/overcommit_memory=0
vm/overcommit_ratio=50
vm/panic_on_oom=0
vm/mmap_min_addr=65536
vm/dirty_ratio=20
vm/dirty_background_ratio=10
vm/dirty_bytes=0
vm/dirty_background_bytes=0
vm/nr_hugepages=0
vm/zone_reclaim_mode=0
net/core/somaxconn=4096
net/core/netdev_max_backlog=1000
net/core/optmem_max=20480
net/core/default_qdisc=fq_codel
net/ipv4/ip_forward=0
net/ipv4/ip_local_port_range=32768\t60999
net/ipv4/ip_local_reserved_ports=
net/ipv4/ping_group_range=0\t2147483647
net/ipv4/tcp_mem=45912\t61219\t91824
net/ipv4/tcp_max_syn_backlog=256
net/ipv4/tcp_syncookies=1
net/ipv4/tcp_tw_reuse=2
net/ipv6/conf/all/forwarding=0
net/ipv6/conf/all/use_tempaddr=0
net/ipv6/conf/default/use_tempaddr=0";

/// What a network interface accepts; `all` and `default` are two of them.
fn interface(host: Host, name: &str) -> Host {
    let source_route = i32::from(name == "default");
    host.sysctl(&format!(
        "net/ipv4/conf/{name}/accept_redirects=1\nnet/ipv4/conf/{name}/secure_redirects=1\n\
         net/ipv4/conf/{name}/accept_source_route={source_route}\nnet/ipv4/conf/{name}/rp_filter=0\n\
         net/ipv4/conf/{name}/forwarding=0\nnet/ipv4/conf/{name}/send_redirects=1\n\
         net/ipv4/conf/{name}/promote_secondaries=1"
    ))
}

/// Adds interfaces of the names.
#[must_use]
pub fn interfaces(host: Host, names: &[&str]) -> Host {
    names.iter().fold(host, |host, name| interface(host, name))
}

/// Puts a kernel under the files: a virtual machine on x86 with one disk, systemd, a clock that is right, idle.
#[must_use]
pub fn boot(host: Host, kernel: Kernel<'_>) -> Host {
    let Kernel { release, uptime, memory, name } = kernel;
    let kib = memory * 1024;
    let pages = kib / 4;
    let (free, limit) = (kib * 3 / 4, kib / 2);
    let host = host
        .sysctl(SYSCTL)
        .sysctl(&format!("kernel/osrelease={release}\nkernel/hostname={name}\nkernel/threads-max={}", kib / 64))
        .file("/proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 2 0\n")
        .file("/proc/uptime", format!("{uptime}.50 {uptime}.10\n"))
        .file(
            "/proc/meminfo",
            format!(
                "MemTotal: {kib} kB\nMemFree: {free} kB\nMemAvailable: {free} kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n\
                 CommitLimit: {limit} kB\nCommitted_AS: {} kB\nHardwareCorrupted: 0 kB\nHugePages_Total: 0\n\
                 Hugepagesize: 2048 kB\nHugetlb: 0 kB\nSUnreclaim: 40000 kB\n",
                kib / 8
            ),
        )
        .file("/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
        .file(
            "/proc/vmstat",
            format!(
                "nr_slab_unreclaimable 10000\nnr_dirty_threshold {}\nnr_dirty_background_threshold {}\npswpin 0\n\
                 pswpout 0\noom_kill 0\n",
                pages * 3 / 20,
                pages * 3 / 40
            ),
        )
        .file("/proc/stat", "cpu  500000 0 200000 9000000 10000 0 1000 5000 0 0\nprocs_running 1\nprocs_blocked 0\n")
        .file("/proc/loadavg", "0.05 0.03 0.01 1/160 11206\n")
        .file("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme tsc hypervisor lahf_lm\n")
        .file("/proc/self/net/netstat", "TcpExt: ListenOverflows ListenDrops TCPAbortOnMemory\nTcpExt: 0 0 0\n")
        .file("/proc/self/net/sockstat", "sockets: used 120\nTCP: inuse 8 orphan 0 tw 2 alloc 10 mem 3\n")
        .file("/proc/self/net/sockstat6", "TCP6: inuse 4\n")
        .file(
            "/proc/self/net/fib_trie",
            "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\nLocal:\n     |-- 10.0.0.15\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n",
        )
        .file("/proc/self/net/if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n")
        .file(
            "/proc/self/net/route",
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\neth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
        )
        .file("/sys/devices/virtual/dmi/id/sys_vendor", "QEMU\n")
        .file("/sys/devices/virtual/dmi/id/product_name", "Standard PC (Q35 + ICH9, 2009)\n")
        .file("/sys/devices/virtual/dmi/id/chassis_type", "1\n")
        .file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock\n")
        .file("/sys/devices/system/clocksource/clocksource0/available_clocksource", "kvm-clock tsc acpi_pm\n")
        .file("/sys/devices/system/node/online", "0\n")
        .file("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n")
        .file("/sys/kernel/mm/transparent_hugepage/defrag", "always defer defer+madvise [madvise] never\n")
        .file("/sys/module/zswap/parameters/enabled", "N\n")
        .file("/sys/kernel/kexec_crash_loaded", "0\n")
        .file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n")
        .folders(&["/run/systemd/system", "/sys/class/power_supply"])
        .file("/run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\noptions edns0 trust-ad\n")
        .file("/sys/block/vda/removable", "0\n")
        .command("clock", "NTPSynchronized=yes\n")
        .command("kernel-errors", "")
        .command("kernel-notices", &format!("{}.000000 kernel: Linux version {release}\n", crate::host::now() - uptime))
        .command("own_name", "10.0.0.15\n");
    let host = ["cpu", "io", "memory"].iter().fold(host, |host, name| {
        let line = "avg10=0.00 avg60=0.01 avg300=0.02 total=12345\n";
        host.file(&format!("/proc/pressure/{name}"), format!("some {line}full {line}"))
    });
    let host = ["2048kB", "1048576kB"].iter().fold(host, |host, size| {
        ["nr", "free", "resv", "surplus"].iter().fold(host, |host, kind| {
            host.file(&format!("/sys/kernel/mm/hugepages/hugepages-{size}/{kind}_hugepages"), "0\n")
        })
    });
    interfaces(host, &["all", "default", "lo", "eth0"])
        .mount("/proc", "proc", "proc", "rw", (0, 0))
        .mount("/sys", "sysfs", "sysfs", "rw", (0, 0))
        .mount("/run", "tmpfs", "tmpfs", "rw", (400 << 20, 1 << 20))
        .mount("/dev/shm", "tmpfs", "tmpfs", "rw", (2 << 30, 0))
}

/// Processes by number and name; every host has systemd as the first.
#[must_use]
pub fn processes(host: Host, named: &[&str]) -> Host {
    let all = ["systemd", "kthreadd"].into_iter().chain(named.iter().copied()).zip(1_u32..);
    all.fold(host, |host, (name, pid)| {
        host.file(
            &format!("/proc/{pid}/status"),
            format!("Name:\t{name}\nState:\tS (sleeping)\nPid:\t{pid}\nFDSize:\t64\nNSpid:\t{pid}\nTHP_enabled:\t1\n"),
        )
    })
}

/// What systemd says of services that run, without trouble.
#[must_use]
pub fn services(host: Host, running: &[&str]) -> Host {
    let told: Vec<String> = running.iter().map(|name| unit(name, "active", "running", "")).collect();
    let output = told.join("\n");
    running
        .iter()
        .filter(|name| name.ends_with(".service"))
        .fold(host, |host, name| {
            let group = format!("/sys/fs/cgroup/system.slice/{name}/");
            host.file(&format!("{group}pids.max"), "4684\n")
                .file(&format!("{group}pids.current"), "3\n")
                .file(&format!("{group}memory.max"), "max\n")
        })
        .command("units", &output)
}

/// A unit in the form of `systemctl show`; `more` is further lines.
pub fn unit(name: &str, active: &str, sub: &str, more: &str) -> String {
    format!(
        "Restart=no\nNRestarts=0\nExecMainStatus=0\nMemoryMax=infinity\nLimitNOFILE=524288\nResult=success\nId={name}\n\
         LoadState=loaded\nActiveState={active}\nSubState={sub}\nFragmentPath=/usr/lib/systemd/system/{name}\n\
         UnitFileState=enabled\nActiveEnterTimestampMonotonic=5000000\nNeedDaemonReload=no\n{more}"
    )
}
