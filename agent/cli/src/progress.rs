//! What a scan knows besides its facts: the entitlement, and what earlier scans reached and counted.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_engine::{Given, Pack, Past, Target};
use goodstead_model::Entitlement;
use goodstead_protocol::diagnostic::Diagnostic;

use crate::args::Check;
use crate::commands::Installed;
use crate::entitlement::{self, other_deployment, unknown_capabilities};
use crate::installation::Installation;
use crate::packs::Packs;
use crate::render::diagnostics;
use crate::state::State;

/// What `goodstead check` has to do with entitlement and memory.
pub(crate) struct Progress<'i> {
    installation: &'i Installation,
    entitlement: Option<Entitlement>,
    /// The capabilities, milestones and tasks that were asked for; all when empty.
    only: BTreeSet<String>,
    /// Whether nothing was left out of the scan by request.
    whole: bool,
    /// What is wrong with the entitlement, for the report.
    warnings: Vec<String>,
}

impl<'i> Progress<'i> {
    /// Reads the entitlement and says what is wrong with it; `wanted` are the plugins of this scan, `only` the ids that
    /// are judged, all when empty.
    pub(crate) fn begin(
        installation: &'i Installation,
        installed: &Installed,
        packs: &Packs,
        (args, only): (&Check, BTreeSet<String>),
        wanted: &BTreeMap<String, BTreeSet<String>>,
        time: &str,
    ) -> Self {
        let mut progress = Progress {
            installation,
            entitlement: None,
            only,
            whole: args.targets.is_empty(),
            warnings: Vec::new(),
        };
        match entitlement::read(installation, &installed.trust, time) {
            Ok(Some(found)) => {
                // The packs of plugins that are here and left out were not read.
                let left_out: BTreeSet<&str> =
                    installed.known.names().filter(|name| !wanted.contains_key(*name)).collect();
                progress.tell(&unknown_capabilities(&found, packs, &left_out, installation));
                progress.entitlement = Some(found);
            }
            Ok(None) => {}
            Err(problem) => progress.tell(&[problem]),
        }
        progress
    }

    fn tell(&mut self, problems: &[Diagnostic]) {
        diagnostics::print(problems);
        self.warnings.extend(problems.iter().map(ToString::to_string));
    }

    /// What the engine is given. `memory` is the name under which things are remembered; nothing is without one.
    pub(crate) fn given(
        &mut self,
        packs: &[Pack],
        targets: &[Target],
        memory: Option<&str>,
        state: Option<&State>,
        time: &str,
    ) -> Given {
        if let Some(entitlement) = &self.entitlement
            && self.whole
        {
            let here = targets.iter().map(|target| target.deployment.as_str()).collect();
            if let Some(problem) = other_deployment(entitlement, &here, self.installation) {
                self.tell(&[problem]);
            }
        }
        let tasks = packs.iter().flat_map(|pack| &pack.tasks).filter(|task| task.adds_up());
        let windows: BTreeMap<&str, u32> =
            tasks.map(|task| (task.head.id.as_str(), task.window_days)).collect();
        let past = match (memory, state) {
            (Some(memory), Some(state)) => state.past(memory, time, &windows).unwrap_or_else(|error| {
                self.warnings.push(format!("what earlier scans reached and counted is not known: {error}"));
                Past::default()
            }),
            _ => Past::default(),
        };
        let (time, entitlement) = (time.to_owned(), self.entitlement.clone());
        Given { time, entitlement, only: self.only.clone(), past, ..Given::default() }
    }

    /// What the report has to say.
    pub(crate) fn warnings(self) -> Vec<String> {
        self.warnings
    }
}
