//! Logs and rules on a made-up site.

use goodstead_plugin::Stat;
use goodstead_plugin::fake::FakeSite;
use proptest::prelude::*;

use super::*;

fn file_of(size: u64) -> Stat {
    Stat { kind: FileKind::File, size, mode: 0o640, uid: 0, gid: 0, modified: 900 }
}

fn with(site: FakeSite, path: &str, size: u64) -> FakeSite {
    site.file(path, "").stat_of(path, file_of(size))
}

fn told(mut site: FakeSite) -> String {
    large_logs(&mut site, Ok(1000)).unwrap().to_json().to_string()
}

#[test]
fn large_files_are_told_with_whether_a_rule_names_them() {
    let mut site = FakeSite::new()
        .file("/etc/logrotate.conf", "weekly\ninclude /etc/logrotate.d\n")
        .file(
            "/etc/logrotate.d/web",
            "# c\n/var/log/web/*.log \"/var/log/web/odd\" {\n  daily\n  postrotate\n    f() {\n    true\n}\n    touch /var/log/app.log\n  endscript\n}\n/var/log/syslog\n{\n}\n",
        );
    for path in [
        "/var/log/web/a.log",
        "/var/log/app.log",
        "/var/log/syslog",
        "/var/log/syslog.1",
        "/var/log/old-20260101",
        "/var/log/lastlog",
        "/var/log/a.gz",
    ] {
        site = with(site, path, LARGE_BYTES);
    }
    site = with(site, "/var/log/small", LARGE_BYTES - 1);
    insta::assert_snapshot!(told(site).replace("},", "},\n"), @r#"
        [{"has_rule":false,"path":"/var/log/app.log","size_bytes":268435456,"written_seconds_ago":100},
        {"has_rule":true,"path":"/var/log/syslog","size_bytes":268435456,"written_seconds_ago":100},
        {"has_rule":true,"path":"/var/log/web/a.log","size_bytes":268435456,"written_seconds_ago":100}]
        "#);
}

#[test]
fn a_rule_that_is_not_read_leaves_it_open() {
    let site = with(FakeSite::new(), "/var/log/app.log", LARGE_BYTES);
    let elsewhere = site.file("/etc/logrotate.conf", "include /srv/rules\n");
    assert!(told(elsewhere).contains(r#""has_rule":{"$unknown""#));
}

#[test]
fn a_flood_of_files_is_cut_and_said() {
    let site = (0..=MAX_FILES).fold(FakeSite::new(), |site, n| site.file(&format!("/var/log/{n}x"), ""));
    assert!(told(site).contains("$partial"));
}

#[test]
fn the_last_run_is_that_of_the_newest_note() {
    let mut site = with(FakeSite::new().file("/etc/logrotate.conf", ""), "/var/lib/logrotate/status", 1);
    assert_eq!(
        logrotate(&mut site, Ok(1000)).to_json().to_string(),
        r#"{"installed":true,"last_run_seconds":100}"#
    );
    assert_eq!(logrotate(&mut FakeSite::new(), Ok(1000)).to_json().to_string(), r#"{"installed":false}"#);
}

proptest! {
    #[test]
    fn nonsense_never_breaks_it(text in "(/var/log/|\\*|\\{|\\}|\"|\n| |endscript|postrotate|include|\\PC){0,40}") {
        let mut rules = Rules::default();
        rules.add(&text);
        let _ = rules.cover("/var/log/a");
    }
}

#[test]
fn patterns_match_as_in_a_shell() {
    for (pattern, path, expected) in [
        ("/var/log/syslog", "/var/log/syslog", true),
        ("/var/log/*.log", "/var/log/a.log", true),
        ("/var/log/*.log", "/var/log/web/a.log", false),
        ("/var/log/*/*.log", "/var/log/web/a.log", true),
        ("/var/log/*log", "/var/log/logloglog", true),
        ("/var/log/a?c", "/var/log/abc", true),
        ("/var/log/a?c", "/var/log/a/c", false),
        ("/var/log/[ab]*", "/var/log/bc", true),
        ("/var/log/[!ab]*", "/var/log/bc", false),
        ("/var/log/x[0-9]", "/var/log/x7", true),
        ("/var/log/x[0-9", "/var/log/x7", false),
        ("/var/log/*", "/var/log/", true),
        ("", "", true),
        ("*", "", true),
        ("", "a", false),
    ] {
        let rules = Rules { patterns: vec![pattern.to_owned()], partial: None };
        assert_eq!(rules.cover(path), Ok(expected), "{pattern} {path}");
    }
}

proptest! {
    #[test]
    fn no_pattern_breaks_it(pattern in "/[ab*?\\[\\]!\\\\ä/-]{0,60}", path in "/[abä/]{0,60}") {
        let _ = Rules { patterns: vec![pattern], partial: None }.cover(&path);
    }
}
