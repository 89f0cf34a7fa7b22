//! Diagnostics for programs: each with its file, line and column, as JSON and as SARIF 2.1.0.

use std::collections::BTreeSet;

use goodstead_protocol::diagnostic::{Diagnostic, Place, Severity};
use serde_json::{Value as Json, json};

use super::json::pretty;

fn level(found: &Diagnostic) -> &'static str {
    match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A list of problems. `line` and `column` count from 1 in characters, and are null where a whole file is meant.
pub(crate) fn json(diagnostics: &[Diagnostic]) -> String {
    let entry = |found: &Diagnostic| {
        let place = found.place.as_ref();
        let at = place.and_then(|place| place.line_column());
        json!({
            "severity": level(found), "code": found.code, "message": found.message, "help": found.help,
            "file": place.map(|place| &place.file),
            "line": at.map(|(line, _)| line), "column": at.map(|(_, column)| column),
        })
    };
    pretty(&diagnostics.iter().map(entry).collect::<Vec<_>>())
}

/// A log for code scanning services. Paths stay as they were given, so that they are relative where those were.
pub(crate) fn sarif(diagnostics: &[Diagnostic]) -> String {
    let codes: BTreeSet<_> = diagnostics.iter().map(|found| found.code).collect();
    let rules: Vec<_> = codes.iter().map(|code| json!({ "id": code })).collect();
    let results: Vec<_> = diagnostics.iter().map(result).collect();
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "goodstead checks lint", "version": env!("CARGO_PKG_VERSION"), "rules": rules,
            } },
            // Columns count characters, not the units of UTF-16 that are the default.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn result(found: &Diagnostic) -> Json {
    let help = found.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    let text = format!("{}{help}", found.message);
    json!({
        "ruleId": found.code, "level": level(found), "message": { "text": text },
        "locations": found.place.iter().map(location).collect::<Vec<_>>(),
    })
}

/// A line of a file, or the whole file.
fn location(place: &Place) -> Json {
    let artifact = json!({ "uri": uri(&place.file) });
    let physical = match place.line_column() {
        Some((line, column)) => json!({
            "artifactLocation": artifact, "region": { "startLine": line, "startColumn": column },
        }),
        None => json!({ "artifactLocation": artifact }),
    };
    json!({ "physicalLocation": physical })
}

/// A path as a URI reference.
fn uri(path: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    path.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn each_problem_has_its_place_in_both() {
        let source: Arc<str> = "id = 'x'\nü = 'titel'\n".into();
        let at = source.find("'titel'").unwrap();
        let found = [
            Diagnostic::error("unknown-key", "no such key")
                .at(Place::span("my pack/a.toml", &source, at..at + 7))
                .help("do this"),
            Diagnostic::warning("no-pack", "nothing here").at(Place::file("b")),
        ];
        let read = |text: String| serde_json::from_str::<Json>(&text).unwrap();
        let list = read(json(&found));
        assert_eq!((&list[0]["line"], &list[0]["column"]), (&json!(2), &json!(5)));
        assert_eq!((&list[0]["file"], &list[0]["help"]), (&json!("my pack/a.toml"), &json!("do this")));
        assert_eq!((&list[1]["severity"], &list[1]["line"]), (&json!("warning"), &Json::Null));
        let log = read(sarif(&found));
        let results = &log["runs"][0]["results"];
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20pack/a.toml");
        assert_eq!(place["region"], json!({ "startLine": 2, "startColumn": 5 }));
        assert_eq!(results[1]["locations"][0]["physicalLocation"].get("region"), None);
    }
}
