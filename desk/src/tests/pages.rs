//! The pages as a reader's browser meets them.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use goodstead_model::{Link, Origin, Report, Waiver};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::client::Client;
use super::sample;
use crate::auth::{Hosts, Logins};
use crate::intake;
use crate::limits::Limits;

fn with_readiness(number: u32, host: &str, single: f64) -> Report {
    let mut report = sample::report(number);
    report.host = Some(host.into());
    let readiness = report.readiness.as_mut().unwrap();
    (readiness.range.low, readiness.range.high, readiness.single) = (single, single, Some(single));
    report
}

#[tokio::test]
async fn an_empty_board_tells_how_to_begin() {
    let client = Client::new().await;
    let page = client.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("goodstead-desk token"));
}

#[tokio::test]
async fn the_board_shows_the_newest_report_of_each_node_worst_first() {
    let client = Client::new().await;
    let fine = client.node("Example Databases GmbH", "fine").await;
    let poor = client.node("Sample Shipping Ltd", "poor").await;
    let mut newest = with_readiness(1, "fine.example", 93.0);
    newest.time = "2026-11-21T08:00:00Z".into();
    client.accept(&fine, &newest).await;
    client.accept(&poor, &with_readiness(2, "poor.example", 21.0)).await;
    // A report that was spooled and comes late does not replace a newer one.
    client.accept(&fine, &with_readiness(3, "late.example", 5.0)).await;

    let page = client.get("/").await.text();
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    assert!(place("poor.example") < place("fine.example"));
    assert!(!page.contains("late.example"));
    for text in [
        "Sample Shipping Ltd",
        "orders",
        "71 % covered",
        "Committed data can be lost: fsync is off",
        "2 findings, 1 not judged",
    ] {
        place(text);
    }
    place(&format!("/reports/{}", newest.id));
    assert!(page.contains("2 deployments of 2 customers, worst first."));
}

#[tokio::test]
async fn a_partial_report_is_shown_beside_what_the_desk_knows_and_replaces_none_of_it() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let partial = |number: u32, time: &str| {
        let mut report = with_readiness(number, "partial.example", 100.0);
        report.time = time.into();
        report.selection.targets = vec!["linux".into()];
        report.targets.truncate(1);
        report.targets[0].deployment = "linux".into();
        report.verdicts.clear();
        report
    };
    // Before any full report the node is on the board, without a state.
    let early = partial(1, "2026-11-20T07:00:00Z");
    client.accept(&node, &early).await;
    let page = client.get("/").await.text();
    assert!(page.contains("no full report yet") && page.contains("not judged"), "{page}");
    assert!(page.contains(&format!("/reports/{}", early.id)) && page.contains("only linux"), "{page}");

    let full = with_readiness(2, "db1.example", 21.0);
    client.accept(&node, &full).await;
    let page = client.get("/").await.text();
    assert!(!page.contains("only linux"), "an older part says nothing new: {page}");

    let mut late = partial(3, "2026-11-20T09:00:00Z");
    let folder =
        Report { origin: Origin::Root { path: "/mnt".into() }, ..partial(4, "2026-11-20T08:30:00Z") };
    for report in [&late, &folder] {
        client.accept(&node, report).await;
    }
    let page = client.get("/").await.text();
    for kept in ["db1.example", "orders", "2 findings", &format!("/reports/{}", full.id)] {
        assert!(page.contains(kept), "{kept} is gone: {page}");
    }
    assert!(!page.contains("partial.example"), "{page}");
    assert!(
        page.contains("partial: only linux") && page.contains(&format!("/reports/{}", late.id)),
        "{page}"
    );
    assert!(page.contains("1 deployment of 1 customer"), "{page}");
    let shown = client.get(&format!("/reports/{}", late.id)).await.text();
    assert!(shown.contains(">partial<") && shown.contains("only linux"), "{shown}");

    // Leaving out one check makes a report partial as well.
    late = with_readiness(5, "db1.example", 99.0);
    (late.time, late.selection.except) = ("2026-11-20T10:00:00Z".into(), vec!["linux.*".into()]);
    client.accept(&node, &late).await;
    let page = client.get("/").await.text();
    assert!(page.contains(&format!("/reports/{}", full.id)) && page.contains("without the check"), "{page}");
}

