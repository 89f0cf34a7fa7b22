//! The folders for temporary files that every user shares.

use goodstead_plugin::{CauseKind, Fact, Site, SiteExt};

use crate::basics::record::record;

/// The folders, by file-hierarchy(7).
const FOLDERS: [&str; 2] = ["/tmp", "/var/tmp"];

/// The bit by which only its owner may remove a file (chmod(1)).
const STICKY: u32 = 0o1000;

/// The list `temporary_folders`: those that exist.
pub(crate) fn folders(site: &mut dyn Site) -> Fact {
    let mut told = Vec::new();
    for path in FOLDERS {
        let facts = match site.stat(path) {
            Ok(stat) => [
                Fact::from(format!("{:04o}", stat.mode)),
                (stat.mode & STICKY != 0).into(),
                (stat.mode & 0o002 != 0).into(),
            ],
            Err(cause) if cause.kind == CauseKind::Absent => continue,
            Err(cause) => [cause.clone().into(), cause.clone().into(), cause.into()],
        };
        let [mode, sticky, open] = facts;
        told.push(record([
            ("path", Some(path.into())),
            ("mode", Some(mode)),
            ("sticky", Some(sticky)),
            ("writable_by_all", Some(open)),
        ]));
    }
    told.into()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use goodstead_plugin::{FileKind, Stat};

    use super::*;

    #[test]
    fn modes_are_told_in_words() {
        let of = |mode| Stat { kind: FileKind::Folder, size: 0, mode, uid: 0, gid: 0, modified: 0 };
        let mut site = FakeSite::new().stat_of("/tmp", of(0o1777)).stat_of("/var/tmp", of(0o777));
        insta::assert_snapshot!(folders(&mut site).to_json(), @r#"[{"mode":"1777","path":"/tmp","sticky":true,"writable_by_all":true},{"mode":"0777","path":"/var/tmp","sticky":false,"writable_by_all":true}]"#);
        assert_eq!(folders(&mut FakeSite::new()).to_json().to_string(), "[]");
    }
}
