//! The desk on a real socket, over TLS.

use reqwest::{Certificate, Client, StatusCode};
use tokio::sync::oneshot;

use super::sample;
use crate::Desk;
use crate::auth::Logins;
use crate::serve::{Server, Wish};

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(file("cert.pem"), issued.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), issued.signing_key.serialize_pem()).unwrap();
    Logins::set(&file("logins"), "ada", "correct horse").unwrap();

    let desk = Desk::open(&file("desk.db")).await.unwrap();
    let store = desk.store().clone();
    let wish = Wish {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: Some((file("cert.pem"), file("key.pem"))),
        logins: Some(file("logins")),
    };
    let server = Server::bind(&wish).unwrap();
    let port = server.address().port();
    assert_eq!(server.url(), format!("https://127.0.0.1:{port}"));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(desk, async move {
        let _ = stopped.await;
    }));

    // The client has no provider built in. Another test of this process may have set it first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = Certificate::from_pem(issued.cert.pem().as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([root]).no_proxy().build().unwrap();
    let url = |path: &str| format!("https://localhost:{port}{path}");
    assert_eq!(client.get(url("/")).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let board = client.get(url("/")).basic_auth("ada", Some("correct horse")).send().await.unwrap();
    assert_eq!(board.status(), StatusCode::OK);

    let hour = jiff::SignedDuration::from_hours(1);
    let token = store.issue_token("Example Databases GmbH", jiff::Timestamp::now() + hour).await.unwrap();
    let enrolled = store.enroll(&token, "db1", jiff::Timestamp::now()).await.unwrap();
    let report = client
        .post(url("/api/v1/reports"))
        .bearer_auth(format!("{}:{}", enrolled.node, enrolled.credential))
        .header("content-type", "application/json")
        .body(sample::bytes(&sample::report(1)));
    assert_eq!(report.send().await.unwrap().status(), StatusCode::CREATED);

    // Plain HTTP gets no answer there.
    let plain = client.get(format!("http://localhost:{port}/health")).send().await;
    assert!(plain.is_err_and(|error| !error.is_timeout()));
    drop(client);
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}
