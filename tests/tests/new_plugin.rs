//! `goodstead new plugin` and `goodstead plugins test`, through the shipped program: what is begun builds, runs and
//! passes as it stands, and what its author gets wrong is told. The plugin of a checkout is begun in `walks.rs`.

use std::fs;
use std::path::Path;
use std::process::Command;

use goodstead_tests::tree::{Run, Tree};
use goodstead_tests::{checkout, stage};

/// Runs `make` in a folder, with more words.
fn make(folder: &Path, words: &[&str]) -> Run {
    let mut make = Command::new("make");
    make.arg("-C").arg(folder).args(words).env("NO_COLOR", "1");
    // Nobody debugs what is built here.
    make.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    Run::of(make.output().expect("make runs"))
}

/// Begins the plugin `demo` beside the tree.
fn begin(tree: &Tree, more: &[&str]) -> std::path::PathBuf {
    let beside = tree.scratch("").display().to_string();
    let run = tree.run(&[&["new", "plugin", "demo", "--dir", &beside], more].concat());
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("demo/checks/demo/pack.toml") && run.stdout.contains("make -C"), "{run:?}");
    tree.scratch("demo")
}

fn shows_a_fact_and_a_check(run: &Run) {
    assert_eq!(run.code, 0, "{run:?}");
    let fact =
        run.stdout.lines().find(|line| line.trim_start().starts_with("demo.system ")).expect("the fact");
    assert!(fact.contains('"'), "{fact}");
    assert!(run.stdout.contains("1 check, 3 cases passed, 0 failed"), "{run:?}");
    assert!(run.stdout.contains("pass     demo.system-without-name"), "{run:?}");
}

#[test]
fn a_plugin_in_c_needs_the_installation_and_one_command() {
    let tree = Tree::new();
    let folder = begin(&tree, &["--language", "c"]);
    let made = make(&folder, &["CFLAGS=-O1 -Werror"]);
    shows_a_fact_and_a_check(&made);
    for file in ["lib/goodstead/plugins/demo/libgoodstead_demo.so", "share/goodstead/checks/demo/pack.toml"] {
        assert!(folder.join("build/stage").join(file).is_file(), "{file}");
    }
    // What is laid there is what an installation takes.
    let plugin = tree.plugin("demo");
    for file in ["plugin.toml", "libgoodstead_demo.so"] {
        fs::copy(folder.join("build/stage/lib/goodstead/plugins/demo").join(file), plugin.join(file))
            .unwrap();
    }
    let (_, report) = tree.check(&["demo"]);
    assert_eq!(report["targets"][0]["id"], "demo");
}

#[test]
fn a_plugin_in_rust_outside_of_a_checkout_needs_its_sdk_and_one_command() {
    let tree = Tree::new();
    let sdk = checkout().join("plugins/sdk").display().to_string();
    let folder = begin(&tree, &["--sdk", &sdk]);
    // Kept from one run to the next: what the SDK needs takes a while to build.
    let target = format!("TARGET={}", stage().with_file_name("new-plugin").display());
    let made = make(&folder, &[&target]);
    shows_a_fact_and_a_check(&made);
    assert!(made.stdout.contains("2 passed"), "{made:?}");
}

#[test]
fn bad_names_and_places_are_refused_before_anything_is_written() {
    let tree = Tree::new();
    let empty = tree.scratch("empty");
    fs::create_dir(&empty).unwrap();
    let empty = empty.display().to_string();
    let checkout = checkout().display().to_string();
    for (name, more, words) in [
        ("Foo", [].as_slice(), "is no name of a plugin"),
        ("x/../y", &[], "is no name of a plugin"),
        ("a\u{1b}[2Jb", &[], "`a\\u{1b}[2Jb` is no name of a plugin"),
        ("", &[], "is no name of a plugin"),
        ("a_name_of_more_than_24_letters", &[], "at most 24"),
        ("linux", &[], "is installed already"),
        ("engine", &[], "is a crate of Goodstead itself"),
        ("true", &["--language", "c"], "cannot stand in conditions"),
        ("host", &["--language", "c"], "cannot stand in conditions"),
        ("demo", &[], "--sdk names the folder"),
        ("demo", &["--sdk", "/etc"], "this is not the SDK's folder"),
        ("demo", &["--dir", "/nonexistent"], "there is no such folder"),
        ("demo", &["--language", "c", "--dir", &checkout], "are crates"),
    ] {
        let place = if more.contains(&"--dir") { vec![] } else { vec!["--dir", &empty] };
        let run = tree.run(&[&["new", "plugin", name], place.as_slice(), more].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{name} {more:?}: {run:?}");
        assert!(run.stderr.contains(words), "{name} {more:?}: {run:?}");
    }
    assert!(fs::read_dir(&empty).unwrap().next().is_none());
}

#[test]
fn nothing_is_written_over() {
    let tree = Tree::new();
    fs::create_dir(tree.scratch("demo")).unwrap();
    let beside = tree.scratch("").display().to_string();
    let run = tree.run(&["new", "plugin", "demo", "--language", "c", "--dir", &beside]);
    assert!(run.code == 2 && run.stderr.contains("nothing is written over it"), "{run:?}");
    assert!(fs::read_dir(tree.scratch("demo")).unwrap().next().is_none());
}

#[test]
fn what_its_author_gets_wrong_is_told() {
    let tree = Tree::new();
    let folder = begin(&tree, &["--language", "c"]);
    let place = folder.display().to_string();
    let run = tree.run(&["plugins", "test", &place]);
    assert!(run.code == 2 && run.stderr.contains("build it first"), "{run:?}");
    assert_eq!(make(&folder, &[]).code, 0);
    let library = folder.join("build/libgoodstead_demo.so").display().to_string();
    let test = || tree.run(&["plugins", "test", &place, "--library", &library]);
    shows_a_fact_and_a_check(&test());
    assert!(!tree.scratch("state").exists(), "nothing is kept");

    let manifest = folder.join("plugin.toml");
    let good = fs::read_to_string(&manifest).unwrap();
    // A fact that the contract does not have.
    fs::write(&manifest, good.replace("[facts.system]", "[facts.sytem]")).unwrap();
    let run = test();
    assert_eq!(run.code, 2, "its pack asks for the fact as well: {run:?}");
    assert!(run.stdout.contains("`demo.system` is not in the contract and was dropped"), "{run:?}");
    assert!(run.stderr.contains("did you mean"), "{run:?}");
    // A file that the manifest does not name.
    fs::write(&manifest, good.replace("os-release\"", "os-releese\"")).unwrap();
    let run = test();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("read /etc/os-release: plugin.toml does not ask to read"), "{run:?}");
    assert!(run.stdout.contains("nothing to inspect here"), "{run:?}");
    fs::write(&manifest, good).unwrap();
    // A case that does not hold.
    let check = folder.join("checks/demo/system-without-name.toml");
    let text = fs::read_to_string(&check).unwrap();
    fs::write(&check, text.replace("= \"Demo 1\"", "= \"\"")).unwrap();
    let run = test();
    assert!(run.code == 1 && run.stdout.contains("2 cases passed, 1 failed"), "{run:?}");
    fs::write(&check, text).unwrap();
    // A library that is none.
    fs::write(&library, "nonsense").unwrap();
    let run = test();
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stdout.contains("0 targets") || run.stdout.contains("unknown:"), "{run:?}");
}
