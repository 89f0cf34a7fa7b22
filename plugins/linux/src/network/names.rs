//! Names of hosts: where they are looked up, and whether this host finds its own.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, FileKind, Granted, Request, Site, SiteExt, facts};

/// Where sources are named, the administrator's file before the distribution's.
const SWITCHES: [&str; 2] = ["/etc/nsswitch.conf", "/usr/etc/nsswitch.conf"];

/// glibc's own default (nsswitch.conf(5)).
const DEFAULT_SOURCES: [&str; 2] = ["dns", "files"];

/// More name servers than this are not told; glibc asks three.
const MAX_SERVERS: usize = 20;

/// Names are at most this long (RFC 1035), and so are words that are told here.
const MAX_LENGTH: usize = 255;

/// The record `names`. `running` says whether this may be the live host.
pub(crate) fn names(site: &mut dyn Site, running: bool) -> Fact {
    let host = own_name(site, running);
    let sources = sources(site);
    let in_hosts = match &host {
        Ok(Some(host)) => hosts_knows(site, host),
        Ok(None) => Err(Cause::new(CauseKind::Absent, "the host has no name of its own here")),
        Err(cause) => Err(cause.clone()),
    };
    let resolves = own_resolves(site, running, &in_hosts, &sources);
    let mut record = BTreeMap::new();
    let mut put = |name: &str, fact: Fact| _ = record.insert(name.to_owned(), fact);
    put("in_hosts", in_hosts.map_or_else(Fact::from, Fact::from));
    put("own_resolves", resolves.map_or_else(Fact::from, Fact::from));
    put("sources", texts(sources));
    put("resolver_file", resolver_file(site).map_or_else(Fact::from, Fact::from));
    put("servers", texts(servers(site)));
    put("resolver_ignored", ignored(site).map_or_else(Fact::from, Fact::from));
    put("localhost_in_hosts", hosts_knows(site, "localhost").map_or_else(Fact::from, Fact::from));
    match host {
        Ok(Some(host)) => put("host", host.into()),
        Ok(None) => {}
        Err(cause) => put("host", cause.into()),
    }
    record.into()
}

fn texts(list: Result<Vec<String>, Cause>) -> Fact {
    list.map_or_else(Fact::from, |list| list.into_iter().map(Fact::from).collect::<Vec<_>>().into())
}

