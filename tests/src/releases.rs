//! Real PostgreSQL servers of every release that Goodstead knows, without a port: asked in single-user mode.
//!
//! `cargo xtask test` fetches them to `target/postgresql/RELEASE`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::postgres::as_owner;
use crate::target;

/// The programs of one release.
#[derive(Debug, Clone)]
pub struct Release {
    /// 13 to 18.
    pub major: i64,
    programs: PathBuf,
}

/// Every release that was fetched, in order.
pub fn releases() -> Vec<Release> {
    let folders = fs::read_dir(target().join("postgresql")).into_iter().flatten().flatten();
    let release = |folder: PathBuf| {
        let major = folder.file_name()?.to_str()?.parse().ok()?;
        let programs = folder.join("bin");
        programs.join("postgres").is_file().then_some(Release { major, programs })
    };
    let mut found: Vec<_> = folders.filter_map(|entry| release(entry.path())).collect();
    found.sort_by_key(|release| release.major);
    found
}

impl Release {
    /// A new cluster that does not run.
    pub fn cluster(&self) -> Cluster {
        let folder = tempfile::Builder::new().prefix("goodstead-pg-").tempdir().expect("a folder");
        crate::postgres::give(folder.path());
        let data = folder.path().join("data");
        let mut initdb = Command::new(self.programs.join("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--locale=C", "-D"]).arg(&data);
        let made = as_owner(&mut initdb).current_dir("/").output().expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        Cluster { folder, release: self.clone() }
    }
}

/// A cluster that does not run.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    release: Release,
}

impl Cluster {
    /// Its data folder, with the configuration.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Replaces its postgresql.conf.
    pub fn configure(&self, text: &[u8]) {
        fs::write(self.data().join("postgresql.conf"), text).expect("postgresql.conf");
    }

    fn postgres(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(self.release.programs.join("postgres"));
        command.args(arguments).arg("-D").arg(self.data());
        self.run(&mut command, input)
    }

    fn run(&self, command: &mut Command, input: &str) -> Output {
        let command = as_owner(command).current_dir("/").env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("postgres starts");
        let sent = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        // A server that refuses its files reads nothing.
        drop(sent);
        child.wait_with_output().expect("postgres ends")
    }

    /// The one value that a statement yields, of JSON or a text without line breaks.
    pub fn query(&self, statement: &str) -> String {
        let mut command = Command::new(self.release.programs.join("postgres"));
        command.args(["--single", "-j", "-D"]).arg(self.data()).arg("postgres");
        let input = format!("COPY ({statement}) TO STDOUT (FORMAT csv, QUOTE E'\\x01')\n;\n\n");
        let output = self.run(&mut command, &input);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = text.split_once("backend> ").map_or(text.as_str(), |(_, value)| value);
        value
            .rsplit_once("backend>")
            .map_or(value, |(value, _)| value)
            .trim()
            .trim_matches('\u{1}')
            .to_owned()
    }

    /// The errors that a server which runs with an empty file finds in this one: the lines, as JSON.
    pub fn file_errors(&self, conf: &str) -> String {
        let other = self.folder.path().join("other.conf");
        fs::write(&other, conf).expect("a file");
        self.configure(b"");
        let mut command = Command::new(self.release.programs.join("postgres"));
        command.args(["--single", "-j", "-D"]).arg(self.data()).arg("postgres");
        let copy = format!("cat {} > {}", other.display(), self.data().join("postgresql.conf").display());
        let input = format!(
            "COPY (SELECT 1) TO PROGRAM '{copy}'\n;\n\nCOPY (SELECT json_agg(s) FROM (SELECT sourceline AS line, error
             FROM pg_file_settings WHERE error IS NOT NULL) s) TO STDOUT (FORMAT csv, QUOTE E'\\x01')\n;\n\n"
        );
        let output = self.run(&mut command, &input);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = text.split_once('[').map(|(_, rest)| format!("[{rest}")).unwrap_or_default();
        value.rsplit_once(']').map(|(rest, _)| format!("{rest}]")).unwrap_or_default()
    }

    /// How the server shows a setting with this value, if it accepts it.
    pub fn shown(&self, name: &str, value: &str) -> Option<String> {
        let output = self.postgres(&["-C", name, "-c", &format!("{name}={value}")], "");
        let shown = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(shown).filter(|shown| !shown.is_empty())
    }

    /// What the server says of its files when it starts: nothing where it accepts them, and the value of `name`.
    pub fn starts_with(&self, name: &str) -> Result<String, String> {
        let output = self.postgres(&["-C", name], "");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// The folder that holds the data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
