//! Trouble in the kernel's log since boot, counted by kind and by what it concerns.
//!
//! Two commands, both bounded: the newest lines of the levels "error" and worse, which nothing less important can push
//! out, and the newest of "warning" and "notice", where firewalls log as well. Every boot starts with a notice, so no
//! line at all means that the journal could not be read, not that all is well.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt};

use crate::basics::plain::plain;
use crate::basics::record::record;
use crate::logs::trouble::{self, Trouble};

/// The commands, as plugin.toml names them.
const COMMANDS: [&str; 2] = ["kernel-errors", "kernel-notices"];

/// More kinds and subjects than this are not told one by one.
const MAX_EVENTS: usize = 100;

/// All lines of one kind about one subject.
#[derive(Debug)]
struct Event {
    count: i64,
    first: i64,
    last: i64,
    sample: String,
}

/// The record `kernel_log`; `now` is seconds since 1970, `disks` the names below /sys/block.
pub(crate) fn kernel_log(site: &mut dyn Site, now: i64, disks: &BTreeSet<String>) -> Result<Fact, Cause> {
    let mut events = BTreeMap::new();
    let mut oldest: Option<i64> = None;
    for command in COMMANDS {
        let output = site.run(command).map_err(not_permitted)?;
        let from = count(&String::from_utf8_lossy(&output), &mut events);
        oldest = [oldest, from].into_iter().flatten().min();
    }
    let Some(oldest) = oldest else {
        return Err(not_permitted(Cause::new(
            CauseKind::NotPermitted,
            "the journal shows no line of the kernel",
        )));
    };
    let many = events.len() > MAX_EVENTS;
    let items = events.into_iter().take(MAX_EVENTS).map(|(trouble, event)| told(&trouble, event, now, disks));
    let cut =
        || Box::new(Cause::new(CauseKind::TooLarge, format!("only {MAX_EVENTS} kinds of trouble are told")));
    let events = Fact::List(Elements { items: items.collect(), partial: many.then(cut) });
    Ok(record([
        ("covered_seconds", Some(Fact::Int(now.saturating_sub(oldest).max(0)))),
        ("events", Some(events)),
    ]))
}

fn not_permitted(cause: Cause) -> Cause {
    // What journalctl says to those who may not read it is an exit code, or nothing.
    if matches!(cause.kind, CauseKind::NotAvailable | CauseKind::NotPermitted) && cause.remedy.is_none() {
        let detail = format!("{}; the agent's user may not be allowed to read the journal", cause.detail);
        return Cause::new(CauseKind::NotPermitted, detail)
            .remedy("sudo usermod -aG systemd-journal goodstead && sudo goodstead check");
    }
    cause
}

/// Counts the trouble in lines of `seconds.fraction kernel: message`; returns the time of the oldest line.
fn count(text: &str, events: &mut BTreeMap<Trouble, Event>) -> Option<i64> {
    let mut oldest: Option<i64> = None;
    for line in text.lines() {
        let Some((time, message)) = parse(line) else { continue };
        oldest = Some(oldest.map_or(time, |oldest| oldest.min(time)));
        let Some(mut trouble) = trouble::of(message) else { continue };
        trouble.subject = plain(&trouble.subject);
        let event = events.entry(trouble).or_insert(Event {
            count: 0,
            first: time,
            last: time,
            sample: String::new(),
        });
        event.count += 1;
        event.first = event.first.min(time);
        event.last = event.last.max(time);
        if event.sample.is_empty() || event.last == time {
            event.sample = plain(message);
        }
    }
    oldest
}

fn parse(line: &str) -> Option<(i64, &str)> {
    let (time, rest) = line.split_once(' ')?;
    let seconds = time.split('.').next()?.parse().ok()?;
    Some((seconds, rest.strip_prefix("kernel: ")?))
}

fn told(trouble: &Trouble, event: Event, now: i64, disks: &BTreeSet<String>) -> Fact {
    let Trouble { kind, subject } = trouble;
    let name = if subject.is_empty() { (*kind).to_owned() } else { format!("{kind} {subject}") };
    let present = disks.iter().any(|disk| is_part_of(subject, disk));
    record([
        ("name", Some(name.into())),
        ("kind", Some((*kind).into())),
        ("subject", Some(subject.as_str().into())),
        ("disk_present", Some(present.into())),
        ("count", Some(Fact::Int(event.count))),
        ("first_seconds_ago", Some(Fact::Int(now.saturating_sub(event.first).max(0)))),
        ("last_seconds_ago", Some(Fact::Int(now.saturating_sub(event.last).max(0)))),
        ("sample", Some(event.sample.into())),
    ])
}

