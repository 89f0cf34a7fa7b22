//! The way to the desk, with others than a desk at its end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Instant;

use super::*;

#[test]
fn reports_travel_in_the_clear_only_within_the_machine() {
    for good in
        ["https://desk.example.com", "http://127.0.0.1:8740", "http://[::1]:1/", "http://localhost:8740"]
    {
        assert!(Desk::at(good, None).is_ok(), "{good}");
    }
    for bad in ["http://desk.example.com", "ftp://127.0.0.1", "desk", "http://127.0.0.1.example.com"] {
        assert!(Desk::at(bad, None).is_err(), "{bad}");
    }
}

/// Something that answers one request, and a desk that leads to it.
fn against(answer: impl FnOnce(&mut TcpStream) + Send + 'static) -> (Desk, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        answer(&mut stream);
    });
    (Desk::at(&url, None).unwrap(), peer)
}

/// The head, and as much of a body as it announces.
fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if read == 0 || body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
            return;
        }
    }
}

fn answering(status: u16, body: &'static str) -> (Desk, JoinHandle<()>) {
    against(move |stream| {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
    })
}

const ID: &str = "0123456789abcdef0123456789abcdef";

fn deliver(desk: &Desk) -> Result<(), Undelivered> {
    let enrolment =
        Enrolment { desk: desk.url.to_string(), node: "a".repeat(32), credential: "b".repeat(64) };
    desk.deliver(&enrolment, ID, b"{}")
}

/// Writes the same thing again and again until the other side is gone.
#[expect(clippy::disallowed_methods, reason = "a peer that is slow on purpose")]
fn for_ever(stream: &mut TcpStream, head: &str, part: &[u8], pause: Duration) {
    if stream.write_all(head.as_bytes()).is_err() {
        return;
    }
    while stream.write_all(part).is_ok() {
        std::thread::sleep(pause);
    }
}

#[test]
fn one_deadline_covers_all_of_an_answer_however_it_is_drawn_out() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    const DRIP: Duration = Duration::from_millis(20);
    type Peer = (&'static str, fn(&mut TcpStream));
    let peers: [Peer; 6] = [
        ("silence", |stream| drop(stream.read_to_end(&mut Vec::new()))),
        ("a head in drips", |stream| for_ever(stream, "HTTP/1.1 200 O", b"K", DRIP)),
        ("headers in drips", |stream| for_ever(stream, OK, b"x: y\r\n", DRIP)),
        ("a body in drips", |stream| for_ever(stream, &format!("{OK}\r\n"), b" ", DRIP)),
        ("a body in drips of a length", |stream| {
            for_ever(stream, &format!("{OK}Content-Length: 1000000\r\n\r\n"), b" ", DRIP);
        }),
        ("interim answers", |stream| for_ever(stream, "", b"HTTP/1.1 100 Continue\r\n\r\n", DRIP)),
    ];
    for (what, peer) in peers {
        for enrols in [false, true] {
            let (mut desk, peer) = against(peer);
            desk.deadline = Duration::from_millis(500);
            let begun = Instant::now();
            let problem = if enrols {
                desk.enrol("token", "host").unwrap_err()
            } else {
                let Err(Undelivered::Later(problem)) = deliver(&desk) else { panic!("{what}") };
                problem
            };
            // Some of it is refused before its time; none of it is waited for longer.
            assert!(["desk-slow", "desk-unreachable"].contains(&problem.code), "{what}: {problem:?}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{what}: {:?}", begun.elapsed());
            drop(desk);
            peer.join().unwrap();
        }
    }
}

#[test]
fn of_an_endless_answer_little_is_read() {
    let (desk, peer) = against(|stream| {
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        for_ever(stream, head, &[b' '; 65536], Duration::ZERO);
    });
    let Err(Undelivered::Later(problem)) = deliver(&desk) else { panic!() };
    assert_eq!(problem.code, "no-desk");
    drop(desk);
    peer.join().unwrap();
}

