//! Which programs run, by the names that the kernel keeps: 15 characters, readable by all.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt};

use crate::record::record;
use crate::sysfs::Devices;

/// Of one name only so many processes are looked at: a program has a few, and the first tells enough.
const MAX_OF_ONE_NAME: usize = 8;

/// Process numbers by name.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    by_name: BTreeMap<String, Vec<String>>,
    /// Why there may be more.
    partial: Option<Cause>,
}

impl Processes {
    /// Reads the names of all processes that the agent's user sees.
    ///
    /// # Errors
    /// Why none is known.
    pub(crate) fn read(site: &mut dyn Site) -> Result<Processes, Cause> {
        let all = Devices::read(site, "/proc/", &["/proc/[0-9]*/comm"])?;
        let mut processes = Processes { partial: all.partial, ..Processes::default() };
        let first = all.found.get("1").is_some_and(|first| first.text("comm").is_some());
        for (number, process) in all.found {
            if let Some(name) = process.text("comm") {
                processes.by_name.entry(name.to_owned()).or_default().push(number);
            }
        }
        // It is never gone, so who does not see it does not see all.
        if !first {
            let hidden = Cause::new(
                CauseKind::NotPermitted,
                "/proc hides the processes of others from the agent's user",
            )
            .remedy("run the agent where /proc is mounted without hidepid");
            processes.partial.get_or_insert(hidden);
        }
        Ok(processes)
    }

    /// A list of those of `wanted` that run here, not in a container on this host.
    pub(crate) fn here(&self, site: &mut dyn Site, wanted: &[&str]) -> Fact {
        self.list(wanted, |numbers| numbers.iter().take(MAX_OF_ONE_NAME).any(|number| is_here(site, number)))
    }

    /// A list of those of `wanted` that run, be it in a container.
    pub(crate) fn anywhere(&self, wanted: &[&str]) -> Fact {
        self.list(wanted, |_| true)
    }

    fn list(&self, wanted: &[&str], mut counts: impl FnMut(&[String]) -> bool) -> Fact {
        let runs =
            wanted.iter().filter(|name| self.by_name.get(**name).is_some_and(|numbers| counts(numbers)));
        let items = runs.map(|name| record([("name", Some((*name).into()))])).collect();
        Fact::List(Elements { items, partial: self.partial.clone().map(Box::new) })
    }
}

/// Whether a process belongs to the process namespace that /proc shows: then it has one number only. A kernel before
/// 4.1 does not tell, and then it is taken to be.
fn is_here(site: &mut dyn Site, number: &str) -> bool {
    match site.read_text(&format!("/proc/{number}/status")) {
        Ok(status) => status
            .lines()
            .find_map(|line| line.strip_prefix("NSpid:"))
            .is_none_or(|numbers| numbers.split_whitespace().count() <= 1),
        // It has just ended.
        Err(cause) => cause.kind != CauseKind::Absent,
    }
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn told(mut site: FakeSite) -> String {
        let processes = Processes::read(&mut site).unwrap();
        processes.here(&mut site, &["chronyd", "ntpd"]).to_json().to_string()
    }

    #[test]
    fn those_in_containers_are_not_those_of_the_host() {
        let host = || FakeSite::new().file("/proc/1/comm", "systemd\n").file("/proc/9/comm", "chronyd\n");
        assert_eq!(told(host().file("/proc/9/status", "NSpid:\t9\n")), r#"[{"name":"chronyd"}]"#);
        assert_eq!(told(host().file("/proc/9/status", "NSpid:\t9\t2\n")), "[]");
        assert_eq!(told(host().file("/proc/9/status", "Name:\tchronyd\n")), r#"[{"name":"chronyd"}]"#);
        assert_eq!(told(host()), "[]");
    }

    #[test]
    fn where_process_1_is_not_seen_there_may_be_more() {
        assert!(told(FakeSite::new().file("/proc/9/comm", "sh\n")).contains("hidepid"));
        let refused = FakeSite::new().refused_file("/proc/1/comm", CauseKind::NotPermitted, "no");
        assert!(told(refused).contains("hidepid"));
    }

    #[test]
    fn names_are_anything() {
        let site = FakeSite::new().file("/proc/1/comm", b"\xff\n\n\"").file("/proc/2/comm", "");
        assert_eq!(told(site), "[]");
    }
}