#[tokio::test]
async fn a_clock_that_runs_ahead_does_not_win_for_ever() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let mut future = with_readiness(1, "future.example", 50.0);
    future.time = "2199-01-01T00:00:00Z".into();
    client.accept(&node, &future).await;
    let mut now = with_readiness(2, "now.example", 60.0);
    now.time = (Timestamp::now() + jiff::SignedDuration::from_secs(5)).to_string();
    client.accept(&node, &now).await;
    assert!(client.get("/").await.text().contains("now.example"));
}

#[tokio::test]
async fn silent_sites_are_marked_and_stay() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let id = node.trim_start_matches("Bearer ").split(':').next().unwrap();
    let body = sample::bytes(&sample::report(1));
    let received = intake::read(&body).unwrap();
    let long_ago: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    let limits = Limits::default().daily;
    client.desk.store().accept(id, received, body.into(), limits, long_ago).await.unwrap();
    let page = client.get("/").await.text();
    assert!(page.contains(">silent<") && page.contains("db1.example"));
    client.accept(&node, &sample::report(2)).await;
    assert!(!client.get("/").await.text().contains(">silent<"));
}

#[tokio::test]
async fn a_report_page_shows_all_that_matters() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let report = sample::report(1);
    client.accept(&node, &report).await;
    let page = client.get(&format!("/reports/{}", report.id)).await.text();
    for text in [
        "31.5–58.2",
        "71 % of what matters was judged",
        "Weakest target: <b>postgresql:main</b>",
        "Committed data can be lost: fsync is off",
        "<b>36.8</b> points",
        "fixing only this gains 31.2",
        "<strong>can be damaged beyond repair</strong>",
        "ALTER SYSTEM SET fsync = on;",
        "17179869184 (16.0 GiB)",
        "the role may not read pg_stat_archiver",
        "goodstead grant postgresql --apply",
        "The plugin `redis` was not started",
        "linux.time-not-synchronised",
        "41 requests granted, 1 refused, 64.0 KiB read",
        "href=\"https://www.postgresql.org/docs/15/runtime-config-wal.html\"",
        "Example Databases GmbH licensed for orders, until 2036-12-31",
        "used in part, 50 %",
        "stuck on postgresql.archiving-failing on postgresql:main",
        "Restore <strong>one</strong> on another machine",
        "12 of 14 completed in the last 30 days, counted since 2026-11-01",
        &"ab".repeat(32),
    ] {
        assert!(page.contains(text), "{text} is missing");
    }
    let places = ["<h2>Findings</h2>", "What to do", "Why it matters", "Observed", "<h2>Adoption</h2>"]
        .map(|text| page.find(text).unwrap_or_else(|| panic!("{text} is missing")));
    assert!(places.is_sorted(), "what to do comes first, adoption last: {places:?}");
}

#[tokio::test]
async fn what_is_waived_is_shown_apart_with_who_and_why() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let mut report = sample::report(1);
    sample::waive(&mut report);
    // What was accepted once is a finding again, and says so.
    report.verdicts[1].waiver =
        report.verdicts[0].waiver.clone().map(|waiver| Waiver { until: "2026-11-01".into(), ..waiver });
    client.accept(&node, &report).await;
    let board = client.get("/").await.text();
    assert!(board.contains("1 finding, 1 waived, 1 not judged"), "{board}");
    assert!(!board.contains("fsync is off"), "what costs most is a finding");
    let page = client.get(&format!("/reports/{}", report.id)).await.text();
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    assert!(place("<h2>Findings</h2>") < place("The kernel swaps eagerly"));
    place("Waived until 2026-11-01, which is over, by ada on 2026-11-19: a bulk load");
    assert!(place("<h2>Waived</h2>") < place("Committed data can be lost: fsync is off"));
    place("Waived until 2026-12-31, by ada on 2026-11-19: a bulk load until the end of the year");
    place("1 finding, 1 waived, 1 passed, 1 not judged");
}

