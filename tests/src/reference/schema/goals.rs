//! The schemas of capabilities, milestones and tasks.

use serde_json::{Value as Json, json};

use super::{case, condition, expecting, file, words};

/// What a file of this kind says of itself.
fn kind(word: &str) -> Json {
    json!({ "enum": [word], "description": "Without it the file is a check." })
}

/// A capability: licensed, configured, used, and used so far.
pub(super) fn capability() -> Json {
    let or_unknown = |value: Json| json!({ "anyOf": [value, { "enum": ["unknown"] }] });
    let links = json!({
        "type": "object", "additionalProperties": false, "required": ["configured", "used", "extent"],
        "properties": {
            "configured": or_unknown(json!({ "type": "boolean" })),
            "used": or_unknown(json!({ "type": "boolean" })),
            "extent": or_unknown(json!({ "type": "number", "minimum": 0, "maximum": 1 })),
        },
    });
    let expect = json!({
        "anyOf": [links, { "enum": ["not-applicable"] }],
        "description": "All three links of the chain, each a value or \"unknown\"; or not-applicable.",
    });
    let quantity = json!({
        "quantity": { "type": "integer", "minimum": 0, "description": "How much of it is licensed; 1 by default." },
    });
    let own = json!({
        "kind": kind("capability"),
        "configured": condition("Whether it is set up."),
        "used": condition("Whether it is used, where it is set up."),
        "extent": condition(
            "How far it is used, 0 to 1, where it is used; `quantity` is how much is licensed. In full without it.",
        ),
        "weight": {
            "type": "number", "minimum": 0, "exclusiveMinimum": true,
            "description": "What it counts among the capabilities; 1 by default.",
        },
        "blocked_by": {
            "type": "array", "items": { "type": "string" },
            "description": "The checks of this pack whose failing stands in its way, the first first.",
        },
        "case": {
            "type": "array", "items": case(&expect, quantity), "minItems": 2,
            "description": "The examples that prove it: at least one in which it is used, one in which it is not, one that is unknown.",
        },
    });
    file("A capability of Goodstead", &["kind", "configured", "used", "case"], own)
}

/// A milestone: reached once, and for good.
pub(super) fn milestone() -> Json {
    let expect = words(&["reached", "not-reached", "unknown", "not-applicable"], "What must come of it.");
    let own = json!({
        "kind": kind("milestone"),
        "reached": condition("Whether it is reached at present."),
        "case": {
            "type": "array", "items": case(&expect, json!({})), "minItems": 3,
            "allOf": [expecting("reached"), expecting("not-reached"), expecting("unknown")],
            "description": "The examples that prove it: at least one that is reached, one that is not, one that is unknown.",
        },
    });
    file("A milestone of Goodstead", &["kind", "reached", "case"], own)
}

/// A task: attempted and completed many times.
pub(super) fn task() -> Json {
    let count = json!({ "type": "integer", "minimum": 0 });
    let counts = json!({
        "type": "object", "additionalProperties": false, "required": ["attempts", "completions"],
        "properties": { "attempts": count, "completions": count },
    });
    let expect = json!({
        "anyOf": [counts, { "enum": ["unknown", "not-applicable"] }],
        "description": "The counts; or unknown or not-applicable.",
    });
    let own = json!({
        "kind": kind("task"),
        "attempts": condition("How often it was attempted; with `previous`, since the previous scan."),
        "completions": condition("How many of these attempts were completed."),
        "window_days": {
            "type": "integer", "minimum": 1, "maximum": 365,
            "description": "How many days back the counts go.",
        },
        "case": {
            "type": "array", "items": case(&expect, json!({})), "minItems": 2,
            "allOf": [expecting("unknown")],
            "description": "The examples that prove it: at least one with attempts and one that is unknown.",
        },
    });
    file("A task of Goodstead", &["kind", "attempts", "completions", "window_days", "case"], own)
}
