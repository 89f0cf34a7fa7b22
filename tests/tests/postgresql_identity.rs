//! Clusters keep their name and all that is kept of them: when a second cluster of the same name and port is left over from
//! an upgrade, and when a port is edited and the server not restarted yet.
//!
//! Debian's places, in namespaces of their own for mounts and processes: it needs root.

use std::fs;
use std::process::Command;

use goodstead_tests::tree::{Tree, verdict};
use serde_json::Value as Json;

/// Makes a real cluster of Debian's, and scans it at three moments. `$1` is the release, `$2` the port, `$3` where the
/// reports go, and the rest the agent's command line.
const SCRIPT: &str = r#"
set -eu
release=$1 port=$2 reports=$3; shift 3
for folder in /etc/postgresql /run/postgresql /var/lib/postgresql; do
    mkdir -p $folder; mount -t tmpfs -o mode=755 tmpfs $folder; chown postgres: $folder
done
own=/etc/postgresql/$release/main
pg_createcluster --port "$port" "$release" main -- --no-sync > /dev/null
echo 'autovacuum = off' >> $own/postgresql.conf
sed -i '1i local all nobody trust' $own/pg_hba.conf
setpriv --reuid=postgres --regid=postgres --init-groups /usr/lib/postgresql/$release/bin/postgres \
    -D /var/lib/postgresql/$release/main -c config_file=$own/postgresql.conf > "$reports/log" 2>&1 &
server=$!
trap 'kill -INT $server; wait $server || true' EXIT
query() { setpriv --reuid=postgres --regid=postgres --init-groups psql -p "$port" -qAtc "$1" postgres; }
for moment in $(seq 100); do query 'SELECT 1' > /dev/null 2>&1 && break; sleep 0.1; done
query 'CREATE ROLE nobody LOGIN IN ROLE pg_monitor'
check() { "$@" check --fail-on never --format json > "$report"; }
report=$reports/alone.json; check "$@"
"$@" waive postgresql.autovacuum-off --target postgresql:main --until "$(date -ud '+1 year' +%F)" --reason "a test" > /dev/null

# The old cluster, of which nobody took the configuration away.
old=/etc/postgresql/13/main
mkdir -p $old /var/lib/postgresql/13/main
echo 13 > /var/lib/postgresql/13/main/PG_VERSION
printf "data_directory = '/var/lib/postgresql/13/main'\nport = %s\nfsync = off\n" "$port" > $old/postgresql.conf
report=$reports/two.json; check "$@"
"$@" check postgresql:main --fail-on never --format json > "$reports/asked.json"

sed -i 's/^port = .*/port = 1/' $own/postgresql.conf
report=$reports/edited.json; check "$@"
"#;

#[test]
fn a_cluster_keeps_its_name_beside_another_and_with_an_edited_port() {
    let tree = Tree::new();
    tree.configure("[plugins.postgresql]\nconnect_as = \"nobody\"\n");
    let reports = tree.scratch("reports");
    fs::create_dir(&reports).expect("a folder");
    let release = fs::read_dir("/usr/lib/postgresql").expect("Debian's PostgreSQL").flatten();
    let release = release.map(|entry| entry.file_name().into_string().unwrap()).max().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).unwrap().port();
    let plain = tree.goodstead(&[]);
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--pid",
        "--fork",
        "--mount-proc",
        "bash",
        "-c",
        SCRIPT,
        "script",
        &release,
        &port.to_string(),
    ]);
    command.arg(&reports).arg(plain.get_program()).args(plain.get_args());
    let done = command.output().expect("unshare");
    let log = fs::read_to_string(reports.join("log")).unwrap_or_default();
    assert!(done.status.success(), "this test needs root: {done:?}\n{log}");

    let report =
        |name: &str| -> Json { serde_json::from_slice(&fs::read(reports.join(name)).unwrap()).unwrap() };
    let targets = |report: &Json| -> Vec<(String, String)> {
        let all = report["targets"].as_array().unwrap().iter().filter(|one| one["plugin"] == "postgresql");
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        all.map(|one| (text(&one["id"]), text(&one["title"]))).collect()
    };
    let main = ("postgresql:main".to_owned(), format!("PostgreSQL {release} cluster main on port {port}"));
    let old = ("postgresql:13-main".to_owned(), format!("PostgreSQL 13 cluster main on port {port}"));
    assert_eq!(targets(&report("alone.json")), std::slice::from_ref(&main));
    assert_eq!(targets(&report("asked.json")), std::slice::from_ref(&main));
    for name in ["two.json", "edited.json"] {
        let report = report(name);
        assert_eq!(targets(&report), [old.clone(), main.clone()], "{name}");
        let (old, main) = (old.0.as_str(), main.0.as_str());
        assert_eq!(verdict(&report, "postgresql.fsync-off", old)["verdict"], "fail", "{name}");
        assert_eq!(verdict(&report, "postgresql.fsync-off", main)["verdict"], "pass", "{name}");
        // What was kept of it is still its own: the waiver, and the facts that this scan is compared with.
        let waived = verdict(&report, "postgresql.autovacuum-off", main);
        assert_eq!(waived["waiver"]["why"], "a test", "{name}: {waived}");
        let first = report["verdicts"].as_array().unwrap().iter();
        let first = first.filter(|one| one["target"] == main && one["cause"]["kind"] == "no-previous-scan");
        assert_eq!(first.count(), 0, "{name}");
    }
}
