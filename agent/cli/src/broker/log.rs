//! The access log: every request of a plugin, granted or refused, with its size and time.
//!
//! It is what the admin can be shown of what was looked at, so it names what was asked for in the plugin's own words, where
//! that led, and every single file. It is bounded, and never silent: what is not written down one by one is counted, by
//! kind and directory, so that the entries always add up to the summary in the report. Refused requests have a bound of
//! their own: a flood of them leaves no granted one out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use goodstead_model::Access;
use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::message::{Address, Granted, Outcome, Proposal, Request};
use serde::{Deserialize, Serialize};

/// The most granted requests that are written down one by one; the rest is counted.
const MAX_GRANTED: usize = 5_000;

/// The most refused requests that are.
const MAX_REFUSED: usize = 1_000;

/// The most files that are named, over all requests.
const MAX_FILES: usize = 50_000;

/// How many bytes of text are kept of one plugin, over all entries.
const MAX_BYTES: usize = 4 << 20;

/// How many of those refused requests may take.
const MAX_REFUSED_BYTES: usize = 1 << 20;

/// The longest text: a path is never longer, a list of globs may be.
const MAX_TEXT: usize = 8 << 10;

/// The most rows of counts: one a kind and directory, and at the end one a kind.
const MAX_COUNTS: usize = 1_000;

/// The longest directory of a row.
const MAX_DIRECTORY: usize = 400;

/// Where paths led, by the path that was asked for, as far as that is another.
pub(crate) type Trace = BTreeMap<String, String>;

/// One request, or the number of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When, in milliseconds since the plugin was started.
    pub(crate) at_ms: f64,
    /// What kind of request: `read`, `connect`, …
    pub(crate) kind: String,
    /// What of: a path, globs, an address, a command; of several, the directory.
    pub(crate) what: String,
    /// Where that led, if it is another path: over links, or by `.` and `..`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resolved: Option<String>,
    /// Why it was refused; absent when it was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
    /// How many bytes were handed over.
    pub(crate) bytes: u64,
    /// How long it took, in milliseconds.
    pub(crate) took_ms: f64,
    /// Of a request for many: each file, with its size or why it could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<FileEntry>,
    /// Of requests, or files, beyond what is written down one by one: how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counted: Option<Counted>,
}

/// How many requests, or files, an entry stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) granted: u64,
    pub(crate) refused: u64,
}

/// One file of a request for many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    pub(crate) path: String,
    /// Where that led, if it is another path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resolved: Option<String>,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
}

/// The kind of the entries that count files.
const FILES: &str = "- file";

/// The requests of one plugin in one scan.
#[derive(Debug)]
pub(crate) struct Log {
    began: Instant,
    entries: Vec<Entry>,
    files: usize,
    refused: usize,
    bytes: usize,
    refused_bytes: usize,
    /// What is not written down one by one, by kind and directory.
    counts: BTreeMap<(&'static str, String), Entry>,
    summary: Access,
}

impl Log {
    pub(crate) fn new() -> Self {
        Log {
            began: Instant::now(),
            entries: Vec::new(),
            files: 0,
            refused: 0,
            bytes: 0,
            refused_bytes: 0,
            counts: BTreeMap::new(),
            summary: Access::default(),
        }
    }

    /// The counts.
    pub(crate) fn summary(&self) -> &Access {
        &self.summary
    }

    /// What was written down, and last the numbers of what was not.
    pub(crate) fn into_entries(mut self) -> Vec<Entry> {
        self.entries.extend(self.counts.into_values());
        self.entries
    }

