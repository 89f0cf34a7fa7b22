//! Signing: the statement about a plugin or a pack and its minisign signature, and the signature of an entitlement.
//!
//! A statement names every file that it covers by hash, size and path, so that one signature vouches for a folder and for
//! nothing else; docs/SIGNING.md describes it. What is signed is returned, and whoever asked writes it. The agent reads it
//! in `agent/cli/src/trust/statement.rs`.

#![forbid(unsafe_code)]

mod key;
mod statement;

pub use key::{SecretKey, id, public_key, read_key};
pub use statement::{Signed, Statement, files_below, sign_entitlement, sign_folder, statement};

use std::io;
use std::path::{Path, PathBuf};

use goodstead_protocol::diagnostic::Diagnostic;

/// Why something cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The key's text is not that of a minisign secret key.
    #[error("this is not a minisign secret key: {0}")]
    NotAKey(&'static str),
    /// The key is encrypted, and not with this password.
    #[error("the password is wrong")]
    WrongPassword,
    /// The password cannot be had.
    #[error("cannot read the password: {0}")]
    Password(io::Error),
    /// What is in the folder or file is not something that can be signed.
    #[error("{0}")]
    Unsignable(String),
    /// A manifest, a pack's header or an entitlement is wrong.
    #[error("{0}")]
    Wrong(#[from] Diagnostic),
    /// The signature cannot be made.
    #[error("internal error while signing: {0}")]
    Minisign(#[from] minisign::PError),
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> SigningError {
    move |error| SigningError::Unreadable { path: path.to_owned(), error }
}
