//! A plugin in C, built by the machine's compiler against the generated header, good or broken as told.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::checkout;
use crate::tree::Tree;

/// The manifest of the plugin; `extra` stands before the permissions.
pub fn manifest(name: &str, extra: &str) -> String {
    format!(
        "name = \"{name}\"\ntitle = \"A foreign product\"\nversion = \"0.1.0\"\nprotocol = 1\n\
         library = \"libforeign.so\"\n{extra}\n[permissions]\nread = [\"/etc/os-release\", \"/usr/lib/os-release\"]\n[facts]\n\
         greeting = {{ type = \"text\", sensitivity = \"public\" }}\nsize_bytes = {{ type = \"int\", unit = \"bytes\", sensitivity = \"public\" }}\n"
    )
}

/// Builds `plugins/foreign.c` in one of its modes into the tree, as the plugin `name`.
pub fn install(tree: &Tree, name: &str, mode: &str, extra: &str) {
    let folder = tree.plugin(name);
    fs::write(folder.join("plugin.toml"), manifest(name, extra)).expect("the manifest");
    compile(mode, &folder.join("libforeign.so"));
}

/// Compiles the source in a mode.
pub fn compile(mode: &str, library: &Path) {
    let status = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O1"])
        .arg(format!("-DMODE_{mode}"))
        .arg("-I")
        .arg(checkout().join("plugins/sdk/include"))
        .arg("-o")
        .arg(library)
        .arg(checkout().join("tests/plugins/foreign.c"))
        .status()
        .expect("cc runs");
    assert!(status.success(), "cc refuses the plugin in mode {mode}");
}
