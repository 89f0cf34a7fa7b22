//! `goodstead new check`, through the shipped program: what it writes is in order before anything is filled in.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use goodstead_tests::checkout;
use goodstead_tests::tree::Tree;

#[test]
fn what_is_begun_lints_and_tests_and_names_what_is_left_to_say() {
    for plugin in ["linux", "postgresql"] {
        let tree = Tree::new();
        let id = format!("{plugin}.my-problem");
        let run = tree.run(&["new", "check", &id]);
        assert_eq!(run.code, 0, "{run:?}");
        let file = tree.config(&format!("checks/local-{plugin}/my-problem.toml"));
        assert!(run.stdout.contains(&file.display().to_string()), "{run:?}");
        for word in ["checks lint", "checks test", "explain", "--only"] {
            assert!(run.stdout.contains(word), "{word}: {run:?}");
        }
        let begun = fs::read_to_string(&file).unwrap();
        let schema = begun.lines().next().unwrap().strip_prefix("#:schema file://").expect("a schema");
        assert!(fs::metadata(schema).is_ok_and(|file| file.len() > 0), "{schema}");

        let lint = tree.run(&["checks", "lint"]);
        assert_eq!(lint.code, 0, "a warning is no error: {lint:?}");
        let first = begun.lines().position(|line| line.contains("\"TODO")).unwrap() + 1;
        assert!(lint.stderr.contains(&format!("my-problem.toml:{first}:")), "{lint:?}");
        assert!(lint.stderr.contains("a `TODO` is left here, and in the lines"), "{lint:?}");
        let test = tree.run(&["checks", "test"]);
        assert_eq!(test.code, 0, "{test:?}");
        let check = tree.run(&["check", "linux", "--fail-on", "never"]);
        assert_eq!(check.code, 0, "what is begun stops nobody: {check:?}");

        // With everything said, nothing is left to complain about.
        fs::write(&file, begun.replace("TODO", "done")).unwrap();
        let lint = tree.run(&["checks", "lint"]);
        assert_eq!((lint.code, lint.stderr.as_str()), (0, ""), "{lint:?}");
        assert_eq!(tree.run(&["explain", &id]).code, 0);
    }
}

