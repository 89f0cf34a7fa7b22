//! `POST /api/v1/enroll`: a token becomes a node.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use crate::{Desk, Error};

#[derive(Deserialize)]
pub(super) struct Enrolment {
    token: String,
    host: String,
}

pub(super) async fn enroll(
    State(desk): State<Desk>,
    enrolment: Result<Json<Enrolment>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let Json(Enrolment { token, host }) = enrolment.map_err(|rejection| {
        Error::Request(rejection.status(), "Enrolment needs JSON with the texts `token` and `host`.".into())
    })?;
    if host.trim().is_empty() {
        return Err(Error::Request(StatusCode::BAD_REQUEST, "The host's name is empty.".into()).into());
    }
    let enrolled = desk.store.enroll(&token, host.trim(), Timestamp::now()).await?;
    tracing::info!(node = %enrolled.node, "enrolled");
    Ok(Json(json!({ "node": enrolled.node, "credential": enrolled.credential })))
}
