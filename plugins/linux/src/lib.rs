//! The plugin for the host itself: kernel settings and the files that set them, storage, memory, processes, services,
//! the clock, logs, the network, the age of its software, and who can get in.
//!
//! It gathers and judges nothing. It needs no rights: what an ordinary user may not read is unknown with its cause.
//! Where there is no live kernel (a folder, an image, a snapshot) running values are unknown and the files are told.

#![deny(unsafe_code)]

mod access;
mod basics;
mod host;
mod kernel;
mod logs;
mod machine;
mod network;
mod services;
mod software;
mod storage;

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Plugin, Proposal, Site, Target, UnknownOr, facts};

use crate::basics::clock;
use crate::host::recorded::Recorded;
use crate::host::{foreseen, security, upkeep, workload};
use crate::kernel::sysctl::Running;
use crate::kernel::sysctl_files::{Persisted, SysctlFiles};
use crate::kernel::{counters, presence};
use crate::machine::memory;
use crate::services::processes::Processes;
use crate::software::os::{self, OsRelease};
use crate::storage::mounts::Mounts;

/// The plugin.
#[derive(Debug, Default)]
pub struct Linux;

impl Plugin for Linux {
    fn discover(&self, site: &mut dyn Site) -> Result<Vec<Proposal>, Cause> {
        let title = match OsRelease::read(site) {
            Ok(Some(os)) => os.title().to_owned(),
            Ok(None) => return Ok(Vec::new()),
            // A support bundle without it is still one of a host.
            Err(cause) if cause.kind == CauseKind::NotApplicableHere => "Linux".to_owned(),
            Err(cause) => return Err(cause),
        };
        Ok(vec![Proposal { name: None, title, address: None, hints: Default::default() }])
    }

