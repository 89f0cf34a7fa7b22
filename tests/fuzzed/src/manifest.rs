//! `plugin.toml` of a plugin that nobody vouches for: a manifest that cannot be wrong, or what is wrong with it.

use goodstead_protocol::document::Document;
use goodstead_protocol::fact::{Cause, CauseKind};
use goodstead_protocol::intake::all_unknown;
use goodstead_protocol::manifest::{MAX_SECONDS, Manifest};

use crate::tellable;

/// Reads `data` as a manifest.
pub fn run(data: &[u8]) {
    let document = match Document::from_bytes("plugin.toml", data.to_vec()) {
        Ok(document) => document,
        Err(found) => return tellable(&[found]),
    };
    let manifest = match Manifest::read(&document) {
        Ok(manifest) => manifest,
        Err(found) => {
            assert!(!found.is_empty(), "refused without a word");
            return tellable(&found);
        }
    };
    assert!(!manifest.name.is_empty() && !["host", "item", "previous"].contains(&manifest.name.as_str()));
    assert_eq!(manifest.contract.plugin, manifest.name);
    assert!(!manifest.library.is_empty() && !manifest.library.contains('/'));
    assert!((1..=MAX_SECONDS).contains(&manifest.time_limit.as_secs()));
    let permissions = &manifest.permissions;
    let programs = permissions.run.values().map(|command| &command.program);
    for path in permissions
        .read
        .iter()
        .chain(&permissions.stat)
        .chain(&permissions.statfs)
        .chain(&permissions.connect)
        .chain(programs)
    {
        assert!(path.starts_with('/') && !path.split('/').any(|part| part == ".."), "{path}");
    }
    for (path, field) in manifest.contract.leaves() {
        assert!(path.starts_with(&manifest.name), "{path}");
        assert!(!field.shape.to_string().is_empty());
    }
    all_unknown(&manifest.contract.fields, &Cause::new(CauseKind::NotReported, ""));
}
