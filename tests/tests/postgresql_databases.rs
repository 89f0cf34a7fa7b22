//! Faults in the databases of a real server: each is found by name, the remedy is carried out as it is printed, and the
//! finding is gone. What was never at fault is silent.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};

use goodstead_tests::postgres::Postgres;
use goodstead_tests::tree::{Tree, verdict};
use serde_json::Value as Json;

const TARGET: &str = "postgresql:test";

/// Every check of what is looked at database by database.
const CHECKS: [&str; 21] = [
    "autovacuum-starved",
    "checksum-failures-seen",
    "collation-version-mismatch",
    "database-connections-near-limit",
    "database-half-dropped",
    "dead-rows-piling-up",
    "duplicate-index",
    "extension-outdated",
    "foreign-key-unindexed",
    "index-collation-stale",
    "invalid-index",
    "public-schema-writable",
    "publication-without-identity",
    "sequence-near-end",
    "statement-statistics-unreadable",
    "statistics-never-gathered",
    "statistics-stale",
    "table-without-primary-key",
    "temp-files-spill",
    "unlogged-table-holds-data",
    "unused-index",
];

/// No autovacuum comes between a fault and its finding; it is on all the same.
const QUIET: &str = "autovacuum_naptime = 1h\nfsync = off\nsynchronous_commit = off\nshared_preload_libraries = 'pg_stat_statements'";

/// The database, which psql would take for an address, and its name as SQL writes it.
const SHOP: &str = "host=db.example.test My \"Shop\" {{x}} 'n";
const SHOP_SQL: &str = "\"host=db.example.test My \"\"Shop\"\" {{x}} 'n\"";

/// A large table costs a test its time, and what the catalogs say of its size is what counts. The counters of the
/// session before have arrived when another begins.
const SIZES: &str = r#"
ANALYZE "Child; --", "Scratch";
UPDATE pg_class SET relpages = 20000 WHERE relname IN ('Child; --', 'Scratch', 'churn');
UPDATE pg_class SET relpages = 5000 WHERE relname IN ('plain again', 'Key 2');
"#;

/// The faults that can be made within the database, all at once.
const FAULTS: &str = r#"
CREATE TABLE "Parent" (id int PRIMARY KEY);
INSERT INTO "Parent" SELECT generate_series(1, 1000);
CREATE TABLE "Child; --" (id int PRIMARY KEY, "To ""whom""" int REFERENCES "Parent", day int);
INSERT INTO "Child; --" SELECT n, 1, 1 FROM generate_series(1, 1000) n;
CREATE INDEX plain ON "Child; --" (day); CREATE INDEX "plain again" ON "Child; --" (day);
ALTER TABLE "Child; --" ADD CONSTRAINT "Key 2" UNIQUE (id);
DELETE FROM "Parent" WHERE id > 90;
CREATE UNLOGGED TABLE "Scratch" AS SELECT n FROM generate_series(1, 1000) n;
CREATE TABLE churn (n int PRIMARY KEY, pad text) WITH (autovacuum_enabled = off);
INSERT INTO churn SELECT n FROM generate_series(1, 20000) n;
ANALYZE churn; UPDATE churn SET pad = 'x';
CREATE TABLE loaded WITH (autovacuum_enabled = off) AS SELECT n, n AS m FROM generate_series(1, 120000) n;
UPDATE loaded SET m = 0 WHERE n < 10;
CREATE TABLE orders (id serial PRIMARY KEY); SELECT setval('orders_id_seq', 2000000000);
CREATE SEQUENCE "Tickets" AS smallint; SELECT setval('"Tickets"', 30000);
CREATE TABLE carts (a int); INSERT INTO carts VALUES (1); UPDATE carts SET a = 2;
CREATE PUBLICATION "All of it" FOR TABLE carts;
CREATE EXTENSION hstore VERSION '1.4';
CREATE COLLATION "De" (provider = icu, locale = 'de');
CREATE TABLE words (word text COLLATE "De" PRIMARY KEY);
UPDATE pg_collation SET collversion = '1' WHERE collname = 'De';
GRANT CREATE ON SCHEMA public TO PUBLIC;
CREATE TABLE twice AS SELECT 1 AS n UNION ALL SELECT 1;
"#;

