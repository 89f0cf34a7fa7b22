//! The checks, capabilities, milestones and tasks of one pack, as a page, made from what `goodstead checks list --format json` says.

use serde_json::Value as Json;

use super::NOTE;
use super::facts::cell;

/// The lists of a pack besides its checks, each with the word for one and the heading.
const GOALS: [(&str, &str, &str); 3] = [
    ("capabilities", "capability", "Capabilities"),
    ("milestones", "milestone", "Milestones"),
    ("tasks", "task", "Tasks"),
];

fn word(value: &Json, name: &str) -> String {
    value[name].as_str().expect("a text").to_owned()
}

/// The page of a pack with all that it holds.
pub fn page(listed: &Json) -> String {
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
        rests_on(&mut text, check);
    }
    for (list, kind, heading) in GOALS {
        goals(&mut text, listed[list].as_array().expect("a list"), kind, heading);
    }
    text
}

/// The facts that it looks at, and what to read.
fn rests_on(text: &mut String, one: &Json) {
    let facts = one["facts"].as_array().expect("facts").iter();
    let facts: Vec<_> = facts.map(|fact| format!("`{}`", fact.as_str().expect("a path"))).collect();
    text.push_str(&format!("- Looks at {}\n", facts.join(", ")));
    for link in one["links"].as_array().expect("links") {
        text.push_str(&format!("- Read [{}]({})\n", word(link, "title"), word(link, "url")));
    }
}

/// The capabilities, the milestones or the tasks.
fn goals(text: &mut String, all: &[Json], kind: &str, heading: &str) {
    if all.is_empty() {
        return;
    }
    text.push_str(&format!("\n# {heading}\n\n| {kind} | what it is |\n|---|---|\n"));
    for one in all {
        let id = word(one, "id");
        text.push_str(&format!("| [`{id}`](#{}) | {} |\n", id.replace('.', ""), cell(&word(one, "title"))));
    }
    for one in all {
        let (id, title, since) = (word(one, "id"), word(one, "title"), word(one, "since"));
        text.push_str(&format!("\n## {id}\n\n{title}.\n\n- A {kind}, since {since}\n"));
        rests_on(text, one);
    }
}
