//! As much HTTP as it takes to talk to what listens on the loopback: a request, its answer, a connection each.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Sends a request to `address` (`127.0.0.1:PORT`), with `body` as JSON if there is one; returns status and body.
///
/// # Panics
/// When nobody listens or what answers speaks no HTTP/1.1.
pub fn ask(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let (status, body) = try_ask(address, method, path, None, body.as_bytes()).expect("an answer");
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// The same as whoever `bearer` proves to be, of somebody who may go away at any time.
///
/// # Errors
/// There is no whole answer.
pub fn try_ask(
    address: &str,
    method: &str,
    path: &str,
    bearer: Option<&str>,
    body: &[u8],
) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let authorization = bearer.map_or(String::new(), |it| format!("Authorization: Bearer {it}\r\n"));
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    let mut length = None;
    loop {
        line.clear();
        answer.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        }
    }
    let mut body = Vec::new();
    // Without a length the body ends with the connection.
    answer.take(length.unwrap_or(u64::MAX)).read_to_end(&mut body)?;
    match length {
        Some(length) if length != body.len() as u64 => Err(broken()),
        _ => Ok((status, body)),
    }
}
