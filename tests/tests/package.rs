//! The Debian packages in a clean system: installed, used, removed, purged.
//!
//! `cargo xtask dist` makes them of the programs that were built last; the system is made of Debian's own packages by
//! mmdebstrap, once for each release, and kept packed in the target folder. Each run unpacks it in memory.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use goodstead_tests::mounts::with_own_mounts;
use goodstead_tests::{checkout, stage};
use minisign::KeyPair;
use rustix::mount::{MountFlags, mount};
use serde_json::Value as Json;

/// What dpkg and its helpers keep for themselves.
const NOT_OURS: [&str; 8] =
    ["/proc", "/dev", "/tmp", "/run", "/var/lib/dpkg", "/var/log", "/var/cache", "/etc/.pwd.lock"];

/// A folder that holds a system.
struct System(PathBuf);

impl System {
    /// Unpacks a clean system into `folder`, which vanishes with the mounts of this thread.
    fn new(folder: &Path) -> System {
        let packed = clean_system();
        mount("none", folder, "tmpfs", MountFlags::empty(), None).expect("a file system in memory");
        succeed(Command::new("tar").arg("-xpf").arg(packed).arg("-C").arg(folder));
        fs::create_dir_all(folder.join("proc")).unwrap();
        mount("proc", folder.join("proc"), "proc", MountFlags::empty(), None).expect("/proc");
        System(folder.to_owned())
    }

    /// A command in there, with nothing of this machine's environment.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.0).args(words).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    fn run(&self, words: &[&str]) -> String {
        succeed(&mut self.command(words))
    }

    /// Every path, but for what is dpkg's own.
    fn paths(&self) -> BTreeSet<String> {
        let all = self.run(&["find", "/", "-xdev"]);
        let ours = |path: &&str| !NOT_OURS.iter().any(|other| path.starts_with(other));
        all.lines().filter(ours).map(str::to_owned).collect()
    }
}

/// A packed system of this machine's release, made when there is none yet.
fn clean_system() -> PathBuf {
    let release = fs::read_to_string("/etc/os-release").unwrap();
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).expect("a Debian");
    let folder = stage().with_file_name("clean-system");
    fs::create_dir_all(&folder).unwrap();
    let packed = folder.join(format!("{codename}.tar"));
    if !packed.exists() {
        let half = folder.join("half.tar");
        let sources = ["/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources"];
        let sources = sources.into_iter().filter(|file| Path::new(file).exists());
        let mut make = Command::new("mmdebstrap");
        make.args(["--quiet", "--variant=essential", "--include=adduser", codename]).arg(&half).args(sources);
        succeed(&mut make);
        fs::rename(&half, &packed).unwrap();
    }
    packed
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// Makes the packages in `out`, signed with `key`.
fn dist(out: &Path, key: &Path) {
    let mut make = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    make.args(["xtask", "dist", "--profile", "dev", "--key"]).arg(key).arg("--out").arg(out);
    succeed(make.current_dir(checkout()).env("SOURCE_DATE_EPOCH", "1790000000"));
}

/// The file in a folder whose name begins and ends like this.
fn only(folder: &Path, start: &str, end: &str) -> PathBuf {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(start) && name.ends_with(end)
    };
    paths.filter(fits).collect::<Vec<_>>().pop().expect("a package")
}

fn key(folder: &Path) -> PathBuf {
    let file = folder.join("vendor.key");
    let pair = KeyPair::generate_unencrypted_keypair().unwrap();
    fs::write(&file, pair.sk.to_box(None).unwrap().into_string()).unwrap();
    file
}

/// Two runs differ in nothing but the signatures, which have a grain of chance in them, and what is summed over those.
/// The desk's package has none: it is the same to the byte.
fn same(first: &Path, second: &Path) {
    let mut diff = Command::new("diff");
    diff.args([
        "-r",
        "--exclude=*.sig",
        "--exclude=md5sums",
        "--exclude=*.tar.gz",
        "--exclude=goodstead_*.deb",
        "--exclude=SHA256SUMS*",
    ]);
    succeed(diff.arg(first).arg(second));
}

#[test]
fn the_packages_come_the_same_twice_and_leave_nothing() {
    with_own_mounts(|| {
        let folder = tempfile::tempdir().unwrap();
        let scratch = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let key = key(folder.path());
        let (first, second) = (scratch("first"), scratch("second"));
        dist(&first, &key);
        dist(&second, &key);
        same(&first, &second);
        verified_downloads(&first, &scratch("download"));

        let system = System::new(&scratch("system"));
        let before = system.paths();
        for name in ["goodstead_", "goodstead-desk_"] {
            fs::copy(only(&first, name, ".deb"), system.0.join("tmp").join(format!("{name}.deb"))).unwrap();
        }
        system.run(&["dpkg", "--install", "/tmp/goodstead_.deb", "/tmp/goodstead-desk_.deb"]);
        used(&system);
        removed(&system, &before);
    });
}

