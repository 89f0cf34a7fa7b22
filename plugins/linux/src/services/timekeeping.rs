//! Whether somebody keeps the clock right.
//!
//! The kernel knows whether it was told the right time of late (adjtimex(2)); `timedatectl` passes that on. Its yes is
//! believed. Its no is not enough: chronyd tells the kernel only where `rtcsync` is set (chrony.conf(5)), and for some
//! minutes after the clock was stepped the kernel does not know. So a file that a daemon writes only while it is
//! synchronised outweighs it while it is fresh. Without the kernel's word these files are evidence for, and nothing is
//! evidence against.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt, UnknownOr};

use crate::basics::record::record;
use crate::services::processes::Processes;

/// The programs that set the system clock from other machines, by the names that the kernel keeps (15 characters).
const DAEMONS: [&str; 7] =
    ["chronyd", "ntpd", "ntp-daemon", "systemd-timesyn", "htpdate", "ptp4l", "phc2sys"];

/// Programs by which a hypervisor sets the clock of its guest.
const GUEST_TOOLS: [&str; 3] = ["vmtoolsd", "VBoxService", "VBoxClient"];

/// Where the module for Hyper-V's services shows itself; one of them sets the clock.
const HYPER_V: &str = "/sys/bus/vmbus/drivers/hv_utils";

/// Touched by timesyncd each time it has synchronised (systemd-timesyncd.service(8)), which is at the longest about every
/// half hour (timesyncd.conf(5), PollIntervalMaxSec).
const TIMESYNCD: &str = "/run/systemd/timesync/synchronized";

/// Rewritten about once an hour while the daemon follows a source (chrony.conf(5), ntp.conf(5)).
const DRIFT_FILES: [&str; 5] = [
    "/var/lib/chrony/chrony.drift",
    "/var/lib/chrony/drift",
    "/var/lib/ntpsec/ntp.drift",
    "/var/lib/ntp/ntp.drift",
    "/var/lib/ntp/drift",
];

/// Twice the hour in which a drift file is rewritten.
const FRESH_SECONDS: i64 = 7200;

/// The record `clock`; `commands` says why systemd's commands are not to be asked, `now` is seconds since 1970.
pub(crate) fn clock(
    site: &mut dyn Site,
    processes: &Result<Processes, Cause>,
    commands: &Result<(), Cause>,
    now: i64,
) -> Fact {
    let list =
        |names: &[&str]| processes.as_ref().map(|processes| processes.here(names)).map_err(Clone::clone);
    let daemons = list(&DAEMONS);
    let nobody = matches!(&daemons, Ok(Fact::List(list)) if list.items.is_empty() && list.partial.is_none());
    let by_host = by_host(site, list);
    let synchronised = match synchronised(site, commands, nobody, now) {
        Ok(answer) => Some(answer.into()),
        Err(cause) if nobody && cause.kind == CauseKind::NotApplicableHere => None,
        Err(cause) => Some(cause.into()),
    };
    record([
        ("daemons", Some(daemons.or_unknown())),
        ("set_by_hypervisor", Some(by_host.or_unknown())),
        ("synchronised", synchronised),
    ])
}

/// Whether a hypervisor may set the clock by a way of its own.
fn by_host(site: &mut dyn Site, list: impl Fn(&[&str]) -> Result<Fact, Cause>) -> Result<Fact, Cause> {
    if site.stat(HYPER_V).is_ok() {
        return Ok(true.into());
    }
    match list(&GUEST_TOOLS)? {
        Fact::List(tools) if !tools.items.is_empty() => Ok(true.into()),
        Fact::List(tools) => tools.partial.map_or_else(|| Ok(false.into()), |cause| Err(*cause)),
        _ => Ok(false.into()),
    }
}

/// `nobody` is whether no daemon runs that could have left a file.
fn synchronised(
    site: &mut dyn Site,
    commands: &Result<(), Cause>,
    nobody: bool,
    now: i64,
) -> Result<bool, Cause> {
    let word = commands.clone().and_then(|()| from_timedatectl(site));
    if word == Ok(true) || nobody {
        return word;
    }
    // Without the kernel's word it is enough that timesyncd has synchronised once since boot.
    let once = word.is_err() && site.stat(TIMESYNCD).is_ok();
    let fresh = once || [TIMESYNCD].iter().chain(&DRIFT_FILES).any(|file| is_fresh(site, file, now));
    if fresh { Ok(true) } else { word }
}

