//! How this host stands in the network: whether strangers reach it, whether it forwards, and what its interfaces accept.

use std::collections::BTreeSet;
use std::net::IpAddr;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, UnknownOr, facts};

use crate::basics::readings::{Readings, odd};
use crate::kernel::sysctl::Running;
use crate::network::addresses::is_global;

const FIB_TRIE: &str = "/proc/self/net/fib_trie";
const IPV6: &str = "/proc/self/net/if_inet6";
const ROUTES: &str = "/proc/self/net/route";

/// Of more interfaces than this only those are told that differ: hosts of containers have thousands of the same kind.
const MAX_INTERFACES: usize = 200;

/// The record `network`.
pub(crate) fn network(readings: &Readings, sysctl: Result<&Running, &Cause>) -> Fact {
    facts! {
        "exposed" => exposed(readings).or_unknown(),
        "router" => router(sysctl).or_unknown(),
        "default_routes" => default_routes(readings).or_unknown(),
    }
}

/// Whether an interface has an address that strangers on the internet can send to.
fn exposed(readings: &Readings) -> Result<bool, Cause> {
    // Without IPv6 in the kernel there is no such file.
    let v6 = match readings.get(IPV6) {
        Ok(text) => text.lines().filter_map(ipv6).any(is_global),
        Err(cause) if cause.kind == CauseKind::Absent => false,
        Err(cause) => return Err(cause),
    };
    Ok(v6 || local_ipv4(readings.get(FIB_TRIE)?).any(is_global))
}

/// Lines are `fe80…01 02 40 20 80 eth0`, in network order.
fn ipv6(line: &str) -> Option<IpAddr> {
    let digits = line.split(' ').next().filter(|digits| digits.len() == 32)?;
    Some(IpAddr::from(u128::from_str_radix(digits, 16).ok()?.to_be_bytes()))
}

/// Own addresses: a leaf `|-- 192.0.2.2` with `/32 host LOCAL` below it.
fn local_ipv4(text: &str) -> impl Iterator<Item = IpAddr> {
    let mut leaf = None;
    text.lines().filter_map(move |line| {
        let line = line.trim_start();
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
            return None;
        }
        if line == "/32 host LOCAL" { leaf } else { None }
    })
}

/// Whether packets of others are passed on. Hosts of containers, virtual machines and tunnels do that too.
fn router(sysctl: Result<&Running, &Cause>) -> Result<bool, Cause> {
    let sysctl = sysctl.map_err(Clone::clone)?;
    let on = |key: &str| match sysctl.number(key) {
        Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
        other => other.map(|value| value != 0),
    };
    Ok(on("net/ipv4/ip_forward")? || on("net/ipv6/conf/all/forwarding")?)
}

/// The fields are interface, destination, gateway, flags and more; destination and mask of a default route are 0.
fn default_routes(readings: &Readings) -> Result<i64, Cause> {
    let mut lines = readings.get(ROUTES)?.lines();
    lines.next().filter(|heading| heading.starts_with("Iface")).ok_or_else(|| odd(ROUTES))?;
    let count = lines
        .filter(|line| {
            let mut fields = line.split('\t').skip(1);
            fields.next() == Some("00000000") && fields.nth(5) == Some("00000000")
        })
        .count();
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

/// The list `interfaces`: what each accepts, after the setting for all and its own have been put together as
/// ip-sysctl describes.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn interfaces(sysctl: &Running) -> Result<Fact, Cause> {
    let keys = sysctl.keys().filter_map(|key| key.strip_prefix("net/ipv4/conf/")?.split_once('/'));
    let names: BTreeSet<&str> =
        keys.map(|(name, _)| name).filter(|name| !matches!(*name, "all" | "default" | "lo")).collect();
    let many = names.len() > MAX_INTERFACES;
    let mut partial = sysctl.partial().cloned();
    let mut items: Vec<Fact> = Vec::new();
    for name in names {
        let told = interface(sysctl, name);
        if many && items.iter().any(|known| alike(known, &told)) {
            continue;
        }
        if items.len() == MAX_INTERFACES {
            let detail = format!("only {MAX_INTERFACES} network interfaces are looked at");
            partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
            break;
        }
        items.push(told);
    }
    Ok(Fact::List(Elements { items, partial: partial.map(Box::new) }))
}

/// Whether two interfaces accept the same.
fn alike(one: &Fact, other: &Fact) -> bool {
    let (Fact::Map(one), Fact::Map(other)) = (one, other) else { return false };
    one.items.iter().all(|(name, fact)| name == "name" || other.items.get(name) == Some(fact))
}

