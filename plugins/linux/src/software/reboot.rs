//! Whether a restart is due: what packages ask for, and which kernel waits on the disk.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt};

use crate::basics::clock::age;

/// Written by the hooks of Debian and Ubuntu, and of SUSE.
const MARKERS: [&str; 2] = ["/run/reboot-required", "/run/reboot-needed"];

const MODULES: &str = "/lib/modules";

/// So many of the newest folders of modules are held against images.
const MAX_KERNELS: usize = 10;

/// More packages than this are not told.
const MAX_PACKAGES: usize = 50;

/// The record `reboot`.
pub(crate) fn reboot(site: &mut dyn Site, now: &Result<i64, Cause>) -> Fact {
    let mut record = BTreeMap::new();
    let mut put = |name: &str, fact: Fact| _ = record.insert(name.to_owned(), fact);
    let old =
        |then: i64| now.as_ref().map_or_else(|cause| cause.clone().into(), |now| Fact::Int(age(*now, then)));
    match marker(site) {
        Ok(Some(then)) => put("marker_seconds", old(then)),
        Ok(None) => {}
        Err(cause) => put("marker_seconds", cause.into()),
    }
    put("packages", asking(site));
    put("live_patched", live_patched(site).map_or_else(Fact::from, Fact::from));
    match site.read_text("/proc/sys/kernel/osrelease") {
        Ok(running) => {
            // The kernel itself keeps to 64 bytes (`__NEW_UTS_LEN`).
            let running: String = running.trim().chars().take(64).collect();
            match newer_kernel(site, &running) {
                Ok(Some((newer, since))) => {
                    put("newer_kernel", newer.into());
                    put("newer_kernel_seconds", old(since));
                }
                Ok(None) => {}
                Err(cause) => {
                    put("newer_kernel", cause.clone().into());
                    put("newer_kernel_seconds", cause.into());
                }
            }
            put("running_kernel", running.into());
        }
        Err(cause) => {
            for name in ["running_kernel", "newer_kernel", "newer_kernel_seconds"] {
                put(name, cause.clone().into());
            }
        }
    }
    record.into()
}

