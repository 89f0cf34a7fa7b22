//! What judging costs, as a ratio of one run: 10,000 checks over 200 KB of facts beside the same conditions in the `cel`
//! crate's own evaluator, which knows two values, has no limit of work and explains nothing.
//!
//! `cargo bench --package goodstead-engine`

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may panic, as tests may")]

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use cel::{Context, Program, Value};
use goodstead_engine::{PackSource, Plugins, Target, judge, load_to_judge};
use goodstead_model::Verdict;
use goodstead_protocol::document::Document;
use goodstead_protocol::fact::Fact;
use goodstead_protocol::intake::admit;
use goodstead_protocol::manifest::Manifest;
use serde_json::{Value as Json, json};

const CHECKS: usize = 10_000;

/// How often each is run.
const RUNS: usize = 15;

const MANIFEST: &str = "name = 'demo'\nversion = '0.1.0'\nprotocol = 1\nlibrary = 'none'\n[facts]\n\
    version = { type = 'text' }\n\
    primary = { type = 'bool' }\n\
    settings = { type = 'map', of = 'scalar' }\n\
    tables = { type = 'list', key = 'name' }\n\
    'tables[].name' = { type = 'text' }\n\
    'tables[].rows' = { type = 'int', unit = 'count' }\n\
    'tables[].valid' = { type = 'bool' }\n";

fn main() {
    let sent = facts();
    println!("{CHECKS} checks, {} KB of facts", sent.to_string().len() / 1000);
    let conditions: Vec<String> = (0..CHECKS).map(condition).collect();

    let manifest = Manifest::read(&Document::new("plugin.toml", MANIFEST)).unwrap();
    let facts = admit(&manifest.contract, Fact::from_json(sent.clone()).unwrap()).facts;
    let mut plugins = Plugins::default();
    plugins.add(manifest.version, manifest.contract);
    let source = PackSource { name: "demo".to_owned(), documents: pack(&conditions), local: false };
    let packs: Vec<_> =
        load_to_judge(source, &plugins, &["demo".to_owned()].into()).pack.into_iter().collect();
    let targets = [Target {
        id: "demo".to_owned(),
        plugin: "demo".to_owned(),
        facts,
        previous: None,
        container: None,
        importance: 1.0,
        deployment: "demo".to_owned(),
    }];
    let host = Fact::record();

    let programs: Vec<Program> = conditions.iter().map(|source| Program::compile(source).unwrap()).collect();
    let mut context = Context::default();
    context.add_variable("demo", sent).unwrap();

    let ways: [(&str, &dyn Fn() -> usize); 2] = [
        ("bare cel", &|| {
            programs
                .iter()
                .filter(|program| matches!(program.execute(&context), Ok(Value::Bool(true))))
                .count()
        }),
        ("judge", &|| {
            let judged = black_box(judge(&packs, &targets, &host));
            judged.iter().filter(|it| it.verdict == Verdict::Pass).count()
        }),
    ];
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    for _ in 0..RUNS {
        for (way, times) in ways.iter().zip(&mut times) {
            let began = Instant::now();
            assert_eq!(way.1(), CHECKS, "{}: all of them pass", way.0);
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let medians: Vec<f64> = times
        .iter_mut()
        .map(|times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
        .collect();
    for ((name, _), median) in ways.iter().zip(&medians) {
        println!("{median:8.2} ms  {:5.2} x  {name}", median / medians[0]);
    }
}

fn facts() -> Json {
    let settings: serde_json::Map<String, Json> =
        (0..3000).map(|number| (format!("area/group/setting_{number}"), json!(number))).collect();
    let tables: Vec<Json> = (0..1500)
        .map(|number| json!({ "name": format!("public.orders_of_year_{number}"), "rows": number, "valid": true }))
        .collect();
    json!({ "version": "15.4", "primary": true, "settings": settings, "tables": tables })
}

/// As checks are: mostly a look at a setting or two, now and then a few words of text.
fn condition(number: usize) -> String {
    let one = number % 3000;
    let two = (number * 7) % 3000;
    match number % 4 {
        0 => format!("demo.settings[\"area/group/setting_{one}\"] == {one}"),
        1 => format!(
            "demo.settings[\"area/group/setting_{one}\"] >= 0 && demo.settings[\"area/group/setting_{two}\"] < 3000"
        ),
        2 => format!(
            "demo.primary && (demo.version.startsWith(\"15\") || demo.settings[\"area/group/setting_{one}\"] == -1)"
        ),
        _ => format!(
            "!(demo.version in [\"9.6\", \"10\"]) && demo.settings[\"area/group/setting_{two}\"] >= {two}"
        ),
    }
}

fn pack(conditions: &[String]) -> Vec<Document> {
    let header = "name = 'demo'\ntitle = 'Demo'\nversion = '0.1.0'\n[requires]\ndemo = '^0.1'\n";
    let mut documents = vec![Document::new("demo/pack.toml", header)];
    for (number, condition) in conditions.iter().enumerate() {
        let mut text = format!("id = \"demo.check-{number}\"\npass = '{condition}'\n");
        let _ = write!(
            text,
            "title = 't'\nsince = '0.1.0'\nconcern = 'cost'\nimpact = 'low'\nlikelihood = 'low'\nwhy = 'w'\nremedy = 'r'\n"
        );
        documents.push(Document::new(format!("demo/check-{number}.toml"), text));
    }
    documents
}
