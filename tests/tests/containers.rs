//! A product in a container: a real server in namespaces of its own for mounts, processes, network and names, with a root
//! file system of its own, is found, named and judged from the host. It needs root.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use goodstead_tests::tree::{Tree, verdict};
use serde_json::Value as Json;

/// What the engine keeps of the container; its id is the name of its control group.
const ID: &str = "6d3f2a1b4c5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8";

/// Becomes the first process of a container with a PostgreSQL in it. `$1` is the folder that becomes its root, `$2` the
/// release whose programs are shown to it, `$3` a file on the host that it makes links to.
const INSIDE: &str = r#"
set -eu
root=$1 release=$2 outside=$3
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr etc proc dev tmp run/postgresql var/lib/postgresql/data old
mount --rbind -o ro /usr usr
for link in bin sbin lib lib64; do [ ! -L /$link ] || ln -s usr/$link $link; done
for file in passwd group nsswitch.conf; do cp /etc/$file etc/$file; done
mkdir -p etc/ssl; cp -r /etc/alternatives etc/ 2> /dev/null || true
echo 'ID=debian' > etc/os-release
# Ways out of it, from places that are looked at: up, by an absolute link, and by one of the kernel's.
if [ -n "$outside" ]; then
    exec 9< /
    for way in up absolute kernel; do mkdir -p etc/postgresql/15/$way; done
    ln -s "../../../../../../../../../..$outside" etc/postgresql/15/up/postgresql.conf
    ln -s "$outside" etc/postgresql/15/absolute/postgresql.conf
    ln -s "/proc/1/fd/9$outside" etc/postgresql/15/kernel/postgresql.conf
fi
mknod -m 666 dev/null c 1 3; mknod -m 666 dev/urandom c 1 9
mkdir -m 1777 dev/shm; mount -t tmpfs tmpfs dev/shm; chmod 1777 tmp
chown postgres: var/lib/postgresql/data run/postgresql; chmod 700 var/lib/postgresql/data
pivot_root . old
mount -t proc proc /proc
umount -l /old
data=/var/lib/postgresql/data programs=/usr/lib/postgresql/$release/bin
as_owner() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
as_owner $programs/initdb --no-sync --auth=trust $data > /dev/null
printf "fsync = off\nunix_socket_directories = '/run/postgresql'\nlisten_addresses = '*'\n" >> $data/postgresql.conf
printf 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor;\n' | as_owner $programs/postgres --single -D $data postgres > /dev/null
exec setpriv --reuid=postgres --regid=postgres --clear-groups $programs/postgres -D $data
"#;

/// The container; it ends with the value.
struct Container {
    shell: Child,
    group: std::path::PathBuf,
}

impl Container {
    fn start(folder: &Path, id: &str, outside: &str) -> Container {
        let release = fs::read_dir("/usr/lib/postgresql").expect("Debian's PostgreSQL").flatten();
        let release = release.map(|entry| entry.file_name().into_string().unwrap()).max().unwrap();
        fs::create_dir(folder).expect("a folder");
        let why = "this test needs root, and control groups that it may make";
        let above =
            ["/sys/fs/cgroup/unified", "/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/systemd"];
        let above = above.iter().find(|path| Path::new(path).join("cgroup.procs").exists()).expect(why);
        let group = Path::new(above).join(format!("docker-{id}.scope"));
        fs::create_dir(&group).unwrap_or_else(|error| panic!("{why}: {}: {error}", group.display()));
        let mut command = Command::new("sh");
        // The shell is in the group before anything else is.
        let line = r#"echo $$ > "$1/cgroup.procs"; shift
            exec unshare --mount --pid --net --uts --ipc --fork bash -c "$0" container "$@""#;
        command.args(["-c", line, INSIDE]).arg(&group).arg(folder).arg(release).arg(outside);
        let said = fs::File::create(folder.with_extension("log")).expect("a log");
        command.stdout(said.try_clone().expect("a log")).stderr(said).stdin(Stdio::null());
        let mut container = Container { shell: command.spawn().expect("sh"), group };
        container.listens(&folder.with_extension("log"));
        container
    }

