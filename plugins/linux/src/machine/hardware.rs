//! Errors that memory and disks have counted themselves.

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site};

use crate::basics::plain::plain;
use crate::basics::record::record;
use crate::basics::sysfs::Devices;

const CONTROLLERS: &str = "/sys/devices/system/edac/mc/";

/// The counters of memory controllers and modules.
pub(crate) const MODULES: [&str; 2] = [
    "/sys/devices/system/edac/mc/mc*/{ce,ue}_count",
    "/sys/devices/system/edac/mc/mc*/dimm*/dimm_{label,ce_count,ue_count}",
];

/// The counters of mounted btrfs file systems.
pub(crate) const BTRFS: [&str; 2] = ["/sys/fs/btrfs/*/devinfo/*/error_stats", "/sys/fs/btrfs/*/label"];

/// The list `memory_modules`: what each module, or else each controller, counted since boot. Empty where the kernel has
/// no driver that counts, which says nothing about the memory.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn memory_modules(site: &mut dyn Site) -> Result<Fact, Cause> {
    let controllers = Devices::read(site, CONTROLLERS, &MODULES)?;
    let mut items = Vec::new();
    for (controller, device) in &controllers.found {
        // A module's counter misses what could not be told apart; the controller's has all.
        items.push(record([
            ("name", Some(plain(controller).into())),
            ("corrected", device.number("ce_count")),
            ("uncorrected", device.number("ue_count")),
        ]));
        let modules = device.names().filter_map(|name| name.strip_suffix("/dimm_ce_count"));
        for module in modules {
            let of = |attribute: &str| format!("{module}/dimm_{attribute}");
            items.push(record([
                ("name", Some(plain(&format!("{controller}/{module}")).into())),
                ("label", device.fact(&of("label"))),
                ("corrected", device.number(&of("ce_count"))),
                ("uncorrected", device.number(&of("ue_count"))),
            ]));
        }
    }
    Ok(Fact::List(Elements { items, partial: controllers.partial.map(Box::new) }))
}

/// The list `btrfs`: errors that each device of a mounted btrfs counted, kept until they are reset by hand.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn btrfs(site: &mut dyn Site) -> Result<Fact, Cause> {
    let systems = Devices::read(site, "/sys/fs/btrfs/", &BTRFS)?;
    let mut items = Vec::new();
    for (system, device) in &systems.found {
        for name in device.names().filter(|name| name.ends_with("/error_stats")) {
            let errors = match device.fact(name) {
                Some(Fact::Text(text)) => Some(sum(&text)),
                other => other,
            };
            let number = name.trim_start_matches("devinfo/").trim_end_matches("/error_stats");
            items.push(record([
                ("name", Some(plain(&format!("{system} device {number}")).into())),
                ("label", device.fact("label").filter(|label| *label != Fact::from(""))),
                ("errors", errors),
            ]));
        }
    }
    Ok(Fact::List(Elements { items, partial: systems.partial.map(Box::new) }))
}

/// Words are names and numbers in turn; the one word `invalid` stands where the device's counters could not be loaded.
fn sum(text: &str) -> Fact {
    let counts = text.split_whitespace().filter_map(|word| word.parse::<i64>().ok());
    let unknown = || Fact::unknown(CauseKind::NotAvailable, "error_stats holds no number");
    counts.reduce(i64::saturating_add).map_or_else(unknown, Fact::Int)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    #[test]
    fn memory_errors_are_told_by_controller_and_module() {
        let mut site = FakeSite::new()
            .file("/sys/devices/system/edac/mc/mc0/ce_count", "3\n")
            .file("/sys/devices/system/edac/mc/mc0/ue_count", "0\n")
            .file("/sys/devices/system/edac/mc/mc0/dimm2/dimm_label", "CPU_SrcID#0_MC#0_Chan#1_DIMM#0\n")
            .file("/sys/devices/system/edac/mc/mc0/dimm2/dimm_ce_count", "3\n")
            .file("/sys/devices/system/edac/mc/mc0/dimm2/dimm_ue_count", "none\n");
        insta::assert_snapshot!(memory_modules(&mut site).unwrap().to_json(), @r#"[{"corrected":3,"name":"mc0","uncorrected":0},{"corrected":3,"label":"CPU_SrcID#0_MC#0_Chan#1_DIMM#0","name":"mc0/dimm2","uncorrected":{"$unknown":{"detail":"dimm2/dimm_ue_count holds no number","kind":"not-available"}}}]"#);
        assert_eq!(memory_modules(&mut FakeSite::new()).unwrap().to_json().to_string(), "[]");
    }

    #[test]
    fn btrfs_counters_are_added_up() {
        let mut site = FakeSite::new()
            .file("/sys/fs/btrfs/5c1e/label", "data\n")
            .file("/sys/fs/btrfs/5c1e/devinfo/1/error_stats", "write_errs 2\nread_errs 1\nflush_errs 0\n")
            .file("/sys/fs/btrfs/features/raid56", "1\n");
        insta::assert_snapshot!(btrfs(&mut site).unwrap().to_json(), @r#"[{"errors":3,"label":"data","name":"5c1e device 1"}]"#);
        assert_eq!(
            sum("x 9223372036854775807 9223372036854775807 99999999999999999999"),
            Fact::Int(i64::MAX)
        );
        assert!(matches!(sum("invalid\n"), Fact::Unknown(_)));
    }
}