/// Who downloads the products checks them against the signed list, and a changed one does not pass.
fn verified_downloads(products: &Path, download: &Path) {
    for file in ["SHA256SUMS", "SHA256SUMS.minisig"].map(|name| products.join(name)) {
        fs::copy(&file, download.join(file.file_name().unwrap())).unwrap();
    }
    let sums = fs::read_to_string(products.join("SHA256SUMS")).unwrap();
    let names: Vec<_> = sums.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name).collect();
    assert_eq!(names.len(), 3, "the tarball and two packages: {sums}");
    for name in &names {
        fs::copy(products.join(name), download.join(name)).unwrap();
    }
    let check = || {
        Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(download).output()
    };
    assert!(check().unwrap().status.success());
    let changed = download.join(names[0]);
    let mut bytes = fs::read(&changed).unwrap();
    bytes[1000] ^= 1;
    fs::write(&changed, bytes).unwrap();
    assert!(!check().unwrap().status.success());

    let public =
        fs::read_to_string(only(products, "goodstead-", "64").join("share/goodstead/keys/vendor.pub"));
    let public = minisign::PublicKeyBox::from_string(&public.unwrap()).unwrap().into_public_key().unwrap();
    let signature = fs::read_to_string(download.join("SHA256SUMS.minisig")).unwrap();
    let signature = minisign::SignatureBox::from_string(&signature).unwrap();
    let verify =
        |text: &str| minisign::verify(&public, &signature, std::io::Cursor::new(text), true, false, false);
    verify(&sums).unwrap();
    assert!(verify(&sums.to_uppercase()).is_err());
}

/// Links from one document to another lead to a file that is installed.
fn links_of_documents(system: &System) {
    let doc = system.0.join("usr/share/doc/goodstead");
    let link = regex::Regex::new(r"\]\(([^)#\s]+)[^)]*\)").unwrap();
    let mut followed = 0;
    for document in ["README.md", "ASSURANCE.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(doc.join(document)).unwrap();
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if !target.contains("://") {
                assert!(doc.join(&target).exists(), "{document} links to {target}, which is not installed");
                followed += 1;
            }
        }
    }
    assert!(followed > 8, "only {followed} links are followed");
}