fn marker(site: &mut dyn Site) -> Result<Option<i64>, Cause> {
    for path in MARKERS {
        match site.stat(path) {
            Ok(stat) => return Ok(Some(stat.modified)),
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(None)
}

/// Each package once: every run adds its own again.
fn asking(site: &mut dyn Site) -> Fact {
    match site.read_text("/run/reboot-required.pkgs") {
        Ok(text) => {
            let names: BTreeSet<&str> = text.lines().map(str::trim).filter(|line| is_package(line)).collect();
            names.into_iter().take(MAX_PACKAGES).map(Fact::from).collect::<Vec<_>>().into()
        }
        Err(cause) if cause.kind == CauseKind::Absent => Vec::new().into(),
        Err(cause) => cause.into(),
    }
}

fn is_package(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_' | ':' | '~');
    (1..=100).contains(&name.len()) && name.chars().all(good)
}

fn live_patched(site: &mut dyn Site) -> Result<bool, Cause> {
    match site.list("/sys/kernel/livepatch") {
        Ok(patches) => Ok(!patches.is_empty()),
        Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// The newest kernel of the running one's flavour when that is not the running one, and when the first that is newer
/// was installed: with each further one the wait goes on, it does not begin anew.
///
/// Where the running kernel has no folder, it was not installed by packages, and nothing is compared.
fn newer_kernel(site: &mut dyn Site, running: &str) -> Result<Option<(String, i64)>, Cause> {
    let folders = match site.list(MODULES) {
        Ok(folders) => folders,
        Err(cause) if cause.kind == CauseKind::Absent => return Ok(None),
        Err(cause) => return Err(cause),
    };
    if !folders.iter().any(|folder| folder.name == running) {
        return Ok(None);
    }
    let (own, flavour) = release(running);
    let mut newer: Vec<_> = folders
        .into_iter()
        .map(|folder| folder.name)
        .filter(|name| {
            let (version, other) = release(name);
            other == flavour && version > own
        })
        .collect();
    newer.sort_by_key(|name| release(name).0);
    let mut newest: Option<(String, i64)> = None;
    for name in newer.into_iter().rev().take(MAX_KERNELS) {
        // A folder without an image is what a removed kernel or a driver's package left behind.
        for image in [format!("/boot/vmlinuz-{name}"), format!("{MODULES}/{name}/vmlinuz")] {
            if site.stat(&image).is_ok() {
                let since = site.stat(&format!("{MODULES}/{name}"))?.modified;
                newest = Some(newest.map_or((name, since), |(newest, first)| (newest, first.min(since))));
                break;
            }
        }
    }
    Ok(newest)
}

/// The numbers of a kernel's release and its flavour: `6.1.0-56-cloud-amd64` is [6, 1, 0, 56] and `cloud-amd64`. The
/// minor release of `el9_4` is no flavour.
fn release(name: &str) -> (Vec<u64>, String) {
    let start =
        name.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '_')).unwrap_or(name.len());
    let (numbers, flavour) = name.split_at_checked(start).unwrap_or((name, ""));
    let numbers = numbers.split(['.', '-', '_']).filter_map(|number| number.parse().ok()).collect();
    let flavour = flavour
        .split('.')
        .map(|part| match part.split_once('_') {
            Some((release, minor))
                if release.starts_with("el") && minor.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                release
            }
            _ => part,
        })
        .collect::<Vec<_>>();
    (numbers, flavour.join("."))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use goodstead_plugin::{FileKind, Stat};
    use proptest::prelude::*;

    use super::*;

    fn running(release: &str) -> FakeSite {
        let path = format!("{MODULES}/{release}/modules.dep");
        FakeSite::new().file("/proc/sys/kernel/osrelease", format!("{release}\n")).file(&path, "")
    }

    fn installed(site: FakeSite, release: &str) -> FakeSite {
        installed_at(site, release, 400)
    }

    fn installed_at(site: FakeSite, release: &str, modified: i64) -> FakeSite {
        let stat = Stat { kind: FileKind::Folder, size: 1, mode: 0o755, uid: 0, gid: 0, modified };
        site.file(&format!("{MODULES}/{release}/modules.dep"), "")
            .stat_of(&format!("{MODULES}/{release}"), stat)
            .file(&format!("/boot/vmlinuz-{release}"), "")
    }

    fn newer(mut site: FakeSite) -> String {
        let json = reboot(&mut site, &Ok(1000)).to_json();
        format!("{} {}", json["newer_kernel"], json["newer_kernel_seconds"])
    }

    #[test]
    fn the_newest_kernel_of_the_same_flavour_counts() {
        let host = || running("6.1.0-9-amd64");
        assert_eq!(
            newer(installed(installed(host(), "6.1.0-10-amd64"), "6.1.0-56-amd64")),
            "\"6.1.0-56-amd64\" 600"
        );
        assert_eq!(newer(installed(host(), "6.1.0-8-amd64")), "null null");
        assert_eq!(newer(installed(host(), "6.1.0-56-cloud-amd64")), "null null");
        let red = running("5.14.0-362.8.1.el9_3.x86_64");
        assert_eq!(
            newer(installed(red, "5.14.0-427.13.1.el9_4.x86_64")),
            "\"5.14.0-427.13.1.el9_4.x86_64\" 600"
        );
        assert_eq!(newer(installed(running("5.15.0-1.el9uek.x86_64"), "5.15.0-427.el9.x86_64")), "null null");
        assert_eq!(
            newer(installed(running("6.12.43+deb13-amd64"), "6.12.57+deb13-amd64")),
            "\"6.12.57+deb13-amd64\" 600"
        );
    }

    #[test]
    fn a_further_kernel_does_not_begin_the_wait_anew() {
        let two = installed_at(running("6.1.0-9-amd64"), "6.1.0-10-amd64", 100);
        assert_eq!(newer(installed_at(two, "6.1.0-56-amd64", 900)), "\"6.1.0-56-amd64\" 900");
    }

    #[test]
    fn folders_without_an_image_and_foreign_kernels_do_not_count() {
        let left = running("6.1.0-9-amd64").file(&format!("{MODULES}/6.1.0-56-amd64/updates/x.ko"), "");
        assert_eq!(newer(left), "null null");
        let foreign = FakeSite::new().file("/proc/sys/kernel/osrelease", "6.1.0-9-amd64\n");
        assert_eq!(newer(installed(foreign, "6.1.0-56-amd64")), "null null");
        assert_eq!(newer(FakeSite::new().file("/proc/sys/kernel/osrelease", "6.18.0\n")), "null null");
    }

    #[test]
    fn packages_that_ask_are_told_once() {
        let mut site =
            running("6.1.0").file("/run/reboot-required", "*** System restart required ***\n").file(
                "/run/reboot-required.pkgs",
                "linux-image-amd64\nlibc6\nlinux-image-amd64\nnot a package\n\n",
            );
        let json = reboot(&mut site, &Ok(1000)).to_json();
        assert_eq!(json["packages"], serde_json::json!(["libc6", "linux-image-amd64"]));
        assert_eq!(json["marker_seconds"], 1000);
        assert_eq!(json["live_patched"], false);
        let mut patched = running("6.1.0").file("/sys/kernel/livepatch/klp_1/enabled", "1");
        assert_eq!(reboot(&mut patched, &Ok(1000)).to_json()["live_patched"], true);
    }

    proptest! {
        #[test]
        fn no_name_breaks_it(name in "([0-9._-]|el9|\\PC){0,20}") {
            let _ = release(&name);
        }
    }
}
