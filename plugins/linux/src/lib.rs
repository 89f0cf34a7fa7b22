//! The plugin for the host itself: kernel settings and the files that set them, mounts, memory, processes, services,
//! the network and counters.
//!
//! It gathers and judges nothing. It needs no rights: what an ordinary user may not read is unknown with its cause.
//! Where there is no live kernel (a folder, an image, a snapshot) running values are unknown and the files are told.

#![deny(unsafe_code)]

mod addresses;
mod assignment;
mod block;
mod counters;
mod crash;
mod file_system;
mod fstab;
mod hardware;
mod huge_pages;
mod journal;
mod kernel;
mod kernel_log;
mod machine;
mod mdadm;
mod memory;
mod mounts;
mod network;
mod os;
mod plain;
mod pressure;
mod processes;
mod programs;
mod ranges;
mod readings;
mod record;
mod rotation;
mod services;
mod sockets;
mod sysctl;
mod sysctl_files;
mod sysfs;
mod temporary;
mod timekeeping;
mod trouble;
mod units;
mod upkeep;
mod wildcard;

use goodstead_plugin::{Cause, CauseKind, Fact, Plugin, Proposal, Site, SiteExt, Target, UnknownOr, facts};

use crate::mounts::Mounts;
use crate::os::OsRelease;
use crate::processes::Processes;
use crate::readings::Readings;
use crate::sockets::Sums;
use crate::sysctl::Running;
use crate::sysctl_files::SysctlFiles;

/// Small files of /proc and /sys that one request reads.
const SMALL: [&str; 25] = [
    "/proc/vmstat",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/cpuinfo",
    "/proc/pressure/*",
    "/proc/self/net/netstat",
    "/proc/self/net/sockstat",
    "/proc/self/net/sockstat6",
    "/proc/self/net/fib_trie",
    "/proc/self/net/if_inet6",
    "/proc/self/net/route",
    "/sys/devices/virtual/dmi/id/sys_vendor",
    "/sys/devices/virtual/dmi/id/product_name",
    "/sys/devices/virtual/dmi/id/chassis_type",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "/sys/devices/system/clocksource/clocksource0/available_clocksource",
    "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
    "/sys/devices/system/cpu/cpufreq/policy0/scaling_driver",
    "/sys/devices/system/node/online",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/kernel/mm/transparent_hugepage/defrag",
    "/sys/kernel/mm/hugepages/*/*_hugepages",
    "/sys/module/zswap/parameters/enabled",
    "/sys/kernel/kexec_crash_loaded",
    "/sys/class/watchdog/*/state",
];

/// The plugin.
#[derive(Debug, Default)]
pub struct Linux;

impl Plugin for Linux {
    fn discover(&self, site: &mut dyn Site) -> Result<Vec<Proposal>, Cause> {
        let Some(os) = OsRelease::read(site)? else { return Ok(Vec::new()) };
        let title = os.title().to_owned();
        Ok(vec![Proposal { name: None, title, address: None, hints: Default::default() }])
    }

