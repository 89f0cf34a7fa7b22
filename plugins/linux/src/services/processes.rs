//! Running programs of which something depends: those near their limit of open files, and those that publish advice
//! about the host's settings.
//!
//! One small file a process is read; more only of those whose table of open files has grown.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, UnknownOr, facts};

use crate::basics::readings::{Readings, odd, put};
use crate::kernel::sysctl::Running;

/// Programs whose manuals advise against transparent huge pages in every version, by the name of their process.
const ADVISE_AGAINST_HUGE_PAGES: [&str; 2] = ["redis-server", "valkey-server"];

/// From this size of its table on a process is looked at: it is where tables of more than 512 files begin, and half of
/// the soft limit of 1024 that is usual. The table doubles as it grows and never shrinks.
const LARGE_TABLE: i64 = 1024;

/// So many processes are looked at closely: those with the largest tables.
const MAX_CLOSE: usize = 100;

/// A process as its status file tells it.
#[derive(Debug)]
struct Process {
    pid: i64,
    name: String,
    table: i64,
    huge_pages: Option<bool>,
    /// Whether it runs in a process namespace below the one that /proc shows: in a container on this host.
    nested: bool,
}

/// All processes that the agent's user sees.
#[derive(Debug)]
pub(crate) struct Processes {
    found: Vec<Process>,
    partial: Option<Cause>,
}

/// Who runs as what, and in which state.
pub(crate) const GLOBS: [&str; 1] = ["/proc/[0-9]*/status"];

impl Processes {
    /// Reads them.
    ///
    /// # Errors
    /// Why none is known.
    pub(crate) fn read(site: &mut dyn Site) -> Result<Processes, Cause> {
        let readings = Readings::read(site, &GLOBS)?;
        let mut partial = readings.partial().cloned();
        let mut found = Vec::new();
        for (rest, content) in readings.below("/proc/") {
            match (rest.split('/').next().and_then(|pid| pid.parse().ok()), content) {
                (Some(pid), Ok(text)) => found.extend(process(pid, text)),
                (_, Err(cause)) => _ = partial.get_or_insert_with(|| cause.clone()),
                (None, Ok(_)) => {}
            }
        }
        // Process 1 is always there: where it is not seen, others are not either.
        if !found.iter().any(|process| process.pid == 1) {
            partial.get_or_insert_with(|| {
                Cause::new(
                    CauseKind::NotPermitted,
                    "/proc hides the processes of others from the agent's user",
                )
                .remedy("sudo goodstead check")
            });
        }
        Ok(Processes { found, partial })
    }

    fn list(&self, items: Vec<Fact>) -> Fact {
        Fact::List(Elements { items, partial: self.partial.clone().map(Box::new) })
    }

    /// A list of those of `wanted` that run here, not in a container on this host.
    pub(crate) fn here(&self, wanted: &[&str]) -> Fact {
        self.names(wanted, |process| !process.nested)
    }

    /// A list of those of `wanted` that run, be it in a container.
    pub(crate) fn anywhere(&self, wanted: &[&str]) -> Fact {
        self.names(wanted, |_| true)
    }

    fn names(&self, wanted: &[&str], counts: impl Fn(&Process) -> bool) -> Fact {
        let runs = |name: &&&str| self.found.iter().any(|process| process.name == **name && counts(process));
        self.list(wanted.iter().filter(runs).map(|name| facts! { "name" => *name }).collect())
    }

    /// The list `programs`: those with published advice that run.
    pub(crate) fn programs(&self) -> Fact {
        let items = ADVISE_AGAINST_HUGE_PAGES.iter().filter_map(|name| {
            let all: Vec<_> = self.found.iter().filter(|process| process.name == **name).collect();
            if all.is_empty() {
                return None;
            }
            let known: Option<Vec<bool>> = all.iter().map(|process| process.huge_pages).collect();
            let missing = "this kernel does not tell which processes have switched them off (from Linux 5.0)";
            let used = known.map(|known| known.contains(&true));
            Some(facts! {
                "name" => *name,
                "processes" => i64::try_from(all.len()).unwrap_or(i64::MAX),
                "transparent_huge_pages" =>
                    used.ok_or_else(|| Cause::new(CauseKind::NotAvailable, missing)).or_unknown(),
            })
        });
        self.list(items.collect())
    }

    /// The list `open_files_of`: programs of which a process has held more than 512 files open, with the figures of
    /// the process that is nearest to its limit.
    pub(crate) fn open_files(&self, site: &mut dyn Site) -> Fact {
        let mut large: Vec<_> = self.found.iter().filter(|process| process.table >= LARGE_TABLE).collect();
        large.sort_by_key(|process| std::cmp::Reverse(process.table));
        large.truncate(MAX_CLOSE);
        if large.is_empty() {
            return self.list(Vec::new());
        }
        let paths: Vec<_> =
            large.iter().flat_map(|process| ["limits", "cgroup"].map(|name| of(process.pid, name))).collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        let readings = match Readings::read(site, &paths) {
            Ok(readings) => readings,
            Err(cause) => return cause.into(),
        };
        let mut worst: BTreeMap<&str, Limits> = BTreeMap::new();
        for process in large {
            let Some(limits) = Limits::read(process.pid, &readings, site) else { continue };
            let nearer = worst.get(process.name.as_str()).is_none_or(|other| limits.share() > other.share());
            if nearer {
                worst.insert(&process.name, limits);
            }
        }
        self.list(worst.into_iter().map(|(name, limits)| limits.facts(name)).collect())
    }
}

