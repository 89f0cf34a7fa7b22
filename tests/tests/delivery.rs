//! The way to the desk when something stands in it: reports stay spooled, and the message says what to do.

use std::io::{Read, Write};
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
