//! What it costs to be told what there is: `goodstead --help`, from its start to its end, beside a Rust program that does
//! nothing. In turns, in one run; the bench fails where it is more than the limit.
//!
//! `cargo xtask stage --profile release && cargo bench --package goodstead-tests --bench help`

use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use goodstead_tests::tree::Tree;

/// How often each is run.
const RUNS: usize = 200;

/// How many times as long as the empty program it may take.
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
    let ways: [&dyn Fn() -> Command; 2] = [&|| Command::new(&empty), &|| tree.goodstead(&["--help"])];
    let mut times: [Vec<f64>; 2] = Default::default();
    for _ in 0..RUNS {
        for (way, times) in ways.iter().zip(&mut times) {
            let mut command = way();
            command.stdin(Stdio::null()).stdout(Stdio::null());
            let began = Instant::now();
            assert!(command.status().unwrap().success());
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    let [empty, help] = times.map(median);
    let ratio = help / empty;
    println!("{empty:6.2} ms  an empty Rust program");
    println!("{help:6.2} ms  goodstead --help, {ratio:.2} x (at most {LIMIT})");
    if ratio > LIMIT { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
