//! What a real server's databases hold, and how much of it is told.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use goodstead_plugin::fake::{FakeSite, gather, manifest};
use goodstead_plugin::{Answer, Cause, Granted, Request, Site, Target};
use goodstead_postgresql::PostgreSql;
use serde_json::{Value as Json, json};

use crate::server::Server;
use crate::target;

/// A site that connects as often as it is asked to.
pub(crate) struct Connecting<'a> {
    pub(crate) connect: &'a mut dyn FnMut() -> OwnedFd,
    pub(crate) rest: FakeSite,
}

impl Site for Connecting<'_> {
    fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
        let Request::Connect { .. } = request else { return self.rest.ask(request) };
        let granted = Granted::Connect { user: "goodstead".to_owned() };
        Ok(Answer { granted, data: Vec::new(), descriptor: Some((self.connect)()) })
    }
}

/// The facts over connections that `connect` makes.
pub(crate) fn facts_over(connect: &mut dyn FnMut() -> OwnedFd) -> Json {
    facts_of(&target(), connect)
}

/// The same of another target.
pub(crate) fn facts_of(target: &Target, connect: &mut dyn FnMut() -> OwnedFd) -> Json {
    let manifest = manifest(include_str!("../../plugin.toml"));
    let mut site = Connecting { connect, rest: FakeSite::with_manifest(&manifest) };
    let (facts, notes) = gather::<PostgreSql>(&manifest.contract, target, &mut site);
    assert_eq!(notes, Vec::<String>::new());
    facts.to_json()
}

/// The facts of all databases, and how many connections it took to know them.
pub(crate) fn facts(server: &Server) -> (Json, usize) {
    facts_with(server, &[])
}

/// The same where the admin set options.
fn facts_with(server: &Server, options: &[(&str, u64)]) -> (Json, usize) {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let mut connections = 0;
    let facts = facts_of(&Target { options, ..target() }, &mut || {
        connections += 1;
        server.connect().into()
    });
    (facts, connections)
}

pub(crate) fn names(facts: &Json, list: &str) -> Vec<String> {
    let items = facts[list].get("$partial").unwrap_or(&facts[list]);
    items.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn item<'a>(facts: &'a Json, list: &str, name: &str) -> &'a Json {
    let items = facts[list].get("$partial").unwrap_or(&facts[list]);
    let found = items.as_array().unwrap().iter().find(|item| item["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list}: {}", facts[list]))
}

