//! Bonds: interfaces that are made of several, so that one may fail (Linux 6.12, Documentation/networking/bonding.rst).

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, facts};

/// One file a bond.
pub(crate) const FOLDER: &str = "/proc/self/net/bonding/";

/// More bonds than this are not told.
const MAX_BONDS: usize = 64;

/// A bond as its file describes it.
#[derive(Debug, Default, PartialEq)]
struct Bond {
    mode: String,
    monitored: bool,
    members: i64,
    down: Vec<String>,
}

/// The list `bonds`.
///
/// # Errors
/// Why it is not known.
pub(crate) fn bonds(site: &mut dyn Site) -> Result<Fact, Cause> {
    let found = site.read_many(&[&format!("{FOLDER}*")], &[])?;
    let mut partial = found.partial;
    let mut items = Vec::new();
    for file in found.files.into_iter().take(MAX_BONDS) {
        let name = file.path.strip_prefix(FOLDER).unwrap_or(&file.path).to_owned();
        let parsed = file.content.and_then(|bytes| {
            let odd = || Cause::new(CauseKind::NotAvailable, format!("{} is not as documented", file.path));
            parse(&String::from_utf8_lossy(&bytes)).ok_or_else(odd)
        });
        match parsed {
            Ok(bond) => items.push(facts! {
                "name" => name,
                "mode" => bond.mode,
                "monitored" => bond.monitored,
                "members" => bond.members,
                "down" => bond.down.into_iter().map(Fact::from).collect::<Vec<_>>(),
            }),
            Err(cause) => _ = partial.get_or_insert(cause),
        }
    }
    Ok(Fact::List(Elements { items, partial: partial.map(Box::new) }))
}

/// Reads one file.
fn parse(text: &str) -> Option<Bond> {
    let mut bond = Bond::default();
    let mut member: Option<&str> = None;
    let mut is_told = false;
    for line in text.lines() {
        let Some((key, value)) = line.split_once(": ") else { continue };
        match (key.trim(), value.trim()) {
            // `fault-tolerance (active-backup)`, `IEEE 802.3ad Dynamic link aggregation`.
            ("Bonding Mode", value) => bond.mode = value.chars().take(80).collect(),
            ("MII Polling Interval (ms)" | "ARP Polling Interval (ms)", value) => {
                is_told = true;
                bond.monitored |= value.parse::<i64>().is_ok_and(|milliseconds| milliseconds > 0);
            }
            ("Slave Interface", name) => {
                bond.members += 1;
                member = Some(name);
            }
            // Before the first member it is the bond's own.
            ("MII Status", status) if status != "up" => bond.down.extend(member.map(str::to_owned)),
            _ => {}
        }
    }
    (is_told && !bond.mode.is_empty()).then_some(bond)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    const GOOD: &str = "Ethernet Channel Bonding Driver: v6.1.0\n\nBonding Mode: fault-tolerance (active-backup)\n\
        Primary Slave: None\nCurrently Active Slave: eth0\nMII Status: up\nMII Polling Interval (ms): 100\n\
        Up Delay (ms): 0\n\nSlave Interface: eth0\nMII Status: up\nSpeed: 10000 Mbps\n\n\
        Slave Interface: eth1\nMII Status: up\nSpeed: 10000 Mbps\n";

    fn told(text: &str) -> String {
        let mut site = FakeSite::new().file("/proc/self/net/bonding/bond0", text);
        bonds(&mut site).unwrap().to_json().to_string()
    }

    #[test]
    fn members_that_are_down_and_bonds_that_would_not_notice_are_told() {
        insta::assert_snapshot!(told(GOOD), @r#"[{"down":[],"members":2,"mode":"fault-tolerance (active-backup)","monitored":true,"name":"bond0"}]"#);
        let down = GOOD.replace("eth1\nMII Status: up", "eth1\nMII Status: down");
        insta::assert_snapshot!(told(&down), @r#"[{"down":["eth1"],"members":2,"mode":"fault-tolerance (active-backup)","monitored":true,"name":"bond0"}]"#);
        let blind = GOOD.replace("(ms): 100", "(ms): 0");
        assert!(told(&blind).contains(r#""monitored":false"#));
        let by_arp = blind.replace("Up Delay", "ARP Polling Interval (ms): 1000\nUp Delay");
        assert!(told(&by_arp).contains(r#""monitored":true"#));
        let all_down = GOOD.replace("MII Status: up", "MII Status: down");
        assert!(told(&all_down).contains(r#"["eth0","eth1"]"#));
    }

    #[test]
    fn a_file_that_says_something_else_is_no_bond() {
        assert!(told("").contains("not-available"));
        assert!(told("Bonding Mode: x\n").contains("not-available"));
        assert_eq!(bonds(&mut FakeSite::new()).unwrap(), Vec::new().into());
    }
}
