//! What a customer licensed, reached and attempts, from the signed entitlement to the desk's page.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use goodstead_tests::desk::Desk;
use goodstead_tests::postgres::Postgres;
use goodstead_tests::tree::{Run, Tree, verdict};
use minisign::KeyPair;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

const RECOVERY: &str = "postgresql.point-in-time-recovery";
const FAILING: &str = "postgresql.archiving-failing";

/// Puts the example entitlement, signed with the checkout's key when the tree was staged, into the configuration.
fn example(tree: &Tree) {
    for file in ["entitlement.toml", "entitlement.toml.minisig"] {
        fs::copy(tree.path("share/goodstead/examples").join(file), tree.config(file)).unwrap();
    }
}

/// A full scan: what it counts and reaches is the past of the next one.
fn check(tree: &Tree) -> Json {
    let (run, report) = tree.check(&["--fail-on", "never"]);
    assert_eq!(run.code, 0, "{run:?}");
    points_add_up(&report);
    report
}

fn points_add_up(report: &Json) {
    let hundredths = |value: &Json| (value.as_f64().unwrap() * 100.0).round() as i64;
    let lists =
        [&report["verdicts"], &report["adoption"]["capabilities"], &report["milestones"], &report["tasks"]];
    let all = lists.into_iter().filter_map(Json::as_array).flatten();
    let lost: i64 = all.map(|one| hundredths(&one["points"])).sum();
    assert_eq!(lost, 10_000 - hundredths(&report["readiness"]["range"]["high"]), "{report:#}");
}

/// Stage, extent and obstacle of the example's capability, once the server's counters tell of them.
fn recovery(report: &Json) -> (&str, Option<f64>, Option<&str>) {
    let all =
        report["adoption"]["capabilities"].as_array().unwrap_or_else(|| panic!("no adoption: {report:#}"));
    let one = all.iter().find(|one| one["id"] == RECOVERY).unwrap_or_else(|| panic!("{all:#?}"));
    (one["stage"].as_str().unwrap(), one["extent"].as_f64(), one["stuck_on"]["id"].as_str())
}

/// The one of this id in a list of the report.
fn by_id<'a>(list: &'a Json, id: &str) -> &'a Json {
    let mut all = list.as_array().into_iter().flatten();
    // This machine may have a cluster of its own, which is another deployment.
    all.find(|one| one["id"] == id && (one["deployment"].is_null() || one["deployment"] == "orders"))
        .unwrap_or_else(|| panic!("no {id}: {list:#}"))
}

