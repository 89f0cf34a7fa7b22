//! The server's main process as the kernel sees it: how likely it is to be killed for want of memory, and its limits.
//!
//! A process that the server names is the way to it: its parent. Both must be called `postgres`, since a server in a
//! container of its own counts its processes differently.

use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt, UnknownOr, facts};

/// The record `process`; `child` is a process of the server that lives as long as it.
pub(crate) fn facts(site: &mut dyn Site, child: Result<i64, Cause>) -> Fact {
    match child.and_then(|child| look(site, child)) {
        Ok(fact) => fact,
        Err(cause) => cause.into(),
    }
}

fn look(site: &mut dyn Site, child: i64) -> Result<Fact, Cause> {
    let parent = postgres(site, child)?;
    postgres(site, parent)?;
    let limits = site.read_text(&format!("/proc/{parent}/limits"));
    Ok(facts! {
        "pid" => parent,
        "oom_score_adj" => number(site, parent).or_unknown(),
        "child_oom_score_adj" => number(site, child).or_unknown(),
        "open_files_limit" => limits.and_then(|text| open_files(&text).ok_or_else(unreadable)).or_unknown(),
    })
}

/// The parent of a process that is PostgreSQL's.
fn postgres(site: &mut dyn Site, pid: i64) -> Result<i64, Cause> {
    let status = site.read_text(&format!("/proc/{pid}/status"))?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if field("Name:") != Some("postgres") {
        let detail = "the server's processes are not among this host's, or have another name";
        return Err(Cause::new(CauseKind::NotAvailable, detail));
    }
    field("PPid:").and_then(|parent| parent.parse().ok()).ok_or_else(unreadable)
}

fn number(site: &mut dyn Site, pid: i64) -> Result<i64, Cause> {
    site.read_text(&format!("/proc/{pid}/oom_score_adj"))?.trim().parse().map_err(|_| unreadable())
}

/// The soft limit; `None` also where there is no limit.
fn open_files(limits: &str) -> Option<i64> {
    limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

fn unreadable() -> Cause {
    Cause::new(CauseKind::NotAvailable, "the kernel's answer is not what was expected")
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn site(child: &str, parent: &str) -> FakeSite {
        FakeSite::new()
            .file("/proc/20/status", format!("Name:\t{child}\nUmask:\t0077\nPPid:\t10\n"))
            .file("/proc/20/oom_score_adj", "0\n")
            .file("/proc/10/status", format!("Name:\t{parent}\nPPid:\t1\n"))
            .file("/proc/10/oom_score_adj", "-900\n")
            .file("/proc/10/limits", "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n")
    }

    #[test]
    fn the_main_process_is_the_parent_of_the_others() {
        let json = facts(&mut site("postgres", "postgres"), Ok(20)).to_json();
        assert_eq!(
            json,
            serde_json::json!({"pid": 10, "oom_score_adj": -900, "child_oom_score_adj": 0, "open_files_limit": 1024})
        );
    }

    #[test]
    fn a_number_that_is_somebody_else_s_here_tells_nothing() {
        for (child, parent) in [("bash", "postgres"), ("postgres", "systemd")] {
            let json = facts(&mut site(child, parent), Ok(20)).to_json();
            assert_eq!(json["$unknown"]["kind"], "not-available", "{json}");
        }
        assert_eq!(facts(&mut site("postgres", "postgres"), Ok(99)).to_json()["$unknown"]["kind"], "absent");
        let odd = FakeSite::new().file("/proc/1/status", "Name:\tpostgres\nPPid:\t-\n");
        assert_eq!(facts(&mut { odd }, Ok(1)).to_json()["$unknown"]["kind"], "not-available");
    }
}
