//! What stands behind the block devices: software RAID, multipath, and disks that could tell of their health.

use std::collections::BTreeSet;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt};

use crate::basics::record::record;
use crate::basics::sysfs::{Device, Devices};

/// What is read of them, in one request.
pub(crate) const GLOBS: [&str; 4] = [
    "/sys/block/*/removable",
    "/sys/block/md*/md/{level,degraded,array_state,sync_action,raid_disks}",
    "/sys/block/dm-*/dm/{uuid,name}",
    "/sys/block/*/device/{vendor,model}",
];

/// Makers of disks that exist only in a virtual machine, a cloud or a controller, as parts of vendor and model.
const NOT_A_DISK: [&str; 16] = [
    "qemu",
    "vbox",
    "vmware",
    "virtual",
    "msft",
    "microsoft",
    "amazon",
    "google",
    "nvme_card",
    "oracle",
    "alibaba",
    "xen",
    "parallels",
    "apple",
    "tencent",
    "linux",
];

/// The block devices of this host.
#[derive(Debug)]
pub(crate) struct Block(Devices);

impl Block {
    /// Reads /sys/block.
    ///
    /// # Errors
    /// Why nothing is known.
    pub(crate) fn read(site: &mut dyn Site) -> Result<Block, Cause> {
        Ok(Block(Devices::read(site, "/sys/block/", &GLOBS)?))
    }