    /// Writes a request down, with where its paths led.
    pub(crate) fn request(
        &mut self,
        request: &Request,
        (began, took): (Instant, Duration),
        outcome: Result<(&Granted, u64), &Cause>,
        trace: &Trace,
    ) {
        let (kind, what, mut directory) = match request {
            Request::Connect { address } if outcome.is_err() => {
                ("connect", refused_address(address), String::new())
            }
            request => described(request),
        };
        if let (Request::Read { .. } | Request::Stat { .. }, Some(led)) = (request, trace.get(&what)) {
            directory = directory_of(led);
        }
        let mut files = Vec::new();
        match (request, outcome) {
            (_, Ok((Granted::ReadMany(list), _))) => {
                for file in &list.files {
                    let outcome = match &file.size {
                        Outcome::Ok(bytes) => Ok(*bytes),
                        Outcome::Refused(cause) => Err(cause),
                    };
                    self.file(&mut files, &file.path, outcome, trace);
                }
            }
            (Request::Statfs { paths }, Ok((Granted::Statfs(outcomes), _))) => {
                for (path, outcome) in paths.iter().zip(outcomes) {
                    let outcome = match outcome {
                        Outcome::Ok(_) => Ok(0),
                        Outcome::Refused(cause) => Err(cause),
                    };
                    self.file(&mut files, path, outcome, trace);
                }
            }
            _ => {}
        }
        let entry = Entry {
            at_ms: milliseconds(began.saturating_duration_since(self.began)),
            kind: kind.to_owned(),
            resolved: trace.get(&what).cloned(),
            what: bounded(&what),
            refused: outcome.err().map(|cause| reason(request, cause)),
            bytes: outcome.map_or(0, |(_, bytes)| bytes),
            took_ms: milliseconds(took),
            files,
            counted: None,
        };
        self.write((kind, &directory), entry);
    }

    /// Writes down what was not a request of the protocol, or one that is too large to be one.
    pub(crate) fn nonsense(&mut self, size: usize, (began, took): (Instant, Duration), cause: &Cause) {
        let entry = Entry {
            at_ms: milliseconds(began.saturating_duration_since(self.began)),
            kind: "nonsense".to_owned(),
            what: format!("{size} bytes"),
            resolved: None,
            refused: Some(bounded(&cause.to_string())),
            bytes: 0,
            took_ms: milliseconds(took),
            files: Vec::new(),
            counted: None,
        };
        self.write(("nonsense", ""), entry);
    }

    /// Writes a proposed target down. A refused address can be any text of the plugin's, and so can why it was refused:
    /// both are in our words.
    pub(crate) fn proposal(&mut self, proposal: &Proposal, verdict: Result<(), &Cause>) {
        let address = match &proposal.address {
            None => "no address".to_owned(),
            Some(address) if verdict.is_ok() => address.to_string(),
            Some(address) => refused_address(address),
        };
        let why = verdict.err().map(|cause| match cause.kind {
            CauseKind::NotDeclared => "plugin.toml does not ask to connect to it",
            CauseKind::NotPermitted => "neither plugin.toml nor agent.toml names this TCP address",
            kind => kind.words(),
        });
        let directory = if verdict.is_ok() { directory_of(&address) } else { String::new() };
        let entry = Entry {
            at_ms: milliseconds(self.began.elapsed()),
            kind: "target".to_owned(),
            what: bounded(&address),
            resolved: None,
            refused: why.map(str::to_owned),
            bytes: 0,
            took_ms: 0.0,
            files: Vec::new(),
            counted: None,
        };
        self.write(("target", &directory), entry);
    }

    /// Names a file of a request for many, or counts it.
    fn file(&mut self, files: &mut Vec<FileEntry>, path: &str, outcome: Result<u64, &Cause>, trace: &Trace) {
        let file = FileEntry {
            path: bounded(path),
            resolved: trace.get(path).cloned(),
            bytes: outcome.unwrap_or(0),
            refused: outcome.err().map(|cause| bounded(&cause.to_string())),
        };
        let size = file.path.len() + length(&file.resolved) + length(&file.refused);
        if self.files < MAX_FILES && self.bytes + size <= MAX_BYTES {
            self.files += 1;
            self.bytes += size;
            files.push(file);
        } else {
            let at_ms = milliseconds(self.began.elapsed());
            self.count((FILES, &directory_of(path)), outcome.is_ok(), (at_ms, 0.0, file.bytes));
        }
    }

