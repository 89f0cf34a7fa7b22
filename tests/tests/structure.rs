//! The architecture's absences: what must not import what, and where no `unsafe` stands.

use std::fs;
use std::path::{Path, PathBuf};

use goodstead_tests::checkout;

/// A crate's folder, and the crates of this workspace that it may import. Plugins have [`OF_A_PLUGIN`].
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("plugins/protocol", &[]),
    ("plugins/sdk", &["goodstead-protocol"]),
    ("plugins/runner", &["goodstead-protocol", "goodstead-plugin"]),
    ("plugins/hostile", &["goodstead-plugin"]),
    ("agent/model", &["goodstead-protocol"]),
    ("agent/page", &["goodstead-protocol"]),
    ("agent/engine", &["goodstead-protocol", "goodstead-model"]),
    ("agent/signing", &["goodstead-protocol"]),
    (
        "agent/cli",
        &["goodstead-protocol", "goodstead-model", "goodstead-engine", "goodstead-page", "goodstead-signing"],
    ),
    ("desk", &["goodstead-protocol", "goodstead-model", "goodstead-page"]),
    (
        "tests",
        &[
            "goodstead-fuzzed",
            "goodstead-linux",
            "goodstead-model",
            "goodstead-plugin",
            "goodstead-postgresql",
            "goodstead-protocol",
        ],
    ),
    // Doors of agent and desk, and what is known of their contracts.
    ("tests/fuzzed", &["goodstead-protocol", "goodstead-plugin", "goodstead-engine", "goodstead-desk"]),
    ("xtask", &["goodstead-protocol", "goodstead-signing", "goodstead-tests"]),
];

/// What a plugin may import.
const OF_A_PLUGIN: &[&str] = &["goodstead-plugin"];

/// All crates: the listed ones, and the plugins, which are those that have a manifest.
fn crates() -> Vec<(String, &'static [&'static str])> {
    let mut found: Vec<_> = MAY_IMPORT.iter().map(|(folder, may)| ((*folder).to_owned(), *may)).collect();
    for entry in fs::read_dir(checkout().join("plugins")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("plugin.toml").is_file() {
            let name = folder.file_name().unwrap().to_str().unwrap();
            found.push((format!("plugins/{name}"), OF_A_PLUGIN));
        }
    }
    found
}

/// Clients that a plugin may use and the agent must not.
const NEVER_IN_THE_AGENT: [&str; 3] = ["tokio-postgres", "libloading", "goodstead-plugin"];

#[test]
fn imports_point_one_way() {
    for (folder, allowed) in crates() {
        let manifest = fs::read_to_string(checkout().join(&folder).join("Cargo.toml")).unwrap();
        let dependencies = manifest.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        let ours: Vec<_> = dependencies.filter(|name| name.starts_with("goodstead-")).collect();
        for name in &ours {
            assert!(allowed.contains(name), "{folder} imports {name}");
        }
        if folder.starts_with("agent/") {
            for name in NEVER_IN_THE_AGENT {
                assert!(!manifest.contains(&format!("\n{name}")), "{folder} imports {name}");
            }
        }
    }
}

#[test]
fn every_crate_is_a_plugin_or_in_the_list() {
    let workspace = fs::read_to_string(checkout().join("Cargo.toml")).unwrap();
    let members = workspace.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    let members = members.split(',').map(|it| it.trim().trim_matches('"')).filter(|it| !it.is_empty());
    let mut found = Vec::new();
    for member in members {
        match member.strip_suffix("/*") {
            Some(parent) => found.extend(
                fs::read_dir(checkout().join(parent))
                    .unwrap()
                    .map(|entry| format!("{parent}/{}", entry.unwrap().file_name().to_str().unwrap())),
            ),
            None => found.push(member.to_owned()),
        }
    }
    let mut known: Vec<_> = crates().into_iter().map(|(folder, _)| folder).collect();
    found.sort_unstable();
    known.sort_unstable();
    assert_eq!(found, known);
}

#[test]
fn no_plugin_that_is_begun_takes_the_name_of_a_crate() {
    let source = fs::read_to_string(checkout().join("agent/cli/src/commands/new_plugin.rs")).unwrap();
    for (folder, _) in MAY_IMPORT {
        let manifest = fs::read_to_string(checkout().join(folder).join("Cargo.toml")).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"goodstead-"));
        if let Some(name) = name.map(|name| name.trim_end_matches('"')) {
            assert!(source.contains(&format!("\"{name}\"")), "{name} is not refused");
        }
    }
}

#[test]
fn unsafe_stays_where_it_belongs() {
    for (folder, _) in crates() {
        if ["plugins/sdk", "plugins/runner"].contains(&folder.as_str()) {
            continue;
        }
        let source = checkout().join(&folder).join("src");
        let roots = [source.join("lib.rs"), source.join("main.rs")];
        for root in roots.iter().filter(|root| root.exists()) {
            let text = fs::read_to_string(root).unwrap();
            // The export macro brings the one exception that plugins need.
            // The agent's program speaks one word to the allocator; the agent itself, its library, has none.
            let exported = folder.starts_with("plugins/") && folder != "plugins/protocol";
            let wanted = if exported || root.ends_with("agent/cli/src/main.rs") { "deny" } else { "forbid" };
            assert!(text.contains(&format!("#![{wanted}(unsafe_code)]")), "{}", root.display());
            let blocks = text.matches("unsafe {").count();
            assert!(blocks <= usize::from(root.ends_with("agent/cli/src/main.rs")), "{}", root.display());
        }
    }
}

#[test]
fn the_engine_does_no_io() {
    for file in sources(&checkout().join("agent/engine/src")) {
        let text = fs::read_to_string(&file).unwrap();
        for word in
            ["std::fs", "std::net", "std::env", "std::process", "SystemTime", "Instant::now", "std::thread"]
        {
            assert!(!text.contains(word), "{} uses {word}", file.display());
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (folder, _) in crates() {
        for file in sources(&checkout().join(folder).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//! "), "{} begins without a word", file.display());
        }
    }
}

#[test]
fn the_map_names_every_folder() {
    let map = fs::read_to_string(checkout().join("ARCHITECTURE.md")).unwrap();
    for (folder, _) in MAY_IMPORT {
        assert!(map.contains(&format!("`{folder}`")), "{folder} is not on the map");
    }
    for entry in fs::read_dir(checkout().join("plugins/linux/src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            !path.join("mod.rs").exists() || map.contains(&format!("`{name}`")),
            "{name} is not on the map"
        );
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
