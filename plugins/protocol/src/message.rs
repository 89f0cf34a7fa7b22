//! The messages between agent and runner, and the requests that a plugin can make of its site.
//!
//! The agent leads: it has the library loaded, asks for targets, then for the facts of each. While a plugin works on
//! either it may ask the agent for parts of the site. Bodies are JSON; bytes of files travel beside them as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::fact::{Cause, CauseKind};
use crate::proposals;

/// What a frame is. The numbers are the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Runner: the first message, body [`Hello`].
    Hello = 1,
    /// Agent: lock yourself in, then load the library that comes as a descriptor; body [`Confinement`].
    Load = 2,
    /// Runner: loaded, body [`Hello`] with the protocol that the plugin speaks.
    Loaded = 3,
    /// Runner: not loaded, body a JSON string with the reason.
    NotLoaded = 4,
    /// Agent: propose targets.
    Discover = 5,
    /// Agent: gather the facts of the [`Target`] in the body.
    Gather = 6,
    /// Runner: the plugin asks; body [`Request`].
    Ask = 7,
    /// Agent: the reply to [`Kind::Ask`]; body [`Reply`], data and descriptor as the request has it.
    Reply = 8,
    /// Runner: what the plugin has to say; body as the task has it ([`Proposal`]s or facts).
    Emit = 9,
    /// Runner: the task is over; body the plugin's return code, 0 for success.
    Done = 10,
    /// Runner: locked in, said before anything of the plugin runs, so that no plugin can say it; body [`Locked`].
    Locked = 11,
}

impl Kind {
    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<Kind> {
        use Kind::*;
        [Hello, Load, Loaded, NotLoaded, Discover, Gather, Ask, Reply, Emit, Done, Locked]
            .into_iter()
            .find(|kind| *kind as u32 == number)
    }
}

/// The largest body that any message has, in bytes: a reply about many files.
pub const MAX_BODY: u32 = 16 << 20;

/// The largest data, in bytes: the files of one reply.
pub const MAX_DATA: u32 = 16 << 20;

/// The largest body of a request, in bytes: several thousand paths.
pub const MAX_ASK: u32 = 1 << 20;

/// The largest body with targets or facts, in bytes: about what the largest budget of facts is as JSON.
pub const MAX_EMIT: u32 = 6 << 20;

impl Kind {
    /// The largest body and the largest data of a message of this kind, in bytes.
    pub fn limits(self) -> (u32, u32) {
        match self {
            Kind::Hello | Kind::Loaded | Kind::Discover | Kind::Done => (1 << 10, 0),
            Kind::Load | Kind::Locked | Kind::NotLoaded => (64 << 10, 0),
            Kind::Gather | Kind::Ask => (MAX_ASK, 0),
            Kind::Emit => (MAX_EMIT, 0),
            Kind::Reply => (MAX_BODY, MAX_DATA),
        }
    }
}

/// What a function of a plugin returns when it panicked, as the SDK has it. Any other code than 0 is the plugin's own.
pub const PANICKED: i32 = -1000;

/// The first message of the runner, and what a loaded plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol that the sender speaks.
    pub protocol: u32,
}

/// How a command of a manifest ended: what the runner reports that had the task to run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// With this exit code; none if a signal ended it.
    Exited(Option<i32>),
    /// It was not started, for this error number of the system.
    NotStarted(i32),
}

/// How the runner locks itself in before anything of the plugin runs; the body of [`Kind::Load`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// The user to become for good, when the runner was started as root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// The group to become for good, when the runner was started as root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// The most address space in bytes.
    pub memory_bytes: u64,
    /// The most processor time in seconds.
    pub cpu_seconds: u64,
    /// Standard output and standard error are the agent's pipe for the plugin's log: they stay as they are. Otherwise
    /// they become `/dev/null`, and so does whatever is not a pipe.
    #[serde(default)]
    pub keep_output: bool,
    /// Load nothing where the kernel lacks a part of the isolation.
    #[serde(default)]
    pub require_full: bool,
    /// Use no newer Landlock than this, whatever the kernel has: so that older kernels can be tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landlock_abi: Option<u32>,
    /// Use no seccomp filters, whatever the kernel has: so that kernels without can be tested.
    #[serde(default)]
    pub without_seccomp: bool,
}