    fn gather(&self, target: &Target, site: &mut dyn Site) -> Result<Fact, Cause> {
        let live = if target.recorded.is_some() { Ok(false) } else { presence::live(site) };
        // Where it cannot be told, everything is tried: each answer carries its own cause. So it is with a bundle.
        let running = live != Ok(false) || target.recorded.is_some();
        let mut target = target.clone();
        if !target.only.iter().all(|name| ALONE.contains(&name.as_str())) {
            target.only.clear();
        }
        let target = &target;
        let whole = target.only.is_empty();
        let mut site = foreseen::foresee(site, running, target);
        let mut recorded;
        let site: &mut dyn Site = match target.recorded {
            Some(made) => {
                recorded = Recorded::new(&mut site, made);
                &mut recorded
            }
            None => &mut site,
        };
        let mounts = when(running, || Mounts::read(site));
        let sysctl =
            if target.wants(&["sysctl"]) { when(running, || Running::read(site)) } else { Err(not_wanted()) };
        // A folder's settings are what its files say.
        let files = if whole || (!running && target.wants(&["sysctl"])) {
            SysctlFiles::read(site)
        } else {
            Err(not_wanted())
        };
        let os = OsRelease::read(site)
            .and_then(|os| os.ok_or_else(|| Cause::new(CauseKind::Absent, "no os-release")));
        let systemd = when(running, || presence::systemd(site));
        let swaps = when(running, || memory::swaps(site));
        let uptime = when(running, || presence::uptime_seconds(site));
        let visible = mounts.as_ref().map(|mounts| mounts.visible.as_slice());
        let own_kernel =
            if running { presence::own_kernel(site, visible) } else { presence::own_kernel_of_files(site) };
        let persisted = if running { Ok(Default::default()) } else { persisted(site, &files) };
        let processes = if whole { when(running, || Processes::read(site)) } else { Err(not_wanted()) };
        let now = target.recorded.map_or_else(clock::now, Ok);
        let known = upkeep::Known {
            running,
            systemd: &systemd,
            uptime_seconds: uptime.as_ref().ok().copied(),
            mounts: &mounts,
            swaps: &swaps,
            processes: &processes,
            now: &now,
        };
        let workload = workload::facts(site, running, &own_kernel, sysctl.as_ref(), &processes, target);
        let others = if whole {
            let upkeep = upkeep::facts(site, &known);
            upkeep.into_iter().chain(security::facts(site, running, &os, &now)).collect()
        } else {
            Record::new()
        };
        let of_files = |told: fn(&SysctlFiles) -> Result<Fact, Cause>| {
            files.as_ref().map_err(Clone::clone).and_then(told).or_unknown()
        };
        let mut host = facts! {
            "live" => live.clone().or_unknown(),
            "own_kernel" => own_kernel.or_unknown(),
            "systemd" => systemd.or_unknown(),
            "boot_id" => when(running, || presence::boot_id(site)).or_unknown(),
            "uptime_seconds" => uptime.or_unknown(),
            "swaps" => swaps.or_unknown(),
            "ext4" => if whole { when(running, || counters::ext4(site, &now)) } else { Err(not_wanted()) }.or_unknown(),
            "mounts" => mounts.map(|mounts| mounts.facts(site)).or_unknown(),
            "basis" => match (target.recorded, &live) {
                (Some(_), _) => Ok("bundle"),
                (None, live) => live.clone().map(|live| if live { "running" } else { "files" }),
            }.or_unknown(),
            "sysctl" => match &persisted {
                _ if running => sysctl.as_ref().map(Running::facts).map_err(Clone::clone).or_unknown(),
                written => written.as_ref().map(|it| Running::of_files(it).facts()).map_err(Clone::clone).or_unknown(),
            },
            "sysctl_origin" => persisted.map(origins).or_unknown(),
            "sysctl_files" => files.as_ref().map(|files| files.facts(sysctl.as_ref())).map_err(Clone::clone).or_unknown(),
            "sysctl_conf_read" => of_files(|files| files.single_read_at_boot().map(Fact::from)),
            "sysctl_set_at" => of_files(|files| Ok(files.places())),
            "os" => os.map(|os| os.facts()).or_unknown(),
        };
        if let Fact::Map(record) = &mut host {
            record.items.extend(workload.into_iter().chain(others));
        }
        Ok(host)
    }
}

/// What the files of a system that is not running set at its next boot.
fn persisted(
    site: &mut dyn Site,
    files: &Result<SysctlFiles, Cause>,
) -> Result<BTreeMap<String, Persisted>, Cause> {
    let files = files.as_ref().map_err(Clone::clone)?;
    let image =
        || Cause::new(CauseKind::NotApplicableHere, "no init system is installed that would apply the files");
    Ok(files.persisted(os::init(site)?.ok_or_else(image)?))
}

/// The map `sysctl_origin`.
fn origins(persisted: BTreeMap<String, Persisted>) -> Fact {
    let items = persisted.into_iter().map(|(key, one)| (key, Fact::Text(one.origin))).collect();
    Fact::Map(Elements { items, partial: None })
}

/// What `gather` finds on a live host; nothing is asked for elsewhere.
fn when<T>(running: bool, gather: impl FnOnce() -> Result<T, Cause>) -> Result<T, Cause> {
    if running { gather() } else { Err(presence::not_live()) }
}

/// Facts that can be gathered without all the others. Checks of products read these (`[reads]` of a pack.toml).
const ALONE: [&str; 4] = ["memory", "mounts", "own_kernel", "sysctl"];

/// Nobody reads it, so it was not looked at: [`Target::only`].
fn not_wanted() -> Cause {
    Cause::new(CauseKind::NotReported, "not gathered, because no check that was asked for reads it")
}

/// Facts by name.
type Record = BTreeMap<String, Fact>;

/// Facts by name, of pairs.
fn named<const N: usize>(facts: [(&str, Fact); N]) -> Record {
    facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect()
}

goodstead_plugin::export!(Linux);

#[cfg(test)]
mod tests;
