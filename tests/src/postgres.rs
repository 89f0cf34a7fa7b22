//! A real PostgreSQL on a free port with its own data folder, stopped when the value goes.
//!
//! PostgreSQL refuses to run as root: then it runs as `postgres`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{free_port, is_root};

/// A running server. Its superuser `postgres` is let in by `trust`, `secret` by password, `barred` never, and everybody
/// else by peer; only this machine's users reach its socket.
pub struct Postgres {
    folder: TempDir,
    /// Where the data lie, if not below that.
    elsewhere: Option<TempDir>,
    /// The folder of the configuration, if it is not that of the data.
    configuration: Option<PathBuf>,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// A folder of the server's user and a port, without a cluster.
    fn unmade(elsewhere: Option<TempDir>) -> Postgres {
        let folder = tempfile::Builder::new().prefix("goodstead-pg-").tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        let owned = folder.path().join("owned");
        fs::create_dir(&owned).expect("a folder");
        give(&owned);
        Postgres { folder, elsewhere, configuration: None, port: free_port(), server: None }
    }

    /// Makes a cluster and starts it with these lines in `postgresql.conf`.
    pub fn start(settings: &str) -> Postgres {
        Postgres::start_with(settings, None)
    }

    /// The same with the data on another file system: in a folder made below `parent`.
    pub fn start_on(parent: &str, settings: &str) -> Postgres {
        let folder = tempfile::Builder::new().prefix("goodstead-data-").tempdir_in(parent).expect("a folder");
        give(folder.path());
        Postgres::start_with(settings, Some(folder))
    }

