//! What the end-to-end tests share: a copy of the staged tree to break, a real PostgreSQL, a real desk, a real browser, a C
//! compiler.
//!
//! `cargo xtask test` stages the tree first; what is tried is what is shipped. Everything that is started ends with the
//! value that started it.

#![forbid(unsafe_code)]

pub mod axe;
pub mod browser;
pub mod certificate;
pub mod desk;
pub mod endured;
pub mod field;
pub mod foreign;
pub mod host;
pub mod hostile;
pub mod http;
pub mod kills;
pub mod mounts;
pub mod peak;
pub mod postgres;
pub mod reference;
pub mod releases;
pub mod runner;
pub mod sample;
pub mod scene;
pub mod shapes;
pub mod tree;
pub mod turns;

use std::path::{Path, PathBuf};

/// The checkout's folder.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the checkout").to_owned()
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout().join("target"), PathBuf::from)
}

/// The staged tree.
pub fn stage() -> PathBuf {
    let stage = target().join("stage");
    assert!(
        stage.join("bin/goodstead").exists(),
        "nothing is staged: run `cargo xtask test`, or `cargo xtask stage` first"
    );
    stage
}

/// Whether the tests run as root, as they do in a container.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").map(|it| std::os::unix::fs::MetadataExt::uid(&it)).unwrap_or(1) == 0
}

/// A TCP port that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port()
}
