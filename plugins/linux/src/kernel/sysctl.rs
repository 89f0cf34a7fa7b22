//! The running kernel settings: everything below /proc/sys in one request.
//!
//! What is left alone is left alone by name: reading it would have an effect, or the value is nobody's business.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Files, Site, SiteExt};

use crate::kernel::sysctl_files::Persisted;

const ROOT: &str = "/proc/sys/";

/// Globs below /proc/sys that are not read.
const LEFT_ALONE: [&str; 13] = [
    // Reading these makes the kernel log that they are deprecated: a check that writes to the log finds itself.
    "net/ipv*/neigh/*/base_reachable_time",
    "net/ipv*/neigh/*/retrans_time",
    // Reading has an effect: statistics are collected on all processors, a new id is made, a file system is mounted.
    "vm/stat_refresh",
    "kernel/random/uuid",
    "fs/binfmt_misc/**",
    // They can only be written.
    "vm/compact_memory",
    "vm/drop_caches",
    "net/*/route/flush",
    // Secrets.
    "net/ipv4/tcp_fastopen_key",
    "net/ipv6/conf/*/stable_secret",
    // Who this host is, in a map whose values are public.
    "kernel/hostname",
    "kernel/domainname",
    "kernel/random/boot_id",
];

/// A setting is at most one page long (the kernel's own buffer for nearly all of them).
const MAX_VALUE: usize = 4096;

/// From so many settings on, those of single network interfaces are left out: first of those that are a container's or
/// a virtual machine's end, a hundred for each, which come and go and of which nobody expects to read.
const MAX_SETTINGS: usize = 20_000;

/// How names of such ends begin: Docker and most others, Calico, Cilium, AWS, Azure, GKE, libvirt, QEMU.
const ENDS: [&str; 8] = ["veth", "cali", "lxc", "eni", "azv", "gke", "vnet", "tap"];

/// What the list `interfaces` is made of, and is kept of all.
const KEPT: [&str; 4] = ["accept_redirects", "accept_source_route", "forwarding", "secure_redirects"];

/// Beyond this magnitude readers of JSON that use doubles round.
const MAX_EXACT: i64 = 1 << 53;

/// The running settings by their path below /proc/sys.
#[derive(Debug, Default)]
pub(crate) struct Running {
    values: BTreeMap<String, Result<String, Cause>>,
    partial: Option<Cause>,
}

impl Running {
    /// Reads them all.
    ///
    /// # Errors
    /// Why none is known.
    pub(crate) fn read(site: &mut dyn Site) -> Result<Running, Cause> {
        let except = Running::left_alone();
        let except: Vec<&str> = except.iter().map(String::as_str).collect();
        Ok(Running::from_files(site.read_many(&Running::GLOBS, &except)?))
    }

    pub(crate) const GLOBS: [&str; 1] = ["/proc/sys/**"];

    /// What is not even read.
    pub(crate) fn left_alone() -> Vec<String> {
        LEFT_ALONE.iter().map(|glob| format!("{ROOT}{glob}")).collect()
    }

    fn from_files(found: Files) -> Running {
        let mut running = Running { partial: found.partial, ..Running::default() };
        for file in found.files {
            let Some(key) = file.path.strip_prefix(ROOT) else { continue };
            let value = file.content.and_then(|bytes| {
                if bytes.len() > MAX_VALUE {
                    return Err(Cause::new(CauseKind::TooLarge, "the value is longer than 4096 bytes"));
                }
                Ok(fold(&String::from_utf8_lossy(&bytes)))
            });
            running.values.insert(key.to_owned(), value);
        }
        if running.values.len() > MAX_SETTINGS {
            running.values.retain(|key, _| !of_an_end(key));
        }
        if running.values.len() > MAX_SETTINGS {
            running.values.retain(|key, _| !of_one_interface(key));
            let detail = "settings of single network interfaces were left out because there are too many";
            running.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
        }
        running
    }

    /// The running value of `key`, or `None` where the kernel has no such setting.
    ///
    /// # Errors
    /// Why it is unknown.
    pub(crate) fn get(&self, key: &str) -> Result<Option<&str>, Cause> {
        match (self.values.get(key), &self.partial) {
            (Some(Ok(value)), _) => Ok(Some(value)),
            (Some(Err(cause)), _) => Err(cause.clone()),
            (None, Some(cause)) => Err(cause.clone()),
            (None, None) => Ok(None),
        }
    }

    /// The running value of `key` as a whole number.
    ///
    /// # Errors
    /// Why it is unknown, `Absent` where the kernel has no such setting.
    pub(crate) fn number(&self, key: &str) -> Result<i64, Cause> {
        self.word(key, 0)
    }

