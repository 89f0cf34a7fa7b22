//! Log files that have grown large, and whether logrotate looks after them.
//!
//! Files are never opened here, only their size is asked for, in /var/log and the folders directly in it.

use fast_glob::glob_match;
use goodstead_plugin::{
    Cause, CauseKind, Elements, Entry, Fact, FileKind, Foreseen, Request, Site, SiteExt, Stat, UnknownOr,
};

use crate::basics::plain::plain;
use crate::basics::record::record;

/// Smaller files are not told.
const LARGE_BYTES: u64 = 256 << 20;

/// The size of so many files is asked for at most.
const MAX_FILES: usize = 1000;

/// So many patterns of logrotate are looked at at most.
const MAX_PATTERNS: usize = 2000;

/// Where logrotate notes what it did, by distribution; it rewrites the file at each run.
const STATUS: [&str; 4] = [
    "/var/lib/logrotate/status",
    "/var/lib/logrotate/logrotate.status",
    "/var/lib/misc/logrotate.status",
    "/var/lib/logrotate.status",
];

/// The record `logrotate`; `now` is seconds since 1970 on a running host.
pub(crate) fn logrotate(site: &mut dyn Site, now: Result<i64, Cause>) -> Fact {
    let installed = match site.stat("/etc/logrotate.conf") {
        Ok(_) => Ok(true),
        Err(cause) if cause.kind == CauseKind::Absent => Ok(false),
        Err(cause) => Err(cause),
    };
    let since = |last: i64| now.clone().map(|now| now.saturating_sub(last).max(0));
    let last = match &installed {
        Ok(false) => Ok(None),
        _ => last_run(site).and_then(|last| last.map(since).transpose()),
    };
    let last = match last {
        Ok(last) => last.map(Fact::Int),
        Err(cause) => Some(cause.into()),
    };
    record([("installed", Some(installed.or_unknown())), ("last_run_seconds", last)])
}

