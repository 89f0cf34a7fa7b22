//! A container, and the hosts of containers, which show what is their tenants'.

use crate::host::Host;
use crate::shapes::live::{Kernel, boot, interfaces, processes, services};
use crate::shapes::running::{DAY, GIB, USUAL, debian12_cloud};
use crate::shapes::small::{container_image, kubernetes_node};

/// A node of Kubernetes: containers by the hundred with mounts and interfaces of their own, tenants that hit the limits
/// of their own control groups, settings changed by kubelet and kube-proxy after boot.
pub fn live_kubernetes_node() -> (Host, &'static str) {
    let release = "6.8.0-85-generic";
    let kernel = Kernel { release, uptime: 60 * DAY, memory: 65_536, name: "node1" };
    let host = boot(kubernetes_node(), kernel).sysctl(
        "kernel/kptr_restrict=1\nkernel/sysrq=176\nkernel/perf_event_paranoid=4\nkernel/yama/ptrace_scope=1\n\
         net/ipv6/conf/all/use_tempaddr=2\nnet/ipv6/conf/default/use_tempaddr=2\nnet/ipv4/conf/default/rp_filter=2\n\
         net/ipv4/conf/all/rp_filter=0\nnet/ipv4/ip_forward=1\nnet/bridge/bridge-nf-call-iptables=1\n\
         net/bridge/bridge-nf-call-ip6tables=1\nvm/overcommit_memory=1\nkernel/panic=10\nkernel/panic_on_oops=1\n\
         fs/inotify/max_user_instances=8192\nnet/netfilter/nf_conntrack_max=524288\n\
         net/netfilter/nf_conntrack_count=90000\nnet/netfilter/nf_conntrack_buckets=262144",
    );
    let host = host
        .file(
            "/proc/vmstat",
            "nr_slab_unreclaimable 10000\nnr_dirty_threshold 2500000\nnr_dirty_background_threshold 1250000\npswpin 0\npswpout 0\noom_kill 37\n",
        )
        .file(
            "/proc/self/net/netstat",
            "TcpExt: ListenOverflows TCPAbortOnMemory\nTcpExt: 3 0\n",
        )
        .command(
            "kernel-errors",
            &format!(
                "{}.000000 kernel: Memory cgroup out of memory: Killed process 4711 (java) total-vm:1000kB, anon-rss:900kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:10kB oom_score_adj:999\n",
                crate::host::now() - 3600
            ),
        )
        .mount("/", "ext4", "/dev/vda1", "rw", (200 * GIB, 120 * GIB))
        .file("/sys/fs/ext4/vda1/errors_count", "0\n");
    let host = (0..250).fold(host, |host, number| {
        let pod = format!("/var/lib/kubelet/pods/{number:08x}-1111-4222-8333-944445555666/volumes/kubernetes.io~projected/token");
        end_of_a_pod(host, &format!("cali{number:011x}"))
            .mount(&pod, "tmpfs", "tmpfs", "rw", (256 << 20, 12 << 10))
            .mount(
                &format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{number:064x}/rootfs"),
                "overlay",
                "overlay",
                "rw,lowerdir=/l,upperdir=/u,workdir=/w",
                (200 * GIB, 120 * GIB),
            )
            .file(
                &format!("/sys/fs/cgroup/kubepods.slice/kubepods-pod{number}.slice/memory.max"),
                "134217728\n",
            )
            .file(
                &format!("/proc/{}/status", 1000 + number),
                format!("Name:\tapp\nFDSize:\t64\nNSpid:\t{}\t1\nTHP_enabled:\t1\n", 1000 + number),
            )
    });
    let host = host
        .file("/sys/fs/cgroup/kubepods.slice/memory.events", "low 0\nhigh 0\nmax 90\noom 41\noom_kill 37\n");
    // A tenant's own daemons and databases are the tenant's.
    let host =
        host.file("/proc/900/status", "Name:\tchronyd\nFDSize:\t64\nNSpid:\t900\t7\nTHP_enabled:\t1\n");
    let host = processes(
        host,
        &["systemd-journal", "systemd-timesyn", "sshd", "kubelet", "containerd", "rsyslogd", "kube-proxy"],
    );
    (services(host, &[&USUAL[..], &["kubelet.service", "containerd.service"]].concat()), release)
}

