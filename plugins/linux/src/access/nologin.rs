//! Files whose presence keeps everybody but root from logging in (pam_nologin(8)).

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, facts};

/// The one that systemd makes while the system starts and shuts down.
const OF_RUN: &str = "/run/nologin";

/// The same by an older path.
const SAME: &str = "/var/run/nologin";

/// The administrator's, and those of the running system.
pub(crate) const FILES: [&str; 3] = ["/etc/nologin", OF_RUN, SAME];

/// The list `nologin`; `now` is in seconds since 1970.
///
/// # Errors
/// Why it is not known.
pub(crate) fn nologin(site: &mut dyn Site, now: &Result<i64, Cause>) -> Result<Fact, Cause> {
    let now = now.clone()?;
    let mut items = Vec::new();
    for path in FILES {
        match site.stat(path) {
            // `/var/run` is a link to `/run` nearly everywhere.
            Ok(_) if path == SAME && items.iter().any(is_of_run) => {}
            Ok(stat) => {
                let age = now.saturating_sub(stat.modified).max(0);
                items.push(facts! { "path" => path, "age_seconds" => age });
            }
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(Fact::List(Elements { items, partial: None }))
}

fn is_of_run(item: &Fact) -> bool {
    let Fact::Map(record) = item else { return false };
    record.items.get("path") == Some(&Fact::from(OF_RUN))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use goodstead_plugin::{FileKind, Stat};

    use super::*;

    fn told(site: FakeSite) -> String {
        nologin(&mut { site }, &Ok(10_000)).unwrap().to_json().to_string()
    }

    #[test]
    fn each_file_is_reported_once_with_its_age() {
        assert_eq!(told(FakeSite::new()), "[]");
        let stat = |modified| Stat { kind: FileKind::File, size: 0, mode: 0o644, uid: 0, gid: 0, modified };
        let site = FakeSite::new()
            .file("/run/nologin", "")
            .stat_of("/run/nologin", stat(4_000))
            .file("/var/run/nologin", "")
            .stat_of("/var/run/nologin", stat(4_000));
        assert_eq!(told(site), r#"[{"age_seconds":6000,"path":"/run/nologin"}]"#);
        let future = FakeSite::new().file("/etc/nologin", "").stat_of("/etc/nologin", stat(99_000));
        assert_eq!(told(future), r#"[{"age_seconds":0,"path":"/etc/nologin"}]"#);
        let hidden = FakeSite::new().refused_file("/etc/nologin", CauseKind::NotPermitted, "no permission");
        assert!(nologin(&mut { hidden }, &Ok(0)).is_err());
    }
}
