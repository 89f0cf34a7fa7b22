//! What is unknown, and what is not although something unknown stands in it.

use serde_json::json;

use super::{evaluate, value};

/// `primary` is unknown, `port` is 1.
fn with_unknown(source: &str) -> serde_json::Value {
    let unknown = |detail: &str| json!({"$unknown": {"kind": "not-permitted", "detail": detail}});
    value(
        source,
        json!({"port": 1, "primary": unknown("no right"), "note": unknown("no note"), "ratio": unknown("no ratio"),
        "numbers": [1, unknown("no number"), 3], "version": "devel"}),
    )
}

#[test]
fn unknown_only_where_it_decides() {
    for (source, wanted) in [
        ("demo.primary || true", json!(true)),
        ("true || demo.primary", json!(true)),
        ("demo.primary && false", json!(false)),
        ("false && demo.primary", json!(false)),
        ("demo.primary || false", json!("unknown: no right")),
        ("false || demo.primary", json!("unknown: no right")),
        ("true && demo.primary", json!("unknown: no right")),
        ("demo.primary && true", json!("unknown: no right")),
        ("!demo.primary", json!("unknown: no right")),
        ("demo.primary ? 1 : 1", json!("unknown: no right")),
        ("true ? demo.port : 2", json!(1)),
        ("demo.ratio > 0.5", json!("unknown: no ratio")),
        ("demo.ratio != demo.ratio", json!("unknown: no ratio")),
        ("has(demo.note)", json!("unknown: no note")),
        ("min(double(demo.port), demo.ratio)", json!("unknown: no ratio")),
    ] {
        assert_eq!(with_unknown(source), wanted, "{source}");
    }
}

#[test]
fn the_first_unknown_gives_the_cause() {
    assert_eq!(with_unknown("demo.primary && demo.ratio > 1.0"), json!("unknown: no right"));
    assert_eq!(with_unknown("demo.ratio > 1.0 || demo.primary"), json!("unknown: no ratio"));
    assert_eq!(with_unknown("demo.ratio + 1.0 == 1.0 / demo.ratio"), json!("unknown: no ratio"));
}

#[test]
fn an_unknown_element_counts_like_any_other_unknown() {
    for (source, wanted) in [
        ("demo.numbers.all(n, n > 0)", json!("unknown: no number")),
        ("demo.numbers.all(n, n > 1)", json!(false)),
        ("demo.numbers.exists(n, n == 3)", json!(true)),
        ("demo.numbers.exists(n, n == 4)", json!("unknown: no number")),
        ("demo.numbers.exists_one(n, n > 0)", json!(false)),
        ("demo.numbers.exists_one(n, n == 3)", json!("unknown: no number")),
        ("size(demo.numbers)", json!(3)),
        ("size(demo.numbers.filter(n, n > 0))", json!("unknown: no number")),
        ("3 in demo.numbers", json!(true)),
        ("4 in demo.numbers", json!("unknown: no number")),
        ("demo.numbers[1] == 1", json!("unknown: no number")),
        ("demo.numbers[2]", json!(3)),
    ] {
        assert_eq!(with_unknown(source), wanted, "{source}");
    }
}

#[test]
fn what_is_missing_is_absent_and_has_says_so() {
    let empty = json!({"settings": {}, "port": 1});
    assert_eq!(value("has(demo.note)", empty.clone()), json!(false));
    assert_eq!(value("has(demo.note)", json!({"note": "x"})), json!(true));
    assert_eq!(value("demo.note == ''", empty.clone()), json!("unknown: `demo.note` is not there"));
    assert_eq!(value("'a' in demo.settings", empty.clone()), json!(false));
    assert_eq!(
        value("demo.settings['a'] == 1", empty),
        json!("unknown: `demo.settings[\"a\"]` is not there")
    );
    assert_eq!(value("demo.port == 1", json!({})), json!("unknown: the plugin did not report it"));
}

