//! What was acknowledged is kept: on a disk that fills up, and whoever is killed at whatever point.

use std::collections::BTreeMap;

use goodstead_tests::desk::Desk;
use goodstead_tests::http::try_ask;
use goodstead_tests::kills;
use goodstead_tests::mounts::{Disk, with_own_mounts};
use goodstead_tests::tree::Tree;

/// A report of 40 KiB with this number.
fn report(number: usize) -> (String, Vec<u8>) {
    let file = goodstead_tests::checkout().join("agent/model/samples/report-2.json");
    let mut report: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let id = format!("{number:032x}");
    report["id"] = id.clone().into();
    let mut body = serde_json::to_vec(&report).unwrap();
    body.resize(40 << 10, b' ');
    (id, body)
}

#[test]
fn what_a_desk_acknowledged_on_a_full_disk_is_kept_and_with_room_it_goes_on() {
    with_own_mounts(|| {
        let tree = Tree::new();
        let folder = tree.scratch("disk");
        std::fs::create_dir(&folder).unwrap();
        let disk = Disk::mount(&folder, 1 << 20);
        let database = folder.join("desk.db");
        let mut desk = Desk::start(&tree, &database);
        let address = desk.address().to_owned();
        let node = desk.node();
        let send = |body: &[u8]| try_ask(&address, "POST", "/api/v1/reports", Some(&node), body).unwrap();

        let reports: Vec<_> = (1..60).map(report).collect();
        let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
        let mut acknowledged = Vec::new();
        for (id, body) in &reports {
            let (status, answer) = send(body);
            *answers.entry(status).or_default() += 1;
            match status {
                201 => acknowledged.push((id, body)),
                503 => assert!(String::from_utf8_lossy(&answer).contains("the disk is full"), "{answer:?}"),
                other => panic!("{other}: {}", String::from_utf8_lossy(&answer)),
            }
        }
        assert!(answers.len() == 2, "some fit and some do not: {answers:?}");
        let (status, why) = desk.get("/health");
        assert!(status == 503 && why.contains("the disk is full"), "{status} {why}");
        let at_the_desk = |desk: &Desk, reports: &[(&String, &Vec<u8>)]| {
            for (id, body) in reports {
                let (status, kept) = desk.get(&format!("/reports/{id}.json"));
                assert!(status == 200 && kept.as_bytes() == body.as_slice(), "{id}: {status}");
            }
        };
        at_the_desk(&desk, &acknowledged);

        disk.leave(64 << 20);
        assert_eq!(desk.get("/health"), (200, "ok".to_owned()));
        for (id, body) in &reports {
            let (status, _) = send(body);
            let known = acknowledged.iter().any(|(known, _)| *known == id);
            assert_eq!(status, if known { 200 } else { 201 }, "{id}");
        }
        // Killed without a warning: what was acknowledged does not depend on a clean end.
        desk.kill();
        let desk = Desk::start_again(&tree, &database, &address, &[]).expect("the desk starts");
        at_the_desk(&desk, &reports.iter().map(|(id, body)| (id, body)).collect::<Vec<_>>());
        assert_eq!(kills::reports_in(&database), reports.len() as u32);
    });
}

#[test]
fn a_token_is_not_spent_where_the_enrolment_cannot_be_kept() {
    with_own_mounts(|| {
        let tree = Tree::new();
        let state = tree.scratch("state");
        std::fs::create_dir_all(&state).unwrap();
        let disk = Disk::mount(&state, 8 << 20);
        let desk = Desk::start(&tree, &tree.scratch("desk.db"));
        // The state is made before the disk is full.
        tree.run(&["enroll", "--remove"]);
        disk.leave(0);
        let enrol = || tree.run(&["enroll", &desk.url, "--token", &desk.token]);
        let refused = enrol();
        assert!(refused.code == 2 && refused.stderr.contains("full"), "{refused:?}");
        disk.leave(4 << 20);
        let enrolled = enrol();
        assert_eq!(enrolled.code, 0, "{enrolled:?}");
    });
}

#[test]
fn a_desk_on_a_full_disk_still_shows_what_it_has_and_removes_no_node_that_it_cannot_remove() {
    with_own_mounts(|| {
        let tree = Tree::new();
        let folder = tree.scratch("disk");
        std::fs::create_dir(&folder).unwrap();
        let disk = Disk::mount(&folder, 8 << 20);
        let desk = Desk::start(&tree, &folder.join("desk.db"));
        let node = desk.node();
        let ask = |method: &str, path: &str, body: &[u8]| {
            try_ask(desk.address(), method, path, Some(&node), body).unwrap().0
        };
        let (id, body) = report(1);
        assert_eq!(ask("POST", "/api/v1/reports", &body), 201);
        disk.leave(0);
        // The log may have room of its own; a report that is larger than it has none.
        let mut large = report(2).1;
        large.resize(6 << 20, b' ');
        assert_eq!(ask("POST", "/api/v1/reports", &large), 503);
        assert_eq!(desk.get("/health").0, 503, "a small write may fit, a report like the last does not");
        assert_eq!(desk.get("/").0, 200);
        assert_eq!(desk.get(&format!("/reports/{id}.json")).0, 200);
        disk.leave(64 << 20);
        assert_eq!(ask("POST", "/api/v1/reports", &large), 201);
        assert_eq!(desk.get("/health").0, 200);
    });
}

fn held(outcome: &kills::Outcome, kills: u64) {
    println!("{outcome:#?}");
    assert_eq!(outcome.kills.iter().sum::<u64>(), kills);
    assert!(outcome.acknowledged > 0 && outcome.filled > 0, "{outcome:?}");
    assert!(outcome.lost.is_empty(), "acknowledged and lost: {outcome:?}");
    assert!(outcome.vanished.is_empty(), "neither here nor there: {outcome:?}");
    assert_eq!(outcome.doubled, 0, "{outcome:?}");
}

#[test]
fn forty_kills_lose_nothing_and_double_nothing() {
    with_own_mounts(|| held(&kills::run(40, 20_261_201), 40));
}

/// `cargo xtask soak --kills NUMBER`.
#[test]
#[ignore = "takes as long as it is asked to: cargo xtask soak --kills NUMBER"]
fn as_many_kills_as_are_asked_for() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = number("SOAK_KILLS").expect("SOAK_KILLS");
    let seed = number("SOAK_SEED").unwrap_or_else(|| u64::from(std::process::id()) << 20);
    println!("seed {seed}");
    with_own_mounts(move || held(&kills::run(kills, seed), kills));
}
