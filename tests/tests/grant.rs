//! `goodstead grant`: what it prints is enough, and what it carries out works, on a real server.

use std::fs;
use std::os::unix::fs::MetadataExt;

use goodstead_tests::is_root;
use goodstead_tests::postgres::Postgres;
use goodstead_tests::tree::{Tree, verdict};

#[test]
fn it_prints_role_line_and_the_command_that_does_it() {
    let tree = Tree::new();
    tree.configure("[plugins.postgresql]\nconnect_as = \"nobody\"\n");
    let run = tree.run(&["grant", "postgresql", "--address", "unix:/run/x/.s.PGSQL.5499"]);
    assert_eq!(run.code, 0, "{run:?}");
    for part in [
        "CREATE ROLE \"nobody\" LOGIN",
        "GRANT pg_monitor TO \"nobody\"",
        "local all nobody peer",
        "--host=/run/x --port=5499",
        "sudo goodstead grant postgresql --apply",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
    for (arguments, words) in [
        (vec!["grant", "linux"], "needs nothing granted"),
        (vec!["grant", "postgres"], "no plugin `postgres`"),
        (vec!["grant", "postgresql", "--address", "tcp:127.0.0.1:1"], "over the product's own socket"),
    ] {
        let run = tree.run(&arguments);
        assert!(run.code == 2 && run.stderr.contains(words), "{arguments:?}: {run:?}");
    }
}

#[test]
fn it_lets_the_agent_in_even_past_rules_that_bar_everybody() {
    let tree = Tree::new();
    let postgres = Postgres::start("");
    tree.configure(&postgres.target(""));
    let address = postgres.address();
    let apply = || tree.run(&["grant", "postgresql", "--address", &address, "--apply"]);
    if !is_root() {
        let run = apply();
        assert!(run.code == 2 && run.stderr.contains("only root and `postgres` can grant this"), "{run:?}");
        return;
    }
    let odd = "an \"odd' name";
    postgres.sql("CREATE DATABASE \"an \"\"odd' name\"");
    for database in ["postgres", odd] {
        postgres.sql_in(database, "CREATE TABLE early (id serial);");
    }
    let run = apply();
    for database in ["postgres", odd] {
        postgres.sql_in(database, "CREATE TABLE late (id serial);");
    }
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("tried: `nobody` is let in") && !run.stdout.contains("added to"), "{run:?}");
    let (_, report) = tree.check(&["postgresql:test"]);
    assert_eq!(verdict(&report, "postgresql.fsync-off", "postgresql:test")["verdict"], "pass");

    let may = "SELECT count(*) FILTER (WHERE has_sequence_privilege('nobody', oid, 'SELECT'))
      || ' of ' || count(*) || ', ' || count(*) FILTER (WHERE has_sequence_privilege('nobody', oid, 'USAGE'))
      FROM pg_class WHERE relkind = 'S'";
    for database in ["postgres", odd] {
        assert_eq!(
            postgres.sql_in(database, may).trim(),
            "2 of 2, 0",
            "{database}: also of what was made later"
        );
    }
    let files = "SELECT has_table_privilege('nobody', 'pg_file_settings', 'SELECT')
      AND has_function_privilege('nobody', 'pg_show_all_file_settings()', 'EXECUTE')";
    assert_eq!(postgres.sql(files), "t");

    let hba = postgres.data().join("pg_hba.conf");
    fs::write(&hba, "local all postgres trust\nlocal all all reject\n").unwrap();
    postgres.sql("SELECT pg_reload_conf()");
    let before = fs::metadata(&hba).unwrap();
    let run = apply();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("added to") && run.stdout.contains("is let in"), "{run:?}");
    let after = fs::metadata(&hba).unwrap();
    assert_eq!((before.uid(), before.gid(), before.mode()), (after.uid(), after.gid(), after.mode()));
    let text = fs::read_to_string(&hba).unwrap();
    assert!(text.contains("local all nobody peer\nlocal all postgres trust"), "{text}");
    // Once more changes nothing.
    assert_eq!(apply().code, 0);
    assert_eq!(fs::read_to_string(&hba).unwrap(), text);
}