fn last_run(site: &mut dyn Site) -> Result<Option<i64>, Cause> {
    let mut last = None;
    for place in STATUS {
        match site.stat(place) {
            Ok(stat) => last = last.max(Some(stat.modified)),
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(last)
}

/// The list `large_logs`.
///
/// # Errors
/// Why it is unknown.
pub(crate) fn large_logs(site: &mut dyn Site, now: Result<i64, Cause>) -> Result<Fact, Cause> {
    let mut found = Found::default();
    let folders = match site.list("/var/log") {
        Ok(entries) => found.look(site, "/var/log", entries),
        Err(cause) if cause.kind == CauseKind::Absent => Vec::new(),
        Err(cause) => return Err(cause),
    };
    let lists = folders.iter().map(|path| Request::List { path: path.clone() });
    let site: &mut dyn Site = &mut Foreseen::ask(site, lists);
    for folder in folders {
        // Of /var/log/private and the like: nobody but their owner needs to look there.
        if let Ok(entries) = site.list(&folder) {
            found.look(site, &folder, entries);
        }
    }
    let Found { large, partial, .. } = found;
    let rules = if large.is_empty() { Ok(Rules::default()) } else { Rules::read(site) };
    let items = large.into_iter().map(|(path, stat)| {
        let ago = now.clone().map(|now| now.saturating_sub(stat.modified).max(0));
        record([
            (
                "has_rule",
                Some(rules.as_ref().map_err(Clone::clone).and_then(|rules| rules.cover(&path)).or_unknown()),
            ),
            ("path", Some(plain(&path).into())),
            ("size_bytes", Some(Fact::Int(i64::try_from(stat.size).unwrap_or(i64::MAX)))),
            ("written_seconds_ago", Some(ago.or_unknown())),
        ])
    });
    Ok(Fact::List(Elements { items: items.collect(), partial: partial.map(Box::new) }))
}

/// What was found among the logs.
#[derive(Default)]
struct Found {
    large: Vec<(String, Stat)>,
    /// Why there may be more.
    partial: Option<Cause>,
    asked: usize,
}

impl Found {
    /// Looks at what grows in a folder, and returns the folders in it that are worth a look.
    fn look(&mut self, site: &mut dyn Site, folder: &str, entries: Vec<Entry>) -> Vec<String> {
        let (mut folders, mut logs) = (Vec::new(), Vec::new());
        for entry in entries {
            let path = format!("{folder}/{}", entry.name);
            match entry.kind {
                FileKind::Folder if entry.name != "journal" => folders.push(path),
                FileKind::File if grows(&entry.name) => logs.push(path),
                _ => {}
            }
        }
        if self.asked + logs.len() > MAX_FILES {
            let detail = format!("only {MAX_FILES} files in /var/log are looked at");
            self.partial.get_or_insert_with(|| Cause::new(CauseKind::TooLarge, detail));
            logs.truncate(MAX_FILES - self.asked);
        }
        self.asked += logs.len();
        let stats = logs.iter().map(|path| Request::Stat { path: path.clone() });
        let site: &mut dyn Site = &mut Foreseen::ask(site, stats);
        for path in logs {
            self.large.extend(
                site.stat(&path).ok().filter(|stat| stat.size >= LARGE_BYTES).map(|stat| (path, stat)),
            );
        }
        folders
    }
}

/// Whether a file of this name is one that is written to: no old copy, and none of those that are mostly holes (their
/// size is the highest user's number, not what they take).
fn grows(name: &str) -> bool {
    let old = [".gz", ".xz", ".bz2", ".zst", ".lz4", ".zip", ".old"].iter().any(|end| name.ends_with(end));
    let number = name.rsplit(['.', '-']).next().unwrap_or_default();
    let rotated = number != name && !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    !old && !rotated && !matches!(name, "lastlog" | "faillog" | "tallylog")
}

/// The files that logrotate looks after.
#[derive(Debug, Default)]
struct Rules {
    patterns: Vec<String>,
    /// Why there may be more.
    partial: Option<Cause>,
}

impl Rules {
    fn read(site: &mut dyn Site) -> Result<Rules, Cause> {
        let files = site.read_many(&["/etc/logrotate.conf", "/etc/logrotate.d/*"], &[])?;
        let mut rules = Rules { patterns: Vec::new(), partial: files.partial };
        for file in files.files {
            match file.content {
                Ok(bytes) => rules.add(&String::from_utf8_lossy(&bytes)),
                Err(cause) => _ = rules.partial.get_or_insert(cause),
            }
        }
        if rules.patterns.len() > MAX_PATTERNS {
            rules.patterns.truncate(MAX_PATTERNS);
            let detail = format!("only {MAX_PATTERNS} patterns of logrotate are looked at");
            rules.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
        }
        Ok(rules)
    }

    /// Patterns stand before a brace; what stands in braces are settings, and scripts up to `endscript`.
    fn add(&mut self, text: &str) {
        let (mut inside, mut script) = (false, false);
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let first = line.split_whitespace().next().unwrap_or_default();
            if script {
                script = first != "endscript";
                continue;
            }
            script = matches!(first, "postrotate" | "prerotate" | "firstaction" | "lastaction" | "preremove");
            if !inside && first == "include" && !line.ends_with("/etc/logrotate.d") {
                let detail = "logrotate.conf includes files of another folder, which are not read";
                self.partial.get_or_insert(Cause::new(CauseKind::NotDeclared, detail));
            }
            for word in line.replace('{', " { ").replace('}', " } ").split_whitespace() {
                match word {
                    "{" => inside = true,
                    "}" => inside = false,
                    pattern if !inside => {
                        let pattern = pattern.trim_matches(['"', '\'']);
                        if pattern.starts_with('/') && first != "include" && first != "olddir" {
                            self.patterns.push(pattern.to_owned());
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether a rule names `path`. In a pattern of logrotate no `*` crosses a slash.
    fn cover(&self, path: &str) -> Result<bool, Cause> {
        match &self.partial {
            _ if self.patterns.iter().any(|pattern| glob_match(pattern, path)) => Ok(true),
            Some(cause) => Err(cause.clone()),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests;