/// One database with each kind of thing that a list tells of, beside its healthy likeness.
pub(crate) const SHOP: &str = r#"
CREATE TABLE parent (id bigint PRIMARY KEY);
INSERT INTO parent SELECT generate_series(1, 1000);
CREATE TABLE child (id bigint PRIMARY KEY, a bigint REFERENCES parent, b bigint REFERENCES parent, c bigint REFERENCES parent, pad text);
INSERT INTO child SELECT n, 1, 1, 1, repeat(md5(n::text), 6) FROM generate_series(1, 60000) n;
CREATE INDEX ON child (b);
CREATE INDEX ON child (c) WHERE c IS NOT NULL;
DELETE FROM parent WHERE id > 990;
CREATE INDEX once ON child (pad, a); CREATE INDEX twice ON child (pad, a);
CREATE INDEX lower_once ON child (lower(pad)); CREATE INDEX lower_twice ON child (  lower(pad));
CREATE INDEX desc_only ON child (pad DESC, a); CREATE INDEX partly ON child (pad, a) WHERE a > 5;
CREATE UNIQUE INDEX also_unique ON child (id); ALTER TABLE child ADD CONSTRAINT second_key UNIQUE (id);
CREATE UNLOGGED TABLE scratch AS SELECT n, repeat('x', 200) FROM generate_series(1, 20000) n;
CREATE TABLE "No Key" AS SELECT n FROM generate_series(1, 2000) n;
CREATE TABLE churn WITH (autovacuum_enabled = false) AS SELECT n, repeat('x', 200) AS pad FROM generate_series(1, 20000) n;
UPDATE churn SET n = n + 1;
CREATE TABLE counted (id serial PRIMARY KEY, small smallserial, big bigserial, own bigint);
SELECT setval('counted_id_seq', 1932735283), setval('counted_small_seq', 100);
CREATE SEQUENCE narrow AS bigint OWNED BY counted.id; SELECT setval('narrow', 2000000000);
CREATE SEQUENCE around AS smallint CYCLE; SELECT setval('around', 32000);
CREATE SEQUENCE fresh AS int;
CREATE TABLE published (a int); CREATE TABLE published_well (a int PRIMARY KEY);
CREATE TABLE published_parts (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE part_one PARTITION OF published_parts FOR VALUES FROM (0) TO (10);
CREATE PUBLICATION pub FOR TABLE published, published_well, published_parts;
CREATE PUBLICATION inserts FOR TABLE published WITH (publish = 'insert');
CREATE EXTENSION hstore VERSION '1.4';
CREATE EXTENSION citext;
CREATE COLLATION german (provider = icu, locale = 'de'); CREATE COLLATION unused (provider = icu, locale = 'fr');
CREATE TABLE words (word text COLLATE german PRIMARY KEY);
UPDATE pg_collation SET collversion = '1' WHERE collname IN ('german', 'unused');
ANALYZE child; ANALYZE parent; ANALYZE scratch; ANALYZE "No Key";
"#;

#[test]
fn each_list_tells_what_is_wrong_and_only_that() {
    let server = Server::quick(&["CREATE DATABASE shop", "CREATE DATABASE \"Shop \"\"two\"\"\""]);
    server.sql_in("shop", &[SHOP]);
    server.sql_in("shop", &["INSERT INTO counted VALUES (0)", "CREATE TABLE bad AS SELECT 0 AS zero"]);
    // A CREATE INDEX CONCURRENTLY that fails leaves its index behind.
    server.try_in("shop", "CREATE INDEX CONCURRENTLY broken ON bad ((1 / zero))");
    server.sql_in("shop", &["GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO goodstead"]);
    let (facts, connections) = facts(&server);
    assert_eq!(connections, 3, "one a database");
    assert_eq!(names(&facts, "invalid_indexes"), ["shop.public.broken"]);
    let broken = item(&facts, "invalid_indexes", "shop.public.broken");
    assert_eq!((&broken["being_built"], &broken["leftover"]), (&json!(false), &json!(false)));
    assert_eq!(names(&facts, "foreign_keys_without_index"), ["shop.public.child(a)"]);
    let key = item(&facts, "foreign_keys_without_index", "shop.public.child(a)");
    assert_eq!((&key["parent_sql"], &key["parent_deletes"]), (&json!("public.parent"), &json!(10)));
    assert!(key["bytes"].as_i64().unwrap() > 10_000_000, "{key}");
    let mut twins = names(&facts, "duplicate_indexes");
    twins.sort();
    assert_eq!(
        twins,
        ["shop.public.also_unique", "shop.public.lower_twice", "shop.public.second_key", "shop.public.twice"]
    );
    assert_eq!(item(&facts, "duplicate_indexes", "shop.public.twice")["twin_sql"], "public.once");
    assert_eq!(item(&facts, "duplicate_indexes", "shop.public.second_key")["constraint_sql"], "second_key");
    let mut unused = names(&facts, "unused_indexes");
    unused.sort();
    assert!(unused.contains(&"shop.public.once".to_owned()), "{unused:?}");
    for serving in ["child_b_idx", "child_pkey", "lower_once", "also_unique"] {
        assert!(!unused.contains(&format!("shop.public.{serving}")), "{unused:?}");
    }
    assert_eq!(item(&facts, "tables", "shop.public.scratch")["unlogged"], true);
    let churn = item(&facts, "tables", "shop.public.churn");
    assert_eq!((&churn["dead_rows"], &churn["autovacuum_enabled"]), (&json!(20_000), &json!(false)));
    let mut nameless = names(&facts, "tables_without_primary_key");
    nameless.sort();
    assert_eq!(nameless, ["shop.public.\"No Key\"", "shop.public.churn"]);
    assert_eq!(names(&facts, "sequences"), ["shop.public.counted_id_seq", "shop.public.narrow"]);
    let near = item(&facts, "sequences", "shop.public.counted_id_seq");
    assert_eq!((&near["used_percent"], &near["column_sql"]), (&json!(90), &json!("id")));
    assert_eq!(
        names(&facts, "publications_without_identity"),
        ["shop.public.published (pub)", "shop.public.part_one (pub)"]
    );
    assert_eq!(names(&facts, "outdated_extensions"), ["shop.hstore"]);
    assert_eq!(item(&facts, "extensions", "plpgsql")["databases"], 3);
    assert_eq!(names(&facts, "stale_collations"), ["shop.public.german"]);
    assert_eq!(item(&facts, "stale_collations", "shop.public.german")["recorded"], "1");
    let shop = item(&facts, "databases", "shop");
    assert!(shop["user_tables"].as_i64().unwrap() > 10 && shop["size_bytes"].as_i64().unwrap() > 10_000_000);
    let template = item(&facts, "databases", "template1");
    assert_eq!((&template["template"], template.get("user_tables")), (&json!(true), None));
    assert_eq!(item(&facts, "databases", "Shop \"two\"")["sql"], "\"Shop \"\"two\"\"\"");
    assert_eq!(
        (&facts["statement_statistics_loaded"], &facts["standby_seen"]),
        (&json!(false), &json!(false))
    );
    assert!(!server.log().replace("ERROR:  division by zero", "").contains("ERROR"), "{}", server.log());
}

#[test]
fn a_hundred_and_twenty_databases_and_five_thousand_tables_are_bounded_and_named() {
    let server = Server::quick(&["CREATE DATABASE d000"]);
    make_tables(&server, 5_000);
    let index = "EXECUTE format('CREATE INDEX ON t%s (a)', n)";
    let twins = format!("DO $$ BEGIN FOR n IN 0..249 LOOP {index}; {index}; END LOOP; END $$");
    let sizes = "UPDATE pg_class SET relpages = 200 WHERE relname ~ '^t[0-9]+_a_idx'";
    server.sql_in("d000", &[&twins, sizes]);
    let create = |n| format!("CREATE DATABASE d{n:03} STRATEGY file_copy");
    let others: Vec<_> = (1..120).map(create).collect();
    server.sql(&others.iter().map(String::as_str).collect::<Vec<_>>());
    // However slow this machine is: what is cut off is so by number.
    let patient = [("instance_seconds", 60), ("statement_seconds", 30)];
    let (facts, connections) = facts_with(&server, &patient);
    let twins = &facts["duplicate_indexes"];
    assert_eq!(twins["$partial"].as_array().unwrap().len(), 200, "{}", twins["$cause"]);
    assert_eq!(facts["duplicate_indexes"]["$cause"]["kind"], "too-large");
    assert_eq!(item(&facts, "databases", "d000")["user_tables"], 5_000);
    assert_eq!((seen(&facts), connections), (100, 100));
    let cause = &facts["invalid_indexes"]["$cause"];
    assert_eq!(cause["kind"], "too-large", "{cause}");
    let detail = cause["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("only the 100 largest databases are looked into; not looked at: d"),
        "{cause}"
    );

    let (facts, connections) =
        facts_with(&server, &[&patient[..], &[("databases", 3), ("rows", 10)]].concat());
    assert_eq!((seen(&facts), connections), (3, 3));
    assert_eq!(names(&facts, "duplicate_indexes").len(), 10);
    let detail = facts["invalid_indexes"]["$cause"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("only the 3 largest databases") && detail.ends_with(" more"), "{detail}");

    // All of them in a second: what was not seen by then is named.
    let (facts, connections) = facts_with(&server, &[("instance_seconds", 1)]);
    let cause = &facts["invalid_indexes"]["$cause"];
    assert!(connections <= 100, "{connections}");
    if seen(&facts) < 100 {
        assert_eq!(cause["kind"], "timed-out", "{cause}");
    }
}

/// How many databases were looked into.
fn seen(facts: &Json) -> usize {
    let databases = facts["databases"].as_array().unwrap();
    databases.iter().filter(|item| item["user_tables"].is_i64()).count()
}

/// Tables without anything in them.
fn make_tables(server: &Server, count: u32) {
    // As many at a time as the locks of one transaction allow.
    for from in (0..count).step_by(500) {
        let to = (from + 500).min(count);
        let table = "EXECUTE format('CREATE TABLE t%s (a int)', n)";
        let block = format!("DO $$ BEGIN FOR n IN {from}..{to} - 1 LOOP {table}; END LOOP; END $$");
        server.sql_in("d000", &[&block]);
    }
}

#[test]
#[ignore = "takes minutes; cargo xtask soak --tables 100000 --databases 1000"]
fn as_many_tables_and_databases_as_are_asked_for() {
    let asked = |name| std::env::var(name).map_or(10, |count| count.parse().unwrap());
    let (tables, databases) = (asked("SOAK_TABLES"), asked("SOAK_DATABASES"));
    let server = Server::quick(&["CREATE DATABASE d000"]);
    make_tables(&server, tables);
    for number in 1..databases {
        server.sql(&[&format!("CREATE DATABASE d{number:03} STRATEGY file_copy")]);
    }
    let begun = Instant::now();
    let (facts, _) = facts(&server);
    let elapsed = begun.elapsed();
    println!(
        "{tables} tables and {databases} databases: {elapsed:?}, {} looked into; {}",
        seen(&facts),
        facts["invalid_indexes"]["$cause"]["detail"]
    );
    assert!(elapsed < Duration::from_secs(12), "{elapsed:?}");
    assert!(facts["tables"].is_array() || facts["tables"]["$cause"].is_object());
}
