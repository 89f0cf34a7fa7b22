//! Databases that do not want to be looked into: closed, locked, gone, or with names that are hard to say.

use std::time::{Duration, Instant};

use goodstead_plugin::Target;

use crate::databases::{SHOP, facts, facts_of, facts_over, item, names};
use crate::midway::between;
use crate::server::Server;
use crate::target;

#[test]
fn a_database_that_does_not_want_to_costs_only_itself() {
    let server = Server::quick(&[
        "CREATE DATABASE open",
        "CREATE DATABASE barred",
        "REVOKE CONNECT ON DATABASE barred FROM PUBLIC",
        "CREATE DATABASE closed ALLOW_CONNECTIONS false",
        "CREATE DATABASE half",
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'",
        "CREATE DATABASE crowded CONNECTION LIMIT 0",
    ]);
    server.sql_in(
        "open",
        &["CREATE TABLE t AS SELECT n FROM generate_series(1, 2000) n", "CREATE TABLE s (id serial)"],
    );
    let (facts, _) = facts(&server);
    assert_eq!(names(&facts, "tables_without_primary_key"), ["open.public.t"]);
    let cause = &facts["tables_without_primary_key"]["$cause"];
    assert_eq!(cause["kind"], "not-permitted", "{cause}");
    let by_hand = "as the server's owner, in psql: `GRANT CONNECT ON DATABASE barred TO goodstead;`";
    assert_eq!(cause["remedy"], by_hand);
    assert!(cause["detail"].as_str().unwrap().starts_with("in the database barred: "), "{cause}");
    assert_eq!(item(&facts, "databases", "half")["half_dropped"], true);
    for none in ["half", "closed", "template0"] {
        assert!(item(&facts, "databases", none).get("user_tables").is_none(), "{none}");
    }
    assert_eq!(item(&facts, "databases", "crowded")["user_tables"]["$unknown"]["kind"], "not-available");
    // What a sequence has reached needs a right of its own, which is named.
    let remedy = facts["sequences"]["$cause"]["remedy"].as_str().unwrap();
    let grant = "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO goodstead;";
    assert!(
        facts["sequences"]["$cause"]["detail"].as_str().unwrap().contains("barred") || remedy.contains(grant),
        "{remedy}"
    );
}

#[test]
fn names_may_be_anything() {
    let server = Server::quick(&[
        "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
        "CREATE DATABASE mule ENCODING 'MULE_INTERNAL' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
        "CREATE DATABASE \"a'b\"\"c\nd -- {{ x }} `e`\"",
    ]);
    let table = |name: &str| format!("CREATE TABLE \"{name}\" AS SELECT n FROM generate_series(1, 2000) n");
    server.sql_in("ascii", &[&format!("SET client_encoding = 'SQL_ASCII'; {}", table("plain"))]);
    server.sql_in("ascii", &["DO $$ BEGIN EXECUTE 'CREATE TABLE \"t' || chr(228) || '\" AS SELECT n FROM generate_series(1, 2000) n'; END $$"]);
    server.sql_in("latin", &[&table("bücher")]);
    server.sql_in("a'b\"c\nd -- {{ x }} `e`", &[&table("'; DROP TABLE x; --\n\"\"")]);
    let (facts, connections) = facts(&server);
    assert_eq!(connections, 5);
    let found = names(&facts, "tables_without_primary_key");
    assert!(found.contains(&"ascii.public.plain".to_owned()), "{found:?}");
    assert!(found.contains(&"latin.public.\"bücher\"".to_owned()), "{found:?}");
    let odd = "\"a'b\"\"c\nd -- {{ x }} `e`\".public.\"'; DROP TABLE x; --\n\"\"\"";
    assert!(found.contains(&odd.to_owned()), "{found:?}");
    assert_eq!(found.len(), 3, "a name that is no UTF-8 cannot be told");
    assert!(facts["tables_without_primary_key"].get("$partial").is_some());
}

#[test]
fn a_locked_catalog_ends_quickly_and_is_told() {
    let server = Server::quick(&["CREATE DATABASE shop"]);
    server.sql_in(
        "shop",
        &["CREATE TABLE t AS SELECT n FROM generate_series(1, 2000) n; CREATE SEQUENCE s AS int"],
    );
    let mut holder = server.session("shop");
    holder.say("BEGIN; LOCK TABLE pg_constraint, pg_sequence IN ACCESS EXCLUSIVE MODE; SELECT 'held';");
    holder.wait_for("held");
    let begun = Instant::now();
    let (facts, _) = facts(&server);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(names(&facts, "tables_without_primary_key"), ["shop.public.t"]);
    assert!(facts["tables_without_primary_key"].is_array());
    for list in ["foreign_keys_without_index", "duplicate_indexes", "sequences"] {
        let cause = facts[list]["$cause"]["detail"].as_str().unwrap();
        assert_eq!(
            cause, "in the database shop: another session holds a lock on what was asked for",
            "{list}"
        );
    }
}

