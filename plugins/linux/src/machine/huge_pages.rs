//! Huge pages: those set aside by hand, size by size, and the transparent ones that the kernel makes by itself.

use std::collections::BTreeSet;

use goodstead_plugin::{Cause, Elements, Fact, UnknownOr, facts};

use crate::basics::readings::{Readings, odd, put};

const RESERVED: &str = "/sys/kernel/mm/hugepages/";
const TRANSPARENT: &str = "/sys/kernel/mm/transparent_hugepage/";

/// The list `huge_pages`: one element a size; empty where the kernel has none.
pub(crate) fn huge_pages(readings: &Readings) -> Fact {
    let sizes: BTreeSet<&str> = readings
        .below(RESERVED)
        .filter_map(|(rest, _)| rest.split_once('/')?.0.strip_prefix("hugepages-"))
        .collect();
    let items = sizes.into_iter().filter_map(|size| {
        let bytes = size.strip_suffix("kB")?.parse::<i64>().ok()?.checked_mul(1024)?;
        let number = |name: &str| readings.number(&format!("{RESERVED}hugepages-{size}/{name}"));
        let (free, reserved) = (number("free_hugepages"), number("resv_hugepages"));
        let idle = free.clone().and_then(|free| {
            let pages = free.checked_sub(reserved.clone()?);
            pages.and_then(|pages| pages.max(0).checked_mul(bytes)).ok_or_else(|| odd("free_hugepages"))
        });
        Some(facts! {
            "size" => size,
            "size_bytes" => bytes,
            "total" => number("nr_hugepages").or_unknown(),
            "free" => free.or_unknown(),
            "reserved" => reserved.or_unknown(),
            "idle_bytes" => idle.or_unknown(),
        })
    });
    Fact::List(Elements { items: items.collect(), partial: readings.partial().cloned().map(Box::new) })
}

/// The record `transparent_huge_pages`; its fields are absent where the kernel has none.
pub(crate) fn transparent(readings: &Readings) -> Fact {
    let mut record = facts! {};
    put(&mut record, "enabled", chosen(readings, "enabled"));
    put(&mut record, "defrag", chosen(readings, "defrag"));
    record
}

/// The word in brackets of `always [madvise] never`.
fn chosen(readings: &Readings, name: &str) -> Result<String, Cause> {
    let path = format!("{TRANSPARENT}{name}");
    let word = readings.get(&path)?.split_once('[').and_then(|(_, rest)| Some(rest.split_once(']')?.0));
    word.filter(|word| word.len() < 32).map(str::to_owned).ok_or_else(|| odd(&path))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn read(mut site: FakeSite) -> Readings {
        Readings::read(&mut site, &["/sys/**"]).unwrap()
    }

    #[test]
    fn what_nobody_uses_is_free_and_not_promised() {
        let of = |name: &str| format!("{RESERVED}hugepages-2048kB/{name}");
        let site = FakeSite::new()
            .file(&of("nr_hugepages"), "100\n")
            .file(&of("free_hugepages"), "40\n")
            .file(&of("resv_hugepages"), "30\n")
            .file("/sys/kernel/mm/hugepages/hugepages-many/nr_hugepages", "1");
        let json = huge_pages(&read(site)).to_json();
        assert_eq!(json.as_array().unwrap().len(), 1);
        assert_eq!((json[0]["total"].as_i64(), json[0]["idle_bytes"].as_i64()), (Some(100), Some(20 << 20)));
    }

    #[test]
    fn the_chosen_mode_is_the_one_in_brackets() {
        let site = FakeSite::new()
            .file("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
            .file("/sys/kernel/mm/transparent_hugepage/defrag", "always defer\n");
        let json = transparent(&read(site)).to_json();
        assert_eq!(json["enabled"], "madvise");
        assert_eq!(json["defrag"]["$unknown"]["kind"], "not-available");
        assert_eq!(transparent(&read(FakeSite::new())).to_json().to_string(), "{}");
    }

    #[test]
    fn nonsense_is_unknown() {
        let of = |name: &str| format!("{RESERVED}hugepages-9223372036854775807kB/{name}");
        let site = FakeSite::new().file(&of("free_hugepages"), "1");
        assert_eq!(huge_pages(&read(site)).to_json().to_string(), "[]");
        let of = |name: &str| format!("{RESERVED}hugepages-2048kB/{name}");
        let site = FakeSite::new()
            .file(&of("free_hugepages"), "9223372036854775807")
            .file(&of("resv_hugepages"), "-9");
        let json = huge_pages(&read(site)).to_json();
        assert!(json[0]["idle_bytes"]["$unknown"].is_object(), "{json}");
    }
}
