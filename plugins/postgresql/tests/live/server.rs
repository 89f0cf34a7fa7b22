//! A PostgreSQL server of a test's own.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

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
        // A socket's path has little room, so the folder's is short.
        let folder = tempfile::Builder::new().prefix("gs-pg").tempdir_in("/tmp").unwrap();
        if let Some((uid, gid)) = owner() {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Server { folder, port };
        server.run("initdb", &["-N", "-A", "trust", "-U", "postgres", "-D", &server.data()]);
        let hba = "local all secretive scram-sha-256\nlocal all all trust\nhost all all 127.0.0.1/32 trust\n";
        fs::write(format!("{}/pg_hba.conf", server.data()), hba).unwrap();
        let socket = server.folder.path().to_str().unwrap();
        let options = format!("-p {port} -k {socket} -c listen_addresses=127.0.0.1");
        let log = format!("{socket}/log");
        server.run("pg_ctl", &["-w", "-D", &server.data(), "-l", &log, "-o", &options, "start"]);
        server.sql(&["CREATE ROLE goodstead LOGIN", "GRANT pg_monitor TO goodstead"]);
        server.sql(sql);
        server
    }

    pub(crate) fn sql(&self, statements: &[&str]) {
        let (socket, port) = (self.folder.path().to_str().unwrap(), self.port.to_string());
        let mut arguments =
            vec!["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", socket, "-p", &port, "-U", "postgres"];
        for statement in statements {
            arguments.extend(["-c", statement]);
        }
        if !statements.is_empty() {
            self.run("psql", &arguments);
        }
    }

    pub(crate) fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join(format!(".s.PGSQL.{}", self.port))).unwrap()
    }

    /// Stops the server and starts it as it was.
    pub(crate) fn restart(&self) {
        self.run("pg_ctl", &["-w", "-D", &self.data(), "-l", &format!("{}/log", self.folder()), "restart"]);
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

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(PathBuf::from(PROGRAMS).join(program));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((uid, gid)) = owner() {
            command.uid(uid).gid(gid);
        }
        let status = command.status().unwrap();
        assert!(status.success(), "{program} {arguments:?}: {status}");
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
