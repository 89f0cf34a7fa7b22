//! Conditions from text to value. The other modules here hold them against the `cel` crate.

mod against_cel;
mod refused;
mod three_values;

use goodstead_protocol::fact::{CauseKind, Fact};
use serde_json::{Value as Json, json};

use super::{Condition, Env, Problem, Scope, Type};
use crate::fixture::{contract, demo, facts};

/// Every condition that a test compiles goes through both parsers, so that the two cannot drift apart unseen.
fn compile(source: &str) -> Result<Condition, Problem> {
    against_cel::same_tree(source);
    let (demo, host) = (demo(), contract("host", "memory_bytes = { type = 'int', unit = 'bytes' }"));
    Condition::compile(source, &Env::of_check(&demo, Some(&host), None), |_| Ok(()))
}

fn scope<'f>(own: &'f Fact, nothing: &'f Fact) -> Scope<'f> {
    Scope { own, host: nothing, linux: nothing, previous: nothing, item: nothing }
}

fn evaluate(source: &str, sent: Json) -> Fact {
    let nothing = Fact::unknown(CauseKind::NotAvailable, "nothing there");
    compile(source)
        .unwrap_or_else(|problem| panic!("{source}: {problem:?}"))
        .evaluate(&scope(&facts(sent), &nothing))
}

/// The value as JSON; of an unknown, its detail.
fn value(source: &str, sent: Json) -> Json {
    match evaluate(source, sent) {
        Fact::Unknown(cause) => json!(format!("unknown: {cause}")),
        fact => fact.to_json(),
    }
}

#[test]
fn functions_do_what_their_names_say() {
    let sent = json!({"version": "15.3 (Debian)", "port": 5432, "size_bytes": 4294967296_i64, "ratio": 0.5,
        "names": ["b", "a"], "settings": {"work_mem": "4MB", "fsync": true}, "numbers": [3, 1, 2]});
    for (source, wanted) in [
        ("version_in(demo.version, '>=13, <16')", json!(true)),
        ("demo.version.matches('^15\\\\.[0-9]+')", json!(true)),
        ("demo.version.startsWith('16')", json!(false)),
        ("demo.version.endsWith('n)') && demo.version.contains('Deb')", json!(true)),
        ("bytes(demo.size_bytes / 4)", json!("1.0 GiB")),
        ("percent(demo.port, 10864)", json!("50 %")),
        ("percent(demo.port, 0)", json!("unknown: a percentage of nothing has no value")),
        ("min(demo.port, 10) + max(1, 2)", json!(12)),
        ("join(demo.names, ', ')", json!("b, a")),
        ("join(demo.numbers.filter(n, n > 1).map(n, string(n)), '/')", json!("3/2")),
        ("demo.numbers.map(n, n > 1, n * 2)", json!([6, 4])),
        ("demo.numbers.exists_one(n, n == 2) && demo.settings.exists(name, name == 'fsync')", json!(true)),
        ("size('äö') + demo.names.size()", json!(4)),
        ("int('12') + int(2.9) + int(demo.ratio)", json!(14)),
        ("double(demo.port) * 0.5", json!(2716.0)),
        ("string(demo.ratio) + string(true)", json!("0.5true")),
        ("demo.numbers[0] - -1", json!(4)),
        ("demo.port in [1, 5432] ? 'yes' : 'no'", json!("yes")),
        ("demo.settings['fsync'] == true && 'fsync' in demo.settings", json!(true)),
        ("7 % 4 * 2 / 3", json!(2)),
    ] {
        assert_eq!(value(source, sent.clone()), wanted, "{source}");
    }
}

#[test]
fn evidence_knows_its_unit_and_item_its_rest() {
    let demo = demo();
    let env = Env::of_check(&demo, None, None).with_item(Type::Record(&demo.fields));
    let compile = |source| Condition::compile_evidence(source, &env).unwrap();
    assert_eq!(compile("demo.size_bytes").unit(), Some(goodstead_protocol::contract::Unit::Bytes));
    assert_eq!(compile("demo.size_bytes / 2").unit(), None);
    assert_eq!(compile("item.settings[\"a\"]").rest_of_item(), Some(".settings[\"a\"]"));
    assert_eq!(compile("demo.port").rest_of_item(), None);
    assert!(compile("demo.port + item.port").uses_item());
    assert!(!compile("demo.numbers.filter(n, n > 1)").uses_item());
}

#[test]
fn every_evaluation_ends() {
    let many: Vec<i64> = (0..2000).collect();
    let source = "demo.numbers.all(a, demo.numbers.all(b, a + b >= 0))";
    let found = value(source, json!({"numbers": many}));
    assert_eq!(found, json!("unknown: the condition takes too much work on this site's facts"));
    assert_eq!(value(source, json!({"numbers": [1, 2, 3]})), json!(true));
}
