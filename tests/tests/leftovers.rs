//! What a scan leaves: files that their owner alone can read, whatever the umask; and that it leaves a report at any date.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use goodstead_tests::tree::{Run, Tree};

#[test]
fn what_is_written_is_its_owners_alone() {
    let tree = Tree::new();
    let files = ["facts.json", "access.txt", "report.html"].map(|name| tree.scratch(name));
    let [facts, log, report] = files.each_ref().map(|file| file.to_str().unwrap());
    let options = ["--fail-on", "never", "--save-facts", facts, "--access-log", log, "--output", report];
    let check = [&["check", "linux", "--format", "html"][..], &options].concat();
    let goodstead = tree.goodstead(&check);
    // The widest umask that there is.
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "umask 0; exec \"$0\" \"$@\""])
        .arg(goodstead.get_program())
        .args(goodstead.get_args());
    command.envs(goodstead.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for file in &files {
        assert_eq!(format!("{:o}", mode(file)), "600", "{}", file.display());
    }
    let state = tree.scratch("state");
    assert_eq!(format!("{:o}", mode(&state)), "700");
    let mut kept = 0;
    for file in fs::read_dir(&state).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(format!("{:o}", mode(&file)), "600", "{}", file.display());
        kept += 1;
    }
    assert!(kept > 0, "nothing is kept");
}

/// A library that moves the clock by the seconds that MOVED says, for programs that are started with it.
const CLOCK: &str = "#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    int outcome = (int)syscall(SYS_clock_gettime, clock, time);
    const char *moved = getenv(\"MOVED\");
    if (outcome == 0 && moved && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += atol(moved);
    return outcome;
}
";

#[test]
fn no_date_ends_the_agent() {
    let tree = Tree::new();
    let (source, library) = (tree.scratch("clock.c"), tree.scratch("libclock.so"));
    fs::write(&source, CLOCK).unwrap();
    let cc = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status().unwrap();
    assert!(cc.success());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    // Ten years on, the last second of the year 9999 and the first behind it, far beyond, and before 1970.
    for date in [now + 315_360_000, 253_402_300_799, 253_402_300_800, 1 << 55, 1, -86_400, -(1 << 55)] {
        for arguments in [
            &["check", "linux", "--format", "json", "--fail-on", "never"][..],
            &["report", "list"],
            &["report", "show", "--format", "html"],
            &["status"],
            &["waive", "linux.no-such-check", "--until", "2999-01-01", "--reason", "a test"],
        ] {
            let mut command = tree.goodstead(arguments);
            command.env("LD_PRELOAD", &library).env("MOVED", (date - now).to_string());
            let run = Run::of(command.output().unwrap());
            assert!([0, 1, 2].contains(&run.code), "{date}: {arguments:?}: {run:?}");
            assert!(!run.stderr.contains("panicked"), "{date}: {arguments:?}: {run:?}");
            if arguments[0] == "check" {
                assert!(run.report()["verdicts"].as_array().unwrap().len() > 10, "{date}: {run:?}");
            }
        }
    }
}