    /// Waits until its server listens. The socket is seen through the root directory of the server.
    fn listens(&mut self, log: &Path) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let socket = || {
            let processes = fs::read_to_string(self.group.join("cgroup.procs")).unwrap_or_default();
            processes
                .lines()
                .any(|pid| Path::new(&format!("/proc/{pid}/root/run/postgresql/.s.PGSQL.5432")).exists())
        };
        while !socket() {
            let said = || fs::read_to_string(log).unwrap_or_default();
            assert!(Instant::now() < deadline, "the server in the container does not listen: {}", said());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Whatever is in its control group is its own.
        let deadline = Instant::now() + Duration::from_secs(10);
        while fs::remove_dir(&self.group).is_err() && Instant::now() < deadline {
            let processes = fs::read_to_string(self.group.join("cgroup.procs")).unwrap_or_default();
            let _ = Command::new("kill").arg("-KILL").args(processes.lines()).stderr(Stdio::null()).status();
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let _ = self.shell.wait();
    }
}

fn targets(report: &Json) -> Vec<String> {
    let all = report["targets"].as_array().unwrap().iter().filter(|one| one["plugin"] == "postgresql");
    all.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_server_in_a_container_is_found_named_and_judged() {
    let tree = Tree::new();
    let folder = tree.scratch("container");
    let container = Container::start(&folder, ID, "");
    // Without an engine's word it has the beginning of its id. Nobody is let in by that name.
    tree.configure("[plugins.postgresql]\nconnect_as = \"nobody\"\n");
    let id = format!("postgresql:{}", &ID[..12]);
    let (_, report) = tree.check(&["--fail-on", "never"]);
    assert!(targets(&report).contains(&id), "{:?} {}", targets(&report), report["warnings"]);

    // The admin says as whom to log in.
    tree.configure(&format!(
        "[plugins.postgresql]\nconnect_as = \"nobody\"\n[[target]]\nplugin = \"postgresql\"\nname = \"{}\"\nuser = \"monitor\"\n",
        &ID[..12]
    ));
    let log = tree.scratch("access.json").display().to_string();
    let (run, report) = tree.check(&["--fail-on", "never", "--access-log", &log]);
    let own = report["targets"].as_array().unwrap().iter().find(|one| one["id"] == *id).unwrap();
    assert_eq!(own["container"], ID[..12]);
    assert!(own["title"].as_str().unwrap().ends_with(&format!("in the container {}", &ID[..12])), "{own}");
    let fsync = verdict(&report, "postgresql.fsync-off", &id);
    assert_eq!(fsync["verdict"], "fail", "{fsync}\n{}", run.stderr);
    assert!(fsync["remedy"].as_str().unwrap().starts_with("In the container"), "{fsync}");
    // It listens in a network of its own; its rules are in its own files.
    assert_eq!(verdict(&report, "postgresql.server-down", &id)["verdict"], "pass");
    // Of this host's memory and file systems nothing is said about it.
    let folder = verdict(&report, "postgresql.data-folder-on-unsuitable-file-system", &id);
    assert_eq!(
        (&folder["verdict"], &folder["cause"]["kind"]),
        (&"not-applicable".into(), &"not-applicable-here".into())
    );
    // What was read is written down beside what was read on the host.
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains(&format!("postgresql in {}", &ID[..12])), "{log}");
    assert!(log.contains("/var/lib/postgresql/data/postgresql.conf"), "{log}");

    // It can be asked for by its name, and nothing else is looked at then.
    let (_, part) = tree.check(&[&id, "--fail-on", "never"]);
    assert_eq!(targets(&part), std::slice::from_ref(&id));
    let text = tree.run(&["check", &id, "--fail-on", "never"]);
    assert!(!text.stdout.contains("From files"), "{}", text.stdout);

    drop(container);
    let (_, report) = tree.check(&["--fail-on", "never"]);
    assert!(!targets(&report).contains(&id));
}

#[test]
fn nothing_in_a_container_leads_out_of_it() {
    let tree = Tree::new();
    let outside = tree.scratch("outside.conf");
    fs::write(&outside, "port = 4242\nfsync = off\n").unwrap();
    let id = ID.replace('6', "a");
    let _container = Container::start(&tree.scratch("container"), &id, outside.to_str().unwrap());
    let log = tree.scratch("access.json").display().to_string();
    let saved = tree.scratch("facts.json").display().to_string();
    let (_, report) = tree.check(&["--fail-on", "never", "--access-log", &log, "--save-facts", &saved]);
    assert!(targets(&report).iter().any(|target| target.contains(&id[..12])), "{:?}", targets(&report));
    let log = fs::read_to_string(log).unwrap();
    for way in ["up", "absolute", "kernel"] {
        assert!(
            log.contains(&format!("/etc/postgresql/15/{way}/postgresql.conf")),
            "{way} was not tried: {log}"
        );
    }
    for what in [report.to_string(), log, fs::read_to_string(saved).unwrap()] {
        assert!(!what.contains("4242"), "{what}");
    }
}
