//! The machine and what it carries: memory, pressure, processes, services and the network, put together.

use goodstead_plugin::{Cause, Fact, Site, SiteExt, Target, UnknownOr};

use crate::basics::readings::Readings;
use crate::kernel::sysctl::Running;
use crate::kernel::{counters, crash};
use crate::machine::{huge_pages, memory, pressure, processor};
use crate::network::sockets::Sums;
use crate::network::{bonds, exposure};
use crate::services::processes::Processes;
use crate::services::{control_groups, processes};
use crate::{Record, named, when};

/// Small files of /proc and /sys that one request reads.
pub(crate) const SMALL: [&str; 27] = [
    "/proc/vmstat",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/cpuinfo",
    "/proc/pressure/*",
    "/proc/self/net/netstat",
    "/proc/self/net/stat/{arp,ndisc}_cache",
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
    "/sys/fs/cgroup/{kubepods,kubepods.slice}/memory.events",
];

/// The facts by name: all, or what is read of them.
pub(crate) fn facts(
    site: &mut dyn Site,
    running: bool,
    own_kernel: &Result<bool, Cause>,
    sysctl: Result<&Running, &Cause>,
    processes: &Result<Processes, Cause>,
    target: &Target,
) -> Record {
    if !target.wants(&["memory"]) {
        return Record::new();
    }
    let meminfo = when(running, || memory::meminfo(site));
    let small = when(running, || Readings::read(site, &SMALL));
    let page =
        small.as_ref().map_err(Clone::clone).and_then(|small| memory::page_bytes(meminfo.as_deref(), small));
    // A record or list that is made of small files only.
    let of = |make: &dyn Fn(&Readings) -> Result<Fact, Cause>| {
        small.as_ref().map_err(Clone::clone).and_then(make).or_unknown()
    };
    let memory = of(&|small| Ok(memory::memory(meminfo.as_deref().map_err(Clone::clone)?, small, &page)));
    if !target.only.is_empty() {
        return named([("memory", memory)]);
    }
    let sums = small.as_ref().map_err(Clone::clone).map(|small| Sums::read(small, sysctl));
    let portable = when(running, || {
        let supplies = site.list("/sys/class/power_supply");
        processor::portable(small.as_ref().map_err(Clone::clone)?, supplies)
    });
    named([
        ("memory", memory),
        ("counters", of(&|small| Ok(counters::counters(small)))),
        ("machine", of(&|small| processor::machine(own_kernel.clone(), small).map(Fact::from))),
        ("portable", portable.or_unknown()),
        ("processor", of(&|small| Ok(processor::processor(small)))),
        ("tasks", of(&|small| Ok(processor::tasks(small, sysctl)))),
        ("crash", of(&|small| Ok(crash::crash(small)))),
        ("pressure", of(&|small| Ok(pressure::pressure(small)))),
        ("huge_pages", of(&|small| Ok(huge_pages::huge_pages(small)))),
        ("transparent_huge_pages", of(&|small| Ok(huge_pages::transparent(small)))),
        ("network", of(&|small| Ok(exposure::network(small, sysctl)))),
        ("bonds", when(running, || bonds::bonds(site)).or_unknown()),
        ("interfaces", sysctl.map_err(Clone::clone).and_then(exposure::interfaces).or_unknown()),
        ("tcp", of(&|small| Ok(sums.as_ref().map_err(Clone::clone)?.facts(small, sysctl, page.clone())))),
        (
            "tcp_connections",
            sums.as_ref().map_err(Clone::clone).and_then(|sums| sums.connections(site)).or_unknown(),
        ),
        ("open_files", sysctl.map_err(Clone::clone).map(processes::of_all).or_unknown()),
        (
            "open_files_of",
            processes.as_ref().map_err(Clone::clone).map(|found| found.open_files(site)).or_unknown(),
        ),
        ("programs", processes.as_ref().map(Processes::programs).map_err(Clone::clone).or_unknown()),
        ("services", when(running, || control_groups::services(site)).or_unknown()),
    ])
}
