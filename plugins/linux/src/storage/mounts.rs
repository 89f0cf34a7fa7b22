//! The mounts that a path can lead to, and how full they are.
//!
//! Only what is visible is told: of several mounts on one folder the last, and none below a folder that was mounted
//! over later. Network mounts are named but not measured, because asking a dead server can hang.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, Statfs};

use crate::storage::file_system::Class;
use crate::storage::mountinfo::{Mount, parse};
use crate::storage::space::space;

/// More mounts than this are not told one by one.
const MAX_MOUNTS: usize = 5000;

/// The visible mounts.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    /// In the order of the kernel.
    pub(crate) visible: Vec<Mount>,
    /// Why there may be more.
    pub(crate) partial: Option<Cause>,
}

impl Mounts {
    /// Reads mountinfo of the process that reads for the plugin.
    ///
    /// # Errors
    /// Why it is unknown.
    pub(crate) fn read(site: &mut dyn Site) -> Result<Mounts, Cause> {
        let text = site.read_text("/proc/self/mountinfo")?;
        let (all, odd) = parse(&text);
        let mut visible = visible(all);
        let detail = if visible.len() > MAX_MOUNTS {
            visible.truncate(MAX_MOUNTS);
            Some((CauseKind::TooLarge, format!("only the first {MAX_MOUNTS} mounts are looked at")))
        } else if odd > 0 {
            Some((
                CauseKind::NotAvailable,
                format!("{odd} lines of mountinfo are not as proc(5) describes them"),
            ))
        } else {
            None
        };
        Ok(Mounts { visible, partial: detail.map(|(kind, detail)| Cause::new(kind, detail)) })
    }

    /// The list `mounts`; asks once for the space and inodes of those that are measured.
    pub(crate) fn facts(&self, site: &mut dyn Site) -> Fact {
        let measured: Vec<&str> = self
            .visible
            .iter()
            .filter(|mount| mount.class().is_measured())
            .map(|mount| mount.target.as_str())
            .collect();
        let mut sizes: HashMap<&str, Result<Statfs, Cause>> = match site.statfs(&measured) {
            Ok(sizes) => measured.iter().copied().zip(sizes).collect(),
            Err(cause) => measured.iter().map(|target| (*target, Err(cause.clone()))).collect(),
        };
        let plain = plainest(&self.visible);
        let items = self.visible.iter().map(|mount| {
            let size = match mount.class() {
                Class::Network => Some(Err(not_asked())),
                _ => sizes.remove(mount.target.as_str()),
            };
            let mut record = BTreeMap::from([
                ("target", mount.target.as_str().into()),
                ("source", mount.source.as_str().into()),
                ("fstype", mount.fstype.as_str().into()),
                ("class", mount.class().word().into()),
                ("read_only", mount.read_only().into()),
                ("repeated", (!plain.contains(mount.id.as_str())).into()),
            ]);
            record.extend(size.map(space).unwrap_or_default());
            Fact::from(
                record.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect::<BTreeMap<_, _>>(),
            )
        });
        Fact::List(Elements { items: items.collect(), partial: self.partial.clone().map(Box::new) })
    }
}

fn not_asked() -> Cause {
    let detail = "network mounts are not asked for their size, because that can hang";
    Cause::new(CauseKind::NotApplicableHere, detail)
}

/// Leaves out what no path leads to.
fn visible(all: Vec<Mount>) -> Vec<Mount> {
    let parents: HashMap<&str, &str> =
        all.iter().map(|mount| (mount.id.as_str(), mount.parent.as_str())).collect();
    let top: HashMap<&str, &str> =
        all.iter().map(|mount| (mount.target.as_str(), mount.id.as_str())).collect();
    let keep: Vec<bool> = all
        .iter()
        .map(|mount| {
            let ancestors = ancestors(&mount.id, &parents);
            top.get(mount.target.as_str()) == Some(&mount.id.as_str())
                // On the way to the folder every mount point shows its top mount; this one must hang on all of them.
                && folders_above(&mount.target)
                    .all(|folder| top.get(folder).is_none_or(|top| ancestors.contains(top)))
        })
        .collect();
    all.into_iter().zip(keep).filter_map(|(mount, keep)| keep.then_some(mount)).collect()
}

fn ancestors<'a>(id: &'a str, parents: &HashMap<&'a str, &'a str>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut at = id;
    while let Some(parent) = parents.get(at) {
        if !found.insert(*parent) {
            break;
        }
        at = parent;
    }
    found
}

/// `/a/b/c` → `/a/b`, `/a`, `/`.
fn folders_above(target: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(folder_above(target), |folder| folder_above(folder))
}

fn folder_above(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        (_, "") => None,
        ("", _) => Some("/"),
        (folder, _) => Some(folder),
    }
}

