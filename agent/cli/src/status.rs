//! What `goodstead status` tells, as JSON has it.

use goodstead_model::{Cause, Entitlement, Pack, Readiness, Signature};
use serde::Serialize;

/// All of it. The names are a contract.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) version: &'static str,
    pub(crate) protocol: u32,
    pub(crate) report_schema: u32,
    pub(crate) user: String,
    pub(crate) config: ConfigFile,
    pub(crate) trusted_keys: Vec<String>,
    /// Folders that need no signature.
    pub(crate) allow_unsigned: Vec<String>,
    pub(crate) require_full_isolation: bool,
    pub(crate) plugins: Vec<PluginStatus>,
    pub(crate) packs: Vec<PackStatus>,
    /// What is wrong with packs or worth knowing of them, one sentence each.
    pub(crate) pack_notes: Vec<String>,
    pub(crate) entitlement: Option<Entitlement>,
    /// Why the entitlement that is there does not count.
    pub(crate) entitlement_problem: Option<String>,
    pub(crate) state: StateStatus,
}

/// `agent.toml`.
#[derive(Debug, Serialize)]
pub(crate) struct ConfigFile {
    pub(crate) file: String,
    pub(crate) present: bool,
    /// Whether it could be used; a broken one is answered with the defaults.
    pub(crate) sound: bool,
}

/// One installed plugin.
#[derive(Debug, Serialize)]
pub(crate) struct PluginStatus {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) enabled: bool,
    pub(crate) signature: Option<Signature>,
    /// Why nobody vouches for it.
    pub(crate) refused: Option<String>,
    /// How it was isolated when it last ran.
    pub(crate) isolation: String,
    /// The system user as whom connections are made for it; absent for one that makes none.
    pub(crate) connects_as: Option<String>,
    /// Why there is no such user, and what to do.
    pub(crate) connects_as_nobody: Option<Cause>,
    /// The command that says what it needs granted, for one that does.
    pub(crate) grant: Option<String>,
}

/// One usable pack.
#[derive(Debug, Serialize)]
pub(crate) struct PackStatus {
    #[serde(flatten)]
    pub(crate) pack: Pack,
    pub(crate) checks: usize,
    pub(crate) capabilities: usize,
    pub(crate) milestones: usize,
    pub(crate) tasks: usize,
}

/// What is kept.
#[derive(Debug, Default, Serialize)]
pub(crate) struct StateStatus {
    pub(crate) file: String,
    /// Why what is there cannot be used.
    pub(crate) problem: Option<String>,
    pub(crate) reports: usize,
    pub(crate) last: Option<Last>,
    pub(crate) waivers: usize,
    pub(crate) expired_waivers: usize,
    /// The desk that this node is enrolled with.
    pub(crate) desk: Option<String>,
    /// Reports that wait to be sent.
    pub(crate) spooled: usize,
    /// Reports that the desk refused for good, the newest first.
    pub(crate) set_aside: Vec<SetAsideStatus>,
}

/// A report that the desk refused for good.
#[derive(Debug, Serialize)]
pub(crate) struct SetAsideStatus {
    pub(crate) report: String,
    pub(crate) time: String,
    /// The HTTP status.
    pub(crate) status: u16,
    pub(crate) reason: String,
}

/// The last full scan.
#[derive(Debug, Serialize)]
pub(crate) struct Last {
    pub(crate) id: String,
    pub(crate) time: String,
    pub(crate) readiness: Option<Readiness>,
}
