//! What happens after the kernel has panicked, apart from the setting `kernel/panic`.

use goodstead_plugin::{Cause, CauseKind, Fact, UnknownOr, facts};

use crate::basics::readings::Readings;

const LOADED: &str = "/sys/kernel/kexec_crash_loaded";
const WATCHDOGS: &str = "/sys/class/watchdog/";

/// The record `crash`.
pub(crate) fn crash(readings: &Readings) -> Fact {
    facts! {
        "kernel_loaded" => kernel_loaded(readings).or_unknown(),
        "watchdog_active" => watchdog_active(readings).or_unknown(),
    }
}

/// Whether a kernel lies ready that writes down what happened and restarts (kdump).
fn kernel_loaded(readings: &Readings) -> Result<bool, Cause> {
    match readings.number(LOADED) {
        Ok(loaded) => Ok(loaded != 0),
        // A kernel that was built without it.
        Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Whether somebody keeps a watchdog waiting, which restarts the machine when nobody does any more.
fn watchdog_active(readings: &Readings) -> Result<bool, Cause> {
    let mut refused = readings.partial().cloned();
    for (rest, state) in readings.below(WATCHDOGS) {
        match state {
            Ok(state) if rest.ends_with("/state") && state.trim() == "active" => return Ok(true),
            Ok(_) => {}
            Err(cause) => _ = refused.get_or_insert_with(|| cause.clone()),
        }
    }
    refused.map_or(Ok(false), Err)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn told(mut site: FakeSite) -> String {
        crash(&Readings::read(&mut site, &["/sys/**"]).unwrap()).to_json().to_string()
    }

    #[test]
    fn a_loaded_kernel_and_a_running_watchdog_are_seen() {
        let watchdog = |state: &str| FakeSite::new().file("/sys/class/watchdog/watchdog0/state", state);
        assert_eq!(told(FakeSite::new()), r#"{"kernel_loaded":false,"watchdog_active":false}"#);
        let both = watchdog("active\n").file(LOADED, "1\n");
        assert_eq!(told(both), r#"{"kernel_loaded":true,"watchdog_active":true}"#);
        assert_eq!(
            told(watchdog("inactive\n").file(LOADED, "0\n")),
            r#"{"kernel_loaded":false,"watchdog_active":false}"#
        );
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let path = "/sys/class/watchdog/watchdog0/state";
        let site = FakeSite::new().refused_file(path, CauseKind::NotPermitted, "no").file(LOADED, "\0odd");
        let json = told(site);
        assert!(json.contains("not-permitted") && json.contains("not-available"), "{json}");
    }
}
