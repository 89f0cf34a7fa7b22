//! Barman's catalogue: a folder for each backup, with a `backup.info` that says how it went.

use jiff::Timestamp;

use super::catalogue::{Backup, Catalogue, Tool};

/// One backup of `server`. `None` while it is at work, and for what is no such file.
pub(super) fn from_info(server: &str, text: &str) -> Option<Catalogue> {
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .filter(|value| *value != "None")
    };
    let time = |name: &str| Some(value(name)?.parse::<Timestamp>().ok()?.as_second());
    let started = time("begin_time")?;
    // The copy can be restored from DONE on; before, its last files of the log are still on their way.
    let complete = match value("status")? {
        "DONE" => true,
        "FAILED" => false,
        _ => return None,
    };
    let backup =
        Backup { started, stopped: time("end_time").unwrap_or(started), full: true, complete, damaged: None };
    // Named from 3.15 on only.
    let says = text.lines().any(|line| line.starts_with("encryption="));
    Some(Catalogue {
        tool: Tool::Barman,
        system_identifier: value("systemid")?.to_owned(),
        name: Some(server.to_owned()),
        backups: vec![backup],
        encrypted: says.then(|| value("encryption").is_some()),
    })
}

/// The first catalogue of this cluster, with all that the same tool has under the same name: Barman's come one by one.
/// pgBackRest's come more than once, told by itself and read in its files.
pub(super) fn joined(found: Vec<Catalogue>, system_identifier: &str) -> Option<Catalogue> {
    let mut own = found.into_iter().filter(|catalogue| catalogue.system_identifier == system_identifier);
    let mut first = own.next()?;
    for more in own.filter(|more| more.tool == Tool::Barman) {
        if first.tool == Tool::Barman && first.name == more.name {
            first.backups.extend(more.backups);
            first.encrypted = first.encrypted.zip(more.encrypted).map(|(one, two)| one && two);
        }
    }
    Some(first)
}
