//! A client of a desk's router, without a socket.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use goodstead_model::Report;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use super::sample;
use crate::limits::Limits;
use crate::{Desk, router};

/// A desk in a folder that goes away with it.
pub(super) struct Client {
    pub(super) desk: Desk,
    pub(super) folder: TempDir,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Client {
    pub(super) async fn new() -> Client {
        let folder = tempfile::tempdir().unwrap();
        Client { desk: Desk::open(&folder.path().join("desk.db")).await.unwrap(), folder }
    }

    /// The same client of a desk with these limits.
    pub(super) fn limited(self, limits: Limits) -> Client {
        Client { desk: self.desk.with_limits(limits), folder: self.folder }
    }

    pub(super) fn router(&self) -> Router {
        router(self.desk.clone())
    }

    pub(super) async fn ask(&self, request: Request<Body>) -> Answer {
        let answer = self.router().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).header(header::HOST, "localhost").body(Body::empty()).unwrap()).await
    }

    pub(super) async fn token(&self, customer: &str) -> String {
        let expires = Timestamp::now() + SignedDuration::from_hours(1);
        self.desk.store().issue_token(customer, expires).await.unwrap()
    }

    pub(super) async fn enroll(&self, token: &str, host: &str) -> Answer {
        let body = json!({ "token": token, "host": host }).to_string();
        let request = Request::post("/api/v1/enroll")
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json");
        self.ask(request.body(body.into()).unwrap()).await
    }

    /// A new node's bearer header.
    pub(super) async fn node(&self, customer: &str, host: &str) -> String {
        let token = self.token(customer).await;
        let answer = self.enroll(&token, host).await.json();
        format!("Bearer {}:{}", answer["node"].as_str().unwrap(), answer["credential"].as_str().unwrap())
    }

    pub(super) async fn send(&self, bearer: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post("/api/v1/reports")
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, bearer)
            .header(header::CONTENT_TYPE, "application/json");
        self.ask(request.body(body.into()).unwrap()).await
    }

    pub(super) async fn accept(&self, bearer: &str, report: &Report) {
        let answer = self.send(bearer, sample::bytes(report)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
}
