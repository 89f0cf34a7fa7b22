//! The binary as an operator meets it: what it prints, how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn desk(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goodstead-desk"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running desk that ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn serve_says_where_it_listens_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("desk.db");
    let arguments = [
        "serve",
        "--database",
        text(&database),
        "--listen",
        "127.0.0.1:0",
        "--token-for",
        "Example Databases GmbH",
    ];
    let mut running = Running(desk(&arguments).spawn().unwrap());
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.strip_prefix("Goodstead desk listening on http://").unwrap();
    let second = lines.next().unwrap().unwrap();
    let token = second.strip_prefix("Enrolment token (valid once, for 24 hours): ").unwrap();
    assert_eq!(token.len(), 29);

    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");

    let pid = rustix::process::Pid::from_child(&running.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert!(lines.next().is_none(), "stdout carries nothing else");
}

#[test]
fn token_prints_the_token_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("desk.db");
    let output = desk(&["token", "--database", text(&database), "--customer", "Example Databases GmbH"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end().len(), 29);
}

#[test]
fn listening_for_strangers_is_refused_with_what_to_add() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("desk.db");
    let output = desk(&["serve", "--database", text(&database), "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @"goodstead-desk: listening on 0.0.0.0:0 lets other machines reach the desk: add --tls-cert, --tls-key and --login-file, or listen on 127.0.0.1");
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("desk.db");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let arguments =
        ["serve", "--database", text(&database), "--tls-cert", text(&empty), "--tls-key", text(&empty)];
    let output = desk(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("empty.pem for TLS"), "{}", stderr(&output));
}

#[test]
fn login_reads_the_password_from_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logins");
    let mut child =
        desk(&["login", "--login-file", text(&file), "--user", "ada"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("ada:$argon2id$"));

    let output = desk(&["login", "--login-file", text(&file), "--user", "ada"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "an empty password");
}
