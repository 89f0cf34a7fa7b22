//! A real desk on a free port, stopped when the value goes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::http::ask;
use crate::tree::Tree;

/// A running desk.
pub struct Desk {
    child: Child,
    /// Its address, `http://127.0.0.1:PORT`.
    pub url: String,
    /// A one-time token; empty after [`Desk::start_again`].
    pub token: String,
}

impl Desk {
    /// Starts the tree's desk on a database.
    pub fn start(tree: &Tree, database: &Path) -> Desk {
        Desk::start_with(tree, database, &[])
    }

    /// Starts it with more options.
    pub fn start_with(tree: &Tree, database: &Path, options: &[&str]) -> Desk {
        let options = [&["--token-for", "Example Databases GmbH"], options].concat();
        Desk::listening(tree, database, "127.0.0.1:0", &options).expect("the desk starts")
    }

    /// Starts it without a token on an address that it had before; `None` when it ends instead of listening.
    pub fn start_again(tree: &Tree, database: &Path, address: &str, options: &[&str]) -> Option<Desk> {
        Desk::listening(tree, database, address, options)
    }

    fn listening(tree: &Tree, database: &Path, address: &str, more: &[&str]) -> Option<Desk> {
        let mut child = Command::new(tree.path("bin/goodstead-desk"))
            .args(["serve", "--listen", address, "--database"])
            .arg(database)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the desk starts");
        let (mut url, mut token) = (None, None);
        for line in BufReader::new(child.stdout.take().expect("its output")).lines() {
            let line = line.expect("a line");
            if let Some(rest) = line.strip_prefix("Goodstead desk listening on ") {
                url = Some(rest.trim().to_owned());
            }
            if line.starts_with("Enrolment token") {
                token = line.rsplit(' ').next().map(str::to_owned);
            }
            if url.is_some() && (token.is_some() || !more.contains(&"--token-for")) {
                break;
            }
        }
        // From here on it ends with the value, also when it never came to listen.
        let desk = Desk { child, url: url.unwrap_or_default(), token: token.unwrap_or_default() };
        (!desk.url.is_empty()).then_some(desk)
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("plain HTTP on the loopback")
    }

    /// The status and body of a page.
    pub fn get(&self, path: &str) -> (u16, String) {
        ask(self.address(), "GET", path, "")
    }

    /// A new node of the token's customer: `NODE:CREDENTIAL`. Uses the token up.
    pub fn node(&self) -> String {
        let body = serde_json::json!({ "token": self.token, "host": "sender" }).to_string();
        let (status, answer) = ask(self.address(), "POST", "/api/v1/enroll", &body);
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let text =
            |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{status} {answer}")).to_owned();
        format!("{}:{}", text("node"), text("credential"))
    }

    /// Kills it without a warning.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.kill();
    }
}