    /// The whole number at `place` (from 0) of a value that is a list of numbers.
    ///
    /// # Errors
    /// As for [`Running::number`].
    pub(crate) fn word(&self, key: &str, place: usize) -> Result<i64, Cause> {
        let absent = || Cause::new(CauseKind::Absent, format!("the kernel has no setting {key}"));
        let value = self.get(key)?.ok_or_else(absent)?;
        let odd = || Cause::new(CauseKind::NotAvailable, format!("{ROOT}{key} holds no whole number"));
        value.split(' ').nth(place).and_then(|word| word.parse().ok()).ok_or_else(odd)
    }

    /// Which settings there are.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Why there may be more settings than these.
    pub(crate) fn partial(&self) -> Option<&Cause> {
        self.partial.as_ref()
    }

    /// The settings that files set at the next boot, where nothing runs; all others are unknown.
    pub(crate) fn of_files(persisted: &BTreeMap<String, Persisted>) -> Running {
        let values = persisted.iter().map(|(key, one)| (key.clone(), one.value.clone()));
        let detail = "no file sets it, and only the live host knows what it is then";
        let partial = Some(Cause::new(CauseKind::NotApplicableHere, detail));
        Running { values: values.collect(), partial }
    }

    /// The map `sysctl`.
    pub(crate) fn facts(&self) -> Fact {
        let items = self.values.iter().map(|(key, value)| {
            let fact = match value {
                Ok(value) => scalar(value),
                Err(cause) => cause.clone().into(),
            };
            (key.clone(), fact)
        });
        Fact::Map(Elements { items: items.collect(), partial: self.partial.clone().map(Box::new) })
    }
}

/// Whether the value of `key` is nobody's business, or reading it would have an effect.
pub(crate) fn left_alone(key: &str) -> bool {
    LEFT_ALONE.iter().any(|glob| matches(glob, key))
}

/// White space folded to single blanks, ends cut.
pub(crate) fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One whole number within ±2^53 is an integer; anything else stays text.
fn scalar(folded: &str) -> Fact {
    match folded.parse::<i64>() {
        Ok(number) if (-MAX_EXACT..=MAX_EXACT).contains(&number) => Fact::Int(number),
        _ => Fact::Text(folded.to_owned()),
    }
}

/// The interface that `key` is a setting of, and the setting's own name.
fn interface(key: &str) -> Option<(&str, &str)> {
    let mut parts = key.strip_prefix("net/")?.split('/').skip(1);
    let of_interfaces = matches!(parts.next(), Some("conf" | "neigh"));
    of_interfaces.then_some((parts.next()?, parts.next()?))
}

fn of_one_interface(key: &str) -> bool {
    interface(key).is_some_and(|(name, _)| !matches!(name, "all" | "default" | "lo"))
}

/// Whether `key` is a setting of a container's or virtual machine's end that nothing is made of.
fn of_an_end(key: &str) -> bool {
    interface(key).is_some_and(|(name, setting)| {
        ENDS.iter().any(|start| name.starts_with(start))
            && !(key.starts_with("net/ipv4/conf/") && KEPT.contains(&setting))
    })
}

