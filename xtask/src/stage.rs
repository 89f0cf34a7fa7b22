//! The installable tree: what is tried here is what is shipped.
//!
//! Nothing is listed by name: a folder below `plugins/` with a `plugin.toml` is a plugin, one below `checks/` with a
//! `pack.toml` is a pack.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use goodstead_protocol::document::Document;
use goodstead_protocol::manifest::Manifest;
use goodstead_signing::SecretKey;

use crate::sign::{development_key, sign, write_public_key};
use crate::{cargo, checkout, succeed, target};

/// Where the plugins lie in a tree.
const PLUGINS: &str = "lib/goodstead/plugins";

/// Where the packs lie in a tree.
const PACKS: &str = "share/goodstead/checks";

/// Where examples for development lie in the staged tree; a release ships none.
const EXAMPLES: &str = "share/goodstead/examples";

/// Builds with `profile` and lays the tree in `target/stage`, signed with the checkout's development key, which that
/// tree trusts; returns its folder.
pub(crate) fn stage(profile: &str) -> Result<PathBuf> {
    let stage = target().join("stage");
    lay(profile, &stage)?;
    let key = development_key()?;
    sign_all(&stage, &key)?;
    write_public_key(&key, &stage.join("etc/trusted-keys/development.pub"))?;
    let entitlement = stage.join(EXAMPLES).join("entitlement.toml");
    copy(&checkout().join("docs/examples/entitlement.toml"), &entitlement)?;
    sign(&entitlement, &key)?;
    Ok(stage)
}

/// What editors check the files of authors and admins with.
const SCHEMAS: [&str; 5] = [
    "agent.schema.json",
    "check.schema.json",
    "entitlement.schema.json",
    "pack.schema.json",
    "plugin.schema.json",
];

/// Builds with `profile` and lays the tree, unsigned, in a folder that is made anew.
pub(crate) fn lay(profile: &str, tree: &Path) -> Result<()> {
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
    // Made anew, so that nothing stays that is not shipped any more.
    if tree.exists() {
        fs::remove_dir_all(tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    }
    for (program, folder) in
        [("goodstead", "bin"), ("goodstead-desk", "bin"), ("goodstead-runner", "lib/goodstead")]
    {
        copy(&built.join(program), &tree.join(folder).join(program))?;
    }
    for plugin in &plugins {
        let manifest = manifest(plugin)?;
        let folder = tree.join(PLUGINS).join(&manifest.name);
        copy(&plugin.join("plugin.toml"), &folder.join("plugin.toml"))?;
        copy(&built.join(&manifest.library), &folder.join(&manifest.library))?;
    }
    for pack in with_file(&checkout().join("checks"), "pack.toml")? {
        copy_folder(&pack, &tree.join(PACKS).join(name(&pack)?))?;
    }
    for schema in SCHEMAS {
        copy(&checkout().join("docs").join(schema), &tree.join("share/goodstead").join(schema))?;
    }
    copy_folder(&checkout().join("plugins/sdk/include"), &tree.join("include"))?;
    let sample = checkout().join("agent/cli/src/agent.sample.toml");
    copy(&sample, &tree.join("share/goodstead/agent.sample.toml"))
}

/// Signs every plugin and every pack of a tree.
pub(crate) fn sign_all(tree: &Path, key: &SecretKey) -> Result<()> {
    let plugins = with_file(&tree.join(PLUGINS), "plugin.toml")?;
    let packs = with_file(&tree.join(PACKS), "pack.toml")?;
    plugins.iter().chain(&packs).try_for_each(|folder| sign(folder, key))
}

/// The files below a folder by their paths relative to it.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<String>> {
    Ok(goodstead_signing::files_below(folder)?)
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

/// The manifest of the plugin in a folder.
pub(crate) fn manifest(plugin: &Path) -> Result<Manifest> {
    let path = plugin.join("plugin.toml");
    let document = Document::new(path.display().to_string(), fs::read_to_string(&path)?);
    Manifest::read(&document).map_err(|errors| {
        let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
        anyhow!("{}", told.join("\n"))
    })
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
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
