//! Held against the `cel` crate: its two parsers against each other, and its evaluator against ours on expressions in
//! which everything is known and well-typed.

use std::collections::HashMap;

use cel::common::ast::{Expr, IdedExpr};
use cel::parser::{Parser, PrattParser};
use cel::{Context, Program, Value};
use goodstead_protocol::fact::Fact;
use proptest::prelude::*;
use serde_json::json;

use super::evaluate;
use crate::condition::limits;

/// Both parsers read the same tree, or both refuse.
pub(super) fn same_tree(source: &str) {
    if !limits::check(source).is_ok_and(limits::Size::is_shallow) {
        return;
    }
    match (PrattParser::new().parse(source), Parser::new().parse(source)) {
        (Ok(one), Ok(two)) => assert_eq!(without_ids(one), without_ids(two), "{source}"),
        (one, two) => assert_eq!(one.is_ok(), two.is_ok(), "{source}"),
    }
}

fn without_ids(mut expr: IdedExpr) -> IdedExpr {
    expr.id = 0;
    match &mut expr.expr {
        Expr::Call(call) => {
            call.target = call.target.take().map(|target| Box::new(without_ids(*target)));
            call.args = std::mem::take(&mut call.args).into_iter().map(without_ids).collect();
        }
        Expr::Select(select) => *select.operand = without_ids(std::mem::take(&mut select.operand)),
        Expr::List(list) => {
            list.elements = std::mem::take(&mut list.elements).into_iter().map(without_ids).collect()
        }
        Expr::Comprehension(all) => {
            let parts = [
                &mut all.iter_range,
                &mut all.accu_init,
                &mut all.loop_cond,
                &mut all.loop_step,
                &mut all.result,
            ];
            for part in parts {
                *part = without_ids(std::mem::take(part));
            }
        }
        Expr::Map(map) => map.entries.clear(),
        _ => {}
    }
    expr
}

/// A whole number.
fn int() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (-9_i64..9).prop_map(|value| value.to_string()),
        Just("demo.port".to_owned()),
        Just("demo.memory.free_bytes".to_owned()),
        Just("demo.numbers[1]".to_owned()),
        Just("9223372036854775807".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner.clone())
                .prop_map(|(one, sign, two)| format!("({one} {sign} {two})")),
            (text(), Just(())).prop_map(|(text, ())| format!("size({text})")),
            // A variable of its own: no macro may hide another's.
            (-3_i64..9).prop_map(|of| format!("size(demo.numbers.filter(k, k < {of}))")),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("(demo.primary ? {one} : {two})")),
            inner.prop_map(|of| format!("(-{of})")),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "'a'",
            "'ä1'",
            "''",
            "demo.version",
            "demo.names[0]",
            "('a' + demo.version)"
        ])
        .prop_map(str::to_owned),
        (-9_i64..9).prop_map(|value| format!("string({value})")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let signs = || prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        Just("demo.primary".to_owned()),
        Just("true".to_owned()),
        (int(), signs(), int()).prop_map(|(one, sign, two)| format!("{one} {sign} {two}")),
        (text(), signs(), text()).prop_map(|(one, sign, two)| format!("{one} {sign} {two}")),
        (int(), signs()).prop_map(|(one, sign)| format!("double({one}) {sign} demo.ratio")),
        (text(), prop::sample::select(vec!["contains", "startsWith", "endsWith"]), text())
            .prop_map(|(one, method, two)| format!("{one}.{method}({two})")),
        int().prop_map(|one| format!("{one} in demo.numbers")),
        text().prop_map(|one| format!("{one} in ['a', 'b', 'ä1']")),
        (prop::sample::select(vec!["all", "exists", "exists_one"]), signs(), int())
            .prop_map(|(kind, sign, of)| format!("demo.numbers.{kind}(n, n {sign} {of})")),
        (signs(), int())
            .prop_map(|(sign, of)| format!("demo.numbers.map(n, n + 1).exists(n, n {sign} {of})")),
        text().prop_map(|of| format!("demo.tables.exists(t, t.name == {of} && t.rows > 1)")),
    ];
    leaf.prop_recursive(3, 16, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one} && {two})")),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one} || {two})")),
            inner.clone().prop_map(|one| format!("!({one})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(one, two, three)| format!("({one} ? {two} : {three})")),
        ]
    })
}

fn in_cel(source: &str, sent: &serde_json::Value) -> Result<bool, String> {
    let mut context = Context::default();
    let demo = match to_cel(sent) {
        Value::Map(map) => Value::Map(map),
        other => panic!("{other:?}"),
    };
    context.add_variable_from_value("demo", demo);
    match Program::compile(source).map_err(|error| error.to_string())?.execute(&context) {
        Ok(Value::Bool(value)) => Ok(value),
        Ok(other) => panic!("{source} is {other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

/// `cel::to_value` would make unsigned numbers of positive ones.
fn to_cel(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap()), Value::Int)
        }
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from(items.iter().map(to_cel).collect::<Vec<_>>()),
        serde_json::Value::Object(map) => Value::from(
            map.iter().map(|(name, value)| (name.clone(), to_cel(value))).collect::<HashMap<_, _>>(),
        ),
        serde_json::Value::Null => Value::Null,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn where_everything_is_known_cel_says_the_same(
        source in condition(), port in -9_i64..9, free in any::<i64>(), primary in any::<bool>(), ratio in -9.0_f64..9.0,
        numbers in prop::collection::vec(-3_i64..9, 2..5), version in "[ab]{0,2}",
    ) {
        let sent = json!({"port": port, "memory": {"free_bytes": free}, "primary": primary, "ratio": ratio,
            "numbers": numbers, "version": version, "names": ["a"],
            "tables": [{"name": "a", "rows": 1, "indexes": []}, {"name": version, "rows": port, "indexes": []}]});
        prop_assume!(source.len() < 1500 && limits::check(&source).is_ok());
        let ours = evaluate(&source, sent.clone());
        match in_cel(&source, &sent) {
            Ok(value) => prop_assert_eq!(ours, Fact::Bool(value), "{}", source),
            // Where `cel` errs, ours is unknown.
            Err(_) => prop_assert!(matches!(ours, Fact::Unknown(_)), "{}: {:?}", source, ours),
        }
    }

    #[test]
    fn no_text_panics(source in "[a-z0-9.()\\[\\]{}'\"!&|=<>?:+*/%, \\-\\\\ü]{0,60}") {
        let _ = super::compile(&source);
    }
}
