//! Memory and swap, in bytes.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt, UnknownOr, facts};

use crate::basics::readings::Readings;
use crate::kernel::counters;
use crate::storage::mountinfo::unescape;

/// What /proc/meminfo tells.
///
/// # Errors
/// Why nothing is known of it.
pub(crate) fn meminfo(site: &mut dyn Site) -> Result<String, Cause> {
    site.read_text("/proc/meminfo")
}

/// The size of a page in bytes.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn page_bytes(meminfo: Result<&str, &Cause>, readings: &Readings) -> Result<i64, Cause> {
    let missing = || Cause::new(CauseKind::Absent, "/proc/meminfo has no SUnreclaim");
    let known = parse(meminfo.map_err(Clone::clone)?);
    counters::page_bytes(readings, known.get("SUnreclaim").copied().ok_or_else(missing))
}

/// The record `memory` from the text of /proc/meminfo; `page` is the size of a page in bytes.
pub(crate) fn memory(meminfo: &str, readings: &Readings, page: &Result<i64, Cause>) -> Fact {
    let known = parse(meminfo);
    let get = |name: &str| {
        let missing = || Cause::new(CauseKind::Absent, format!("/proc/meminfo has no {name}"));
        known.get(name).copied().ok_or_else(missing)
    };
    let threshold = |name: &str| counters::threshold(readings, name, page.clone()).or_unknown();
    facts! {
        "total_bytes" => get("MemTotal").or_unknown(),
        "available_bytes" => get("MemAvailable").or_unknown(),
        "swap_total_bytes" => get("SwapTotal").or_unknown(),
        "swap_free_bytes" => get("SwapFree").or_unknown(),
        "commit_limit_bytes" => get("CommitLimit").or_unknown(),
        "committed_bytes" => get("Committed_AS").or_unknown(),
        "huge_bytes" => huge_bytes(&known),
        // A kernel that cannot give up bad pages has given up none.
        "hardware_corrupted_bytes" => get("MemTotal").map(|_| get("HardwareCorrupted").unwrap_or(0)).or_unknown(),
        "dirty_limit_bytes" => threshold("nr_dirty_threshold"),
        "dirty_background_bytes" => threshold("nr_dirty_background_threshold"),
        "compressed_swap_cache" => compressed_swap_cache(readings).or_unknown(),
    }
}

/// Whether pages are compressed in memory before they reach the swap (zswap).
fn compressed_swap_cache(readings: &Readings) -> Result<bool, Cause> {
    match readings.get("/sys/module/zswap/parameters/enabled") {
        Ok(text) => Ok(text.trim() == "Y"),
        // A kernel that was built without it.
        Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Lines are `Name: 12 kB`; those without a unit are counts and stay as they are.
fn parse(text: &str) -> BTreeMap<&str, i64> {
    text.lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            let mut words = rest.split_whitespace();
            let number: i64 = words.next()?.parse().ok()?;
            let scale = if words.next() == Some("kB") { 1024 } else { 1 };
            Some((name, number.checked_mul(scale)?))
        })
        .collect()
}

/// `Hugetlb` counts pages of all sizes (from Linux 4.16); before, the pages of the default size are what is known.
fn huge_bytes(known: &BTreeMap<&str, i64>) -> Fact {
    let of_default_size = || match (known.get("HugePages_Total"), known.get("Hugepagesize")) {
        (Some(pages), Some(size)) => pages.checked_mul(*size),
        // A kernel without huge pages has set none aside.
        _ => Some(0),
    };
    match known.get("Hugetlb").copied().or_else(of_default_size) {
        Some(bytes) => Fact::Int(bytes),
        None => {
            Fact::unknown(CauseKind::TooLarge, "the figures of huge pages in /proc/meminfo are too large")
        }
    }
}

/// The list `swaps`.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn swaps(site: &mut dyn Site) -> Result<Fact, Cause> {
    let text = site.read_text("/proc/swaps")?;
    // The first line is the heading.
    Ok(text.lines().skip(1).filter_map(swap).collect::<Vec<_>>().into())
}

fn swap(line: &str) -> Option<Fact> {
    let mut words = line.split_whitespace();
    let (device, _kind) = (unescape(words.next()?), words.next()?);
    let mut bytes = || words.next()?.parse::<i64>().ok()?.checked_mul(1024);
    let (size, used) = (bytes()?, bytes()?);
    let compressed = device.strip_prefix("/dev/").is_some_and(|name| name.starts_with("zram"));
    Some(
        facts! { "device" => device, "compressed" => compressed, "size_bytes" => size, "used_bytes" => used },
    )
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn memory_of(text: &str) -> String {
        memory(text, &Readings::default(), &Ok(4096)).to_json().to_string()
    }

    #[test]
    fn kilobytes_become_bytes_and_counts_stay() {
        let text = "MemTotal:  4 kB\nMemAvailable: 3 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\nCommitLimit: 2 kB\n\
                    Committed_AS: 1 kB\nHugePages_Total: 5\nHugepagesize: 2 kB\n";
        insta::assert_snapshot!(memory_of(text), @r#"{"available_bytes":3072,"commit_limit_bytes":2048,"committed_bytes":1024,"compressed_swap_cache":false,"dirty_background_bytes":{"$unknown":{"detail":"/proc/vmstat does not exist","kind":"absent"}},"dirty_limit_bytes":{"$unknown":{"detail":"/proc/vmstat does not exist","kind":"absent"}},"hardware_corrupted_bytes":0,"huge_bytes":10240,"swap_free_bytes":0,"swap_total_bytes":0,"total_bytes":4096}"#);
        let of_all_sizes = memory_of(&format!("{text}Hugetlb: 1048576 kB\n"));
        assert!(of_all_sizes.contains("\"huge_bytes\":1073741824"), "{of_all_sizes}");
    }

    #[test]
    fn what_is_missing_or_nonsense_is_unknown() {
        for text in
            ["", "MemTotal", "MemTotal:", "MemTotal: x kB", "MemTotal: 9223372036854775807 kB", "\0\u{fffd}"]
        {
            assert!(memory_of(text).contains("/proc/meminfo has no MemTotal"), "{text}");
        }
    }

    #[test]
    fn swap_lines_are_read_and_odd_ones_passed_over() {
        let text = "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition 8 4 100\n/swap\\040file\\040(deleted) file 2 0 -2\nodd\n";
        let swaps = swaps(&mut FakeSite::new().file("/proc/swaps", text)).unwrap().to_json();
        insta::assert_snapshot!(swaps, @r#"[{"compressed":true,"device":"/dev/zram0","size_bytes":8192,"used_bytes":4096},{"compressed":false,"device":"/swap file (deleted)","size_bytes":2048,"used_bytes":0}]"#);
    }
}
