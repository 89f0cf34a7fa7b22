//! TCP sockets: the memory they hold, and connections that use up the ports for one destination.
//!
//! The kernel's table of connections is slow to read: it is walked whole, empty places too. So it is read only where
//! so many sockets exist that one destination could have most of the ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, UnknownOr, facts};

use crate::basics::ranges;
use crate::basics::readings::{Readings, odd};
use crate::kernel::sysctl::Running;
use crate::network::addresses::parse_native;

const SOCKSTAT: &str = "/proc/self/net/sockstat";
const SOCKSTAT6: &str = "/proc/self/net/sockstat6";
/// The connections of IPv4 and IPv6.
const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/// The groups of connections that are told: the largest.
const MAX_GROUPS: usize = 20;
/// The lines that are looked at.
const MAX_LINES: usize = 100_000;

/// The state of a connection that was closed here and is kept for late packets, in include/net/tcp_states.h.
const TIME_WAIT: &str = "06";
/// Likewise of a socket that listens.
const LISTEN: &str = "0A";

/// What the sums of the kernel tell of TCP.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    /// Sockets in use, of both kinds of address, and those that wait for late packets.
    sockets: Result<i64, Cause>,
    /// Ports that a connection may start from.
    ports: Result<i64, Cause>,
}

impl Sums {
    pub(crate) fn read(readings: &Readings, sysctl: Result<&Running, &Cause>) -> Sums {
        let sum = |parts: [Result<i64, Cause>; 3]| {
            parts.into_iter().try_fold(0_i64, |sum, part| Ok(sum.saturating_add(part?)))
        };
        Sums {
            sockets: sum([
                field(readings, SOCKSTAT, "TCP:", "inuse"),
                field(readings, SOCKSTAT, "TCP:", "tw"),
                // Without IPv6 in the kernel there is no such file.
                field(readings, SOCKSTAT6, "TCP6:", "inuse").or_else(|cause| match cause.kind {
                    CauseKind::Absent => Ok(0),
                    _ => Err(cause),
                }),
            ]),
            ports: sysctl.map_err(Clone::clone).and_then(ephemeral_ports),
        }
    }

    /// The record `tcp`; `page` is the size of a page in bytes.
    pub(crate) fn facts(
        &self,
        readings: &Readings,
        sysctl: Result<&Running, &Cause>,
        page: Result<i64, Cause>,
    ) -> Fact {
        let bytes = |pages: Result<i64, Cause>| {
            pages.and_then(|pages| pages.checked_mul(page.clone()?).ok_or_else(|| odd(SOCKSTAT)))
        };
        let limit = sysctl.map_err(Clone::clone).and_then(|sysctl| sysctl.word("net/ipv4/tcp_mem", 2));
        facts! {
            "sockets" => self.sockets.clone().or_unknown(),
            "time_wait" => field(readings, SOCKSTAT, "TCP:", "tw").or_unknown(),
            "memory_bytes" => bytes(field(readings, SOCKSTAT, "TCP:", "mem")).or_unknown(),
            "memory_limit_bytes" => bytes(limit).or_unknown(),
            "ephemeral_ports" => self.ports.clone().or_unknown(),
        }
    }

    /// The list `tcp_connections`: the largest groups of connections from one address here to one port there. Empty
    /// where all sockets together are fewer than half of the ports.
    ///
    /// # Errors
    /// Why it is unknown.
    pub(crate) fn connections(&self, site: &mut dyn Site) -> Result<Fact, Cause> {
        if self.sockets.clone()? < self.ports.clone()? / 2 {
            return Ok(Vec::new().into());
        }
        let tables = Readings::read(site, &TABLES)?;
        let mut groups = Groups::default();
        for path in TABLES {
            match tables.get(path) {
                Ok(text) => groups.add(text),
                Err(cause) if cause.kind == CauseKind::Absent => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(groups.facts())
    }
}

/// The number after `name` in the line that starts with `group`: `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 47`.
fn field(readings: &Readings, path: &str, group: &str, name: &str) -> Result<i64, Cause> {
    let line = readings.get(path)?.lines().find_map(|line| line.strip_prefix(group));
    let mut words = line.ok_or_else(|| odd(path))?.split_whitespace();
    words.find(|word| *word == name).and_then(|_| words.next()?.parse().ok()).ok_or_else(|| odd(path))
}

/// The ports of the range that are not reserved.
fn ephemeral_ports(sysctl: &Running) -> Result<i64, Cause> {
    let key = "net/ipv4/ip_local_port_range";
    let (low, high) = (sysctl.word(key, 0)?, sysctl.word(key, 1)?);
    let reserved = sysctl.get("net/ipv4/ip_local_reserved_ports")?.unwrap_or_default();
    let reserved = ranges::within(reserved, low, high).ok_or_else(|| odd("ip_local_reserved_ports"))?;
    let all = high.checked_sub(low).and_then(|span| span.checked_add(1));
    all.and_then(|all| all.checked_sub(reserved)).filter(|ports| *ports >= 0).ok_or_else(|| odd(key))
}

#[derive(Debug, Default)]
struct Groups {
    by_route: BTreeMap<(IpAddr, IpAddr, u16), (i64, i64)>,
    lines: usize,
}

impl Groups {
    fn add(&mut self, text: &str) {
        for line in text.lines().skip(1) {
            self.lines += 1;
            if self.lines > MAX_LINES {
                return;
            }
            if let Some((route, waits)) = connection(line) {
                let (all, waiting) = self.by_route.entry(route).or_default();
                *all += 1;
                *waiting += i64::from(waits);
            }
        }
    }

    fn facts(self) -> Fact {
        let mut groups: Vec<_> = self.by_route.into_iter().collect();
        groups.sort_by_key(|(_, (all, _))| std::cmp::Reverse(*all));
        let items = groups.into_iter().take(MAX_GROUPS).map(|((local, remote, port), (all, waiting))| {
            facts! {
                "route" => format!("{local} to {}", std::net::SocketAddr::new(remote, port)),
                "connections" => all,
                "time_wait" => waiting,
                "loopback" => remote.is_loopback(),
            }
        });
        let detail = format!("more than {MAX_LINES} connections exist, and the rest was not counted");
        let partial = (self.lines > MAX_LINES).then(|| Box::new(Cause::new(CauseKind::TooLarge, detail)));
        Fact::List(Elements { items: items.collect(), partial })
    }
}

/// Fields are number, local `ADDRESS:PORT`, remote `ADDRESS:PORT`, state and more. What listens is no connection.
fn connection(line: &str) -> Option<((IpAddr, IpAddr, u16), bool)> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    if state == LISTEN {
        return None;
    }
    let ((local, _), (remote, port)) = (local.split_once(':')?, remote.split_once(':')?);
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(((parse_native(local)?, parse_native(remote)?, port), state == TIME_WAIT))
}

#[cfg(test)]
#[path = "sockets_tests.rs"]
mod tests;
