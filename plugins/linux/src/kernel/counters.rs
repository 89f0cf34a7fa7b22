//! Counters that the kernel keeps since boot and that everybody may read: they cannot be rotated away as logs can.

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, UnknownOr};

use crate::basics::readings::{Readings, odd, put};
use crate::basics::record::record;

const VMSTAT: &str = "/proc/vmstat";
const NETSTAT: &str = "/proc/self/net/netstat";

const NEIGHBOURS: [&str; 2] = ["/proc/self/net/stat/arp_cache", "/proc/self/net/stat/ndisc_cache"];

/// Our name of each counter of /proc/vmstat, and the kernel's.
const OF_MEMORY: [(&str, &str); 3] =
    [("oom_kills", "oom_kill"), ("swapped_in_pages", "pswpin"), ("swapped_out_pages", "pswpout")];

/// Our name of each counter of /proc/net/netstat, and the kernel's. They belong to the network namespace.
const OF_TCP: [(&str, &str); 2] =
    [("listen_overflows", "ListenOverflows"), ("tcp_aborts_on_memory", "TCPAbortOnMemory")];

/// Where Kubernetes keeps the control groups of all pods, by how the kubelet was told to name them. What happens in them
/// is counted up to here, also of groups that are gone (Control Group v2, memory.events).
const PODS: [&str; 2] =
    ["/sys/fs/cgroup/kubepods.slice/memory.events", "/sys/fs/cgroup/kubepods/memory.events"];

/// The record `counters`.
pub(crate) fn counters(readings: &Readings) -> Fact {
    let mut record = goodstead_plugin::facts! {};
    for (name, wanted) in OF_MEMORY {
        put(
            &mut record,
            name,
            readings.get(VMSTAT).map_err(known).and_then(|text| found(from_vmstat(text, wanted))),
        );
    }
    for (name, wanted) in OF_TCP {
        let value = readings.get(NETSTAT).map_err(known);
        put(&mut record, name, value.and_then(|text| found(from_netstat(text, "TcpExt:", wanted))));
    }
    put(&mut record, "neighbour_table_fulls", neighbour_table_fulls(readings));
    put(&mut record, "oom_kills_of_pods", oom_kills_of_pods(readings));
    record
}

/// Processes that were killed because a pod reached its own limit. `oom` counts how often that happened, `oom_kill` all
/// that were killed, also by the host's limit: neither alone tells.
fn oom_kills_of_pods(readings: &Readings) -> Result<i64, Cause> {
    let mut absent = Cause::new(CauseKind::Absent, "no pods run here");
    for path in PODS {
        match readings.get(path) {
            Ok(text) => {
                let of = |name| from_vmstat(text, name).ok_or_else(|| odd(path));
                return Ok(of("oom")?.min(of("oom_kill")?));
            }
            Err(cause) => absent = cause,
        }
    }
    Err(absent)
}

/// How often the tables of neighbours were full: one line a processor, in hexadecimal, of which the columns are counters of
/// their own (net/core/neighbour.c, `neigh_stat_seq_show`). The files are only those of the first network namespace.
fn neighbour_table_fulls(readings: &Readings) -> Result<i64, Cause> {
    let mut all = None;
    for path in NEIGHBOURS {
        match readings.get(path) {
            Ok(text) => {
                *all.get_or_insert(0) += table_fulls(text).ok_or_else(|| odd(path))?;
            }
            // Without IPv6 there is one of them.
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
    }
    all.ok_or_else(|| Cause::new(CauseKind::Absent, "the network is not this kernel's own"))
}

fn table_fulls(text: &str) -> Option<i64> {
    let mut lines = text.lines();
    let column = lines.next()?.split_whitespace().position(|name| name == "table_fulls")?;
    lines.map(|line| i64::from_str_radix(line.split_whitespace().nth(column)?, 16).ok()).sum()
}

/// A counter that the kernel does not have is absent; a file that is missing tells nothing about its counters.
fn known(cause: Cause) -> Cause {
    if cause.kind == CauseKind::Absent { Cause::new(CauseKind::NotAvailable, cause.detail) } else { cause }
}

fn found(counter: Option<i64>) -> Result<i64, Cause> {
    counter.ok_or_else(|| Cause::new(CauseKind::Absent, "this kernel has no such counter"))
}

/// The size of a page in bytes, from one figure that the kernel tells in both units; `slab_bytes` is `SUnreclaim` of
/// /proc/meminfo. A page is a power of two from 4 to 64 KiB, so that what changes between the two readings is no matter.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn page_bytes(readings: &Readings, slab_bytes: Result<i64, Cause>) -> Result<i64, Cause> {
    let pages = from_vmstat(readings.get(VMSTAT)?, "nr_slab_unreclaimable").filter(|pages| *pages > 0);
    let about = slab_bytes?.checked_div(pages.ok_or_else(|| odd(VMSTAT))?).ok_or_else(|| odd(VMSTAT))?;
    [4096, 8192, 16384, 32768, 65536]
        .into_iter()
        .find(|size| (size * 3 / 4..size * 3 / 2).contains(&about))
        .ok_or_else(|| odd("/proc/meminfo"))
}