    fn gather(&self, _target: &Target, site: &mut dyn Site) -> Result<Fact, Cause> {
        let live = kernel::live(site);
        // Where it cannot be told, everything is tried: each answer carries its own cause.
        let running = live != Ok(false);
        let mounts = when(running, || Mounts::read(site));
        let sysctl = when(running, || Running::read(site));
        let files = SysctlFiles::read(site);
        let os = OsRelease::read(site)
            .and_then(|os| os.ok_or_else(|| Cause::new(CauseKind::Absent, "no os-release")));
        let visible = mounts.as_ref().map(|mounts| mounts.visible.as_slice());
        let own_kernel = when(running, || kernel::own_kernel(site, visible));
        let systemd = when(running, || kernel::systemd(site));
        let swaps = when(running, || memory::swaps(site));
        let uptime = when(running, || kernel::uptime_seconds(site));
        let known = upkeep::Known {
            running,
            systemd: &systemd,
            uptime_seconds: uptime.as_ref().ok().copied(),
            mounts: &mounts,
            swaps: &swaps,
        };
        let upkeep = upkeep::facts(site, &known);
        let meminfo = when(running, || memory::meminfo(site));
        let small = when(running, || Readings::read(site, &SMALL));
        let page = small
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|small| memory::page_bytes(meminfo.as_deref(), small));
        let sums = small.as_ref().map_err(Clone::clone).map(|small| Sums::read(small, sysctl.as_ref()));
        let processes = when(running, || Processes::read(site));
        // A record or list that is made of small files only.
        let of = |make: &dyn Fn(&Readings) -> Result<Fact, Cause>| {
            small.as_ref().map_err(Clone::clone).and_then(make).or_unknown()
        };
        let mut host = facts! {
            "systemd" => systemd.or_unknown(),
            "boot_id" => when(running, || kernel::boot_id(site)).or_unknown(),
            "uptime_seconds" => uptime.or_unknown(),
            "memory" => of(&|small| {
                Ok(memory::memory(meminfo.as_deref().map_err(Clone::clone)?, small, &page))
            }),
            "swaps" => swaps.or_unknown(),
            "counters" => of(&|small| Ok(counters::counters(small))),
            "ext4" => when(running, || counters::ext4(site)).or_unknown(),
            "mounts" => mounts.map(|mounts| mounts.facts(site)).or_unknown(),
            "sysctl_files" => files.as_ref().map(|files| files.facts(sysctl.as_ref())).map_err(Clone::clone).or_unknown(),
            "sysctl_conf_read" => files.as_ref().map_err(Clone::clone).and_then(SysctlFiles::single_read_at_boot).or_unknown(),
            "sysctl_set_at" => files.as_ref().map(SysctlFiles::places).map_err(Clone::clone).or_unknown(),
            "machine" => of(&|small| machine::machine(own_kernel.clone(), small).map(Fact::from)),
            "portable" => when(running, || {
                let supplies = site.list("/sys/class/power_supply");
                machine::portable(small.as_ref().map_err(Clone::clone)?, supplies)
            }).or_unknown(),
            "processor" => of(&|small| Ok(machine::processor(small))),
            "tasks" => of(&|small| Ok(machine::tasks(small, sysctl.as_ref()))),
            "crash" => of(&|small| Ok(crash::crash(small))),
            "pressure" => of(&|small| Ok(pressure::pressure(small))),
            "huge_pages" => of(&|small| Ok(huge_pages::huge_pages(small))),
            "transparent_huge_pages" => of(&|small| Ok(huge_pages::transparent(small))),
            "network" => of(&|small| Ok(network::network(small, sysctl.as_ref()))),
            "interfaces" => sysctl.as_ref().map_err(Clone::clone).and_then(network::interfaces).or_unknown(),
            "tcp" => of(&|small| {
                Ok(sums.as_ref().map_err(Clone::clone)?.facts(small, sysctl.as_ref(), page.clone()))
            }),
            "tcp_connections" =>
                sums.as_ref().map_err(Clone::clone).and_then(|sums| sums.connections(site)).or_unknown(),
            "open_files" => sysctl.as_ref().map_err(Clone::clone).map(processes::of_all).or_unknown(),
            "open_files_of" =>
                processes.as_ref().map_err(Clone::clone).map(|found| found.open_files(site)).or_unknown(),
            "programs" => processes.map(|found| found.programs()).or_unknown(),
            "services" => when(running, || services::services(site)).or_unknown(),
            "own_kernel" => own_kernel.clone().or_unknown(),
            "sysctl" => sysctl.as_ref().map(Running::facts).map_err(Clone::clone).or_unknown(),
            "os" => os.map(|os| os.facts()).or_unknown(),
            "live" => live.or_unknown(),
        };
        if let Fact::Map(record) = &mut host {
            record.items.extend(upkeep);
        }
        Ok(host)
    }
}

/// What `gather` finds on a live host; nothing is asked for elsewhere.
fn when<T>(running: bool, gather: impl FnOnce() -> Result<T, Cause>) -> Result<T, Cause> {
    if running { gather() } else { Err(kernel::not_live()) }
}

goodstead_plugin::export!(Linux);

#[cfg(test)]
mod tests;
