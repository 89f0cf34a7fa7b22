//! What a line of the kernel's log is trouble of: its kind, and the device, program or server that it names.

/// A kind of trouble and whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Trouble {
    /// The kind, as the contract has it.
    pub(crate) kind: &'static str,
    /// The device, program or server; empty where the line names none.
    pub(crate) subject: String,
}

/// The trouble that `message` tells of, if any. Where messages changed between kernels, all forms from Linux 4.15 to
/// 6.12 are known.
pub(crate) fn of(message: &str) -> Option<Trouble> {
    let trouble = |kind, subject: Option<&str>| {
        let subject = subject.unwrap_or_default().trim_end_matches([':', ',']).to_owned();
        Some(Trouble { kind, subject })
    };
    let has = |part: &str| message.contains(part);
    // block/blk-core.c
    if has("critical medium error, dev ") {
        return trouble("medium-error", word_after(message, ", dev "));
    }
    if has("I/O error, dev ") {
        return trouble("io-error", word_after(message, ", dev "));
    }
    // drivers/nvme/host/pci.c
    if message.starts_with("nvme ") && has(" timeout") && has("I/O ") {
        return trouble("disk-timeout", word_after(message, "nvme "));
    }
    if let Some(device) = file_system(message) {
        return trouble("file-system-error", Some(device));
    }
    // mm/oom_kill.c; before Linux 5.3 the second line of a kill does not say whose limit it was.
    if has("Killed process ") {
        let at_limit = message.starts_with("Memory cgroup out of memory");
        return trouble(if at_limit { "oom-kill-at-limit" } else { "oom-kill" }, between(message, "(", ")"));
    }
    // kernel/hung_task.c
    if has("INFO: task ") && has(" blocked for more than ") {
        let task = between(message, "INFO: task ", " blocked for")
            .map(|task| task.rsplit_once(':').map_or(task, |(name, _)| name));
        return trouble("hung-task", task);
    }
    // kernel/watchdog.c, kernel/rcu/tree_stall.h
    if has("soft lockup - CPU#") || has("hard LOCKUP") || (has("rcu") && has("detected stall")) {
        return trouble("lockup", None);
    }
    // arch/x86/kernel/cpu/mce, drivers/acpi/apei
    if has("[Hardware Error]") {
        return trouble("hardware-error", None);
    }
    // net/netfilter/nf_conntrack_core.c
    if has("nf_conntrack") && has("table full, dropping packet") {
        return trouble("conntrack-full", None);
    }
    // net/sunrpc/clnt.c
    if has(": server ") && has(" not responding") {
        return trouble("nfs-not-responding", word_after(message, ": server "));
    }
    None
}

/// The device of a message in which a file system says that it is damaged or gave up.
fn file_system(message: &str) -> Option<&str> {
    let has = |part: &str| message.contains(part);
    let is_one = if message.starts_with("EXT4-fs error") {
        true
    } else if message.starts_with("EXT4-fs (") {
        has("Remounting filesystem read-only")
    } else if message.starts_with("XFS (") {
        has("orruption") || has("hut down") || has("hutting down") || has(" I/O error")
    } else if message.starts_with("BTRFS: error (device ") || message.starts_with("BTRFS critical (device ") {
        true
    } else if message.starts_with("BTRFS ") {
        // Other messages of this level are about mount options.
        ["forced readonly", " errs: ", "transid verify failed", "checksum verify failed", "csum failed"]
            .into_iter()
            .any(has)
    } else {
        false
    };
    let device = between(message, "(device ", ")").or_else(|| between(message, "(", ")"))?;
    // btrfs puts its state behind the device.
    is_one.then(|| device.split(':').next()).flatten()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

fn word_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_by_kind_and_subject() {
        for (message, kind, subject) in [
            (
                "I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2",
                "io-error",
                "sda",
            ),
            ("blk_update_request: I/O error, dev vdb, sector 0", "io-error", "vdb"),
            ("critical medium error, dev sdc, sector 9 op 0x0:(READ)", "medium-error", "sdc"),
            ("nvme nvme0: I/O 12 QID 3 timeout, aborting", "disk-timeout", "nvme0"),
            (
                "nvme nvme1: I/O tag 5 (1005) opcode 0x2 (I/O Cmd) QID 3 timeout, aborting",
                "disk-timeout",
                "nvme1",
            ),
            (
                "EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0",
                "file-system-error",
                "sda1",
            ),
            ("EXT4-fs (dm-0): Remounting filesystem read-only", "file-system-error", "dm-0"),
            ("XFS (sdb1): Metadata corruption detected at xfs_agf_read_verify", "file-system-error", "sdb1"),
            (
                "XFS (dm-2): Filesystem has been shut down due to log error (0x2).",
                "file-system-error",
                "dm-2",
            ),
            (
                "BTRFS error (device sdd1): bdev /dev/sdd1 errs: wr 1, rd 0, flush 0, corrupt 0, gen 0",
                "file-system-error",
                "sdd1",
            ),
            (
                "BTRFS: error (device sdd1) in btrfs_commit_transaction:2259: errno=-5 IO failure",
                "file-system-error",
                "sdd1",
            ),
            ("BTRFS info (device sdd1: state E): forced readonly", "file-system-error", "sdd1"),
            ("Out of memory: Killed process 812 (mysqld) total-vm:1kB, anon-rss:1kB", "oom-kill", "mysqld"),
            (
                "Memory cgroup out of memory: Killed process 9 (java) total-vm:1kB",
                "oom-kill-at-limit",
                "java",
            ),
            ("INFO: task jbd2/sda1-8:312 blocked for more than 120 seconds.", "hung-task", "jbd2/sda1-8"),
            ("watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [kworker/3:1:99]", "lockup", ""),
            ("rcu: INFO: rcu_preempt self-detected stall on CPU", "lockup", ""),
            ("mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 5: bea0000000000108", "hardware-error", ""),
            ("nf_conntrack: nf_conntrack: table full, dropping packet", "conntrack-full", ""),
            (
                "nfs: server files.example.test not responding, still trying",
                "nfs-not-responding",
                "files.example.test",
            ),
        ] {
            assert_eq!(of(message), Some(Trouble { kind, subject: subject.to_owned() }), "{message}");
        }
    }

    #[test]
    fn what_every_boot_says_is_no_trouble() {
        for message in [
            "",
            "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)",
            "EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.",
            "EXT4-fs (vda1): re-mounted. Quota mode: none.",
            "XFS (sda1): Mounting V5 Filesystem",
            "XFS (sda1): Unmounting Filesystem",
            "BTRFS error (device sda): unrecognized mount option 'ssd_spred'",
            "RETBleed: WARNING: Spectre v2 mitigation leaves CPU vulnerable to RETBleed attacks, data leaks possible!",
            "ACPI Error: No handler for Region [ECRM]",
            "nvme nvme0: pci function 0000:00:04.0",
            "systemd[1]: Killed unit",
            "I/O error, dev",
            "EXT4-fs error",
            "INFO: task",
        ] {
            assert_eq!(of(message), None, "{message}");
        }
    }
}
