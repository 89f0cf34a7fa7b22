//! Programs near their limits and programs with advice, from recorded processes.

use goodstead_plugin::fake::FakeSite;
use goodstead_plugin::{FileKind, Stat};

use super::*;

const INIT: &str = "Name:\tinit\nFDSize:\t64\nTHP_enabled:\t1\n";
const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \n";

fn status(name: &str, table: i64, huge_pages: &str) -> String {
    format!("Name:\t{name}\nUmask:\t0022\nFDSize:\t{table}\n{huge_pages}")
}

fn folder(size: u64) -> Stat {
    Stat { kind: FileKind::Folder, size, mode: 0o500, uid: 0, gid: 0, modified: 0 }
}

fn open_of(mut site: FakeSite) -> serde_json::Value {
    Processes::read(&mut site).unwrap().open_files(&mut site).to_json()
}

#[test]
fn the_process_nearest_to_its_limit_speaks_for_its_program() {
    let site = FakeSite::new()
        .file("/proc/1/status", INIT)
        .file("/proc/20/status", status("java", 1024, ""))
        .file("/proc/20/limits", LIMITS)
        .stat_of("/proc/20/fd", folder(600))
        .file("/proc/21/status", status("java", 1024, ""))
        .file("/proc/21/limits", LIMITS)
        .file("/proc/21/cgroup", "0::/system.slice/app.service\n")
        .stat_of("/proc/21/fd", folder(990));
    insta::assert_snapshot!(open_of(site), @r#"[{"hard_limit":524288,"name":"java","open":990,"pid":21,"soft_limit":1024,"unit":"app.service"}]"#);
}

#[test]
fn before_linux_6_2_the_open_files_are_listed_where_that_is_allowed() {
    let site = |listed: bool| {
        let site = FakeSite::new()
            .file("/proc/1/status", INIT)
            .file("/proc/20/status", status("java", 1024, ""))
            .file("/proc/20/limits", LIMITS.replace("524288", "unlimited"))
            .file("/proc/20/cgroup", "1:name=systemd:/system.slice/old.service/x\n")
            .stat_of("/proc/20/fd", folder(0));
        if listed { site.file("/proc/20/fd/0", "").file("/proc/20/fd/1", "") } else { site }
    };
    let json = open_of(site(true));
    assert_eq!((json[0]["open"].as_i64(), json[0]["soft_limit"].as_i64()), (Some(2), Some(1024)));
    assert_eq!((json[0].get("hard_limit"), json[0]["unit"].as_str()), (None, Some("old.service")));
    assert!(
        open_of(site(false))[0]["open"]["$unknown"]["remedy"]
            .as_str()
            .unwrap()
            .contains("sudo goodstead check")
    );
}

#[test]
fn a_process_that_ended_meanwhile_is_passed_over() {
    let site = FakeSite::new().file("/proc/1/status", INIT).file("/proc/20/status", status("java", 1024, ""));
    assert_eq!(open_of(site).to_string(), "[]");
}

#[test]
fn where_processes_are_hidden_there_may_be_more() {
    let mut site = FakeSite::new().file("/proc/20/status", status("sh", 64, ""));
    let Fact::List(list) = Processes::read(&mut site).unwrap().programs() else { panic!("no list") };
    assert_eq!(list.partial.unwrap().kind, CauseKind::NotPermitted);
}

#[test]
fn a_program_that_declined_huge_pages_for_itself_does_not_use_them() {
    let programs = |huge_pages: &str| {
        let mut site = FakeSite::new()
            .file("/proc/1/status", INIT)
            .file("/proc/30/status", status("redis-server", 64, huge_pages))
            .file("/proc/31/status", status("redis-server", 64, "THP_enabled:\t0\n"));
        Processes::read(&mut site).unwrap().programs().to_json()
    };
    let json = programs("THP_enabled:\t0\n");
    assert_eq!(
        (json[0]["processes"].as_i64(), json[0]["transparent_huge_pages"].as_bool()),
        (Some(2), Some(false))
    );
    assert_eq!(programs("THP_enabled:\t1\n")[0]["transparent_huge_pages"], true);
    assert_eq!(programs("")[0]["transparent_huge_pages"]["$unknown"]["kind"], "not-available");
}

#[test]
fn a_limit_of_2_to_the_63_is_none() {
    let told = |value: &str| {
        let mut site = FakeSite::new().file("/proc/sys/fs/file-nr", value);
        of_all(&Running::read(&mut site).unwrap()).to_json().to_string()
    };
    assert_eq!(told("1110\t0\t9223372036854775807\n"), r#"{"used":1110}"#);
    assert_eq!(told("1110\t0\t2465610\n"), r#"{"limit":2465610,"used":1110}"#);
    assert!(told("odd").contains("$unknown"));
}

#[test]
fn nonsense_breaks_nothing() {
    for text in [
        &b""[..],
        b"Name:",
        b"Name:\tx\nFDSize:\t99999999999999999999",
        b"\0\xff\n\n",
        b"Max open files x y",
        b"0::",
    ] {
        let site = FakeSite::new()
            .file("/proc/1/status", text)
            .file("/proc/20/status", status("a\\nb", 1024, ""))
            .file("/proc/20/limits", text)
            .file("/proc/20/cgroup", text)
            .file("/proc/99999999999999999999/status", text);
        let _ = open_of(site);
    }
}

#[test]
fn programs_in_containers_are_not_those_of_the_host() {
    let told = |status: &str| {
        let mut site =
            FakeSite::new().file("/proc/1/status", "Name:\tsystemd\n").file("/proc/9/status", status);
        let processes = Processes::read(&mut site).unwrap();
        let lists = [processes.here(&["chronyd", "ntpd"]), processes.anywhere(&["chronyd", "ntpd"])];
        lists.map(|list| list.to_json().to_string())
    };
    let (none, one) = ("[]", r#"[{"name":"chronyd"}]"#);
    assert_eq!(told("Name:\tchronyd\nNSpid:\t9\n"), [one, one]);
    assert_eq!(told("Name:\tchronyd\nNSpid:\t9\t2\n"), [none, one]);
    assert_eq!(told("Name:\tchronyd\n"), [one, one], "a kernel before 4.1");
    assert_eq!(told("\u{fffd}\n\n\""), [none, none]);
}
