//! `cargo xtask soak`: the fuzzer on every target of `fuzz/`, one after the other on one core; or one long test instead.
//!
//! New inputs are kept in `target/fuzz/corpus`, what went wrong in `target/fuzz/artifacts`; the committed corpora are
//! read and never written. No nightly toolchain is needed: the stable one takes the fuzzer's flags when it is told so.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::{cargo, checkout, succeed, target};

/// The most seconds that one input may take, and the most memory in MiB: more than any product of these doors needs.
const LIMITS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=1024"];

/// Fuzzes for about this many minutes in all; fails when anything was found.
pub(crate) fn run(minutes: u64) -> Result<()> {
    install_fuzzer()?;
    let targets = targets()?;
    let seconds = (minutes * 60 / targets.len().max(1) as u64).max(1);
    let build = target().join("fuzz");
    succeed(fuzz("build").arg("--target-dir").arg(&build))?;
    let mut found = 0;
    for name in &targets {
        let outcome = soak(name, seconds, &build)?;
        println!("{name:12} {:>10} executions  {} findings", outcome.executions, outcome.findings.len());
        for file in &outcome.findings {
            println!("  {}", file.display());
        }
        found += outcome.findings.len();
    }
    ensure!(found == 0, "{found} findings: mend them, and keep each input in fuzz/corpus");
    Ok(())
}

/// Has the PostgreSQL plugin look into a database of so many tables among so many databases; 100,000 tables take some two
/// minutes to make.
pub(crate) fn postgresql(tables: u32, databases: u32) -> Result<()> {
    let mut command = cargo();
    command.args([
        "test",
        "--package",
        "goodstead-postgresql",
        "--test",
        "live",
        "--",
        "--ignored",
        "--nocapture",
    ]);
    command.arg("as_many_tables_and_databases_as_are_asked_for");
    command.env("SOAK_TABLES", tables.to_string()).env("SOAK_DATABASES", databases.to_string());
    succeed(&mut command)
}

/// Kills agent, sender and desk so many times while their disks fill up and empty; fails when anything that was
/// acknowledged is lost or doubled. Needs root, for disks of its own.
pub(crate) fn kills(number: u64, seed: Option<u64>) -> Result<()> {
    crate::stage::stage("dev")?;
    let mut command = cargo();
    command.args(["test", "--package", "goodstead-tests", "--test", "durability", "--"]);
    command.args(["--ignored", "--nocapture", "as_many_kills_as_are_asked_for"]);
    command.env("SOAK_KILLS", number.to_string());
    if let Some(seed) = seed {
        command.env("SOAK_SEED", seed.to_string());
    }
    succeed(&mut command)
}

struct Outcome {
    executions: u64,
    findings: Vec<PathBuf>,
}

fn soak(name: &str, seconds: u64, build: &Path) -> Result<Outcome> {
    let corpus = build.join("corpus").join(name);
    let artifacts = build.join("artifacts").join(name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let mut command = fuzz("run");
    command.arg("--target-dir").arg(build).arg(name).arg(&corpus).arg(committed(name));
    // What is shipped is where a pack's reader goes deepest.
    if name == "packs" {
        command.arg(checkout().join("checks"));
    }
    command.arg("--").args(LIMITS).arg("-print_final_stats=1");
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    let before = files(&artifacts)?;
    let mut child = command.stderr(Stdio::piped()).spawn().context("cannot run cargo fuzz")?;
    let output = child.stderr.take().context("the fuzzer has no output")?;
    let mut executions = None;
    let mut last = Vec::new();
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            executions = count.trim().parse().ok();
        }
        // What a finding is told with; the rest is progress.
        if !line.starts_with('#') && !line.starts_with("stat::") {
            last.push(line);
        }
    }
    let status = child.wait()?;
    let mut findings = files(&artifacts)?;
    findings.retain(|file| !before.contains(file));
    if !status.success() {
        eprintln!("{}", last.join("\n"));
        if findings.is_empty() {
            bail!("the fuzzer of `{name}` ended with {status}");
        }
    }
    // A crash ends the fuzzer before its statistics; then only the finding counts.
    Ok(Outcome { executions: executions.unwrap_or_default(), findings })
}

/// One target a file, as in every other folder that is walked.
fn targets() -> Result<Vec<String>> {
    let named = |file: PathBuf| Some(file.file_stem()?.to_str()?.to_owned());
    let found: Vec<_> = files(&checkout().join("fuzz/fuzz_targets"))?.into_iter().filter_map(named).collect();
    ensure!(!found.is_empty(), "there is no target in fuzz/fuzz_targets");
    Ok(found)
}

fn committed(name: &str) -> PathBuf {
    checkout().join("fuzz/corpus").join(name)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        found.push(entry?.path());
    }
    found.sort();
    Ok(found)
}

fn fuzz(task: &str) -> Command {
    let mut command = cargo();
    command.current_dir(checkout().join("fuzz"));
    // Nearly all of it is safe Rust, where a sanitiser finds nothing and takes most of the time.
    command.args(["fuzz", task, "--sanitizer", "none"]).env("RUSTC_BOOTSTRAP", "1");
    command
}

fn install_fuzzer() -> Result<()> {
    let version = cargo().args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if version.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    println!("installing cargo-fuzz");
    succeed(cargo().args(["install", "cargo-fuzz", "--locked"]))
}
