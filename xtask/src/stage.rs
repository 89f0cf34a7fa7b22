//! The installable tree: what is tried here is what is shipped.
//!
//! Nothing is listed by name: a folder below `plugins/` with a `plugin.toml` is a plugin, one below `checks/` with a
//! `pack.toml` is a pack.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use goodstead_protocol::document::Document;
use goodstead_protocol::manifest::Manifest;

use crate::{cargo, checkout, succeed, target};

/// Builds with `profile` and lays the tree in `target/stage`; returns its folder.
pub(crate) fn stage(profile: &str) -> Result<PathBuf> {
    let plugins = with_file(&checkout().join("plugins"), "plugin.toml")?;
    let mut build = cargo();
    build.args(["build", "--profile", profile]);
    for package in ["goodstead", "goodstead-runner", "goodstead-desk"] {
        build.args(["--package", package]);
    }
    for plugin in &plugins {
        build.args(["--package", &package_of(plugin)?]);
    }
    succeed(&mut build)?;

    let built = target().join(if profile == "dev" { "debug" } else { profile });
    let stage = target().join("stage");
    // Made anew, so that nothing stays that is not shipped any more.
    if stage.exists() {
        fs::remove_dir_all(&stage).with_context(|| format!("cannot remove {}", stage.display()))?;
    }
    for (program, folder) in
        [("goodstead", "bin"), ("goodstead-desk", "bin"), ("goodstead-runner", "lib/goodstead")]
    {
        copy(&built.join(program), &stage.join(folder).join(program))?;
    }
    for plugin in &plugins {
        let manifest = manifest(plugin)?;
        let folder = stage.join("lib/goodstead/plugins").join(&manifest.name);
        copy(&plugin.join("plugin.toml"), &folder.join("plugin.toml"))?;
        copy(&built.join(&manifest.library), &folder.join(&manifest.library))?;
    }
    for pack in with_file(&checkout().join("checks"), "pack.toml")? {
        copy_folder(&pack, &stage.join("share/goodstead/checks").join(name(&pack)?))?;
    }
    let sample = checkout().join("agent/cli/src/agent.sample.toml");
    copy(&sample, &stage.join("share/goodstead/agent.sample.toml"))?;
    Ok(stage)
}

/// The folders in `parent` that hold a file of this name, sorted.
fn with_file(parent: &Path, file: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent).with_context(|| format!("cannot read {}", parent.display()))? {
        let path = entry?.path();
        if path.join(file).is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn name(folder: &Path) -> Result<String> {
    let name = folder.file_name().and_then(|name| name.to_str());
    Ok(name.with_context(|| format!("{} has no plain name", folder.display()))?.to_owned())
}

/// The package of a plugin's folder, by convention.
fn package_of(plugin: &Path) -> Result<String> {
    Ok(format!("goodstead-{}", name(plugin)?))
}

fn manifest(plugin: &Path) -> Result<Manifest> {
    let path = plugin.join("plugin.toml");
    let document = Document::new(path.display().to_string(), fs::read_to_string(&path)?);
    Manifest::read(&document).map_err(|errors| {
        let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
        anyhow!("{}", told.join("\n"))
    })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy_folder(&entry.path(), &to)? } else { copy(&entry.path(), &to)? }
    }
    Ok(())
}
