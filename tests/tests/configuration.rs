//! What decides what the agent does is believed only where nobody but root and the acting user can have written it, and
//! whatever lies in the place of a file is an error at once.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use goodstead_tests::foreign::{compile, manifest};
use goodstead_tests::is_root;
use goodstead_tests::runner::NOBODY;
use goodstead_tests::tree::{Run, Tree};

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn fifo(path: &Path) -> PathBuf {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    path.to_owned()
}

/// Runs `goodstead`, which must end by itself: one that waits for a FIFO never does.
fn ends(tree: &Tree, arguments: &[&str]) -> Run {
    let wanted = tree.goodstead(arguments);
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "120"]).arg(wanted.get_program()).args(wanted.get_args());
    command.envs(wanted.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    let run = Run::of(command.output().unwrap());
    assert!(run.code >= 0 && run.code != 137, "{arguments:?} did not end: {run:?}");
    run
}

/// A server that only listens, and a configuration that has a password sent to it.
fn listening(tree: &Tree) -> (UnixListener, String) {
    let socket = tree.scratch("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    let secret = tree.scratch("secret");
    fs::write(&secret, "hunter22\n").unwrap();
    mode(&secret, 0o600);
    let user = if is_root() { "root" } else { "nobody" };
    let text = format!(
        "[plugins.postgresql]\nconnect_as = {user:?}\nseconds = 5\n[[target]]\nplugin = \"postgresql\"\nname = \"x\"\n\
         address = \"unix:{}\"\nuser = \"u\"\npassword_file = \"{}\"\n",
        socket.display(),
        secret.display()
    );
    (listener, text)
}

#[test]
fn a_configuration_that_others_could_have_written_is_not_used() {
    type Spoil = fn(&Tree);
    let mut cases: Vec<(Spoil, &str)> = vec![
        (|tree| mode(&tree.config("agent.toml"), 0o666), "others may write to it (mode 666)"),
        (|tree| mode(&tree.config("agent.toml"), 0o660), "others may write to it (mode 660)"),
        (|tree| mode(&tree.config(""), 0o777), "config on the way to it (mode 777)"),
        (
            |tree| {
                fs::rename(tree.config("agent.toml"), tree.scratch("elsewhere.toml")).unwrap();
                symlink(tree.scratch("elsewhere.toml"), tree.config("agent.toml")).unwrap();
            },
            "it is a link",
        ),
    ];
    if is_root() {
        cases.push((
            |tree| chown(tree.config("agent.toml"), Some(NOBODY), None).unwrap(),
            "belongs to the user 65534",
        ));
        cases.push((
            |tree| chown(tree.config(""), Some(NOBODY), None).unwrap(),
            "config on the way to it belongs",
        ));
    }
    for (spoil, words) in cases {
        let tree = Tree::new();
        let (listener, text) = listening(&tree);
        tree.configure(&text);
        spoil(&tree);
        let run = tree.run(&["check", "--fail-on", "never"]);
        assert_eq!(run.code, 2, "{words}: {run:?}");
        assert!(
            run.stderr.contains("the configuration is not used") && run.stderr.contains(words),
            "{words}: {run:?}"
        );
        assert!(listener.accept().is_err(), "{words}: nobody is connected to");
    }
}

#[test]
fn a_password_file_that_others_could_have_written_is_not_sent() {
    type Spoil = fn(&Path);
    let cases: [(Spoil, &str); 5] = [
        (|file| mode(file, 0o602), "others may write to it"),
        (
            |file| {
                fs::rename(file, file.with_extension("real")).unwrap();
                symlink(file.with_extension("real"), file).unwrap();
            },
            "it is a link",
        ),
        (
            |file| {
                fs::remove_file(file).unwrap();
                fifo(file);
            },
            "it is not a regular file",
        ),
        (
            |file| {
                fs::remove_file(file).unwrap();
                symlink("/dev/zero", file).unwrap();
            },
            "it is a link",
        ),
        (
            |file| fs::File::options().write(true).open(file).unwrap().set_len(1 << 40).unwrap(),
            "larger than 4 KiB",
        ),
    ];
    for (spoil, words) in cases {
        let tree = Tree::new();
        let (_listener, text) = listening(&tree);
        tree.configure(&text);
        spoil(&tree.scratch("secret"));
        let run = ends(&tree, &["check", "postgresql", "--format", "json", "--fail-on", "never"]);
        let warnings = run.report()["warnings"].to_string();
        assert!(warnings.contains("is not used") && warnings.contains(words), "{words}: {warnings}");
    }
}

#[test]
fn whatever_lies_in_the_place_of_a_file_is_an_error_at_once() {
    type Put = fn(&Path);
    let puts: [(&str, Put); 4] = [
        ("a FIFO", |path| drop(fifo(path))),
        ("a directory", |path| fs::create_dir(path).unwrap()),
        ("a link to a device", |path| symlink("/dev/zero", path).unwrap()),
        ("a dangling link", |path| symlink("/nowhere/at-all", path).unwrap()),
    ];
    for (what, put) in puts {
        let tree = Tree::new();
        put(&tree.config("agent.toml"));
        let run = ends(&tree, &["check", "linux", "--fail-on", "never"]);
        assert!(run.code == 2 && run.stderr.contains("agent.toml"), "{what}: {run:?}");
        fs::rename(tree.config("agent.toml"), tree.config("entitlement.toml")).unwrap();
        let run = ends(&tree, &["check", "linux", "--fail-on", "never"]);
        assert_eq!(run.code, 0, "an entitlement stops no check: {what}: {run:?}");
        assert!(run.stderr.contains("the entitlement cannot be read"), "{what}: {run:?}");
        fs::rename(tree.config("entitlement.toml"), tree.scratch("ca.pem")).unwrap();
        let ca = tree.scratch("ca.pem").display().to_string();
        let run = ends(&tree, &["enroll", "https://127.0.0.1:1", "--token", "x", "--ca-file", &ca]);
        assert!(run.code == 2 && run.stderr.contains("authority's file cannot be read"), "{what}: {run:?}");
        for arguments in [
            &["check", "--facts", &ca][..],
            &["report", "show", &ca],
            &["enroll", "https://127.0.0.1:1", "--token-file", &ca],
        ] {
            let run = ends(&tree, arguments);
            assert!(run.code == 2 && run.stderr.contains("cannot be read"), "{what} {arguments:?}: {run:?}");
        }
        let run = ends(&tree, &["check", "linux", "--output", &ca]);
        assert!(run.code == 2 && run.stderr.contains("cannot be written"), "{what}: {run:?}");
        fs::remove_dir_all(tree.scratch("state")).unwrap();
        fs::create_dir(tree.scratch("state")).unwrap();
        fs::rename(tree.scratch("ca.pem"), tree.scratch("state/state.db")).unwrap();
        let run = ends(&tree, &["check", "linux", "--fail-on", "never"]);
        assert!(run.code == 0 && run.stderr.contains("the report is not kept"), "{what}: {run:?}");
        let run = ends(&tree, &["report", "list"]);
        assert!(run.code == 2 && run.stderr.contains("the state cannot be used"), "{what}: {run:?}");
    }
}

#[test]
fn a_state_that_others_may_write_to_is_neither_used_nor_changed() {
    let tree = Tree::new();
    tree.run(&["check", "linux"]);
    mode(&tree.scratch("state"), 0o777);
    let run = tree.run(&["report", "list"]);
    assert!(run.code == 2 && run.stderr.contains("others may write to it (mode 777)"), "{run:?}");
    let run = tree.run(&["check", "linux", "--fail-on", "never"]);
    for words in ["the report is not kept", "versions are not compared with earlier ones"] {
        assert!(run.stderr.contains(words), "{words}: {run:?}");
    }
}

#[test]
fn facts_and_reports_come_through_a_pipe_that_the_user_made() {
    let tree = Tree::new();
    let (facts, report) = (tree.scratch("facts.json"), tree.scratch("report.json"));
    let paths = [&facts, &report].map(|path| path.display().to_string());
    tree.run(&["check", "linux", "--format", "json", "--save-facts", &paths[0], "--output", &paths[1]]);
    for path in [&facts, &report] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
    }
    for place in ["-", "/dev/stdin", "/dev/fd/0"] {
        for (arguments, from) in [(["check", "--facts", place], &facts), (["report", "show", place], &report)]
        {
            let mut child = tree
                .goodstead(&arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(&fs::read(from).unwrap()).unwrap();
            let run = Run::of(child.wait_with_output().unwrap());
            assert!(run.stdout.contains("Readiness"), "{arguments:?}: {run:?}");
        }
    }
    let run = tree.run(&["report", "show", &paths[1], "--format", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let run = Run::of(
        tree.goodstead(&["check", "linux", "--fail-on", "never", "--output", "/dev/stdout"])
            .output()
            .unwrap(),
    );
    assert!(run.code == 0 && run.stdout.contains("Readiness"), "{run:?}");
}

#[test]
fn a_file_of_the_users_own_is_written_to_where_the_user_can_make_none() {
    let tree = Tree::new();
    let file = tree.scratch("facts.json");
    fs::write(&file, "old, and much longer than nothing").unwrap();
    mode(&file, 0o640);
    let mut command = tree.goodstead(&["check", "linux", "--fail-on", "never", "--save-facts"]);
    command.arg(&file);
    if is_root() {
        chown(&file, Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    } else {
        mode(&tree.scratch(""), 0o555);
    }
    let run = Run::of(command.output().unwrap());
    mode(&tree.scratch(""), 0o755);
    assert_eq!(run.code, 0, "{run:?}");
    serde_json::from_slice::<serde_json::Value>(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn an_unsigned_plugin_runs_only_where_nobody_else_could_have_written_it() {
    let tree = Tree::new();
    let folder = tree.plugin("foreign");
    fs::write(folder.join("plugin.toml"), manifest("foreign", "")).unwrap();
    compile("GOOD", &folder.join("libforeign.so"));
    let ran = || tree.check(&["--fail-on", "never"]).1["plugins"].get("foreign").is_some();
    assert!(ran());
    for path in [folder.clone(), folder.join("libforeign.so"), folder.join("plugin.toml")] {
        let before = fs::metadata(&path).unwrap().permissions();
        mode(&path, 0o777);
        assert!(!ran(), "{path:?}");
        let list = tree.run(&["plugins", "list"]).stdout;
        assert!(list.contains("others may write to it (mode 777)"), "{list}");
        fs::set_permissions(&path, before).unwrap();
    }
    assert!(ran());
}
