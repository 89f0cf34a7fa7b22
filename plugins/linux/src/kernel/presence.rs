//! Whose kernel this is, and whether anything of it runs here.
//!
//! The plugin has no eyes of its own: what it asks for, the agent reads. So "self" is the agent, and what is told here
//! is true of the place where the agent runs.

use goodstead_plugin::{Cause, CauseKind, FileKind, Site, SiteExt};

use crate::software::os;
use crate::storage::mountinfo::Mount;

/// The flag of a kernel thread in the ninth field of /proc/PID/stat (`PF_KTHREAD`, include/linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Why a running value is unknown in a folder, an image or a snapshot.
pub(crate) fn not_live() -> Cause {
    Cause::new(CauseKind::NotApplicableHere, "the running value is only known on the live host")
}

/// Whether running values are at hand.
///
/// # Errors
/// Why it cannot be told.
pub(crate) fn live(site: &mut dyn Site) -> Result<bool, Cause> {
    match site.read("/proc/sys/kernel/osrelease") {
        // A copied /proc is not a running kernel: the agent answers for the space of file systems on the live host only.
        Ok(_) => Ok(!site.statfs(&["/"]).is_err_and(|cause| cause.kind == CauseKind::NotApplicableHere)),
        Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Whether the kernel's settings belong to this host.
///
/// Process 2 of the first process namespace is `kthreadd`, the parent of all kernel threads, and no process can give
/// itself the flag that says so. In a container process 2 is an ordinary one or is not there. Files such as
/// `/.dockerenv` prove nothing: they stay where an image became a machine's root. A container that shares the host's
/// process namespace counts as the host, which is right for kernel settings.
///
/// # Errors
/// Why it cannot be told: /proc hides the processes of others (`hidepid`), or cannot be read.
pub(crate) fn own_kernel(site: &mut dyn Site, mounts: Result<&[Mount], &Cause>) -> Result<bool, Cause> {
    match site.read_text("/proc/2/stat") {
        Ok(stat) => flags(&stat).map(|flags| flags & KERNEL_THREAD != 0).ok_or_else(|| {
            Cause::new(CauseKind::NotAvailable, "/proc/2/stat is not as proc(5) describes it")
        }),
        Err(cause) if cause.kind == CauseKind::Absent => match mounts {
            Ok(mounts) if !mounts.iter().any(hides_processes) => Ok(false),
            _ => Err(Cause::new(CauseKind::NotPermitted, "/proc may hide process 2 from the agent's user")
                .remedy("sudo goodstead check")),
        },
        Err(cause) => Err(cause),
    }
}

/// Whether the kernel's settings belong to a system that is not running: one that boots decides them by its files. An
/// image of a container has no init system.
///
/// # Errors
/// Why it cannot be told.
pub(crate) fn own_kernel_of_files(site: &mut dyn Site) -> Result<bool, Cause> {
    os::full_system(site)
}

fn flags(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything, so the fields are counted from the last one on.
    stat.rsplit_once(") ")?.1.split_whitespace().nth(6)?.parse().ok()
}

fn hides_processes(mount: &Mount) -> bool {
    mount.target == "/proc"
        && mount
            .super_options
            .split(',')
            .any(|option| option.strip_prefix("hidepid=").is_some_and(|level| !matches!(level, "0" | "off")))
}

/// Whether systemd is process 1, by the documented test of sd_booted(3).
///
/// # Errors
/// Why it cannot be told.
pub(crate) fn systemd(site: &mut dyn Site) -> Result<bool, Cause> {
    match site.stat("/run/systemd/system") {
        Ok(stat) => Ok(stat.kind == FileKind::Folder),
        Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// The random id of this boot.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn boot_id(site: &mut dyn Site) -> Result<String, Cause> {
    Ok(site.read_text("/proc/sys/kernel/random/boot_id")?.trim().chars().take(64).collect())
}

/// Whole seconds since boot.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn uptime_seconds(site: &mut dyn Site) -> Result<i64, Cause> {
    let text = site.read_text("/proc/uptime")?;
    text.split(['.', ' ', '\n'])
        .next()
        .and_then(|seconds| seconds.parse().ok())
        .ok_or_else(|| Cause::new(CauseKind::NotAvailable, "/proc/uptime is not as proc(5) describes it"))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;
    use crate::storage::mountinfo::parse;

    fn proc_with(options: &str) -> Vec<Mount> {
        parse(&format!("22 1 0:21 / /proc rw - proc proc {options}\n")).0
    }

    fn asked(site: FakeSite, options: &str) -> Result<bool, CauseKind> {
        let mut site = site;
        own_kernel(&mut site, Ok(&proc_with(options))).map_err(|cause| cause.kind)
    }

    #[test]
    fn process_2_tells_a_host_from_a_container() {
        let host = FakeSite::new().file("/proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0\n");
        assert_eq!(asked(host, "rw"), Ok(true));
        // A process may call itself what it likes.
        let liar =
            FakeSite::new().file("/proc/2/stat", "2 (a) S 0 0 0 0 -1 2129984 ) S 0 0 0 0 -1 4194560 0 0\n");
        assert_eq!(asked(liar, "rw"), Ok(false));
    }

    #[test]
    fn a_missing_process_2_is_a_container_unless_processes_are_hidden() {
        assert_eq!(asked(FakeSite::new(), "rw"), Ok(false));
        assert_eq!(asked(FakeSite::new(), "rw,hidepid=0"), Ok(false));
        assert_eq!(asked(FakeSite::new(), "rw,gid=1,hidepid=invisible"), Err(CauseKind::NotPermitted));
        assert_eq!(asked(FakeSite::new(), "rw,hidepid=2"), Err(CauseKind::NotPermitted));
    }

    #[test]
    fn dockerenv_does_not_make_a_container() {
        let site = FakeSite::new()
            .file("/.dockerenv", "")
            .file("/proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0\n");
        assert_eq!(asked(site, "rw"), Ok(true));
    }

    #[test]
    fn nonsense_is_unknown() {
        for nonsense in ["", "2", "2 (x) S", "2 (x) S 0 0 0 0 -1 many"] {
            let site = FakeSite::new().file("/proc/2/stat", nonsense);
            assert_eq!(asked(site, "rw"), Err(CauseKind::NotAvailable), "{nonsense}");
        }
        assert!(uptime_seconds(&mut FakeSite::new().file("/proc/uptime", "soon")).is_err());
        assert_eq!(uptime_seconds(&mut FakeSite::new().file("/proc/uptime", "12.98 3.0\n")).unwrap(), 12);
    }
}
