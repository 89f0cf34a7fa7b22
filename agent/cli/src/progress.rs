//! What a scan knows besides its facts, and what it leaves to the next: the entitlement, what was reached and counted.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_engine::{Assessment, Given, Pack, Past, Target};
use goodstead_model::Entitlement;
use goodstead_protocol::diagnostic::Diagnostic;

use crate::entitlement::{self, other_deployment, unknown_capabilities};
use crate::installation::Installation;
use crate::packs::Packs;
use crate::render::diagnostics;
use crate::state::State;
use crate::trust::Trust;

/// What `goodstead check` has to do with entitlement and memory.
pub(crate) struct Progress<'i> {
    installation: &'i Installation,
    entitlement: Option<Entitlement>,
    /// The capabilities, milestones and tasks that were asked for; all when empty.
    only: BTreeSet<String>,
    /// Under which name things are remembered; nothing is without one.
    memory: Option<String>,
    /// What is wrong with the entitlement, for the report.
    warnings: Vec<String>,
}

impl<'i> Progress<'i> {
    /// Reads the entitlement and says what is wrong with it.
    pub(crate) fn begin(
        installation: &'i Installation,
        trust: &Trust,
        packs: &Packs,
        only: &[String],
        time: &str,
    ) -> Self {
        let mut progress = Progress {
            installation,
            entitlement: None,
            only: only.iter().cloned().collect(),
            memory: None,
            warnings: Vec::new(),
        };
        match entitlement::read(installation, trust, time) {
            Ok(Some(found)) => {
                progress.tell(&unknown_capabilities(&found, packs, installation));
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

    /// What the engine is given; `whole` says that nothing was left out of the scan by request.
    pub(crate) fn given(
        &mut self,
        packs: &[Pack],
        targets: &[Target],
        whole: bool,
        memory: Option<String>,
        state: Option<&State>,
        time: &str,
    ) -> Given {
        if let Some(entitlement) = &self.entitlement
            && whole
        {
            let here = targets.iter().map(|target| target.deployment.as_str()).collect();
            if let Some(problem) = other_deployment(entitlement, &here, self.installation) {
                self.tell(&[problem]);
            }
        }
        self.memory = memory;
        let tasks = packs.iter().flat_map(|pack| &pack.tasks).filter(|task| task.adds_up());
        let windows: BTreeMap<&str, u32> =
            tasks.map(|task| (task.head.id.as_str(), task.window_days)).collect();
        let past = match (&self.memory, state) {
            (Some(memory), Some(state)) => state.past(memory, time, &windows).unwrap_or_else(|error| {
                self.warnings.push(format!("what earlier scans reached and counted is not known: {error}"));
                Past::default()
            }),
            _ => Past::default(),
        };
        Given { time: time.to_owned(), entitlement: self.entitlement.clone(), only: self.only.clone(), past }
    }

    /// Remembers what came of it; returns what the report has to say.
    pub(crate) fn end(
        mut self,
        assessment: &Assessment,
        state: Option<&mut State>,
        time: &str,
    ) -> Vec<String> {
        if let (Some(memory), Some(state)) = (&self.memory, state)
            && let Err(error) =
                state.remember_progress(memory, time, &assessment.milestones, &assessment.counted)
        {
            self.warnings.push(format!("what was reached and counted is not remembered: {error}"));
        }
        self.warnings
    }
}