/// Beyond this a limit is none in practice: systemd lifts it to the largest number there is.
const UNLIMITED: i64 = 1 << 53;

/// The record `open_files`: of all processes together.
pub(crate) fn of_all(sysctl: &Running) -> Fact {
    let mut record = facts! { "used" => sysctl.word("fs/file-nr", 0).or_unknown() };
    let limit = sysctl.word("fs/file-nr", 2).and_then(|limit| match limit {
        UNLIMITED.. => Err(Cause::new(CauseKind::Absent, "no limit in practice")),
        limit => Ok(limit),
    });
    put(&mut record, "limit", limit);
    record
}

/// Lines are `Name:<tab>value`. The kernel escapes newlines in names; one that is missing is no process.
fn process(pid: i64, status: &str) -> Option<Process> {
    let field =
        |name: &str| status.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()));
    Some(Process {
        pid,
        name: field("Name")?.to_owned(),
        table: field("FDSize").and_then(|size| size.parse().ok()).unwrap_or(0),
        huge_pages: field("THP_enabled").map(|value| value != "0"),
        // It has a number in each namespace. A kernel before 4.1 does not tell, and then it is taken to run here.
        nested: field("NSpid").is_some_and(|numbers| numbers.split_whitespace().count() > 1),
    })
}

fn of(pid: i64, name: &str) -> String {
    format!("/proc/{pid}/{name}")
}

/// Open files of one process and how many it may have.
#[derive(Debug)]
struct Limits {
    pid: i64,
    open: Result<i64, Cause>,
    /// Soft and hard, `None` for unlimited.
    limits: Result<(Option<i64>, Option<i64>), Cause>,
    unit: Option<String>,
}

impl Limits {
    /// `None` where the process has ended meanwhile.
    fn read(pid: i64, readings: &Readings, site: &mut dyn Site) -> Option<Limits> {
        let path = of(pid, "limits");
        let limits = match readings.get(&path) {
            Ok(text) => open_files(text).ok_or_else(|| odd(&path)),
            Err(cause) if cause.kind == CauseKind::Absent => return None,
            Err(cause) => Err(cause),
        };
        let unit = readings.get(&of(pid, "cgroup")).ok().and_then(unit);
        Some(Limits { pid, open: open(pid, site), limits, unit })
    }

    /// How much of the limit is used, for finding the worst; where that is unknown it may be all.
    fn share(&self) -> f64 {
        match (&self.open, &self.limits) {
            #[allow(clippy::cast_precision_loss)] // Only compared.
            (Ok(open), Ok((Some(soft), _))) if *soft > 0 => *open as f64 / *soft as f64,
            (_, Ok((None, _))) => 0.0,
            _ => 1.0,
        }
    }

    fn facts(self, name: &str) -> Fact {
        let mut record = facts! {
            "name" => name,
            "pid" => self.pid,
            "open" => self.open.or_unknown(),
        };
        let Fact::Map(map) = &mut record else { return record };
        let mut put = |name: &str, fact: Fact| _ = map.items.insert(name.to_owned(), fact);
        match self.limits {
            Ok((soft, hard)) => {
                soft.into_iter().for_each(|soft| put("soft_limit", Fact::Int(soft)));
                hard.into_iter().for_each(|hard| put("hard_limit", Fact::Int(hard)));
            }
            Err(cause) => {
                put("soft_limit", cause.clone().into());
                put("hard_limit", cause.into());
            }
        }
        self.unit.into_iter().for_each(|unit| put("unit", unit.into()));
        record
    }
}

/// The size of the folder of open files is their number from Linux 6.2 on, and 0 before; then they are listed, which
/// only their owner and who may read everything can.
fn open(pid: i64, site: &mut dyn Site) -> Result<i64, Cause> {
    let path = of(pid, "fd");
    let size = site.stat(&path)?.size;
    if size > 0 {
        return Ok(i64::try_from(size).unwrap_or(i64::MAX));
    }
    let entries = site.list(&path).map_err(|cause| {
        // From Linux 6.2 on nothing more than this is needed to count the open files of others.
        cause.remedy("sudo goodstead check")
    })?;
    Ok(i64::try_from(entries.len()).unwrap_or(i64::MAX))
}

/// The line `Max open files            1024                 524288               files`.
fn open_files(limits: &str) -> Option<(Option<i64>, Option<i64>)> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut values = line.split_whitespace().map(|word| match word {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    });
    Some((values.next()??, values.next()??))
}

/// The service of a line such as `0::/system.slice/nginx.service`.
fn unit(cgroup: &str) -> Option<String> {
    let line = cgroup.lines().find(|line| line.starts_with("0::") || line.contains(":name=systemd:"))?;
    let (_, path) = line.split_once(":/")?;
    path.split('/').rev().find(|name| name.ends_with(".service")).map(str::to_owned)
}

#[cfg(test)]
#[path = "processes_tests.rs"]
mod tests;
