//! The way to the desk when something stands in it: reports stay spooled, and the message says what to do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use goodstead_tests::desk::Desk;
use goodstead_tests::tree::Tree;

fn enrol(tree: &Tree, desk: &Desk) {
    let run = tree.run(&["enroll", &desk.url, "--token", &desk.token]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn a_desk_that_is_down_gets_the_report_later() {
    let tree = Tree::new();
    let database = tree.scratch("desk.db");
    let desk = Desk::start(&tree, &database);
    enrol(&tree, &desk);
    // A full scan of one plugin: its report is small enough for the page below to read at once.
    tree.configure("[plugins.postgresql]\nenabled = false\n");
    tree.run(&["check"]);
    let address = desk.url.strip_prefix("http://").unwrap().to_owned();
    drop(desk);
    let run = tree.run(&["report", "send"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("cannot be reached") && run.stderr.contains("1 report stays spooled"),
        "{run:?}"
    );

    // A page of somebody else at the same address is not mistaken for a desk.
    let listener = TcpListener::bind(&address).unwrap();
    let page = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 65536]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>Please log in</html>").unwrap();
    });
    let run = tree.run(&["report", "send"]);
    page.join().unwrap();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("not as a Goodstead desk does") && run.stderr.contains("1 report stays spooled"),
        "{run:?}"
    );
}

#[test]
fn enrolling_says_what_went_wrong() {
    let tree = Tree::new();
    for (arguments, words) in [
        (vec!["enroll", "http://127.0.0.1:1", "--token", "x"], "cannot be reached"),
        (vec!["enroll", "http://desk.example.com", "--token", "x"], "not encrypted"),
        (vec!["enroll", "desk", "--token", "x"], "no address of a desk"),
        (vec!["enroll", "http://127.0.0.1:1"], "one-time token"),
        (
            vec!["enroll", "https://127.0.0.1:1", "--token", "x", "--ca-file", "/etc/os-release"],
            "no certificate",
        ),
        (vec!["enroll", "--remove"], "not enrolled"),
        (vec!["enroll"], "URL"),
    ] {
        let run = tree.run(&arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(words), "{arguments:?}: {run:?}");
    }
}

#[test]
fn a_proxy_is_honoured_but_not_for_the_loopback() {
    let tree = Tree::new();
    let desk = Desk::start(&tree, &tree.scratch("desk.db"));
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = proxy.accept().unwrap();
        let mut request = [0; 1024];
        let read = stream.read(&mut request).unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let mut direct = tree.goodstead(&["enroll", &desk.url, "--token", &desk.token]);
    let direct = direct.env("HTTPS_PROXY", &address).env("HTTP_PROXY", &address).output().unwrap();
    assert!(direct.status.success(), "{direct:?}");
    let far = Tree::new();
    let mut far = far.goodstead(&["enroll", "https://desk.example.com", "--token", "x"]);
    let far = far.env("HTTPS_PROXY", &address).output().unwrap();
    assert!(!far.status.success(), "{far:?}");
    let asked = asked.join().unwrap();
    assert!(asked.starts_with("CONNECT desk.example.com:443"), "{asked}");
}

/// Answers so many reports at `address` as `answer` says of each id.
fn answering(
    address: &str,
    number: usize,
    answer: impl Fn(&str) -> (u16, String) + Send + 'static,
) -> std::thread::JoinHandle<Vec<String>> {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        let mut ids = Vec::new();
        for _ in 0..number {
            let (stream, _) = listener.accept().unwrap();
            let mut request = BufReader::new(stream);
            let (mut line, mut length) = (String::new(), 0);
            while line != "\r\n" {
                line.clear();
                request.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            request.read_exact(&mut body).unwrap();
            let report: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let id = report["id"].as_str().unwrap().to_owned();
            let (status, body) = answer(&id);
            let head =
                format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            request.get_mut().write_all((head + &body).as_bytes()).unwrap();
            ids.push(id);
        }
        ids
    })
}

fn accepted(id: &str) -> (u16, String) {
    (201, format!("{{\"accepted\": \"{id}\"}}"))
}

