//! What a whole guarded scan costs, as ratios of one run: beside a bare program that reads the same files, and beside
//! the same plugin unguarded in one process. Process start is included everywhere.
//!
//! `cargo xtask stage --profile release && cargo bench --package goodstead-tests`

use std::fs;
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::Instant;

use goodstead_linux::Linux;
use goodstead_plugin::{
    Answer, Cause, CauseKind, FileEntry, FileKind, FileList, Granted, Outcome, Plugin, Request, Site, Stat,
    Statfs, Target,
};
use goodstead_tests::tree::Tree;

/// How often each is run.
const RUNS: usize = 60;

fn main() {
    // The bench runs itself for the bare ways, so that process start counts for them as well.
    match std::env::args().nth(1).as_deref() {
        Some("bare") => bare(),
        Some("unguarded") => unguarded(),
        _ => compare(),
    }
}

fn compare() {
    let tree = Tree::new();
    let itself = std::env::current_exe().unwrap();
    let ways: [(&str, &dyn Fn() -> Command); 3] = [
        ("bare read of the same files", &|| command(&itself, "bare")),
        ("the plugin unguarded in one process", &|| command(&itself, "unguarded")),
        ("goodstead check linux", &|| {
            tree.goodstead(&["check", "linux", "--format", "json", "--fail-on", "never"])
        }),
    ];
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    // In turns, so that a busy moment meets all of them.
    for _ in 0..RUNS {
        for (way, times) in ways.iter().zip(&mut times) {
            let began = Instant::now();
            let status = way.1().stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            assert!(status.success(), "{}: {status}", way.0);
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    for ((name, _), median) in ways.iter().zip(&medians) {
        println!("{median:8.2} ms  {:5.2} x  {name}", median / medians[0]);
    }
    println!("guarded against unguarded: {:.2} x", medians[2] / medians[1]);
}

fn command(program: &std::path::Path, way: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(way);
    command
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The floor: what any program pays that reads what the plugin reads.
fn bare() {
    let mut site = Recorder::default();
    let _ = Linux.gather(&target(), &mut site);
    for path in site.paths {
        black_box(fs::read(path).ok());
    }
}

fn unguarded() {
    let _ = black_box(Linux.gather(&target(), &mut Direct));
}

fn target() -> Target {
    Target {
        name: None,
        address: None,
        hints: serde_json::Value::Null,
        user: None,
        password: None,
        database: None,
    }
}

/// A site without a guard: it does what it is asked.
struct Direct;

/// Writes down which files are asked for, and reads none of them.
#[derive(Default)]
struct Recorder {
    paths: Vec<String>,
}

impl Site for Recorder {
    fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
        match request {
            Request::Read { path } => self.paths.push(path),
            Request::ReadMany { globs, except } => self.paths.extend(matching(&globs, &except)),
            _ => {}
        }
        Err(Cause::new(CauseKind::NotAvailable, "only written down"))
    }
}

impl Site for Direct {
    fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Cause::new(CauseKind::Absent, "not there"),
            _ => Cause::new(CauseKind::NotPermitted, "not permitted"),
        };
        let plain = |granted, data| Ok(Answer { granted, data, descriptor: None });
        match request {
            Request::Read { path } => plain(Granted::Read, fs::read(path).map_err(failed)?),
            Request::ReadMany { globs, except } => {
                let (mut files, mut data) = (Vec::new(), Vec::new());
                for path in matching(&globs, &except) {
                    let size = match fs::read(&path) {
                        Ok(bytes) => {
                            data.extend_from_slice(&bytes);
                            Outcome::Ok(bytes.len() as u64)
                        }
                        Err(error) => Outcome::Refused(failed(error)),
                    };
                    files.push(FileEntry { path, size });
                }
                plain(Granted::ReadMany(FileList { files, partial: None }), data)
            }
            Request::Stat { path } => {
                let metadata = fs::metadata(path).map_err(failed)?;
                let kind = if metadata.is_dir() { FileKind::Folder } else { FileKind::File };
                let stat = Stat { kind, size: metadata.len(), mode: 0, uid: 0, gid: 0, modified: 0 };
                plain(Granted::Stat(stat), Vec::new())
            }
            Request::Statfs { paths } => {
                let one =
                    Statfs { size: 1 << 30, free: 1 << 29, available: 1 << 29, inodes: 100, inodes_free: 50 };
                plain(Granted::Statfs(paths.iter().map(|_| Outcome::Ok(one.clone())).collect()), Vec::new())
            }
            _ => Err(Cause::new(CauseKind::NotAvailable, "not here")),
        }
    }
}

/// The files that match, found by walking from the fixed beginning of each glob.
fn matching(globs: &[String], except: &[String]) -> Vec<String> {
    let except = set(except);
    let mut found = Vec::new();
    for glob in globs {
        let matcher =
            globset::GlobBuilder::new(glob).literal_separator(true).build().unwrap().compile_matcher();
        let fixed: Vec<_> = glob.split('/').take_while(|part| !part.contains(['*', '?', '[', '{'])).collect();
        walk(&fixed.join("/"), &matcher, &except, &mut found);
    }
    found
}

fn walk(folder: &str, matcher: &globset::GlobMatcher, except: &globset::GlobSet, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(path) = entry.path().into_os_string().into_string() else { continue };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&path, matcher, except, found),
            Ok(kind) if kind.is_file() && matcher.is_match(&path) && !except.is_match(&path) => {
                found.push(path)
            }
            _ => {}
        }
    }
}

fn set(globs: &[String]) -> globset::GlobSet {
    let mut set = globset::GlobSetBuilder::new();
    for glob in globs {
        set.add(globset::GlobBuilder::new(glob).literal_separator(true).build().unwrap());
    }
    set.build().unwrap()
}