/// Every text of a report, and what an agent says at its enrolment, is written by a stranger.
#[tokio::test]
async fn nothing_in_a_report_becomes_markup() {
    let client = Client::new().await;
    let evil = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>'";
    let node = client.node(evil, evil).await;
    let mut report = sample::report(1);
    report.host = Some(evil.into());
    report.agent.version = evil.into();
    report.origin = goodstead_model::Origin::Root { path: evil.into() };
    report.warnings = vec![evil.into()];
    report.packs[0].name = evil.into();
    report.packs[0].hash = evil.into();
    report.access = [(evil.to_owned(), goodstead_model::Access::default())].into();
    report.readiness.as_mut().unwrap().worst = Some(evil.into());
    for target in &mut report.targets {
        for text in
            [&mut target.title, &mut target.deployment, &mut target.plugin, &mut target.plugin_version]
        {
            *text = evil.into();
        }
        target.notes = vec![evil.into()];
    }
    for judgement in &mut report.verdicts {
        for text in [&mut judgement.id, &mut judgement.title, &mut judgement.why] {
            *text = evil.into();
        }
        judgement.remedy =
            format!("[run](javascript:alert(3)) ![x](https://example.com/x.png) {evil}\n\n{evil}");
        judgement.items = vec![evil.into()];
        let [who, why, since, until] = [evil; 4].map(str::to_owned);
        judgement.waiver = Some(Waiver { who, why, since, until });
        judgement.links = vec![
            Link { title: "bad link".into(), url: "javascript:alert(4)".into() },
            Link { title: evil.into(), url: "https://example.com/\"onclick=\"alert(5)".into() },
        ];
        for evidence in &mut judgement.evidence {
            (evidence.path, evidence.value) = (evil.into(), evil.into());
        }
        if let Some(cause) = &mut judgement.cause {
            (cause.detail, cause.remedy) = (evil.into(), Some(evil.into()));
        }
    }
    evil_progress(&mut report, evil);
    client.accept(&node, &report).await;
    for path in ["/", &format!("/reports/{}", report.id)] {
        let page = client.get(path).await.text();
        assert!(page.contains("alert(1)"), "{path}: the text is shown");
        for markup in ["<script", "<img", "javascript:", "\"onclick", "bad link"] {
            assert!(!page.contains(markup), "{path} holds {markup}");
        }
    }
}

fn evil_progress(report: &mut Report, evil: &str) {
    let adoption = report.adoption.as_mut().unwrap();
    let (of, one) = (&mut adoption.entitlement, &mut adoption.capabilities[0]);
    for text in [&mut of.customer, &mut of.deployment, &mut of.valid_until, &mut one.id, &mut one.title] {
        *text = evil.to_owned();
    }
    let stuck = one.stuck_on.as_mut().unwrap();
    for text in [&mut stuck.id, &mut stuck.target, &mut stuck.title] {
        *text = evil.to_owned();
    }
    let milestone = &mut report.milestones[0];
    milestone.first_seen = Some(evil.to_owned());
    for text in [&mut milestone.id, &mut milestone.title, &mut milestone.deployment, &mut milestone.remedy] {
        *text = evil.to_owned();
    }
    let task = &mut report.tasks[0];
    task.counted_since = Some(evil.to_owned());
    for text in [&mut task.id, &mut task.title, &mut task.deployment, &mut task.remedy] {
        *text = evil.to_owned();
    }
}

