//! What all topics have in common: names, releases, and answers that say nothing.

use super::*;

/// The most elements of a list.
const MOST: usize = 200;

fn server(number: i64) -> Server {
    Server {
        number,
        in_recovery: true,
        sees_stats: true,
        user: "goodstead".to_owned(),
        own: true,
        rows: MOST,
    }
}

fn queries(number: i64) -> String {
    TOPICS.iter().filter_map(|topic| (topic.query)(&server(number))).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_release_is_asked_for_what_it_has() {
    for number in [130_000, 140_000, 150_000, 160_000] {
        assert!(queries(number).contains("checkpoints_req AS requested FROM pg_stat_bgwriter"), "{number}");
    }
    for number in [170_000, 180_000] {
        assert!(queries(number).contains("num_requested AS requested FROM pg_stat_checkpointer"), "{number}");
        assert!(!queries(number).contains("bgwriter"), "{number}");
    }
    assert!(!queries(130_000).contains("pg_stat_wal\n") && !queries(130_000).contains("wal_fpi"));
    assert!(queries(140_000).contains("wal_fpi"));
}

#[test]
fn a_primary_is_not_asked_for_what_only_a_standby_knows() {
    let primary = Server { in_recovery: false, ..server(150_000) };
    assert!((replication::STANDBY.query)(&primary).is_none());
    assert_eq!((replication::STANDBY.facts)(&[], MOST)["standby"].to_json(), serde_json::json!({}));
}

#[test]
fn no_row_and_no_column_make_values_unknown_and_lists_empty() {
    for topic in &TOPICS {
        for rows in [vec![], vec![Row::new()], vec![Row::from([("seconds".to_owned(), "later".to_owned())])]]
        {
            let facts = (topic.facts)(&rows, MOST);
            assert_eq!(
                facts.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(),
                topic.names.iter().copied().collect(),
                "what fails and what is told have the same names"
            );
        }
    }
}

#[test]
fn a_list_that_is_cut_says_so() {
    let row = |n: usize| Row::from([("gid".to_owned(), n.to_string())]);
    let rows: Vec<_> = (0..=MOST).map(row).collect();
    let json = (horizon::PREPARED.facts)(&rows, MOST)["prepared"].to_json();
    assert_eq!(json["$cause"]["kind"], "too-large");
    assert_eq!(json["$partial"].as_array().map(Vec::len), Some(MOST));
}
