//! What kind of machine this is, and what its processors, clock and tasks tell.

use goodstead_plugin::{Cause, CauseKind, Entry, Fact, UnknownOr, facts};

use crate::basics::readings::{Readings, odd, put};
use crate::kernel::sysctl::Running;

const DMI: &str = "/sys/devices/virtual/dmi/id/";
const CPUFREQ: &str = "/sys/devices/system/cpu/cpufreq/policy0/";
const CLOCKSOURCE: &str = "/sys/devices/system/clocksource/clocksource0/";

/// Makers (sys_vendor) and products of virtual machines, as systemd-detect-virt(1) knows them; `Amazon EC2` also makes
/// metal, whose product ends in `.metal`, and `Microsoft Corporation` and `Google` also make computers.
const VIRTUAL_MAKERS: [&str; 14] = [
    "QEMU",
    "VMware, Inc.",
    "Xen",
    "innotek GmbH",
    "Parallels",
    "BHYVE",
    "OpenStack Foundation",
    "Nutanix",
    "DigitalOcean",
    "Alibaba Cloud",
    "Tencent Cloud",
    "KubeVirt",
    "oVirt",
    "Bochs",
];
const VIRTUAL_PRODUCTS: [&str; 4] = ["KVM", "Virtual Machine", "VirtualBox", "Google Compute Engine"];

/// Chassis types of the SMBIOS specification (7.4.1) that are carried about: portable, laptop, notebook, sub notebook,
/// convertible, detachable.
const PORTABLE_CHASSIS: [i64; 6] = [8, 9, 10, 14, 31, 32];

/// `container`, `virtual` or `metal`.
///
/// # Errors
/// Why it cannot be told.
pub(crate) fn machine(own_kernel: Result<bool, Cause>, readings: &Readings) -> Result<String, Cause> {
    if !own_kernel? {
        return Ok("container".to_owned());
    }
    // On x86 the hypervisor says so in the processor's flags. The management domains of Xen and Hyper-V carry it too:
    // what they see of the hardware is not all of it either.
    let flags = readings.get("/proc/cpuinfo").ok().and_then(flags);
    let named = named_virtual(readings);
    let kind = match (flags, named) {
        (Some(flags), _) if flags.split_whitespace().any(|flag| flag == "hypervisor") => "virtual",
        (_, Ok(true)) => "virtual",
        // A processor of this family without the flag has no hypervisor that admits to it.
        (Some(_), _) | (None, Ok(false)) => "metal",
        (None, Err(cause)) => return Err(cause),
    };
    Ok(kind.to_owned())
}

fn flags(cpuinfo: &str) -> Option<&str> {
    cpuinfo.lines().find_map(|line| line.strip_prefix("flags")?.trim_start().strip_prefix(':'))
}

fn named_virtual(readings: &Readings) -> Result<bool, Cause> {
    let maker = readings.get(&format!("{DMI}sys_vendor"))?.trim();
    let product = readings.get(&format!("{DMI}product_name")).unwrap_or_default().trim();
    Ok(VIRTUAL_MAKERS.contains(&maker)
        || VIRTUAL_PRODUCTS.contains(&product)
        || (maker == "Amazon EC2" && !product.ends_with(".metal")))
}

/// Whether it is carried about, by its chassis or a battery; `supplies` is /sys/class/power_supply.
///
/// # Errors
/// Why it cannot be told.
pub(crate) fn portable(readings: &Readings, supplies: Result<Vec<Entry>, Cause>) -> Result<bool, Cause> {
    let chassis = readings.number(&format!("{DMI}chassis_type"));
    let battery = supplies.map(|entries| entries.iter().any(|entry| entry.name.starts_with("BAT")));
    match (chassis, battery) {
        (Ok(kind), _) if PORTABLE_CHASSIS.contains(&kind) => Ok(true),
        (_, Ok(battery)) => Ok(battery),
        (Ok(_), Err(_)) => Ok(false),
        // A kernel without power supplies and without DMI runs on nothing that is carried about and has a battery.
        (Err(one), Err(two)) if one.kind == CauseKind::Absent && two.kind == CauseKind::Absent => Ok(false),
        (Err(cause), Err(_)) => Err(cause),
    }
}

