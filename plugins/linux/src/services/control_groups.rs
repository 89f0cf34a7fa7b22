//! What systemd's services may use and use of memory and tasks, from control groups of version 2; in a container also
//! what it may use itself.

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, facts};

use crate::basics::readings::{Readings, odd, put};

const ROOT: &str = "/sys/fs/cgroup/";
/// What tells that the groups are of version 2.
const VERSION_2: &str = "/sys/fs/cgroup/cgroup.controllers";

/// Where services lie: at the top, and those with instances in a slice of their own.
const PLACES: [&str; 2] = ["system.slice/*.service/", "system.slice/*.slice/*.service/"];

/// So many groups are told.
const MAX_GROUPS: usize = 500;

/// The container itself stands in the list under this name.
const ITSELF: &str = "this container";

/// Where the limits of services are.
pub(crate) fn globs() -> Vec<String> {
    let mut globs = vec![VERSION_2.to_owned()];
    for name in ["memory.max", "pids.max", "pids.current"] {
        globs.push(format!("{ROOT}{name}"));
        globs.extend(PLACES.iter().map(|place| format!("{ROOT}{place}{name}")));
    }
    globs
}

/// The list `services`.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn services(site: &mut dyn Site) -> Result<Fact, Cause> {
    let globs = globs();
    let globs: Vec<&str> = globs.iter().map(String::as_str).collect();
    let first = Readings::read(site, &globs)?;
    if let Err(cause) = first.get(VERSION_2) {
        let detail = "limits of services are read from control groups of version 2 only";
        return Err(match cause.kind {
            CauseKind::Absent => Cause::new(CauseKind::NotApplicableHere, detail).remedy(
                "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line, where the \
                 distribution supports it",
            ),
            _ => cause,
        });
    }
    let mut groups: Vec<&str> = first
        .below(ROOT)
        .filter_map(|(rest, _)| rest.strip_suffix("pids.max").or_else(|| rest.strip_suffix("memory.max")))
        .collect();
    groups.sort_unstable();
    groups.dedup();
    let mut partial = first.partial().cloned();
    if groups.len() > MAX_GROUPS {
        groups.truncate(MAX_GROUPS);
        partial.get_or_insert(Cause::new(
            CauseKind::TooLarge,
            format!("only {MAX_GROUPS} services are looked at"),
        ));
    }
    let limited: Vec<&str> =
        groups.iter().copied().filter(|group| limit(&first, group, "memory.max").is_ok()).collect();
    let second = usage(site, &limited)?;
    let items = groups.into_iter().map(|group| service(group, &first, &second)).collect();
    Ok(Fact::List(Elements { items, partial: partial.map(Box::new) }))
}

/// What groups with a limit of memory use of it.
fn usage(site: &mut dyn Site, groups: &[&str]) -> Result<Readings, Cause> {
    if groups.is_empty() {
        return Ok(Readings::default());
    }
    let names = ["memory.current", "memory.stat", "memory.events"];
    let paths: Vec<_> =
        groups.iter().flat_map(|group| names.map(|name| format!("{ROOT}{group}{name}"))).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    Readings::read(site, &paths)
}

/// A limit, which is `Absent` where there is none.
fn limit(readings: &Readings, group: &str, name: &str) -> Result<i64, Cause> {
    let path = format!("{ROOT}{group}{name}");
    match readings.get(&path)?.trim() {
        "max" => Err(Cause::new(CauseKind::Absent, "no limit")),
        number => number.parse().map_err(|_| odd(&path)),
    }
}

