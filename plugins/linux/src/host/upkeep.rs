//! Services, the clock, the kernel's log, storage and logs, put together.

use goodstead_plugin::{Cause, CauseKind, Fact, Site, UnknownOr};

use crate::kernel::presence::not_live;
use crate::logs::{journal, rotation};
use crate::machine::hardware;
use crate::services::processes::Processes;
use crate::services::{cron, timekeeping, units};
use crate::storage::block::Block;
use crate::storage::fstab::Fstab;
use crate::storage::mounts::Mounts;
use crate::storage::{mdadm, temporary};
use crate::{Record, logs, named, when};

/// What the host's record needs of other facts.
pub(crate) struct Known<'a> {
    /// Whether running values are at hand.
    pub(crate) running: bool,
    /// Whether systemd is process 1.
    pub(crate) systemd: &'a Result<bool, Cause>,
    /// Time since boot.
    pub(crate) uptime_seconds: Option<i64>,
    /// What is mounted.
    pub(crate) mounts: &'a Result<Mounts, Cause>,
    /// What is swapped to.
    pub(crate) swaps: &'a Result<Fact, Cause>,
    /// What runs.
    pub(crate) processes: &'a Result<Processes, Cause>,
    /// The time, in seconds since 1970.
    pub(crate) now: &'a Result<i64, Cause>,
}

/// The facts by name.
pub(crate) fn facts(site: &mut dyn Site, known: &Known<'_>) -> Record {
    let running = known.running;
    let systemd = match known.systemd {
        Ok(true) => Ok(()),
        Ok(false) => Err(Cause::new(CauseKind::NotApplicableHere, "process 1 is not systemd")),
        Err(cause) => Err(cause.clone()),
    };
    let units = systemd.clone().and_then(|()| units::units(site, known.uptime_seconds));
    // Where one command did not come back, the next would cost the rest of the plugin's time, and with it every fact.
    let commands = systemd.and_then(|()| match &units {
        Err(cause) if cause.kind == CauseKind::TimedOut => Err(cause.clone()),
        _ => Ok(()),
    });
    let now = if running { known.now.clone() } else { Err(not_live()) };
    let processes = known.processes;
    let block = when(running, || Block::read(site));
    let disks = block.as_ref().map(Block::fixed).unwrap_or_default();
    let fstab = Fstab::read(site);
    let of_block = |told: fn(&Block) -> Fact| block.as_ref().map(told).map_err(Clone::clone).or_unknown();
    named([
        ("units", units.or_unknown()),
        ("clock", now.clone().map(|now| timekeeping::clock(site, processes, &commands, now)).or_unknown()),
        (
            "kernel_log",
            commands
                .clone()
                .and(now.clone())
                .and_then(|now| logs::kernel::kernel_log(site, now, &disks))
                .or_unknown(),
        ),
        ("raid", of_block(Block::raid)),
        ("raid_configured", mdadm::configured(site, block.as_ref()).or_unknown()),
        ("multipath", block.as_ref().map(|block| block.multipath(site)).map_err(Clone::clone).or_unknown()),
        ("physical_disks", of_block(Block::physical_disks)),
        (
            "disk_watchers",
            processes.as_ref().map(|known| known.anywhere(&DISK_WATCHERS)).map_err(Clone::clone).or_unknown(),
        ),
        (
            "container_managers",
            processes
                .as_ref()
                .map(|known| known.here(&CONTAINER_MANAGERS))
                .map_err(Clone::clone)
                .or_unknown(),
        ),
        ("memory_modules", when(running, || hardware::memory_modules(site)).or_unknown()),
        ("btrfs", when(running, || hardware::btrfs(site)).or_unknown()),
        ("fstab", fstab.as_ref().map(|fstab| fstab.mounts(known.mounts)).map_err(Clone::clone).or_unknown()),
        ("fstab_swaps", fstab.map(|fstab| fstab.swaps(known.swaps)).or_unknown()),
        ("cron_ignored", cron::cron_ignored(site).or_unknown()),
        ("journal", journal::journal(site, processes)),
        ("logrotate", rotation::logrotate(site, now.clone())),
        ("large_logs", rotation::large_logs(site, now).or_unknown()),
        ("temporary_folders", temporary::folders(site)),
    ])
}

/// Programs that read what disks say of their own health and can tell somebody, by the names that the kernel keeps (15
/// characters): the daemon itself, agents of monitoring systems, and of makers of servers.
const DISK_WATCHERS: [&str; 20] = [
    "smartd",
    "smartctl_export",
    "scrutiny-collec",
    "scrutiny",
    "netdata",
    "telegraf",
    "collectd",
    "zabbix_agentd",
    "zabbix_agent2",
    "node_exporter",
    "prometheus-node",
    "nrpe",
    "icinga2",
    "cmk-agent-ctl",
    "amsd",
    "smad",
    "hpasmlited",
    "dsm_sa_datamgrd",
    "dsm_om_connsvcd",
    "dsm_ism_srvmgrd",
];

/// Programs that run containers for others, by the names that the kernel keeps (15 characters).
const CONTAINER_MANAGERS: [&str; 8] =
    ["dockerd", "containerd", "crio", "kubelet", "k3s-server", "k3s-agent", "conmon", "nomad"];

#[cfg(test)]
mod tests;
