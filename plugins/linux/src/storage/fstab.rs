//! What /etc/fstab promises, held against what is mounted and swapped to.

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt};

use crate::basics::plain::plain;
use crate::basics::record::record;
use crate::storage::file_system::Class;
use crate::storage::mountinfo::{Mount, unescape};
use crate::storage::mounts::Mounts;

/// More lines than this are not told one by one.
const MAX_LINES: usize = 1000;

/// One line of fstab(5).
#[derive(Debug, PartialEq)]
struct Line {
    number: i64,
    source: String,
    target: String,
    fstype: String,
    options: Vec<String>,
}

impl Line {
    fn has(&self, wanted: &[&str]) -> bool {
        self.options.iter().any(|option| wanted.contains(&option.as_str()))
    }

    /// Whether a boot without it is incomplete.
    fn is_required(&self) -> bool {
        let waived = ["noauto", "nofail", "x-systemd.automount", "comment=systemd.automount"];
        let stored = matches!(Class::of(&self.fstype, &self.source, ""), Class::Local | Class::Network)
            // A part of another file system, or one whose type is found out.
            || matches!(self.fstype.as_str(), "none" | "auto" | "bind");
        stored && !self.has(&waived)
    }

    fn is_swap(&self) -> bool {
        self.fstype == "swap"
    }

    /// The mount that it became: on its folder, or of its source where the folder is reached by a link.
    fn mount<'a>(&self, visible: &'a [Mount]) -> Option<&'a Mount> {
        visible.iter().find(|mount| mount.target == self.target).or_else(|| {
            let same = |mount: &&Mount| mount.source == self.source && mount.fstype == self.fstype;
            self.source.starts_with("/dev/").then(|| visible.iter().find(same)).flatten()
        })
    }
}

/// The file, read once for both lists.
#[derive(Debug)]
pub(crate) struct Fstab {
    lines: Vec<Line>,
    partial: Option<Cause>,
}

impl Fstab {
    /// Reads it; where there is none, nothing is promised.
    ///
    /// # Errors
    /// Why it is unknown.
    pub(crate) fn read(site: &mut dyn Site) -> Result<Fstab, Cause> {
        let text = match site.read_text("/etc/fstab") {
            Err(cause) if cause.kind == CauseKind::Absent => String::new(),
            outcome => outcome?,
        };
        let mut lines: Vec<Line> =
            (1..).zip(text.lines()).filter_map(|(number, line)| parse(number, line)).collect();
        let many = lines.len() > MAX_LINES;
        lines.truncate(MAX_LINES);
        let cut = || {
            Cause::new(
                CauseKind::TooLarge,
                format!("only the first {MAX_LINES} lines of /etc/fstab are looked at"),
            )
        };
        Ok(Fstab { lines, partial: many.then(cut) })
    }

    fn list(&self, items: Vec<Fact>) -> Fact {
        Fact::List(Elements { items, partial: self.partial.clone().map(Box::new) })
    }

    /// The list `fstab`.
    pub(crate) fn mounts(&self, mounts: &Result<Mounts, Cause>) -> Fact {
        let told = self.lines.iter().filter(|line| !line.is_swap()).map(|line| {
            let mount = mounts.as_ref().map(|mounts| line.mount(&mounts.visible)).map_err(Clone::clone);
            let mounted = match (&mount, mounts) {
                (Ok(None), Ok(Mounts { partial: Some(cause), .. })) => cause.clone().into(),
                (Ok(mount), _) => mount.is_some().into(),
                (Err(cause), _) => cause.clone().into(),
            };
            // What lies over or in place of it, as an overlay does, says nothing about it, and a disc that was put in
            // where the type is found out is read-only by nature.
            let found_out = |mount: &Mount| line.fstype == "auto" && mount.class() != Class::Image;
            let comparable = |mount: &&Mount| mount.fstype == line.fstype || found_out(mount);
            let read_only = match mount {
                Ok(mount) => mount.filter(comparable).map(|mount| Fact::from(mount.refuses_writes())),
                Err(cause) => Some(cause.into()),
            };
            record([
                ("target", Some(plain(&line.target).into())),
                ("source", Some(plain(&line.source).into())),
                ("fstype", Some(plain(&line.fstype).into())),
                ("line", Some(Fact::Int(line.number))),
                ("required", Some(line.is_required().into())),
                ("read_only_wanted", Some(line.has(&["ro"]).into())),
                ("mounted", Some(mounted)),
                ("read_only", read_only),
            ])
        });
        self.list(told.collect())
    }