/// A limit that the kernel computes for itself and tells in pages, in bytes.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn threshold(readings: &Readings, wanted: &str, page: Result<i64, Cause>) -> Result<i64, Cause> {
    let pages = from_vmstat(readings.get(VMSTAT)?, wanted).ok_or_else(|| odd(VMSTAT))?;
    pages.checked_mul(page?).ok_or_else(|| odd(VMSTAT))
}

/// Lines are `name value`.
fn from_vmstat(text: &str, wanted: &str) -> Option<i64> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(name, _)| *name == wanted)?
        .1
        .trim()
        .parse()
        .ok()
}

/// Lines come in pairs with the same first word: the names, then the values.
fn from_netstat(text: &str, group: &str, wanted: &str) -> Option<i64> {
    let mut lines = text.lines().filter(|line| line.split(' ').next() == Some(group));
    let (names, values) = (lines.next()?, lines.next()?);
    let (_, value) = names.split(' ').zip(values.split(' ')).find(|(name, _)| *name == wanted)?;
    value.parse().ok()
}

/// Where the kernel counts errors.
pub(crate) const EXT4: [&str; 1] = ["/sys/fs/ext4/*/errors_count"];

/// The list `ext4`: the errors that each mounted ext4 file system has on record; `now` is seconds since 1970.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn ext4(site: &mut dyn Site, now: &Result<i64, Cause>) -> Result<Fact, Cause> {
    let found = site.read_many(&EXT4, &[])?;
    let items = found.files.into_iter().filter_map(|file| {
        let device = file.path.strip_prefix("/sys/fs/ext4/")?.strip_suffix("/errors_count")?.to_owned();
        let count = file.content.and_then(|bytes| {
            let text = String::from_utf8_lossy(&bytes);
            let odd = || Cause::new(CauseKind::NotAvailable, format!("{} holds no number", file.path));
            text.trim().parse::<i64>().map_err(|_| odd())
        });
        // When the last was is asked for only where there is one.
        let last = matches!(count, Ok(1..)).then(|| last_error(site, &device, now).or_unknown());
        Some(record([
            ("device", Some(device.into())),
            ("errors_count", Some(count.map_or_else(Fact::from, Fact::Int))),
            ("last_error_seconds_ago", last),
        ]))
    });
    Ok(Fact::List(Elements { items: items.collect(), partial: found.partial.map(Box::new) }))
}

