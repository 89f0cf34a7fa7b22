//! The way to the desk: enrolling, sending what is spooled, leaving again.
//!
//! The agent pulls and pushes over HTTP and never listens. Proxies come from the environment (`HTTPS_PROXY`), except
//! for the loopback. Without TLS only the loopback is spoken to.

use std::fs;
use std::path::Path;
use std::time::Duration;

use goodstead_protocol::diagnostic::{Diagnostic, Place};
use reqwest::blocking::{Client, Response};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::json;

use crate::state::Enrolment;

/// How long the desk may take to answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// How much of an unexpected answer is looked at.
const MAX_ANSWER: usize = 64 << 10;

/// A desk that can be spoken to.
#[derive(Debug)]
pub(crate) struct Desk {
    url: Url,
    client: Client,
}

impl Desk {
    /// A desk at `url`, trusting the authority in `ca_file` besides the system's.
    ///
    /// # Errors
    /// The address is none, is not safe to speak to, or the authority cannot be read.
    pub(crate) fn at(url: &str, ca_file: Option<&Path>) -> Result<Desk, Diagnostic> {
        let bad = |message: String| {
            Diagnostic::error("bad-desk", message)
                .help("write it like https://desk.example.com or http://127.0.0.1:8740")
        };
        let url: Url = url.parse().map_err(|_| bad(format!("`{url}` is no address of a desk")))?;
        let loopback = is_loopback(&url);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => {
                return Err(bad(format!("{url} is not encrypted, and reports would travel in the clear")));
            }
            _ => return Err(bad(format!("`{url}` is no web address"))),
        }
        // Someone else may have installed one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .timeout(DEADLINE)
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("goodstead/", env!("CARGO_PKG_VERSION")));
        if loopback {
            builder = builder.no_proxy();
        }
        if let Some(file) = ca_file {
            builder = builder.tls_certs_merge(authorities(file)?);
        }
        let client = builder
            .build()
            .map_err(|error| Diagnostic::error("no-tls", format!("cannot speak TLS: {}", causes(&error))))?;
        Ok(Desk { url, client })
    }

    /// Trades a one-time token for this node's id and credential.
    pub(crate) fn enrol(&self, token: &str, host: &str) -> Result<Enrolment, Diagnostic> {
        #[derive(Deserialize)]
        struct Enrolled {
            node: String,
            credential: String,
        }
        let body = json!({ "token": token, "host": host }).to_string();
        let request = self
            .client
            .post(self.path("api/v1/enroll"))
            .header("content-type", "application/json")
            .body(body);
        let (status, answer) = self.exchange(request.send())?;
        if status == StatusCode::FORBIDDEN {
            return Err(Diagnostic::error(
                "token-refused",
                "the desk refused the token: it was used, has expired, or is misspelt",
            )
            .help("ask the desk for a new one: goodstead-desk token --database FILE --customer NAME"));
        }
        let enrolled: Enrolled = self.expect(status, &answer, &[StatusCode::OK])?;
        let desk = self.url.as_str().trim_end_matches('/').to_owned();
        Ok(Enrolment { desk, node: enrolled.node, credential: enrolled.credential })
    }

    /// Delivers a report. Delivering the same one again is fine.
    pub(crate) fn deliver(&self, enrolment: &Enrolment, body: &[u8]) -> Result<(), Diagnostic> {
        #[derive(Deserialize)]
        struct Accepted {
            #[serde(rename = "accepted")]
            _id: String,
        }
        let request =
            self.client.post(self.path("api/v1/reports")).header("content-type", "application/json");
        let request = request.header("authorization", bearer(enrolment)).body(body.to_vec());
        let (status, answer) = self.exchange(request.send())?;
        self.known(status)?;
        let _: Accepted = self.expect(status, &answer, &[StatusCode::CREATED, StatusCode::OK])?;
        Ok(())
    }

    /// Tells the desk that this node leaves.
    pub(crate) fn leave(&self, enrolment: &Enrolment) -> Result<(), Diagnostic> {
        let request = self.client.delete(self.path("api/v1/node")).header("authorization", bearer(enrolment));
        let (status, _) = self.exchange(request.send())?;
        match status {
            StatusCode::NO_CONTENT | StatusCode::UNAUTHORIZED => Ok(()),
            other => Err(self.unexpected(other, "")),
        }
    }

    fn path(&self, path: &str) -> String {
        format!("{}/{path}", self.url.as_str().trim_end_matches('/'))
    }

    fn exchange(&self, sent: reqwest::Result<Response>) -> Result<(StatusCode, String), Diagnostic> {
        use std::io::Read;
        let unreachable = |error: &dyn std::error::Error| {
            Diagnostic::error(
                "desk-unreachable",
                format!("the desk at {} cannot be reached: {}", self.url, causes(error)),
            )
            .help("check the address, the network, HTTPS_PROXY, and [desk] ca_file in agent.toml")
        };
        let answer = sent.map_err(|error| unreachable(&error.without_url()))?;
        let status = answer.status();
        let mut text = Vec::new();
        answer.take(MAX_ANSWER as u64).read_to_end(&mut text).map_err(|error| unreachable(&error))?;
        Ok((status, String::from_utf8_lossy(&text).into_owned()))
    }

    fn known(&self, status: StatusCode) -> Result<(), Diagnostic> {
        if status != StatusCode::UNAUTHORIZED {
            return Ok(());
        }
        Err(Diagnostic::error(
            "not-enrolled",
            format!("the desk at {} does not know this node any more", self.url),
        )
        .help("enrol again with a new token: goodstead enroll URL"))
    }

    fn expect<T: for<'de> Deserialize<'de>>(
        &self,
        status: StatusCode,
        answer: &str,
        good: &[StatusCode],
    ) -> Result<T, Diagnostic> {
        if !good.contains(&status) {
            return Err(self.unexpected(status, answer));
        }
        serde_json::from_str(answer).map_err(|_| {
            Diagnostic::error("no-desk", format!("{} answers, but not as a Goodstead desk does", self.url))
                .help("check the address; a login page or proxy may stand in between")
        })
    }

    fn unexpected(&self, status: StatusCode, answer: &str) -> Diagnostic {
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
        }
        let reason = serde_json::from_str::<Refusal>(answer).map(|refusal| refusal.error).unwrap_or_default();
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(300).collect();
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        Diagnostic::error("desk-refused", format!("the desk at {} answers {status}{reason}", self.url))
    }
}

fn bearer(enrolment: &Enrolment) -> String {
    format!("Bearer {}:{}", enrolment.node, enrolment.credential)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn authorities(file: &Path) -> Result<Vec<reqwest::Certificate>, Diagnostic> {
    let bad = |message: String| {
        Diagnostic::error("bad-ca-file", message).at(Place::file(file.display().to_string()))
    };
    let bytes =
        fs::read(file).map_err(|error| bad(format!("the authority's file cannot be read: {error}")))?;
    match reqwest::Certificate::from_pem_bundle(&bytes) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(bad("the file holds no certificate in PEM form".into())),
    }
}

/// The error and what is behind it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
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
}
