//! The site as a plugin sees it: one way to ask, and the questions in comfortable clothes.

use std::os::fd::OwnedFd;

use goodstead_protocol::fact::{Cause, CauseKind, Fact};
use goodstead_protocol::message::{Address, Entry, Granted, Outcome, Request, Stat, Statfs};

/// What came back for a granted request.
#[derive(Debug)]
pub struct Answer {
    /// The outcome.
    pub granted: Granted,
    /// The bytes that belong to it.
    pub data: Vec<u8>,
    /// The descriptor that belongs to it.
    pub descriptor: Option<OwnedFd>,
}

/// The one thing that an implementation needs: the agent's broker, a folder, a recording, a fake.
pub trait Site {
    /// Asks for something; the broker grants what the manifest declares.
    ///
    /// # Errors
    /// Why it was refused or could not be done.
    fn ask(&mut self, request: Request) -> Result<Answer, Cause>;
}

/// The files that matched, and why some are missing.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// In the order of their paths.
    pub files: Vec<File>,
    /// Why there may be more than these.
    pub partial: Option<Cause>,
}

/// One file that matched.
#[derive(Debug, Clone)]
pub struct File {
    /// Its absolute path.
    pub path: String,
    /// Its bytes, or why they could not be read.
    pub content: Result<Vec<u8>, Cause>,
}

/// A connection that the broker made.
#[derive(Debug)]
pub struct Connection {
    /// One end of a Unix stream socket pair, whatever kind of address was asked for. The agent carries bytes between the
    /// other end and the product, and nothing but bytes.
    pub descriptor: OwnedFd,
    /// The system user that the other side sees.
    pub user: String,
}

/// The questions one by one. Each fails with the broker's cause.
#[allow(clippy::missing_errors_doc)] // Said once above.
pub trait SiteExt {
    /// The bytes of a file.
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Cause>;
    /// The text of a file; bytes that are not UTF-8 are replaced.
    fn read_text(&mut self, path: &str) -> Result<String, Cause>;
    /// All files that match `globs` and none of `except`, in one request.
    fn read_many(&mut self, globs: &[&str], except: &[&str]) -> Result<Files, Cause>;
    /// The names in a folder, sorted.
    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Cause>;
    /// The names in a directory that match the glob `matching`, of those that the manifest asks to read, look at or
    /// connect to; sorted. The directory itself need not be declared.
    fn find(&mut self, path: &str, matching: &str) -> Result<Vec<Entry>, Cause>;
    /// What is known of a file without opening it.
    fn stat(&mut self, path: &str) -> Result<Stat, Cause>;
    /// Space and inodes under each of `paths`, in their order.
    fn statfs(&mut self, paths: &[&str]) -> Result<Vec<Result<Statfs, Cause>>, Cause>;
    /// A connection to an accepted target.
    fn connect(&mut self, address: &Address) -> Result<Connection, Cause>;
    /// The standard output of a command of the manifest.
    fn run(&mut self, command: &str) -> Result<Vec<u8>, Cause>;
}

fn unfitting() -> Cause {
    Cause::new(CauseKind::PluginFailed, "the agent's reply does not fit the request")
}

impl<S: Site + ?Sized> SiteExt for S {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Cause> {
        Ok(self.ask(Request::Read { path: path.to_owned() })?.data)
    }

    fn read_text(&mut self, path: &str) -> Result<String, Cause> {
        Ok(String::from_utf8_lossy(&self.read(path)?).into_owned())
    }

    fn read_many(&mut self, globs: &[&str], except: &[&str]) -> Result<Files, Cause> {
        let owned = |list: &[&str]| list.iter().map(|glob| (*glob).to_owned()).collect();
        let answer = self.ask(Request::ReadMany { globs: owned(globs), except: owned(except) })?;
        let Granted::ReadMany(list) = answer.granted else { return Err(unfitting()) };
        let mut rest = answer.data.as_slice();
        let mut files = Vec::with_capacity(list.files.len());
        for entry in list.files {
            let content = match entry.size {
                Outcome::Ok(size) => {
                    let size = usize::try_from(size).unwrap_or(usize::MAX);
                    let (content, more) = rest.split_at_checked(size).ok_or_else(unfitting)?;
                    rest = more;
                    Ok(content.to_vec())
                }
                Outcome::Refused(cause) => Err(cause),
            };
            files.push(File { path: entry.path, content });
        }
        Ok(Files { files, partial: list.partial })
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Cause> {
        match self.ask(Request::List { path: path.to_owned() })?.granted {
            Granted::List(entries) => Ok(entries),
            _ => Err(unfitting()),
        }
    }

    fn find(&mut self, path: &str, matching: &str) -> Result<Vec<Entry>, Cause> {
        let request = Request::Find { path: path.to_owned(), matching: matching.to_owned() };
        match self.ask(request)?.granted {
            Granted::List(entries) => Ok(entries),
            _ => Err(unfitting()),
        }
    }

    fn stat(&mut self, path: &str) -> Result<Stat, Cause> {
        match self.ask(Request::Stat { path: path.to_owned() })?.granted {
            Granted::Stat(stat) => Ok(stat),
            _ => Err(unfitting()),
        }
    }

    fn statfs(&mut self, paths: &[&str]) -> Result<Vec<Result<Statfs, Cause>>, Cause> {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        let asked = paths.len();
        match self.ask(Request::Statfs { paths })?.granted {
            Granted::Statfs(outcomes) if outcomes.len() == asked => Ok(outcomes
                .into_iter()
                .map(|outcome| match outcome {
                    Outcome::Ok(statfs) => Ok(statfs),
                    Outcome::Refused(cause) => Err(cause),
                })
                .collect()),
            _ => Err(unfitting()),
        }
    }

    fn connect(&mut self, address: &Address) -> Result<Connection, Cause> {
        let answer = self.ask(Request::Connect { address: address.clone() })?;
        match (answer.granted, answer.descriptor) {
            (Granted::Connect { user }, Some(descriptor)) => Ok(Connection { descriptor, user }),
            _ => Err(unfitting()),
        }
    }

    fn run(&mut self, command: &str) -> Result<Vec<u8>, Cause> {
        let answer = self.ask(Request::Run { command: command.to_owned() })?;
        match answer.granted {
            Granted::Run { code: Some(0) } => Ok(answer.data),
            Granted::Run { code } => {
                let end = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
                Err(Cause::new(CauseKind::NotAvailable, format!("the command `{command}` ended with {end}")))
            }
            _ => Err(unfitting()),
        }
    }
}

/// Turns "a value or why not" into a fact.
pub trait UnknownOr {
    /// The value as a fact, or unknown with the cause.
    fn or_unknown(self) -> Fact;
}

impl<T: Into<Fact>> UnknownOr for Result<T, Cause> {
    fn or_unknown(self) -> Fact {
        match self {
            Ok(value) => value.into(),
            Err(cause) => cause.into(),
        }
    }
}
