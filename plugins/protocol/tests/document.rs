//! `docs/PLUGIN-PROTOCOL.md` is true: its examples are what the types read and write, and nothing is missing in it.

#![allow(clippy::expect_used, clippy::panic)] // It is a test, in helpers as well.

use std::fmt::Debug;
use std::fs;
use std::path::Path;

use goodstead_protocol::PROTOCOL;
use goodstead_protocol::fact::{CauseKind, Fact};
use goodstead_protocol::manifest::{DEFAULT_SECONDS, MAX_SECONDS};
use goodstead_protocol::message::{
    Confinement, Granted, Hello, Kind, Locked, PANICKED, Proposal, Reply, Request, Target,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

fn page() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PLUGIN-PROTOCOL.md");
    fs::read_to_string(file).expect("the page")
}

/// The examples of a page: the type that each is one of, and its text.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```json") else { continue };
        let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        found.push((kind.trim().to_owned(), text.join("\n")));
    }
    found
}

/// Reads an example as `T`, and holds it to be what `T` writes.
fn read<T: DeserializeOwned + Serialize + Debug>(text: &str) -> T {
    let value: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    let json: Json = serde_json::from_str(text).expect("JSON");
    let written = serde_json::to_value(&value).expect("JSON");
    assert_eq!(written, json, "this is not what is written of it:\n{text}");
    value
}

/// All examples of one type.
fn all<T: DeserializeOwned + Serialize + Debug>(page: &str, kind: &str) -> Vec<T> {
    let of_kind = examples(page).into_iter().filter(|(named, _)| named == kind);
    of_kind.map(|(_, text)| read(&text)).collect()
}

/// The words that are allowed where `text` has one that is not, as serde names them.
fn known<T: DeserializeOwned + Debug>(text: &str) -> Vec<String> {
    let error = serde_json::from_str::<T>(text).expect_err("no such word").to_string();
    let (_, list) = error.split_once("expected one of ").unwrap_or_else(|| panic!("{error}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The first word of each example in JSON: the variant.
fn variant(value: &impl Serialize) -> String {
    match serde_json::to_value(value).expect("JSON") {
        Json::String(word) => word,
        Json::Object(map) => match map.get("ask") {
            Some(Json::String(ask)) => ask.clone(),
            _ => map.keys().next().expect("a variant").clone(),
        },
        other => panic!("{other}"),
    }
}

#[test]
fn every_example_is_what_the_types_read_and_write() {
    let page = page();
    for (kind, text) in examples(&page) {
        match kind.as_str() {
            "Proposals" => drop(read::<Vec<Proposal>>(&text)),
            "Target" => drop(read::<Target>(&text)),
            "Fact" => {
                let json: Json = serde_json::from_str(&text).unwrap();
                assert_eq!(Fact::from_json(json.clone()).unwrap().to_json(), json, "{text}");
            }
            "Request" => drop(read::<Request>(&text)),
            "Reply" => drop(read::<Reply>(&text)),
            "Hello" => assert_eq!(read::<Hello>(&text).protocol, PROTOCOL),
            "Confinement" => drop(read::<Confinement>(&text)),
            "Locked" => drop(read::<Locked>(&text)),
            other => panic!("an example of `{other}`, which no test reads"),
        }
    }
}

#[test]
fn every_request_and_every_reply_has_an_example() {
    let page = page();
    let requests: Vec<_> = all::<Request>(&page, "Request").iter().map(variant).collect();
    let wanted = known::<Request>(r#"{"ask":"zzz"}"#);
    assert!(wanted.len() >= 8, "{wanted:?}");
    for request in &wanted {
        assert!(requests.contains(request), "no example of the request `{request}`");
        assert!(page.contains(&format!("### `{request}`: ")), "no section about `{request}`");
    }
    let replies = all::<Reply>(&page, "Reply");
    let granted: Vec<_> = replies
        .iter()
        .filter_map(|reply| if let Reply::Ok(granted) = reply { Some(variant(granted)) } else { None })
        .collect();
    for reply in known::<Granted>(r#""zzz""#) {
        assert!(granted.contains(&reply), "no example of the reply to `{reply}`");
    }
    assert!(replies.iter().any(|reply| matches!(reply, Reply::Refused(_))), "no refusal");
}

#[test]
fn every_kind_of_cause_and_of_frame_and_every_limit_is_in_it() {
    let page = page();
    let kinds = known::<CauseKind>(r#""zzz""#);
    for kind in &kinds {
        assert!(page.contains(&format!("\n| `{kind}` | ")), "no line about `{kind}`");
    }
    let rows = page.lines().filter(|line| {
        let word = line.strip_prefix("| `").and_then(|rest| rest.split_once('`'));
        word.is_some_and(|(word, _)| word.contains('-') || kinds.iter().any(|kind| kind == word))
    });
    assert_eq!(rows.count(), kinds.len(), "a line about a kind that does not exist");
    for number in 0..64 {
        if let Some(kind) = Kind::from_number(number) {
            assert!(page.contains(&format!("\n| {number} | `{kind:?}` | ")), "no line about {kind:?}");
        }
    }
    assert!(page.starts_with(&format!("# The plugin protocol, version {PROTOCOL}\n")));
    assert!(page.contains(&format!("{PANICKED} (`GOODSTEAD_PANICKED`)")));
    assert!(page.contains(&format!("| {MAX_SECONDS} s, {DEFAULT_SECONDS} s by default |")));
}

#[test]
fn the_sizes_of_messages_are_in_it() {
    let page = page();
    for (what, most) in [
        ("the JSON of a request", Kind::Ask.limits().0),
        ("the JSON that a plugin emits", Kind::Emit.limits().0),
        ("the JSON of a reply", Kind::Reply.limits().0),
        ("the data of one reply", Kind::Reply.limits().1),
    ] {
        assert!(page.contains(&format!("\n| {what} | {} MiB |\n", most >> 20)), "{what}: {most}");
    }
}
