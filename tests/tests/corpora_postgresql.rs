//! The fuzzer's corpora for the PostgreSQL plugin: its files, and servers that say anything.

use std::path::PathBuf;

use goodstead_fuzzed::plugin;
use goodstead_fuzzed::replay::{MUTATIONS, replay};
use goodstead_postgresql::PostgreSql;
use goodstead_tests::checkout;

fn corpus(target: &str) -> PathBuf {
    checkout().join("fuzz/corpus").join(target)
}

#[test]
fn files_of_any_bytes_on_a_host_with_clusters() {
    replay(&corpus("postgresql"), MUTATIONS / 5, |data| plugin::files::<PostgreSql>("postgresql", data));
}

#[test]
fn servers_that_say_anything() {
    replay(&corpus("session"), MUTATIONS / 5, |data| plugin::session::<PostgreSql>("postgresql", data));
}
