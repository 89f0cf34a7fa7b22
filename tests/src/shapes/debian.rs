//! Files of Debian and Ubuntu as their installers and cloud images leave them.

use crate::host::Host;

/// Debian's accounts, the first user of a cloud image, and no password anywhere.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sync:x:4:65534:sync:/bin:/bin/sync
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
systemd-network:x:998:998:systemd Network Management:/:/usr/sbin/nologin
sshd:x:101:65534::/run/sshd:/usr/sbin/nologin
debian:x:1000:1000:Debian:/home/debian:/bin/bash
";

const SHADOW: &str = "root:*:20000:0:99999:7:::
daemon:*:20000:0:99999:7:::
bin:*:20000:0:99999:7:::
sync:*:20000:0:99999:7:::
www-data:*:20000:0:99999:7:::
nobody:*:20000:0:99999:7:::
systemd-network:!*:20000::::::
sshd:!:20000::::::
debian:!:20000:0:99999:7:::
";

const GROUP: &str = "root:x:0:
daemon:x:1:
adm:x:4:debian
sudo:x:27:debian
www-data:x:33:
shadow:x:42:
staff:x:50:
nogroup:x:65534:
debian:x:1000:
";

/// The lines of Debian's sudoers that are none of comments.
const SUDOERS: &str = "Defaults\tenv_reset
Defaults\tmail_badpass
Defaults\tsecure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"
root\tALL=(ALL:ALL) ALL
%sudo\tALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
";

/// Settings that Debian's sshd_config has, without comments.
const SSHD: &str = "Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem\tsftp\t/usr/lib/openssh/sftp-server
";

const LOGROTATE: &str = "weekly
rotate 4
create
include /etc/logrotate.d
";

