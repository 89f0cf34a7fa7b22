//! The desk on a real socket, over TLS.

use reqwest::{Certificate, Client, StatusCode};
use tokio::sync::oneshot;

use super::sample;
use crate::Desk;
use crate::auth::Logins;
use crate::limits::Limits;
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
        limits: Limits::default(),
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

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_do_nothing_keep_nobody_out() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(&folder.path().join("desk.db")).await.unwrap();
    let wish =
        Wish { address: "127.0.0.1:0".parse().unwrap(), tls: None, logins: None, limits: Limits::default() };
    let server = Server::bind(&wish).unwrap().with_connections(8);
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(desk, async move {
        let _ = stopped.await;
    }));
    let ask = async || {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    // Many times as many as there may be, each of them known to the desk by an answer: silent ones, and ones that begin a
    // head and never end it.
    let mut idle = Vec::new();
    for number in 0..50 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "closed before its answer");
        }
        if number % 2 == 0 {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
        }
        idle.push(stream);
        if number % 10 == 9 {
            assert!(ask().await.starts_with("HTTP/1.1 200"));
        }
    }
    // The oldest were closed, without another answer.
    assert!(matches!(idle[0].read(&mut [0; 64]).await, Ok(0) | Err(_)));
    drop(idle);
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}
