//! The plugin for the host itself: kernel settings and the files that set them, mounts, memory and counters.
//!
//! It gathers and judges nothing. It needs no rights: what an ordinary user may not read is unknown with its cause.
//! Where there is no live kernel (a folder, an image, a snapshot) running values are unknown and the files are told.

#![deny(unsafe_code)]

mod assignment;
mod block;
mod counters;
mod file_system;
mod fstab;
mod hardware;
mod journal;
mod kernel;
mod kernel_log;
mod mdadm;
mod memory;
mod mounts;
mod os;
mod plain;
mod programs;
mod record;
mod rotation;
mod sysctl;
mod sysctl_files;
mod sysfs;
mod temporary;
mod timekeeping;
mod trouble;
mod units;
mod upkeep;
mod wildcard;

use goodstead_plugin::{Cause, CauseKind, Fact, Plugin, Proposal, Site, Target, UnknownOr, facts};

use crate::mounts::Mounts;
use crate::os::OsRelease;
use crate::sysctl::Running;
use crate::sysctl_files::SysctlFiles;

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
        let mut host = facts! {
            "own_kernel" => when(running, || kernel::own_kernel(site, visible)).or_unknown(),
            "systemd" => systemd.or_unknown(),
            "boot_id" => when(running, || kernel::boot_id(site)).or_unknown(),
            "uptime_seconds" => uptime.or_unknown(),
            "memory" => when(running, || memory::memory(site)).or_unknown(),
            "swaps" => swaps.or_unknown(),
            "counters" => when(running, || Ok(counters::counters(site))).or_unknown(),
            "ext4" => when(running, || counters::ext4(site)).or_unknown(),
            "mounts" => mounts.map(|mounts| mounts.facts(site)).or_unknown(),
            "sysctl_files" => files.as_ref().map(|files| files.facts(sysctl.as_ref())).map_err(Clone::clone).or_unknown(),
            "sysctl_conf_read" => files.and_then(|files| files.single_read_at_boot()).or_unknown(),
            "sysctl" => sysctl.map(|running| running.facts()).or_unknown(),
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