    /// The list `fstab_swaps`; `swaps` is the list of those in use.
    pub(crate) fn swaps(&self, swaps: &Result<Fact, Cause>) -> Fact {
        let lines: Vec<&Line> = self.lines.iter().filter(|line| line.is_swap()).collect();
        let active = swaps.as_ref().map(devices).map_err(Clone::clone);
        let told = lines.iter().map(|line| {
            let in_use = match &active {
                Ok(active) => in_use(&line.source, active, lines.len()),
                Err(cause) => cause.clone().into(),
            };
            record([
                ("source", Some(plain(&line.source).into())),
                ("line", Some(Fact::Int(line.number))),
                ("required", Some((!line.has(&["noauto", "nofail"])).into())),
                ("active", Some(in_use)),
            ])
        });
        self.list(told.collect())
    }
}

/// The devices and files that are swapped to, without compressed memory, which no line of fstab makes.
fn devices(swaps: &Fact) -> Vec<String> {
    let Fact::List(list) = swaps else { return Vec::new() };
    let device = |swap: &Fact| match swap {
        Fact::Map(map) if map.items.get("compressed") == Some(&Fact::Bool(false)) => {
            match map.items.get("device") {
                Some(Fact::Text(device)) => Some(device.clone()),
                _ => None,
            }
        }
        _ => None,
    };
    list.items.iter().filter_map(device).collect()
}

/// Whether the swap of one of `promised` lines is in use. Which device an id or a mapped name stands for is not known
/// here, but none in use and as many as are promised both settle it.
fn in_use(source: &str, active: &[String], promised: usize) -> Fact {
    if active.iter().any(|device| device == source) {
        true.into()
    } else if active.is_empty() {
        false.into()
    } else if active.len() >= promised {
        true.into()
    } else {
        Fact::unknown(
            CauseKind::NotAvailable,
            format!("which of the swap areas in use {} is cannot be told", plain(source)),
        )
    }
}

