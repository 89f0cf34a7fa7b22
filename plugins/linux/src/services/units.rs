//! What systemd says of the units that are in use: one command, one paragraph a unit.
//!
//! The command names patterns, not states, so that systemctl itself leaves out what is inactive: the output grows with
//! what runs or failed and not with what is installed.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt};

use crate::basics::plain::plain;
use crate::basics::record::record;

/// More units than this are not told one by one.
const MAX_UNITS: usize = 5000;

/// The list `units`.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn units(site: &mut dyn Site, uptime_seconds: Option<i64>) -> Result<Fact, Cause> {
    let output = site.run("units")?;
    let text = String::from_utf8_lossy(&output);
    let mut items: Vec<Fact> = text.split("\n\n").filter_map(|unit| told(unit, uptime_seconds)).collect();
    // There is no moment at which systemd runs without a single unit.
    if items.is_empty() {
        let detail = "systemctl named no unit in a form that is known";
        return Err(Cause::new(CauseKind::NotAvailable, detail));
    }
    let many = items.len() > MAX_UNITS;
    items.truncate(MAX_UNITS);
    let cut = || {
        Box::new(Cause::new(CauseKind::TooLarge, format!("only the first {MAX_UNITS} units are looked at")))
    };
    Ok(Fact::List(Elements { items, partial: many.then(cut) }))
}

/// A unit from its paragraph of `Name=value` lines. What is not loaded is passed over: its file is gone or masked.
fn told(text: &str, uptime_seconds: Option<i64>) -> Option<Fact> {
    let known: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let get = |name: &str| known.get(name).copied().filter(|value| !value.is_empty());
    let number = |name: &str| get(name)?.parse::<i64>().ok();
    let text = |name: &str| get(name).map(|value| Fact::from(plain(value)));
    let (id, active) = (get("Id")?, get("ActiveState")?);
    let kind = id.rsplit_once('.')?.1;
    let reload = get("NeedDaemonReload") == Some("yes");
    if matches!(get("LoadState"), Some("not-found" | "masked")) {
        return None;
    }
    // Microseconds since boot; 0 where it was never active.
    let since = number("ActiveEnterTimestampMonotonic").filter(|since| *since > 0);
    let seconds = uptime_seconds.zip(since).map(|(uptime, since)| (uptime - since / 1_000_000).max(0));
    Some(record([
        ("name", Some(plain(id).into())),
        ("kind", Some(plain(kind).into())),
        ("active", Some(plain(active).into())),
        ("sub", Some(text("SubState").unwrap_or_else(|| "".into()))),
        ("reload_needed", Some(reload.into())),
        ("result", text("Result")),
        ("restarts", number("NRestarts").map(Fact::Int)),
        ("restart_policy", text("Restart")),
        ("exit_status", number("ExecMainStatus").map(Fact::Int)),
        // No limit is written as a word, and was as the largest number before systemd 232.
        ("open_files_limit", number("LimitNOFILE").map(Fact::Int)),
        ("memory_max_bytes", number("MemoryMax").map(Fact::Int)),
        ("enabled", text("UnitFileState")),
        ("file", text("FragmentPath")),
        ("active_seconds", seconds.filter(|_| active == "active").map(Fact::Int)),
    ]))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::*;

    /// In the shape of systemd 252: a service, a failed mount, one whose file is gone.
    const OUTPUT: &str = "Restart=always\nNRestarts=7\nMemoryMax=infinity\nLimitNOFILE=524288\nResult=exit-code\n\
        ExecMainStatus=1\nId=web.service\nLoadState=loaded\nActiveState=activating\nSubState=auto-restart\n\
        FragmentPath=/etc/systemd/system/web.service\nUnitFileState=enabled\nActiveEnterTimestampMonotonic=0\n\
        NeedDaemonReload=yes\n\n\
        Result=exit-code\nId=data.mount\nLoadState=loaded\nActiveState=failed\nSubState=failed\nNeedDaemonReload=no\n\n\
        Id=gone.service\nLoadState=not-found\nActiveState=failed\nSubState=failed\n\n\
        MemoryMax=1073741824\nLimitNOFILE=infinity\nResult=success\nId=db.service\nLoadState=loaded\nActiveState=active\n\
        SubState=running\nActiveEnterTimestampMonotonic=5500000\nNeedDaemonReload=no\n";

    #[test]
    fn units_are_told_by_what_systemctl_prints() {
        let mut site = FakeSite::new().command("units", 0, OUTPUT);
        let told = units(&mut site, Some(100)).unwrap().to_json().to_string();
        insta::assert_snapshot!(told.replace("},", "},\n"), @r#"
        [{"active":"activating","enabled":"enabled","exit_status":1,"file":"/etc/systemd/system/web.service","kind":"service","name":"web.service","open_files_limit":524288,"reload_needed":true,"restart_policy":"always","restarts":7,"result":"exit-code","sub":"auto-restart"},
        {"active":"failed","kind":"mount","name":"data.mount","reload_needed":false,"result":"exit-code","sub":"failed"},
        {"active":"active","active_seconds":95,"kind":"service","memory_max_bytes":1073741824,"name":"db.service","reload_needed":false,"result":"success","sub":"running"}]
        "#);
    }

    #[test]
    fn an_old_systemd_writes_no_limit_as_the_largest_number_and_does_not_count() {
        let old = "Id=a.service\nLoadState=loaded\nActiveState=active\nSubState=running\nLimitNOFILE=18446744073709551615\n\
            MemoryLimit=18446744073709551615\nNeedDaemonReload=no\nMemoryMax=[not set]\n";
        let told = told(old, Some(1)).unwrap().to_json().to_string();
        let plain = r#"{"active":"active","kind":"service","name":"a.service","reload_needed":false,"sub":"running"}"#;
        assert_eq!(told, plain);
    }

    #[test]
    fn a_command_that_fails_or_says_nothing_is_unknown() {
        for (code, output) in [(1, OUTPUT), (0, ""), (0, "-- No entries --\n\n=\nId=\n")] {
            let mut site = FakeSite::new().command("units", code, output);
            assert_eq!(units(&mut site, None).unwrap_err().kind, CauseKind::NotAvailable, "{output}");
        }
    }

    #[test]
    fn a_flood_is_cut_and_said() {
        let flood = "Id=a.service\nActiveState=active\n\n".repeat(MAX_UNITS + 1);
        let mut site = FakeSite::new().command("units", 0, flood);
        let Ok(Fact::List(list)) = units(&mut site, None) else { panic!("no list") };
        assert_eq!((list.items.len(), list.partial.unwrap().kind), (MAX_UNITS, CauseKind::TooLarge));
    }

    proptest! {
        #[test]
        fn nonsense_never_breaks_it(text in "(Id|ActiveState|NRestarts|[a-z]{1,3}|=|\\.|\n|[0-9]{1,30}|\\PC){0,40}", uptime: i64) {
            let _ = told(&text, Some(uptime));
        }
    }
}