fn last_error(site: &mut dyn Site, device: &str, now: &Result<i64, Cause>) -> Result<i64, Cause> {
    let path = format!("/sys/fs/ext4/{device}/last_error_time");
    let time = site.read_text(&path)?.trim().parse::<i64>().map_err(|_| odd(&path))?;
    now.clone().map(|now| now.saturating_sub(time).max(0))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn read(mut site: FakeSite) -> Readings {
        Readings::read(&mut site, &[VMSTAT, NETSTAT]).unwrap()
    }

    #[test]
    fn counters_are_found_by_name() {
        let site = FakeSite::new().file("/proc/vmstat", "nr_free 1\noom_kill 3\npswpin 5\n").file(
            "/proc/self/net/netstat",
            "IpExt: ListenOverflows\nIpExt: 9\nTcpExt: A ListenOverflows B\nTcpExt: 1 7 2\n",
        );
        let json = counters(&read(site)).to_json();
        assert_eq!(json.to_string(), r#"{"listen_overflows":7,"oom_kills":3,"swapped_in_pages":5}"#);
    }

    #[test]
    fn full_tables_of_neighbours_are_counted_over_processors_and_families() {
        let head = "entries  allocs   destroys unresolved_discards table_fulls\n";
        let site = FakeSite::new()
            .file(NEIGHBOURS[0], format!("{head}0020 1 2 3 0000028e\n0020 0 0 0 00000001\n"))
            .file(NEIGHBOURS[1], format!("{head}0001 0 0 0 00000010\n"));
        let read =
            |mut site: FakeSite| neighbour_table_fulls(&Readings::read(&mut site, &NEIGHBOURS).unwrap());
        assert_eq!(read(site), Ok(0x28e + 1 + 0x10));
        let one = FakeSite::new().file(NEIGHBOURS[0], format!("{head}0 0 0 0 0\n"));
        assert_eq!(read(one), Ok(0));
        assert_eq!(read(FakeSite::new()).unwrap_err().kind, CauseKind::Absent);
        for odd in ["", "entries\n1\n", "table_fulls\nx\n", "a table_fulls\n1\n"] {
            let site = FakeSite::new().file(NEIGHBOURS[0], odd);
            assert_eq!(read(site).unwrap_err().kind, CauseKind::NotAvailable, "{odd:?}");
        }
    }

    #[test]
    fn an_old_kernel_has_none_and_nonsense_is_none() {
        let site = FakeSite::new()
            .file("/proc/vmstat", "nr_free 1\noom_kill")
            .file("/proc/self/net/netstat", "TcpExt: ListenOverflows");
        assert_eq!(counters(&read(site)).to_json().to_string(), "{}");
        let site = FakeSite::new().refused_file("/proc/vmstat", CauseKind::NotPermitted, "no");
        let json = counters(&read(site)).to_json();
        assert_eq!(json["oom_kills"]["$unknown"]["kind"], "not-permitted");
        assert_eq!(json["listen_overflows"]["$unknown"]["kind"], "not-available");
    }

    #[test]
    fn the_size_of_a_page_comes_from_a_figure_told_in_both_units() {
        let pages =
            |text: &str, bytes: i64| page_bytes(&read(FakeSite::new().file(VMSTAT, text)), Ok(bytes)).ok();
        let text = "nr_slab_unreclaimable 9231\nnr_dirty_threshold 10\n";
        assert_eq!(pages(text, 36_924 << 10), Some(4096));
        assert_eq!(pages(text, 37_500 << 10), Some(4096));
        assert_eq!(pages(text, 590_784 << 10), Some(65536));
        for (text, bytes) in
            [("", 1), ("nr_slab_unreclaimable 0", 1), (text, 0), (text, i64::MAX), (text, -1)]
        {
            assert_eq!(pages(text, bytes), None, "{text} {bytes}");
        }
        let readings = read(FakeSite::new().file(VMSTAT, text));
        assert_eq!(threshold(&readings, "nr_dirty_threshold", Ok(4096)), Ok(40960));
        assert!(threshold(&readings, "nr_dirty_threshold", Ok(i64::MAX)).is_err());
    }

    #[test]
    fn ext4_errors_are_told_by_device() {
        let mut site = FakeSite::new()
            .file("/sys/fs/ext4/vda1/errors_count", "2\n")
            .file("/sys/fs/ext4/vda1/last_error_time", "1700\n")
            .file("/sys/fs/ext4/vda2/errors_count", "0\n")
            .file("/sys/fs/ext4/vda3/errors_count", "1\n")
            .file("/sys/fs/ext4/dm-0/errors_count", "many")
            .file("/sys/fs/ext4/features/encryption", "supported");
        let json = ext4(&mut site, &Ok(2000)).unwrap().to_json();
        assert_eq!((json[1]["device"].as_str(), json[1]["errors_count"].as_i64()), (Some("vda1"), Some(2)));
        assert_eq!(json[0]["errors_count"]["$unknown"]["kind"], "not-available");
        assert_eq!(json[1]["last_error_seconds_ago"], 300);
        assert_eq!(json[2].get("last_error_seconds_ago"), None);
        assert_eq!(json[3]["last_error_seconds_ago"]["$unknown"]["kind"], "absent");
    }
}
