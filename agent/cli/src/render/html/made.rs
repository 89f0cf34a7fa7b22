//! How the report was made: by which plugins and rules, who vouches for them, and what they looked at.

use goodstead_model::{Access, Report, Signature};
use goodstead_protocol::contract::Unit;
use goodstead_protocol::fact::Fact;

use crate::render::value::value;
use crate::render::words::count;

pub(super) struct Made<'a> {
    pub(super) plugins: Vec<Plugin<'a>>,
    pub(super) packs: Vec<Pack<'a>>,
    /// `the whole scan 1.2 s`, as the report has them.
    pub(super) timings: Vec<(&'a str, String)>,
}

pub(super) struct Plugin<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) signature: String,
    pub(super) access: String,
    /// Absent when it never came to run.
    pub(super) lacks: Option<&'a [String]>,
}

pub(super) struct Pack<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) hash: &'a str,
    pub(super) signature: String,
}

impl<'a> Made<'a> {
    pub(super) fn new(report: &'a Report) -> Made<'a> {
        Made {
            plugins: report
                .plugins
                .iter()
                .map(|(name, plugin)| Plugin {
                    name,
                    version: &plugin.version,
                    signature: signature(&plugin.signature),
                    access: report.access.get(name).map(access).unwrap_or_default(),
                    lacks: plugin.lacks.as_deref(),
                })
                .collect(),
            packs: report
                .packs
                .iter()
                .map(|pack| Pack {
                    name: &pack.name,
                    version: &pack.version,
                    hash: &pack.hash,
                    signature: signature(&pack.signature),
                })
                .collect(),
            timings: report
                .timings_ms
                .iter()
                .map(|(name, ms)| (name.as_str(), format!("{ms:.1}\u{a0}ms")))
                .collect(),
        }
    }
}

fn signature(signature: &Signature) -> String {
    match signature {
        Signature::Signed { key } => format!("signed by {key}"),
        Signature::Local => "the admin's own".to_owned(),
        Signature::Unsigned => "not signed, which the configuration allows".to_owned(),
    }
}

fn access(access: &Access) -> String {
    let requests = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "request");
    let bytes = value(&Fact::Int(i64::try_from(access.bytes).unwrap_or(i64::MAX)), Some(Unit::Bytes));
    format!("{} granted, {} refused, {bytes} handed over", requests(access.granted), access.refused)
}
