//! From the start of a runner until the plugin's first request arrives: spawn, lock, load. Beside the floor: starting the
//! smallest program and waiting for its end.
//!
//! `cargo xtask stage --profile dist && cargo bench --package goodstead-tests --bench spawn`

use std::process::{Command, Stdio};
use std::time::Instant;

use goodstead_protocol::message::Kind;
use goodstead_tests::runner::{Runner, confinement, plugin, program, ways};
use goodstead_tests::tree::Tree;
use goodstead_tests::turns::median;
use serde_json::json;

/// How often each is run.
const RUNS: usize = 200;

fn main() {
    let tree = Tree::new();
    for way in ways() {
        let library = plugin(&tree, &["-DQUIET"]);
        let (mut guarded, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let began = Instant::now();
            let mut runner = Runner::start(&mut program(&tree, *way));
            runner.load(&confinement(*way), library.try_clone().unwrap()).unwrap();
            runner.send(Kind::Discover, &json!({}), None);
            assert_eq!(runner.receive().unwrap().kind, Kind::Ask);
            guarded.push(began.elapsed().as_secs_f64() * 1e3);
            let began = Instant::now();
            assert!(Command::new("/bin/true").stdin(Stdio::null()).status().unwrap().success());
            floor.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let (guarded, floor) = (median(&mut guarded), median(&mut floor));
        println!(
            "{way:?}: first request after {guarded:.2} ms, {:.1} x the start and end of /bin/true",
            guarded / floor
        );
    }
}
