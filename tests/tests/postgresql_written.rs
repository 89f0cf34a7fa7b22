//! Faults that are written into PostgreSQL's files: each is found in a folder with `--root`, and on a running server
//! whose files say the same.

use std::fs;

use goodstead_tests::postgres::Postgres;
use goodstead_tests::tree::{Tree, verdict};

/// Settings that a server starts with, and the check that finds each.
const RUNNING: [(&str, &str); 15] = [
    ("fsync = off", "fsync-off"),
    ("full_page_writes = off", "full-page-writes-off"),
    ("autovacuum = off", "autovacuum-off"),
    ("zero_damaged_pages = on", "corruption-masked"),
    ("ignore_checksum_failure = on", "corruption-masked"),
    ("enable_seqscan = off", "planner-settings-distorted"),
    ("enable_hashjoin = off", "planner-settings-distorted"),
    ("archive_mode = on\narchive_command = '/bin/true'", "archive-command-discards-wal"),
    ("archive_mode = yes\narchive_command = 'exit 0'", "archive-command-discards-wal"),
    ("listen_addresses = '*'", "tls-off-or-weak"),
    ("ignore_invalid_pages = on", "corruption-masked"),
    ("fsync = 'of'", "fsync-off"),
    ("FSYNC false", "fsync-off"),
    ("fsync = on\nfsync = off", "fsync-off"),
    ("full_page_writes = 0", "full-page-writes-off"),
];

/// Lines that the server refuses.
const REFUSED: [&str; 31] = [
    "shared_bufers = 1GB",
    "work_mem = 64mb",
    "shared_buffers = 4gb",
    "max_connections = 0",
    "max_connections = many",
    "max_connections = 100MB",
    "wal_level = full",
    "synchronous_commit = maybe",
    "fsync = perhaps",
    "wal_keep_segments = 64",
    "operator_precedence_warning = off",
    "checkpoint_segments = 32",
    "standby_mode = on",
    "checkpoint_timeout = 5m",
    "checkpoint_timeout = 2d",
    "checkpoint_completion_target = 1.5",
    "random_page_cost = -1",
    "port = 99999",
    "log_directory = /var/log/pg",
    "archive_command = /bin/true",
    "default_text_search_config = pg_catalog.english",
    "cluster_name = 1.5.2",
    "random_page_cost = 1e1",
    "work_mem = -",
    "x.y.z = 1",
    "archive_mode = 'off",
    "{ \"shared_buffers\": \"1GB\" }",
    "include 'gone.conf'",
    "include_dir 'gone.d'",
    "password_encryption = scram",
    "server_version = 15",
];

/// Lines that are good by themselves, and with which the server ends at its start.
const AT_START: [&str; 6] = [
    "max_connections = 5\nsuperuser_reserved_connections = 6",
    "max_connections = 3",
    "wal_level = minimal",
    "wal_level = minimal\nmax_wal_senders = 0\narchive_mode = on",
    "ssl = on\nssl_cert_file = '/etc/ssl/certs/no-such.pem'",
    "shared_preload_libraries = 'no_such_library'",
];

/// Lines of pg_hba.conf that the server refuses.
const RULES: [&str; 8] = [
    "host app app 10.0.0.1 scram-sha-256",
    "host app app 10.0.0.0/8 scram",
    "host app app 10.0.0.0/33 md5",
    "host app app",
    "hostile all all all md5",
    "host all all 10.0.0.0/8 peer",
    "local all all cert",
    "host all all db.example.test/32 md5",
];

