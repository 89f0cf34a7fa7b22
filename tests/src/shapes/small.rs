//! Files of systems with one task: a router, a node of Kubernetes, images of containers, a micro virtual machine.

use crate::host::Host;
use crate::shapes::debian::{debian12, ubuntu2404};

/// A router on Debian 12: forwarding, filters against spoofed senders, chrony, settings of its own in one file.
pub fn router() -> Host {
    debian12()
        .file(
            "/etc/sysctl.d/60-router.conf",
            "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\nnet.ipv4.conf.all.accept_redirects = 0\n\
             net.ipv4.conf.default.accept_redirects = 0\nnet.ipv4.conf.all.send_redirects = 0\n\
             net.ipv4.conf.default.send_redirects = 0\nnet.ipv4.conf.*.rp_filter = 2\n\
             net.netfilter.nf_conntrack_max = 524288\nnet.core.netdev_max_backlog = 5000\nkernel.panic = 10\n",
        )
        .file("/etc/hostname", "edge1\n")
        .file("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 edge1.example.test edge1\n")
        .file("/etc/resolv.conf", "nameserver 127.0.0.1\n")
}

/// A node of Kubernetes on Ubuntu 24.04: the cluster's settings, links into the kubelet's folders, no swap.
pub fn kubernetes_node() -> Host {
    ubuntu2404()
        .file("/etc/fstab", "/dev/disk/by-uuid/2b11 / ext4 defaults 0 1\n#/swap.img none swap sw 0 0\n")
        .file(
            "/etc/sysctl.d/99-kubernetes-cri.conf",
            "net.bridge.bridge-nf-call-iptables = 1\nnet.bridge.bridge-nf-call-ip6tables = 1\nnet.ipv4.ip_forward = 1\n",
        )
        .file(
            "/etc/sysctl.d/90-kubelet.conf",
            "vm.overcommit_memory=1\nvm.panic_on_oom=0\nkernel.panic=10\nkernel.panic_on_oops=1\n\
             kernel.keys.root_maxkeys=1000000\nkernel.keys.root_maxbytes=25000000\n",
        )
        .file("/etc/sysctl.d/99-zzz-inotify.conf", "fs.inotify.max_user_instances = 8192\n")
        .file("/etc/hostname", "node1\n")
        .file("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 node1\n")
}

/// An image of a container: Debian's smallest, with a program and nothing that boots.
pub fn container_image() -> Host {
    let boots = [
        "/etc/ssh",
        "/etc/sudoers",
        "/etc/sudoers.d",
        "/etc/fstab",
        "/etc/systemd",
        "/etc/resolv.conf",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/logrotate.conf",
        "/etc/logrotate.d/apt",
        "/var/lib/logrotate",
        "/var/log/journal",
        "/usr/lib/systemd",
        "/usr/lib/modules",
        "/boot",
        "/usr/sbin/sshd",
        "/usr/bin/unattended-upgrade",
        "/etc/apt/apt.conf.d/20auto-upgrades",
        "/etc/apt/apt.conf.d/50unattended-upgrades",
        "/etc/crontab",
        "/usr/lib/sysctl.d",
        "/etc/ssl/certs/ca-certificates.crt",
        "/usr/sbin/update-ca-certificates",
        "/usr/share/distro-info",
    ];
    boots
        .iter()
        .fold(debian12(), |host, path| host.without(path))
        .file(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        )
        .file("/etc/shadow", "root:*:20000:0:99999:7:::\nnobody:*:20000:0:99999:7:::\n")
        .mode("/etc/shadow", 0o640, 42)
        .file(
            "/etc/apt/apt.conf.d/docker-clean",
            "APT::Update::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb || true\"; };\n",
        )
        .aged("/var/lib/dpkg/status", 100 * 86_400)
}

/// The image of a container made of Alpine, whose root has an empty password and no way in.
pub fn alpine_image() -> Host {
    Host::new()
        .folders(&["/etc", "/etc/profile.d", "/tmp", "/var/tmp", "/usr/bin", "/usr/sbin", "/var/log"])
        .mode("/tmp", 0o1777, 0)
        .mode("/var/tmp", 0o1777, 0)
        .file(
            "/etc/os-release",
            "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.22.1\nPRETTY_NAME=\"Alpine Linux v3.22\"\n",
        )
        .file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n")
        .file("/etc/group", "root:x:0:root\nshadow:x:42:\nnobody:x:65534:\n")
        .file("/etc/shadow", "root:*::0:::::\nnobody:!::0:::::\n")
        .mode("/etc/shadow", 0o640, 42)
        .file("/etc/hosts", "127.0.0.1 localhost\n")
        .file("/etc/hostname", "localhost\n")
        .file("/etc/nsswitch.conf", "hosts: files dns\n")
        .file("/etc/sysctl.conf", "# content of this file will override /etc/sysctl.d/*\n")
        .file(
            "/usr/lib/sysctl.d/00-alpine.conf",
            "net.ipv4.tcp_syncookies = 1\nkernel.panic = 120\nkernel.kptr_restrict = 1\n",
        )
        .file("/etc/ssl/cert.pem", "-----BEGIN CERTIFICATE-----\n")
        .file("/etc/fstab", "/dev/cdrom\t/media/cdrom\tiso9660\tnoauto,ro 0 0\n")
}

/// The root of a micro virtual machine: a file system made from an image of a container, and an init of its own.
pub fn micro_vm() -> Host {
    container_image()
        .file("/etc/hostname", "vm\n")
        .file("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 vm\n")
        .file("/etc/resolv.conf", "nameserver 192.0.2.53\n")
        .file("/.dockerenv", "")
        .file("/usr/lib/sysctl.d/50-pid-max.conf", "kernel.pid_max = 4194304\n")
}
