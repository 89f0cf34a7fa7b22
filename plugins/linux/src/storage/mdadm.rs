//! Which software RAID arrays mdadm.conf promises, and whether they run.

use std::collections::BTreeSet;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt};

use crate::basics::plain::plain;
use crate::basics::record::record;
use crate::storage::block::Block;

/// Debian's place and everybody else's (mdadm.conf(5)).
const PLACES: [&str; 2] = ["/etc/mdadm/mdadm.conf", "/etc/mdadm.conf"];

/// More arrays than this are not told one by one.
const MAX_ARRAYS: usize = 200;

/// An array that a file promises.
#[derive(Debug, PartialEq)]
struct Promised {
    device: String,
    /// The id, as /dev/disk/by-id names it.
    id: Option<String>,
    file: String,
    line: i64,
}

/// The list `raid_configured`. Without a `block` nothing runs here.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn configured(site: &mut dyn Site, block: Result<&Block, &Cause>) -> Result<Fact, Cause> {
    let mut promised = Vec::new();
    for file in site.read_many(&PLACES, &[])?.files {
        promised.extend(parse(&String::from_utf8_lossy(&file.content?), &file.path));
    }
    if promised.is_empty() {
        return Ok(Fact::List(Vec::new().into()));
    }
    let many = promised.len() > MAX_ARRAYS;
    let running = block.map_err(Clone::clone).and_then(|block| {
        let mut names: BTreeSet<String> =
            block.arrays().into_iter().map(|name| format!("/dev/{name}")).collect();
        match site.list("/dev/md") {
            Ok(entries) => names.extend(entries.into_iter().map(|entry| format!("/dev/md/{}", entry.name))),
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
        // One that was put together under another name, such as /dev/md127, runs all the same.
        match site.list("/dev/disk/by-id") {
            Ok(entries) => names.extend(entries.into_iter().map(|entry| entry.name)),
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
        Ok(names)
    });
    let items = promised.into_iter().take(MAX_ARRAYS).map(|array| {
        let runs = match &running {
            Ok(names) => {
                let by_id = array.id.as_ref().is_some_and(|id| names.contains(id));
                let by_name = names.contains(&array.device) || names.contains(&numbered(&array.device));
                Fact::from(by_id || by_name)
            }
            Err(cause) => cause.clone().into(),
        };
        record([
            ("device", Some(plain(&array.device).into())),
            ("file", Some(array.file.into())),
            ("line", Some(Fact::Int(array.line))),
            ("running", Some(runs)),
        ])
    });
    let cut = || {
        Box::new(Cause::new(CauseKind::TooLarge, format!("only the first {MAX_ARRAYS} arrays are looked at")))
    };
    Ok(Fact::List(Elements { items: items.collect(), partial: many.then(cut) }))
}

/// `/dev/md/0` is `/dev/md0` under another name.
fn numbered(device: &str) -> String {
    device.replace("/dev/md/", "/dev/md")
}

/// Lines start with a word in either case, and go on where the next one starts with a blank. An array without a device
/// is named by its id only, `<ignore>` is one that must not run, and a container holds arrays but is none.
fn parse(text: &str, file: &str) -> Vec<Promised> {
    let mut lines: Vec<(i64, Vec<&str>)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        match lines.last_mut() {
            Some((_, known)) if line.starts_with([' ', '\t']) => known.extend(words),
            _ => lines.push((number, words.collect())),
        }
    }
    let promised = lines.into_iter().filter_map(|(line, words)| {
        let (first, rest) = words.split_first()?;
        let device = rest.first().filter(|device| device.starts_with("/dev/"))?;
        let kept = first.eq_ignore_ascii_case("ARRAY")
            && !rest.iter().any(|word| matches!(*word, "metadata=imsm" | "metadata=ddf" | "level=container"));
        let id = rest.iter().find_map(|word| {
            word.get(..5).filter(|name| name.eq_ignore_ascii_case("uuid=")).and(word.get(5..))
        });
        kept.then(|| Promised {
            device: (*device).to_owned(),
            id: id.map(|id| format!("md-uuid-{}", id.to_ascii_lowercase())),
            file: file.to_owned(),
            line,
        })
    });
    promised.collect()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    #[test]
    fn promised_arrays_are_held_against_those_that_run() {
        let mut site = FakeSite::new()
            .file(
                "/etc/mdadm/mdadm.conf",
                "# comment\nMAILADDR root\nARRAY /dev/md/0 metadata=1.2 UUID=1\nARRAY /dev/md/data\n   metadata=1.2\n\
                 array /dev/md5 UUID=3\nARRAY /dev/md/old UUID=9:A\nARRAY <ignore> UUID=4\nARRAY metadata=1.2 UUID=5\nARRAY /dev/md/imsm0 metadata=imsm\n",
            )
            .file("/sys/block/md0/md/array_state", "clean\n")
            .file("/dev/md/data", "")
            .file("/dev/disk/by-id/md-uuid-9:a", "");
        let block = Block::read(&mut site).unwrap();
        let told = configured(&mut site, Ok(&block)).unwrap().to_json();
        insta::assert_snapshot!(told.to_string().replace("},", "},\n"), @r#"
        [{"device":"/dev/md/0","file":"/etc/mdadm/mdadm.conf","line":3,"running":true},
        {"device":"/dev/md/data","file":"/etc/mdadm/mdadm.conf","line":4,"running":true},
        {"device":"/dev/md5","file":"/etc/mdadm/mdadm.conf","line":6,"running":false},
        {"device":"/dev/md/old","file":"/etc/mdadm/mdadm.conf","line":7,"running":true}]
        "#);
    }

    #[test]
    fn no_file_promises_nothing_and_nonsense_neither() {
        for text in ["", "ARRAY", "\0\u{fffd} ARRAY /dev/md0", "ARRAY #/dev/md0", " ARRAY"] {
            assert_eq!(parse(text, "f"), [], "{text}");
        }
        let cause = Cause::new(CauseKind::NotApplicableHere, "not live");
        assert_eq!(configured(&mut FakeSite::new(), Err(&cause)).unwrap().to_json().to_string(), "[]");
    }
}
