//! Backups: what a tool's catalogue says of this cluster's, what the server itself remembers of them, when they were
//! taken and restored, and which jobs look like taking others.
//!
//! A catalogue is this cluster's if it bears its system identifier, and nothing else makes it so: neither a name nor a
//! folder. Whether there is none, or one that cannot be seen, is told apart by what archives the write-ahead log.
//! Ages are counted by the server's clock; without it they are unknown, because a snapshot has no now.

mod barman;
mod catalogue;
mod jobs;
mod pgbackrest;
mod restores;
mod runs;
mod server;
mod walg;

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, UnknownOr};
use jiff::Timestamp;

pub(crate) use catalogue::Tool;
pub(crate) use server::{Cluster, ask};

use catalogue::{Backup, Catalogue};
use runs::Run;

/// The facts of `backup` that only a catalogue knows.
const CATALOGUED: [&str; 10] = [
    "tool",
    "name",
    "complete",
    "last",
    "last_seconds_ago",
    "last_full_seconds_ago",
    "oldest_full_seconds_ago",
    "longest_gap_seconds",
    "encrypted",
    "damaged",
];

/// How many of the newest backups show how often one is taken.
const RHYTHM: usize = 10;

/// The facts `backup`, `backup_runs`, `backup_jobs` and `restores` of the target of this name.
pub(crate) fn facts(
    site: &mut dyn Site,
    cluster: &Cluster,
    target: Option<&str>,
) -> [(&'static str, Fact); 4] {
    let catalogue = catalogue::find(site, cluster);
    let stanza = catalogue.as_ref().ok().and_then(Option::as_ref).and_then(Catalogue::stanza);
    let runs = match &catalogue {
        Ok(Some(catalogue)) => runs::of(site, catalogue),
        Ok(None) => Ok(Vec::new()),
        Err(cause) => Err(cause.clone()),
    };
    let runs = runs.map(|runs| list(runs, None, cluster)).or_unknown();
    let (restores, partial) = restores::of(site, target, stanza);
    [
        ("backup_runs", runs),
        ("restores", list(restores, partial, cluster)),
        ("backup_jobs", jobs::fact(site)),
        ("backup", backup(&catalogue, cluster)),
    ]
}

fn backup(catalogue: &Result<Option<Catalogue>, Cause>, cluster: &Cluster) -> Fact {
    let mut facts = match catalogue {
        Ok(Some(catalogue)) => catalogued(catalogue, cluster),
        Ok(None) => BTreeMap::new(),
        Err(cause) => CATALOGUED.map(|name| (name, cause.clone().into())).into(),
    };
    match &cluster.archives_with {
        Ok(tool) => facts.extend(tool.map(|tool| ("archives_with", tool.name().into()))),
        Err(cause) => _ = facts.insert("archives_with", cause.clone().into()),
    }
    match &cluster.base_backup_seconds_ago {
        Ok(age) => facts.extend(age.map(|age| ("server_seconds_ago", Fact::Int(age)))),
        Err(cause) => _ = facts.insert("server_seconds_ago", cause.clone().into()),
    }
    facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect::<BTreeMap<_, _>>().into()
}

fn catalogued(catalogue: &Catalogue, cluster: &Cluster) -> BTreeMap<&'static str, Fact> {
    let mut complete: Vec<_> = catalogue.backups.iter().filter(|backup| backup.complete).collect();
    complete.sort_by_key(|backup| backup.stopped);
    let mut facts = BTreeMap::from([
        ("tool", catalogue.tool.name().into()),
        ("complete", Fact::Int(i64::try_from(complete.len()).unwrap_or(i64::MAX))),
    ]);
    facts.extend(catalogue.name.as_deref().map(|name| ("name", name.into())));
    facts.extend(catalogue.encrypted.map(|encrypted| ("encrypted", encrypted.into())));
    let full = || complete.iter().filter(|backup| backup.full);
    let mut age = |name, backup: Option<&&Backup>| {
        facts.extend(backup.map(|backup| (name, seconds_ago(backup.stopped, cluster))));
    };
    age("last_seconds_ago", complete.last());
    age("last_full_seconds_ago", full().next_back());
    age("oldest_full_seconds_ago", full().next());
    if let Some(last) = complete.last() {
        facts.extend(moment(last.stopped).map(|moment| ("last", moment)));
        facts.extend(last.damaged.map(|damaged| ("damaged", damaged.into())));
    }
    let newest = complete.iter().rev().take(RHYTHM);
    let gaps = newest.clone().zip(newest.skip(1)).map(|(new, old)| new.stopped.saturating_sub(old.stopped));
    facts.extend(gaps.max().map(|gap| ("longest_gap_seconds", Fact::Int(gap))));
    facts
}

/// What was tried when, and how it ended; the newest last.
fn list(mut runs: Vec<Run>, partial: Option<Cause>, cluster: &Cluster) -> Fact {
    runs.sort_by_key(|run| run.at);
    // One list has one element a moment: the moment is its key.
    runs.dedup_by_key(|run| run.at);
    let item = |run: &Run| {
        let facts = [
            ("at", moment(run.at)?),
            ("seconds_ago", seconds_ago(run.at, cluster)),
            ("succeeded", run.succeeded.into()),
            ("told_by", run.told_by.into()),
        ];
        Some(facts.map(|(name, fact)| (name.to_owned(), fact)).into_iter().collect::<BTreeMap<_, _>>().into())
    };
    Fact::List(Elements { items: runs.iter().filter_map(item).collect(), partial: partial.map(Box::new) })
}

/// Never below 0: clocks differ, and some logs are in local time.
fn seconds_ago(moment: i64, cluster: &Cluster) -> Fact {
    cluster.now.as_ref().map(|now| now.saturating_sub(moment).max(0)).map_err(Clone::clone).or_unknown()
}

/// A time as facts have it. `None` far outside of history.
fn moment(seconds: i64) -> Option<Fact> {
    Some(Timestamp::from_second(seconds).ok()?.to_string().into())
}

/// Why a snapshot, or a server that does not answer, leaves something open.
fn not_running() -> Cause {
    Cause::new(CauseKind::NotAvailable, "only a running server knows")
}

#[cfg(test)]
mod tests;