/// Whether `glob` matches `key`: `*` stands for the rest of a name, `**` for the rest of the path.
fn matches(glob: &str, key: &str) -> bool {
    let mut names = key.split('/');
    for part in glob.split('/') {
        if part == "**" {
            return names.next().is_some();
        }
        let Some(name) = names.next() else { return false };
        let fits = match part.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => part == name,
        };
        if !fits {
            return false;
        }
    }
    names.next().is_none()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::File;
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn fact(running: &Running, key: &str) -> Fact {
        let Fact::Map(map) = running.facts() else { panic!("no map") };
        map.items.get(key).cloned().unwrap_or_else(|| panic!("no {key}"))
    }

    #[test]
    fn numbers_lists_and_giants_keep_their_meaning() {
        let mut site = FakeSite::new()
            .file("/proc/sys/vm/swappiness", "60\n")
            .file("/proc/sys/kernel/sched_rt_runtime_us", "-1\n")
            .file("/proc/sys/kernel/shmmax", "18446744073692774399\n")
            .file("/proc/sys/fs/file-max", "9223372036854775807\n")
            .file("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n")
            .file("/proc/sys/net/ipv4/conf/eth0.100/rp_filter", "2")
            .file("/proc/sys/kernel/core_pattern", "");
        let running = Running::read(&mut site).unwrap();
        assert_eq!(fact(&running, "vm/swappiness"), Fact::Int(60));
        assert_eq!(fact(&running, "kernel/sched_rt_runtime_us"), Fact::Int(-1));
        assert_eq!(fact(&running, "kernel/shmmax"), "18446744073692774399".into());
        assert_eq!(fact(&running, "fs/file-max"), "9223372036854775807".into());
        assert_eq!(fact(&running, "net/ipv4/tcp_rmem"), "4096 131072 6291456".into());
        assert_eq!(fact(&running, "net/ipv4/conf/eth0.100/rp_filter"), Fact::Int(2));
        assert_eq!(fact(&running, "kernel/core_pattern"), "".into());
    }

    #[test]
    fn what_has_an_effect_or_is_secret_is_never_read() {
        let mut site = FakeSite::new().file("/proc/sys/vm/swappiness", "60");
        for key in [
            "net/ipv4/neigh/eth0/base_reachable_time",
            "net/ipv6/neigh/default/retrans_time",
            "vm/stat_refresh",
            "vm/drop_caches",
            "vm/compact_memory",
            "net/ipv4/route/flush",
            "fs/binfmt_misc/register",
            "net/ipv4/tcp_fastopen_key",
            "net/ipv6/conf/eth0/stable_secret",
            "kernel/hostname",
        ] {
            site = site.file(&format!("{ROOT}{key}"), "secret");
            assert!(left_alone(key), "{key}");
        }
        site = site.file("/proc/sys/net/ipv4/neigh/eth0/base_reachable_time_ms", "30000");
        let running = Running::read(&mut site).unwrap();
        let keys: Vec<_> = running.values.keys().collect();
        assert_eq!(keys, ["net/ipv4/neigh/eth0/base_reachable_time_ms", "vm/swappiness"]);
    }

    #[test]
    fn a_refused_setting_is_unknown_and_a_missing_one_is_none() {
        let path = "/proc/sys/net/core/bpf_jit_harden";
        let mut site = FakeSite::new().refused_file(path, CauseKind::NotPermitted, "only root may read it");
        let running = Running::read(&mut site).unwrap();
        assert_eq!(running.get("net/core/bpf_jit_harden").unwrap_err().kind, CauseKind::NotPermitted);
        assert!(matches!(fact(&running, "net/core/bpf_jit_harden"), Fact::Unknown(_)));
        assert_eq!(running.get("net/bridge/bridge-nf-call-iptables"), Ok(None));
    }

    #[test]
    fn hostile_values_stay_values() {
        let mut site = FakeSite::new()
            .file("/proc/sys/a", [0_u8, 0xff, b'\n', 0xfe])
            .file("/proc/sys/b", vec![b'x'; MAX_VALUE + 1]);
        let running = Running::read(&mut site).unwrap();
        assert!(matches!(fact(&running, "a"), Fact::Text(_)));
        assert_eq!(running.get("b").unwrap_err().kind, CauseKind::TooLarge);
    }

    #[test]
    fn thousands_of_interfaces_cost_only_their_own_settings() {
        let file = |path: String| File { path, content: Ok(b"1".to_vec()) };
        let mut files: Vec<_> =
            (0..=MAX_SETTINGS).map(|n| file(format!("{ROOT}net/ipv4/conf/eth{n}/rp_filter"))).collect();
        files.push(file(format!("{ROOT}net/ipv4/conf/all/rp_filter")));
        files.push(file(format!("{ROOT}vm/swappiness")));
        let running = Running::from_files(Files { files, partial: None });
        let keys: Vec<_> = running.values.keys().collect();
        assert_eq!(keys, ["net/ipv4/conf/all/rp_filter", "vm/swappiness"]);
        assert_eq!(running.get("net/ipv4/conf/eth7/rp_filter").unwrap_err().kind, CauseKind::TooLarge);
    }

    #[test]
    fn the_ends_of_many_containers_are_left_out_and_nothing_is_missed() {
        let file = |path: String| File { path, content: Ok(b"1".to_vec()) };
        let mut files: Vec<_> =
            (0..=MAX_SETTINGS).map(|n| file(format!("{ROOT}net/ipv6/neigh/cali{n}/ucast_solicit"))).collect();
        files.push(file(format!("{ROOT}net/ipv4/conf/cali7/forwarding")));
        files.push(file(format!("{ROOT}net/ipv4/conf/cali7/arp_notify")));
        files.push(file(format!("{ROOT}net/ipv4/conf/eth0/rp_filter")));
        let running = Running::from_files(Files { files, partial: None });
        let keys: Vec<_> = running.values.keys().collect();
        assert_eq!(keys, ["net/ipv4/conf/cali7/forwarding", "net/ipv4/conf/eth0/rp_filter"]);
        assert_eq!((running.partial(), running.get("kernel/none")), (None, Ok(None)));
    }
}