#[test]
fn a_check_for_a_plugin_that_is_not_installed_is_begun_and_that_is_said() {
    let tree = Tree::new();
    let run = tree.run(&["new", "check", "memcached.listens-everywhere"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("The plugin `memcached` is not installed here"), "{run:?}");
    let folder = tree.config("checks/local-memcached");
    let header = fs::read_to_string(folder.join("pack.toml")).unwrap();
    assert!(header.contains("[requires]\nmemcached = \"*\"\n"), "{header}");
    assert!(fs::read_to_string(folder.join("listens-everywhere.toml")).unwrap().contains("host."));
    let lint = tree.run(&["checks", "lint"]);
    assert!(lint.code == 0 && lint.stdout.contains("`memcached`, which is not installed"), "{lint:?}");
    assert_eq!(tree.run(&["check", "linux", "--fail-on", "never"]).code, 0);
    // With the plugin it is a check like any other.
    let plugin = tree.plugin("memcached");
    let manifest = "name = \"memcached\"\nversion = \"3.1.0\"\nprotocol = 1\nlibrary = \"x.so\"\n[facts]\nport = { type = \"int\" }\n";
    fs::write(plugin.join("plugin.toml"), manifest).unwrap();
    let test = tree.run(&["checks", "test", &folder.display().to_string()]);
    assert!(test.code == 0 && test.stdout.contains("3 cases passed, 0 failed"), "{test:?}");
}

#[test]
fn nothing_is_written_over_and_no_id_is_used_twice() {
    let tree = Tree::new();
    assert_eq!(tree.run(&["new", "check", "linux.one"]).code, 0);
    let file = tree.config("checks/local-linux/one.toml");
    let before = fs::read_to_string(&file).unwrap();
    let taken = tree.run(&["new", "check", "linux.one"]);
    assert!(taken.code == 2 && taken.stderr.contains("there is a check `linux.one` already"), "{taken:?}");
    let broken = format!("{before}nonsense");
    fs::write(&file, &broken).unwrap();
    let again = tree.run(&["new", "check", "linux.one"]);
    assert!(again.code == 2 && again.stderr.contains("nothing is written over it"), "{again:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), broken);
    let shipped = tree.run(&["new", "check", "linux.swappiness-zero"]);
    assert!(shipped.code == 2 && shipped.stderr.contains("already"), "{shipped:?}");
}

#[test]
fn what_is_begun_is_the_admins_alone_whatever_the_umask() {
    let tree = Tree::new();
    let program = tree.goodstead(&[]);
    let words: Vec<_> = [program.get_program()]
        .into_iter()
        .chain(program.get_args())
        .map(|word| word.to_str().unwrap().to_owned())
        .collect();
    let line = format!("umask 0 && {} new check linux.one", words.join(" "));
    assert!(std::process::Command::new("sh").args(["-c", &line]).output().unwrap().status.success());
    for inside in ["checks/local-linux", "checks/local-linux/pack.toml", "checks/local-linux/one.toml"] {
        let mode = fs::metadata(tree.config(inside)).unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "{inside}: {mode:o}");
    }
    let run = tree.run(&["checks", "list"]);
    assert!(run.stdout.contains("linux.one"), "the pack is used: {run:?}");
}

#[test]
fn a_pack_or_a_folder_can_be_named() {
    let tree = Tree::new();
    let run = tree.run(&["new", "check", "first", "--pack", "linux"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(tree.config("checks/linux/first.toml").is_file());
    // The pack's own requirement says what the next one is about.
    tree.local_check("mine", "none.txt", "");
    let run = tree.run(&["new", "check", "second", "--pack", "mine"]);
    assert_eq!(run.code, 0, "{run:?}");
    let text = fs::read_to_string(tree.config("checks/mine/second.toml")).unwrap();
    assert!(text.contains("id = \"linux.second\""), "{text}");

    // A checkout's pack: its version and a schema that can be committed.
    let pack = tree.scratch("checkout/checks/linux");
    fs::create_dir_all(&pack).unwrap();
    fs::create_dir_all(tree.scratch("checkout/docs")).unwrap();
    fs::copy(checkout().join("docs/check.schema.json"), tree.scratch("checkout/docs/check.schema.json"))
        .unwrap();
    let header = "name = \"linux\"\ntitle = \"T\"\nversion = \"0.7.2\"\n[requires]\nlinux = \"^0.1\"\n";
    fs::write(pack.join("pack.toml"), header).unwrap();
    let folder = pack.display().to_string();
    let run = tree.run(&["new", "check", "linux.third", "--dir", &folder]);
    assert_eq!(run.code, 0, "{run:?}");
    let text = fs::read_to_string(pack.join("third.toml")).unwrap();
    assert!(text.starts_with("#:schema ../../docs/check.schema.json\n"), "{text}");
    assert!(text.contains("since = \"0.7.2\""), "{text}");
    assert_eq!(fs::read_to_string(pack.join("pack.toml")).unwrap(), header);
    assert_eq!(tree.run(&["checks", "test", &folder]).code, 0);
    let other = tree.run(&["new", "check", "postgresql.third", "--dir", &folder]);
    assert!(other.code == 2 && other.stderr.contains("[requires]"), "{other:?}");
}

#[test]
fn bad_names_are_refused_before_anything_is_written() {
    let tree = Tree::new();
    let signed = tree.path("share/goodstead/checks/linux").display().to_string();
    let odd = tree.scratch("odd \"name\"").display().to_string();
    fs::create_dir(&odd).unwrap();
    for (arguments, words) in [
        (vec!["Foo"], "does not say what it is about"),
        (vec!["linux.Foo"], "is no id of a check"),
        (vec!["linux."], "is no id of a check"),
        (vec!["linux.a/../b"], "is no id of a check"),
        (vec!["linus.a"], "did you mean `linux`?"),
        (vec!["host.a"], "no plugin `host` is installed"),
        (vec!["linux.a", "--pack", "../../x"], "is no name of a pack"),
        (vec!["linux.a", "--pack", "x", "--dir", "y"], "cannot be used with"),
        (vec!["linux.a", "--dir", "/nonexistent"], "no such folder"),
        (vec!["linux.a", "--dir", &signed], "signed as a whole"),
        (vec!["linux.a", "--dir", &odd], "is no name of a pack"),
    ] {
        let run = tree.run(&[&["new", "check"], arguments.as_slice()].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(words), "{arguments:?}: {run:?}");
    }
    assert!(!tree.config("checks").exists() && fs::read_dir(&odd).unwrap().next().is_none());
}

#[test]
fn a_case_that_differs_is_shown_with_its_line_and_the_values_that_decided() {
    let tree = Tree::new();
    tree.run(&["new", "check", "linux.one"]);
    let file = tree.config("checks/local-linux/one.toml");
    let text = fs::read_to_string(&file).unwrap().replace("TODO", "done");
    let line =
        text.lines().position(|line| line.starts_with("name = \"done: as it should be\"")).unwrap() + 1;
    fs::write(&file, text.replace("= true", "= \"$unknown\"")).unwrap();
    let run = tree.run(&["checks", "test", &file.parent().unwrap().display().to_string()]);
    assert_eq!(run.code, 1, "{run:?}");
    for part in [
        format!("one.toml:{line}\n"),
        "case      linux.one: done: as it should be".into(),
        "expected  pass".into(),
        "got       unknown, because the case makes it unknown".into(),
        " = unknown: the case makes it unknown".into(),
        "2 cases passed, 1 failed".into(),
    ] {
        assert!(run.stdout.contains(&part), "{part}: {run:?}");
    }
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80 || line.contains(".toml:")), "{run:?}");
}
