//! What does not get through the type check, and how it is told.

use super::{Condition, Env, Problem, compile, demo};
use crate::condition::limits::MAX_BRACKETS;

/// The condition's problem with the text that it points at.
fn told(source: &str) -> String {
    render(source, compile(source).expect_err(source))
}

fn render(source: &str, problem: Problem) -> String {
    let at = problem.at.map_or("all".to_owned(), |at| format!("`{}`", &source[at]));
    let help = problem.help.map_or(String::new(), |help| format!(" ({help})"));
    format!("[{}] {}{help}, at {at}", problem.code, problem.message)
}

#[test]
fn undeclared_facts_are_named_and_corrected() {
    insta::assert_snapshot!(told("demo.port == 1 && demo.setings['a'] == 1"), @"[undeclared-fact] `demo.setings` is in no contract (did you mean `demo.settings`?), at `demo.setings`");
    insta::assert_snapshot!(told("dmeo.port == 1"), @"[undeclared-fact] `dmeo` is not known here (did you mean `demo`?), at `dmeo`");
    insta::assert_snapshot!(told("demo.memory.zzzzzz == 1"), @"[undeclared-fact] `demo.memory.zzzzzz` is in no contract (declared there: free_bytes), at `demo.memory.zzzzzz`");
    insta::assert_snapshot!(told("demo.tables.all(t, t.nam == 'x')"), @"[undeclared-fact] `t.nam` is in no contract (did you mean `t.name`?), at `t.nam`");
    insta::assert_snapshot!(told("demo.note == 'ü' && dem"), @"[undeclared-fact] `dem` is not known here (did you mean `demo`?), at `dem`");
    insta::assert_snapshot!(told("demo.password == 'x'"), @"[secret-fact] `demo.password` is a secret, which no check sees (use `demo.password_present` or `demo.password_length_class`), at `demo.password`");
}

