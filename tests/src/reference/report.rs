//! The JSON Schema of the report, derived from the types that write and read it.
//!
//! It is open: a later agent may add what an earlier reader passes over. What an old schema number left out is not
//! required, so reports of all numbers fit.

use goodstead_model::{Report, SCHEMA};
use serde_json::{Value as Json, json};

/// The schema.
pub fn schema() -> Json {
    let mut schema = schemars::schema_for!(Report).to_value();
    schema["title"] = json!(format!("A report of Goodstead, up to schema {SCHEMA}"));
    in_plain_words(&mut schema);
    schema
}

/// References of Rust's documentation lead nowhere here.
fn in_plain_words(json: &mut Json) {
    match json {
        Json::Object(map) => {
            if let Some(Json::String(text)) = map.get_mut("description") {
                *text = text.replace("[`", "`").replace("`]", "`").replace("crate::", "");
            }
            map.values_mut().for_each(in_plain_words);
        }
        Json::Array(items) => items.iter_mut().for_each(in_plain_words),
        _ => {}
    }
}
