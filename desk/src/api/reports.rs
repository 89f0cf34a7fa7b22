//! `POST /api/v1/reports`: takes a report once.
//!
//! The answer is the receipt: it is given after the report is on disk, never before.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ApiError;
use super::node::Node;
use crate::store::Accepted;
use crate::{Desk, Error, intake};

pub(super) async fn receive(
    State(desk): State<Desk>,
    Node(node): Node,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    if !is_json(&headers) {
        let public = "A report comes as application/json.".into();
        return Err(Error::Request(StatusCode::UNSUPPORTED_MEDIA_TYPE, public).into());
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let public = format!("A report has at most {} MiB.", intake::LIMIT / 1024 / 1024);
            Error::Request(StatusCode::PAYLOAD_TOO_LARGE, public)
        }
        status => Error::Request(status, "The report broke off.".into()),
    })?;
    let received = intake::read(&body)?;
    let id = &received.report.id;
    Ok(match desk.store.accept(&node, &received, &body, Timestamp::now()).await? {
        Accepted::New => {
            tracing::info!(%node, report = %id, bytes = body.len(), "accepted");
            (StatusCode::CREATED, Json(json!({ "accepted": id })))
        }
        Accepted::Duplicate => (StatusCode::OK, Json(json!({ "accepted": id, "duplicate": true }))),
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}