#[test]
fn of_a_partial_list_or_map_only_what_is_seen_is_known() {
    let cause = json!({"kind": "partial", "detail": "cut"});
    let sent = json!({"numbers": {"$partial": [1, 2], "$cause": cause.clone()},
        "settings": {"$partial": {"a": 1}, "$cause": cause}});
    let cut = json!("unknown: cut");
    for (source, wanted) in [
        ("size(demo.numbers)", cut.clone()),
        ("size(demo.settings)", cut.clone()),
        ("demo.numbers.all(n, n < 3)", cut.clone()),
        ("demo.numbers.all(n, n < 2)", json!(false)),
        ("demo.numbers.exists(n, n == 2)", json!(true)),
        ("demo.numbers.exists(n, n == 3)", cut.clone()),
        ("demo.numbers.exists_one(n, n == 2)", cut.clone()),
        ("demo.numbers.exists_one(n, n > 0)", json!(false)),
        ("demo.numbers.filter(n, n > 1).exists(n, n == 1)", cut.clone()),
        ("demo.numbers.map(n, n + 1).exists(n, n == 3)", json!(true)),
        ("demo.numbers.map(n, n + 1).all(n, n < 9)", cut.clone()),
        ("2 in demo.numbers", json!(true)),
        ("3 in demo.numbers", cut.clone()),
        ("demo.numbers[1]", json!(2)),
        ("demo.numbers[2]", cut.clone()),
        ("demo.numbers[-1]", json!("unknown: the list has no such position")),
        ("'a' in demo.settings", json!(true)),
        ("'b' in demo.settings", cut.clone()),
        ("demo.settings['b'] == 1", cut.clone()),
        ("demo.settings.exists(name, name == 'b')", cut.clone()),
        ("join(demo.numbers.map(n, string(n)), ',')", cut),
    ] {
        assert_eq!(value(source, sent.clone()), wanted, "{source}");
    }
}

#[test]
fn what_cannot_be_computed_is_unknown_in_our_words() {
    let sent = json!({"port": 0, "numbers": [1], "version": "zebra-7", "settings": {"memory": "zebra-7", "on": true, "n": 5},
        "size_bytes": i64::MAX});
    for (source, wanted) in [
        ("1 / demo.port == 1", "the condition divides by zero here"),
        ("1 % demo.port == 1", "the condition divides by zero here"),
        ("demo.size_bytes * 2 > 1", "a number in the condition becomes too large here"),
        ("-(-demo.size_bytes - 1) > 1", "a number in the condition becomes too large here"),
        ("(-demo.size_bytes - 1) / -1 > 1", "a number in the condition becomes too large here"),
        ("1e308 * 10.0 > 1.0", "a number in the condition becomes too large here"),
        ("1.0 / 0.0 > 1.0", "a number in the condition becomes too large here"),
        ("int(1e300) > 1", "a number in the condition becomes too large here"),
        ("demo.numbers[7] == 1", "the list has no such position"),
        ("int(demo.version) == 1", "`demo.version` is no number"),
        ("version_in(demo.version, '>=1')", "`demo.version` does not start with a version number"),
        (
            "demo.settings['memory'] == 4",
            "of `demo.settings[\"memory\"]`: text cannot be compared with a whole number",
        ),
        (
            "4 != demo.settings['memory']",
            "of `demo.settings[\"memory\"]`: a whole number cannot be compared with text",
        ),
        (
            "demo.settings['on'] == 1",
            "of `demo.settings[\"on\"]`: a switch cannot be compared with a whole number",
        ),
        ("demo.settings['memory'] in [1, 2]", "text cannot be compared with a whole number"),
        (
            "demo.settings['on'] < demo.settings['on']",
            "`demo.settings[\"on\"]` is of another type here than the condition needs",
        ),
        (
            "demo.settings['memory'] / 2 == 1",
            "`demo.settings[\"memory\"]` is of another type here than the condition needs",
        ),
        (
            "demo.settings['n'] + 1.5 == 1.5",
            "`demo.settings[\"n\"]` is of another type here than the condition needs",
        ),
        (
            "demo.settings['n'].contains('x')",
            "`demo.settings[\"n\"]` is of another type here than the condition needs",
        ),
        (
            "demo.settings['n'].matches('x')",
            "`demo.settings[\"n\"]` is of another type here than the condition needs",
        ),
    ] {
        let found = evaluate(source, sent.clone());
        let goodstead_protocol::fact::Fact::Unknown(cause) = found else { panic!("{source}: {found:?}") };
        assert_eq!(cause.kind, goodstead_protocol::fact::CauseKind::Evaluation, "{source}");
        assert_eq!(cause.detail, wanted, "{source}");
        assert!(!cause.detail.contains("zebra"), "{source}");
    }
    assert_eq!(value("demo.settings['n'] < 5.5", sent.clone()), json!(true));
    assert_eq!(value("demo.settings['n'] * 2 == 10", sent.clone()), json!(true));
    assert_eq!(value("demo.size_bytes == 9223372036854775808.0", sent), json!(false));
}