    fn write(&mut self, (kind, directory): (&'static str, &str), entry: Entry) {
        let granted = entry.refused.is_none();
        if granted {
            self.summary.granted += 1;
            self.summary.bytes += entry.bytes;
        } else {
            self.summary.refused += 1;
        }
        let size = entry.what.len() + length(&entry.resolved) + length(&entry.refused);
        let fits = self.bytes + size <= MAX_BYTES
            && if granted {
                self.entries.len() - self.refused < MAX_GRANTED
            } else {
                self.refused < MAX_REFUSED && self.refused_bytes + size <= MAX_REFUSED_BYTES
            };
        // The files of a request are in its entry: they were counted only if there was room for them.
        if !fits && entry.files.is_empty() {
            return self.count((kind, directory), granted, (entry.at_ms, entry.took_ms, entry.bytes));
        }
        self.bytes += size;
        if !granted {
            self.refused += 1;
            self.refused_bytes += size;
        }
        self.entries.push(entry);
    }

    /// Adds one to the number of its kind and directory, or of its kind where there are too many directories.
    fn count(
        &mut self,
        (kind, directory): (&'static str, &str),
        granted: bool,
        (at_ms, took_ms, bytes): (f64, f64, u64),
    ) {
        let mut key = (kind, cut(directory, MAX_DIRECTORY));
        if !self.counts.contains_key(&key) && self.counts.len() >= MAX_COUNTS {
            key.1 = "other directories".to_owned();
        }
        let what = key.1.clone();
        let entry = self.counts.entry(key).or_insert_with(|| Entry {
            at_ms,
            kind: kind.to_owned(),
            what,
            resolved: None,
            refused: None,
            bytes: 0,
            took_ms: 0.0,
            files: Vec::new(),
            counted: Some(Counted::default()),
        });
        entry.bytes += bytes;
        entry.took_ms = milliseconds_rounded(entry.took_ms + took_ms);
        if let Some(counted) = &mut entry.counted {
            if granted {
                counted.granted += 1;
            } else {
                counted.refused += 1;
            }
        }
    }
}

fn length(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

/// A text that says how much of it is missing, if some is.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}… (cut: {} bytes in all)", text.get(..end).unwrap_or_default(), text.len())
}

fn bounded(text: &str) -> String {
    cut(text, MAX_TEXT)
}

/// The directory of a path, also within an address.
fn directory_of(path: &str) -> String {
    path.rsplit_once('/')
        .map_or(path, |(directory, _)| if directory.is_empty() { "/" } else { directory })
        .to_owned()
}

fn milliseconds(time: Duration) -> f64 {
    milliseconds_rounded(time.as_secs_f64() * 1e3)
}

/// An address that was refused, which can be any text: as far as it is an address of this machine's, in our words.
fn refused_address(address: &Address) -> String {
    match address {
        Address::Unix(_) => "a Unix socket that plugin.toml does not name".to_owned(),
        Address::Tcp(address) => match address.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => format!("tcp, port {} on this host", address.port()),
            _ => "a TCP address that is not of this host".to_owned(),
        },
    }
}

fn milliseconds_rounded(milliseconds: f64) -> f64 {
    (milliseconds * 1e3).round() / 1e3
}

/// Why a request was refused; of an address that is too long without the beginning of it.
fn reason(request: &Request, cause: &Cause) -> String {
    match (request, cause.kind) {
        (Request::Connect { .. }, CauseKind::TooLarge) => cause.kind.words().to_owned(),
        _ => bounded(&cause.to_string()),
    }
}

/// How a request is named in the log; its trace has the same name.
pub(crate) fn named(request: &Request) -> String {
    described(request).1
}

/// The kind of a request, what of, and the directory by which it is counted.
fn described(request: &Request) -> (&'static str, String, String) {
    let of_path = |kind, path: &str| (kind, path.to_owned(), directory_of(path));
    let first = |list: &[String]| list.first().map_or_else(String::new, |path| directory_of(path));
    match request {
        Request::Read { path } => of_path("read", path),
        Request::ReadMany { globs, except } if except.is_empty() => {
            ("read_many", globs.join(" "), first(globs))
        }
        Request::ReadMany { globs, except } => {
            ("read_many", format!("{} except {}", globs.join(" "), except.join(" ")), first(globs))
        }
        Request::List { path } => ("list", path.clone(), path.clone()),
        Request::Find { path, matching } => {
            ("find", format!("{}/{matching}", path.trim_end_matches('/')), path.clone())
        }
        Request::Stat { path } => of_path("stat", path),
        Request::Statfs { paths } => ("statfs", paths.join(" "), first(paths)),
        Request::Connect { address } => {
            let address = address.to_string();
            let directory = directory_of(&address);
            ("connect", address, directory)
        }
        Request::Run { command } => ("run", command.clone(), command.clone()),
        Request::Several { requests } => ("several", format!("{} requests", requests.len()), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use goodstead_protocol::fact::CauseKind;

    use super::*;

    fn stat(path: &str) -> Request {
        Request::Stat { path: path.to_owned() }
    }

    fn ask(log: &mut Log, request: &Request, granted: bool) {
        let no = Cause::new(CauseKind::NotDeclared, "no");
        let outcome = if granted { Ok((&Granted::Read, 7)) } else { Err(&no) };
        log.request(request, (Instant::now(), Duration::ZERO), outcome, &Trace::new());
    }

    /// What the entries add up to.
    fn sum(entries: &[Entry]) -> Access {
        let mut sum = Access::default();
        for entry in entries.iter().filter(|entry| entry.kind != FILES) {
            let one = Counted {
                granted: u64::from(entry.refused.is_none()),
                refused: u64::from(entry.refused.is_some()),
            };
            let Counted { granted, refused } = entry.counted.unwrap_or(one);
            sum.granted += granted;
            sum.refused += refused;
            sum.bytes += entry.bytes;
        }
        sum
    }

    #[test]
    fn a_flood_of_refusals_leaves_no_granted_request_out() {
        let mut log = Log::new();
        for number in 0..20_000 {
            ask(&mut log, &stat(&format!("/nowhere/{}/x", number % 7)), false);
        }
        ask(&mut log, &Request::Read { path: "/srv/private.key".into() }, true);
        let summary = log.summary().clone();
        let entries = log.into_entries();
        assert!(entries.iter().any(|entry| entry.what == "/srv/private.key" && entry.counted.is_none()));
        assert_eq!(entries.len(), MAX_REFUSED + 1 + 7, "each directory has its number");
        assert_eq!((sum(&entries), summary.refused), (summary.clone(), 20_000));
    }

    #[test]
    fn what_is_not_written_down_is_counted_by_kind_and_directory() {
        let mut log = Log::new();
        for number in 0..MAX_GRANTED {
            ask(&mut log, &stat(&format!("/dull/{number}")), true);
        }
        for number in 0..3 * MAX_COUNTS {
            ask(&mut log, &Request::Read { path: format!("/srv/{number}/private.key") }, true);
        }
        let summary = log.summary().clone();
        let entries = log.into_entries();
        let counted: Vec<_> = entries.iter().filter(|entry| entry.counted.is_some()).collect();
        let row = |what: &str| counted.iter().find(|entry| entry.what == what).map(|entry| &entry.counted);
        assert_eq!(row("/srv/5"), Some(&Some(Counted { granted: 1, refused: 0 })));
        let others = Counted { granted: 2 * MAX_COUNTS as u64, refused: 0 };
        assert_eq!(row("other directories"), Some(&Some(others)), "the rows are bounded as well");
        assert_eq!(sum(&entries), summary);
    }

    #[test]
    fn texts_are_kept_whole_up_to_their_limit_and_then_say_so() {
        let mut log = Log::new();
        let long = format!("/{}/private.key", "a/".repeat(2000));
        ask(&mut log, &stat(&long), true);
        for _ in 0..2_000 {
            let globs = vec!["/x/*".repeat(3000)];
            ask(&mut log, &Request::ReadMany { globs, except: Vec::new() }, true);
        }
        let summary = log.summary().clone();
        let entries = log.into_entries();
        assert_eq!(entries[0].what, long);
        assert!(entries[1].what.ends_with("… (cut: 12000 bytes in all)"), "{}", entries[1].what);
        let kept: usize = entries.iter().map(|entry| entry.what.len()).sum();
        assert!(kept < MAX_BYTES + MAX_BYTES / 10, "{kept}");
        assert_eq!(sum(&entries), summary);
    }

    #[test]
    fn files_beyond_the_limit_are_counted_by_directory() {
        use goodstead_protocol::message::{FileEntry, FileList};
        let mut log = Log::new();
        let files = (0..MAX_FILES + 10).map(|number| FileEntry {
            path: format!("/d/{}", if number < 10 { "a" } else { "b" }.repeat(30)),
            size: Outcome::Ok(1),
        });
        let list = Granted::ReadMany(FileList { files: files.collect(), partial: None });
        let request = Request::ReadMany { globs: vec!["/d/*".into()], except: Vec::new() };
        log.request(&request, (Instant::now(), Duration::ZERO), Ok((&list, 9)), &Trace::new());
        let entries = log.into_entries();
        assert_eq!((entries[0].files.len(), entries[0].what.as_str()), (MAX_FILES, "/d/*"));
        assert_eq!((entries[1].kind.as_str(), entries[1].what.as_str(), entries[1].bytes), (FILES, "/d", 10));
        assert_eq!(entries[1].counted, Some(Counted { granted: 10, refused: 0 }));
    }
}
