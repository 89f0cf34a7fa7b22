//! The way to the desk: enrolling, sending what is spooled, leaving again.
//!
//! The agent pulls and pushes over HTTP and never listens. Proxies come from the environment (`HTTPS_PROXY`), except
//! for the loopback. Without TLS only the loopback is spoken to. What answers may be anybody, so:
//!
//! - One deadline covers a whole exchange, from the name's lookup to the last byte of the answer.
//! - An answer counts only when it is exactly what was asked for: an id and a credential of the right form, a receipt
//!   for this report and these bytes. Nothing else of it is kept, and no text of it reaches a terminal raw.
//! - A desk that refuses one report for good does not keep the others waiting ([`Undelivered::Refused`]).

use std::path::Path;
use std::time::Duration;

use goodstead_protocol::diagnostic::{Diagnostic, Place};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::files::{Links, read_sound};
use crate::render::value::plain;
use crate::state::Enrolment;

/// How long an exchange with the desk may take, from its beginning to its end.
const DEADLINE: Duration = Duration::from_secs(30);

/// How fast a large report has to travel, in bytes a second: the largest at 1 Mbit/s.
const LEAST_SPEED: u64 = 128 << 10;

/// How much of an answer is read.
const MAX_ANSWER: usize = 64 << 10;

/// How much of a refusal's text is kept, in characters.
const MAX_REASON: usize = 300;

/// The largest file of authorities: those of a whole system are a quarter of it.
const MAX_AUTHORITIES: u64 = 1 << 20;

/// A desk that can be spoken to.
#[derive(Debug)]
pub(crate) struct Desk {
    url: Url,
    client: Client,
    deadline: Duration,
    /// Absent only while the value goes.
    runtime: Option<Runtime>,
}

/// Why a report was not delivered.
#[derive(Debug)]
pub(crate) enum Undelivered {
    /// The desk refuses this report, now and later; it may take others.
    Refused(Refusal),
    /// Something that is not about this report, or that may pass. It has to wait, and so have those behind it.
    Later(Diagnostic),
}

/// A refusal of one report for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status; 413 also for what is too large to be sent.
    pub(crate) status: u16,
    /// Why, in one line without anything that a terminal acts on.
    pub(crate) reason: String,
}

/// What came back.
struct Answer {
    status: StatusCode,
    text: String,
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
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
                Diagnostic::error("no-network", format!("the network cannot be used: {error}"))
            })?;
        Ok(Desk { url, client, deadline: DEADLINE, runtime: Some(runtime) })
    }

    /// Trades a one-time token for this node's id and credential.
    ///
    /// # Errors
    /// The desk cannot be reached in time, refuses, or answers something else than a node's id and credential.
    pub(crate) fn enrol(&self, token: &str, host: &str) -> Result<Enrolment, Diagnostic> {
        #[derive(Deserialize)]
        struct Enrolled {
            node: String,
            credential: String,
        }
        let body = json!({ "token": token, "host": host }).to_string();
        let request = self.client.post(self.path("api/v1/enroll"));
        let request = request.header("content-type", "application/json").body(body);
        let answer = self.exchange(request, self.deadline)?;
        if answer.status == StatusCode::FORBIDDEN {
            return Err(Diagnostic::error(
                "token-refused",
                "the desk refused the token: it was used, has expired, or is misspelt",
            )
            .help("ask the desk for a new one: goodstead-desk token --database FILE --customer NAME"));
        }
        if answer.status != StatusCode::OK {
            return Err(self.unexpected(&answer));
        }
        let enrolled: Enrolled = answer.read().ok_or_else(|| self.no_desk())?;
        if !is_lower_hex(&enrolled.node, 32) || !is_lower_hex(&enrolled.credential, 64) {
            return Err(self.no_desk());
        }
        let desk = self.url.as_str().trim_end_matches('/').to_owned();
        Ok(Enrolment { desk, node: enrolled.node, credential: enrolled.credential })
    }

    /// Delivers the report `id`. Delivering the same one again is fine.
    ///
    /// # Errors
    /// There is no receipt for this very report; whether there may be one later is what the two kinds say.
    pub(crate) fn deliver(&self, enrolment: &Enrolment, id: &str, body: &[u8]) -> Result<(), Undelivered> {
        #[derive(Deserialize)]
        struct Receipt {
            accepted: String,
            sha256: Option<String>,
        }
        if body.len() > goodstead_model::MAX_SENT {
            let most = goodstead_model::MAX_SENT >> 20;
            let reason = format!("it has {} bytes, and a desk takes at most {most} MiB", body.len());
            return Err(Undelivered::Refused(Refusal { status: 413, reason }));
        }
        let request =
            self.client.post(self.path("api/v1/reports")).header("content-type", "application/json");
        let request = request.header("authorization", bearer(enrolment)).body(body.to_vec());
        let needed = Duration::from_secs(body.len() as u64 / LEAST_SPEED);
        let answer = self.exchange(request, self.deadline.max(needed)).map_err(Undelivered::Later)?;
        match answer.status {
            StatusCode::CREATED | StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(Undelivered::Later(self.unknown_node())),
            _ => {
                return Err(match answer.refusal() {
                    Some(refusal) => Undelivered::Refused(refusal),
                    None => Undelivered::Later(self.unexpected(&answer)),
                });
            }
        }
        let receipt: Receipt = answer.read().ok_or_else(|| Undelivered::Later(self.no_desk()))?;
        if receipt.accepted != id || receipt.sha256.is_some_and(|sha256| sha256 != hash(body)) {
            let message = format!(
                "{} acknowledges something else than the report that was sent, so it counts as not delivered",
                self.url
            );
            return Err(Undelivered::Later(
                Diagnostic::error("bad-receipt", message)
                    .help("ask whoever runs the desk; a proxy may answer in its place"),
            ));
        }
        Ok(())
    }

    /// Tells the desk that this node leaves.
    ///
    /// # Errors
    /// The desk does not confirm it.
    pub(crate) fn leave(&self, enrolment: &Enrolment) -> Result<(), Diagnostic> {
        let request = self.client.delete(self.path("api/v1/node")).header("authorization", bearer(enrolment));
        let answer = self.exchange(request, self.deadline)?;
        match answer.status {
            StatusCode::NO_CONTENT | StatusCode::UNAUTHORIZED => Ok(()),
            _ => Err(self.unexpected(&answer)),
        }
    }

    fn path(&self, path: &str) -> String {
        format!("{}/{path}", self.url.as_str().trim_end_matches('/'))
    }

    /// Sends `request` and reads the answer, all of it within `deadline`.
    fn exchange(&self, request: RequestBuilder, deadline: Duration) -> Result<Answer, Diagnostic> {
        let unreachable = |why: &str| {
            Diagnostic::error(
                "desk-unreachable",
                format!("the desk at {} cannot be reached: {why}", self.url),
            )
            .help("check the address, the network, HTTPS_PROXY, and [desk] ca_file in agent.toml")
        };
        let late = || {
            Diagnostic::error(
                "desk-slow",
                format!("the desk at {} did not finish its answer within {} s", self.url, deadline.as_secs()),
            )
            .help("try again later; check the network, and what answers at this address")
        };
        let Some(runtime) = &self.runtime else { return Err(unreachable("the network is closed")) };
        // The timer belongs to the runtime, so it is made inside of it.
        match runtime.block_on(async { tokio::time::timeout(deadline, answer(request)).await }) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(unreachable(&causes(&error.without_url()))),
            Err(_) => Err(late()),
        }
    }

    fn unknown_node(&self) -> Diagnostic {
        Diagnostic::error(
            "not-enrolled",
            format!("the desk at {} does not know this node any more", self.url),
        )
        .help("enrol again with a new token: goodstead enroll URL")
    }

    fn no_desk(&self) -> Diagnostic {
        Diagnostic::error("no-desk", format!("{} answers, but not as a Goodstead desk does", self.url))
            .help("check the address; a login page or proxy may stand in between")
    }

    fn unexpected(&self, answer: &Answer) -> Diagnostic {
        let reason = answer.reason().map_or(String::new(), |reason| format!(": {reason}"));
        Diagnostic::error(
            "desk-refused",
            format!("the desk at {} answers {}{reason}", self.url, answer.status),
        )
    }
}