    fn start_with(settings: &str, elsewhere: Option<TempDir>) -> Postgres {
        let mut postgres = Postgres::unmade(elsewhere);
        let made = postgres
            .command("initdb")
            .args([
                "--no-sync",
                "--data-checksums",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(postgres.data())
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let hba = "local all postgres trust\nlocal all secret scram-sha-256\nlocal all barred reject\nlocal all all peer\n\
                   host all secret 127.0.0.1/32 scram-sha-256\n";
        fs::write(postgres.data().join("pg_hba.conf"), hba).expect("pg_hba.conf");
        let mut conf = fs::read_to_string(postgres.data().join("postgresql.conf")).expect("postgresql.conf");
        conf.push_str(&format!(
            "\nport = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n{settings}\n",
            postgres.port,
            postgres.sockets().display()
        ));
        fs::write(postgres.data().join("postgresql.conf"), conf).expect("postgresql.conf");
        postgres.first_up();
        postgres
    }

    /// A cluster as Debian makes it for whoever installs its packages: its own script, with nothing but places that are
    /// the test's. Its superuser comes in as the system user of its name.
    pub fn debian() -> Postgres {
        let folder = tempfile::Builder::new().prefix("goodstead-pg-").tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        let (root, owned) = (folder.path().join("etc"), folder.path().join("owned"));
        for made in [&root, &owned] {
            fs::create_dir(made).expect("a folder");
            give(made);
        }
        let port = free_port();
        let release = programs().parent().map(major).unwrap_or_default().to_string();
        let mut command = Command::new("pg_createcluster");
        command.env("PG_CLUSTER_CONF_ROOT", &root).args(["--port", &port.to_string()]);
        command.arg("--datadir").arg(owned.join("data")).arg("--socketdir").arg(&owned);
        command.arg("--logfile").arg(owned.join("log")).args([&release, "main"]);
        command.args(["--", "--username=postgres", "--no-sync"]);
        let made = command.output().expect("Debian has pg_createcluster");
        assert!(made.status.success(), "pg_createcluster: {made:?}");
        let configuration = root.join(release).join("main");
        if owner().is_none() {
            let map = format!("me {} postgres\nme /^(.*)$ \\1\n", whoami());
            fs::write(configuration.join("pg_ident.conf"), map).expect("pg_ident.conf");
            let rules = fs::read_to_string(configuration.join("pg_hba.conf")).expect("pg_hba.conf");
            fs::write(configuration.join("pg_hba.conf"), rules.replace("peer\n", "peer map=me\n"))
                .expect("pg_hba.conf");
        }
        let mut postgres =
            Postgres { folder, elsewhere: None, configuration: Some(configuration), port, server: None };
        postgres.first_up();
        postgres
    }

    /// Starts the server for the first time. Between choosing a port and binding it somebody else may have taken it: then,
    /// and only then, with another one.
    fn first_up(&mut self) {
        while let Err(said) = self.try_up() {
            assert!(said.contains("Address already in use"), "PostgreSQL ended: {said}");
            let conf = self.configuration.clone().unwrap_or_else(|| self.data()).join("postgresql.conf");
            let text = fs::read_to_string(&conf).expect("postgresql.conf");
            let taken = format!("\nport = {}\n", self.port);
            self.port = free_port();
            fs::write(conf, text.replace(&taken, &format!("\nport = {}\n", self.port)))
                .expect("postgresql.conf");
        }
    }

    /// Starts the server and waits until it answers.
    pub fn up(&mut self) {
        self.try_up().unwrap_or_else(|said| panic!("PostgreSQL ended: {said}"));
    }

    /// The same; what it said if it ended instead.
    fn try_up(&mut self) -> Result<(), String> {
        let mut command = self.server_command();
        let (data, said) = (self.data(), self.folder.path().join("said"));
        let file = fs::File::create(&said).expect("a file for what it says");
        // A folder of the configuration names that of the data.
        command
            .arg("-D")
            .arg(self.configuration.as_ref().unwrap_or(&data))
            .stdout(Stdio::null())
            .stderr(file);
        self.server = Some(command.spawn().expect("postgres starts"));
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.psql("SELECT 1").status.success() {
            assert!(Instant::now() < deadline, "PostgreSQL does not answer");
            let ended = self.server.as_mut().and_then(|server| server.try_wait().ok().flatten());
            if let Some(status) = ended {
                let said = fs::read_to_string(&said).unwrap_or_default();
                return Err(format!("{status}: {said}"));
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Stops the server, without waiting for its clients.
    pub fn down(&mut self) {
        if let Some(mut server) = self.server.take() {
            // SIGINT is PostgreSQL's fast shutdown.
            let _ = Command::new("kill").args(["-INT", &server.id().to_string()]).status();
            let _ = server.wait();
        }
    }

    /// Runs SQL as the superuser and insists that it works; returns what it prints, unaligned.
    pub fn sql(&self, statement: &str) -> String {
        let output = self.psql(statement);
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs SQL in another database, as [`Postgres::sql`] does.
    pub fn sql_in(&self, database: &str, statement: &str) -> String {
        self.feed(database, statement).unwrap_or_else(|said| panic!("{statement}: {said}"))
    }

    /// Feeds lines to psql as an admin would paste them, and insists on nothing: what it prints, or its errors.
    pub fn feed(&self, database: &str, lines: &str) -> Result<String, String> {
        let mut child = self.client_in(database);
        let mut stdin = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut stdin, lines.as_bytes()).expect("psql listens");
        drop(stdin);
        let output = child.wait_with_output().expect("psql ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// The superuser's psql in a database, which lasts until its standard input is closed.
    pub fn client_in(&self, database: &str) -> Child {
        let mut command = self.command("psql");
        command.arg("-h").arg(self.sockets()).args([
            "-p",
            &self.port.to_string(),
            "-U",
            "postgres",
            "-d",
            // Said so, no name is taken for an address.
            &format!("dbname='{}'", database.replace('\\', r"\\").replace('\'', r"\'")),
        ]);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("psql runs")
    }

    fn psql(&self, statement: &str) -> std::process::Output {
        let mut command = self.command("psql");
        command.arg("-h").arg(self.sockets()).args([
            "-p",
            &self.port.to_string(),
            "-U",
            "postgres",
            "-d",
            "postgres",
        ]);
        // Nothing that a test asks for may hang: a commit that waits for a standby is given up.
        command.env("PGOPTIONS", "-c statement_timeout=60s");
        command
            .args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement])
            .output()
            .expect("psql runs")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(programs().join(program));
        command.current_dir("/");
        if let Some((uid, gid)) = owner() {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// The server's program, run with every group of its owner's: Debian's configuration names a key of such a group's.
    fn server_command(&self) -> Command {
        let Some((uid, gid)) = owner() else { return self.command("postgres") };
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--init-groups");
        command.arg(programs().join("postgres")).current_dir("/");
        command
    }

    /// Stops the server and starts it again.
    pub fn restart(&mut self) {
        self.down();
        self.up();
    }

    /// A session of the superuser over the socket that did `statements`, calls itself `application` and stays open until
    /// the value goes.
    pub fn session(&self, application: &str, statements: &str) -> Session {
        self.open(&self.sockets().display().to_string(), "postgres", application, statements)
    }

    /// A session over TCP that does nothing.
    pub fn client(&self, user: &str, application: &str) -> Session {
        self.open("127.0.0.1", user, application, "SELECT 1;")
    }

    fn open(&self, host: &str, user: &str, application: &str, statements: &str) -> Session {
        let mut command = self.command("psql");
        command.args([
            "-h",
            host,
            "-p",
            &self.port.to_string(),
            "-U",
            user,
            "-d",
            "postgres",
            "-X",
            "-q",
            "-w",
        ]);
        command
            .env("PGAPPNAME", application)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut client = command.spawn().expect("psql runs");
        let input = client.stdin.as_mut().expect("its input");
        std::io::Write::write_all(input, format!("{statements}\n").as_bytes()).expect("psql listens");
        let session = Session(client);
        // psql itself would take this for its own name.
        let there = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application}' AND state LIKE 'idle%'"
        );
        self.until(&there, |count| count != "0");
        session
    }

    /// Asks until the answer is as wanted.
    pub fn until(&self, statement: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.sql(statement);
            if wanted(&answer) {
                return;
            }
            assert!(Instant::now() < deadline, "{statement} still answers {answer}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Reloads the configuration, and waits until new sessions see it.
    pub fn reload(&self) {
        let mark = self.sql("SELECT pg_reload_conf(), pg_conf_load_time()");
        let before = mark.split('|').nth(1).unwrap_or_default().to_owned();
        self.until("SELECT pg_conf_load_time()", |time| time != before);
    }

    /// A standby of this server, which streams. Its role is let in by trust.
    pub fn standby(&self, name: &str) -> Postgres {
        let mut standby = Postgres::unmade(None);
        let from = format!(
            "host={} port={} user=postgres application_name={name}",
            self.sockets().display(),
            self.port
        );
        let copied = standby
            .command("pg_basebackup")
            .args(["--checkpoint=fast", "--write-recovery-conf", "--no-sync", "-d", &from, "-D"])
            .arg(standby.data())
            .output()
            .expect("pg_basebackup runs");
        assert!(copied.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&copied.stderr));
        let conf = standby.data().join("postgresql.conf");
        let text = fs::read_to_string(&conf).expect("postgresql.conf");
        let own = format!(
            "\nport = {}\nunix_socket_directories = '{}'\n",
            standby.port,
            standby.sockets().display()
        );
        fs::write(conf, text + &own).expect("postgresql.conf");
        standby.first_up();
        standby
    }

    /// Puts these rules into pg_hba.conf, behind the superuser's own, and reloads.
    pub fn rules(&self, rules: &str) {
        fs::write(
            self.data().join("pg_hba.conf"),
            format!("local all,replication postgres trust\nlocal all all peer\n{rules}"),
        )
        .expect("pg_hba.conf");
        self.reload();
    }

    /// Runs one of the server's own programs while it is down.
    pub fn tool(&self, program: &str, arguments: &[&str]) {
        let output = self.command(program).args(arguments).output().expect("the program runs");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.elsewhere
            .as_ref()
            .map_or_else(|| self.folder.path().join("owned/data"), |it| it.path().join("data"))
    }

    /// Moves the data of a server that is down to where they lie if nothing else is said.
    pub fn bring_home(&mut self) {
        let from = self.data();
        // The folder goes with the end of this function.
        if let Some(_folder) = self.elsewhere.take() {
            let copied = Command::new("cp").arg("--archive").arg(&from).arg(self.data()).status();
            assert!(copied.is_ok_and(|status| status.success()), "the data are copied");
        }
    }

    /// Somebody who receives the write-ahead log and replays nothing, until the value goes.
    pub fn receiver(&self, name: &str) -> Session {
        let folder = self.sockets().join("received");
        fs::create_dir(&folder).expect("a folder");
        give(&folder);
        let from = format!(
            "host={} port={} user=postgres application_name={name}",
            self.sockets().display(),
            self.port
        );
        let mut command = self.command("pg_receivewal");
        command
            .args(["--no-sync", "-d", &from, "-D"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Session(command.spawn().expect("pg_receivewal runs"))
    }

    /// The folder of the socket.
    pub fn sockets(&self) -> PathBuf {
        self.folder.path().join("owned")
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of the socket, as `agent.toml` has it.
    pub fn address(&self) -> String {
        format!("unix:{}/.s.PGSQL.{}", self.sockets().display(), self.port)
    }

    /// The server's major version.
    pub fn major(&self) -> String {
        self.sql("SELECT current_setting('server_version_num')::int / 10000")
    }

    /// Whether the programs of a server are installed where [`Postgres::start`] looks for them.
    pub fn is_installed() -> bool {
        let installed = fs::read_dir("/usr/lib/postgresql")
            .is_ok_and(|it| it.flatten().any(|release| release.path().join("bin/postgres").exists()));
        installed && (!is_root() || Path::new("/var/lib/postgresql").exists())
    }

    /// Makes the role of the system user that the agent connects as, and returns the configuration that has it connect
    /// so: root names an unprivileged user, anybody else goes by its own name.
    pub fn reader(&self) -> String {
        let user = if is_root() { "nobody".to_owned() } else { whoami() };
        self.sql(&format!("CREATE ROLE \"{user}\" LOGIN; GRANT pg_monitor TO \"{user}\""));
        self.target("")
    }

    /// Grants every role that can log in and has no superuser rights what `goodstead grant` grants besides `pg_monitor`.
    pub fn grant_rules(&self) {
        let user = self.sql(
            "SELECT string_agg(quote_ident(rolname), ', ') FROM pg_roles WHERE NOT rolsuper AND rolcanlogin",
        );
        self.sql(&format!("GRANT SELECT ON pg_hba_file_rules TO {user}"));
        self.sql(&format!("GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO {user}"));
        self.sql(&format!("GRANT SELECT ON pg_file_settings TO {user}"));
        self.sql(&format!("GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO {user}"));
    }

    /// Lets the agent in with all that `goodstead grant` grants.
    pub fn let_reader_in(&self) {
        self.reader();
        self.grant_rules();
    }

    /// A configuration that names this server as `postgresql:test`, with more lines for the target.
    pub fn target(&self, more: &str) -> String {
        self.target_named("test", more)
    }

    /// The same under another name.
    pub fn target_named(&self, name: &str, more: &str) -> String {
        let named = if is_root() { "[plugins.postgresql]\nconnect_as = \"nobody\"\n" } else { "" };
        let address = if more.contains("address") {
            String::new()
        } else {
            format!("address = \"{}\"\n", self.address())
        };
        format!("{named}[[target]]\nplugin = \"postgresql\"\nname = \"{name}\"\n{address}{more}")
    }
}

/// An open session; it ends with the value.
pub struct Session(Child);

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.down();
    }
}

/// The user who runs the tests.
pub fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Makes a folder the server's.
pub fn give(folder: &Path) {
    if let Some((uid, gid)) = owner() {
        std::os::unix::fs::chown(folder, Some(uid), Some(gid)).expect("the owner");
    }
}

/// The command run as whom the server has to run.
pub(crate) fn as_owner(command: &mut Command) -> &mut Command {
    if let Some((uid, gid)) = owner() {
        command.uid(uid).gid(gid);
    }
    command
}

/// As whom the server has to run, where that is not the caller: the owner of Debian's cluster folder.
fn owner() -> Option<(u32, u32)> {
    if !is_root() {
        return None;
    }
    let metadata = fs::metadata("/var/lib/postgresql")
        .expect("Debian's postgresql package makes the user and its folder");
    Some((metadata.uid(), metadata.gid()))
}

/// The newest installed server's programs.
fn programs() -> PathBuf {
    let mut found: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .expect("the postgresql package is installed")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/postgres").exists())
        .collect();
    found.sort_by_key(|path| major(path));
    found.pop().expect("a PostgreSQL server").join("bin")
}

fn major(path: &Path) -> u32 {
    path.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0)
}
