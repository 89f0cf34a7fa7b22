//! As much HTTP as it takes to talk to what listens on the loopback: a request, its answer, a connection each.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// Sends a request to `address` (`127.0.0.1:PORT`), with `body` as JSON if there is one; returns status and body.
///
/// # Panics
/// When nobody listens or what answers speaks no HTTP/1.1.
pub fn ask(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("a request");
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line).expect("a head");
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut length = None;
    loop {
        line.clear();
        answer.read_line(&mut line).expect("a head");
        let Some((name, value)) = line.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        }
    }
    let mut body = Vec::new();
    // Without a length the body ends with the connection.
    answer.take(length.unwrap_or(u64::MAX)).read_to_end(&mut body).expect("a body");
    (status, String::from_utf8_lossy(&body).into_owned())
}