fn parse(number: i64, line: &str) -> Option<Line> {
    let mut fields = line.split_whitespace();
    let source = fields.next().filter(|source| !source.starts_with('#'))?;
    let (target, fstype) = (fields.next()?, fields.next()?);
    let options = fields.next().unwrap_or("defaults");
    let target = unescape(target);
    let target = match target.trim_end_matches('/') {
        "" => "/".to_owned(),
        // Links on every distribution of today (file-hierarchy(7)).
        "/var/run" => "/run".to_owned(),
        "/var/lock" => "/run/lock".to_owned(),
        plain => plain.to_owned(),
    };
    (fstype == "swap" || target.starts_with('/')).then(|| Line {
        number,
        source: unescape(source),
        target,
        fstype: fstype.to_owned(),
        options: options.split(',').map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::*;
    use crate::machine::memory;

    fn told(fstab: &str, mountinfo: &str) -> String {
        let mut site = FakeSite::new().file("/etc/fstab", fstab).file("/proc/self/mountinfo", mountinfo);
        let mounts = Mounts::read(&mut site);
        let json = Fstab::read(&mut site).unwrap().mounts(&mounts).to_json();
        let mut text = String::new();
        for entry in json.as_array().unwrap() {
            let of = |name: &str| entry.get(name).map_or("-".to_owned(), ToString::to_string);
            text += &format!(
                "{} required {} mounted {} wants ro {} is ro {}\n",
                of("target"),
                of("required"),
                of("mounted"),
                of("read_only_wanted"),
                of("read_only")
            );
        }
        text
    }

    #[test]
    fn lines_are_held_against_mounts() {
        let fstab = "# comment\nUUID=1 / ext4 errors=remount-ro 0 1\n/dev/sdb1 /data xfs defaults 0 2\n/dev/sdc1 /spare ext4 nofail\n\
            files.example.test:/x /net/ nfs _netdev\n/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto\nproc /proc proc defaults\n\
            LABEL=x /my\\040disk ext4 ro\n/srv /export none bind\n/dev/sdd1 /linked ext4 defaults\nodd\nUUID=2 none swap sw\n";
        let mountinfo = "27 1 8:1 / / rw - ext4 /dev/sda1 ro,errors=remount-ro\n28 27 8:2 / /my\\040disk ro - ext4 /dev/sde1 ro\n\
            29 27 8:3 / /elsewhere rw - ext4 /dev/sdd1 rw\n30 27 0:5 / /proc rw - proc proc rw\n";
        insta::assert_snapshot!(told(fstab, mountinfo), @r#"
        "/" required true mounted true wants ro false is ro true
        "/data" required true mounted false wants ro false is ro -
        "/spare" required false mounted false wants ro false is ro -
        "/net" required true mounted false wants ro false is ro -
        "/media/cdrom0" required false mounted false wants ro false is ro -
        "/proc" required false mounted true wants ro false is ro false
        "/my disk" required true mounted true wants ro true is ro true
        "/export" required true mounted false wants ro false is ro -
        "/linked" required true mounted true wants ro false is ro false
        "#);
    }

    #[test]
    fn an_overlay_in_place_of_a_disk_says_nothing_about_it() {
        assert!(
            told("UUID=1 / ext4 defaults\n", "27 1 0:9 / / ro - overlay overlay ro\n").ends_with("is ro -\n")
        );
    }

    fn swaps(fstab: &str, active: &str) -> String {
        let text = format!("Filename Type Size Used Priority\n{active}");
        let mut site = FakeSite::new().file("/etc/fstab", fstab).file("/proc/swaps", text);
        let swaps = memory::swaps(&mut site);
        let json = Fstab::read(&mut site).unwrap().swaps(&swaps).to_json();
        json.as_array()
            .unwrap()
            .iter()
            .map(|swap| swap["active"].as_bool().map_or("? ".to_owned(), |is| format!("{is} ")))
            .collect()
    }

    #[test]
    fn swap_is_in_use_when_that_can_be_told() {
        let two = "UUID=1 none swap sw 0 0\n/swapfile none swap sw 0 0\n";
        assert_eq!(swaps(two, ""), "false false ");
        assert_eq!(swaps(two, "/dev/zram0 partition 8 0 100\n"), "false false ");
        assert_eq!(swaps(two, "/dev/sda2 partition 8 0 -2\n"), "? ? ");
        assert_eq!(swaps(two, "/swapfile file 8 0 -2\n"), "? true ");
        assert_eq!(swaps(two, "/swapfile file 8 0 -2\n/dev/sda2 partition 8 0 -3\n"), "true true ");
    }

    #[test]
    fn a_disc_whose_type_is_found_out_is_not_read_only_by_accident() {
        let of = |mount: &str| told("/dev/sr0 /media/disc auto noauto\n", mount);
        assert!(of("30 27 11:0 / /media/disc ro - iso9660 /dev/sr0 ro\n").ends_with("is ro -\n"));
        assert!(of("30 27 8:1 / /media/disc ro - ext4 /dev/sr0 ro\n").ends_with("is ro true\n"));
    }

    #[test]
    fn a_flood_is_cut_and_said() {
        let flood = "a /b ext4\n".repeat(MAX_LINES + 1);
        let fstab = Fstab::read(&mut FakeSite::new().file("/etc/fstab", flood)).unwrap();
        assert_eq!((fstab.lines.len(), fstab.partial.unwrap().kind), (MAX_LINES, CauseKind::TooLarge));
        assert_eq!(Fstab::read(&mut FakeSite::new()).unwrap().lines, []);
    }

    proptest! {
        #[test]
        fn nonsense_never_breaks_it(line in "(/|\\\\[0-9]{1,3}| |,|#|swap|ext4|\\PC){0,20}") {
            let _ = parse(1, &line);
        }
    }
}