/// The commands of a remedy: what stands in its blocks of code.
fn commands(remedy: &str) -> String {
    remedy.split("```").skip(1).step_by(2).collect()
}

fn check(tree: &Tree) -> Json {
    tree.check(&["--fail-on", "never"]).1
}

fn of<'a>(report: &'a Json, id: &str) -> &'a Json {
    verdict(report, &format!("postgresql.{id}"), TARGET)
}

fn reader(postgres: &Postgres, tree: &Tree) -> String {
    let configuration = postgres.reader();
    tree.configure(&configuration);
    postgres.sql("SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname <> 'postgres'")
}

#[test]
fn each_fault_is_found_and_the_remedy_as_printed_mends_it() {
    let tree = Tree::new();
    let mut postgres = Postgres::start(QUIET);
    let user = reader(&postgres, &tree);
    let icu = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de'";
    postgres.sql(&format!("CREATE DATABASE {SHOP_SQL} {icu}"));
    postgres.sql("CREATE DATABASE damaged");
    postgres.sql("CREATE DATABASE half");
    postgres.sql("CREATE ROLE app LOGIN; CREATE ROLE report LOGIN");
    postgres.sql_in(SHOP, FAULTS);
    postgres.sql_in(SHOP, SIZES);
    postgres.sql_in(SHOP, &format!("GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO \"{user}\""));
    let _ = postgres.feed(SHOP, "CREATE UNIQUE INDEX CONCURRENTLY \"Only once\" ON twice (n);");
    postgres.sql("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'");
    postgres.sql(&format!("UPDATE pg_database SET datcollversion = '1' WHERE datname = $name${SHOP}$name$"));
    damage(&mut postgres);

    check(&tree);
    let report = check(&tree);
    let shop = |rest: &str| format!("{SHOP_SQL}.{rest}");
    let expected: Vec<(&str, Vec<String>)> = vec![
        ("collation-version-mismatch", vec![SHOP.to_owned()]),
        ("database-half-dropped", vec!["half".to_owned()]),
        ("dead-rows-piling-up", vec![shop("public.churn")]),
        ("duplicate-index", vec![shop("public.\"Key 2\""), shop("public.\"plain again\"")]),
        ("extension-outdated", vec![shop("hstore")]),
        ("foreign-key-unindexed", vec![shop("public.\"Child; --\"(\"To \"\"whom\"\"\")")]),
        ("index-collation-stale", vec![shop("public.\"De\"")]),
        ("invalid-index", vec![shop("public.\"Only once\"")]),
        ("public-schema-writable", vec![SHOP.to_owned()]),
        ("publication-without-identity", vec![shop("public.carts (\"All of it\")")]),
        ("sequence-near-end", vec![shop("public.\"Tickets\""), shop("public.orders_id_seq")]),
        ("statement-statistics-unreadable", vec![]),
        ("statistics-stale", vec![shop("public.loaded")]),
        ("table-without-primary-key", vec![shop("public.loaded")]),
        ("unlogged-table-holds-data", vec![shop("public.\"Scratch\"")]),
    ];
    // What no command of ours can do: the duplicate has to go before the index can be unique.
    postgres.sql_in(SHOP, "DELETE FROM twice WHERE ctid = (SELECT min(ctid) FROM twice)");
    for (id, items) in &expected {
        let found = of(&report, id);
        assert_eq!(found["verdict"], "fail", "{id}: {found:#}");
        let mut names: Vec<_> =
            found["items"].as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(&names, items, "{id}");
        let commands = commands(found["remedy"].as_str().unwrap());
        let said = postgres.feed("postgres", &commands);
        assert!(said.is_ok() && !commands.is_empty(), "{id}: {said:?}\n{commands}");
    }
    let damaged = of(&report, "checksum-failures-seen");
    assert_eq!(damaged["verdict"], "fail", "{damaged:#}");
    assert!(damaged["evidence"].to_string().contains("damaged"), "{damaged:#}");
    postgres.sql_in("damaged", "DROP TABLE t; SELECT pg_stat_reset();");

    let report = check(&tree);
    for (id, _) in &expected {
        let found = of(&report, id);
        assert!(found["verdict"] == "pass", "{id}: {found:#}");
    }
    assert_eq!(of(&report, "checksum-failures-seen")["verdict"], "pass");
    for id in CHECKS {
        let found = of(&report, id);
        assert!(found["verdict"] != "fail", "{id}: {found:#}");
    }
}

