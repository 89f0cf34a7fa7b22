//! `cargo xtask plugin`: one plugin of the checkout from its source to what it finds on this host.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::stage::stage;
use crate::{cargo, checkout, succeed};

/// Runs the plugin's tests, stages everything, and has the staged agent run the plugin and the cases of its pack.
pub(crate) fn run(name: &str) -> Result<()> {
    let folder = checkout().join("plugins").join(name);
    ensure!(
        folder.join("plugin.toml").is_file(),
        "{} holds no plugin.toml; `goodstead new plugin {name}` begins a plugin",
        folder.display()
    );
    succeed(cargo().args(["test", "--quiet", "--package", &format!("goodstead-{name}")]))?;
    let stage = stage("dev")?;
    // Neither the configuration of whoever works here nor what was kept plays a part.
    let own = tempfile::tempdir()?;
    let mut goodstead = Command::new(stage.join("bin/goodstead"));
    goodstead.arg("--config-dir").arg(own.path()).arg("--state-dir").arg(own.path());
    goodstead.args(["plugins", "test", name]);
    let pack = checkout().join("checks").join(name);
    if pack.is_dir() {
        goodstead.arg("--pack").arg(pack);
    }
    succeed(&mut goodstead)
}
