//! The node that sends: proven by its credential before anything of its request's body is read.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};

use super::ApiError;
use crate::{Desk, Error};

/// A node that proved who it is.
pub(super) struct Node {
    pub(super) id: String,
    pub(super) customer: String,
}

impl FromRequestParts<Desk> for Node {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Node, ApiError> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|header| header.to_str().ok());
        let (node, credential) = header.and_then(bearer).ok_or(Error::Credential)?;
        let customer = desk.store.authenticate(node, credential).await?;
        Ok(Node { id: node.to_owned(), customer })
    }
}

fn bearer(header: &str) -> Option<(&str, &str)> {
    let (scheme, secret) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { secret.trim().split_once(':') } else { None }
}

/// `DELETE /api/v1/node`: the node goes, its reports stay.
pub(super) async fn remove(State(desk): State<Desk>, node: Node) -> Result<StatusCode, ApiError> {
    desk.store.remove_node(&node.id, crate::now()).await?;
    tracing::info!(node = %node.id, "removed");
    Ok(StatusCode::NO_CONTENT)
}