/// The ids of one mount for each file system: its whole rather than a part of it, the shortest folder first.
fn plainest(mounts: &[Mount]) -> BTreeSet<&str> {
    let plain = |mount: &Mount| (mount.root != "/", mount.target.len());
    let mut best: HashMap<&str, &Mount> = HashMap::new();
    for mount in mounts {
        let known = best.entry(&mount.device).or_insert(mount);
        if plain(mount) < plain(known) {
            *known = mount;
        }
    }
    best.into_values().map(|mount| mount.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = "22 27 0:21 / /proc rw,relatime - proc proc rw\n\
        26 24 0:24 / /dev/pts rw - devpts devpts rw,mode=600\n\
        24 27 0:6 / /dev rw - devtmpfs devtmpfs rw\n\
        27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n\
        29 26 0:26 / /dev/pts rw - devpts second rw,mode=600\n";

    fn targets(text: &str) -> Vec<String> {
        visible(parse(text).0).into_iter().map(|mount| format!("{} {}", mount.target, mount.source)).collect()
    }

    fn told(text: &str, site: FakeSite) -> Told {
        let mut site = site.file("/proc/self/mountinfo", text);
        let mounts = Mounts::read(&mut site).unwrap();
        Told(mounts.facts(&mut site))
    }

    struct Told(Fact);

    impl Told {
        /// The JSON of one fact of the mount on `target`.
        fn get(&self, target: &str, name: &str) -> String {
            let Fact::List(list) = &self.0 else { panic!("no list") };
            let json = list.items.iter().map(Fact::to_json).find(|json| json["target"] == target).unwrap();
            json.get(name).map_or("absent".to_owned(), ToString::to_string)
        }
    }

    fn disk(size: u64, free: u64, available: u64, inodes: u64, inodes_free: u64) -> Result<Statfs, Cause> {
        Ok(Statfs { size, free, available, inodes, inodes_free })
    }

    #[test]
    fn of_stacked_mounts_only_the_last_is_told() {
        assert_eq!(targets(PLAIN), ["/proc proc", "/dev devtmpfs", "/ /dev/vda", "/dev/pts second"]);
    }

    #[test]
    fn what_was_mounted_over_is_not_told() {
        let covered = format!(
            "{PLAIN}40 27 8:1 / /data/old rw - xfs /dev/sda1 rw\n41 27 8:2 / /data rw - xfs /dev/sda2 rw\n\
             42 41 8:3 / /data/new rw - xfs /dev/sda3 rw\n"
        );
        let targets = targets(&covered);
        assert!(!targets.contains(&"/data/old /dev/sda1".to_owned()), "{targets:?}");
        assert!(targets.contains(&"/data/new /dev/sda3".to_owned()), "{targets:?}");
    }

    #[test]
    fn a_mount_of_the_same_device_is_repeated() {
        let text = format!("{PLAIN}50 27 254:0 /srv /export rw - ext4 /dev/vda rw\n");
        let told = told(&text, FakeSite::new());
        assert_eq!(
            (told.get("/", "repeated"), told.get("/export", "repeated")),
            ("false".into(), "true".into())
        );
    }

    #[test]
    fn fullness_counts_as_df_does() {
        // A disk with a reserve: 1 − available/size would give 75 %.
        let told = told(PLAIN, FakeSite::new().statfs_of("/", disk(1000, 750, 250, 0, 0)));
        assert_eq!(told.get("/", "used_percent"), "50.0");
        assert_eq!(told.get("/", "inodes_used_percent"), "absent");
    }

    #[test]
    fn impossible_sizes_are_survived() {
        let told = told(PLAIN, FakeSite::new().statfs_of("/", disk(0, u64::MAX, 0, u64::MAX, 0)));
        assert_eq!(told.get("/", "used_percent"), "absent");
        assert_eq!(told.get("/", "inodes"), i64::MAX.to_string());
        assert_eq!(told.get("/", "inodes_used_percent"), "100.0");
    }

    #[test]
    fn network_mounts_are_named_and_never_measured() {
        let text = format!("{PLAIN}60 27 0:50 / /net rw - nfs4 files.example:/x rw\n");
        let told = told(&text, FakeSite::new().statfs_of("/net", disk(1, 1, 1, 1, 1)));
        assert_eq!(told.get("/net", "class"), "\"network\"");
        assert!(told.get("/net", "total_bytes").contains("can hang"));
        assert_eq!(told.get("/proc", "total_bytes"), "absent");
    }

    #[test]
    fn a_size_that_is_refused_is_unknown_for_that_mount_only() {
        let late = Err(Cause::new(CauseKind::TimedOut, "took too long"));
        let told = told(PLAIN, FakeSite::new().statfs_of("/", disk(4, 2, 2, 4, 4)).statfs_of("/dev", late));
        assert!(told.get("/dev", "used_percent").contains("timed-out"));
        assert_eq!(told.get("/", "used_percent"), "50.0");
    }

    #[test]
    fn either_option_field_makes_it_read_only() {
        for (options, super_options, expected) in [
            ("rw", "rw", "false"),
            ("ro,nosuid", "rw", "true"),
            ("rw", "ro", "true"),
            ("rw", "rw,emergency_ro", "true"),
            ("rw", "rw,errors=remount-ro", "false"),
        ] {
            let text = format!("27 1 254:0 / / {options} - ext4 /dev/vda {super_options}\n");
            assert_eq!(
                told(&text, FakeSite::new()).get("/", "read_only"),
                expected,
                "{options} {super_options}"
            );
        }
    }

    #[test]
    fn odd_lines_make_the_list_partial() {
        for odd in [
            "x",
            "1 2 0:1 / /a rw",
            "a b 0:1 / /a rw - x y z",
            "1 2 0:1 / a rw - x y z",
            "1 2 0:1 / /a rw - x",
        ] {
            let mut site = FakeSite::new().file("/proc/self/mountinfo", format!("{PLAIN}{odd}"));
            let mounts = Mounts::read(&mut site).unwrap();
            assert_eq!((mounts.visible.len(), mounts.partial.is_some()), (4, true), "{odd}");
        }
    }

    #[test]
    fn mounts_that_hang_on_each_other_in_a_circle_end() {
        assert_eq!(targets("1 2 0:1 / /a rw - x y z\n2 1 0:2 / /a/b rw - x y z\n").len(), 2);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s).*", line in "[0-9]{1,2} [0-9] [0-9:]{0,4} [/a]{0,4} [/a\\\\0-9]{0,9} r[ow] (- ){0,2}x y z?") {
            visible(parse(&text).0);
            visible(parse(&format!("{line}\n{line}\n{text}")).0);
        }
    }
}