#[test]
fn a_report_that_the_desk_refuses_for_good_is_set_aside_and_the_others_arrive() {
    let tree = Tree::new();
    let desk = Desk::start(&tree, &tree.scratch("desk.db"));
    enrol(&tree, &desk);
    let address = desk.address().to_owned();
    drop(desk);
    let mut ids = Vec::new();
    for _ in 0..4 {
        let report = tree.check(&[]).1;
        ids.push(report["id"].as_str().unwrap().to_owned());
        assert_eq!(tree.run(&["report", "send"]).code, 1, "nobody listens");
    }

    // What may pass keeps the order, and nothing is sent past it.
    for status in [500, 503, 429, 408] {
        let stub = answering(&address, 1, move |_| (status, "{\"error\": \"later\"}".to_owned()));
        let run = tree.run(&["report", "send"]);
        assert_eq!((run.code, stub.join().unwrap()), (1, vec![ids[0].clone()]), "{status}: {run:?}");
        assert!(run.stderr.contains("4 reports stay spooled"), "{status}: {run:?}");
    }

    // The first and the third are refused for good.
    let refused = [ids[0].clone(), ids[2].clone()];
    let stub = answering(&address, 4, move |id| {
        if refused.iter().any(|one| one == id) {
            (409, "{\"error\": \"another\\u001b[2J is here\"}".to_owned())
        } else {
            accepted(id)
        }
    });
    let run = tree.run(&["report", "send"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(stub.join().unwrap(), ids, "in their order");
    for id in [&ids[1], &ids[3]] {
        assert!(run.stdout.contains(&format!("delivered {id}")), "{run:?}");
    }
    for id in [&ids[0], &ids[2]] {
        assert!(run.stderr.contains(&format!("refuses report {id} (HTTP 409)")), "{run:?}");
    }
    assert!(!run.stderr.contains("\u{1b}[2J"), "{run:?}");

    // Both say what was refused and why, for people and for programs.
    let status = tree.run(&["status"]);
    let list = tree.run(&["report", "list"]);
    for text in [status.words(), list.words()] {
        assert!(text.contains(&ids[0][..12]) && text.contains(&ids[2][..12]), "{text}");
        assert!(text.contains("HTTP 409: another[2J is here"), "{text}");
    }
    let status: serde_json::Value =
        serde_json::from_str(&tree.run(&["status", "--format", "json"]).stdout).unwrap();
    assert_eq!(status["state"]["spooled"], 0);
    assert_eq!(status["state"]["set_aside"].as_array().unwrap().len(), 2);
    assert_eq!(status["state"]["set_aside"][1]["report"], ids[0].as_str());
    let list: serde_json::Value =
        serde_json::from_str(&tree.run(&["report", "list", "--format", "json"]).stdout).unwrap();
    let entry = list.as_array().unwrap().iter().find(|entry| entry["id"] == ids[0].as_str()).unwrap();
    assert_eq!(entry["refused"]["status"], 409);

    // It is sent again when it is named, and is set aside no longer once it arrived.
    let stub = answering(&address, 1, accepted);
    let run = tree.run(&["report", "send", &ids[0]]);
    assert_eq!((run.code, stub.join().unwrap()), (0, vec![ids[0].clone()]), "{run:?}");
    let list = tree.run(&["report", "list"]).words();
    assert!(
        !list.contains(&format!("{} HTTP", &ids[0][..12]))
            && list.contains(&format!("{} HTTP", &ids[2][..12]))
    );
}

#[test]
fn the_newest_report_is_not_sent_again_and_again_once_it_was_refused() {
    let tree = Tree::new();
    let desk = Desk::start(&tree, &tree.scratch("desk.db"));
    enrol(&tree, &desk);
    let address = desk.address().to_owned();
    drop(desk);
    tree.check(&[]);
    let stub = answering(&address, 1, |_| (400, String::new()));
    assert_eq!(tree.run(&["report", "send"]).code, 1);
    stub.join().unwrap();
    // Nobody listens now, and nobody is asked.
    let run = tree.run(&["report", "send"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("HTTP 400") && !run.stderr.contains("cannot be reached"), "{run:?}");
}