/// The desk's unit is closed as far as a network service can be, and starts the desk as the package configures it.
fn desk_unit(system: &System) {
    let unit = system.0.join("usr/lib/systemd/system/goodstead-desk.service");
    // 20 of 100: what `systemd-analyze` calls an exposure of 2.0.
    let mut rate = Command::new("systemd-analyze");
    rate.args(["security", "--offline=true", "--threshold=20", "--no-pager"]).arg(&unit);
    succeed(&mut rate);
    assert!(system.run(&["id", "goodstead-desk"]).contains("gid="));
    let text = fs::read_to_string(&unit).unwrap();
    let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    // As the unit has it, but for the address: an unusable option is refused before anything is opened.
    let start = start.replace("$DESK_OPTIONS", "--listen 0.0.0.0:0");
    let output = system.command(&["sh", "-c", &start]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let options = system.run(&["cat", "/etc/default/goodstead-desk"]);
    let example = options.lines().find_map(|line| line.strip_prefix("#DESK_OPTIONS=")).unwrap();
    for option in example.trim_matches('"').split(' ').filter(|word| word.starts_with("--")) {
        let help = system.run(&["goodstead-desk", "serve", "--help"]);
        assert!(help.contains(option), "{option} is not an option of the desk");
    }
}

/// The example of goodstead-checks(5) is a check that loads and whose cases hold.
fn example_of_the_manual(system: &System) {
    let page = system.run(&["gzip", "-dc", "/usr/share/man/man5/goodstead-checks.5.gz"]);
    let example = page.split(".SH EXAMPLE\n.nf\n").nth(1).and_then(|rest| rest.split(".fi").next()).unwrap();
    let pack = system.0.join("etc/goodstead/checks/site");
    fs::create_dir_all(&pack).unwrap();
    let header =
        "name = \"site\"\ntitle = \"Our rules\"\nversion = \"0.1.0\"\nrequires = { linux = \"*\" }\n";
    fs::write(pack.join("pack.toml"), header).unwrap();
    fs::write(pack.join("swap-missing.toml"), example.replace("\\-", "-")).unwrap();
    let tested = system.run(&["goodstead", "checks", "test", "/etc/goodstead/checks/site"]);
    assert!(tested.contains("3 cases passed"), "{tested}");
    fs::remove_dir_all(system.0.join("etc/goodstead/checks")).unwrap();
}

/// What an admin does with it.
fn used(system: &System) {
    assert!(system.run(&["id", "goodstead"]).contains("gid="));
    let listed: Json =
        serde_json::from_str(&system.run(&["goodstead", "plugins", "list", "--format", "json"])).unwrap();
    for plugin in listed.as_array().unwrap() {
        assert_eq!(plugin["signature"]["key"], "vendor.pub", "{plugin}");
    }
    let text = system.run(&["goodstead", "check", "--fail-on", "never"]);
    assert!(text.contains("Readiness") && !text.contains("not signed"), "{text}");
    // As the unit has it: root with the powers that it keeps.
    let unit = fs::read_to_string(system.0.join("usr/lib/systemd/system/goodstead-check.service")).unwrap();
    let value =
        |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).expect("a line").to_owned();
    let kept: Vec<_> =
        value("CapabilityBoundingSet=").split(' ').map(|it| it.replace("CAP_", "+").to_lowercase()).collect();
    let command = value("ExecStart=") + " --format json";
    let bounded = format!("setpriv --no-new-privs --bounding-set -all,{} {command}", kept.join(","));
    let bounded: Json = serde_json::from_str(&system.run(&["sh", "-c", &bounded])).unwrap();
    let whole: Json = serde_json::from_str(&system.run(&["sh", "-c", &command])).unwrap();
    for part in ["plugins", "warnings"] {
        assert_eq!(bounded[part], whole[part], "{part}");
    }
    let unknown = |report: &Json| -> BTreeSet<String> {
        let verdicts = report["verdicts"].as_array().unwrap().iter();
        verdicts.filter(|it| it["verdict"] == "unknown").map(|it| it["id"].to_string()).collect()
    };
    assert_eq!(unknown(&bounded), unknown(&whole), "what the unit cannot see and root can");
    assert!(!whole["verdicts"].as_array().unwrap().is_empty(), "{whole}");

    let completions = system.run(&["cat", "/usr/share/bash-completion/completions/goodstead"]);
    assert_eq!(completions, system.run(&["goodstead", "completions", "bash"]));
    for page in
        ["goodstead", "goodstead-check", "goodstead-report-show", "goodstead-desk", "goodstead-desk-serve"]
    {
        let page = system.run(&["gzip", "-dc", &format!("/usr/share/man/man1/{page}.1.gz")]);
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(system.run(&["goodstead-desk", "--help"]).contains("serve"));
    links_of_documents(system);
    example_of_the_manual(system);
    desk_unit(system);
    for (path, mode) in [("usr/bin/goodstead", 0o755), ("etc/goodstead/trusted-keys/vendor.pub", 0o644)] {
        let found = fs::metadata(system.0.join(path)).unwrap().permissions().mode();
        assert_eq!(found & 0o7777, mode, "{path}");
    }
    let enabled = system.0.join("etc/systemd/system/timers.target.wants/goodstead-check.timer");
    assert!(enabled.symlink_metadata().is_err(), "the timer waits for the admin");
}

/// What is left after it was removed, and after it was purged.
fn removed(system: &System, before: &BTreeSet<String>) {
    fs::write(system.0.join("etc/goodstead/agent.toml"), "").unwrap();
    system.run(&["dpkg", "--remove", "goodstead", "goodstead-desk"]);
    let kept: BTreeSet<_> = system.paths().difference(before).cloned().collect();
    let wanted = [
        "/etc/goodstead/agent.toml",
        "/etc/goodstead/trusted-keys/vendor.pub",
        "/var/lib/goodstead/state.db",
    ];
    assert!(wanted.iter().all(|path| kept.contains(*path)), "{kept:?}");
    assert!(!kept.iter().any(|path| path.starts_with("/usr")), "{kept:?}");
    system.run(&["dpkg", "--purge", "goodstead", "goodstead-desk"]);
    let after = system.paths();
    // The spare copies that the tools for users keep are theirs.
    let spare = |path: &&String| !(path.starts_with("/etc/") && path.ends_with('-'));
    let left: Vec<_> = after.difference(before).filter(spare).collect();
    assert!(left.is_empty(), "left: {left:?}");
    assert!(!system.command(&["id", "goodstead"]).output().unwrap().status.success(), "the user is left");
}