    /// The names of disks that are built in: neither removable nor backed by a file, and no optical or floppy drive.
    pub(crate) fn fixed(&self) -> BTreeSet<String> {
        let fixed = |name: &str, device: &Device| {
            device.text("removable") != Some("1")
                && !["loop", "sr", "fd", "ram"].iter().any(|odd| name.starts_with(odd))
        };
        self.0
            .found
            .iter()
            .filter(|(name, device)| fixed(name, device))
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn list(&self, items: Vec<Fact>) -> Fact {
        Fact::List(Elements { items, partial: self.0.partial.clone().map(Box::new) })
    }

    /// The list `raid`: arrays that run.
    pub(crate) fn raid(&self) -> Fact {
        let arrays =
            self.0.found.iter().filter(|(_, device)| device.names().any(|name| name.starts_with("md/")));
        let told = arrays.map(|(name, device)| {
            record([
                ("name", Some(name.as_str().into())),
                ("level", device.fact("md/level")),
                ("state", device.fact("md/array_state")),
                ("action", device.fact("md/sync_action")),
                ("disks", device.number("md/raid_disks")),
                ("missing", device.number("md/degraded")),
            ])
        });
        self.list(told.collect())
    }

    /// The names of the arrays that run: one that lacks too many disks is there, but inactive.
    pub(crate) fn arrays(&self) -> BTreeSet<&str> {
        let runs = |device: &Device| {
            device.text("md/array_state").is_some_and(|state| !matches!(state, "inactive" | "clear"))
        };
        self.0.found.iter().filter(|(_, device)| runs(device)).map(|(name, _)| name.as_str()).collect()
    }

    /// The list `multipath`: disks that are reached by several paths.
    pub(crate) fn multipath(&self, site: &mut dyn Site) -> Fact {
        let maps = self
            .0
            .found
            .iter()
            .filter(|(_, device)| device.text("dm/uuid").is_some_and(|uuid| uuid.starts_with("mpath-")));
        let mut told = Vec::new();
        for (name, device) in maps {
            let paths = paths(site, name);
            let names = |wanted: fn(&Path) -> bool| match &paths {
                Ok(paths) => {
                    let names = paths.iter().filter(|path| wanted(path)).map(|path| path.name.as_str());
                    names.collect::<Vec<_>>().join(" ").into()
                }
                Err(cause) => Fact::from(cause.clone()),
            };
            let count = |wanted: fn(&Path) -> bool| match &paths {
                Ok(paths) => {
                    Fact::Int(i64::try_from(paths.iter().filter(|path| wanted(path)).count()).unwrap_or(0))
                }
                Err(cause) => cause.clone().into(),
            };
            told.push(record([
                ("name", Some(device.fact("dm/name").unwrap_or_else(|| name.as_str().into()))),
                ("paths", Some(count(|_| true))),
                ("paths_running", Some(count(|path| path.running))),
                ("paths_dead", Some(names(|path| !path.running))),
                ("devices", Some(names(|_| true))),
            ]));
        }
        self.list(told)
    }

    /// The list `physical_disks`: those that keep figures of their own health. What a hypervisor, a cloud or a RAID
    /// controller shows is none, nor is a volume of a storage network: only ATA and NVMe disks say who made them.
    pub(crate) fn physical_disks(&self) -> Fact {
        let disks = self.0.found.iter().filter(|(name, device)| is_physical(name, device));
        let told = disks.map(|(name, device)| {
            record([("name", Some(name.as_str().into())), ("model", device.fact("device/model"))])
        });
        self.list(told.collect())
    }
}

fn is_physical(name: &str, device: &Device) -> bool {
    let Some(model) = device.text("device/model").map(str::to_lowercase) else { return false };
    let made = device.text("device/vendor") == Some("ATA") || name.starts_with("nvme");
    made && device.text("removable") != Some("1") && !NOT_A_DISK.iter().any(|odd| model.contains(odd))
}

struct Path {
    name: String,
    running: bool,
}

fn paths(site: &mut dyn Site, map: &str) -> Result<Vec<Path>, Cause> {
    let mut paths = Vec::new();
    for entry in site.list(&format!("/sys/block/{map}/slaves"))?.into_iter().take(64) {
        let state = match site.read_text(&format!("/sys/block/{}/device/state", entry.name)) {
            Ok(state) => state,
            // Gone between the two questions: a path that is lost.
            Err(cause) if cause.kind == CauseKind::Absent => String::new(),
            Err(cause) => return Err(cause),
        };
        // SCSI devices say "running", NVMe controllers "live".
        paths.push(Path { name: entry.name, running: matches!(state.trim(), "running" | "live") });
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn block(site: &mut FakeSite) -> Block {
        Block::read(site).unwrap()
    }

    #[test]
    fn arrays_are_told_with_what_they_miss() {
        let mut site = FakeSite::new()
            .file("/sys/block/md0/md/level", "raid1\n")
            .file("/sys/block/md0/md/degraded", "1\n")
            .file("/sys/block/md0/md/array_state", "clean\n")
            .file("/sys/block/md0/md/sync_action", "recover\n")
            .file("/sys/block/md0/md/raid_disks", "2\n")
            .file("/sys/block/md1/md/level", "raid0\n")
            .file("/sys/block/md1/md/array_state", "inactive\n")
            .file("/sys/block/md1/md/degraded", "many")
            .file("/sys/block/sda/removable", "0\n");
        let block = block(&mut site);
        insta::assert_snapshot!(block.raid().to_json(), @r#"[{"action":"recover","disks":2,"level":"raid1","missing":1,"name":"md0","state":"clean"},{"level":"raid0","missing":{"$unknown":{"detail":"md/degraded holds no number","kind":"not-available"}},"name":"md1","state":"inactive"}]"#);
        assert_eq!(block.arrays(), BTreeSet::from(["md0"]));
    }

    #[test]
    fn paths_count_when_their_device_runs() {
        let mut site = FakeSite::new()
            .file("/sys/block/dm-0/dm/uuid", "mpath-3600\n")
            .file("/sys/block/dm-0/dm/name", "mpatha\n")
            .file("/sys/block/dm-0/slaves/sda/dev", "8:0\n")
            .file("/sys/block/dm-0/slaves/sdb/dev", "8:16\n")
            .file("/sys/block/sda/device/state", "running\n")
            .file("/sys/block/sdb/device/state", "offline\n")
            .file("/sys/block/dm-1/dm/uuid", "LVM-abc\n");
        let block = block(&mut site);
        insta::assert_snapshot!(block.multipath(&mut site).to_json(), @r#"[{"devices":"sda sdb","name":"mpatha","paths":2,"paths_dead":"sdb","paths_running":1}]"#);
    }

    #[test]
    fn only_disks_with_a_maker_are_physical() {
        let disk = |site: FakeSite, name: &str, vendor: &str, model: &str| {
            site.file(&format!("/sys/block/{name}/removable"), "0\n")
                .file(&format!("/sys/block/{name}/device/vendor"), vendor)
                .file(&format!("/sys/block/{name}/device/model"), model)
        };
        let mut site = disk(FakeSite::new(), "sda", "ATA     \n", "Example SSD 870\n");
        site = disk(site, "sdb", "ATA     \n", "QEMU HARDDISK   \n");
        site = disk(site, "sdc", "EXAMPLE \n", "SAN LUN\n");
        site = site.file("/sys/block/nvme0n1/device/model", "Example NVMe 1TB\n");
        site = site.file("/sys/block/nvme1n1/device/model", "Amazon Elastic Block Store\n");
        site = site.file("/sys/block/vda/removable", "0\n").file("/sys/block/loop0/removable", "0\n");
        site = site.file("/sys/block/sr0/removable", "1\n");
        let block = block(&mut site);
        insta::assert_snapshot!(block.physical_disks().to_json(), @r#"[{"model":"Example NVMe 1TB","name":"nvme0n1"},{"model":"Example SSD 870","name":"sda"}]"#);
        let fixed: Vec<_> = block.fixed().into_iter().collect();
        assert_eq!(fixed, ["nvme0n1", "nvme1n1", "sda", "sdb", "sdc", "vda"]);
    }
}
