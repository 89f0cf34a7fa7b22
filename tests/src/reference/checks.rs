//! The checks of one pack, as a page, made from what `goodstead checks list --format json` says.

use serde_json::Value as Json;

use super::NOTE;
use super::facts::cell;

/// The page of a pack with its checks.
pub fn page(listed: &Json) -> String {
    let word = |value: &Json, name: &str| value[name].as_str().expect("a text").to_owned();
    let pack = &listed["pack"];
    let checks = listed["checks"].as_array().expect("checks");
    let mut text = format!(
        "# Checks of `{}`\n\n{}, version {}: {} checks. {NOTE}\n\n\
         `goodstead explain ID` says of each why it matters, what to do, and how it last went.\n\n\
         | check | problem | impact | likelihood | concern |\n|---|---|---|---|---|\n",
        word(pack, "name"),
        word(listed, "title"),
        word(pack, "version"),
        checks.len()
    );
    for check in checks {
        let id = word(check, "id");
        let anchor = id.replace('.', "");
        let cells =
            ["title", "impact", "likelihood", "concern"].map(|name| cell(&word(check, name))).join(" | ");
        text.push_str(&format!("| [`{id}`](#{anchor}) | {cells} |\n"));
    }
    for check in checks {
        text.push_str(&format!(
            "\n## {}\n\n{}.\n\n- {}, {} impact, {} likelihood, since {}\n",
            word(check, "id"),
            word(check, "title"),
            word(check, "concern"),
            word(check, "impact"),
            word(check, "likelihood"),
            word(check, "since")
        ));
        let facts = check["facts"].as_array().expect("facts").iter();
        let facts: Vec<_> = facts.map(|fact| format!("`{}`", fact.as_str().expect("a path"))).collect();
        text.push_str(&format!("- Looks at {}\n", facts.join(", ")));
        for link in check["links"].as_array().expect("links") {
            text.push_str(&format!("- Read [{}]({})\n", word(link, "title"), word(link, "url")));
        }
    }
    text
}
