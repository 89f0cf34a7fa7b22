//! What it costs to read the shipped packs, as ratios of one run: beside parsing the same TOML and the same CEL, which
//! is the least that anybody pays.
//!
//! `cargo bench --package goodstead-engine`

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may panic, as tests may")]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cel::parser::PrattParser;
use goodstead_engine::{Loaded, PackSource, Plugins, load, load_to_judge};
use goodstead_protocol::contract::{RawContract, validate};
use goodstead_protocol::document::Document;
use goodstead_protocol::manifest::Manifest;
use semver::Version;
use serde::Deserialize;

/// How often each is run.
const RUNS: usize = 40;

fn main() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let plugins = plugins(&checkout);
    let packs: Vec<(String, Vec<Document>)> = folders(&checkout.join("checks"))
        .into_iter()
        .map(|folder| (folder.file_name().unwrap().to_string_lossy().into_owned(), documents(&folder)))
        .collect();
    let expressions: Vec<String> =
        packs.iter().flat_map(|(_, documents)| documents.iter().flat_map(expressions)).collect();
    let bytes: usize = packs.iter().flat_map(|(_, documents)| documents).map(|it| it.source.len()).sum();
    let files: usize = packs.iter().map(|(_, documents)| documents.len()).sum();
    println!("{files} files, {} KB, {} expressions", bytes / 1000, expressions.len());

    let every = plugins.names().map(str::to_owned).collect();
    let all = |load: &dyn Fn(PackSource, &Plugins) -> Loaded| {
        for (name, documents) in &packs {
            let source = PackSource { name: name.clone(), documents: documents.clone(), local: false };
            let loaded = load(source, &plugins);
            assert!(loaded.pack.is_some() && loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
            black_box(&loaded);
        }
    };
    let ways: [(&str, &dyn Fn()); 2] = [
        ("the same TOML and CEL, parsed", &|| {
            for (_, documents) in &packs {
                for document in documents {
                    black_box(toml::from_str::<toml::Table>(&document.source).unwrap());
                }
            }
            for expression in &expressions {
                black_box(PrattParser::new().parse(expression).unwrap());
            }
        }),
        ("load, to judge", &|| all(&|source, plugins| load_to_judge(source, plugins, &every))),
    ];
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    // In turns, so that a busy moment meets all of them.
    for _ in 0..RUNS {
        for (way, times) in ways.iter().zip(&mut times) {
            let began = Instant::now();
            way.1();
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    for ((name, _), median) in ways.iter().zip(&medians) {
        println!("{median:8.2} ms  {:5.2} x  {name}", median / medians[0]);
    }
    // Once and by itself: it leaves the heap in pieces, which the others would pay for.
    let began = Instant::now();
    all(&load);
    let took = began.elapsed().as_secs_f64() * 1000.0;
    println!("{took:8.2} ms  {:5.2} x  load, with all cases", took / medians[0]);
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What the agent itself knows.
#[derive(Deserialize)]
struct Host {
    facts: RawContract,
}

fn plugins(checkout: &Path) -> Plugins {
    let mut plugins = Plugins::default();
    for folder in folders(&checkout.join("plugins")) {
        let Ok(text) = fs::read_to_string(folder.join("plugin.toml")) else { continue };
        let manifest = Manifest::read(&Document::new("plugin.toml", text)).unwrap();
        plugins.add(manifest.version, manifest.contract);
    }
    let host = fs::read_to_string(checkout.join("agent/cli/src/host.toml")).unwrap();
    let document = Document::new("host.toml", host);
    let file: Host = document.parse().unwrap();
    plugins.add(Version::new(1, 0, 0), validate("host", file.facts, &document).unwrap());
    plugins
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

fn documents(folder: &Path) -> Vec<Document> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(documents(&path));
        } else {
            found.push(Document::new(path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// Everything in a check that is CEL.
fn expressions(document: &Document) -> Vec<String> {
    let table: toml::Table = toml::from_str(&document.source).unwrap();
    let mut found: Vec<String> = ["applies", "pass"]
        .iter()
        .filter_map(|name| Some(table.get(*name)?.as_str()?.to_owned()))
        .chain(
            table
                .get("evidence")
                .and_then(toml::Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|shown| Some(shown.as_str()?.to_owned())),
        )
        .collect();
    if let Some(remedy) = table.get("remedy").and_then(toml::Value::as_str) {
        let parts = remedy.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0.to_owned()));
        found.extend(parts);
    }
    found
}