#[test]
fn types_do_not_mix() {
    insta::assert_snapshot!(told("demo.port == 'x'"), @"[mixed-types] `demo.port` is a whole number, and is compared with text, at `demo.port == 'x'`");
    insta::assert_snapshot!(told("demo.started > 'yesterday'"), @r#"[mixed-types] `demo.started` is a time, and this text is none (times look like "2026-11-22T02:13:00Z"), at `demo.started > 'yesterday'`"#);
    insta::assert_snapshot!(told("demo.port + demo.ratio > 1.0"), @"[mixed-types] `+` does not mix whole numbers and floats (convert with double() or int()), at `demo.port + demo.ratio`");
    insta::assert_snapshot!(told("demo.primary < true"), @"[mixed-types] switches have no order (compare with == or !=), at `demo.primary < true`");
    insta::assert_snapshot!(told("demo.names == ['a']"), @"[mixed-types] `demo.names` is a list, which cannot be compared (compare its size() or its parts), at `demo.names == ['a']`");
    insta::assert_snapshot!(told("demo.memory == 1"), @"[mixed-types] `demo.memory` is a record, which cannot be compared (compare its size() or its parts), at `demo.memory == 1`");
    insta::assert_snapshot!(told("demo.port in demo.names"), @"[mixed-types] a whole number can never be in `demo.names`, at `demo.port in demo.names`");
    insta::assert_snapshot!(told("demo.primary && demo.settings['fsync']"), @r#"[ill-typed] `&&` needs true or false, and `demo.settings["fsync"]` is a scalar (compare it: `… == true`), at `demo.settings['fsync']`"#);
    insta::assert_snapshot!(told("!demo.port"), @"[ill-typed] `!` needs true or false, and `demo.port` is a whole number, at `demo.port`");
    insta::assert_snapshot!(told("demo.primary ? 1 : 'a'"), @"[ill-typed] both branches of `? :` have one type, not a whole number and text, at `demo.primary ? 1 : 'a'`");
    insta::assert_snapshot!(told("demo.port in [1, 'a']"), @"[ill-typed] a list holds values of one type, not a whole number beside text, at `'a'`");
    insta::assert_snapshot!(told("min(1, 2.0) > 1.0"), @"[mixed-types] `min` does not mix whole numbers and floats (convert with double() or int()), at `min(1, 2.0)`");
    insta::assert_snapshot!(told("1.5 % 2.0 > 1.0"), @"[ill-typed] `%` does not work on a float and a float, at `1.5 % 2.0`");
    assert!(compile("demo.started > '2026-11-22T02:13:00Z' && demo.started <= demo.started").is_ok());
    assert!(compile("demo.port < 1.5 && 1.5 > demo.port").is_ok());
}

#[test]
fn records_are_selected_and_maps_are_indexed() {
    insta::assert_snapshot!(told("demo.settings.fsync == true"), @r#"[map-selected] `demo.settings` is a map, which is indexed (write `demo.settings["fsync"]`), at `demo.settings.fsync`"#);
    insta::assert_snapshot!(told("has(demo.settings.fsync)"), @r#"[map-selected] `demo.settings` is a map, which is indexed (write `"fsync" in demo.settings`), at `has(demo.settings.fsync)`"#);
    insta::assert_snapshot!(told("demo['port'] == 1"), @"[computed-key] `demo` is a record, whose fields are selected (write `demo.memory`), at `'port'`");
    insta::assert_snapshot!(told("demo.settings[demo.version] == 1"), @r#"[computed-key] the key of `demo.settings` must stand here as a text (write `demo.settings["name"]`), at `demo.version`"#);
    insta::assert_snapshot!(told("demo.tables.name == 'a'"), @"[ill-typed] `demo.tables` is a list, which has no field `name` (use all(), exists() or an index on it), at `demo.tables.name`");
    insta::assert_snapshot!(told("demo.names['a'] == 'a'"), @"[ill-typed] a list is indexed by a whole number, not by text, at `'a'`");
    insta::assert_snapshot!(told("has(demo.port)"), @"[has-not-optional] `demo.port` is always reported: has() is for facts that are declared optional (leave has() out), at `has(demo.port)`");
}

#[test]
fn only_what_is_meant_to_be_there_is_there() {
    insta::assert_snapshot!(told("{'a': demo.port}['a'] == 1"), @"[not-allowed] conditions compare facts and make no maps or records, at `{`");
    insta::assert_snapshot!(told("demo.names.exist(n, n == 'a')"), @"[unknown-function] there is no function `exist` (did you mean `exists`?), at `demo.names.exist(n, n == 'a')`");
    insta::assert_snapshot!(told("len(demo.names) == 1"), @"[unknown-function] there is no function `len` (write `size(…)`), at `len(demo.names)`");
    insta::assert_snapshot!(told("demo.version.version_in('>1')"), @"[unknown-function] there is no function `version_in` (write `version_in(…)`), at `demo.version.version_in('>1')`");
    insta::assert_snapshot!(told("size(1, 2) == 1"), @"[unknown-function] `size` is not called with these arguments, at `size(1, 2)`");
    insta::assert_snapshot!(told("demo.note == null"), @"[not-allowed] there is no null: what is not known is unknown (use has() on optional facts), at `null`");
    insta::assert_snapshot!(told("demo.port == 1u"), @"[not-allowed] there are no unsigned numbers (leave the `u` out), at `1u`");
    insta::assert_snapshot!(told("demo.version.matches(demo.note)"), @"[not-allowed] the pattern must stand here as a text, at `demo.note`");
    insta::assert_snapshot!(told("demo.version.matches('a(')"), @"[bad-pattern] this is no usable pattern: unclosed group, at `'a('`");
    insta::assert_snapshot!(told("demo.version.matches('(\\\\w{1000}){1000}')"), @r#"[bad-pattern] this is no usable pattern: Compiled regex exceeds size limit of 1048576 bytes., at `'(\\w{1000}){1000}'`"#);
    insta::assert_snapshot!(told("version_in(demo.version, '13+')"), @r#"[bad-version-range] `13+` is no bound on a version (bounds look like ">=13, <16.4"), at `'13+'`"#);
    insta::assert_snapshot!(told("demo.names.all(demo, demo == 'a')"), @"[not-allowed] `demo` means something else here already (give the variable another name), at `demo.names.all(demo, demo == 'a')`");
    insta::assert_snapshot!(told("demo.numbers.all(a, demo.numbers.all(b, demo.numbers.all(c, a == c)))"), @"[condition-too-deep] more than 2 list macros lie inside one another, at `demo.numbers.all(c, a == c)`");
    insta::assert_snapshot!(told("demo.port = 1"), @"[foreign-word] `=` does not compare (write `==`), at `=`");
    insta::assert_snapshot!(told("demo.port =="), @"[condition-syntax] this is not a condition: it ends where a value must follow, at all");
    insta::assert_snapshot!(told(""), @"[condition-syntax] this is not a condition: it ends where a value must follow, at all");
}

/// Everything that is reported of the condition at once: the place, and what to do.
fn all(source: &str) -> Vec<(String, String)> {
    let told = |problem: Problem| {
        let at = problem.at.clone().map_or("all", |at| &source[at]);
        (at.to_owned(), problem.help.unwrap_or(problem.message))
    };
    compile(source).expect_err(source).each().map(told).collect()
}

#[test]
fn all_wrong_words_are_reported_at_once() {
    let found = all(
        "demo.prot == 1 && (demo.setings['a'] == 1 || demo.port + dmeo.port > size(demo.nams)) && !demo.primry",
    );
    let places: Vec<_> = found.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(places, ["demo.prot", "demo.setings", "dmeo", "demo.nams", "demo.primry"]);
    assert!(found.iter().all(|(_, help)| help.starts_with("did you mean")), "{found:?}");
    let found = all(
        "demo.primary ? demo.prot : demo.tables.all(t, t.nam == 'x') && t.name in [demo.nots, demo.vers]",
    );
    let places: Vec<_> = found.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(places, ["demo.prot", "t.nam", "t", "demo.nots", "demo.vers"]);
}

#[test]
fn words_of_other_languages_are_answered_with_what_is_meant() {
    let told = |source: &str| {
        all(source).into_iter().map(|(at, help)| format!("{at}: {help}")).collect::<Vec<_>>().join(" | ")
    };
    for (source, wanted) in [
        ("demo.port = 1 and not demo.primary", "=: write `==` | and: write `&&` | not: write `!`"),
        ("demo.version =~ '^1'", "=~: write `text.matches(\"pattern\")`"),
        ("demo.version LIKE '1%'", "LIKE: write `text.matches(\"pattern\")`"),
        ("demo.port <> 1", "<>: write `!=`"),
        ("demo.version == “1”", "“: write \"…\" or '…' | ”: write \"…\" or '…'"),
        ("len(demo.names) == 1", "len(demo.names): write `size(…)`"),
        ("demo.names.len() == 1", "demo.names.len(): write `size(…)`"),
        ("demo.names.length == 1", "demo.names.length: write `size(demo.names)`"),
        ("demo.version.length > 1", "demo.version.length: write `size(demo.version)`"),
        ("demo.primary == True", "True: write `true`"),
        ("demo.names.any(n, n == 'a')", "demo.names.any(n, n == 'a'): write `list.exists(x, …)`"),
        ("demo.version.startswith('1')", "demo.version.startswith('1'): did you mean `startsWith`?"),
        ("not(demo.primary)", "not(demo.primary): write `!`"),
    ] {
        assert_eq!(told(source), wanted, "{source}");
    }
}

#[test]
fn a_condition_is_true_or_false() {
    let demo = demo();
    let env = Env::of_check(&demo, None, None);
    let told = |source: &str| render(source, Condition::compile_bool(source, &env).unwrap_err());
    insta::assert_snapshot!(told("demo.port"), @"[ill-typed] a condition must be true or false, and this is a whole number (compare it with something), at all");
    insta::assert_snapshot!(told("demo.settings['fsync']"), @"[ill-typed] a condition must be true or false, and this is a scalar (compare it: `… == true`), at all");
    let told = |source: &str| render(source, Condition::compile_text(source, &env).unwrap_err());
    insta::assert_snapshot!(told("demo.names"), @r#"[ill-typed] only plain values can stand in a text, and this is a list (name a value of it, or use join(list, ", ")), at all"#);
    let told = |source: &str| render(source, Condition::compile_evidence(source, &env).unwrap_err());
    insta::assert_snapshot!(told("demo.tables"), @"[ill-typed] evidence is a plain value or a list of such, and this is a list of other things (name the values, or use `.map(x, x.name)`), at all");
    insta::assert_snapshot!(told("demo"), @"[ill-typed] evidence is a plain value or a list of such, and this is a record (name the values, or use `.map(x, x.name)`), at all");
}

#[test]
fn no_text_breaks_the_parsers() {
    let deep = format!("{}demo.port{} == 1", "(".repeat(MAX_BRACKETS), ")".repeat(MAX_BRACKETS));
    assert!(compile(&deep).is_ok());
    let wrong = deep.replace("demo.port", "demo.prot");
    assert_eq!(compile(&wrong).unwrap_err().code, "undeclared-fact");
    for chain in [
        "!",
        "-",
        "a.",
        "a ? b : ",
        "a + ",
        "a in ",
        "a[0]",
        "[",
        "f(",
        "a || b ? c : ",
        "a.b(",
        "'",
        "{",
        "?",
    ] {
        for times in [1, 20, 100, 400] {
            let source: String = chain.repeat(times).chars().take(4000).collect();
            assert!(compile(&source).is_err(), "{source}");
        }
    }
    // The deepest that the slow parser is asked about.
    for (link, times) in [("!", 40), ("-", 40), ("1 + ", 40), ("true ? 1 : ", 20), ("1 == ", 20)] {
        let links = link.repeat(times);
        let source = format!("(((((({links}x))))))");
        assert!(compile(&source).unwrap_err().at.is_some(), "{source}");
    }
    let long = vec!["demo.port == 1"; 200].join(" && ");
    assert!(compile(&long).is_ok());
}
