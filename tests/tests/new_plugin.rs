//! `goodstead new plugin` and `goodstead plugins test`, through the shipped program: what is begun builds, runs and
//! passes as it stands, and what its author gets wrong is told. The plugin of a checkout is begun in `walks.rs`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use goodstead_tests::tree::{Run, Tree};
use goodstead_tests::{checkout, is_root, stage};

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

/// A product that listens on a socket and answers every question with one line, until it is dropped.
struct Product {
    socket: std::path::PathBuf,
    listener: Option<std::thread::JoinHandle<()>>,
}

impl Product {
    fn start(socket: &Path, answer: &'static str) -> Product {
        let listener = UnixListener::bind(socket).unwrap();
        // Whoever connects for the agent may be another user.
        fs::set_permissions(socket, fs::Permissions::from_mode(0o777)).unwrap();
        let listener = std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut question = String::new();
                let Ok(connection) = connection else { return };
                let _ = BufReader::new(&connection).read_line(&mut question);
                match question.as_str() {
                    "version\n" => _ = (&connection).write_all(answer.as_bytes()),
                    "end\n" => return,
                    _ => {}
                }
            }
        });
        Product { socket: socket.to_owned(), listener: Some(listener) }
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        let _ = UnixStream::connect(&self.socket).and_then(|mut connection| connection.write_all(b"end\n"));
        let _ = self.listener.take().map(std::thread::JoinHandle::join);
    }
}

/// Lets the plugin that was begun look for its product in the tree's own folder, and has root connect as nobody.
fn move_socket(tree: &Tree, folder: &Path) -> std::path::PathBuf {
    let socket = tree.scratch("demo.sock");
    for file in ["plugin.toml", "demo.c", "test.c", "src/lib.rs"] {
        let file = folder.join(file);
        if let Ok(text) = fs::read_to_string(&file) {
            let text = text.replace("/run/demo/demo.sock", &socket.display().to_string());
            fs::write(&file, text).unwrap();
        }
    }
    if is_root() {
        tree.configure("[plugins.demo]\nconnect_as = \"nobody\"\n");
    }
    socket
}

/// `make` with the tree's configuration.
fn make_in(tree: &Tree, folder: &Path, words: &[&str]) -> Run {
    let goodstead = format!(
        "GOODSTEAD={} --config-dir {} --state-dir {}",
        tree.path("bin/goodstead").display(),
        tree.config("").display(),
        tree.scratch("state").display()
    );
    make(folder, &[&[goodstead.as_str()], words].concat())
}

fn talks_to_its_product(tree: &Tree, folder: &Path, words: &[&str]) {
    let socket = move_socket(tree, folder);
    let made = make_in(tree, folder, words);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(made.stdout.contains("nothing to inspect here"), "{made:?}");
    assert!(made.stdout.contains("1 check, 3 cases passed, 0 failed"), "{made:?}");
    for (answer, shown, verdict) in [("1.2 \"beta\"\n", "1.2", "pass"), ("unknown\n", "unknown", "fail")] {
        let product = Product::start(&socket, answer);
        let made = make_in(tree, folder, words);
        drop(product);
        fs::remove_file(&socket).unwrap();
        let fact = made.stdout.lines().find(|line| line.trim_start().starts_with("demo.version "));
        assert!(fact.is_some_and(|fact| fact.contains(shown)), "{made:?}");
        assert!(made.stdout.contains(&format!("{verdict}     demo.version-unnamed")), "{made:?}");
    }
}

#[test]
fn a_plugin_in_c_with_a_connection_talks_to_its_product() {
    let tree = Tree::new();
    let folder = begin(&tree, &["--language", "c", "--socket"]);
    talks_to_its_product(&tree, &folder, &["CFLAGS=-O1 -Werror"]);
    let made = make_in(&tree, &folder, &["CFLAGS=-O1 -Werror", "build"]);
    assert!(made.stdout.contains("3 unit tests passed"), "{made:?}");
}

#[test]
fn a_plugin_in_rust_with_a_connection_talks_to_its_product() {
    let tree = Tree::new();
    let sdk = checkout().join("plugins/sdk").display().to_string();
    let folder = begin(&tree, &["--sdk", &sdk, "--socket"]);
    let target = format!("TARGET={}", stage().with_file_name("new-plugin-socket").display());
    talks_to_its_product(&tree, &folder, &[&target]);
}

#[test]
fn the_fake_site_for_c_answers_every_request_that_it_knows() {
    let tree = Tree::new();
    let program = tree.scratch("fake");
    let site = tree.scratch("site/etc/demo.d");
    fs::create_dir_all(&site).unwrap();
    fs::write(site.join("a.conf"), "in a folder").unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", "-fsanitize=address,undefined"]);
    cc.arg(format!("-DFOLDER=\"{}\"", tree.scratch("site").display()));
    cc.arg("-I").arg(tree.path("include")).arg("-o").arg(&program);
    let built = Run::of(cc.arg(checkout().join("tests/plugins/fake.c")).output().expect("cc runs"));
    assert_eq!(built.code, 0, "{built:?}");
    let run = Run::of(Command::new(&program).output().expect("it runs"));
    assert_eq!((run.code, run.stdout.as_str()), (0, "all requests\n"), "{run:?}");
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
