//! `host.*`: what the agent itself knows of the machine, for all packs.
//!
//! Only of the live host: under `--root` all of it is unknown, never the machine on which the scan happens to run.

use std::fmt::Display;
use std::num::NonZero;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use goodstead_protocol::contract::{Contract, RawContract, validate};
use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::document::Document;
use goodstead_protocol::fact::{Cause, CauseKind, Fact};
use goodstead_protocol::intake::{admit, all_unknown};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sysinfo::{Disk, Disks, MemoryRefreshKind, RefreshKind, System};

/// A file system that hangs must not hold up the scan.
const DEADLINE: Duration = Duration::from_secs(3);

/// The contract of `host.*`.
///
/// # Errors
/// Only if the built-in text is broken, which a test rules out.
pub(crate) fn contract() -> Result<Contract, Vec<Diagnostic>> {
    #[derive(Deserialize)]
    struct File {
        facts: RawContract,
    }
    let document = Document::new("host.toml", include_str!("host.toml"));
    let file: File = document.parse().map_err(|error| vec![error])?;
    validate("host", file.facts, &document)
}

/// The facts of the live host at `time` (RFC 3339, UTC, whole seconds).
pub(crate) fn gather(contract: &Contract, time: &str) -> Fact {
    let (sender, receiver) = channel();
    // Only file systems can hang.
    thread::spawn(move || {
        let _ = sender.send(disks());
    });
    let mut facts = observe(time);
    let disks = receiver.recv_timeout(DEADLINE).unwrap_or_else(|_| {
        let detail = format!("the machine's file systems did not answer within {} s", DEADLINE.as_secs());
        Fact::unknown(CauseKind::TimedOut, detail).to_json()
    });
    if let Value::Object(facts) = &mut facts {
        facts.insert("disks".to_owned(), disks);
    }
    let sent =
        Fact::from_json(facts).unwrap_or_else(|problem| Fact::unknown(CauseKind::PluginFailed, problem));
    admit(contract, sent).facts
}

/// The facts of a host that is not running here.
pub(crate) fn elsewhere(contract: &Contract) -> Fact {
    let cause = Cause::new(CauseKind::NotApplicableHere, "the machine is only known on the live host");
    all_unknown(&contract.fields, &cause)
}

fn disks() -> Value {
    known(Disks::new_with_refreshed_list().map(|disks| disks.iter().map(disk).collect::<Vec<_>>()))
}

fn observe(time: &str) -> Value {
    let memory =
        System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::everything()));
    let memory = |read: fn(&System) -> u64| known(memory.as_ref().map(read));
    json!({
        "name": known(System::host_name()),
        "kernel": known(System::kernel_version()),
        "os_name": known(System::name()),
        "os_version": known(System::os_version()),
        "architecture": System::cpu_arch(),
        "cpus": known(thread::available_parallelism().map(NonZero::get)),
        "memory_bytes": memory(System::total_memory),
        "memory_available_bytes": memory(System::available_memory),
        "swap_bytes": memory(System::total_swap),
        "uptime_seconds": known(System::uptime()),
        "time": time,
    })
}

/// A value, or unknown with the system's reason.
fn known<T: Serialize, E: Display>(value: Result<T, E>) -> Value {
    match value {
        Ok(value) => json!(value),
        Err(error) => Fact::unknown(CauseKind::NotAvailable, error.to_string()).to_json(),
    }
}

fn disk(disk: &Disk) -> Value {
    json!({
        "mount": disk.mount_point().to_string_lossy(),
        "device": disk.name().to_string_lossy(),
        "filesystem": disk.file_system().to_string_lossy(),
        "total_bytes": disk.total_space(),
        "available_bytes": disk.available_space(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_host_is_known_and_another_is_not() {
        let contract = contract().unwrap();
        let live = gather(&contract, "2026-11-22T02:13:00Z").to_json();
        assert!(live["memory_bytes"].as_i64().unwrap() > 0, "{live}");
        assert_eq!(live["time"], "2026-11-22T02:13:00Z");
        let other = elsewhere(&contract).to_json();
        for (name, fact) in other.as_object().unwrap() {
            assert_eq!(fact["$unknown"]["kind"], "not-applicable-here", "{name}");
        }
    }
}
