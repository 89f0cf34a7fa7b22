//! What a face costs beside the report's JSON, as `--format json` writes it: a report with 1,000 findings whose texts are
//! as long as those of the shipped checks. In turns, in one run; the bench fails where a face costs more than the limit.
//! What serde takes for the least JSON, neither indented nor escaped for terminals, is printed beside it.
//!
//! The program has no library, so its own modules are compiled in here as they are. A face is measured by being one of
//! `--format`; nothing has to be added here.
//!
//! `cargo bench --package goodstead --bench faces`

#![allow(dead_code, unused_imports, unreachable_pub, reason = "only the faces are used")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may panic, as tests may")]

#[path = "../src/render/mod.rs"]
mod render;

// What the faces know of the rest of the program.
#[path = "../src/broker/log.rs"]
mod log;
mod broker {
    pub(crate) use crate::log::{Counted, Entry as AccessEntry, FileEntry as AccessFile};

    pub(crate) type AccessLog = std::collections::BTreeMap<String, Vec<AccessEntry>>;
}

#[path = "../src/status.rs"]
mod status;

// With what a report is written to a file.
#[path = "../src/files/mod.rs"]
mod files;
#[path = "../src/users.rs"]
mod users;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum;
use goodstead_model::Report;
use render::face::{Detail, Face, Look, render};

/// How often each is run.
const RUNS: usize = 30;

const FINDINGS: usize = 1_000;

/// How many times as long as the JSON a face may take.
const LIMIT: f64 = 5.0;

const SAMPLE: &str = include_str!("../../model/samples/report-3.json");

fn main() -> ExitCode {
    let report = report();
    let look = Look { width: 100, detail: Detail::Normal, unicode: true, trouble: None };
    let json = serde_json::to_vec(&report).unwrap().len();
    println!("{FINDINGS} findings, {} KB of JSON", json / 1000);
    let faces = Face::value_variants();
    let mut plain = Vec::new();
    let mut times = vec![Vec::new(); faces.len()];
    for _ in 0..RUNS {
        let began = Instant::now();
        black_box(serde_json::to_vec(black_box(&report)).unwrap());
        plain.push(began.elapsed().as_secs_f64() * 1e3);
        for (face, times) in faces.iter().zip(&mut times) {
            let began = Instant::now();
            black_box(render(black_box(&report), *face, &look));
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    let least = median(plain);
    println!("{least:8.2} ms           the least JSON");
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    let json =
        faces.iter().zip(&medians).find(|(face, _)| **face == Face::Json).map(|(_, time)| *time).unwrap();
    let mut over = false;
    for (face, time) in faces.iter().zip(medians) {
        let ratio = time / json;
        over |= ratio > LIMIT;
        println!(
            "{time:8.2} ms  {ratio:5.2} x  {face:?}{}",
            if ratio > LIMIT { "  over the limit" } else { "" }
        );
    }
    if over { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The sample's finding so many times over, each check on a target of its own, with texts of the usual length.
fn report() -> Report {
    const WHY: &str = "With `fsync = off` the server does not wait until its write-ahead log is on the disk. If the \
        operating system crashes or the power fails, committed transactions are lost, and pages can be left in a state \
        from which the cluster does not start again: then a backup is all there is. A crash of the product alone does no \
        harm, which is why it seems to work for years.\nWhat can be rebuilt at any time may do without: waive this with \
        an end date.";
    const REMEDY: &str = "1. Switch it on; this needs no restart: `ALTER SYSTEM SET fsync = on; SELECT \
        pg_reload_conf();`.\n2. Run `sync` on the host once, so that what was written before is on the disk too.\n3. Take \
        a new base backup: older ones may hold pages that were never whole.\n\nIf it was off for speed:\n\n```sql\nALTER \
        SYSTEM SET synchronous_commit = off;\n```\n";
    let mut report: Report = serde_json::from_str(SAMPLE).unwrap();
    let finding = report.findings().next().unwrap().clone();
    let findings = (0..FINDINGS).map(|number| {
        let mut finding = finding.clone();
        finding.id = format!("linux.finding-{}", number % 250);
        finding.target = format!("linux:{}", number / 250);
        finding.why = WHY.to_owned();
        finding.remedy = REMEDY.to_owned();
        finding
    });
    report.verdicts.splice(0..1, findings);
    report
}