/// Whether `name` is the disk or a partition of it: `sda1`, but `nvme0n1p1`.
fn is_part_of(name: &str, disk: &str) -> bool {
    let Some(rest) = name.strip_prefix(disk) else { return false };
    let number =
        if disk.ends_with(|last: char| last.is_ascii_digit()) { rest.strip_prefix('p') } else { Some(rest) };
    rest.is_empty()
        || number
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_700_000_100;

    fn disks() -> BTreeSet<String> {
        BTreeSet::from(["sda".to_owned()])
    }

    fn told(errors: &str, notices: &str) -> Result<String, Cause> {
        let mut site =
            FakeSite::new().command("kernel-errors", 0, errors).command("kernel-notices", 0, notices);
        kernel_log(&mut site, NOW, &disks()).map(|fact| fact.to_json().to_string())
    }

    const BOOT: &str = "1700000000.000000 kernel: Linux version 6.1.0\n";

    #[test]
    fn trouble_is_counted_with_times_and_the_last_sample() {
        let errors = "1700000010.5 kernel: I/O error, dev sda, sector 1\n1700000020.5 kernel: I/O error, dev sda, sector 2\n\
                      1700000030.0 kernel: I/O error, dev sdz, sector 7\n          its second line\n";
        insta::assert_snapshot!(told(errors, BOOT).unwrap().replace("},", "},\n"), @r#"
        {"covered_seconds":100,"events":[{"count":2,"disk_present":true,"first_seconds_ago":90,"kind":"io-error","last_seconds_ago":80,"name":"io-error sda","sample":"I/O error, dev sda, sector 2","subject":"sda"},
        {"count":1,"disk_present":false,"first_seconds_ago":70,"kind":"io-error","last_seconds_ago":70,"name":"io-error sdz","sample":"I/O error, dev sdz, sector 7","subject":"sdz"}]}
        "#);
    }

    #[test]
    fn a_quiet_boot_is_quiet_and_an_unreadable_journal_is_not() {
        assert_eq!(told("", BOOT).unwrap(), r#"{"covered_seconds":100,"events":[]}"#);
        let cause = told("", "").unwrap_err();
        assert_eq!(cause.kind, CauseKind::NotPermitted);
        assert!(cause.remedy.unwrap().contains("systemd-journal"));
        let mut refused = FakeSite::new().command("kernel-errors", 1, "");
        assert_eq!(kernel_log(&mut refused, NOW, &disks()).unwrap_err().kind, CauseKind::NotPermitted);
        let mut missing = FakeSite::new();
        assert_eq!(kernel_log(&mut missing, NOW, &disks()).unwrap_err().kind, CauseKind::Absent);
    }

    #[test]
    fn a_partition_belongs_to_its_disk() {
        for (name, disk, expected) in [
            ("sda", "sda", true),
            ("sda12", "sda", true),
            ("sdaa", "sda", false),
            ("nvme0n1p2", "nvme0n1", true),
            ("nvme0n12", "nvme0n1", false),
            ("dm-10", "dm-1", false),
            ("", "sda", false),
        ] {
            assert_eq!(is_part_of(name, disk), expected, "{name} {disk}");
        }
    }

    #[test]
    fn a_flood_of_subjects_is_cut_and_said() {
        let flood: String =
            (0..200).map(|n| format!("1700000000.0 kernel: I/O error, dev sd{n}x, sector 1\n")).collect();
        let json = told(&flood, "").unwrap();
        assert!(json.contains("$partial"), "{json}");
        assert_eq!(json.matches("\"sample\"").count(), MAX_EVENTS);
    }

    proptest! {
        #[test]
        fn nonsense_never_breaks_it(text in "([0-9]{1,25}|\\.| |kernel: |I/O error, dev |EXT4-fs error|\\(|\\)|\n|\\PC){0,40}") {
            let mut events = BTreeMap::new();
            count(&text, &mut events);
        }
    }
}
