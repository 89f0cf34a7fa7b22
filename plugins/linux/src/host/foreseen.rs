//! What is looked at on every host, asked for in one round trip before anything else.
//!
//! A name that is missing here costs time and nothing else: it is asked for when it is wanted.

use goodstead_plugin::{Foreseen, Request, Site, Target};

use crate::access::nologin;
use crate::access::sensitive_files::WATCHED;
use crate::host::workload::SMALL;
use crate::kernel::counters::EXT4;
use crate::kernel::sysctl::Running;
use crate::kernel::sysctl_files::SysctlFiles;
use crate::logs::journal;
use crate::machine::hardware::{BTRFS, MODULES};
use crate::services::{control_groups, processes};
use crate::software::updates::APT_CONF;
use crate::storage::block::GLOBS;

const READ: [&str; 8] = [
    "/etc/fstab",
    "/etc/group",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/resolv.conf",
    "/etc/shadow",
];

const LIST: [&str; 4] = ["/etc/ssl/certs", "/lib/modules", "/var/lib/dpkg/updates", "/var/log"];

const STAT: [&str; 20] = [
    "/etc",
    "/etc/logrotate.conf",
    "/etc/resolv.conf",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/systemd/system/apt-daily-upgrade.timer",
    "/usr/bin/apt-get",
    "/usr/bin/sshd",
    "/usr/bin/unattended-upgrade",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/usr/lib/systemd/systemd",
    "/usr/sbin/sshd",
    "/usr/sbin/update-ca-certificates",
    "/usr/share/distro-info/debian.csv",
    "/var/lib/apt/periodic/unattended-upgrades-stamp",
    "/var/lib/dpkg/status",
    "/var/lib/rpm/Packages",
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/log/journal",
    "/var/tmp",
];

/// What only a running kernel has.
const LIVE_READ: [&str; 9] = [
    "/proc/2/stat",
    "/proc/meminfo",
    "/proc/self/mountinfo",
    "/proc/swaps",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/random/boot_id",
    "/proc/uptime",
    "/run/reboot-required.pkgs",
];

const LIVE_LIST: [&str; 2] = ["/sys/class/power_supply", "/sys/kernel/livepatch"];

const LIVE_STAT: [&str; 6] = [
    "/run/ostree-booted",
    "/run/reboot-needed",
    "/run/reboot-required",
    "/run/systemd/system",
    "/sys/bus/vmbus/drivers/hv_utils",
    "/tmp",
];

/// The site with all of it answered; without a live kernel, with what files answer. Where little will be read, with what
/// that takes.
pub(crate) fn foresee<'s>(site: &'s mut dyn Site, running: bool, target: &Target) -> Foreseen<'s> {
    let read = |path: &&str| Request::Read { path: (*path).to_owned() };
    if !target.only.is_empty() {
        let settings = settings(running).filter(|_| target.wants(&["sysctl"]));
        let live = LIVE_READ.iter().map(read).filter(|_| running);
        let small = Request::ReadMany { globs: SMALL.map(str::to_owned).to_vec(), except: Vec::new() };
        let small = (running && target.wants(&["memory"])).then_some(small);
        return Foreseen::ask(site, settings.into_iter().chain(live).chain(small));
    }
    let paths = READ.iter().chain(LIVE_READ.iter().filter(|_| running));
    let list = LIST.iter().chain(LIVE_LIST.iter().filter(|_| running));
    let watched = WATCHED.iter().flat_map(|(_, paths)| paths.iter()).chain(&nologin::FILES);
    let stat = STAT.iter().chain(watched).chain(LIVE_STAT.iter().filter(|_| running));
    let read = paths.map(read);
    let list = list.map(|path| Request::List { path: (*path).to_owned() });
    let stat = stat.map(|path| Request::Stat { path: (*path).to_owned() });
    Foreseen::ask(
        site,
        settings(running).into_iter().chain(read).chain(list).chain(stat).chain(files(running)),
    )
}

/// The kernel's settings come first: of many interfaces there are more than fit beside anything else, and what does not
/// fit is walked once more when it is wanted.
fn settings(running: bool) -> Option<Request> {
    let globs = Running::GLOBS.map(str::to_owned).to_vec();
    running.then(|| Request::ReadMany { globs, except: Running::left_alone() })
}

/// What is read by globs.
fn files(running: bool) -> Vec<Request> {
    let many = |globs: Vec<String>| Request::ReadMany { globs, except: Vec::new() };
    let plain = |globs: &[&str]| many(globs.iter().map(|glob| (*glob).to_owned()).collect());
    let mut wanted = vec![many(SysctlFiles::globs()), many(journal::globs()), plain(&APT_CONF)];
    if running {
        wanted.push(many(control_groups::globs()));
        wanted.extend([&processes::GLOBS[..], &GLOBS, &MODULES, &BTRFS, &EXT4, &SMALL].map(plain));
    }
    wanted
}
