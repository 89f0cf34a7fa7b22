//! Reports for the tests of faces: the sample of the newest schema, and one in which every text is hostile.

use goodstead_model::Report;
use serde_json::Value as Json;

const SAMPLE: &str = include_str!("../../../model/samples/report-3.json");

/// What a site may try in any text: controls, reading direction, and the beginnings of structure in every face.
pub(crate) const HOSTILE: &str = "\u{1b}[2J\u{9b}1m\u{7f}\u{202e}\u{2028}\u{feff}\r\n# x\n- y | z\n\"'<b>&amp;</b>]]>\\{0}`*_[l](http://x.test)\u{fffe}\n\n# EOF\n";

pub(crate) fn sample() -> Report {
    serde_json::from_str(SAMPLE).unwrap()
}

/// The sample with [`HOSTILE`] behind every text that is free.
pub(crate) fn hostile() -> Report {
    let mut json: Json = serde_json::from_str(SAMPLE).unwrap();
    poison(&mut json, "");
    serde_json::from_value(json).unwrap()
}

/// Words of which there is a fixed list are left alone.
fn poison(json: &mut Json, key: &str) {
    const WORDS: [&str; 9] =
        ["kind", "area", "concern", "impact", "likelihood", "verdict", "unit", "stage", "state"];
    match json {
        Json::String(text) if !WORDS.contains(&key) => text.push_str(HOSTILE),
        Json::Array(items) => items.iter_mut().for_each(|item| poison(item, key)),
        Json::Object(map) => {
            let free = ["plugins", "access", "timings_ms", "licensed"].contains(&key);
            for (name, mut value) in std::mem::take(map) {
                poison(&mut value, if free { "" } else { &name });
                map.insert(if free { format!("{name}{HOSTILE}") } else { name }, value);
            }
        }
        _ => {}
    }
}