fn interface(sysctl: &Running, name: &str) -> Fact {
    let one = |name: &str, setting: &str| {
        sysctl.number(&format!("net/ipv4/conf/{name}/{setting}")).map(|value| value != 0)
    };
    let source_routes =
        one("all", "accept_source_route").and_then(|all| Ok(all && one(name, "accept_source_route")?));
    facts! {
        "name" => name,
        "source_routes" => source_routes.or_unknown(),
    }
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    const TRIE: &str = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 198.41.0.0\n        /24 link UNICAST\nLocal:\n     |-- 10.0.0.2\n        /32 host LOCAL\n";
    const ROUTE: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

    fn told(trie: &str, v6: &str, route: &str) -> serde_json::Value {
        let mut site = FakeSite::new()
            .file("/proc/sys/net/ipv4/ip_forward", "0\n")
            .file(FIB_TRIE, trie)
            .file(IPV6, v6)
            .file(ROUTES, route);
        let sysctl = Running::read(&mut site).unwrap();
        network(&Readings::read(&mut site, &["/proc/self/net/*"]).unwrap(), Ok(&sysctl)).to_json()
    }

    #[test]
    fn only_an_own_global_address_exposes() {
        let json = told(TRIE, "", ROUTE);
        assert_eq!((json["exposed"].as_bool(), json["router"].as_bool()), (Some(false), Some(false)));
        assert_eq!(json["default_routes"], 1);
        let own = TRIE.replace("10.0.0.2", "198.41.0.4");
        assert_eq!(told(&own, "", ROUTE)["exposed"], true);
        let v6 = "200105000002000000000000000000cc 02 40 00 80 eth0\n";
        assert_eq!(told(TRIE, v6, ROUTE)["exposed"], true);
        assert_eq!(
            told(TRIE, "fd000000000000000000000000000002 04 40 00 82 eth0\n", ROUTE)["exposed"],
            false
        );
    }

    #[test]
    fn nonsense_is_no_address_and_no_route() {
        for text in
            ["", "|-- x\n/32 host LOCAL", "/32 host LOCAL", "\0\u{fffd}", "|-- 1.2.3.4.5\n/32 host LOCAL"]
        {
            let json = told(text, text, text);
            assert_eq!(json["exposed"], false, "{text}");
            assert_eq!(json["default_routes"]["$unknown"]["kind"], "not-available", "{text}");
        }
    }

    fn of_interface(settings: &[(&str, &str)]) -> serde_json::Value {
        let mut site = FakeSite::new();
        for (key, value) in settings {
            site = site.file(&format!("/proc/sys/net/ipv4/conf/{key}"), value);
        }
        interfaces(&Running::read(&mut site).unwrap()).unwrap().to_json()[0].clone()
    }

    #[test]
    fn all_and_own_are_put_together_as_the_kernel_does() {
        let debian = [("all/accept_source_route", "0"), ("eth0/accept_source_route", "1")];
        assert_eq!(of_interface(&debian)["source_routes"], false);
        let on = [("all/accept_source_route", "1"), ("eth0/accept_source_route", "1")];
        assert_eq!(of_interface(&on)["source_routes"], true);
        let nonsense = [("all/accept_source_route", "1"), ("eth0/accept_source_route", "x")];
        assert_eq!(of_interface(&nonsense)["source_routes"]["$unknown"]["kind"], "not-available");
    }

    fn many(settings: &str) -> Elements<Vec<Fact>> {
        let mut site = FakeSite::new().file("/proc/sys/net/ipv4/conf/all/accept_source_route", "1");
        for n in 0..=MAX_INTERFACES {
            let odd = u8::from(n == MAX_INTERFACES / 2);
            for setting in settings.split(' ') {
                site = site.file(&format!("/proc/sys/net/ipv4/conf/veth{n}/{setting}"), odd.to_string());
            }
        }
        match interfaces(&Running::read(&mut site).unwrap()).unwrap() {
            Fact::List(list) => list,
            other => panic!("no list: {other:?}"),
        }
    }

    #[test]
    fn of_thousands_of_interfaces_those_that_differ_are_told() {
        let list = many("forwarding accept_source_route");
        assert_eq!((list.items.len(), list.partial), (2, None));
    }

    #[test]
    fn thousands_of_interfaces_of_which_nothing_is_known_are_cut_and_said() {
        let list = many("forwarding");
        assert_eq!((list.items.len(), list.partial.unwrap().kind), (MAX_INTERFACES, CauseKind::TooLarge));
    }
}