/// What every system of this family has that boots, without a distribution's name.
fn base() -> Host {
    Host::new()
        .folders(&[
            "/etc",
            "/etc/cron.d",
            "/etc/cron.hourly",
            "/etc/cron.daily",
            "/etc/cron.weekly",
            "/etc/cron.monthly",
            "/etc/profile.d",
            "/etc/pam.d",
            "/etc/systemd/system",
            "/usr/bin",
            "/usr/sbin",
            "/usr/local/bin",
            "/usr/local/sbin",
            "/var/log/journal",
            "/var/lib/dpkg/updates",
            "/tmp",
            "/var/tmp",
        ])
        .mode("/tmp", 0o1777, 0)
        .mode("/var/tmp", 0o1777, 0)
        .link("/lib", "usr/lib")
        .link("/bin", "usr/bin")
        .link("/sbin", "usr/sbin")
        .file("/etc/passwd", PASSWD)
        .file("/etc/group", GROUP)
        .file("/etc/shadow", SHADOW)
        .mode("/etc/shadow", 0o640, 42)
        .file("/etc/gshadow", "root:*::\n")
        .mode("/etc/gshadow", 0o640, 42)
        .file("/etc/shadow-", SHADOW)
        .mode("/etc/shadow-", 0o640, 42)
        .file("/etc/sudoers", SUDOERS)
        .mode("/etc/sudoers", 0o440, 0)
        .file("/etc/sudoers.d/90-cloud-init-users", "debian ALL=(ALL) NOPASSWD:ALL\n")
        .mode("/etc/sudoers.d/90-cloud-init-users", 0o440, 0)
        .file("/etc/ssh/sshd_config", SSHD)
        .file("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication no\n")
        .mode("/etc/ssh/sshd_config.d/50-cloud-init.conf", 0o600, 0)
        .file("/etc/ssh/ssh_host_ed25519_key", "")
        .mode("/etc/ssh/ssh_host_ed25519_key", 0o600, 0)
        .file("/etc/ssh/ssh_host_rsa_key", "")
        .mode("/etc/ssh/ssh_host_rsa_key", 0o600, 0)
        .file("/etc/crontab", "17 *\t* * *\troot\trun-parts --report /etc/cron.hourly\n")
        .file("/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
        .file("/etc/profile", "umask 022\n")
        .file("/etc/hostname", "web1\n")
        .file("/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
        .file("/etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\nhosts: files dns\n")
        .file("/etc/fstab", FSTAB)
        .file("/etc/systemd/journald.conf", "[Journal]\n#Storage=auto\n#SystemMaxUse=\n")
        .file("/etc/logrotate.conf", LOGROTATE)
        .file("/etc/logrotate.d/apt", "/var/log/apt/term.log {\n  rotate 12\n  monthly\n}\n")
        .file("/etc/logrotate.d/dpkg", "/var/log/dpkg.log {\n\tmonthly\n\trotate 12\n}\n")
        .file(
            "/var/lib/logrotate/status",
            "logrotate state -- version 2\n\"/var/log/dpkg.log\" 2026-11-1-0:0:0\n",
        )
        .file("/var/log/dpkg.log", "")
        .file("/var/log/wtmp", "")
        .file("/var/lib/dpkg/status", "")
        .empty(&[
            "/usr/bin/apt-get",
            "/usr/lib/systemd/systemd",
            "/usr/sbin/sshd",
            "/usr/sbin/update-ca-certificates",
        ])
        .file("/etc/ssl/certs/ca-certificates.crt", "-----BEGIN CERTIFICATE-----\n")
        .file("/etc/apt/apt.conf.d/20auto-upgrades", AUTO_UPGRADES)
        .file("/etc/apt/apt.conf.d/50unattended-upgrades", "Unattended-Upgrade::Origins-Pattern {\n};\n")
        .file("/usr/bin/unattended-upgrade", "")
        .file("/var/lib/apt/periodic/unattended-upgrades-stamp", "")
}

const AUTO_UPGRADES: &str =
    "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n";

/// A root by its id, and the partition that firmware boots from.
const FSTAB: &str = "PARTUUID=3f1b0000-0a / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1
PARTUUID=3f1b0000-0f /boot/efi vfat defaults 0 0
";

fn release(id: &str, version: &str, title: &str) -> String {
    format!("PRETTY_NAME=\"{title}\"\nNAME=\"{id}\"\nVERSION_ID=\"{version}\"\nID={id}\n")
}

/// A kernel with its image, as packages install it.
fn kernel(host: Host, release: &str) -> Host {
    host.file(&format!("/usr/lib/modules/{release}/modules.dep"), "")
        .folders(&[&format!("/usr/lib/modules/{release}")])
        .file(&format!("/boot/vmlinuz-{release}"), "")
}

/// The table of Debian's package distro-info-data, cut to the releases that matter here.
const RELEASES: &str = "version,codename,series,created,release,eol,eol-lts,eol-elts
12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-06-30,2033-06-30
13,Trixie,trixie,2023-06-10,2025-08-09,2028-08-09,2030-06-30,2035-06-30
";

/// The kernel of [`debian12`].
pub const DEBIAN_12_KERNEL: &str = "6.1.0-56-cloud-amd64";

/// A cloud image of Debian 12 after its first boot, by section 6 of the candidates.
pub fn debian12() -> Host {
    kernel(base(), DEBIAN_12_KERNEL)
        .file("/usr/lib/os-release", release("debian", "12", "Debian GNU/Linux 12 (bookworm)"))
        .link("/etc/os-release", "../usr/lib/os-release")
        .file("/usr/share/distro-info/debian.csv", RELEASES)
        .file("/etc/sysctl.conf", "# /etc/sysctl.conf\n#kernel.domainname = example.test\n#net.ipv4.ip_forward=1\n")
        .link("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf")
        .file("/usr/lib/sysctl.d/50-pid-max.conf", "kernel.pid_max = 4194304\n")
        .file(
            "/usr/lib/sysctl.d/99-protect-links.conf",
            "fs.protected_fifos = 1\nfs.protected_hardlinks = 1\nfs.protected_regular = 2\nfs.protected_symlinks = 1\n",
        )
        .file("/etc/apt/sources.list.d/debian.sources", SOURCES)
        .link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")
}

const SOURCES: &str = "Types: deb\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm bookworm-updates\nComponents: main\n";

/// A template of Debian 13 that has lain for a while: no /etc/sysctl.conf, systemd's own defaults, no updates by itself.
pub fn debian13() -> Host {
    kernel(base(), "6.12.48+deb13-amd64")
        .file("/usr/lib/os-release", release("debian", "13", "Debian GNU/Linux 13 (trixie)"))
        .link("/etc/os-release", "../usr/lib/os-release")
        .file("/usr/share/distro-info/debian.csv", RELEASES)
        .file("/usr/lib/sysctl.d/10-coredump-debian.conf", "kernel.core_pattern=core\n")
        .file("/usr/lib/sysctl.d/50-default.conf", DEFAULTS)
        .file("/usr/lib/sysctl.d/50-pid-max.conf", "kernel.pid_max = 4194304\n")
        .without("/etc/apt/apt.conf.d/20auto-upgrades")
        .without("/usr/bin/unattended-upgrade")
        .aged("/var/lib/dpkg/status", 100 * 86_400)
        .file("/etc/resolv.conf", "nameserver 192.0.2.53\n")
}

/// The settings of systemd's 50-default.conf.
pub const DEFAULTS: &str = "kernel.sysrq = 0x01b6
kernel.core_uses_pid = 1
net.ipv4.conf.default.rp_filter = 2
net.ipv4.conf.*.rp_filter = 2
-net.ipv4.conf.all.rp_filter
net.ipv4.conf.default.accept_source_route = 0
net.ipv4.conf.*.accept_source_route = 0
-net.ipv4.conf.all.accept_source_route
net.ipv4.conf.default.promote_secondaries = 1
net.ipv4.conf.*.promote_secondaries = 1
-net.ipv4.conf.all.promote_secondaries
-net.ipv4.ping_group_range = 0 2147483647
-net.core.default_qdisc = fq_codel
fs.protected_hardlinks = 1
fs.protected_symlinks = 1
fs.protected_regular = 2
fs.protected_fifos = 1
-kernel.unprivileged_bpf_disabled = 2
";

/// Ubuntu 24.04 server: an administrator with a password, netplan and resolved, snaps, ufw's own file of settings.
pub fn ubuntu2404() -> Host {
    let passwd = PASSWD.replace("debian", "ubuntu").replace("Debian", "Ubuntu");
    kernel(base(), "6.8.0-85-generic")
        .file("/usr/lib/os-release", release("ubuntu", "24.04", "Ubuntu 24.04.3 LTS"))
        .link("/etc/os-release", "../usr/lib/os-release")
        .file("/etc/passwd", passwd)
        .file("/etc/group", GROUP.replace("debian", "ubuntu"))
        .file("/etc/shadow", SHADOW.replace("debian:!", "ubuntu:$y$j9T$salt$hash"))
        .mode("/etc/shadow", 0o640, 42)
        .without("/etc/sudoers.d/90-cloud-init-users")
        .without("/etc/ssh/sshd_config.d/50-cloud-init.conf")
        .file("/etc/sysctl.conf", "# settings for /etc/sysctl.d\n")
        .link("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf")
        .file("/etc/sysctl.d/10-console-messages.conf", "kernel.printk = 4 4 1 7\n")
        .file("/etc/sysctl.d/10-ipv6-privacy.conf", "net.ipv6.conf.all.use_tempaddr = 2\nnet.ipv6.conf.default.use_tempaddr = 2\n")
        .file("/etc/sysctl.d/10-kernel-hardening.conf", "kernel.kptr_restrict = 1\n")
        .file("/etc/sysctl.d/10-magic-sysrq.conf", "kernel.sysrq = 176\n")
        .file("/etc/sysctl.d/10-network-security.conf", "net.ipv4.conf.default.rp_filter=2\nnet.ipv4.conf.all.rp_filter=2\n")
        .file("/etc/sysctl.d/10-ptrace.conf", "kernel.yama.ptrace_scope = 1\n")
        .file("/etc/sysctl.d/10-zeropage.conf", "vm.mmap_min_addr = 65536\n")
        .file("/usr/lib/sysctl.d/50-pid-max.conf", "kernel.pid_max = 4194304\n")
        .file(
            "/usr/lib/sysctl.d/99-protect-links.conf",
            "fs.protected_fifos = 1\nfs.protected_hardlinks = 1\nfs.protected_regular = 2\nfs.protected_symlinks = 1\n",
        )
        .file("/etc/fstab", "/dev/disk/by-id/dm-uuid-LVM-a1 / ext4 defaults 0 1\n/dev/disk/by-uuid/2b11 /boot ext4 defaults 0 1\n/swap.img none swap sw 0 0\n")
        .link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")
}