/// What the runner says once it is locked in; the body of [`Kind::Locked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// Parts of the isolation that this kernel lacks and that nothing else covers, one sentence each.
    pub lacks: Vec<String>,
}

/// Where a product listens: `unix:/run/postgresql/.s.PGSQL.5432` or `tcp:127.0.0.1:5432`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// A Unix socket's absolute path.
    Unix(String),
    /// Host and port.
    Tcp(String),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Ok(Address::Unix(path.to_owned())),
            Some(("tcp", rest))
                if rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) =>
            {
                Ok(Address::Tcp(rest.to_owned()))
            }
            _ => Err(format!("`{text}` is no address: write unix:/path/of/socket or tcp:host:port")),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{path}"),
            Address::Tcp(rest) => write!(f, "tcp:{rest}"),
        }
    }
}

/// A target that a plugin found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Its name among the plugin's targets (`main`); `None` when there can be only one on a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is, for people: `PostgreSQL 15 on port 5432`.
    pub title: String,
    /// Where it listens, if the plugin wants to connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// What the plugin wants to be handed back when it gathers, for example a folder.
    #[serde(default, skip_serializing_if = "Json::is_null", deserialize_with = "proposals::hints")]
    pub hints: Json,
}

/// A target whose facts are wanted: an accepted [`Proposal`], or one that the admin configured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Its name among the plugin's targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// The plugin's own hints from [`Proposal::hints`].
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub hints: Json,
    /// The account to log in with, if the admin names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its password, if the admin gave a file that holds one. Facts that contain it are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The database, queue or index to log in to, if the admin names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Every option that the plugin's manifest declares, as the admin set it or by its default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, u64>,
    /// Of a support bundle: when it was made, in seconds since 1970. Ages are those at that time, and what the site answers
    /// was recorded then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<i64>,
    /// The facts that will be read, by their first names; empty where all may be. A plugin may leave the others out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub only: BTreeSet<String>,
}

impl Target {
    /// Whether any of these facts will be read, given by their first names.
    pub fn wants(&self, facts: &[&str]) -> bool {
        self.only.is_empty() || facts.iter().any(|fact| self.only.contains(*fact))
    }
}

/// What a plugin can ask of its site. The broker grants what the manifest declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// One file's bytes, as data.
    Read {
        /// Its absolute path.
        path: String,
    },
    /// The bytes of all files that match, one after another as data.
    ReadMany {
        /// Globs of absolute paths.
        globs: Vec<String>,
        /// Globs of absolute paths to leave alone, because reading has an effect or the value is nobody's business.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        except: Vec<String>,
    },
    /// The names in a folder.
    List {
        /// Its absolute path.
        path: String,
    },
    /// The names in a directory that match, where the manifest asks to read, look at or connect to what they name. The
    /// directory itself need not be declared: names of others are neither counted nor returned.
    Find {
        /// The directory's absolute path.
        path: String,
        /// A glob of a single name, for example `.s.PGSQL.*`.
        matching: String,
    },
    /// Kind, size, mode, owner and time of a file; a link is followed.
    Stat {
        /// Its absolute path.
        path: String,
    },
    /// Space and inodes of the file systems that hold these paths.
    Statfs {
        /// Absolute paths, for example mount points.
        paths: Vec<String>,
    },
    /// A connection to an accepted target, as a descriptor.
    Connect {
        /// Its address.
        address: Address,
    },
    /// The output of a declared command, as data.
    Run {
        /// Its name in the manifest.
        command: String,
    },
    /// What several of `read`, `read_many`, `list`, `find` and `stat` would yield, in one round trip.
    Several {
        /// They, in the order of the replies.
        requests: Vec<Request>,
    },
}

impl Request {
    /// The request in `body`.
    ///
    /// # Errors
    /// It is not a request of this protocol, or holds too many values: in our words.
    pub fn read(body: &[u8]) -> Result<Request, Cause> {
        // What a tree of values takes is many times what its text takes.
        if body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b':')).count() > MAX_VALUES {
            let detail = format!("a request may have {MAX_VALUES} values");
            return Err(Cause::new(CauseKind::TooLarge, detail));
        }
        serde_json::from_slice(body)
            .map_err(|_| Cause::new(CauseKind::PluginFailed, "this is not a request of this protocol"))
    }
}

