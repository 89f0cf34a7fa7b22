//! Counters that the kernel keeps since boot and that everybody may read: they cannot be rotated away as logs can.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt};

/// The record `counters`.
pub(crate) fn counters(site: &mut dyn Site) -> Fact {
    let sources = [
        ("oom_kills", site.read_text("/proc/vmstat").map(|text| from_vmstat(&text, "oom_kill"))),
        (
            "listen_overflows",
            site.read_text("/proc/self/net/netstat")
                .map(|text| from_netstat(&text, "TcpExt:", "ListenOverflows")),
        ),
    ];
    let known = sources.into_iter().filter_map(|(name, value)| {
        let fact = match value {
            Ok(value) => Fact::Int(value?),
            Err(cause) => cause.into(),
        };
        Some((name.to_owned(), fact))
    });
    known.collect::<BTreeMap<_, _>>().into()
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

/// The list `ext4`: the errors that each mounted ext4 file system has on record.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn ext4(site: &mut dyn Site) -> Result<Fact, Cause> {
    let found = site.read_many(&["/sys/fs/ext4/*/errors_count"], &[])?;
    let items = found.files.into_iter().filter_map(|file| {
        let device = file.path.strip_prefix("/sys/fs/ext4/")?.strip_suffix("/errors_count")?.to_owned();
        let count = file.content.and_then(|bytes| {
            let text = String::from_utf8_lossy(&bytes);
            let odd = || Cause::new(CauseKind::NotAvailable, format!("{} holds no number", file.path));
            text.trim().parse::<i64>().map_err(|_| odd())
        });
        Some(goodstead_plugin::facts! { "device" => device, "errors_count" => count.map_or_else(Fact::from, Fact::Int) })
    });
    Ok(Fact::List(Elements { items: items.collect(), partial: found.partial.map(Box::new) }))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    #[test]
    fn counters_are_found_by_name() {
        let mut site = FakeSite::new().file("/proc/vmstat", "nr_free 1\noom_kill 3\n").file(
            "/proc/self/net/netstat",
            "IpExt: ListenOverflows\nIpExt: 9\nTcpExt: A ListenOverflows B\nTcpExt: 1 7 2\n",
        );
        assert_eq!(counters(&mut site).to_json().to_string(), r#"{"listen_overflows":7,"oom_kills":3}"#);
    }

    #[test]
    fn an_old_kernel_has_none_and_nonsense_is_none() {
        let mut site = FakeSite::new()
            .file("/proc/vmstat", "nr_free 1\noom_kill")
            .file("/proc/self/net/netstat", "TcpExt: ListenOverflows");
        assert_eq!(counters(&mut site).to_json().to_string(), "{}");
        let mut site = FakeSite::new().refused_file("/proc/vmstat", CauseKind::NotPermitted, "no");
        let json = counters(&mut site).to_json();
        assert_eq!(json["oom_kills"]["$unknown"]["kind"], "not-permitted");
        assert_eq!(json["listen_overflows"]["$unknown"]["kind"], "absent");
    }

    #[test]
    fn ext4_errors_are_told_by_device() {
        let mut site = FakeSite::new()
            .file("/sys/fs/ext4/vda1/errors_count", "2\n")
            .file("/sys/fs/ext4/dm-0/errors_count", "many")
            .file("/sys/fs/ext4/features/encryption", "supported");
        let json = ext4(&mut site).unwrap().to_json();
        assert_eq!((json[1]["device"].as_str(), json[1]["errors_count"].as_i64()), (Some("vda1"), Some(2)));
        assert_eq!(json[0]["errors_count"]["$unknown"]["kind"], "not-available");
    }
}