/// The record `processor`.
pub(crate) fn processor(readings: &Readings) -> Fact {
    let text = |path: String| readings.get(&path).map(|text| text.trim().to_owned());
    let ticks = |at: Option<usize>| cpu_ticks(readings, at).or_unknown();
    let mut record = facts! {
        "numa_nodes" => numa_nodes(readings).or_unknown(),
        "clocksource" => text(format!("{CLOCKSOURCE}current_clocksource")).or_unknown(),
        "clocksources" => text(format!("{CLOCKSOURCE}available_clocksource")).or_unknown(),
        "ticks" => ticks(None),
        "stolen_ticks" => ticks(Some(STOLEN)),
    };
    put(&mut record, "governor", text(format!("{CPUFREQ}scaling_governor")));
    put(&mut record, "frequency_driver", text(format!("{CPUFREQ}scaling_driver")));
    record
}

/// Lists such as `0-1,4`; a kernel that was built for one node has no such file.
fn numa_nodes(readings: &Readings) -> Result<i64, Cause> {
    let path = "/sys/devices/system/node/online";
    match readings.get(path) {
        Ok(text) => crate::basics::ranges::count(text.trim()).ok_or_else(|| odd(path)),
        Err(cause) if cause.kind == CauseKind::Absent => Ok(1),
        Err(cause) => Err(cause),
    }
}

/// The place of stolen time among the times of a processor, proc_stat(5).
const STOLEN: usize = 7;
/// So many of the times are of their own: those of guests are in `user` and `nice` already.
const TIMES: usize = 8;

/// The time of all processors since boot in clock ticks: one of its kinds, or all.
fn cpu_ticks(readings: &Readings, at: Option<usize>) -> Result<i64, Cause> {
    let path = "/proc/stat";
    let line = readings.get(path)?.lines().find_map(|line| line.strip_prefix("cpu "));
    let times: Option<Vec<i64>> =
        line.map(|line| line.split_whitespace().take(TIMES).map(str::parse).collect()).and_then(Result::ok);
    let times = times.filter(|times| times.len() == TIMES).ok_or_else(|| odd(path))?;
    let wanted = match at {
        Some(at) => times.get(at).copied(),
        None => times.iter().try_fold(0_i64, |sum, time| sum.checked_add(*time)),
    };
    wanted.ok_or_else(|| odd(path))
}

/// The record `tasks`.
pub(crate) fn tasks(readings: &Readings, sysctl: Result<&Running, &Cause>) -> Fact {
    facts! {
        "total" => total_tasks(readings).or_unknown(),
        "limit" => task_limit(sysctl).or_unknown(),
        "blocked" => blocked_tasks(readings).or_unknown(),
    }
}

/// The fourth field of `0.20 0.18 0.12 1/80 11206` counts all tasks, threads among them.
fn total_tasks(readings: &Readings) -> Result<i64, Cause> {
    let path = "/proc/loadavg";
    let total = readings.get(path)?.split(' ').nth(3).and_then(|field| field.split_once('/'));
    total.and_then(|(_, total)| total.parse().ok()).ok_or_else(|| odd(path))
}

fn blocked_tasks(readings: &Readings) -> Result<i64, Cause> {
    let path = "/proc/stat";
    let line = readings.get(path)?.lines().find_map(|line| line.strip_prefix("procs_blocked "));
    line.and_then(|count| count.trim().parse().ok()).ok_or_else(|| odd(path))
}

/// The smaller of the two limits of the whole kernel.
fn task_limit(sysctl: Result<&Running, &Cause>) -> Result<i64, Cause> {
    let sysctl = sysctl.map_err(Clone::clone)?;
    Ok(sysctl.number("kernel/threads-max")?.min(sysctl.number("kernel/pid_max")?))
}

#[cfg(test)]
#[path = "processor_tests.rs"]
mod tests;
