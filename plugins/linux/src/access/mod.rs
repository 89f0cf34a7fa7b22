//! Who can get in, as whom, and which certificates are shown and trusted.

pub(crate) mod accounts;
pub(crate) mod ca_bundle;
pub(crate) mod certificates;
pub(crate) mod nologin;
pub(crate) mod password;
pub(crate) mod sensitive_files;
pub(crate) mod sshd;
mod sshd_words;
pub(crate) mod sudo;