#[test]
fn a_database_that_is_full_by_its_own_limit_is_told_and_given_room() {
    let tree = Tree::new();
    let postgres = Postgres::start(QUIET);
    reader(&postgres, &tree);
    postgres.sql("CREATE DATABASE narrow CONNECTION LIMIT 1");
    let mut held = postgres.client_in("narrow");
    writeln!(held.stdin.as_mut().unwrap(), "SELECT 'here';").unwrap();
    std::io::Read::read_exact(held.stdout.as_mut().unwrap(), &mut [0; 4]).unwrap();
    assert_eq!(
        of(&check(&tree), "database-connections-near-limit")["verdict"],
        "not-yet-judged",
        "once may be chance"
    );
    let report = check(&tree);
    let found = of(&report, "database-connections-near-limit");
    assert_eq!((&found["verdict"], &found["items"][0]), (&"fail".into(), &"narrow".into()), "{found:#}");
    // It lets nobody in, so what it holds is not known, and the reason is told.
    let index = of(&report, "invalid-index");
    assert_eq!(index["verdict"], "unknown", "{index:#}");
    assert!(index["cause"]["detail"].as_str().unwrap().contains("narrow"), "{index:#}");
    postgres.feed("postgres", &commands(found["remedy"].as_str().unwrap())).unwrap();
    let report = check(&tree);
    assert_eq!(of(&report, "database-connections-near-limit")["verdict"], "pass");
    assert_eq!(of(&report, "invalid-index")["verdict"], "pass");
    drop(held.stdin.take());
    held.wait().unwrap();
}

#[test]
fn a_database_that_was_never_analyzed_and_a_table_that_waits_are_told_and_mended() {
    let tree = Tree::new();
    // One worker, so slow that it stays at its first table.
    let mut postgres = Postgres::start(
        "fsync = off\nautovacuum_naptime = 1s\nautovacuum_max_workers = 1\nautovacuum_vacuum_cost_delay = 100ms\n\
         autovacuum_vacuum_cost_limit = 1\nautovacuum_analyze_threshold = 2000000000",
    );
    reader(&postgres, &tree);
    postgres.sql("CREATE DATABASE huge");
    postgres.sql_in(
        "huge",
        "CREATE TABLE t (a int) WITH (autovacuum_enabled = off); INSERT INTO t VALUES (1); CHECKPOINT;",
    );
    let file = postgres.sql_in("huge", "SELECT pg_relation_filepath('t')");
    postgres.down();
    // Empty pages are sound ones, and a file may have holes.
    OpenOptions::new().write(true).open(postgres.data().join(file)).unwrap().set_len(1 << 30).unwrap();
    postgres.up();
    for table in ["first", "second"] {
        postgres.sql(&format!("CREATE TABLE {table} AS SELECT n FROM generate_series(1, 20000) n"));
    }
    postgres.sql("UPDATE first SET n = 0; UPDATE second SET n = 0");
    let begun = std::time::Instant::now();
    while postgres.sql("SELECT count(*) FROM pg_stat_progress_vacuum") == "0" {
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "no worker came");
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }

    check(&tree);
    let report = check(&tree);
    let waiting = of(&report, "autovacuum-starved");
    assert_eq!(waiting["verdict"], "fail", "{waiting:#}");
    // At one of the two the worker may be by now.
    let names = waiting["items"].as_array().unwrap();
    assert!(names.iter().all(|name| name.as_str().unwrap().starts_with("postgres.public.")), "{waiting:#}");
    let remedy = waiting["remedy"].as_str().unwrap();
    assert!(
        remedy.contains("SET autovacuum_vacuum_cost_limit = 400;`, then `SELECT pg_reload_conf();`"),
        "{remedy}"
    );
    postgres.feed("postgres", &commands(remedy)).unwrap();
    let huge = of(&report, "statistics-never-gathered");
    assert_eq!((&huge["verdict"], &huge["items"][0]), (&"fail".into(), &"huge".into()), "{huge:#}");
    postgres.feed("postgres", &commands(huge["remedy"].as_str().unwrap())).unwrap();

    let report = check(&tree);
    for id in ["autovacuum-starved", "statistics-never-gathered"] {
        assert_eq!(of(&report, id)["verdict"], "pass", "{id}");
    }
}

