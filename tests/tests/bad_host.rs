//! Bad input for the Linux plugin in files: they cannot be read, are empty, enormous, binary, include themselves, or have
//! names that are none. What a running kernel can get wrong is in `bad_kernel.rs`.
//!
//! Nothing panics, hangs or takes much memory, whatever is lost is said, and nothing that a host chose reaches a
//! terminal raw.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use goodstead_tests::endured::{endured, outcome};
use goodstead_tests::is_root;
use goodstead_tests::runner::NOBODY;
use goodstead_tests::shapes::debian;
use goodstead_tests::tree::{Tree, verdict};
use serde_json::Value as Json;

/// Files whose content the plugin reads under `--root`. os-release stays whole: without it there is no target.
const READ: [&str; 20] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/sudoers",
    "/etc/sudoers.d/90-cloud-init-users",
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d/50-cloud-init.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/fstab",
    "/etc/sysctl.conf",
    "/usr/lib/sysctl.d/50-pid-max.conf",
    "/etc/systemd/journald.conf",
    "/etc/logrotate.conf",
    "/etc/logrotate.d/dpkg",
    "/etc/apt/apt.conf.d/20auto-upgrades",
    "/etc/apt/sources.list.d/debian.sources",
    "/etc/ssl/certs/ca-certificates.crt",
    "/usr/share/distro-info/debian.csv",
];

/// A tree with the files of Debian 12, and its root.
fn debian12() -> (Tree, PathBuf) {
    let tree = Tree::new();
    let root = tree.scratch("root");
    debian::debian12().write(&root);
    (tree, root)
}