/// The running name; in a folder the one that will be set at boot.
fn own_name(site: &mut dyn Site, running: bool) -> Result<Option<String>, Cause> {
    let path = if running { "/proc/sys/kernel/hostname" } else { "/etc/hostname" };
    match site.read_text(path) {
        Ok(text) => {
            let name = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
            Ok(name.filter(|name| name.len() <= MAX_LENGTH).map(str::to_owned))
        }
        Err(cause) if cause.kind == CauseKind::Absent => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// What stands before a comment.
fn plain(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

fn hosts_knows(site: &mut dyn Site, host: &str) -> Result<bool, Cause> {
    match site.read_text("/etc/hosts") {
        Ok(text) => Ok(text
            .lines()
            .any(|line| plain(line).split_whitespace().skip(1).any(|name| name.eq_ignore_ascii_case(host)))),
        Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// The sources of host names, without what to do in between.
fn sources(site: &mut dyn Site) -> Result<Vec<String>, Cause> {
    let defaults = || DEFAULT_SOURCES.map(str::to_owned).to_vec();
    for path in SWITCHES {
        match site.read_text(path) {
            Ok(text) => {
                let line = text.lines().find_map(|line| plain(line).trim_start().strip_prefix("hosts:"));
                return Ok(line.map_or_else(defaults, source_words));
            }
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(defaults())
}

fn source_words(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (words, after) = rest.split_once('[').unwrap_or((rest, ""));
        found.extend(words.split_whitespace().filter(|word| word.len() <= MAX_LENGTH).map(str::to_owned));
        rest = after.split_once(']').map_or("", |(_, after)| after);
    }
    found.truncate(MAX_SERVERS);
    found
}

/// Whether programs find the host's own name. A program is asked only where the files leave it open.
fn own_resolves(
    site: &mut dyn Site,
    running: bool,
    in_hosts: &Result<bool, Cause>,
    sources: &Result<Vec<String>, Cause>,
) -> Result<bool, Cause> {
    let (in_hosts, sources) = (in_hosts.clone()?, sources.as_ref().map_err(Clone::clone)?);
    let has = |wanted: &str| sources.iter().any(|source| source == wanted);
    if in_hosts && has("files") || has("myhostname") {
        return Ok(true);
    }
    if !running {
        return Err(Cause::new(CauseKind::NotApplicableHere, "only the live host can ask its name servers"));
    }
    match site.ask(Request::Run { command: "own_name".to_owned() })?.granted {
        Granted::Run { code: Some(0) } => Ok(true),
        Granted::Run { code: Some(1) } => Ok(false),
        _ => Err(Cause::new(CauseKind::NotAvailable, "hostname -i gave no answer")),
    }
}

fn resolver_file(site: &mut dyn Site) -> Result<&'static str, Cause> {
    match site.stat("/etc/resolv.conf") {
        Ok(_) => Ok("present"),
        Err(cause) if cause.kind == CauseKind::Absent => {
            let dangling =
                |entry: &goodstead_plugin::Entry| entry.name == "resolv.conf" && entry.kind == FileKind::Link;
            Ok(if site.list("/etc")?.iter().any(dangling) { "dangling" } else { "missing" })
        }
        Err(cause) => Err(cause),
    }
}

fn servers(site: &mut dyn Site) -> Result<Vec<String>, Cause> {
    match site.read_text("/etc/resolv.conf") {
        Ok(text) => Ok(text
            .lines()
            .filter_map(|line| {
                // A comment starts in the first column (resolv.conf(5)); the keyword must, too.
                let mut words = line.strip_prefix("nameserver")?.split_whitespace();
                words.next().filter(|server| server.len() <= MAX_LENGTH).map(str::to_owned)
            })
            .take(MAX_SERVERS)
            .collect()),
        Err(cause) if cause.kind == CauseKind::Absent => Ok(Vec::new()),
        Err(cause) => Err(cause),
    }
}

/// The lines of /etc/resolv.conf that were meant to name a server and do not: each with its number and what is wrong.
fn ignored(site: &mut dyn Site) -> Result<Vec<Fact>, Cause> {
    let text = match site.read_text("/etc/resolv.conf") {
        Ok(text) => text,
        Err(cause) if cause.kind == CauseKind::Absent => return Ok(Vec::new()),
        Err(cause) => return Err(cause),
    };
    let lines = text.lines().zip(1_i64..).filter_map(|(line, number)| Some((number, what_is_wrong(line)?)));
    Ok(lines.take(MAX_SERVERS).map(|(number, wrong)| facts! { "line" => number, "wrong" => wrong }).collect())
}

/// What keeps a line from naming a server, where that was meant; the words are those of the contract.
fn what_is_wrong(line: &str) -> Option<&'static str> {
    let mut words = line.split_whitespace();
    let first = words.next()?;
    if first != "nameserver" {
        return (is_slip_of(first, "nameserver") && words.next().is_some()).then_some("keyword");
    }
    if line.starts_with([' ', '\t']) {
        return Some("indented");
    }
    let Some(address) = words.next() else { return Some("address") };
    // IPv6 addresses of a link have its name behind them.
    let plain = address.split('%').next().unwrap_or_default();
    let numbers =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'x');
    // inet_aton(3) also takes short and hexadecimal forms, which are left alone.
    let odd_but_read = plain.split('.').count() < 4 && plain.split('.').all(numbers);
    (plain.parse::<std::net::IpAddr>().is_err() && !odd_but_read).then_some("address")
}

/// Whether two different words of small letters differ by one or two letters at most, as a slip of the fingers leaves them.
fn is_slip_of(written: &str, meant: &str) -> bool {
    let written = written.to_ascii_lowercase();
    let (a, b): (Vec<char>, Vec<char>) = (written.chars().collect(), meant.chars().collect());
    if a.len().abs_diff(b.len()) > 2 {
        return false;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut before = i;
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or_default();
            let left = next.last().copied().unwrap_or_default();
            next.push((before + usize::from(x != y)).min(above + 1).min(left + 1));
            before = above;
        }
        row = next;
    }
    row.last().is_some_and(|distance| *distance <= 2)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::*;

    fn host() -> FakeSite {
        FakeSite::new()
            .file("/proc/sys/kernel/hostname", "db1\n")
            .file(
                "/etc/nsswitch.conf",
                "passwd: files\nhosts:  files mdns4_minimal [NOTFOUND=return] dns # x\n",
            )
            .file(
                "/etc/resolv.conf",
                "# nameserver 192.0.2.9\nnameserver 192.0.2.1\noptions rotate\nnameserver 2001:db8::1\n",
            )
    }

    fn told(mut site: FakeSite) -> serde_json::Value {
        names(&mut site, true).to_json()
    }

    #[test]
    fn everything_is_told() {
        let json =
            told(host().file("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1\tdb1.example.test DB1 # own\n"));
        assert_eq!(
            json.to_string(),
            r#"{"host":"db1","in_hosts":true,"localhost_in_hosts":true,"own_resolves":true,"resolver_file":"present","resolver_ignored":[],"servers":["192.0.2.1","2001:db8::1"],"sources":["files","mdns4_minimal","dns"]}"#
        );
    }

    #[test]
    fn a_program_is_asked_only_where_the_files_leave_it_open() {
        let without = || host().file("/etc/hosts", "127.0.0.1 localhost # db1\n192.0.2.7 db1.example.test\n");
        assert_eq!(told(without().command("own_name", 0, "192.0.2.7\n"))["own_resolves"], true);
        assert_eq!(told(without().command("own_name", 1, ""))["own_resolves"], false);
        assert_eq!(
            told(without().command("own_name", 127, ""))["own_resolves"]["$unknown"]["kind"],
            "not-available"
        );
        let systemd = without().file("/etc/nsswitch.conf", "hosts: files myhostname dns\n");
        assert_eq!(told(systemd)["own_resolves"], true);
    }

    #[test]
    fn of_a_folder_the_name_is_that_of_the_next_boot() {
        let mut site = host().file("/etc/hostname", "# ours\nweb1\n").file("/etc/hosts", "127.0.1.1 db1\n");
        let json = names(&mut site, false).to_json();
        assert_eq!((json["host"].as_str(), json["in_hosts"].as_bool()), (Some("web1"), Some(false)));
        assert_eq!(json["own_resolves"]["$unknown"]["kind"], "not-applicable-here");
    }

    #[test]
    fn lines_that_were_meant_to_name_a_server_are_told() {
        let text = "nameservr 192.0.2.1\n nameserver 192.0.2.1\nnameserver 192.0.2.300\nnameserver\nnameserver dns1\n\
            # nameservr 192.0.2.1\nnameserver fe80::1%eth0\nNameserver 192.0.2.1\nnameserver 127.1\nsearch names\n\
            options edns0\nlookup file bind\nnameserver 192.0.2.1 # first\n";
        let json = told(FakeSite::new().file("/etc/resolv.conf", text));
        let lines: Vec<_> =
            json["resolver_ignored"].as_array().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                r#"{"line":1,"wrong":"keyword"}"#,
                r#"{"line":2,"wrong":"indented"}"#,
                r#"{"line":3,"wrong":"address"}"#,
                r#"{"line":4,"wrong":"address"}"#,
                r#"{"line":5,"wrong":"address"}"#,
                r#"{"line":8,"wrong":"keyword"}"#,
            ]
        );
    }

    #[test]
    fn a_missing_file_means_the_default() {
        let json = told(FakeSite::new().file("/etc/passwd", ""));
        assert_eq!(json["resolver_file"], "missing");
        assert_eq!(json["sources"], serde_json::json!(["dns", "files"]));
        assert_eq!(json["servers"], serde_json::json!([]));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "([a-z .:#\\[\\]\n]|hosts:|nameserver |\\PC){0,60}") {
            let site = FakeSite::new()
                .file("/proc/sys/kernel/hostname", &text)
                .file("/etc/hosts", &text)
                .file("/etc/nsswitch.conf", &text)
                .file("/etc/resolv.conf", &text);
            let _ = told(site);
        }
    }
}
