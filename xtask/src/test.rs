//! `cargo xtask test` and `cargo xtask generate`.

use anyhow::Result;

use crate::packages::{install_missing, unpack_missing};
use crate::servers::fetch_missing;
use crate::stage::stage;
use crate::{cargo, succeed};

/// Installs what the tests use, stages what they try, runs them all and reports every failure: one that fails on a busy
/// machine must not hide the others.
pub(crate) fn run(rest: &[String]) -> Result<()> {
    install_missing()?;
    unpack_missing()?;
    fetch_missing()?;
    stage("dev")?;
    succeed(cargo().args(["test", "--workspace", "--no-fail-fast"]).args(rest))
}

/// Writes what is generated: the tests that compare it write it when they are told to.
pub(crate) fn generate() -> Result<()> {
    stage("dev")?;
    succeed(
        cargo()
            .args(["test", "--package", "goodstead-tests", "--test", "generated"])
            .env("GOODSTEAD_GENERATE", "1"),
    )
}
