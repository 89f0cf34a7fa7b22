//! What a report rests on, for a person at a terminal: every verdict, the rules, and what was looked at.

use std::collections::BTreeMap;

use goodstead_model::{Judgement, Report, Verdict};
use goodstead_protocol::contract::Unit;
use goodstead_protocol::fact::Fact;

use super::page::{BOLD, DIM, GREEN, Page, RED, YELLOW};
use super::value::value;
use super::words::count;

impl Page {
    /// Every verdict, also of what is in order.
    pub(super) fn verdicts(&mut self, report: &Report) {
        let mut targets: BTreeMap<&str, Vec<&Judgement>> = BTreeMap::new();
        for one in &report.verdicts {
            targets.entry(&one.target).or_default().push(one);
        }
        for (target, verdicts) in targets {
            put!(self, "");
            self.wrapped_in(BOLD, "", "  ", &format!("All verdicts on {target}"));
            for one in verdicts {
                let style = match one.verdict {
                    Verdict::Fail => RED,
                    Verdict::Waived | Verdict::Unknown => YELLOW,
                    Verdict::NotYetJudged | Verdict::NotApplicable => DIM,
                    Verdict::Pass => GREEN,
                };
                let first = format!("  {style}{:<14}{style:#}  ", one.verdict);
                self.wrapped(&first, self.margin(), &one.id);
                if one.verdict == Verdict::Pass {
                    self.items(one);
                    self.seen(one);
                }
            }
        }
    }

    /// By which rules and with which plugins it was judged, and how long that took.
    pub(super) fn rules(&mut self, report: &Report) {
        put!(self, "");
        put!(self, "{BOLD}Judged by{BOLD:#}");
        for pack in &report.packs {
            self.wrapped("  ", "    ", &format!("pack {} {}, {}", pack.name, pack.version, pack.hash));
        }
        for (name, plugin) in &report.plugins {
            self.wrapped("  ", "    ", &format!("plugin {name} {}", plugin.version));
        }
        self.wrapped("  ", "    ", &format!("Goodstead {}, report {}", report.agent.version, report.id));
        let timings: Vec<_> =
            report.timings_ms.iter().map(|(name, ms)| format!("{name} {ms:.1} ms")).collect();
        self.wrapped("  ", "    ", &timings.join(", "));
    }

    pub(super) fn access(&mut self, report: &Report) {
        if report.access.is_empty() {
            return;
        }
        put!(self, "");
        let said = format!("{BOLD}What was looked at{BOLD:#} (all of it: goodstead report show --access)");
        self.wrapped_styled("", "  ", &said);
        for (plugin, access) in &report.access {
            let refused =
                if access.refused > 0 { format!(", {} refused", access.refused) } else { String::new() };
            let granted = count(usize::try_from(access.granted).unwrap_or(usize::MAX), "request");
            let bytes = value(&Fact::Int(i64::try_from(access.bytes).unwrap_or(i64::MAX)), Some(Unit::Bytes));
            self.wrapped("  ", "    ", &format!("{plugin}: {granted} granted{refused}, {bytes}"));
            for lack in
                report.plugins.get(plugin).into_iter().flat_map(|plugin| plugin.lacks.iter().flatten())
            {
                self.wrapped("    not fully isolated: ", "      ", lack);
            }
        }
    }
}