#[test]
fn an_enrolment_is_a_node_and_a_credential_of_the_right_form_or_none() {
    let good: &str = Box::leak(
        format!("{{\"node\": \"{}\", \"credential\": \"{}\"}}", "0a".repeat(16), "1b".repeat(32))
            .into_boxed_str(),
    );
    let (desk, peer) = answering(200, good);
    assert_eq!(desk.enrol("token", "host").unwrap().node, "0a".repeat(16));
    peer.join().unwrap();
    for (from, to) in [
        ("0a0a", "0A0A"),
        ("0a0a", "0a0"),
        ("0a0a", "0a\\n0"),
        ("0a0a", "\\u001b[2J0a"),
        ("1b1b", "1b1"),
        ("1b1b", "1b:b"),
        ("1b1b", "\\r\\nX: y"),
        ("\"credential\"", "\"other\""),
    ] {
        let bad: &str = Box::leak(good.replacen(from, to, 1).into_boxed_str());
        let (desk, peer) = answering(200, bad);
        let problem = desk.enrol("token", "host").unwrap_err();
        assert_eq!(problem.code, "no-desk", "{bad}");
        assert!(!problem.message.contains('\u{1b}'));
        peer.join().unwrap();
    }
}

#[test]
fn only_a_receipt_for_this_report_is_one() {
    let hash = super::hash(b"{}");
    let other = super::hash(b"{ }");
    for (body, code) in [
        (format!("{{\"accepted\": \"{ID}\", \"sha256\": \"{hash}\"}}"), None),
        (format!("{{\"accepted\": \"{ID}\"}}"), None),
        (format!("{{\"accepted\": \"{ID}\", \"sha256\": \"{other}\"}}"), Some("bad-receipt")),
        (format!("{{\"accepted\": \"{}\"}}", "f".repeat(32)), Some("bad-receipt")),
        ("{}".to_owned(), Some("no-desk")),
        ("<html>log in</html>".to_owned(), Some("no-desk")),
        (String::new(), Some("no-desk")),
    ] {
        for status in [200, 201] {
            let (desk, peer) = answering(status, Box::leak(body.clone().into_boxed_str()));
            let found = match deliver(&desk) {
                Ok(()) => None,
                Err(Undelivered::Later(problem)) => Some(problem.code),
                Err(Undelivered::Refused(refusal)) => panic!("{body}: {refusal:?}"),
            };
            assert_eq!(found, code, "{body}");
            peer.join().unwrap();
        }
    }
}

#[test]
fn what_is_about_the_report_refuses_it_and_what_is_not_makes_it_wait() {
    const REASON: &str = r#"{"error": "not \u001b[31mthis\u202e one\n"}"#;
    for (status, body, refused) in [
        (400, REASON, true),
        (409, REASON, true),
        (413, "<html>too large</html>", true),
        (415, REASON, true),
        (418, "", true),
        (422, REASON, true),
        (404, REASON, true),
        (404, "<html>not here</html>", false),
        (405, "", false),
        (401, REASON, false),
        (403, REASON, false),
        (407, REASON, false),
        (408, REASON, false),
        (421, REASON, false),
        (429, REASON, false),
        (500, REASON, false),
        (503, REASON, false),
        (307, REASON, false),
        (202, REASON, false),
        (204, "", false),
        (599, REASON, false),
    ] {
        let (desk, peer) = answering(status, body);
        match deliver(&desk).unwrap_err() {
            Undelivered::Refused(refusal) => {
                assert!(refused, "{status}");
                assert_eq!(refusal.status, status);
                assert!(!refusal.reason.is_empty() && !refusal.reason.contains(['\u{1b}', '\u{202e}', '\n']));
            }
            Undelivered::Later(problem) => {
                assert!(!refused, "{status}");
                assert!(!problem.message.contains(['\u{1b}', '\u{202e}']), "{problem:?}");
            }
        }
        peer.join().unwrap();
    }
}

#[test]
fn a_report_that_no_desk_takes_is_not_sent_at_all() {
    let desk = Desk::at("http://127.0.0.1:1", None).unwrap();
    let enrolment =
        Enrolment { desk: desk.url.to_string(), node: "a".repeat(32), credential: "b".repeat(64) };
    let large = vec![b' '; goodstead_model::MAX_SENT + 1];
    let Err(Undelivered::Refused(refusal)) = desk.deliver(&enrolment, ID, &large) else { panic!() };
    assert_eq!(refusal.status, 413);
    let fits = vec![b' '; goodstead_model::MAX_SENT];
    assert!(matches!(desk.deliver(&enrolment, ID, &fits), Err(Undelivered::Later(_))));
}
