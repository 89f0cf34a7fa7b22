//! The plugin for the host itself: kernel settings and the files that set them, mounts, memory and counters.
//!
//! It gathers and judges nothing. It needs no rights: what an ordinary user may not read is unknown with its cause.
//! Where there is no live kernel (a folder, an image, a snapshot) running values are unknown and the files are told.

#![deny(unsafe_code)]

mod accounts;
mod apt_conf;
mod assignment;
mod ca_bundle;
mod certificates;
mod clock;
mod counters;
mod file_system;
mod kernel;
mod memory;
mod mounts;
mod names;
mod os;
mod packages;
mod reboot;
mod sensitive_files;
mod sshd;
mod sudo;
mod sudoers;
mod sudoers_lines;
mod support;
mod support_table;
mod sysctl;
mod sysctl_files;
mod updates;

use goodstead_plugin::{Cause, CauseKind, Fact, Plugin, Proposal, Site, Target, UnknownOr, facts};

use crate::accounts::Accounts;
use crate::mounts::Mounts;
use crate::os::OsRelease;
use crate::sudoers::Sudoers;
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
        let now = clock::now();
        let accounts = Accounts::read(site);
        Ok(facts! {
            "full_system" => os::full_system(site).or_unknown(),
            "support" => dated(&os, &now, |os, now| support::support(site, os, now)).or_unknown(),
            "reboot" => when(running, || Ok(reboot::reboot(site, &now))).or_unknown(),
            "packages" => now.clone().map(|now| packages::packages(site, now)).or_unknown(),
            "updates" => now.clone().and_then(|now| updates::updates(site, now)).or_unknown(),
            "accounts" => accounts.as_ref().map(Accounts::facts).map_err(Clone::clone).or_unknown(),
            "sudo" => sudo(site, &accounts).or_unknown(),
            "sshd" => sshd::sshd(site).or_unknown(),
            "sensitive_files" => sensitive_files::sensitive_files(site, accounts.as_ref()).or_unknown(),
            "names" => names::names(site, running),
            "certificates" => certificates::certificates(site, &now),
            "ca_bundle" => ca_bundle::ca_bundle(site).or_unknown(),
            "own_kernel" => when(running, || kernel::own_kernel(site, visible)).or_unknown(),
            "systemd" => when(running, || kernel::systemd(site)).or_unknown(),
            "boot_id" => when(running, || kernel::boot_id(site)).or_unknown(),
            "uptime_seconds" => when(running, || kernel::uptime_seconds(site)).or_unknown(),
            "memory" => when(running, || memory::memory(site)).or_unknown(),
            "swaps" => when(running, || memory::swaps(site)).or_unknown(),
            "counters" => when(running, || Ok(counters::counters(site))).or_unknown(),
            "ext4" => when(running, || counters::ext4(site)).or_unknown(),
            "mounts" => mounts.map(|mounts| mounts.facts(site)).or_unknown(),
            "sysctl_files" => files.as_ref().map(|files| files.facts(sysctl.as_ref())).map_err(Clone::clone).or_unknown(),
            "sysctl_conf_read" => files.and_then(|files| files.single_read_at_boot()).or_unknown(),
            "sysctl" => sysctl.map(|running| running.facts()).or_unknown(),
            "os" => os.map(|os| os.facts()).or_unknown(),
            "live" => live.or_unknown(),
        })
    }
}

/// What `gather` finds where both the distribution and the time are known.
fn dated<T>(
    os: &Result<OsRelease, Cause>,
    now: &Result<i64, Cause>,
    gather: impl FnOnce(&OsRelease, i64) -> Result<T, Cause>,
) -> Result<T, Cause> {
    gather(os.as_ref().map_err(Clone::clone)?, now.clone()?)
}

/// The list `sudo`, for which both its rules and the accounts must be known.
fn sudo(site: &mut dyn Site, accounts: &Result<Accounts, Cause>) -> Result<Fact, Cause> {
    let accounts = accounts.as_ref().map_err(Clone::clone)?;
    let sudoers = Sudoers::read(site)?;
    Ok(sudo::facts(site, &sudoers, accounts))
}

/// What `gather` finds on a live host; nothing is asked for elsewhere.
fn when<T>(running: bool, gather: impl FnOnce() -> Result<T, Cause>) -> Result<T, Cause> {
    if running { gather() } else { Err(kernel::not_live()) }
}

goodstead_plugin::export!(Linux);

#[cfg(test)]
mod tests;