fn at(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// Checks the root in the form that people read and in that for programs; returns the second.
fn survived(tree: &Tree, root: &Path, user: Option<u32>) -> Json {
    let root = root.display().to_string();
    let of = |format: &str| {
        let mut command =
            tree.goodstead(&["check", "linux", "--root", &root, "--format", format, "--fail-on", "never"]);
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        endured(command, format == "text")
    };
    of("text");
    let report = of("json").report();
    assert_eq!(report["targets"][0]["notes"].as_array().map_or(0, Vec::len), 0, "{report:#}");
    let plugin = &report["plugins"]["linux"];
    assert!(plugin.get("failed").is_none_or(Json::is_null), "{plugin:#}");
    report
}

/// Replaces all that is read.
fn replace_all(root: &Path, with: impl Fn(&Path)) {
    for path in READ {
        let path = at(root, path);
        fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        with(&path);
    }
}

#[test]
fn enormous_files_are_unknown_and_said() {
    let (tree, root) = debian12();
    replace_all(&root, |path| fs::File::create(path).unwrap().set_len(1 << 30).unwrap());
    let report = survived(&tree, &root, None);
    for id in ["account-with-empty-password", "sudo-without-password", "ssh-permits-empty-passwords"] {
        assert_eq!(outcome(&report, &format!("linux.{id}")), "too-large", "{id}");
    }
    assert_eq!(
        outcome(&report, "linux.tmp-folder-without-sticky-bit"),
        "pass",
        "what can be known is judged"
    );
}

#[test]
fn hundreds_of_large_files_do_not_fill_the_memory() {
    let (tree, root) = debian12();
    // sudo passes over names with a dot.
    for (folder, end) in [
        ("/etc/sysctl.d", ".conf"),
        ("/etc/sudoers.d", ""),
        ("/etc/logrotate.d", ""),
        ("/etc/ssh/sshd_config.d", ".conf"),
    ] {
        for number in 0..100 {
            let file = fs::File::create(at(&root, &format!("{folder}/big{number}{end}"))).unwrap();
            file.set_len(15 << 20).unwrap();
        }
    }
    let report = survived(&tree, &root, None);
    for id in ["sudo-without-password", "ssh-permits-empty-passwords"] {
        assert_eq!(outcome(&report, &format!("linux.{id}")), "too-large", "{id}");
    }
}

#[test]
fn empty_files_say_nothing() {
    let (tree, root) = debian12();
    replace_all(&root, |path| fs::write(path, "").unwrap());
    let report = survived(&tree, &root, None);
    assert_eq!(outcome(&report, "linux.sudo-without-password"), "pass");
}

#[test]
fn binary_files_are_survived() {
    let (tree, root) = debian12();
    let noise: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    replace_all(&root, |path| fs::write(path, &noise).unwrap());
    survived(&tree, &root, None);
    // And text of the right form with nonsense in it.
    let nonsense =
        "\u{1b}]0;x\u{7}:\u{1b}[7m:0:0:\u{9b}2J\"'`$(id)\\:::/bin/sh\n\u{1b} ALL=(ALL) NOPASSWD: ALL\n";
    replace_all(&root, |path| fs::write(path, nonsense.repeat(50)).unwrap());
    survived(&tree, &root, None);
}

#[test]
fn folders_and_fifos_in_the_place_of_files_are_not_waited_for() {
    let (tree, root) = debian12();
    replace_all(&root, |path| fs::create_dir(path).unwrap());
    survived(&tree, &root, None);
    for path in READ {
        fs::remove_dir(at(&root, path)).unwrap();
        assert!(Command::new("mkfifo").arg(at(&root, path)).status().unwrap().success());
    }
    survived(&tree, &root, None);
}

#[test]
fn what_may_not_be_read_is_unknown_with_the_way_to_grant_it() {
    let (tree, root) = debian12();
    replace_all(&root, |path| {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
    });
    let report = survived(&tree, &root, is_root().then_some(NOBODY));
    for id in ["account-with-empty-password", "sudo-without-password", "ssh-permits-empty-passwords"] {
        let judgement = verdict(&report, &format!("linux.{id}"), "linux");
        assert_eq!(judgement["cause"]["kind"], "not-permitted", "{judgement:#}");
        assert!(judgement["cause"]["remedy"].is_string(), "{judgement:#}");
    }
}

#[test]
fn what_includes_itself_ends() {
    let (tree, root) = debian12();
    let write = |path: &str, text: &str| {
        let path = at(&root, path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "/etc/sudoers",
        "@include /etc/sudoers\n@include /etc/sudoers.d/a\n@includedir /etc/sudoers.d\n%sudo ALL=(ALL) ALL\n",
    );
    write("/etc/sudoers.d/a", "@include /etc/sudoers.d/b\n@include b\n");
    write(
        "/etc/sudoers.d/b",
        "@include /etc/sudoers.d/a\n@includedir /etc/sudoers.d\nUser_Alias A = B\nUser_Alias B = A\nCmnd_Alias C = C, D\nCmnd_Alias D = C\nA ALL=(ALL) NOPASSWD: C\n",
    );
    write(
        "/etc/ssh/sshd_config",
        "Include /etc/ssh/sshd_config\nInclude /etc/ssh/*\nInclude /etc/ssh/sshd_config.d/*.conf\n",
    );
    write("/etc/ssh/sshd_config.d/1.conf", "Include /etc/ssh/sshd_config.d/*.conf\nInclude ../sshd_config\n");
    write(
        "/etc/apt/apt.conf",
        "#include \"/etc/apt/apt.conf\";\n#include \"/etc/apt/apt.conf.d/\";\nAPT { APT { APT {\n",
    );
    write("/etc/apt/apt.conf.d/99", &"A { ".repeat(10_000));
    write("/etc/logrotate.conf", "include /etc/logrotate.conf\ninclude /etc/logrotate.d\ninclude /etc\n");
    write(
        "/etc/logrotate.d/self",
        "include /etc/logrotate.d\n/var/log/*/*/*/*/*/*.log { \ninclude /etc/logrotate.d/self\n",
    );
    for (link, target) in [
        ("/etc/sysctl.d/70-self.conf", "70-self.conf"),
        ("/etc/sysctl.d/71-a.conf", "72-b.conf"),
        ("/etc/sysctl.d/72-b.conf", "71-a.conf"),
        ("/etc/sysctl.d/deep", ".."),
        ("/etc/systemd/journald.conf.d", "journald.conf.d"),
        ("/usr/lib/systemd/journald.conf.d", "."),
        ("/var/log/self", "."),
        ("/etc/letsencrypt", "letsencrypt"),
        ("/usr/lib/lib", "."),
    ] {
        symlink(target, at(&root, link)).unwrap();
    }
    let report = survived(&tree, &root, None);
    assert_ne!(outcome(&report, "linux.sudo-without-password"), "fail");
}

#[test]
fn names_that_are_none_stay_words() {
    let (tree, root) = debian12();
    fs::write(
        at(&root, "/usr/lib/os-release"),
        "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian\u{1b}[2J\u{9b}31m \\\"12\\\" \u{202e}\"\n",
    )
    .unwrap();
    let evil: [&[u8]; 5] =
        [b"a\nb", b"'\"`$(id)", b"\xff\xfe\xc3", b"\x1b[7mred\x1b]0;title\x07", b"\xe2\x80\xae\xc2\x9b"];
    for name in evil {
        for (folder, end, text) in [
            ("/etc/sysctl.d", ".conf", "vm.swappiness = 7\n\u{1b}[1m = 3\n"),
            ("/etc/sudoers.d", "", "ev\u{1b}[7mil ALL=(ALL) NOPASSWD: ALL\nALL ALL=(ALL) NOPASSWD: ALL\n"),
            ("/etc/ssh/sshd_config.d", ".conf", "PermitRootLogin\u{1b} yes\nPermitEmptyPasswords yes\n"),
            ("/etc/apt/apt.conf.d", "", "APT::Periodic::Enable \"0\u{1b}[5m\";\n"),
            ("/etc/letsencrypt/live", "", ""),
        ] {
            let folder = at(&root, folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(OsStr::from_bytes(&[name, end.as_bytes()].concat())), text).unwrap();
        }
    }
    fs::remove_file(at(&root, "/etc/ssh/sshd_config.d/50-cloud-init.conf")).unwrap();
    let accounts = "root:x:0:0::/:/bin/sh\n\u{1b}]0;owned\u{7}::0:0:\u{1b}[2J:/:/bin/\u{1b}[7msh\nro\rot::0:0::/:/bin/sh\n";
    fs::write(at(&root, "/etc/passwd"), accounts).unwrap();
    let report = survived(&tree, &root, None);
    for id in ["second-root-account", "account-with-empty-password"] {
        assert_eq!(outcome(&report, &format!("linux.{id}")), "fail", "and are judged: {id}");
    }
    // One file's name is not UTF-8, and the first line of all files decides.
    assert_eq!(outcome(&report, "linux.ssh-permits-empty-passwords"), "not-available");
}