/// Waits until a count of the archiver has risen, which the server tells a moment later.
fn wait_for(postgres: &Postgres, condition: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while postgres.sql(&format!("SELECT {condition} FROM pg_stat_archiver")) != "t" {
        assert!(Instant::now() < deadline, "the archiver does not get to {condition}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// A file of the log that has something in it, closed.
fn switch(postgres: &Postgres) {
    postgres.sql("SELECT pg_logical_emit_message(false, 'test', 'something')");
    postgres.sql("SELECT pg_switch_wal()");
}

#[test]
fn the_chain_is_followed_on_a_real_server() {
    let tree = Tree::new();
    let mut postgres = Postgres::start("archive_mode = on\narchive_command = 'false'");
    tree.configure(&(postgres.reader() + "deployment = \"orders\"\n"));

    // Without an entitlement nothing is guessed, and nobody is nagged.
    let (_, report) = tree.check(&["--fail-on", "never"]);
    assert_eq!(report.get("adoption"), None, "{report:#}");
    assert!(!report["warnings"].to_string().contains("entitle"), "{report:#}");
    assert!(!tree.run(&["report", "show"]).stdout.contains("Adoption"));

    example(&tree);
    let report = check(&tree);
    assert_eq!(recovery(&report), ("not-used", Some(0.0), None), "{report:#}");
    let areas =
        report["targets"].as_array().unwrap().iter().find(|it| it["id"] == "postgresql:test").unwrap();
    let areas: Vec<_> = areas["score"]["areas"].as_array().unwrap().iter().map(|it| &it["area"]).collect();
    assert_eq!(areas, ["configuration", "adoption", "success"]);

    // Stuck, on a finding of the same report.
    switch(&postgres);
    wait_for(&postgres, "failed_count > 0");
    let report = check(&tree);
    assert_eq!(recovery(&report), ("not-used", Some(0.0), Some(FAILING)), "{report:#}");
    assert_eq!(verdict(&report, FAILING, "postgresql:test")["verdict"], "fail");
    let task = by_id(&report["tasks"], "postgresql.archive-wal").clone();
    assert!(task["attempts"].as_u64() > Some(0) && task["completions"] == 0, "{task:#}");
    assert!(task["points"].as_f64() > Some(0.0), "{task:#}");
    let text = tree.run(&["report", "show"]).stdout;
    for part in [
        "Adoption of what Example Databases GmbH licensed for orders (until 2036-12-31)",
        "Point-in-time recovery",
        "Stuck  postgresql.archiving-failing on postgresql:test",
        "Milestones: 0 of ",
        "Archiving the write-ahead log of orders: 0 of ",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let part = text.split_once("Adoption of what").unwrap().1;
    let part = part.split_once("could not be judged").map_or(part, |(before, _)| before);
    // A command is copied as one line, so it is never wrapped.
    let prose = part.lines().filter(|line| !line.starts_with(&" ".repeat(20)));
    assert!(prose.clone().count() > 20 && prose.clone().all(|line| line.chars().count() <= 80), "{part}");
    // A dozen capabilities are one table, and a few next steps below it.
    let (chain, _) = part.split_once("Milestones").unwrap();
    let (table, steps) = chain.split_once("licensed  ").unwrap().1.split_once("\n\n").unwrap();
    assert!(table.lines().count() >= 14 && !table.contains(" Do "), "{table}");
    let advised = steps.lines().filter(|line| line.trim_start().starts_with("Do ")).count();
    assert!((1..=3).contains(&advised), "{steps}");

    // Mended, it is used, the milestone is reached, and the attempts of both scans count.
    postgres.sql("ALTER SYSTEM SET archive_command = 'true'");
    postgres.sql("SELECT pg_reload_conf()");
    switch(&postgres);
    wait_for(&postgres, "archived_count > 0 AND last_archived_time >= last_failed_time");
    let report = check(&tree);
    assert_eq!(recovery(&report), ("used", Some(1.0), None), "{report:#}");
    let first = by_id(&report["milestones"], "postgresql.first-archived-wal").clone();
    assert_eq!((&first["state"], &first["first_seen"]), (&json!("reached"), &report["time"]), "{first:#}");
    let later = by_id(&report["tasks"], "postgresql.archive-wal");
    assert!(later["completions"].as_u64() > Some(0), "{later:#}");
    assert!(later["attempts"].as_u64() > task["attempts"].as_u64(), "{later:#}");
    assert!(later["counted_since"].is_string(), "{later:#}");
    let explained = tree.run(&["explain", RECOVERY]);
    assert!(explained.stdout.contains("orders: used"), "{explained:?}");

    // A vault that receives the log and replays none of it is no standby, and not behind.
    postgres.rules("");
    let vault = postgres.receiver("vault");
    postgres
        .until("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", |count| count == "1");
    let report = check(&tree);
    let standby = by_id(&report["adoption"]["capabilities"], "postgresql.streaming-standby");
    assert_eq!(standby["stage"], "not-used", "{standby:#}");
    let lag = verdict(&report, "postgresql.replication-lag-high", "postgresql:test");
    assert_eq!(lag["verdict"], "pass", "{lag:#}");
    drop(vault);

    // The desk shows it.
    let desk = Desk::start(&tree, &tree.scratch("desk.db"));
    fs::write(tree.scratch("token"), &desk.token).unwrap();
    let token = tree.scratch("token").display().to_string();
    assert_eq!(tree.run(&["enroll", &desk.url, "--token-file", &token]).code, 0);
    assert_eq!(tree.run(&["report", "send"]).code, 0);
    let (_, page) = desk.get(&format!("/reports/{}", report["id"].as_str().unwrap()));
    assert!(page.contains("Point-in-time recovery") && page.contains("used, 100 %"), "{page}");

    // Switched off again it is not configured any more, and what was reached stays reached.
    postgres.sql("ALTER SYSTEM SET archive_mode = off");
    postgres.down();
    let down = check(&tree);
    assert_eq!(recovery(&down), ("unknown", None, None), "{down:#}");
    assert_eq!(
        by_id(&down["milestones"], "postgresql.first-archived-wal")["first_seen"],
        first["first_seen"],
        "{down:#}"
    );
    postgres.up();
    let report = check(&tree);
    assert_eq!(recovery(&report).0, "not-configured", "{report:#}");
    assert_eq!(
        by_id(&report["milestones"], "postgresql.first-archived-wal")["first_seen"],
        first["first_seen"],
        "{report:#}"
    );
}

/// A capability of this host, so that no server is needed.
const CAPABILITY: &str = r#"
kind = "capability"
id = "linux.swap"
title = "Swap"
since = "0.1.0"
configured = 'true'
used = 'linux.sysctl["vm/swappiness"] >= 0'
why = "A made-up one."
remedy = "Use it."
[[case]]
name = "used"
facts.linux.sysctl."vm/swappiness" = 1
expect = { configured = true, used = true, extent = 1.0 }
[[case]]
name = "not used"
facts.linux.sysctl."vm/swappiness" = -1
expect = { configured = true, used = false, extent = 0.0 }
[[case]]
name = "not known"
facts.linux.sysctl."vm/swappiness" = "$unknown"
expect = { configured = true, used = "unknown", extent = "unknown" }
"#;

const ENTITLEMENT: &str = "customer = \"Example Databases GmbH\"\ndeployment = \"linux\"\nvalid_until = 2036-12-31\n\
                           [capability.\"linux.swap\"]\nquantity = 1\n";

/// A tree that trusts `key` and knows the capability.
fn tree_that_trusts(key: &KeyPair) -> Tree {
    let tree = Tree::new();
    tree.local_check("mine", "swap.toml", CAPABILITY);
    let folder = tree.config("trusted-keys");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.join("vendor.pub"), key.pk.to_box().unwrap().into_string()).unwrap();
    fs::set_permissions(folder.join("vendor.pub"), fs::Permissions::from_mode(0o644)).unwrap();
    tree
}

fn put(tree: &Tree, text: &str, key: &KeyPair) {
    fs::write(tree.config("entitlement.toml"), text).unwrap();
    let signature = minisign::sign(None, &key.sk, text.as_bytes(), None, None).unwrap().into_string();
    fs::write(tree.config("entitlement.toml.minisig"), signature).unwrap();
}

/// What was said, in the report and on standard error, of an entitlement that does not count; nothing else changed.
fn refused(tree: &Tree, reason: &str) -> (Run, Json) {
    let (run, report) = tree.check(&["linux", "--fail-on", "never"]);
    assert_eq!(run.code, 0, "{reason}: the exit code is left to the findings: {run:?}");
    assert_eq!(report.get("adoption"), None, "{reason}: {report:#}");
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("adoption is not judged") && warnings.contains(reason), "{reason}: {warnings}");
    assert!(run.stderr.contains(reason) && run.stderr.contains("help"), "{reason}: {run:?}");
    let passed = report["verdicts"].as_array().unwrap().iter().filter(|it| it["verdict"] == "pass").count();
    assert!(passed >= 3, "{reason}: every check goes on: {report:#}");
    (run, report)
}

#[test]
fn what_is_wrong_with_an_entitlement_is_said_and_costs_adoption_alone() {
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    let tree = tree_that_trusts(&key);
    put(&tree, ENTITLEMENT, &key);
    let (run, report) = tree.check(&["linux", "--fail-on", "never"]);
    assert_eq!(report["adoption"]["capabilities"][0]["stage"], "used", "{run:?}");
    assert_eq!(report["adoption"]["entitlement"]["key"], "vendor.pub", "{report:#}");

    let changed = |from: &str, to: &str| {
        assert!(ENTITLEMENT.contains(from), "{from}");
        ENTITLEMENT.replace(from, to)
    };
    for (text, reason) in [
        (changed("2036-12-31", "2026-01-31"), "the entitlement was valid until 2026-01-31"),
        (changed("2036-12-31", "\"2036-12-31\""), "entitlement.toml:3:15"),
        (changed("2036-12-31", "2036-12-31T00:00:00Z"), "`valid_until` must be a day"),
        (changed("quantity = 1", "quantity = 0"), "a quantity must be 1 or more"),
        (changed("quantity = 1", "quantitiy = 1"), "unknown key `quantitiy`"),
        (changed("Example Databases GmbH", ""), "`customer` must be a name"),
        (changed("customer", "= customer"), "entitlement.toml:1:1"),
        (changed("deployment = \"linux\"\n", ""), "missing key `deployment`"),
        (String::new(), "missing key"),
    ] {
        put(&tree, &text, &key);
        refused(&tree, reason);
    }

    // Signed by somebody else, changed afterwards, signed with garbage, not signed at all.
    put(&tree, ENTITLEMENT, &KeyPair::generate_unencrypted_keypair().unwrap());
    refused(&tree, "it is not signed by a trusted key");
    put(&tree, ENTITLEMENT, &key);
    fs::write(tree.config("entitlement.toml"), changed("quantity = 1", "quantity = 9")).unwrap();
    refused(&tree, "its signature was not made by the key");
    fs::write(tree.config("entitlement.toml.minisig"), [0xff, 0, 1]).unwrap();
    refused(&tree, "its entitlement.toml.minisig is no signature");
    fs::remove_file(tree.config("entitlement.toml.minisig")).unwrap();
    refused(&tree, "it is not signed: there is no entitlement.toml.minisig beside it");
    fs::write(tree.config("entitlement.toml"), vec![b'#'; 300 << 10]).unwrap();
    refused(&tree, "it is larger than 256 KiB");

    // Withdrawn, the file itself or its key.
    put(&tree, ENTITLEMENT, &key);
    let hash: String = Sha256::digest(ENTITLEMENT).iter().map(|byte| format!("{byte:02x}")).collect();
    let revoked = tree.config("trusted-keys/revoked.toml");
    fs::write(&revoked, format!("[[revoked]]\nsha256 = \"{hash}\"\nreason = \"not paid\"\n")).unwrap();
    fs::set_permissions(&revoked, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&tree, "was withdrawn: not paid");
}

#[test]
fn what_an_entitlement_names_and_is_not_here_is_said() {
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    let tree = tree_that_trusts(&key);
    put(&tree, &ENTITLEMENT.replace("linux.swap", "linux.swpa"), &key);
    let (run, report) = tree.check(&["linux", "--fail-on", "never"]);
    assert_eq!((run.code, report.get("adoption")), (0, None), "{run:?}");
    assert!(
        run.stderr.contains("`linux.swpa` is licensed") && run.stderr.contains("did you mean `linux.swap`?")
    );

    put(&tree, &ENTITLEMENT.replace("deployment = \"linux\"", "deployment = \"orders\""), &key);
    let (run, report) = tree.check(&["--fail-on", "never"]);
    assert_eq!((run.code, report.get("adoption")), (0, None), "{run:?}");
    let said = "the entitlement is for the deployment `orders`";
    assert!(run.stderr.contains(said) && report["warnings"].to_string().contains(said), "{run:?}");
    assert!(run.stderr.contains("deployment = \"orders\""), "{run:?}");
    // A look at a part of the host is no reason to complain.
    let (run, _) = tree.check(&["linux", "--fail-on", "never"]);
    assert!(!run.stderr.contains(said), "{run:?}");
}
