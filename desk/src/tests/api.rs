//! The API as an agent meets it.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::client::Client;
use super::sample;
use crate::auth::Hash;
use crate::intake;
use crate::limits::Limits;
use crate::store::{Daily, DailyLimits};

#[tokio::test]
async fn a_token_enrols_once() {
    let client = Client::new().await;
    let token = client.token("Example Databases GmbH").await;
    let first = client.enroll(&token.to_lowercase(), "db1").await;
    assert_eq!(first.status, StatusCode::OK);
    assert!(intake::is_id(first.json()["node"].as_str().unwrap()));
    let second = client.enroll(&token, "db2").await;
    assert_eq!(second.status, StatusCode::FORBIDDEN);
    insta::assert_snapshot!(second.text(), @r#"{"error":"This enrolment token is unknown, used or expired. Ask your support for a new one."}"#);
    assert_eq!(client.enroll("AAAAA-AAAAA-AAAAA-AAAAA-AAAAA", "db1").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_token_expires() {
    let client = Client::new().await;
    let past = Timestamp::now() - SignedDuration::from_secs(1);
    let token = client.desk.store().issue_token("Example Databases GmbH", past).await.unwrap();
    assert_eq!(client.enroll(&token, "db1").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_enrolments_one_wins() {
    let client = Client::new().await;
    let token = client.token("Example Databases GmbH").await;
    let (a, b, c, d) = tokio::join!(
        client.enroll(&token, "a"),
        client.enroll(&token, "b"),
        client.enroll(&token, "c"),
        client.enroll(&token, "d")
    );
    let mut statuses = [a.status.as_u16(), b.status.as_u16(), c.status.as_u16(), d.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403, 403, 403]);
}

#[tokio::test]
async fn an_enrolment_says_what_it_lacks() {
    let client = Client::new().await;
    let token = client.token("Example Databases GmbH").await;
    assert_eq!(client.enroll(&token, "  ").await.status, StatusCode::BAD_REQUEST);
    let request = Request::post("/api/v1/enroll")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from("{}"))
        .unwrap();
    let answer = client.ask(request).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["error"], "Enrolment needs JSON with the texts `token` and `host`.");
    assert_eq!(client.enroll(&token, "db1").await.status, StatusCode::OK, "the token was not used up");
}

#[tokio::test]
async fn a_report_is_accepted_once_and_kept_as_it_came() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let report = sample::report(1);
    let body = serde_json::to_vec_pretty(&report).unwrap();

    let first = client.send(&node, body.clone()).await;
    let hash = Hash::of(&body).to_string();
    assert_eq!(
        (first.status, first.json()),
        (StatusCode::CREATED, json!({"accepted": report.id, "sha256": hash}))
    );
    let again = client.send(&node, body.clone()).await;
    assert_eq!(
        (again.status, again.json()),
        (StatusCode::OK, json!({"accepted": report.id, "sha256": hash, "duplicate": true}))
    );
    // The same document in other bytes is another content.
    let other = client.send(&node, sample::bytes(&report)).await;
    assert_eq!(other.status, StatusCode::CONFLICT);

    let kept = client.get(&format!("/reports/{}.json", report.id)).await;
    assert_eq!(kept.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(kept.body, body);
}

#[tokio::test]
async fn another_node_cannot_take_or_probe_an_id() {
    let client = Client::new().await;
    let first = client.node("Example Databases GmbH", "db1").await;
    let second = client.node("Sample Shipping Ltd", "db1").await;
    let body = sample::bytes(&sample::report(1));
    assert_eq!(client.send(&first, body.clone()).await.status, StatusCode::CREATED);
    assert_eq!(client.send(&second, body).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_wrong_credential_is_refused() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let other = client.node("Example Databases GmbH", "db2").await;
    let (id, _) = node.split_once(':').unwrap();
    let (_, foreign) = other.split_once(':').unwrap();
    let crossed = format!("{id}:{foreign}");
    for bearer in ["", "Bearer", "Bearer a:b", "Basic YTpi", &crossed, &node.replace(':', "")] {
        let answer = client.send(bearer, sample::bytes(&sample::report(1))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{bearer}");
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
}

#[tokio::test]
async fn what_is_no_report_is_refused() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    for body in ["", "[]", "{\"schema\": 1}", "{\"schema\": 2}"] {
        let answer = client.send(&node, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.json()["error"].is_string());
    }
    let request = Request::post("/api/v1/reports")
        .header(header::HOST, "localhost")
        .header(header::AUTHORIZATION, &node)
        .body(Body::from(sample::bytes(&sample::report(1))))
        .unwrap();
    assert_eq!(client.ask(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn the_limit_is_exact() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let mut body = sample::bytes(&sample::report(1));
    body.resize(intake::LIMIT, b' ');
    assert_eq!(client.send(&node, body.clone()).await.status, StatusCode::CREATED);
    body.push(b' ');
    let answer = client.send(&node, body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["error"], "A report has at most 8 MiB.");
}

#[tokio::test]
async fn a_removed_node_cannot_send_and_its_reports_stay() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    client.accept(&node, &sample::report(1)).await;
    let remove = || {
        Request::delete("/api/v1/node")
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, &node)
            .body(Body::empty())
            .unwrap()
    };
    let answer = client.ask(remove()).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(client.ask(remove()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.send(&node, sample::bytes(&sample::report(2))).await.status, StatusCode::UNAUTHORIZED);
    assert!(client.get("/").await.text().contains(">removed<"));
    assert_eq!(client.get(&format!("/reports/{}", sample::report(1).id)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_refusal_is_json() {
    let client = Client::new().await;
    let answer = client.get("/api/v1/nothing").await;
    assert_eq!(
        (answer.status, answer.json()),
        (StatusCode::NOT_FOUND, json!({"error": "There is nothing here."}))
    );
    let answer = client.get("/api/v1/reports").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["error"], "This address does not take that method.");
    let foreign =
        Request::delete("/api/v1/node").header(header::HOST, "evil.example").body(Body::empty()).unwrap();
    let answer = client.ask(foreign).await;
    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
    assert!(answer.json()["error"].is_string());
}

#[tokio::test]
async fn health_is_what_a_write_that_was_read_back_says() {
    let client = Client::new().await;
    let answer = client.get("/health").await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "ok"));
    // Another process that writes for longer than anybody waits.
    let mut other = another_connection(&client).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let answer = client.get("/health").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("another process is writing to it"), "{}", answer.text());
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(client.get("/health").await.status, StatusCode::OK);
}

async fn another_connection(client: &Client) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions;
    let file = client.folder.path().join("desk.db");
    sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}

#[tokio::test]
async fn while_the_database_cannot_be_written_a_report_is_not_acknowledged_and_later_it_is() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let body = sample::bytes(&sample::report(1));
    let mut other = another_connection(&client).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let answer = client.send(&node, body.clone()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
    drop(other);
    assert_eq!(client.send(&node, body).await.status, StatusCode::CREATED);
}

fn daily(reports: u64, bytes: u64) -> Daily {
    Daily { reports, bytes }
}

#[tokio::test]
async fn a_node_and_a_customer_have_so_much_kept_in_a_day() {
    const PLENTY: u64 = 1 << 40;
    for (limits, refused) in [
        (DailyLimits { node: daily(2, PLENTY), customer: daily(9, PLENTY) }, "This node"),
        (DailyLimits { node: daily(9, PLENTY), customer: daily(2, PLENTY) }, "This customer"),
        (DailyLimits { node: daily(9, 2 * 8_000), customer: daily(9, PLENTY) }, "This node"),
        (DailyLimits { node: daily(9, PLENTY), customer: daily(9, 2 * 8_000) }, "This customer"),
    ] {
        let client = Client::new().await.limited(Limits { daily: limits, ..Limits::default() });
        let node = client.node("Example Databases GmbH", "db1").await;
        let body = |number| {
            let mut body = sample::bytes(&sample::report(number));
            assert!(body.len() <= 8_000, "{}", body.len());
            body.resize(8_000, b' ');
            body
        };
        for number in [1, 2] {
            assert_eq!(client.send(&node, body(number)).await.status, StatusCode::CREATED);
        }
        let answer = client.send(&node, body(3)).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.text().contains(refused), "{}", answer.text());
        let retry: u64 = answer.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=86_400).contains(&retry), "{retry}");
        assert_eq!(
            client.get(&format!("/reports/{}", sample::report(3).id)).await.status,
            StatusCode::NOT_FOUND
        );
        // What is here is acknowledged again, whatever the limit.
        assert_eq!(client.send(&node, body(1)).await.status, StatusCode::OK);
        let other = client.node("Sample Shipping Ltd", "db2").await;
        assert_eq!(client.send(&other, body(4)).await.status, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn room_for_a_body_is_taken_before_it_comes() {
    let client = Client::new().await;
    let node = client.node("Example Databases GmbH", "db1").await;
    let (id, customer) =
        (node.trim_start_matches("Bearer ").split(':').next().unwrap(), "Example Databases GmbH");
    let enter = || client.desk.in_flight.enter(id, customer, 1).unwrap();
    let rooms = (enter(), enter());
    let body = sample::bytes(&sample::report(1));
    let answer = client.send(&node, body.clone()).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    let other = client.node("Example Databases GmbH", "db2").await;
    assert_eq!(client.send(&other, sample::bytes(&sample::report(2))).await.status, StatusCode::CREATED);
    drop(rooms);
    for _ in 0..10 {
        client.send(&node, body.clone()).await;
    }
    assert_eq!(client.send(&node, body).await.status, StatusCode::OK, "an answer gives its room back");
}