/// Damages a page of a table as a disk would, and has it read.
fn damage(postgres: &mut Postgres) {
    postgres.sql_in("damaged", "CREATE TABLE t AS SELECT 1 AS n; CHECKPOINT;");
    let file = postgres.sql_in("damaged", "SELECT pg_relation_filepath('t')");
    postgres.down();
    let mut page = OpenOptions::new().write(true).open(postgres.data().join(file)).unwrap();
    page.seek(SeekFrom::Start(8_000)).unwrap();
    page.write_all(b"rot").unwrap();
    drop(page);
    postgres.up();
    assert!(postgres.feed("damaged", "SELECT * FROM t;").unwrap_err().contains("invalid page"));
}

#[test]
fn a_fresh_server_and_a_sound_database_are_silent() {
    let tree = Tree::new();
    let postgres = Postgres::start(&QUIET.replace("shared_preload_libraries", "#"));
    let user = reader(&postgres, &tree);
    let report = check(&tree);
    for id in CHECKS {
        let found = of(&report, id);
        assert!(found["verdict"] == "pass" || found["verdict"] == "not-applicable", "{id}: {found:#}");
    }

    postgres.sql("CREATE DATABASE shop");
    postgres.sql_in("shop", &format!("ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO \"{user}\""));
    postgres.sql_in(
        "shop",
        "CREATE TABLE customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
         CREATE TABLE orders (id bigserial PRIMARY KEY, customer int REFERENCES customers, day date, note text);
         CREATE INDEX ON orders (customer); CREATE INDEX ON orders (day, customer); CREATE INDEX ON orders (lower(note));
         CREATE INDEX ON orders (day) WHERE note IS NULL;
         INSERT INTO customers (name) SELECT n FROM generate_series(1, 20000) n;
         INSERT INTO orders (customer, day) SELECT 1 + n % 20000, DATE '2026-01-01' + n % 300 FROM generate_series(1, 50000) n;
         UPDATE orders SET note = 'x' WHERE id % 10 = 0; DELETE FROM orders WHERE id % 20 = 0;
         CREATE UNLOGGED TABLE queue (id int); INSERT INTO queue SELECT generate_series(1, 50000);
         CREATE TABLE log (at timestamptz, line text); INSERT INTO log SELECT now(), n FROM generate_series(1, 150000) n;
         CREATE TABLE days (day date, n int) PARTITION BY RANGE (day);
         CREATE TABLE days_26 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
         CREATE INDEX ON days (day); CREATE EXTENSION citext; CREATE PUBLICATION p FOR TABLE orders, customers;",
    );
    postgres.sql_in("shop", "VACUUM ANALYZE");
    let report = check(&tree);
    for id in CHECKS {
        let found = of(&report, id);
        assert!(found["verdict"] == "pass" || found["verdict"] == "not-applicable", "{id}: {found:#}");
    }
}

#[test]
fn a_sequence_that_may_not_be_read_is_known_after_the_grant_as_printed() {
    let tree = Tree::new();
    let postgres = Postgres::start(QUIET);
    reader(&postgres, &tree);
    postgres.sql_in("postgres", "CREATE SCHEMA \"My schema\"; CREATE TABLE \"My schema\".t (id serial); SELECT setval('\"My schema\".t_id_seq', 2000000000)");
    let found = of(&check(&tree), "sequence-near-end").clone();
    assert_eq!(found["verdict"], "unknown", "{found:#}");
    let remedy = found["cause"]["remedy"].as_str().unwrap();
    let mut parts = remedy.split('`').skip(1).step_by(2);
    let (connect, grant) = (parts.next().unwrap(), parts.next().unwrap());
    assert!(connect.starts_with("\\connect") && grant.starts_with("GRANT"), "{remedy}");
    postgres.feed("template1", &format!("{connect}\n{grant}\n")).unwrap();
    assert_eq!(of(&check(&tree), "sequence-near-end")["verdict"], "fail");
}