/// An interface with the hundred settings that each has; the names of most do not matter here.
fn end_of_a_pod(host: Host, name: &str) -> Host {
    let host = (0..40).fold(host, |host, number| {
        host.sysctl(&format!(
            "net/ipv4/conf/{name}/setting_{number}=0\nnet/ipv6/conf/{name}/setting_{number}=0"
        ))
    });
    let host = (0..10).fold(host, |host, number| {
        host.sysctl(&format!(
            "net/ipv4/neigh/{name}/setting_{number}=0\nnet/ipv6/neigh/{name}/setting_{number}=0"
        ))
    });
    host.sysctl(&format!(
        "net/ipv4/conf/{name}/accept_redirects=1\nnet/ipv4/conf/{name}/secure_redirects=1\n\
         net/ipv4/conf/{name}/accept_source_route=1\nnet/ipv4/conf/{name}/forwarding=1"
    ))
}

/// A container: the kernel is its host's, and the host's trouble shows through.
pub fn container() -> (Host, &'static str) {
    let release = "6.8.0-85-generic";
    let kernel = Kernel { release, uptime: 60 * DAY, memory: 65_536, name: "f00dfeed0001" };
    let host = boot(container_image(), kernel)
        .without("/run/systemd")
        .without("/proc/2")
        .without("/sys/block")
        .without("/sys/fs/ext4")
        .sysctl("kernel/unprivileged_bpf_disabled=0\nvm/swappiness=0\nnet/ipv4/tcp_syncookies=0\nkernel/randomize_va_space=0")
        .file("/etc/hosts", "127.0.0.1 localhost\n172.17.0.2 f00dfeed0001\n")
        .file("/etc/resolv.conf", "nameserver 10.96.0.10\nsearch default.svc.cluster.test\noptions ndots:5\n")
        .file("/etc/hostname", "f00dfeed0001\n")
        .file("/proc/vmstat", "nr_slab_unreclaimable 10000\nnr_dirty_threshold 2500000\nnr_dirty_background_threshold 1250000\npswpin 0\npswpout 0\noom_kill 37\n")
        .mount("/", "overlay", "overlay", "rw,lowerdir=/l,upperdir=/u,workdir=/w", (200 * GIB, 199 * GIB))
        .mount("/etc/hosts", "ext4", "/dev/vda1", "rw", (200 * GIB, 120 * GIB))
        .file("/sys/fs/cgroup/memory.max", "536870912\n")
        .file("/sys/fs/cgroup/memory.current", "500000000\n")
        .file("/sys/fs/cgroup/memory.stat", "anon 200000000\nfile 290000000\nshmem 0\n")
        .file("/sys/fs/cgroup/memory.events", "low 0\nhigh 0\nmax 9\noom 0\noom_kill 0\n")
        .file("/sys/fs/cgroup/pids.max", "max\n")
        .file("/sys/fs/cgroup/pids.current", "12\n")
        .file("/proc/1/status", "Name:\tapp\nFDSize:\t64\nNSpid:\t1\nTHP_enabled:\t1\n")
        .file("/proc/7/status", "Name:\tgoodstead\nFDSize:\t64\nNSpid:\t7\nTHP_enabled:\t1\n");
    (host, release)
}

/// A host with Docker: a bridge, forwarding, overlays, a container that is allowed to be root in its own way.
pub fn docker_host() -> (Host, &'static str) {
    let (host, release) = debian12_cloud();
    let host = interfaces(host, &["docker0", "br-5d41402abc4b", "veth1a2b3c4"]).sysctl(
        "net/ipv4/ip_forward=1\nnet/bridge/bridge-nf-call-iptables=1\nnet/netfilter/nf_conntrack_max=65536\n\
         net/netfilter/nf_conntrack_count=800\nnet/netfilter/nf_conntrack_buckets=65536",
    );
    let host = ["docker0", "br-5d41402abc4b", "veth1a2b3c4", "eth0", "all"]
        .iter()
        .fold(host, |host, name| host.sysctl(&format!("net/ipv4/conf/{name}/forwarding=1")));
    let host = (0..12).fold(host, |host, number| {
        host.mount(
            &format!("/var/lib/docker/overlay2/{number:064x}/merged"),
            "overlay",
            "overlay",
            "rw",
            (20 * GIB, 3 * GIB),
        )
        .mount(&format!("/run/docker/netns/{number:012x}"), "nsfs", "nsfs", "rw", (0, 0))
    });
    let host = processes(
        host,
        &["systemd-journal", "systemd-timesyn", "sshd", "dockerd", "containerd", "docker-proxy"],
    )
    .file("/proc/800/status", "Name:\tntpd\nFDSize:\t64\nNSpid:\t800\t12\nTHP_enabled:\t1\n");
    (services(host, &[&USUAL[..], &["docker.service", "containerd.service"]].concat()), release)
}
