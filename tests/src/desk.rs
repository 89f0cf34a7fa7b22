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
    /// A one-time token.
    pub token: String,
}

impl Desk {
    /// Starts the tree's desk on a database.
    pub fn start(tree: &Tree, database: &Path) -> Desk {
        let mut child = Command::new(tree.path("bin/goodstead-desk"))
            .args(["serve", "--listen", "127.0.0.1:0", "--token-for", "Example Databases GmbH", "--database"])
            .arg(database)
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
            if url.is_some() && token.is_some() {
                break;
            }
        }
        Desk { child, url: url.expect("its address"), token: token.expect("a token") }
    }

    /// The status and body of a page.
    pub fn get(&self, path: &str) -> (u16, String) {
        ask(self.url.strip_prefix("http://").expect("plain HTTP on the loopback"), "GET", path, "")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