fn service(group: &str, first: &Readings, second: &Readings) -> Fact {
    let name = group.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty());
    let mut record = facts! { "unit" => name.unwrap_or(ITSELF) };
    let path = |name: &str| format!("{ROOT}{group}{name}");
    put(&mut record, "tasks_limit", limit(first, group, "pids.max"));
    put(&mut record, "tasks", first.number(&path("pids.current")));
    let memory = limit(first, group, "memory.max");
    if memory.as_ref().is_err_and(|cause| cause.kind == CauseKind::Absent) {
        return record;
    }
    put(&mut record, "memory_limit_bytes", memory);
    put(&mut record, "memory_bytes", second.number(&path("memory.current")));
    let stat = path("memory.stat");
    put(
        &mut record,
        "memory_kept_bytes",
        second.get(&stat).and_then(|text| kept(text).ok_or_else(|| odd(&stat))),
    );
    let events = path("memory.events");
    let kills = second.get(&events).and_then(|text| value(text, "oom_kill").ok_or_else(|| odd(&events)));
    put(&mut record, "oom_kills", kills);
    record
}

/// What cannot be dropped as the cache of files can: memory of processes and shared memory.
fn kept(stat: &str) -> Option<i64> {
    value(stat, "anon")?.checked_add(value(stat, "shmem")?)
}

/// Lines are `name value`.
fn value(text: &str, wanted: &str) -> Option<i64> {
    text.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn told(mut site: FakeSite) -> String {
        services(&mut site).unwrap().to_json().to_string().replace("},{", "}\n{")
    }

    fn version_2() -> FakeSite {
        FakeSite::new().file(VERSION_2, "memory pids\n")
    }

    #[test]
    fn services_with_and_without_limits_are_told() {
        let of = |name: &str| format!("{ROOT}system.slice/web.service/{name}");
        let deep = format!("{ROOT}system.slice/system-db.slice/db@one.service/pids.max");
        let site = version_2()
            .file(&of("memory.max"), "1000\n")
            .file(&of("memory.current"), "990\n")
            .file(&of("memory.stat"), "anon 400\nanon_thp 9\nfile 500\nshmem 50\n")
            .file(&of("memory.events"), "low 0\noom 2\noom_kill 1\noom_group_kill 0\n")
            .file(&of("pids.max"), "max\n")
            .file(&of("pids.current"), "3\n")
            .file(&deep, "4684\n")
            .file(&format!("{ROOT}system.slice/tmp.mount/pids.max"), "1\n");
        insta::assert_snapshot!(told(site), @r#"
        [{"tasks_limit":4684,"unit":"db@one.service"}
        {"memory_bytes":990,"memory_kept_bytes":450,"memory_limit_bytes":1000,"oom_kills":1,"tasks":3,"unit":"web.service"}]
        "#);
    }

    #[test]
    fn a_container_finds_its_own_limit_at_the_top() {
        let site = version_2()
            .file(&format!("{ROOT}memory.max"), "2048\n")
            .file(&format!("{ROOT}memory.current"), "9\n");
        insta::assert_snapshot!(told(site), @r#"[{"memory_bytes":9,"memory_limit_bytes":2048,"unit":"this container"}]"#);
    }

    #[test]
    fn version_1_cannot_tell() {
        let cause = services(&mut FakeSite::new()).unwrap_err();
        assert_eq!(cause.kind, CauseKind::NotApplicableHere);
        assert!(cause.remedy.unwrap().contains("unified_cgroup_hierarchy"));
    }

    #[test]
    fn nonsense_is_unknown_and_breaks_nothing() {
        for text in [&b""[..], b"many", b"-", b"99999999999999999999", b"\0\xff", b"anon 1\nanon"] {
            let mut site = version_2();
            for name in
                ["memory.max", "memory.current", "memory.stat", "memory.events", "pids.max", "pids.current"]
            {
                site = site.file(&format!("{ROOT}system.slice/a\nb.service/{name}"), text);
            }
            assert!(told(site).contains("$unknown"), "{text:?}");
        }
    }

    #[test]
    fn thousands_of_services_are_cut_and_said() {
        let mut site = version_2();
        for n in 0..=MAX_GROUPS {
            site = site.file(&format!("{ROOT}system.slice/s{n}.service/pids.max"), "max");
        }
        let Fact::List(list) = services(&mut site).unwrap() else { panic!("no list") };
        assert_eq!((list.items.len(), list.partial.unwrap().kind), (MAX_GROUPS, CauseKind::TooLarge));
    }
}
