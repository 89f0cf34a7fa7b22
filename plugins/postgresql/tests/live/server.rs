//! A PostgreSQL server of a test's own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Debian's folder of the release that the tests are written for.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

pub(crate) struct Server {
    folder: TempDir,
    pub(crate) port: u16,
}

impl Server {
    /// A server with the role `goodstead`, and whatever `sql` makes.
    pub(crate) fn start(sql: &[&str]) -> Server {
        Server::start_with("", sql)
    }

    /// The same without waiting for the disk, for the tests that make much.
    pub(crate) fn quick(sql: &[&str]) -> Server {
        Server::start_with(
            " -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off",
            sql,
        )
    }

    fn start_with(more: &str, sql: &[&str]) -> Server {
        // A socket's path has little room, so the folder's is short.
        let folder = tempfile::Builder::new().prefix("gs-pg").tempdir_in("/tmp").unwrap();
        if let Some((uid, gid)) = owner() {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let mut server = Server { folder, port: 0 };
        server.run("initdb", &["-N", "-A", "trust", "-U", "postgres", "-D", &server.data()]);
        let hba = "local all secretive scram-sha-256\nlocal all,replication all trust\nhost all all 127.0.0.1/32 trust\n";
        fs::write(server.hba(), hba).unwrap();
        // Between choosing a port and binding it somebody else may have taken it.
        while !server.starts(more) {
            assert!(server.log().contains("Address already in use"), "{}", server.log());
            fs::remove_file(server.folder.path().join("log")).unwrap();
        }
        server.sql(&["CREATE ROLE goodstead LOGIN", "GRANT pg_monitor TO goodstead"]);
        server.sql(sql);
        server
    }

    /// Whether it starts with a port of its own.
    fn starts(&mut self, more: &str) -> bool {
        self.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let socket = self.folder();
        let options = format!("-p {} -k {socket} -c listen_addresses=127.0.0.1{more}", self.port);
        let log = format!("{socket}/log");
        let mut command = self.command("pg_ctl");
        command.args(["-w", "-D", &self.data(), "-l", &log, "-o", &options, "start"]);
        command.stdout(Stdio::null()).status().unwrap().success()
    }

    /// Ends and begins with the same options.
    pub(crate) fn restart(&self) {
        let log = format!("{}/log", self.folder.path().display());
        self.run("pg_ctl", &["-w", "-D", &self.data(), "-l", &log, "-m", "fast", "restart"]);
    }

    pub(crate) fn sql(&self, statements: &[&str]) {
        self.sql_in("postgres", statements);
    }

    /// The same in another database.
    pub(crate) fn sql_in(&self, database: &str, statements: &[&str]) {
        if !statements.is_empty() {
            let output = self.psql(database, statements).output().unwrap();
            assert!(output.status.success(), "{statements:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// One statement that may fail.
    pub(crate) fn try_in(&self, database: &str, statement: &str) {
        let _ = self.psql(database, &[statement]).output().unwrap();
    }

    /// A session of the superuser that stays.
    pub(crate) fn session(&self, database: &str) -> Held {
        let child = self.psql(database, &[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Held(child)
    }

    fn psql(&self, database: &str, statements: &[&str]) -> Command {
        let mut command = self.command("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres"]);
        command.arg("-h").arg(self.folder.path()).args(["-p", &self.port.to_string(), "-d", database]);
        for statement in statements {
            command.args(["-c", statement]);
        }
        command.env("PGCLIENTENCODING", "UTF8").stdout(Stdio::null());
        command
    }

    pub(crate) fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join(format!(".s.PGSQL.{}", self.port))).unwrap()
    }

    /// Makes a folder the server's owner's.
    pub(crate) fn give(&self, path: &str) {
        if let Some((uid, gid)) = owner() {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The folder of the data, the socket and the log.
    pub(crate) fn folder(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// What another program of the server's owner prints.
    pub(crate) fn output(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((uid, gid)) = owner() {
            command.uid(uid).gid(gid);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
        output.stdout
    }

    pub(crate) fn data(&self) -> String {
        self.folder.path().join("data").to_str().unwrap().to_owned()
    }

    pub(crate) fn hba(&self) -> String {
        format!("{}/pg_hba.conf", self.data())
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = self.command(program).args(arguments).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program} {arguments:?}: {status}");
    }

    /// One of the server's own programs, to be run by its owner.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(PathBuf::from(PROGRAMS).join(program));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((uid, gid)) = owner() {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// A session that holds what it took until it is dropped.
pub(crate) struct Held(Child);

impl Held {
    pub(crate) fn say(&mut self, statements: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{statements}").unwrap();
    }

    /// Waits until a line of the answer is this word.
    pub(crate) fn wait_for(&mut self, word: &str) {
        let lines = BufReader::new(self.0.stdout.as_mut().unwrap()).lines();
        assert!(
            lines.map_while(Result::ok).any(|line| line == word),
            "the session ended before it said {word}"
        );
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-w", "-m", "immediate", "-D", &self.data(), "stop"]);
    }
}

/// The user `postgres`, if the tests run as root: a server refuses to.
fn owner() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let account = accounts.lines().find(|line| line.starts_with("postgres:")).unwrap();
    let mut fields = account.split(':').skip(2).map(|field| field.parse().unwrap());
    Some((fields.next().unwrap(), fields.next().unwrap()))
}
