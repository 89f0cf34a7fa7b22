//! Landlock: no file, no TCP port, no signal and no abstract socket beyond this process.
//!
//! Everything that it knows is handled and nothing is allowed, not even reading the system's libraries: what a plugin
//! may need of them is loaded already (`loader.rs`), and its own library is a file in memory, which lies beneath no
//! folder and is therefore no concern of Landlock's.

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope};

/// What it means that the kernel has none, where there is no system call filter either: that one refuses on every kernel
/// what Landlock does on the newest.
pub(super) const LACKING: &str =
    "no Landlock: the plugin can open every file that the user it runs as can open";

/// Restricts this process as far as the kernel can, and no further than `newest`; whether it can at all.
pub(super) fn restrict(newest: Option<u32>) -> Result<bool, String> {
    let abi = newest.map_or(ABI::V9, |abi| ABI::from(i32::try_from(abi).unwrap_or(i32::MAX)));
    if abi == ABI::Unsupported {
        return Ok(false);
    }
    let status = ruleset(abi).map_err(|error| format!("Landlock: {error}"))?;
    Ok(status != RulesetStatus::NotEnforced)
}

fn ruleset(abi: ABI) -> Result<RulesetStatus, RulesetError> {
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(abi))?;
    if abi >= ABI::V4 {
        rules = rules.handle_access(AccessNet::from_all(abi))?;
    }
    if abi >= ABI::V6 {
        rules = rules.scope(Scope::from_all(abi))?;
    }
    Ok(rules.create()?.restrict_self()?.ruleset)
}