impl Drop for Desk {
    /// A lookup of a name may hang for minutes; nobody waits for it.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn answer(request: RequestBuilder) -> reqwest::Result<Answer> {
    let mut answer = request.send().await?;
    let status = answer.status();
    let mut bytes = Vec::new();
    while bytes.len() < MAX_ANSWER
        && let Some(chunk) = answer.chunk().await?
    {
        bytes.extend(chunk.iter().take(MAX_ANSWER - bytes.len()));
    }
    Ok(Answer { status, text: String::from_utf8_lossy(&bytes).into_owned() })
}

impl Answer {
    fn read<T: for<'de> Deserialize<'de>>(&self) -> Option<T> {
        serde_json::from_str(&self.text).ok()
    }

    /// What a desk says to a refusal, made safe to print; absent when this is not a desk's refusal.
    fn reason(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Reason {
            error: String,
        }
        let Reason { error } = self.read()?;
        let line: String = error.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
        (!line.trim().is_empty()).then(|| plain(&line).into_owned())
    }

    /// The refusal of this one report, if that is what the answer is.
    fn refusal(&self) -> Option<Refusal> {
        let about_the_report = match self.status.as_u16() {
            // Who sends, when, how often, and by which way: not about the report.
            401 | 403 | 407 | 408 | 421 | 425 | 429 => false,
            // A wrong address says this too, and then every report would be refused.
            404 | 405 | 410 | 426 => self.reason().is_some(),
            status => (400..500).contains(&status),
        };
        let unexplained = || self.status.canonical_reason().unwrap_or("no reason is given").to_owned();
        about_the_report.then(|| Refusal {
            status: self.status.as_u16(),
            reason: self.reason().unwrap_or_else(unexplained),
        })
    }
}

fn bearer(enrolment: &Enrolment) -> String {
    format!("Bearer {}:{}", enrolment.node, enrolment.credential)
}

fn hash(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn authorities(file: &Path) -> Result<Vec<reqwest::Certificate>, Diagnostic> {
    let bad = |message: String| {
        Diagnostic::error("bad-ca-file", message).at(Place::file(file.display().to_string()))
    };
    let bytes = read_sound(file, MAX_AUTHORITIES, Links::Followed)
        .map_err(|error| bad(format!("the authority's file cannot be read: {error}")))?;
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
mod tests;
