//! What it costs to begin, beside the start and end of a Rust program that does nothing: `goodstead --help` from its start
//! to its end, and `goodstead check` from its start until it opens the first file that a plugin asks for. In turns, in
//! one run; the bench fails where the help is over its limit.
//!
//! `cargo xtask stage --profile dist && cargo bench --package goodstead-tests --bench begin`

use std::fs;
use std::mem::MaybeUninit;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use goodstead_tests::tree::Tree;
use goodstead_tests::turns;
use rustix::fs::inotify;

/// How often each is run.
const RUNS: usize = 200;

/// How many times as long as the empty program the help may take.
const LIMIT: f64 = 3.0;

fn main() -> ExitCode {
    let tree = Tree::new();
    let source = tree.scratch("empty.rs");
    let empty = tree.scratch("empty");
    fs::write(&source, "fn main() {}").unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built =
        Command::new(rustc).args(["-O", "-C", "strip=debuginfo", "-o"]).args([&empty, &source]).status();
    assert!(built.unwrap().success());
    let host = tree.scratch("host");
    fs::create_dir_all(host.join("etc")).unwrap();
    let asked = host.join("etc/os-release");
    fs::write(&asked, "ID=debian\nVERSION_ID=12\n").unwrap();
    let root = host.to_str().unwrap().to_owned();

    let ways: [(&str, &dyn Fn() -> f64); 3] = [
        ("an empty Rust program", &|| whole(Command::new(&empty))),
        ("goodstead --help", &|| whole(tree.goodstead(&["--help"]))),
        ("goodstead check, until the first request", &|| {
            until_opened(tree.goodstead(&["check", "linux", "--root", &root, "--fail-on", "never"]), &asked)
        }),
    ];
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    for _ in 0..RUNS {
        for ((_, way), times) in ways.iter().zip(&mut times) {
            times.push(way());
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| turns::median(times)).collect();
    for ((name, _), median) in ways.iter().zip(&medians) {
        println!("{median:6.2} ms  {:5.2} x  {name}", median / medians[0]);
    }
    if medians[1] > LIMIT * medians[0] { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// How long it runs, in milliseconds.
fn whole(mut command: Command) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let began = Instant::now();
    assert!(command.status().unwrap().success());
    began.elapsed().as_secs_f64() * 1e3
}

/// How long it runs until somebody opens the file, in milliseconds.
fn until_opened(mut command: Command, file: &Path) -> f64 {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&watch, file, inotify::WatchFlags::OPEN).unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut buffer = [MaybeUninit::uninit(); 512];
    let event = inotify::Reader::new(&watch, &mut buffer).next().unwrap().events();
    let took = began.elapsed().as_secs_f64() * 1e3;
    assert!(event.contains(inotify::ReadFlags::OPEN));
    assert!(child.wait().unwrap().success());
    took
}