fn is_fresh(site: &mut dyn Site, file: &str, now: i64) -> bool {
    site.stat(file).is_ok_and(|stat| (0..FRESH_SECONDS).contains(&now.saturating_sub(stat.modified)))
}

fn from_timedatectl(site: &mut dyn Site) -> Result<bool, Cause> {
    let output = site.run("clock")?;
    let text = String::from_utf8_lossy(&output);
    let known: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    match known.get("NTPSynchronized").copied() {
        Some("yes") => Ok(true),
        Some("no") => Ok(false),
        _ => Err(Cause::new(
            CauseKind::NotAvailable,
            "timedatectl does not say whether the clock is synchronised",
        )),
    }
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::FileKind;
    use goodstead_plugin::Stat;
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn told(mut site: FakeSite, systemd: bool) -> String {
        let processes = Processes::read(&mut site);
        let none = Cause::new(CauseKind::NotApplicableHere, "process 1 is not systemd");
        let commands = if systemd { Ok(()) } else { Err(none) };
        clock(&mut site, &processes, &commands, 10_000).to_json().to_string()
    }

    fn host() -> FakeSite {
        FakeSite::new()
            .file("/proc/1/status", "Name:\tsystemd\n")
            .file("/proc/7/status", "Name:\tsystemd-timesyn\nNSpid:\t7\n")
    }

    fn file_of(modified: i64) -> Stat {
        Stat { kind: FileKind::File, size: 0, mode: 0o644, uid: 0, gid: 0, modified }
    }

    #[test]
    fn timedatectl_is_believed() {
        for (word, expected) in [("yes", "true"), ("no", "false")] {
            let site = host().command("clock", 0, format!("NTP=yes\nNTPSynchronized={word}\n"));
            assert_eq!(
                told(site, true),
                format!(
                    r#"{{"daemons":[{{"name":"systemd-timesyn"}}],"set_by_hypervisor":false,"synchronised":{expected}}}"#
                )
            );
        }
    }

    #[test]
    fn without_its_word_files_are_evidence_for_and_never_against() {
        assert!(told(host(), true).contains("$unknown"));
        assert!(told(host(), false).contains("$unknown"));
        assert!(told(host().command("clock", 0, "nonsense"), true).contains("does not say"));
        let synchronised = host().stat_of("/run/systemd/timesync/synchronized", file_of(1));
        assert!(told(synchronised, true).contains("\"synchronised\":true"));
        for (modified, known) in [(9_000, true), (2_000, false), (20_000, false)] {
            let site = host().stat_of("/var/lib/chrony/chrony.drift", file_of(modified));
            assert_eq!(told(site, false).contains("\"synchronised\":true"), known, "{modified}");
        }
    }

    #[test]
    fn what_a_daemon_wrote_of_late_outweighs_the_kernels_no() {
        let unsure = || host().command("clock", 0, "NTPSynchronized=no\n");
        for file in [TIMESYNCD, "/var/lib/chrony/drift"] {
            for (modified, known) in [(9_000, true), (2_000, false), (20_000, false)] {
                let told = told(unsure().stat_of(file, file_of(modified)), true);
                assert!(told.contains(&format!("\"synchronised\":{known}")), "{file} {modified}: {told}");
            }
        }
        // What a daemon left behind that no longer runs is no evidence.
        let nobody = FakeSite::new()
            .file("/proc/1/status", "Name:\tsystemd\n")
            .command("clock", 0, "NTPSynchronized=no\n")
            .stat_of("/var/lib/chrony/drift", file_of(9_000));
        assert!(told(nobody, true).contains("\"synchronised\":false"));
    }

    #[test]
    fn where_nobody_could_say_so_it_is_absent() {
        let nobody = || FakeSite::new().file("/proc/1/status", "Name:\tinit\n");
        assert_eq!(told(nobody(), false), r#"{"daemons":[],"set_by_hypervisor":false}"#);
        assert!(told(nobody(), true).contains("$unknown"));
    }

    #[test]
    fn a_hypervisor_may_set_it() {
        let tools = host().file("/proc/8/status", "Name:\tvmtoolsd\n");
        assert!(told(tools, false).contains("\"set_by_hypervisor\":true"));
        assert!(told(host().stat_of(HYPER_V, file_of(0)), false).contains("\"set_by_hypervisor\":true"));
    }
}
