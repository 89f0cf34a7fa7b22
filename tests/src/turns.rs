//! Several ways to the same, timed in turns, so that a busy moment meets all of them.

use std::process::{Command, Stdio};
use std::time::Instant;

/// A name, and what to run.
pub type Way<'a> = (&'a str, &'a dyn Fn() -> Command);

/// The median time of each way in milliseconds, of so many runs; each must succeed.
pub fn medians(ways: &[Way<'_>], runs: usize) -> Vec<f64> {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    for _ in 0..runs {
        for ((name, way), times) in ways.iter().zip(&mut times) {
            let began = Instant::now();
            let status = way().stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs");
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            assert!(status.success(), "{name}: {status}");
        }
    }
    times.iter_mut().map(|times| median(times)).collect()
}

/// Prints each way's time, and how many times the first's it is.
pub fn print(ways: &[Way<'_>], medians: &[f64]) {
    for ((name, _), median) in ways.iter().zip(medians) {
        println!("{median:8.2} ms  {:5.2} x  {name}", median / medians[0]);
    }
}

/// The one in the middle.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