/// The most values in a request: paths of mount points, mainly, and the requests among several.
const MAX_VALUES: usize = 20_000;

/// What the broker replies: the outcome, or why it did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Done; what it is depends on the request.
    Ok(Granted),
    /// Not done.
    Refused(Cause),
}

/// The outcome of a granted request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granted {
    /// To `read`: the data is the file's bytes.
    Read,
    /// To `read_many`: one entry a file, in the order of their bytes in the data.
    ReadMany(FileList),
    /// To `list` and `find`: sorted by name.
    List(Vec<Entry>),
    /// To `stat`.
    Stat(Stat),
    /// To `statfs`: one outcome a path, in order.
    Statfs(Vec<Outcome<Statfs>>),
    /// To `connect`: the descriptor is the connection.
    Connect {
        /// The system user that the other side sees.
        user: String,
    },
    /// To `run`: the data is what the command wrote to its standard output.
    Run {
        /// Its exit code; `None` when a signal ended it.
        code: Option<i32>,
    },
    /// To `several`: a part for each request, in order, with their bytes one after another in the data. Where there
    /// are fewer parts, the rest did not fit and is to be asked for by itself.
    Several(Vec<Part>),
}

/// The reply to one of several requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The reply.
    pub reply: Reply,
    /// How many bytes of the data are its.
    pub bytes: u64,
}

/// The files that a `read_many` found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FileList {
    /// One entry a file.
    pub files: Vec<FileEntry>,
    /// Why some are missing, if some are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Cause>,
}

/// One file of a `read_many`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its absolute path.
    pub path: String,
    /// How many bytes of the data are its, or why none.
    pub size: Outcome<u64>,
}

/// A value, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<T> {
    /// The value.
    Ok(T),
    /// Why not.
    Refused(Cause),
}

/// What a name in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device.
    Other,
}

/// One name in a folder. A name that is not UTF-8 has its bad bytes replaced and cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The name without its folder.
    pub name: String,
    /// What it is; links are not followed.
    pub kind: FileKind,
}

/// What is known of a file without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// What it is, links followed.
    pub kind: FileKind,
    /// Its size in bytes.
    pub size: u64,
    /// Permission bits, `0o7777` at most.
    pub mode: u32,
    /// Its owner's number.
    pub uid: u32,
    /// Its group's number.
    pub gid: u32,
    /// When its content changed last, seconds since 1970.
    pub modified: i64,
}

/// Space and inodes of a file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statfs {
    /// Size in bytes.
    pub size: u64,
    /// Bytes not used.
    pub free: u64,
    /// Bytes that an ordinary user may still use.
    pub available: u64,
    /// Inodes in all; 0 where there is no fixed number.
    pub inodes: u64,
    /// Inodes not used.
    pub inodes_free: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_form_that_authors_write() {
        let request = Request::ReadMany { globs: vec!["/proc/sys/**".into()], except: vec![] };
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"ask":"read_many","globs":["/proc/sys/**"]}"#
        );
        assert!(serde_json::from_str::<Request>(r#"{"ask":"write","path":"/etc/passwd"}"#).is_err());
    }

    #[test]
    fn a_request_is_bounded_in_its_values() {
        let read = |text: String| Request::read(text.as_bytes()).map_err(|cause| cause.kind);
        let globs =
            |glob: &str, many| format!(r#"{{"ask":"read_many","globs":[{}]}}"#, vec![glob; many].join(","));
        assert!(read(globs("\"/a\"", 4096)).is_ok());
        assert_eq!(read(globs("[]", MAX_VALUES)), Err(CauseKind::TooLarge));
        assert_eq!(read("{\"ask\": \"SECRET\"}".into()), Err(CauseKind::PluginFailed));
    }

    #[test]
    fn addresses_are_read_strictly() {
        assert_eq!("unix:/run/x".parse(), Ok(Address::Unix("/run/x".into())));
        assert_eq!("tcp:[::1]:5432".parse(), Ok(Address::Tcp("[::1]:5432".into())));
        for bad in ["unix:run/x", "tcp:host", "tcp:host:99999", "http://x", ""] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_kind_has_its_number() {
        for number in 0..64 {
            if let Some(kind) = Kind::from_number(number) {
                assert_eq!(kind as u32, number);
            }
        }
        assert_eq!((1..64).filter_map(Kind::from_number).count(), 11);
    }
}