/// Whether a check of PostgreSQL fails on a folder with these files.
fn in_folder(tree: &Tree, id: &str, conf: &str, rules: &str) -> bool {
    let root = tempfile::tempdir().unwrap();
    let (etc, data) = ("etc/postgresql/15/main", "var/lib/postgresql/15/main");
    for folder in [etc, data, "etc/ssl/certs", "usr/lib/postgresql/15/lib"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    let hba = "hba_file = '/etc/postgresql/15/main/pg_hba.conf'";
    let conf = format!("data_directory = '/{data}'\n{hba}\n{conf}\n");
    fs::write(root.path().join(etc).join("postgresql.conf"), conf).unwrap();
    fs::write(root.path().join(etc).join("pg_hba.conf"), rules).unwrap();
    fs::write(root.path().join(data).join("PG_VERSION"), "15\n").unwrap();
    let path = root.path().display().to_string();
    let (_, report) = tree.check(&["postgresql", "--root", &path, "--fail-on", "never"]);
    verdict(&report, &format!("postgresql.{id}"), "postgresql:main")["verdict"] == "fail"
}

/// A running server under the eyes of the agent.
struct Live {
    tree: Tree,
    postgres: Postgres,
}

impl Live {
    fn start(conf: &str) -> Live {
        let (tree, postgres) = (Tree::new(), Postgres::start(conf));
        tree.configure(&postgres.reader());
        postgres.grant_rules();
        Live { tree, postgres }
    }

    fn finds(&self, id: &str) -> bool {
        let (_, report) = self.tree.check(&["postgresql:test", "--fail-on", "never"]);
        verdict(&report, &format!("postgresql.{id}"), "postgresql:test")["verdict"] == "fail"
    }

    /// Whether the agent finds it once `more` is added to a file of the server's, which is as it was afterwards.
    fn finds_with(&self, id: &str, file: &str, more: &str) -> bool {
        let path = self.postgres.data().join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\n{more}\n")).unwrap();
        let found = self.finds(id);
        fs::write(&path, text).unwrap();
        found
    }
}

/// What is not found by one of the two.
fn missed(fault: &str, offline: bool, live: bool) -> Option<String> {
    let where_ = match (offline, live) {
        (true, true) => return None,
        (false, true) => "in the folder",
        (true, false) => "on the server",
        (false, false) => "by either",
    };
    Some(format!("{fault}: not found {where_}"))
}

#[test]
fn what_is_written_is_found_in_a_folder_and_on_a_server() {
    let local = "local all all peer\n";
    let open = "local all all peer\nhost all all 0.0.0.0/0 scram-sha-256\n";
    let tree = Tree::new();
    let mut missing = Vec::new();
    let live = Live::start("");
    for line in REFUSED {
        let offline = in_folder(&tree, "config-files-broken", line, local);
        missing.extend(missed(
            line,
            offline,
            live.finds_with("config-files-broken", "postgresql.conf", line),
        ));
    }
    for lines in AT_START {
        let offline = in_folder(&tree, "restart-will-fail", lines, local);
        missing.extend(missed(
            lines,
            offline,
            live.finds_with("restart-will-fail", "postgresql.conf", lines),
        ));
    }
    for line in RULES {
        let offline = in_folder(&tree, "hba-file-broken", "", &format!("{local}{line}\n"));
        missing.extend(missed(line, offline, live.finds_with("hba-file-broken", "pg_hba.conf", line)));
    }
    // An edit that nobody reloaded.
    assert!(live.finds_with("unsafe-after-restart", "postgresql.conf", "fsync = off"));
    assert!(!live.finds("unsafe-after-restart") && !live.finds("config-files-broken"));
    drop(live);
    for (lines, id) in RUNNING {
        let offline = in_folder(&tree, id, lines, open);
        let server = Live::start(lines);
        fs::write(server.postgres.data().join("pg_hba.conf"), format!("local all postgres trust\n{open}"))
            .unwrap();
        server.postgres.reload();
        missing.extend(missed(lines, offline, server.finds(id)));
    }
    let faults = REFUSED.len() + AT_START.len() + RULES.len() + RUNNING.len();
    assert!(missing.is_empty(), "{} of {faults}:\n{}", missing.len(), missing.join("\n"));
}