#[tokio::test]
async fn a_browser_is_told_to_run_and_load_nothing() {
    let client = Client::new().await;
    for path in ["/", "/health", "/reports/x", "/api/v1/nothing"] {
        let answer = client.get(path).await;
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{path}: {policy}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer.headers[header::REFERRER_POLICY], "no-referrer");
    }
    // The hash is that of the style as it stands in the page.
    let answer = client.get("/").await;
    let page = answer.text();
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    assert!(answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains(&hash));
    assert!(!page.contains(" style="), "the policy forbids style attributes");
}

#[tokio::test]
async fn foreign_host_names_are_refused_until_readers_prove_who_they_are() {
    let mut client = Client::new().await;
    let ask = |host: &str| Request::get("/").header(header::HOST, host).body(Body::empty()).unwrap();
    assert_eq!(client.ask(ask("127.0.0.1:8740")).await.status, StatusCode::OK);
    assert_eq!(client.ask(ask("evil.example")).await.status, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(
        client.ask(Request::get("/").body(Body::empty()).unwrap()).await.status,
        StatusCode::MISDIRECTED_REQUEST
    );
    client.desk = client.desk.clone().with_hosts(Hosts::Any);
    assert_eq!(client.ask(ask("desk.example")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn with_a_login_file_the_pages_need_a_login_and_the_api_does_not() {
    let mut client = Client::new().await;
    let file = client.folder.path().join("logins");
    Logins::set(&file, "ada", "correct horse").unwrap();
    client.desk = client.desk.clone().with_logins(Logins::read(&file).unwrap());
    let node = client.node("Example Databases GmbH", "db1").await;
    let report = sample::report(1);
    client.accept(&node, &report).await;
    let ask = |path: &str, login: &str| {
        Request::get(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(login)))
            .body(Body::empty())
            .unwrap()
    };
    for path in ["/", &format!("/reports/{}", report.id), &format!("/reports/{}.json", report.id)] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic realm="));
        assert!(!answer.text().contains("db1"));
        assert_eq!(client.ask(ask(path, "ada:wrong")).await.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(client.ask(ask(path, "ada:correct horse")).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(client.get("/health").await.text(), "ok");
}

#[tokio::test]
async fn what_is_not_there_is_a_page_too() {
    let client = Client::new().await;
    for path in
        ["/nothing", "/reports/x", "/reports/..%2f", &format!("/reports/{:032x}", 7), "/reports/x.json"]
    {
        let answer = client.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().contains("There is nothing here."), "{path}");
    }
}

#[tokio::test]
async fn a_failure_of_the_desk_is_not_explained_to_strangers() {
    let client = Client::new().await;
    client.desk.store().close().await;
    let answer = client.get("/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("database cannot be used at the moment: it does not answer."));
    assert!(!answer.text().contains("pool"));
}

#[tokio::test]
async fn a_crowd_of_deployments_is_shown_in_parts_worst_first() {
    let client = Client::new().await;
    // Two nodes with the most deployments that a report may name, and one in the middle that must not be lost.
    for (number, host, high) in [(1, "crowd-a.example", 90.0), (2, "crowd-b.example", 40.0)] {
        let node = client.node("Sample Shipping Ltd", host).await;
        let mut report = sample::report(number);
        report.host = Some(host.into());
        let one = report.targets[0].clone();
        report.targets = (0..intake::DEPLOYMENTS)
            .map(|at| {
                let mut target = one.clone();
                (target.id, target.deployment) = (format!("t{at}"), format!("crowd {at:03}"));
                let score = target.score.as_mut().unwrap();
                (score.range.low, score.range.high) = (10.0, high);
                target
            })
            .collect();
        client.accept(&node, &report).await;
    }
    let node = client.node("Example Databases GmbH", "db1").await;
    client.accept(&node, &with_readiness(3, "middle.example", 60.0)).await;

    let first = client.get("/").await.text();
    assert!(first.contains("201 deployments of 2 customers, worst first."));
    assert!(
        first.contains("Page 1 of 3")
            && first.contains("href=\"?page=2\"")
            && !first.contains("rel=\"prev\"")
    );
    assert_eq!(first.matches("<th role=\"rowheader\"").count(), 100);
    assert!(first.contains("crowd-b.example") && !first.contains("middle.example"));
    let second = client.get("/?page=2").await.text();
    assert!(second.contains("middle.example") && second.contains("crowd-a.example"));
    let last = client.get("/?page=3").await.text();
    assert_eq!(last.matches("<th role=\"rowheader\"").count(), 1);
    assert!(last.contains("href=\"?page=2\"") && !last.contains("rel=\"next\""));
    // Beyond the end there is a way back, and nonsense is refused.
    assert!(client.get("/?page=4000000000").await.text().contains("href=\"?page=3\""));
    assert_eq!(client.get("/?page=x").await.status, StatusCode::BAD_REQUEST);
    for page in [&first, &second, &last] {
        assert!(page.len() < 200_000, "{} bytes", page.len());
    }
}

#[tokio::test]
async fn the_worst_come_first_and_the_removed_last() {
    let client = Client::new().await;
    for (number, host, ends) in [
        (1, "fine", Some((90.0, 95.0))),
        (2, "bad", Some((30.0, 40.0))),
        (3, "bad and half unknown", Some((10.0, 40.0))),
        (4, "middling", Some((0.0, 70.0))),
        (5, "removed", Some((1.0, 1.0))),
        (6, "not judged", None),
    ] {
        let node = client.node("Example Databases GmbH", host).await;
        let mut report = sample::report(number);
        report.host = Some(host.into());
        match (ends, report.readiness.as_mut()) {
            (Some((low, high)), Some(readiness)) => (readiness.range.low, readiness.range.high) = (low, high),
            _ => report.readiness = None,
        }
        client.accept(&node, &report).await;
        if host == "removed" {
            let id = node.trim_start_matches("Bearer ").split(':').next().unwrap();
            client.desk.store().remove_node(id, Timestamp::now()).await.unwrap();
        }
    }
    let rows = client.desk.store().board(1, Timestamp::now()).await.unwrap().rows;
    let hosts: Vec<String> = rows.into_iter().map(|row| row.host).collect();
    assert_eq!(hosts, ["not judged", "bad and half unknown", "bad", "middling", "fine", "removed"]);
}

#[tokio::test]
async fn a_page_of_the_largest_report_is_shown_in_parts() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let mut report = sample::report(1);
    let (finding, passed) = (report.verdicts[0].clone(), report.verdicts[3].clone());
    report.verdicts.clear();
    for at in 0..1_050 {
        let mut one = finding.clone();
        (one.id, one.points) = (format!("demo.finding-{at:04}"), 2_000.0 - f64::from(at));
        one.items = (0..70).map(|item| format!("item {item}")).collect();
        report.verdicts.push(one);
        let mut one = passed.clone();
        one.id = format!("demo.passed-{at:04}");
        report.verdicts.push(one);
    }
    report.warnings = (0..300).map(|at| format!("warning number {at}")).collect();
    client.accept(&node, &report).await;
    let path = format!("/reports/{}", report.id);
    let first = client.get(&path).await.text();
    assert!(first.len() < 2_000_000, "{} bytes", first.len());
    assert!(
        first.contains("1050 findings") && first.contains("Passed: 1050") && first.contains("Page 1 of 11")
    );
    assert!(first.contains("demo.finding-0099") && !first.contains("demo.finding-0100"));
    assert!(first.contains("item 49") && !first.contains("item 50") && first.contains("and 20 more"));
    assert!(first.contains("warning number 99") && !first.contains("warning number 100"));
    let last = client.get(&format!("{path}?page=11")).await.text();
    assert!(last.contains("demo.finding-1049") && last.contains("demo.passed-1049"));
    assert!(!last.contains("warning number") && !last.contains("rel=\"next\""));
}
