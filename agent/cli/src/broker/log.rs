//! The access log: every request of a plugin, granted or refused, with its size and time.
//!
//! It is what the admin can be shown of what was looked at, so it names what was asked for in the plugin's own words,
//! and every single file. It is bounded: a plugin that floods is counted, not written down for ever.

use std::time::{Duration, Instant};

use goodstead_model::Access;
use goodstead_protocol::fact::Cause;
use goodstead_protocol::message::{Granted, Outcome, Proposal, Request};
use serde::{Deserialize, Serialize};

/// The most requests that are written down; the rest is only counted.
const MAX_ENTRIES: usize = 5_000;

/// The most files that are named, over all requests.
const MAX_FILES: usize = 50_000;

/// How much of a request is kept.
const MAX_TEXT: usize = 400;

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When, in milliseconds since the plugin was started.
    pub(crate) at_ms: f64,
    /// What kind of request: `read`, `connect`, …
    pub(crate) kind: String,
    /// What of: a path, globs, an address, a command.
    pub(crate) what: String,
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
}

/// One file of a request for many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    pub(crate) path: String,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
}

/// The requests of one plugin in one scan.
#[derive(Debug)]
pub(crate) struct Log {
    began: Instant,
    entries: Vec<Entry>,
    files: usize,
    summary: Access,
}

impl Log {
    pub(crate) fn new() -> Self {
        Log { began: Instant::now(), entries: Vec::new(), files: 0, summary: Access::default() }
    }

    /// The counts.
    pub(crate) fn summary(&self) -> &Access {
        &self.summary
    }

    /// What was written down.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Writes a request down. `request` is `None` when it was none of the protocol.
    pub(crate) fn request(
        &mut self,
        request: Option<&Request>,
        (began, took): (Instant, Duration),
        outcome: Result<(&Granted, u64), &Cause>,
    ) {
        let (kind, what) = request.map_or(("nonsense", String::new()), described);
        let mut files = Vec::new();
        if let Ok((Granted::ReadMany(list), _)) = outcome {
            let room = MAX_FILES.saturating_sub(self.files);
            files.extend(list.files.iter().take(room).map(|file| match &file.size {
                Outcome::Ok(bytes) => FileEntry { path: file.path.clone(), bytes: *bytes, refused: None },
                Outcome::Refused(cause) => {
                    FileEntry { path: file.path.clone(), bytes: 0, refused: Some(cause.to_string()) }
                }
            }));
            self.files += files.len();
        }
        self.write(kind, what, (began, took), outcome.map(|(_, bytes)| bytes), files);
    }

    /// Writes a proposed target down.
    pub(crate) fn proposal(&mut self, proposal: &Proposal, verdict: Result<(), &Cause>) {
        let address = proposal.address.as_ref().map_or_else(|| "no address".to_owned(), ToString::to_string);
        self.write("target", address, (Instant::now(), Duration::ZERO), verdict.map(|()| 0), Vec::new());
    }

    fn write(
        &mut self,
        kind: &str,
        what: String,
        (began, took): (Instant, Duration),
        outcome: Result<u64, &Cause>,
        files: Vec<FileEntry>,
    ) {
        match outcome {
            Ok(bytes) => {
                self.summary.granted += 1;
                self.summary.bytes += bytes;
            }
            Err(_) => self.summary.refused += 1,
        }
        if self.entries.len() == MAX_ENTRIES {
            return;
        }
        self.entries.push(Entry {
            at_ms: milliseconds(began.saturating_duration_since(self.began)),
            kind: kind.to_owned(),
            what: what.chars().take(MAX_TEXT).collect(),
            refused: outcome.err().map(ToString::to_string),
            bytes: outcome.unwrap_or(0),
            took_ms: milliseconds(took),
            files,
        });
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn described(request: &Request) -> (&'static str, String) {
    match request {
        Request::Read { path } => ("read", path.clone()),
        Request::ReadMany { globs, except } if except.is_empty() => ("read_many", globs.join(" ")),
        Request::ReadMany { globs, except } => {
            ("read_many", format!("{} except {}", globs.join(" "), except.join(" ")))
        }
        Request::List { path } => ("list", path.clone()),
        Request::Stat { path } => ("stat", path.clone()),
        Request::Statfs { paths } => ("statfs", paths.join(" ")),
        Request::Connect { address } => ("connect", address.to_string()),
        Request::Run { command } => ("run", command.clone()),
        Request::Several { requests } => ("several", format!("{} requests", requests.len())),
    }
}