#[test]
fn the_catalog_of_everything_locked_costs_one_database_and_its_time() {
    let server = Server::quick(&["CREATE DATABASE held", "CREATE DATABASE open"]);
    server.sql_in("open", &["CREATE TABLE t AS SELECT n FROM generate_series(1, 2000) n"]);
    let mut holder = server.session("held");
    holder.say("BEGIN; LOCK TABLE pg_class IN ACCESS EXCLUSIVE MODE; SELECT 'held';");
    holder.wait_for("held");
    let begun = Instant::now();
    let (facts, _) = facts(&server);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(names(&facts, "tables_without_primary_key"), ["open.public.t"]);
    let cause = facts["tables_without_primary_key"]["$cause"]["detail"].as_str().unwrap();
    assert!(cause.starts_with("in the database held: "), "{cause}");
    assert_eq!(item(&facts, "databases", "open")["user_tables"], 1);
    assert!(item(&facts, "databases", "held")["user_tables"]["$unknown"].is_object());
}

#[test]
fn a_database_that_goes_away_in_the_middle_is_told() {
    let server = Server::quick(&["CREATE DATABASE gone", "CREATE DATABASE stays"]);
    server.sql_in("gone", &["CREATE TABLE t AS SELECT n FROM generate_series(1, 40000) n"]);
    server.sql_in("stays", &["CREATE TABLE t AS SELECT n FROM generate_series(1, 2000) n"]);
    let mut connections = 0;
    let facts = facts_over(&mut || {
        connections += 1;
        // By now it is known which databases there are.
        if connections == 2 {
            server.sql(&["DROP DATABASE gone"]);
        }
        server.connect().into()
    });
    assert_eq!(names(&facts, "tables_without_primary_key"), ["stays.public.t"]);
    let cause = facts["tables_without_primary_key"]["$cause"]["detail"].as_str().unwrap();
    assert_eq!(cause, "in the database gone: the server has no database gone");
}

#[test]
fn nobody_who_changes_a_table_waits_for_us_nor_we_for_them() {
    let server = Server::quick(&["CREATE DATABASE shop"]);
    server.sql_in("shop", &[SHOP, "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO goodstead"]);
    let mut holder = server.session("shop");
    holder.say("BEGIN; LOCK TABLE child, churn, scratch, published, counted IN ACCESS EXCLUSIVE MODE;");
    holder.say("ALTER SEQUENCE narrow INCREMENT 2; SELECT 'held';");
    holder.wait_for("held");
    let (facts, _) = facts(&server);
    assert_eq!(names(&facts, "foreign_keys_without_index"), ["shop.public.child(a)"]);
    assert!(facts["tables"].is_array() && facts["duplicate_indexes"].is_array(), "{}", facts["tables"]);
    assert_eq!(names(&facts, "sequences"), ["shop.public.counted_id_seq"], "{}", facts["sequences"]);
    assert!(facts["sequences"]["$cause"]["detail"].as_str().unwrap().contains("locked by another session"));
    assert!(!server.log().contains("lock timeout"), "{}", server.log());
}

#[test]
fn whoever_changes_a_table_goes_on_at_every_point_of_a_look() {
    let server = Server::quick(&["CREATE DATABASE shop"]);
    server.sql_in("shop", &[SHOP, "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO goodstead"]);
    let mut looks = Vec::new();
    // However slow this machine is: all that the other session does counts as the instance's time.
    let patient = Target { options: [("instance_seconds".to_owned(), 60)].into(), ..target() };
    let facts = facts_of(&patient, &mut || {
        let mut other = server.session("shop");
        // A session that fails ends, and then does not say that it is done.
        other.say("SET lock_timeout = '2s';");
        let hook = move || {
            other.say("BEGIN; ALTER TABLE child ADD COLUMN extra int; ALTER TABLE churn DROP COLUMN pad;");
            other.say("DROP INDEX once; TRUNCATE scratch; ALTER SEQUENCE narrow INCREMENT 2;");
            other.say("ALTER TABLE counted ALTER COLUMN id TYPE bigint; DROP PUBLICATION pub; ROLLBACK;");
            other.say(
                "CREATE TABLE other (a int PRIMARY KEY); DROP TABLE other; VACUUM words; SELECT 'done';",
            );
            other.wait_for("done");
        };
        let (plugin, look) = between(server.connect(), hook);
        looks.push(look);
        plugin.into()
    });
    assert_eq!(names(&facts, "foreign_keys_without_index"), ["shop.public.child(a)"]);
    assert_eq!(names(&facts, "sequences").len(), 2, "{}", facts["sequences"]);
    let statements: Vec<_> = looks.into_iter().map(|look| look.join().unwrap()).collect();
    assert!(statements.len() == 2 && statements.iter().all(|count| *count > 8), "{statements:?}");
}
